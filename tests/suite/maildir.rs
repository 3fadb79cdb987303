//! A Maildir as a mailbox: mail is handed out once, oldest first, and moved once, whatever other
//! programs do to it meanwhile.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postroom::mail::MailKey;
use postroom::mail::parse::key_of;
use postroom::rim::maildir::{MaildirDelivery, MaildirSource};
use postroom::seams::{
    Action, Again, Cursor, Delivery, Job, JobId, Outcome, Place, Proof, Source, SourceError,
    SourceId, TicketId, Wanted,
};
use tempfile::TempDir;

/// A Maildir in a temporary folder.
struct Maildir(TempDir);

impl Maildir {
    fn new() -> Self {
        let maildir = Self(tempfile::tempdir().unwrap());
        for part in ["new", "cur", "tmp"] {
            fs::create_dir(maildir.path(part)).unwrap();
        }
        maildir
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn put(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    fn source(&self) -> MaildirSource {
        let id = SourceId("local".to_owned());
        let poll = Duration::from_millis(20);
        MaildirSource::new(id, self.0.path().to_owned(), "INBOX".to_owned(), 1000, poll)
    }

    /// All files below, sorted.
    fn files(&self) -> Vec<String> {
        fn walk(root: &Path, dir: &Path, files: &mut Vec<String>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(root, &path, files);
                } else if path.file_name().unwrap() != "maildirfolder" {
                    files.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let mut files = Vec::new();
        walk(self.0.path(), self.0.path(), &mut files);
        files.sort();
        files
    }
}

/// The names of the mails in the next window.
async fn next(source: &mut MaildirSource) -> Vec<String> {
    let window = source.next(Cursor::default()).await.unwrap();
    assert_eq!(window.upto, Cursor::default());
    window.mails.into_iter().map(|mail| mail.place.name).collect()
}

/// All that comes until nothing comes in three windows.
async fn drain(source: &mut MaildirSource) -> Vec<String> {
    let mut all = Vec::new();
    let mut quiet = 0;
    while quiet < 3 {
        let names = next(source).await;
        quiet = if names.is_empty() { quiet + 1 } else { 0 };
        all.extend(names);
    }
    all
}

fn place(folder: &str, name: &str) -> Place {
    Place {
        source: SourceId("local".to_owned()),
        folder: folder.to_owned(),
        epoch: 0,
        name: name.to_owned(),
    }
}

fn job(name: &str, folder: &str) -> Job {
    Job {
        id: JobId(7),
        ticket: TicketId(1),
        place: place("INBOX", name),
        key: MailKey::from_bytes([0; 32]),
        size: 1,
        action: Action::Move { folder: folder.to_owned() },
        message_id: None,
        is_repeat: false,
        rung: None,
        attempt: 1,
    }
}

async fn deliver(maildir: &Maildir, create: bool, job: Job) -> Outcome {
    let mut delivery = MaildirDelivery::new(maildir.0.path().to_owned(), create);
    let mut outcomes = delivery.deliver(&[job]).await;
    let (id, outcome) = outcomes.pop().unwrap();
    assert_eq!((id, outcomes.len()), (JobId(7), 0));
    outcome
}

fn moved(folder: &str, name: &str, proof: Proof) -> Outcome {
    Outcome::Done { place: Some(place(folder, name)), proof }
}

#[tokio::test]
async fn mail_is_handed_out_once_and_oldest_first() {
    let maildir = Maildir::new();
    maildir.put("cur/1700000002.M10P1.host:2,S", "third");
    maildir.put("new/1700000002.M9P1.host", "second");
    maildir.put("new/999999999.M1P1.host", "first");
    maildir.put("new/.hidden", "not a mail");
    fs::create_dir(maildir.path("new/folder")).unwrap();
    let mut source = maildir.source();
    let expected = ["999999999.M1P1.host", "1700000002.M9P1.host", "1700000002.M10P1.host"];
    assert_eq!(next(&mut source).await, expected);

    // Another program sees and flags them; one more comes.
    fs::rename(
        maildir.path("new/1700000002.M9P1.host"),
        maildir.path("cur/1700000002.M9P1.host:2,FS"),
    )
    .unwrap();
    maildir.put("new/1700000003.M1P1.host", "fourth");
    assert_eq!(drain(&mut source).await, ["1700000003.M1P1.host"]);

    // Another process begins anew.
    assert_eq!(drain(&mut maildir.source()).await.len(), 4);
}

#[tokio::test]
async fn windows_are_bounded_and_leave_nothing_out() {
    let maildir = Maildir::new();
    for n in 0..250 {
        maildir.put(&format!("new/{}.host", 1_700_000_000 + n), "mail");
    }
    let mut source = maildir.source();
    let mut sizes = Vec::new();
    let mut all = Vec::new();
    for _ in 0..3 {
        let names = next(&mut source).await;
        sizes.push(names.len());
        all.extend(names);
    }
    assert_eq!(sizes, [100, 100, 50]);
    assert!(all.is_sorted());
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_loses_nothing() {
    let maildir = Maildir::new();
    maildir.put("new/1700000000.host", "mail");
    let mut source = maildir.source();
    let mut handed_out = Vec::new();
    for _ in 0..5 {
        // Polled once and dropped, mostly in the middle of the look or of the reading.
        let call = source.next(Cursor::default());
        if let Some(window) = futures_util::future::poll_immediate(call).await {
            handed_out.extend(window.unwrap().mails.into_iter().map(|mail| mail.place.name));
        }
    }
    handed_out.extend(drain(&mut source).await);
    assert_eq!(handed_out, ["1700000000.host"]);
}

#[tokio::test]
async fn what_is_no_file_and_what_has_no_readable_name_stops_no_mail() {
    use std::os::unix::ffi::OsStrExt as _;
    let maildir = Maildir::new();
    let made = std::process::Command::new("mkfifo")
        .arg(maildir.path("new/1600000000.pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    let name = std::ffi::OsStr::from_bytes(b"1600000001.caf\xe9");
    fs::write(maildir.path("new").join(name), "mail").unwrap();
    maildir.put("new/1700000000.host", "mail");
    let elsewhere = maildir.path("elsewhere");
    fs::write(&elsewhere, "mail").unwrap();
    std::os::unix::fs::symlink(elsewhere, maildir.path("new/1700000001.link")).unwrap();
    let mut source = maildir.source();
    let patience = Duration::from_secs(20);
    let found = tokio::time::timeout(patience, drain(&mut source)).await;
    assert_eq!(found.unwrap(), ["1700000000.host", "1700000001.link"]);
}

#[tokio::test]
async fn large_mail_is_read_up_to_the_limit() {
    let maildir = Maildir::new();
    maildir.put("new/1700000000.host", &"x".repeat(5000));
    let window = maildir.source().next(Cursor::default()).await.unwrap();
    let [mail] = &window.mails[..] else { panic!("not one mail") };
    assert_eq!((mail.raw.len(), mail.size), (1000, 5000));
    assert_eq!(mail.received.unwrap().as_second(), 1_700_000_000);
    assert_eq!(mail.place, place("INBOX", "1700000000.host"));
}

#[tokio::test]
async fn mail_that_cannot_be_read_stops_no_other_and_comes_later() {
    let maildir = Maildir::new();
    // A link to itself can't be opened, whoever asks: root reads what permissions forbid.
    std::os::unix::fs::symlink("1700000000.host", maildir.path("new/1700000000.host")).unwrap();
    maildir.put("new/1700000001.host", "mail");
    let mut source = maildir.source();
    let window = source.next(Cursor::default()).await.unwrap();
    let names: Vec<&str> = window.mails.iter().map(|mail| mail.place.name.as_str()).collect();
    assert_eq!(names, ["1700000001.host"]);
    fs::remove_file(maildir.path("new/1700000000.host")).unwrap();
    maildir.put("new/1700000000.host", "mended");
    assert_eq!(drain(&mut source).await, ["1700000000.host"]);
}

#[tokio::test]
async fn mail_that_can_never_be_read_is_seen_in_the_end() {
    let maildir = Maildir::new();
    std::os::unix::fs::symlink("1700000000.host", maildir.path("new/1700000000.host")).unwrap();
    let mut source = maildir.source();
    let mut mails = Vec::new();
    for _ in 0..200 {
        mails.extend(source.next(Cursor::default()).await.unwrap().mails);
    }
    let [mail] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!((mail.place.name.as_str(), mail.raw.len()), ("1700000000.host", 0));
    assert!(mail.size > 0, "it has bytes, which are not to be had");
}

#[tokio::test]
async fn mail_is_fetched_again_wherever_it_is_by_now() {
    let maildir = Maildir::new();
    maildir.put("cur/1700000000.host:2,FRS", "mail");
    maildir.put("new/1700000001.host", "unreadable");
    let unreadable = maildir.path("new/1700000001.host");
    fs::remove_file(&unreadable).unwrap();
    std::os::unix::fs::symlink(&unreadable, &unreadable).unwrap();
    let wanted = [
        ("INBOX", "1700000000.host"),
        ("INBOX", "gone"),
        ("Nowhere", "1700000000.host"),
        ("INBOX", "1700000001.host"),
    ]
    .map(|(folder, name)| Wanted {
        place: place(folder, name),
        key: key_of(b"", 0),
        size: 4,
        message_id: None,
    });
    let mut source = maildir.source();
    let found = source.fetch(&wanted).await.unwrap();
    assert!(matches!(&found[0], Again::There(mail) if mail.raw == b"mail"));
    assert!(matches!(found[1..3], [Again::Gone, Again::Gone]));
    assert!(matches!(&found[3], Again::Withheld(_)), "it may be there");
    fs::rename(maildir.path("cur"), maildir.path("away")).unwrap();
    assert!(source.fetch(&wanted).await.is_err(), "that it is away says nothing of a mail");
}

#[tokio::test]
async fn a_maildir_that_is_away_is_asked_again() {
    let maildir = Maildir::new();
    maildir.put("new/1700000000.host", "mail");
    fs::rename(maildir.path("new"), maildir.path("away")).unwrap();
    let mut source = maildir.source();
    let error = source.next(Cursor::default()).await.err().unwrap();
    assert!(matches!(error, SourceError::Transient(_)), "{error}");
    fs::rename(maildir.path("away"), maildir.path("new")).unwrap();
    assert_eq!(drain(&mut source).await, ["1700000000.host"]);
}

#[tokio::test]
async fn a_move_keeps_the_half_and_the_flags() {
    for (case, before, after) in [
        ("unseen", "new/1.host", ".Teams.Billing/new/1.host"),
        ("seen", "cur/1.host:2,S", ".Teams.Billing/cur/1.host:2,S"),
        ("flagged", "cur/1.host:2,FRS", ".Teams.Billing/cur/1.host:2,FRS"),
    ] {
        let maildir = Maildir::new();
        maildir.put(before, "mail");
        let outcome = deliver(&maildir, true, job("1.host", "Teams/Billing")).await;
        assert_eq!(outcome, moved("Teams/Billing", "1.host", Proof::Renamed), "{case}");
        assert_eq!(maildir.files(), [after], "{case}");
        // As after a kill between the rename and its report.
        let again = Job { attempt: 2, ..job("1.host", "Teams/Billing") };
        let outcome = deliver(&maildir, true, again).await;
        assert_eq!(outcome, moved("Teams/Billing", "1.host", Proof::FoundInTarget), "{case}");
        assert_eq!(maildir.files(), [after], "{case}");
    }
}

#[tokio::test]
async fn what_cannot_be_moved_is_told_and_stays() {
    let maildir = Maildir::new();
    maildir.put("new/1.host", "mail");
    let before = maildir.files();
    let outcome = deliver(&maildir, false, job("1.host", "Teams/Billing")).await;
    let Outcome::Wait { why, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(why, "there is no folder `Teams/Billing`");

    let gone = Outcome::Gone { why: "the mail is neither in `INBOX` nor in `Filed`".to_owned() };
    let no_folder = "`../Filed` can't be a folder of a Maildir".to_owned();
    for (case, name, folder, expected) in [
        ("gone", "2.host", "Filed", gone.clone()),
        ("a path", "1.host", "../Filed", Outcome::GiveUp { why: no_folder }),
        ("a name that is a path", "../new/1.host", "Filed", gone),
    ] {
        let outcome = deliver(&maildir, true, job(name, folder)).await;
        assert_eq!(outcome, expected, "{case}");
    }
    maildir.put(".Filed/new/1.host", "another mail");
    let outcome = deliver(&maildir, true, job("1.host", "Filed")).await;
    assert!(matches!(outcome, Outcome::GiveUp { .. }), "{outcome:?}");
    fs::remove_file(maildir.path(".Filed/new/1.host")).unwrap();
    assert_eq!(maildir.files(), before);
}

#[tokio::test]
async fn a_name_in_both_folders_for_one_file_ends_as_one() {
    let maildir = Maildir::new();
    maildir.put("new/1.host", "mail");
    for part in [".Filed", ".Filed/new", ".Filed/cur"] {
        fs::create_dir(maildir.path(part)).unwrap();
    }
    fs::hard_link(maildir.path("new/1.host"), maildir.path(".Filed/new/1.host")).unwrap();
    let outcome = deliver(&maildir, true, job("1.host", "Filed")).await;
    assert_eq!(outcome, moved("Filed", "1.host", Proof::FoundInTarget));
    assert_eq!(maildir.files(), [".Filed/new/1.host"]);
}

#[tokio::test]
async fn two_names_for_one_folder_lose_no_mail() {
    let maildir = Maildir::new();
    fs::create_dir(maildir.path(".Support")).unwrap();
    for part in [".Support/new", ".Support/cur"] {
        fs::create_dir(maildir.path(part)).unwrap();
    }
    maildir.put(".Support/new/1.host", "mail");
    std::os::unix::fs::symlink(maildir.path(".Support"), maildir.path(".Filed")).unwrap();
    let mut job = job("1.host", "Filed");
    job.place.folder = "Support".to_owned();
    let outcome = deliver(&maildir, true, job).await;
    assert_eq!(outcome, moved("Filed", "1.host", Proof::FoundInTarget));
    assert_eq!(fs::read(maildir.path(".Support/new/1.host")).unwrap(), b"mail");
}

#[tokio::test]
async fn a_target_that_takes_nothing_is_given_up_in_the_end() {
    let maildir = Maildir::new();
    maildir.put("new/1.host", "mail");
    // A name that no file system takes, behind one that it does.
    fs::create_dir(maildir.path(".Filed")).unwrap();
    fs::create_dir(maildir.path(".Filed/cur")).unwrap();
    std::os::unix::fs::symlink("/proc", maildir.path(".Filed/new")).unwrap();
    for (attempt, given_up) in [(1, false), (11, false), (12, true)] {
        let outcome = deliver(&maildir, true, Job { attempt, ..job("1.host", "Filed") }).await;
        assert_eq!(matches!(outcome, Outcome::GiveUp { .. }), given_up, "{attempt}: {outcome:?}");
    }
    assert_eq!(fs::read(maildir.path("new/1.host")).unwrap(), b"mail");
}

#[tokio::test]
async fn a_mark_is_done_by_leaving_the_mail_alone() {
    let maildir = Maildir::new();
    maildir.put("new/1.host", "mail");
    let action = Action::Mark { keyword: "$Assist".to_owned() };
    let outcome = deliver(&maildir, true, Job { action, ..job("1.host", "") }).await;
    assert_eq!(outcome, Outcome::Done { place: None, proof: Proof::Marked });
    assert_eq!(maildir.files(), ["new/1.host"]);
}

#[tokio::test]
async fn what_is_moved_away_is_not_handed_out_again() {
    let maildir = Maildir::new();
    maildir.put("new/1700000000.host", "mail");
    let mut source = maildir.source();
    assert_eq!(next(&mut source).await, ["1700000000.host"]);
    deliver(&maildir, true, job("1700000000.host", "Filed")).await;
    maildir.put("new/1700000001.host", "mail");
    assert_eq!(drain(&mut source).await, ["1700000001.host"]);
    let mode = fs::metadata(maildir.path(".Filed/new")).unwrap().permissions().mode();
    assert_ne!(mode & 0o700, 0);
}
