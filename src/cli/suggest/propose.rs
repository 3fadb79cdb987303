//! `postroom suggest`: changes to the dictionaries that stand, to be read, and then made.

use std::collections::BTreeSet;
use std::env;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::super::output::{count, drawn, json_line, progress, text};
use super::super::{Failure, Global, files};
use super::show;
use crate::dictionary::TeamId;
use crate::learn::Labelled;
use crate::learn::promises::{Changes, keeping_examples};
use crate::learn::suggest::{Suggestion, Suggestions, Wish, suggest};
use crate::rim::archive;
use crate::rim::revision;
use crate::rim::watch::read_dictionaries;

#[derive(Debug, Args)]
#[command(next_help_heading = "Changes to dictionaries that stand")]
#[group(skip)]
pub(crate) struct Options {
    /// The folder with the dictionaries; the configuration's, or `dictionaries/`, if none is given
    #[arg(long, value_name = "DIR", conflicts_with = "from_scratch")]
    dictionaries: Option<PathBuf>,
    /// Mail of which nobody said where it belongs: files, mbox, Maildir or folders
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "from_scratch")]
    unanswered: Vec<PathBuf>,
    /// At most so many new lines for each team
    #[arg(
        long,
        value_name = "N",
        default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(0..=1_000)
    )]
    new_lines: u32,
    /// Print the changes as a patch and nothing else
    #[arg(long, conflicts_with_all = ["json", "apply", "ask", "from_scratch"])]
    diff: bool,
    /// Make all changes
    #[arg(long, conflicts_with_all = ["ask", "from_scratch"])]
    apply: bool,
    /// Ask of each change, and make those that you take
    #[arg(long, conflicts_with_all = ["json", "from_scratch"])]
    ask: bool,
}

pub(super) fn run(global: &Global, options: &super::Options) -> Result<(), Failure> {
    let own = &options.propose;
    if own.ask && !io::stdin().is_terminal() {
        return Err(Failure::input("--ask needs a terminal to ask at; use --diff or --apply"));
    }
    let (folder, sources) = global.dictionary_files(own.dictionaries.as_deref())?;
    let answers = super::answers(global, options)?;
    let unanswered = unanswered(&own.unanswered)?;
    let wish = Wish { new_lines: own.new_lines as usize, language: options.language };
    let bar = progress(None, "learning");
    let found = suggest(&sources, &answers, &unanswered, &wish, &|step| {
        bar.set_message(step.to_owned());
    });
    bar.finish_and_clear();
    let found = found.map_err(Failure::Findings)?;
    if own.diff {
        let made = keeping_examples(&sources, changes(&found.all)).map_err(Failure::Findings)?;
        let patch = show::diff(&sources, &made.files, &in_tree(&folder));
        // A patch is the files' own bytes; only a terminal has to be kept from what they do.
        return if io::stdout().is_terminal() { text(&patch) } else { drawn(&patch) };
    }
    if options.json {
        json_line(&found)?;
    } else if own.ask {
        text(&show::effect(&found))?;
    } else {
        text(&show::proposal(&found, own.apply))?;
    }
    if !(own.apply || own.ask) {
        return Ok(());
    }
    let taken = if own.ask { ask(&found)? } else { changes(&found.all) };
    let made = make(&folder, taken.clone());
    if made.is_err() && own.ask {
        // Somebody's work of minutes, which a file that is broken by now must not cost.
        let kept = keeping_examples(&sources, taken).map_err(Failure::Findings)?;
        let patch = show::diff(&sources, &kept.files, &in_tree(&folder));
        text(&format!("nothing was written; what you took, as a patch:\n{patch}"))?;
    }
    let Made { written, left_out } = made?;
    if options.json {
        return Ok(io::stderr().lock().write_all(left_out.as_bytes())?);
    }
    let folder = folder.display();
    text(&match written {
        0 => format!("{left_out}nothing was changed\n"),
        written => format!(
            "{left_out}{} changed\n\
             next: postroom calibrate --dictionaries {folder} --data OTHER-MAIL, since thresholds \
             were fitted to the lines before\n",
            count(written, "file")
        ),
    })
}

fn changes(suggestions: &[Suggestion]) -> Changes {
    suggestions.iter().map(|found| (found.team.clone(), found.edit.clone())).collect()
}

/// Mail without an answer, as it lies in an archive.
fn unanswered(paths: &[PathBuf]) -> Result<Vec<Labelled>, Failure> {
    archive::read(paths)
        .map(|mail| {
            let mail = mail.map_err(Failure::input)?;
            Ok(Labelled::from_raw(mail.source, &mail.raw, TeamId::other()))
        })
        .collect()
}

/// How making changes went.
struct Made {
    /// How many files were written.
    written: u64,
    /// What was left out, a line each.
    left_out: String,
}

/// Makes changes to the files as they are now: learning and asking take their time, in which somebody
/// may have written one.
fn make(folder: &Path, taken: Changes) -> Result<Made, Failure> {
    let sources = read_dictionaries(folder).map_err(Failure::Findings)?;
    let kept = keeping_examples(&sources, taken).map_err(Failure::Findings)?;
    let mut made = Made { written: 0, left_out: show::left_out(&kept) };
    for (name, text) in kept.files.iter().filter(|(name, text)| sources.get(*name) != Some(*text)) {
        files::replace(&folder.join(name), text)?;
        made.written += 1;
    }
    Ok(made)
}

/// The folder as a patch names it: from the top of its repository, where git applies it, or else from
/// here; from the root, if it is elsewhere.
fn in_tree(folder: &Path) -> PathBuf {
    if let Some(prefix) = revision::prefix(folder) {
        return prefix.into();
    }
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let here = env::current_dir().and_then(|here| here.canonicalize());
    let below = here.ok().and_then(|here| Some(whole.strip_prefix(here).ok()?.to_owned()));
    below.unwrap_or_else(|| whole.strip_prefix("/").unwrap_or(&whole).to_owned())
}

/// Goes through the suggestions with a person.
fn ask(found: &Suggestions) -> Result<Changes, Failure> {
    let mut taken = Changes::new();
    let mut rest = BTreeSet::new();
    let mut answers = io::stdin().lock().lines();
    for suggestion in &found.all {
        let change = || (suggestion.team.clone(), suggestion.edit.clone());
        if rest.contains(&suggestion.team) {
            taken.push(change());
            continue;
        }
        text(&format!(
            "{}: {}\n",
            suggestion.edit.file(),
            show::suggestion(suggestion).trim_start()
        ))?;
        loop {
            text("take it? [y]es, [n]o, [a]ll of this team, [q]uit and make what was taken: ")?;
            io::stdout().flush()?;
            let Some(answer) = answers.next().transpose()? else { return Ok(taken) };
            match answer.trim() {
                "y" | "yes" => taken.push(change()),
                "a" | "all" => {
                    rest.insert(suggestion.team.clone());
                    taken.push(change());
                }
                "n" | "no" => {}
                "q" | "quit" => return Ok(taken),
                // A slip of the finger is no answer.
                _ => continue,
            }
            break;
        }
    }
    Ok(taken)
}
