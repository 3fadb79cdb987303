//! Reading a secret from where the configuration says it is. It doesn't know what the secret is
//! for, and nothing here writes one to a log or an error.

use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use thiserror::Error;

use crate::config::Secret;

/// A command that prints a secret has this long to do so.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a secret could not be read.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file can't be read.
    #[error("can't read the secret in `{path}`: {why}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        why: std::io::Error,
    },
    /// The command can't be run, or took too long.
    #[error("can't run `{program}` for the secret: {why}")]
    Command {
        /// The program.
        program: String,
        /// What went wrong.
        why: String,
    },
    /// There is nothing on its first line.
    #[error("the secret from {0} is empty: its first line must hold it")]
    Empty(String),
}

/// Reads a secret anew.
pub async fn read(secret: &Secret) -> Result<SecretString, SecretError> {
    match secret {
        Secret::Inline(text) => Ok(text.clone()),
        Secret::File(path) => {
            let shown = path.display().to_string();
            let text = tokio::fs::read_to_string(path)
                .await
                .map_err(|why| SecretError::File { path: shown.clone(), why })?;
            first_line(&text, || format!("`{shown}`"))
        }
        Secret::Command(words) => {
            let program = words.first().cloned().unwrap_or_default();
            let printed = run(words)
                .await
                .map_err(|why| SecretError::Command { program: program.clone(), why })?;
            first_line(&printed, || format!("`{program}`"))
        }
    }
}

fn first_line(text: &str, whence: impl Fn() -> String) -> Result<SecretString, SecretError> {
    // Some editors put a byte order mark in front, which nobody sees and no server takes.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    match text.lines().next().map(|line| line.trim_end_matches('\r')) {
        Some(line) if !line.is_empty() => Ok(SecretString::from(line.to_owned())),
        Some(_) | None => Err(SecretError::Empty(whence())),
    }
}

async fn run(words: &[String]) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("no program is named")?;
    let running = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(COMMAND_TIMEOUT, running)
        .await
        .map_err(|_| format!("it took longer than {} s", COMMAND_TIMEOUT.as_secs()))?
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("it ended with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| "it printed something other than UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_secret_is_the_first_line_without_a_mark_of_its_encoding() {
        for (text, expected) in [
            ("hunter2", "hunter2"),
            ("\u{FEFF}hunter2\r\nnote\n", "hunter2"),
            ("hunter2 \n", "hunter2 "),
        ] {
            let read = first_line(text, String::new).map(|it| it.expose_secret().to_owned());
            assert_eq!(read.ok().as_deref(), Some(expected));
        }
        for text in ["", "\n", "\u{FEFF}\r\n"] {
            assert!(first_line(text, String::new).is_err(), "{text:?}");
        }
    }
}
