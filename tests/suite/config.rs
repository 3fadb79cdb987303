//! The configuration: the sample, the defaults, and what is said of broken ones.

use std::path::Path;
use std::time::Duration;

use postroom::config::folders::Waiting;
use postroom::config::{
    Access, Config, Folders, Login, SAMPLE, Secret, StoreSettings, Tls, Token, parse::parse,
};
use postroom::diagnostic::Diagnostic;
use postroom::route::Treatment;
use secrecy::ExposeSecret;

use crate::support::broken;

fn read(text: &str) -> Config {
    let (config, findings) = parse("postroom.toml", text, Path::new("/etc/postroom"))
        .unwrap_or_else(|findings| panic!("{}", broken::lines(&findings)));
    assert!(!findings.iter().any(Diagnostic::is_error));
    config
}

#[test]
fn broken_configurations_say_all_that_is_wrong_and_where() {
    broken::check("config", |path| {
        let file = path.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        match parse(file, &text, Path::new("/etc/postroom")) {
            Ok((_, findings)) | Err(findings) => findings,
        }
    });
}

#[test]
fn the_sample_is_read_without_a_finding_and_is_what_the_defaults_are() {
    let (mut sample, findings) =
        parse("postroom.toml", SAMPLE, Path::new("/etc/postroom")).unwrap();
    assert_eq!(broken::lines(&findings), "");
    let bare = read(
        "[directory]\nown_domains = \"callwise.example\"\n\
         customers = \"customers.csv\"\npeople = \"people.csv\"\n\
         [web]\nlisten = \"127.0.0.1:8088\"\n\
         [[mailbox]]\nname = \"support\"\nhost = \"imap.callwise.example\"\n\
         user = \"support@callwise.example\"\n\
         authserv_id = \"mx.callwise.example\"\npassword_file = \"support.password\"\n\
         [[mailbox]]\nname = \"local\"\nmaildir = \"/var/mail/support/Maildir\"\n\
         authserv_id = [\"MX.callwise.example\"]\n",
    );
    // The sample writes out a team that is meant anyway.
    sample.teams_named.clear();
    assert_eq!(format!("{sample:#?}"), format!("{bare:#?}"));
}

#[test]
fn what_is_commented_out_in_the_sample_can_be_written() {
    let opened = |line: &'static str| {
        let key = line.strip_prefix("# ").filter(|rest| {
            let word = rest.split(' ').next().unwrap_or_default();
            rest.starts_with("[mailbox.oauth]")
                || rest.starts_with("[directory.")
                || rest.starts_with("[tiers.")
                || rest.starts_with("[[alias]]")
                || (rest.contains(" = ")
                    && word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        });
        key.unwrap_or(line)
    };
    let mut text = SAMPLE.lines().map(opened).collect::<Vec<_>>().join("\n");
    // These shut each other out.
    for line in [
        "password_file = \"support.password\"\n",
        "password_command = [\"pass\", \"show\", \"support\"]\n",
        "token_file = \"support.token\"\n",
        "token_command = [\"get-token\", \"support\"]\n",
        "assist_folder = \"Assist\"\n",
        "\ncustomers = \"customers.csv\"\n",
        "\npeople = \"people.csv\"\n",
    ] {
        assert!(text.contains(line), "{line}");
        text = text.replace(line, "");
    }
    let config = read(&text);
    let mailbox = &config.mailboxes[0];
    assert_eq!(mailbox.folders.assist, Waiting::Marked("$Assist".to_owned()));
    assert_eq!(mailbox.folders.teams.len(), 1);
    assert_eq!(config.policy.thresholds.len(), 1);
    let directory = &config.directory;
    assert_eq!((directory.holidays.len(), directory.rules.tiers.len()), (2, 2));
    assert_eq!(directory.rules.zone.iana_name(), Some("Europe/Berlin"));
    assert!(directory.rules.hours.is_some() && directory.rules.service);
    assert!(directory.sql.as_ref().is_some_and(|sql| sql.customers.is_some()));
    assert!(directory.service.as_ref().is_some_and(|service| service.token.is_some()));
    let Access::Imap(imap) = &mailbox.access else { panic!("not IMAP") };
    let Login::OAuth { token: Token::Refresh { refresh_token_file, client_secret, .. }, .. } =
        &imap.login
    else {
        panic!("not a refresh token")
    };
    assert_eq!(refresh_token_file, Path::new("/etc/postroom/oauth.refresh"));
    assert!(matches!(client_secret, Some(Secret::File(_))));
}

#[test]
fn nothing_at_all_is_a_configuration_that_watches_nothing() {
    let config = read("");
    assert!(config.mailboxes.is_empty());
    assert!(config.listen.is_none());
    assert_eq!(config.keep_text, Some(Duration::from_hours(90 * 24)));
    assert!(matches!(&config.store, StoreSettings::Sqlite(path)
        if path == Path::new("/etc/postroom/postroom.db")));
    assert_eq!(config.directory.rules.last_rung.as_str(), "technical-support");
}

