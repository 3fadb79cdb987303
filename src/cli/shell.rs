//! `postroom completions` and `postroom man`: what packagers and shells want.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

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
    Ok(clap_mangen::generate_to(command, &options.folder)?)
}
