//! The command line as its users meet it: the real program, its output, its exit codes.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use serde_json::Value;
use sqlx::Connection as _;
use tokio::runtime::Runtime;

use crate::support::office::{Office, Ran, mail, objects, postroom};

const CALLS: (&str, &str) = ("My calls are not connecting", "Calls drop, the server is down.");

/// A mail of a stranger's that the dictionaries are sure of.
fn calls(id: &str) -> String {
    mail(id, "ann@stranger.example", CALLS.0, CALLS.1)
}

#[test]
fn every_mail_has_an_answer() {
    let office = Office::open();
    office.write("in/a.eml", &calls("a"));
    office.write("in/deep/b.eml", &mail("b", "carol@acme.example", "Question", "Please look."));
    office.write("in/deep/.hidden", "not a mail");
    office.write("in/empty", "");
    fs::write(office.path("in/bytes"), (0..=255).cycle().take(4096).collect::<Vec<u8>>()).unwrap();
    let two = "From a@b.example Mon Nov 23 10:00:00 2026\nFrom: x@stranger.example\n\n1\n\n\
               From a@b.example Mon Nov 23 10:01:00 2026\nFrom: y@stranger.example\n\n2\n";
    office.write("two.mbox", two);
    office.post(&mail("c", "mailer-daemon@stranger.example", "Undelivered", "It bounced."));
    let ran = office.run(&["classify", "--json", "in", "absent.eml", "two.mbox", "mailbox"]);
    assert_eq!(ran.code, 2, "one path can't be read");
    assert_eq!(
        ran.err,
        "postroom: `absent.eml` can't be read: No such file or directory (os error 2)\n"
    );
    let answers = objects(&ran.out);
    let sources: Vec<_> = answers.iter().map(|answer| answer["source"].as_str().unwrap()).collect();
    let expected =
        ["in/a.eml", "in/bytes", "in/deep/b.eml", "in/empty", "two.mbox:1", "two.mbox:2"];
    assert_eq!(sources[..6], expected, "{sources:?}");
    assert!(sources[6].starts_with("mailbox/new/") && sources.len() == 7, "{sources:?}");
    answers.iter().for_each(has_its_shape);
    let told = |index: usize| {
        let answer: &Value = &answers[index];
        let text = |key: &str| answer[key].as_str().unwrap_or("null").to_owned();
        format!("{} {} {}", text("decision"), text("to"), text("reason"))
    };
    assert_eq!(told(0), "team infrastructure confident");
    assert_eq!(told(1), "assist null no_text");
    assert_eq!(told(2), "person amira@callwise.example account_manager");
    assert_eq!(answers[0]["sender"], "ann@stranger.example");
    assert_eq!(answers[0]["message_id"], "a@test.example");
    assert_eq!(answers[0]["subject"], CALLS.0);
    let hit = &answers[0]["evidence"][0];
    assert_eq!((&hit["file"], &hit["place"]), (&"infrastructure.dict".into(), &"subject".into()));
    assert!(hit["line"].as_u64() > Some(0) && hit["points"].as_i64() > Some(0), "{hit}");
    assert_eq!(answers[3]["sender"], Value::Null);
    let odd = answers[3]["oddities"].as_array().unwrap();
    assert!(odd.contains(&"empty".into()) && odd.contains(&"no_sender".into()), "{odd:?}");
}

/// What programs rely on in an answer.
fn has_its_shape(answer: &Value) {
    let or_null = |key: &str| answer[key].is_string() || answer[key].is_null();
    let kept = ["source", "subject", "kind", "decision", "reason"];
    assert!(kept.iter().all(|key| answer[*key].is_string()), "{answer}");
    assert!(["message_id", "sender", "to"].iter().all(|key| or_null(key)), "{answer}");
    assert!(["oddities", "evidence"].iter().all(|key| answer[*key].is_array()), "{answer}");
    assert!(answer["confidence"].is_number() || answer["confidence"].is_null(), "{answer}");
    assert!(answer["text_chars"].is_u64(), "{answer}");
    let decisions = ["person", "team", "assist", "filed", "set_aside"];
    assert!(decisions.contains(&answer["decision"].as_str().unwrap()), "{answer}");
}

