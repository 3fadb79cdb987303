//! Every decision of a drained mailbox made again from what the ledger holds, byte for byte.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postroom::seams::Evidence;
use serde_json::Value;
use sqlx::{Connection as _, Row as _};

use crate::support::office::{Office, Serving, mail};
use crate::support::wait::wait_for;

/// Real mails that are drained: enough for every kind of them.
const MAILS: usize = 300;

/// Longer than this nothing takes here.
const PATIENCE: Duration = Duration::from_mins(1);

/// Every n-th mail of the corpus.
fn corpus() -> Vec<PathBuf> {
    let root = std::env::var_os("POSTROOM_SPAMASSASSIN")
        .expect("real mail is needed: POSTROOM_SPAMASSASSIN=\"$(tests/corpus.sh)\" cargo test");
    let mut mails = Vec::new();
    let mut folders = vec![PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { mails.push(path) }
        }
    }
    mails.sort();
    let step = mails.len() / MAILS;
    mails.into_iter().step_by(step).take(MAILS).collect()
}

/// Mails that real ones are seldom like.
fn odd() -> Vec<Vec<u8>> {
    let hit = "Calls drop, the server is down, and the invoice is wrong.";
    let long = format!("{hit} ").repeat(3_000);
    [
        mail("long", "ann@stranger.example", "Long", &long),
        mail("nul", "ann@stranger.example", "N\0L \u{1a} \u{1a}0", &format!("\0{hit}\u{1a}s\0")),
        mail(
            "wide",
            "ann@stranger.example",
            "Ｓｅｒｖｅｒ",
            "服务器 down. Größe, Straße, naïve. 🦀 server",
        ),
        mail("customer", "erin@globex.example", "Numbers", "More numbers."),
        mail(
            "quoted",
            "ann@stranger.example",
            "Re: Invoice",
            &format!("Thanks.\r\n\r\n> {hit}\r\n-- \r\nserver"),
        ),
        mail("feared", "ann@stranger.example", "Feared", "feared-words"),
        String::new(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

/// What the ledger holds as evidence reads and writes to the same bytes.
async fn evidence_keeps_its_bytes(ledger: &Path) -> usize {
    let url = format!("sqlite://{}", ledger.display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let sql = "SELECT evidence FROM decisions WHERE evidence IS NOT NULL";
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    for row in &rows {
        let kept: String = row.get(0);
        let read: Evidence = serde_json::from_str(&kept).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), kept);
    }
    rows.len()
}

/// An office with all these mails recorded and delivered, under two versions of the dictionaries,
/// with an answer and a retry; the number of its tickets, and that of one that was answered.
fn drained() -> (Office, usize, String) {
    let office = Office::open();
    for (number, path) in corpus().into_iter().enumerate() {
        fs::copy(path, office.path(&format!("mailbox/new/{}.real", 1_700_000_000 + number)))
            .unwrap();
    }
    for (number, mail) in odd().into_iter().enumerate() {
        fs::write(office.path(&format!("mailbox/new/{}.odd", 1_800_000_000 + number)), mail)
            .unwrap();
    }
    let total = office.lie_in("");
    let mut command = office.command(&["serve"]);
    let service = Serving::start(command.env("POSTROOM_PANIC_ON", "feared-words"));
    // Some of the corpus' files are one mail twice.
    let recorded = |result: &str| {
        let text = service.get("/metrics", "").2;
        let sample =
            format!("postroom_mails_recorded_total{{mailbox=\"support\",result=\"{result}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&sample).map(str::to_owned));
        line.map_or(0, |count| count.parse::<usize>().unwrap())
    };
    wait_for("all mails", PATIENCE, || {
        (recorded("new") + recorded("repeat") == total).then_some(())
    });
    let tickets = office.settled(recorded("new"));

    let dictionary = office.path("dictionaries/billing.dict");
    let text = fs::read_to_string(dictionary).unwrap();
    let edited = text.replacen("[terms]\n", "[terms]\nzeppelin +15\n", 1);
    office.write("dictionaries/billing.dict", &edited);
    service.says(&["new rules are live"]);
    office.post(&mail("later", "ann@stranger.example", "Zeppelin", "The zeppelin."));
    let all = tickets.len() + 1;
    office.settled(all);
    let asked = |ticket: &&Value| ticket["decision"]["target"]["decision"] == "assist";
    let question = tickets.iter().find(asked).unwrap()["id"].to_string();
    office.run(&["assist", "answer", &question, "billing"]).well();
    office.run(&["ledger", "retry", "1"]).well();
    wait_for("the retry", PATIENCE, || {
        let again = |event: &Value| event["event"] == "decided_again" && event["by"] == "postroom";
        office.ticket(1)["events"].as_array().unwrap().iter().any(again).then_some(())
    });
    office.settled(all);
    service.stop();
    (office, all, question)
}

#[test]
fn every_decision_comes_out_as_it_did() {
    let (office, all, question) = drained();
    let replayed = office.run(&["ledger", "replay"]).well();
    assert_eq!(replayed, format!("{all} tickets as decided, 0 otherwise\n"));
    let one = office.run(&["ledger", "replay", &question]).well();
    assert_eq!(one, "1 ticket as decided, 0 otherwise\n");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let kept = runtime.block_on(evidence_keeps_its_bytes(&office.path("ledger.db")));
    assert!(kept > all, "a retry has evidence of its own: {kept} of {all}");
    let reasons: BTreeSet<_> =
        office.tickets().iter().map(|ticket| ticket["decision"]["reason"].to_string()).collect();
    assert!(reasons.len() >= 7, "too few kinds of decisions to show much: {reasons:?}");

    // Under another policy some come out otherwise, and it says which.
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    office.write("postroom.toml", &format!("{config}\n[policy]\nlists = \"classify\"\n"));
    let other = office.run(&["ledger", "replay"]);
    assert!(other.code == 1 && other.out.contains(" comes out otherwise\n"), "{other:?}");
    assert_eq!(office.run(&["ledger", "replay", "99999"]).code, 2);
}
