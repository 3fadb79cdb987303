//! Files that change while they are watched.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postroom::rim::watch::{Fingerprint, Found, LastRead, Watched, read_dictionaries, watch};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::broken::lines;

/// The next thing that the watch says.
async fn next(said: &mut UnboundedReceiver<Found>) -> Found {
    timeout(Duration::from_secs(20), said.recv()).await.expect("the watch said nothing").unwrap()
}

fn save(dir: &Path, name: &str, text: &[u8]) {
    fs::write(dir.join("saving"), text).unwrap();
    fs::rename(dir.join("saving"), dir.join(name)).unwrap();
}

/// A watch over the dictionaries of a folder, and what it says.
fn watched(dir: &Path, last_read: &Arc<LastRead>) -> (JoinHandle<()>, UnboundedReceiver<Found>) {
    let (tell, said) = unbounded_channel();
    let (dir, last_read) = (Watched::Dictionaries(dir.to_owned()), last_read.clone());
    let task = tokio::spawn(async move {
        watch(dir, Duration::from_millis(5), &last_read, move |found| {
            tell.send(found.clone()).unwrap();
        })
        .await;
    });
    (task, said)
}

#[tokio::test]
async fn every_change_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    save(dir, "a.dict", b"one");
    let known = Fingerprint::of_dictionaries(&read_dictionaries(dir).unwrap());
    let (task, mut said) = watched(dir, &Arc::new(LastRead::new(Ok(known))));
    // Touched, and saved with the same text: nothing to tell, so the next word is of "two".
    save(dir, "a.dict", b"one");
    save(dir, "notes.txt", b"not a dictionary");
    save(dir, ".a.dict", b"an editor's own");
    save(dir, "a.dict", b"two");
    let two = Fingerprint::of([("a.dict", "two")]);
    assert_eq!(next(&mut said).await, Ok(two));
    save(dir, "calibration.toml", b"a = 1");
    let calibrated = Fingerprint::of([("a.dict", "two"), ("calibration.toml", "a = 1")]);
    assert_eq!(next(&mut said).await, Ok(calibrated));
    save(dir, "a.dict", b"two\nst\xf6rung");
    assert_eq!(
        lines(&next(&mut said).await.unwrap_err()),
        format!(
            "{}/a.dict:2:3: error: this character is not UTF-8 (save the file as UTF-8)\n",
            dir.display()
        )
    );
    save(dir, "a.dict", b"three");
    fs::remove_file(dir.join("calibration.toml")).unwrap();
    let mut last = next(&mut said).await;
    let between = Fingerprint::of([("a.dict", "three"), ("calibration.toml", "a = 1")]);
    if last == Ok(between) {
        last = next(&mut said).await;
    }
    assert_eq!(last, Ok(Fingerprint::of([("a.dict", "three")])));
    task.abort();
}

/// Whoever was told may come late, read what stands there only for a moment, and be told again.
#[tokio::test]
async fn what_was_read_in_between_is_not_taken_for_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    save(dir, "a.dict", b"good");
    let good = Ok(Fingerprint::of([("a.dict", "good")]));
    let last_read = Arc::new(LastRead::new(good.clone()));
    let (task, mut said) = watched(dir, &last_read);
    save(dir, "a.dict", b"better");
    let better = Ok(Fingerprint::of([("a.dict", "better")]));
    assert_eq!(next(&mut said).await, better);
    // It was told of "better", and reads a slip that is undone before the next look.
    last_read.set(Ok(Fingerprint::of([("a.dict", "a slip")])));
    assert_eq!(next(&mut said).await, better);
    last_read.set(better);
    save(dir, "a.dict", b"good");
    assert_eq!(next(&mut said).await, good);
    task.abort();
}