#[test]
fn mails_come_over_standard_input_and_leave_line_by_line() {
    let office = Office::open();
    let mut child = office
        .command(&["classify", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let begin = "From a@b.example Mon Nov 23 10:00:00 2026\nSubject: One\n\n1\n\n";
    // The second mail's beginning ends the first, whose answer is there before the input ends.
    write!(input, "{begin}{begin}").unwrap();
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(objects(&line)[0]["source"], "-:1");
    // Nobody reads on, as `head -1` does: no failure and no word about it.
    drop(output);
    for _ in 0..20_000 {
        if input.write_all(begin.as_bytes()).is_err() {
            break;
        }
    }
    drop(input);
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_table_fits_its_terminal() {
    let office = Office::open();
    office.write("in/a.eml", &calls("a"));
    office.write("in/b.eml", &mail("b", "x@stranger.example", "\u{1b}[31mred", "Hello there."));
    let piped = office.run(&["classify", "in"]).well();
    assert!(piped.contains("infrastructure") && piped.contains("2 mails:"), "{piped}");
    assert!(!piped.contains('\u{1b}'), "colour in a pipe: {piped}");
    assert!(!piped.contains("nobody is a customer"), "there is a configuration: {piped}");
    let bare = tempfile::tempdir().unwrap();
    let mut elsewhere = postroom();
    elsewhere.arg("classify").arg(office.path("in")).current_dir(bare.path());
    assert!(
        Ran::of(&mut elsewhere)
            .well()
            .contains("; without a configuration, nobody is a customer\n")
    );
    for (columns, wraps) in [(60, true), (200, false)] {
        let shown = on_terminal(&office, columns, "", "classify in");
        let widest = shown.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
        assert!(widest <= columns, "{widest} columns of {columns}:\n{shown}");
        let whole = shown.contains("My calls are not connecting");
        assert_eq!(whole, !wraps, "at {columns} columns:\n{shown}");
        assert!(!shown.contains("\u{1b}[31m"), "a mail's colour at {columns} columns:\n{shown}");
    }
}

#[test]
fn findings_are_drawn_in_colour_where_it_is_wanted() {
    let office = Office::open();
    office.write("bad/a.dict", "team a\n[terms]\nserver 3+\n");
    let coloured = on_terminal(&office, 80, "", "lint bad");
    assert!(coloured.contains("\u{1b}[31m"), "{coloured}");
    for plain in
        [on_terminal(&office, 80, "NO_COLOR=1", "lint bad"), office.run(&["lint", "bad"]).out]
    {
        assert!(!plain.contains('\u{1b}') && plain.contains("3 │ server 3+"), "{plain}");
    }
}

/// What a command shows on a terminal of so many columns.
fn on_terminal(office: &Office, columns: usize, environment: &str, arguments: &str) -> String {
    let program = env!("CARGO_BIN_EXE_postroom");
    // Without the progress bar, which comes and goes.
    let line =
        format!("stty cols {columns} rows 50; {environment} '{program}' {arguments} 2>/dev/null");
    let ran = office
        .command(&[])
        .get_envs()
        .fold(std::process::Command::new("script"), |mut command, (name, _)| {
            command.env_remove(name);
            command
        })
        .args(["-qec", &line, "/dev/null"])
        .current_dir(office.path(""))
        .stdin(Stdio::null())
        .output()
        .expect("script is needed: `apt-get install bsdutils`");
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn explain_shows_the_whole_way() {
    let office = Office::open();
    office.write("team.eml", &calls("a"));
    office.write("person.eml", &mail("b", "erin@globex.example", "Numbers", "More numbers."));
    let cases: [(&str, &[&str]); 2] = [
        (
            "team.eml",
            &[
                "from      ann@stranger.example",
                "Goes to infrastructure: confident",
                "not in the directory",
                "confidence 1.000 (uncalibrated) ≥ 0.900",
                "infrastructure.dict:",
                "»calls are not connecting«",
                "where the team starts",
                "points ahead",
                "a person would be asked",
            ],
        ),
        (
            "person.eml",
            &[
                "Goes to mara@callwise.example: manager",
                "Globex, tier gold: the domain globex.example in line",
                "account manager jonas@callwise.example: away from 2026-01-01",
                "manager mara@callwise.example: takes it",
            ],
        ),
    ];
    for (path, expected) in cases {
        let shown = office.run(&["explain", "--on", "2026-11-23", path]).well();
        for text in expected {
            assert!(shown.contains(text), "{path}: `{text}` is not in:\n{shown}");
        }
    }
    let evidence = office.run(&["explain", "--json", "team.eml"]).objects();
    assert_eq!(evidence[0]["decision"], "team");
    assert!(evidence[0]["evidence"]["verdict"]["hits"].is_array());
}

#[test]
fn what_is_wrong_is_said_in_a_line_with_the_way_out() {
    let office = Office::open();
    fs::create_dir(office.path("void")).unwrap();
    office.write("a.eml", &calls("a"));
    let bare = tempfile::tempdir().unwrap();
    let bare_config = bare.path().join("absent.toml").display().to_string();
    // (arguments, what standard error holds)
    let cases: [(&[&str], &[&str]); 13] = [
        (&["classify"], &["<PATH>", "--help"]),
        (&["classify", "absent"], &["postroom: `absent` can't be read"]),
        (&["classify", "--on", "tomorrow", "a.eml"], &["tomorrow", "--on"]),
        (&["explain"], &["<PATH>"]),
        (&["explain", "absent"], &["postroom: `absent` can't be read"]),
        (&["explain", "--ticket", "1"], &["no ledger", "`postroom serve` makes it"]),
        (&["ledger", "list"], &["no ledger", "`postroom serve` makes it"]),
        (&["assist", "answer", "1", "billing"], &["no ledger"]),
        (&["--config", &bare_config, "check"], &["absent.toml", "--sample` prints"]),
        (&["--config", &bare_config, "serve"], &["absent.toml", "--sample` prints"]),
        (&["--log", "a=b=c", "check"], &["`a=b=c` is not a log filter"]),
        (&["chekc"], &["chekc", "check"]),
        (&["lint", "--data", "a.jsonl", "--days", "5"], &["--days", "--data"]),
    ];
    for (arguments, expected) in cases {
        let Ran { code, out, err } = office.run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        for text in expected {
            assert!(err.contains(text), "{arguments:?}: `{text}` is not in: {err}");
        }
    }
    assert!(!office.path("ledger.db").exists(), "looking made a ledger");
    // Nothing there is not the same as something wrong.
    assert_eq!(office.run(&["classify", "void"]).well(), "no mail was found\n");
    assert_eq!(office.run(&["explain", "void"]).well(), "no mail was found\n");
    let nothing = Ran::of(office.command(&["classify", "-"]).stdin(Stdio::null()));
    assert_eq!(nothing.well(), "no mail was found\n");
    assert_eq!(office.run(&["classify", "--json", "void"]).well(), "");
}

/// An office whose ledger has three questions, and a mail for infrastructure before them.
fn with_questions() -> Office {
    let office = Office::open();
    let service = office.serve(&[]);
    office.post(&calls("1"));
    office.settled(1);
    for n in 2..=4 {
        office.post(&mail(&n.to_string(), "ann@stranger.example", "Zeppelins", "How high?"));
    }
    office.settled(4);
    service.stop();
    office
}

#[test]
fn lists_say_what_they_leave_out() {
    let office = with_questions();
    let list = |more: &[&str]| office.run(&[&["assist", "list"], more].concat());
    let some = list(&["--limit", "2"]).well();
    assert!(some.ends_with("\n2 of 3 questions; `--limit` shows more\n"), "{some}");
    assert!(!list(&["--limit", "3"]).well().contains("questions;"));
    assert_eq!(list(&["--limit", "0"]).code, 2);
    office.run(&["assist", "answer", "2", "amira@callwise.example"]).well();
    let to = |name, more: &[&str]| office.run(&[&["ledger", "list", "--to", name], more].concat());
    assert!(to("Amira@CallWise.example", &[]).well().contains("answered"));
    office.run(&["assist", "answer", "3", "billing"]).well();
    assert!(to("Billing", &[]).well().contains("answered"));
    assert_eq!(to("bill ing", &[]).code, 2);
    assert_eq!(to("marketing", &[]).well(), "no ticket matches\n");
    assert_eq!(to("marketing", &["--json"]).well(), "");
}

#[test]
fn a_text_that_was_blanked_is_told_of() {
    let office = with_questions();
    assert!(office.run(&["ledger", "show", "1"]).well().contains('»'));
    let url = format!("sqlite://{}", office.path("ledger.db").display());
    Runtime::new().unwrap().block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("DELETE FROM texts").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    let shown = office.run(&["ledger", "show", "1"]).well();
    assert!(
        shown.ends_with(
            "\nText\n  blanked, as `keep_text` says; the mail itself lies on its server\n"
        ),
        "{shown}"
    );
    assert!(!shown.contains("»«"), "{shown}");
    office.run(&["assist", "answer", "1", "sales"]).well();
    let undone = office.run(&["assist", "undo", "1"]).well();
    assert!(undone.contains("its text was blanked"), "{undone}");
}

#[test]
fn looking_for_a_ledger_changes_no_other_database() {
    let office = Office::open();
    let foreign = office.path("ledger.db");
    let url = format!("sqlite://{}?mode=rwc", foreign.display());
    Runtime::new().unwrap().block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("CREATE TABLE songs (name)").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    let before = fs::read(&foreign).unwrap();
    for look in [&["ledger", "list"][..], &["assist", "list"], &["explain", "--ticket", "1"]] {
        let ran = office.run(look);
        assert!(ran.code == 2 && ran.err.contains("there is no ledger at"), "{ran:?}");
    }
    assert_eq!(fs::read(&foreign).unwrap(), before);
}

#[test]
fn a_dictionary_that_can_not_be_read_hides_nothing_and_each_is_named_by_its_path() {
    let office = Office::open();
    office.write("some/a.dict", "team a\n[terms]\nserver 3+\n");
    fs::write(office.path("some/b.dict"), b"team b\n[terms]\nr\xfcckzahlung +3\n").unwrap();
    let found = office.run(&["lint", "some", "--format", "github"]);
    for expected in ["file=some/a.dict,line=3", "file=some/b.dict,line=3"] {
        assert!(found.out.contains(expected), "{expected}: {found:?}");
    }
    let found =
        Ran::of(office.command(&["lint", "--json", "a.dict"]).current_dir(office.path("some")));
    assert!(found.out.contains("\"file\":\"a.dict\""), "{found:?}");
    office.write("dictionaries/sales.dict", "team sales\n[terms]\nserver 3+\n");
    let found = office.run(&["check"]);
    assert!(found.out.contains("dictionaries/sales.dict:3:8"), "{found:?}");
}

#[test]
fn lint_says_what_it_found() {
    let office = Office::open();
    fs::create_dir(office.path("void")).unwrap();
    office.write("good/a.dict", "team a\n[terms]\nserver +3\n");
    office.write("late/a.dict", "team a\n[terms]\nserver +3\nbase -2\n");
    office.write("bad/a.dict", "team a\n[terms]\nserver 3+\n");
    // (arguments, exit code, what standard output holds, what standard error holds)
    let cases: [(&[&str], i32, &str, &str); 8] = [
        (&["lint"], 0, "9 files", ""),
        (&["lint", "good"], 0, "no error, no warning in 1 file\n", ""),
        (&["lint", "good/a.dict"], 0, "in 1 file\n", ""),
        (&["lint", "good", "bad"], 2, "a.dict:3", "postroom: 1 error, no warning in 2 files\n"),
        (&["lint", "bad/a.dict"], 2, "write `+3`", "postroom: 1 error, no warning in 1 file\n"),
        (&["lint", "absent"], 2, "absent: it can't be read", "1 error"),
        (&["lint", "void"], 2, "there is no dictionary in this folder", "1 error"),
        (&["lint", "--json", "bad"], 2, r#""code":"bad-weight""#, "1 error"),
    ];
    for (arguments, code, out, err) in cases {
        let ran = office.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(ran.out.contains(out), "{arguments:?}: {}", ran.out);
        assert!(
            ran.err.contains(err) && ran.err.is_empty() == err.is_empty(),
            "{arguments:?}: {}",
            ran.err
        );
    }
    let lenient = office.run(&["lint", "late"]);
    let strict = office.run(&["lint", "--strict", "late"]);
    assert_eq!((lenient.code, strict.code), (0, 2), "{lenient:?} {strict:?}");
}

#[test]
fn every_command_teaches_itself() {
    let commands = [
        "",
        "demo",
        "serve",
        "check",
        "classify",
        "explain",
        "lint",
        "assist",
        "ledger",
        "completions",
        "man",
    ];
    for name in commands {
        let help = Ran::of(postroom().args(name.split_whitespace()).arg("--help")).well();
        assert!(help.contains("Exit codes: 0 done"), "{name}: {help}");
        let taught = help.contains("Examples:\n  postroom ") || help.contains("First steps:\n");
        assert!(taught, "{name}: {help}");
    }
    for name in ["assist answer", "assist undo", "ledger list", "ledger retry"] {
        let help = Ran::of(postroom().args(name.split_whitespace()).arg("--help")).well();
        assert!(help.contains("Usage: postroom "), "{name}: {help}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Ran::of(postroom().args(["completions", shell])).well();
        assert!(
            script.contains("classify") && script.contains("set_aside") || script.len() > 5_000
        );
    }
    let folder = tempfile::tempdir().unwrap();
    Ran::of(postroom().arg("man").arg(folder.path())).well();
    for page in ["postroom.1", "postroom-classify.1", "postroom-assist-answer.1"] {
        let text = fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(".TH") && text.contains("POSTROOM_CONFIG"), "{page}");
        assert!(!text.contains("EXTRA"), "{text}");
    }
    let text = fs::read_to_string(folder.path().join("postroom-demo.1")).unwrap();
    assert!(text.contains(".SH \"EXIT CODES\"\n0 done"), "{text}");
    assert!(text.contains(".SH EXAMPLES\n.nf\npostroom demo \\-\\-no\\-serve"), "{text}");
}

#[test]
fn nothing_overwrites_a_configuration_that_can_not_be_read() {
    let office = Office::open();
    let told = |office: &Office| {
        let ran = office.run(&["check"]);
        assert_eq!(ran.code, 2, "{ran:?}");
        format!("{}{}", ran.out, ran.err)
    };
    fs::write(office.path("postroom.toml"), b"# Caf\xc3\xa9\npassword = \"h\xfcnter2\"\n").unwrap();
    let latin = told(&office);
    assert!(latin.contains("postroom.toml:2") && latin.contains("UTF-8"), "{latin}");
    assert!(!latin.contains("--sample") && !latin.contains("nter2"), "{latin}");
    // A link that leads nowhere is a configuration that is away, not none.
    fs::remove_file(office.path("postroom.toml")).unwrap();
    std::os::unix::fs::symlink("elsewhere.toml", office.path("postroom.toml")).unwrap();
    assert!(told(&office).contains("can't be read: No such file"));
    assert_eq!(office.run(&["classify", "mail"]).code, 2);
    fs::remove_file(office.path("postroom.toml")).unwrap();
    office.write("postroom.toml", "nobody = 1\n");
    assert!(told(&office).contains("were not looked at yet"));
    fs::remove_file(office.path("postroom.toml")).unwrap();
    let absent = told(&office);
    assert!(absent.contains("no configuration") && absent.contains("--sample >"), "{absent}");
}

#[test]
fn a_variable_that_is_empty_says_nothing() {
    let office = Office::open();
    for name in ["POSTROOM_CONFIG", "POSTROOM_LOG", "POSTROOM_LOG_FORMAT"] {
        Ran::of(office.command(&["check"]).env(name, "")).well();
    }
    let typed = office.run(&["--config", "", "check"]);
    assert!(typed.code == 2 && typed.err.contains("--config <FILE>"), "{typed:?}");
}

#[test]
fn a_check_tries_the_store_and_changes_nothing() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cases = [
        ("no file yet", "sqlite:ledger.db".to_owned(), 0, "store: the ledger's file will be made"),
        ("no folder", "sqlite:absent/ledger.db".to_owned(), 2, "can't be made in its folder"),
        ("another file", "sqlite:postroom.toml".to_owned(), 2, "not a database"),
        (
            "nobody listens",
            format!("postgres://us:hunter2@127.0.0.1:{closed}/x"),
            2,
            "store: problem: ",
        ),
    ];
    for (name, store, code, says) in cases {
        let office = Office::open_with(&store, "");
        let ran = office.run(&["check", "--connect"]);
        assert_eq!(ran.code, code, "{name}: {ran:?}");
        assert!(ran.out.contains(says), "{name}: {ran:?}");
        assert!(!ran.out.contains("hunter2"), "{name}: {ran:?}");
        assert!(!office.path("ledger.db").exists(), "{name}: a file was made");
    }
}

#[test]
fn a_check_names_the_files_that_a_login_will_miss() {
    let far = "[[mailbox]]\nname = \"far\"\nhost = \"imap.far.example\"\nuser = \"us\"\n\
               password_file = \"absent.password\"\nca_file = \"absent.pem\"\n\
               trust = \"ignore\"\n[[mailbox]]\nname = \"near\"\nmaildir = \"mialdir\"\n\
               trust = \"ignore\"\n";
    let office = Office::open_with("sqlite:ledger.db", far);
    let ran = office.run(&["check"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let near = "mailbox `near` is to be here, and it is no Maildir";
    for says in ["absent.password", "absent.pem", "mailbox `far` needs it", near, "3 warnings"] {
        assert!(ran.out.contains(says), "{says}: {ran:?}");
    }
}

#[test]
fn what_the_demo_proposes_can_be_pasted_whatever_its_folder_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("my trial's dir");
    let shown = Ran::of(postroom().args(["demo", "--no-serve", "--dir"]).arg(&dir)).well();
    let tip = shown.lines().find(|line| line.contains("assist list")).unwrap();
    let ran = Ran::of(std::process::Command::new("sh").args(["-c", tip.trim()]));
    assert!(ran.well().contains("below threshold"), "{tip}");
}
