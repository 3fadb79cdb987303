//! Getting into a real Dovecot with OAuth tokens from a token endpoint that rotates them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use postroom::config::{Login, Token};
use postroom::rim::imap::{Account, ImapSource, Tokens, check};
use postroom::seams::{Cursor, Source, SourceError};

use crate::imap::ends;
use crate::support::dovecot::Dovecot;
use crate::support::imap::mailbox;

/// A token endpoint, and the endpoint at which Dovecot asks whose a token is.
#[derive(Clone, Default)]
struct Provider(Arc<Mutex<State_>>);

#[derive(Default)]
struct State_ {
    /// How many refresh tokens were given out; only the last one is good.
    rotations: u32,
    /// Access tokens up to this one are no longer good.
    revoked: u32,
    away: bool,
    /// How long an answer takes, once it is decided.
    pause: Duration,
}

#[derive(serde::Deserialize)]
struct Asked {
    access_token: String,
}

impl Provider {
    async fn start(&self) -> u16 {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let router = Router::new()
            .route("/token", post(token))
            .route("/whose", get(whose))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        port
    }

    fn change(&self, change: impl FnOnce(&mut State_)) {
        change(&mut self.0.lock().expect("no panic"));
    }

    fn rotations(&self) -> u32 {
        self.0.lock().expect("no panic").rotations
    }
}

async fn token(State(provider): State<Provider>, form: String) -> (StatusCode, String) {
    let answer = grant(&provider, &form);
    let pause = provider.0.lock().expect("no panic").pause;
    tokio::time::sleep(pause).await;
    answer
}

