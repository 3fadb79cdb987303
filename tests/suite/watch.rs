//! Files that change while they are watched.

use std::fs;
use std::path::Path;
use std::time::Duration;

use postroom::rim::watch::{Fingerprint, Texts, Watched, read_dictionaries, watch};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::support::broken::lines;

/// The next thing that the watch says, in one line.
async fn next(said: &mut UnboundedReceiver<String>) -> String {
    timeout(Duration::from_secs(20), said.recv()).await.expect("the watch said nothing").unwrap()
}

fn save(dir: &Path, name: &str, text: &[u8]) {
    fs::write(dir.join("saving"), text).unwrap();
    fs::rename(dir.join("saving"), dir.join(name)).unwrap();
}

#[tokio::test]
async fn every_change_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    save(dir, "a.dict", b"one");
    let (tell, mut said) = unbounded_channel();
    let known = Fingerprint::of_dictionaries(&read_dictionaries(dir).unwrap());
    let watched = Watched::Dictionaries(dir.to_owned());
    let task = tokio::spawn(watch(watched, Duration::from_millis(5), Some(known), move |texts| {
        let line = match texts {
            Ok(Texts::Dictionaries(files)) => format!("{files:?}"),
            Ok(Texts::Directory(_)) => "a directory".to_owned(),
            Err(findings) => lines(&findings),
        };
        tell.send(line).unwrap();
    }));
    // Touched, and saved with the same text: nothing to tell, so the next word is of "two".
    save(dir, "a.dict", b"one");
    save(dir, "notes.txt", b"not a dictionary");
    save(dir, ".a.dict", b"an editor's own");
    save(dir, "a.dict", b"two");
    assert_eq!(next(&mut said).await, r#"{"a.dict": "two"}"#);
    save(dir, "calibration.toml", b"a = 1");
    assert_eq!(next(&mut said).await, r#"{"a.dict": "two", "calibration.toml": "a = 1"}"#);
    save(dir, "a.dict", b"two\nst\xf6rung");
    assert_eq!(
        next(&mut said).await,
        "a.dict:2:3: error: this character is not UTF-8 (save the file as UTF-8)\n"
    );
    save(dir, "a.dict", b"three");
    fs::remove_file(dir.join("calibration.toml")).unwrap();
    let mut last = next(&mut said).await;
    if last.contains("calibration") {
        last = next(&mut said).await;
    }
    assert_eq!(last, r#"{"a.dict": "three"}"#);
    task.abort();
}
