//! Waiting for new mail where a server makes it hard.

use std::time::Duration;

use postroom::seams::{Cursor, Source as _};

use crate::imap::ends;
use crate::imap_scripted::{GREETING, line, quick};
use crate::support::scripted_imap::{Scripted, Then};

#[tokio::test]
async fn a_server_that_ends_each_idle_is_not_asked_all_the_time() {
    let mut script =
        vec![line("CAPABILITY", "* CAPABILITY IMAP4rev1 IDLE\r\nTAG OK done\r\n", Then::On); 2];
    script.extend(vec![line("IDLE", "+ idling\r\nTAG OK done\r\n", Then::On); 100]);
    let server = Scripted::start(GREETING, script).await;
    let (mut mailbox, settings) = quick(server.port);
    mailbox.poll_every = Duration::from_mins(1);
    let mut source = ends(&mailbox, &settings).0;
    let all = Cursor { epoch: 7, uid: 3, ..Cursor::default() };
    let watching = async {
        loop {
            let window = source.next(all.clone()).await.expect("a window");
            assert!(window.mails.is_empty());
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(5), watching).await.is_err());
    let looks = server.heard().iter().filter(|command| *command == "IDLE").count();
    assert!((2..=8).contains(&looks), "{looks} looks in 5 s");
}

#[tokio::test]
async fn idle_that_is_refused_gives_way_to_polling() {
    let script = vec![
        line("CAPABILITY", "* CAPABILITY IMAP4rev1 IDLE\r\nTAG OK done\r\n", Then::On),
        line("CAPABILITY", "* CAPABILITY IMAP4rev1 IDLE\r\nTAG OK done\r\n", Then::On),
        line("IDLE", "TAG NO not now\r\n", Then::On),
    ];
    let server = Scripted::start(GREETING, script).await;
    let (mailbox, settings) = quick(server.port);
    let (mut source, _) = ends(&mailbox, &settings);
    let all = Cursor { epoch: 7, uid: 3, ..Cursor::default() };
    assert!(source.next(all.clone()).await.is_err());
    assert!(source.next(all.clone()).await.is_ok_and(|window| window.mails.is_empty()));
    let idles = server.heard().iter().filter(|command| *command == "IDLE").count();
    assert_eq!(idles, 1);
}
