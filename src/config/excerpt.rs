//! What may be shown of a line of the configuration.
//!
//! Any value may be a secret: under a misspelt key, in an address, in a line that is no TOML. So
//! keys are shown, and of the values the one that a finding is about, if its key is harmless.

use std::ops::Range;

/// What keys of secrets have in their names, misspelt ones too.
const SECRET: [&str; 6] = ["pas", "pwd", "secret", "token", "key", "url"];

/// Of a line that is no TOML: the word that it begins with, if that looks like a key or a header.
pub(super) fn of_no_toml(line: &str) -> String {
    let word = line.trim_start();
    match word.find(|c| !is_key(c)) {
        Some(end) if end > 0 => {
            let (shown, hidden) = line.split_at(line.len() - word.len() + end);
            with_rest(shown, hidden)
        }
        // A word alone may be the value of the line before.
        None if word.starts_with('[') => line.to_owned(),
        Some(_) | None => String::new(),
    }
}

/// Of a line of TOML with a finding about `mark`, a key, a header or a value; nothing if the finding
/// is about the whole file.
pub(super) fn of_toml(line: &str, mark: Range<usize>) -> String {
    let (Some(before), Some(about)) = (line.get(..mark.start), line.get(mark.clone())) else {
        return key_alone(line);
    };
    if mark.is_empty() {
        return String::new();
    }
    let may_be_shown = match before.matches('=').count() {
        0 => is_keys(before) && !about.starts_with(['"', '\'']),
        1 => !is_secret(before, about) && !about.starts_with(['[', '{']),
        // An inline table: what else it holds is not what the finding is about.
        _ => false,
    };
    match line.split_at_checked(mark.end) {
        Some((shown, hidden)) if may_be_shown => with_rest(shown, hidden),
        _ => key_alone(line),
    }
}

fn is_key(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']')
}

fn is_keys(text: &str) -> bool {
    text.chars().all(|c| is_key(c) || c.is_whitespace())
}

fn is_secret(key: &str, value: &str) -> bool {
    let key = key.to_lowercase();
    SECRET.iter().any(|word| key.contains(word)) || key.contains("://") || value.contains("://")
}

fn key_alone(line: &str) -> String {
    match line.split_once('=') {
        Some((key, _)) if is_keys(key) => format!("{key}= …"),
        _ => String::new(),
    }
}

/// What is shown, and a sign that there is more.
fn with_rest(shown: &str, hidden: &str) -> String {
    let rest = hidden.trim();
    if rest.chars().all(|c| matches!(c, ']' | '}' | ',')) {
        format!("{shown}{}", hidden.trim_end())
    } else if rest.starts_with('=') {
        format!("{shown} = …")
    } else {
        format!("{shown} …")
    }
}
