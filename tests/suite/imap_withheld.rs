//! Mails that a server lists and never gives: they are handed out without their bytes, and the others
//! follow.

use postroom::seams::{Again, Cursor, Place, Source as _};

use crate::imap::{ends, wanted};
use crate::imap_scripted::{GREETING, line, quick};
use crate::support::scripted_imap::{Scripted, Then};

/// Reads three mails from a server that answers with `no` whenever the first one's bytes are asked
/// for, and with `sizes` when its size is: their names, and the bytes and the size of the first.
async fn three_of_which_one_is_never_given(
    no: (&str, Then),
    sizes: (&str, Then),
) -> (Vec<String>, (usize, u64)) {
    let mut script = vec![line(
        "UID FETCH 1:3 (UID)",
        "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\nTAG OK done\r\n",
        Then::On,
    )];
    for _ in 0..4 {
        script.push(line("UID FETCH 1 (UID RFC822.SIZE INTERNALDATE)", sizes.0, sizes.1));
    }
    for _ in 0..3 {
        script.push(line("UID FETCH 1:3 (UID RFC", no.0, no.1));
    }
    for _ in 0..20 {
        script.push(line("UID FETCH 1 (UID RFC822.SIZE INTERNALDATE BODY", no.0, no.1));
    }
    script.push(line("UID FETCH 1 (UID)", "* 1 FETCH (UID 1)\r\nTAG OK done\r\n", Then::On));
    let server = Scripted::start(GREETING, script).await;
    let (mailbox, settings) = quick(server.port);
    let (mut source, _) = ends(&mailbox, &settings);
    let (mut cursor, mut mails) = (Cursor::default(), Vec::new());
    for _ in 0..20 {
        if let Ok(window) = source.next(cursor.clone()).await {
            cursor = window.upto;
            mails.extend(window.mails);
        }
        if mails.len() >= 3 {
            break;
        }
    }
    let names = mails.iter().map(|mail| mail.place.name.clone()).collect();
    (names, mails.first().map_or((0, 0), |first| (first.raw.len(), first.size)))
}

#[tokio::test]
async fn a_mail_that_the_server_never_gives_does_not_stop_the_others() {
    let no = ("TAG NO [SERVERBUG] this mail is broken\r\n", Then::On);
    let size = ("* 1 FETCH (UID 1 RFC822.SIZE 77)\r\nTAG OK done\r\n", Then::On);
    let breaks = ("* 1 FETCH (UID 1 INTERNALDATE NIL)\r\n", Then::Close);
    for (name, answer, sizes, expected) in [
        ("refused", no, size, 77),
        ("refused with its size", no, no, 1),
        ("the connection breaks over it", breaks, size, 77),
        ("also over its date", breaks, breaks, 1),
    ] {
        let (names, first) = three_of_which_one_is_never_given(answer, sizes).await;
        assert_eq!(names, ["1", "2", "3"], "{name}");
        assert_eq!(first, (0, expected), "{name}: set aside, not left out");
    }
}

#[tokio::test]
async fn of_mails_that_are_wanted_again_one_that_is_refused_does_not_keep_the_others() {
    let no = "TAG NO [SERVERBUG] this mail is broken\r\n";
    let script = vec![
        line("UID FETCH 1:3 (UID RFC", no, Then::On),
        line("UID FETCH 2 (UID RFC", no, Then::On),
    ];
    let good = Scripted::start(GREETING, Vec::new()).await;
    let (mailbox, settings) = quick(good.port);
    let window = ends(&mailbox, &settings).0.next(Cursor::default()).await.expect("a window");
    let places: Vec<Place> = window.mails.iter().map(|mail| mail.place.clone()).collect();
    let server = Scripted::start(GREETING, script).await;
    let (mailbox, settings) = quick(server.port);
    let mut source = ends(&mailbox, &settings).0;
    let found = source.fetch(&wanted(&window.mails, &places)).await.expect("fetched");
    assert!(matches!(
        &found[..],
        [Again::There(_), Again::Withheld(why), Again::There(_)] if why.contains("SERVERBUG")
    ));
}