#[test]
fn every_kind_of_value_is_understood() {
    let config = read(
        "keep_text = \"forever\"\nreload_every = \"500ms\"\n\
         store = { url = \"postgres://postroom:secret@db.example/postroom\" }\n\
         [policy]\nthreshold = 1\nlists = \"classify\"\nthresholds = { billing = 0.95 }\n\
         [[mailbox]]\nname = \"a\"\nhost = \"127.0.0.1\"\ntls = \"none\"\nuser = \"u\"\n\
         password = \"p\"\nfetch_limit = 70000\nfolders = { team = \"T/{team}\" }\n\
         [[mailbox]]\nname = \"b\"\nhost = \"imap.example\"\ntls = \"starttls\"\nuser = \"u\"\n\
         token_command = \"print-token\"\nfetch_limit = \"2MiB\"\nidle = false\n",
    );
    assert_eq!(config.keep_text, None);
    assert_eq!(config.reload_every, Duration::from_millis(500));
    let StoreSettings::Postgres(url) = &config.store else { panic!("not PostgreSQL") };
    assert!(url.expose_secret().contains("secret"));
    assert!(!format!("{config:?}").contains("secret@"));
    assert_eq!(config.policy.treatments.lists, Treatment::Classify);
    assert_eq!(config.policy.threshold.to_bits(), 1.0f64.to_bits());
    let [a, b] = &config.mailboxes[..] else { panic!("not two mailboxes") };
    assert_eq!((a.fetch_limit, b.fetch_limit), (70_000, 2 << 20));
    assert_eq!(a.folders, Folders { team: "T/{team}".to_owned(), ..Folders::default() });
    let (Access::Imap(a), Access::Imap(b)) = (&a.access, &b.access) else { panic!("not IMAP") };
    assert_eq!((a.tls, a.port, a.idle), (Tls::None, 143, true));
    assert_eq!((b.tls, b.port, b.idle), (Tls::StartTls, 143, false));
    assert!(matches!(&b.login, Login::OAuth { token: Token::Ready(Secret::Command(command)), .. }
        if command == &["print-token"]));
}

#[test]
fn no_finding_shows_a_secret() {
    let text = "[store]\nurl = \"mysql://root:hunter2@db\"\n[[mailbox]]\nname = \"a\"\n\
        host = \"imap.example\"\nuser = \"u\"\npassword = \"hunter2\"\n";
    let findings = parse("postroom.toml", text, Path::new("/etc/postroom")).unwrap_err();
    assert_eq!(findings.len(), 2);
    assert!(!format!("{findings:?}").contains("hunter2"));
}

#[test]
fn a_finding_shows_no_value_but_the_one_that_it_is_about() {
    let cases = [
        // No TOML: what a line begins with, and nothing of what follows.
        ("password: \"hunter2\"", "password …"),
        ("password \"hunter2\"", "password …"),
        ("password =\n\"hunter2\"", "password = …"),
        ("password =\nhunter2", "password = …"),
        ("url: \"postgres://u:hunter2@h/x\"", "url …"),
        ("user = \"u\" password = \"hunter2\"", "user = …"),
        ("user = hunter2", "user = …"),
        ("[web", "[web"),
        // TOML, and one of its values is wrong.
        ("mailbox = [{ name = \"a\", port = \"993\", password = \"hunter2\" }]", "mailbox = …"),
        ("mailbox = [{ password = \"hunter2\", port = \"993\" }]", "mailbox = …"),
        ("[[mailbox]]\noauth = { client_id = 5, client_secret = \"hunter2\" }", "oauth = …"),
        ("[[mailbox]]\noauth = { geheim = \"hunter2\", client_id = 5 }", "oauth = …"),
        ("[[mailbox]]\nport = \"993\" # hunter2", "port = \"993\" …"),
        ("[[mailbox]]\nmaildir = 5", "maildir = 5"),
        ("[[mailbox]]\npassword = 5", "password = …"),
        ("[[mailbox]]\ngeheim = \"hunter2\"", "geheim = …"),
        ("reload_every = \"http://u:hunter2@h\"", "reload_every = …"),
        ("[store.hunter]\nurl = \"hunter2\"", "[store.hunter]"),
        (
            "[directory]\nown_domains = [\"callwise.example\", 5]",
            "own_domains = [\"callwise.example\", 5]",
        ),
    ];
    for (text, shown) in cases {
        let (Ok((_, findings)) | Err(findings)) =
            parse("postroom.toml", text, Path::new("/etc/postroom"));
        assert!(!serde_json::to_string(&findings).unwrap().contains("hunter2"), "{findings:#?}");
        let excerpts: Vec<&str> = findings.iter().map(|found| found.excerpt.as_str()).collect();
        assert!(excerpts.contains(&shown), "{text}\n{shown} is not among {excerpts:#?}");
    }
}
