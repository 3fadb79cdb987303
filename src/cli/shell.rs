//! `postroom completions` and `postroom man`: what packagers and shells want.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, roman};

use super::Failure;

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder to write to
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints the completions.
pub(crate) fn completions(options: &Completions, command: &mut Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, command, "postroom", &mut script);
    Ok(io::stdout().lock().write_all(&script)?)
}

/// Writes a page a subcommand.
pub(crate) fn man(options: &Man, command: Command) -> Result<(), Failure> {
    std::fs::create_dir_all(&options.folder)?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    Ok(pages(&command, &options.folder)?)
}

fn pages(command: &Command, folder: &Path) -> io::Result<()> {
    command.get_subcommands().try_for_each(|below| pages(below, folder))?;
    // What the help ends with would stand in one paragraph, headed "EXTRA".
    let page = clap_mangen::Man::new(command.clone().after_help(None::<&'static str>));
    let mut text = Vec::new();
    page.render(&mut text)?;
    if let Some(end) = command.get_after_help() {
        end_of_page(&end.to_string()).to_writer(&mut text)?;
    }
    std::fs::write(folder.join(page.get_filename()), text)
}

/// The end of a help text: examples, line by line as they stand, and the exit codes.
fn end_of_page(help: &str) -> Roff {
    let mut roff = Roff::new();
    let heading = |roff: &mut Roff, text: &str| {
        roff.control("fi", []).control("SH", [text.to_uppercase().as_str()]);
    };
    for line in help.lines() {
        if let Some(codes) = line.strip_prefix("Exit codes: ") {
            heading(&mut roff, "Exit codes");
            roff.text([roman(codes)]);
        } else if let Some(title) = line.strip_suffix(':').filter(|it| !it.starts_with(' ')) {
            heading(&mut roff, title);
            roff.control("nf", []);
        } else if line.is_empty() {
            roff.control("sp", []);
        } else {
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
    }
    roff
}
