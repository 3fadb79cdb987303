//! A thread that goes along with its first mail, whatever comes between.

use sqlx::Connection as _;
use tokio::runtime::Runtime;

use crate::support::office::{Office, mail};
use crate::threads::{reply, told};

/// An office whose ledger holds a question, and a mail that followed it.
fn with_a_thread() -> Office {
    let office = Office::open();
    office.post(&mail("1", "ute@unclear.example", "Hello", "Could you call me?"));
    let service = office.serve(&[]);
    office.settled(1);
    office.post(&reply("2", "ute@unclear.example", &["1"], "", "Hello?"));
    office.settled(2);
    service.stop();
    office
}

/// Where both mails of the thread go.
fn both(office: &Office) -> [String; 2] {
    [1, 2].map(|number| told(&office.ticket(number)))
}

#[test]
fn an_answer_and_its_withdrawal_are_done_whole_when_nobody_reads_what_they_say() {
    let office = with_a_thread();
    for (arguments, expected) in [
        // He is away, which is told as well.
        (
            &["assist", "answer", "1", "jonas@callwise.example"][..],
            "jonas@callwise.example answered",
        ),
        (&["assist", "undo", "1"], "assist undone"),
        (&["assist", "answer", "1", "sales"], "sales answered"),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert!(office.command(arguments).stdout(writer).status().unwrap().success());
        let to = expected.split(' ').next().unwrap();
        assert_eq!(both(&office), [expected, &format!("{to} follow_up follows")], "{arguments:?}");
    }
}

#[test]
fn what_could_not_be_moved_with_its_thread_joins_it_later() {
    let office = with_a_thread();
    let set_job = |state: &'static str| {
        let url = format!("sqlite://{}", office.path("ledger.db").display());
        Runtime::new().unwrap().block_on(async {
            let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
            let sql = "UPDATE jobs SET state = $1 WHERE ticket = 2 AND state <> 'dropped'";
            sqlx::query(sql).bind(state).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    };
    office.run(&["assist", "answer", "1", "sales"]).well();
    let follows = "ticket 2 follows it";
    for again in [&["assist", "answer", "1", "marketing"][..], &["assist", "undo", "1"]] {
        set_job("claimed");
        let said = office.run(&["assist", "undo", "1"]).well();
        assert!(
            said.contains("ticket 2 followed it, but stays where it is: its delivery"),
            "{said}"
        );
        set_job("done");
        let said = office.run(again).well();
        assert!(said.contains(follows), "{again:?}: {said}");
    }
    assert_eq!(both(&office), ["assist undone", "assist follow_up follows"]);
    let refused = office.run(&["assist", "undo", "1"]);
    assert!(refused.code == 2 && refused.err.contains("nothing to take back"), "{refused:?}");
    // Where a person sent one of them by itself, it stays.
    office.run(&["assist", "answer", "2", "billing"]).well();
    let said = office.run(&["assist", "answer", "1", "sales"]).well();
    assert_eq!(said, "ticket 1 goes to sales\n");
}
