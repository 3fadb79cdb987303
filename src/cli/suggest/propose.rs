//! `postroom suggest`: changes to the dictionaries that stand, to be read, and then made.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::super::labelled::read_mail;
use super::super::output::{count, drawn, json_line, progress, text};
use super::super::{Failure, Global, files};
use super::show;
use crate::dictionary::{Dictionaries, TeamId};
use crate::learn::Labelled;
use crate::learn::patch::{Edit, apply};
use crate::learn::suggest::{Suggestions, Wish, suggest};
use crate::rim::archive;

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
    let answers = read_mail(global, &options.train, options.ledger)?;
    let unanswered = unanswered(&own.unanswered)?;
    let wish = Wish { new_lines: own.new_lines as usize, language: options.language };
    let bar = progress(None, "learning");
    let found = suggest(&sources, &answers, &unanswered, &wish, &|step| {
        bar.set_message(step.to_owned());
    });
    bar.finish_and_clear();
    let found = found.map_err(Failure::Findings)?;
    let edits: Vec<Edit> = if own.ask {
        ask(&found)?
    } else {
        found.all.iter().map(|suggestion| suggestion.edit.clone()).collect()
    };
    let (patched, left_out) = apply(&sources, &edits);
    if let Some(edit) = left_out.first() {
        let (changes, file) = (count(left_out.len() as u64, "change"), edit.file());
        return Err(Failure::input(format!(
            "{changes} have no place, the first of them in `{file}`; nothing was changed"
        )));
    }
    if own.diff {
        let patch = show::diff(&sources, &patched, &folder);
        // A patch is the files' own bytes; only a terminal has to be kept from what they do.
        return if io::stdout().is_terminal() { text(&patch) } else { drawn(&patch) };
    }
    if options.json {
        json_line(&found)?;
    } else if !own.ask {
        text(&show::proposal(&found, own.apply))?;
    }
    if !(own.apply || own.ask) {
        return Ok(());
    }
    let written = write(&folder, &sources, &patched)?;
    if options.json {
        return Ok(());
    }
    let folder = folder.display();
    text(&format!(
        "{written} changed\n\
         next: postroom calibrate --dictionaries {folder} --data OTHER-MAIL, since thresholds were \
         fitted to the lines before\n"
    ))
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

/// Writes the files that changed, after they were tried as a service would read them.
fn write(
    folder: &Path,
    sources: &BTreeMap<String, String>,
    patched: &BTreeMap<String, String>,
) -> Result<String, Failure> {
    Dictionaries::build(patched).map_err(Failure::Findings)?;
    let changed = || patched.iter().filter(|(name, text)| sources.get(*name) != Some(*text));
    for (name, text) in changed() {
        files::replace(&folder.join(name), text)?;
    }
    Ok(count(changed().count() as u64, "file"))
}

/// Goes through the suggestions with a person.
fn ask(found: &Suggestions) -> Result<Vec<Edit>, Failure> {
    let mut taken = Vec::new();
    let mut rest = BTreeSet::new();
    let mut answers = io::stdin().lock().lines();
    for suggestion in &found.all {
        if rest.contains(&suggestion.team) {
            taken.push(suggestion.edit.clone());
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
                "y" | "yes" => taken.push(suggestion.edit.clone()),
                "a" | "all" => {
                    rest.insert(suggestion.team.clone());
                    taken.push(suggestion.edit.clone());
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