fn grant(provider: &Provider, form: &str) -> (StatusCode, String) {
    let mut state = provider.0.lock().expect("no panic");
    if state.away {
        return (StatusCode::BAD_GATEWAY, "<html>".to_owned());
    }
    let expected = format!("refresh_token=refresh-{}", state.rotations);
    if !form.split('&').any(|pair| pair == expected) || !form.contains("client_id=postroom") {
        return (StatusCode::BAD_REQUEST, r#"{"error": "invalid_grant"}"#.to_owned());
    }
    state.rotations += 1;
    let n = state.rotations;
    let granted = format!(
        r#"{{"access_token": "access-{n}", "refresh_token": "refresh-{n}", "expires_in": 3600}}"#
    );
    (StatusCode::OK, granted)
}

async fn whose(
    State(provider): State<Provider>,
    Query(asked): Query<Asked>,
) -> (StatusCode, String) {
    let state = provider.0.lock().expect("no panic");
    let number = asked.access_token.strip_prefix("access-").and_then(|n| n.parse::<u32>().ok());
    match number {
        Some(n) if n > state.revoked => (StatusCode::OK, r#"{"user": "alice"}"#.to_owned()),
        _ => (StatusCode::UNAUTHORIZED, r#"{"error": "invalid_token"}"#.to_owned()),
    }
}

fn dovecot(mechanisms: &str, provider: u16) -> Dovecot {
    let extra = format!(
        "auth_mechanisms=plain login {mechanisms}\npassdb {{\n  driver=oauth2\n  \
         mechanisms=xoauth2 oauthbearer\n  args=$D/oauth.conf\n}}\n"
    );
    let oauth = format!(
        "tokeninfo_url=http://127.0.0.1:{provider}/whose?access_token=\nusername_attribute=user\n"
    );
    Dovecot::start_with(&extra, &[("oauth.conf", &oauth)])
}

fn stored(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the refresh token").trim().to_owned()
}

/// A login with the refresh token in a file.
fn login(provider: u16, file: &Path, scope: Option<&str>) -> Login {
    Login::OAuth {
        user: "alice".to_owned(),
        token: Token::Refresh {
            endpoint: format!("http://127.0.0.1:{provider}/token"),
            client_id: "postroom".to_owned(),
            client_secret: None,
            refresh_token_file: file.to_owned(),
            scope: scope.map(str::to_owned),
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_refreshed_kept_and_rotated() {
    for mechanisms in ["xoauth2", "oauthbearer"] {
        let provider = Provider::default();
        let port = provider.start().await;
        let server = dovecot(mechanisms, port);
        let file = server.path().join("refresh");
        std::fs::write(&file, "refresh-0\n").expect("written");
        let (mailbox, mut settings) = mailbox(server.port);
        settings.login = login(port, &file, Some("imap offline_access"));
        let (mut source, mut _delivery) = ends(&mailbox, &settings);
        source.next(Cursor::default()).await.expect("logged in");
        assert_eq!((provider.rotations(), stored(&file).as_str()), (1, "refresh-1"));
        let mode = std::fs::metadata(&file).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);

        // A token that is still good is used again.
        server.doveadm(&["kick", "alice"]);
        while source.next(Cursor::default()).await.is_err() {}
        assert_eq!(provider.rotations(), 1);

        // One that was revoked is refused once; the next login has another.
        provider.change(|state| state.revoked = 1);
        server.doveadm(&["auth", "cache", "flush"]);
        server.doveadm(&["kick", "alice"]);
        let mut refused = 0;
        while let Err(error) = source.next(Cursor::default()).await {
            refused += u32::from(matches!(error, SourceError::Refused(_)));
            assert!(refused < 3, "{error}");
        }
        assert_eq!((refused, provider.rotations(), stored(&file).as_str()), (1, 2, "refresh-2"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_refresh_token_is_refused_and_a_dead_endpoint_is_transient() {
    let provider = Provider::default();
    let port = provider.start().await;
    let server = dovecot("xoauth2", port);
    let file = server.path().join("refresh");
    std::fs::write(&file, "refresh-77\n").expect("written");
    let (mut mailbox, mut settings) = mailbox(server.port);
    settings.login = login(port, &file, None);
    let (mut source, _) = ends(&mailbox, &settings);
    let error = source.next(Cursor::default()).await.err().expect("refused");
    assert!(
        matches!(&error, SourceError::Refused(why) if why.contains("invalid_grant")),
        "{error}"
    );
    assert_eq!(stored(&file), "refresh-77", "the file is left alone");
    provider.change(|state| state.away = true);
    let error = source.next(Cursor::default()).await.err().expect("away");
    assert!(matches!(&error, SourceError::Transient(_)), "{error}");
    mailbox.access = postroom::config::Access::Imap(settings);
    let report = check(&mailbox).await;
    assert_eq!((report.facts.len(), report.problems.len()), (1, 1), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_token_is_kept_though_nobody_waits_for_it_and_mailboxes_share_it() {
    let provider = Provider::default();
    let port = provider.start().await;
    let server = dovecot("xoauth2", port);
    let file = server.path().join("refresh");
    std::fs::write(&file, "refresh-0\n").expect("written");
    let (mailbox, mut settings) = mailbox(server.port);
    let tokens = Arc::new(Tokens::default());
    let source = |settings: &postroom::config::ImapSettings| {
        ImapSource::new(&mailbox, Account::sharing(settings.clone(), tokens.clone()))
    };
    // The service stops while the endpoint, which has rotated the token, is still answering.
    provider.change(|state| state.pause = Duration::from_secs(1));
    settings.login = login(port, &file, None);
    let mut stopped = source(&settings);
    let rotated = async {
        while provider.rotations() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        window = stopped.next(Cursor::default()) => panic!("{} mails", window.unwrap().mails.len()),
        () = rotated => {}
    }
    assert_eq!((provider.rotations(), stored(&file).as_str()), (1, "refresh-0"));
    tokens.settled().await;
    assert_eq!(stored(&file), "refresh-1");

    // Two mailboxes log in at once with one refresh token, and a third asks for another scope.
    let [mut one, mut other] = [source(&settings), source(&settings)];
    settings.login = login(port, &file, Some("imap"));
    let mut third = source(&settings);
    let all = Cursor::default;
    let (one, other, third) = tokio::join!(one.next(all()), other.next(all()), third.next(all()));
    for window in [one, other, third] {
        window.expect("logged in");
    }
    assert_eq!((provider.rotations(), stored(&file).as_str()), (2, "refresh-2"));
}
