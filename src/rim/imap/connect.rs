//! Getting in: the connection, its encryption, and the login.
//!
//! It never goes on unencrypted where encryption was asked for, and never logs a secret. What the
//! connection is used for it doesn't know.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{error::Elapsed, timeout};
use tokio_rustls::TlsConnector;

use super::certificate;
use super::fault::Fault;
use super::guard::Wire;
use super::oauth::Tokens;
use super::session::{Session, quoted};
use crate::config::{ImapSettings, Login, Secret, Tls};
use crate::rim::secret;

/// A server and who we are to it.
#[derive(Debug)]
pub struct Account {
    settings: ImapSettings,
    tokens: Arc<Tokens>,
}

impl Account {
    /// An account with these settings, alone with its tokens.
    #[must_use]
    pub fn new(settings: ImapSettings) -> Arc<Self> {
        Self::sharing(settings, Arc::default())
    }

    /// An account with these settings and the tokens of all accounts.
    #[must_use]
    pub fn sharing(settings: ImapSettings, tokens: Arc<Tokens>) -> Arc<Self> {
        Arc::new(Self { settings, tokens })
    }

    /// Whether IDLE may be used.
    pub(super) fn idle(&self) -> bool {
        self.settings.idle
    }

    /// How the connection is encrypted.
    pub(super) fn tls(&self) -> Tls {
        self.settings.tls
    }

    /// Connects and logs in.
    pub(super) async fn connect(&self) -> Result<Session, Fault> {
        let (session, known) = self.greeted().await?;
        self.enter(session, known).await
    }

    /// Connects and reads the greeting; says whether the server takes us for logged in.
    pub(super) async fn greeted(&self) -> Result<(Session, bool), Fault> {
        let (mut session, greeted) = self.reach().await?;
        let known = if greeted { false } else { session.greeting().await? };
        Ok((session, known))
    }

    /// Logs in where that is left to do.
    pub(super) async fn enter(&self, mut session: Session, known: bool) -> Result<Session, Fault> {
        let known = session.ask_capabilities().await? || known;
        if !known {
            self.login(&mut session).await?;
            // What was announced before no longer counts: a server may go on to announce
            // LOGINDISABLED, or keep MOVE for those whom it knows (RFC 3501 §6.1.1).
            session.ask_capabilities().await?;
        }
        if session.can("ID") {
            introduce(&mut session).await?;
        }
        Ok(session)
    }

    /// A connection, encrypted as asked; says whether its greeting was read already.
    async fn reach(&self) -> Result<(Session, bool), Fault> {
        let settings = &self.settings;
        let address = format!("{}:{}", settings.host, settings.port);
        let tcp =
            timeout(settings.timeout, TcpStream::connect((settings.host.as_str(), settings.port)))
                .await
                .map_err(|_: Elapsed| Fault::Lost(format!("`{address}` doesn't answer")))?
                .map_err(|error| Fault::Lost(format!("can't connect to `{address}`: {error}")))?;
        // Commands are small and each is waited for; Nagle's algorithm would only delay them.
        tcp.set_nodelay(true)
            .map_err(|error| Fault::Lost(format!("can't connect to `{address}`: {error}")))?;
        let wire: Box<dyn Wire> = match settings.tls {
            Tls::None => Box::new(tcp),
            Tls::Implicit => self.encrypted(tcp).await?,
            Tls::StartTls => {
                let tcp = timeout(settings.timeout, start_tls(tcp))
                    .await
                    .map_err(|_: Elapsed| Fault::Lost(format!("`{address}` is silent")))??;
                self.encrypted(tcp).await?
            }
        };
        Ok((Session::new(wire, settings.timeout), settings.tls == Tls::StartTls))
    }

    async fn encrypted(&self, tcp: TcpStream) -> Result<Box<dyn Wire>, Fault> {
        let host = &self.settings.host;
        let name = ServerName::try_from(host.clone())
            .map_err(|_| Fault::Misconfigured(format!("`{host}` is no host name")))?;
        let connector = TlsConnector::from(Arc::new(self.trust()?));
        let stream = timeout(self.settings.timeout, connector.connect(name, tcp))
            .await
            .map_err(|_: Elapsed| Fault::Lost(format!("`{host}` is silent")))?
            .map_err(|error| match error.get_ref().and_then(|e| e.downcast_ref()) {
                Some(rustls::Error::InvalidCertificate(why)) => {
                    Fault::Misconfigured(certificate::refused(host, why))
                }
                _ => Fault::Lost(format!("no encrypted connection to `{host}`: {error}")),
            })?;
        Ok(Box::new(stream))
    }

    fn trust(&self) -> Result<rustls::ClientConfig, Fault> {
        let wrong = |why: String| Fault::Misconfigured(why);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?;
        let Some(path) = &self.settings.ca_file else {
            return Ok(builder
                .with_platform_verifier()
                .map_err(|error| wrong(format!("can't read the system's certificates: {error}")))?
                .with_no_client_auth());
        };
        let shown = path.display();
        let mut roots = rustls::RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(path)
            .map_err(|error| wrong(format!("can't read `{shown}`: {error}")))?;
        for certificate in certificates {
            certificate
                .map_err(|error| wrong(format!("`{shown}` is not in PEM form: {error}")))
                .and_then(|der| {
                    roots.add(der).map_err(|error| wrong(format!("`{shown}`: {error}")))
                })?;
        }
        if roots.is_empty() {
            return Err(wrong(format!("`{shown}` holds no certificate")));
        }
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }

    async fn login(&self, session: &mut Session) -> Result<(), Fault> {
        match &self.settings.login {
            Login::Password { user, password } => with_password(session, user, password).await,
            Login::OAuth { user, token } => {
                let access = self.tokens.access(token).await?;
                let result = with_token(session, user, &access).await;
                if matches!(result, Err(Fault::Refused(_))) {
                    // It may have been revoked: the next login asks for another.
                    self.tokens.forget(token).await;
                }
                result
            }
        }
    }
}

/// Speaks IMAP in the clear just long enough to begin encryption.
async fn start_tls(tcp: TcpStream) -> Result<TcpStream, Fault> {
    let mut stream = BufReader::new(tcp);
    let greeting = clear_line(&mut stream).await?;
    // A server that greets with PREAUTH can't begin encryption any more (RFC 9051 §7.1.4).
    if !greeting.starts_with("* OK") {
        return Err(Fault::answered("greeting", &greeting, false));
    }
    let offered = clear_command(&mut stream, "S1", "CAPABILITY").await?;
    if !offered.iter().any(|line| line.split_whitespace().any(|word| word == "STARTTLS")) {
        return Err(Fault::Misconfigured(
            "the server doesn't offer STARTTLS, and nothing is sent without encryption: set `tls` to `implicit` if it has a port for that"
                .to_owned(),
        ));
    }
    clear_command(&mut stream, "S2", "STARTTLS").await?;
    // What came before the handshake wasn't protected: somebody may have put it there to be
    // taken for an answer under encryption.
    if !stream.buffer().is_empty() {
        return Err(Fault::Lost("something was injected before encryption began".to_owned()));
    }
    Ok(stream.into_inner())
}

async fn clear_command(
    stream: &mut BufReader<TcpStream>,
    tag: &str,
    command: &str,
) -> Result<Vec<String>, Fault> {
    let gone = |error| Fault::Lost(format!("the connection to the server is lost: {error}"));
    stream.get_mut().write_all(format!("{tag} {command}\r\n").as_bytes()).await.map_err(gone)?;
    let mut lines = Vec::new();
    while lines.len() < 100 {
        let line = clear_line(stream).await?;
        match line.strip_prefix(tag) {
            Some(answer) if answer.to_ascii_uppercase().starts_with(" OK") => return Ok(lines),
            Some(answer) => return Err(Fault::answered(command, answer, false)),
            None => lines.push(line.to_ascii_uppercase()),
        }
    }
    Err(Fault::Lost("the server talks without end".to_owned()))
}

async fn clear_line(stream: &mut BufReader<TcpStream>) -> Result<String, Fault> {
    let mut line = String::new();
    match stream.take(8192).read_line(&mut line).await {
        Ok(_) if line.ends_with('\n') => Ok(line.trim_end().to_owned()),
        Ok(_) => Err(Fault::Lost("the server closed the connection".to_owned())),
        Err(error) => Err(Fault::Lost(format!("the connection to the server is lost: {error}"))),
    }
}

async fn with_password(session: &mut Session, user: &str, from: &Secret) -> Result<(), Fault> {
    let password = secret::read(from).await.map_err(|error| Fault::Refused(error.to_string()))?;
    let plain = password.expose_secret();
    // RFC 3501 §4.3: a quoted string is of 7-bit characters.
    let disabled = session.can("LOGINDISABLED");
    if disabled || (!(user.is_ascii() && plain.is_ascii()) && session.can("AUTH=PLAIN")) {
        if !session.can("AUTH=PLAIN") {
            return Err(Fault::Misconfigured(
                "the server takes no password on this connection: set `tls` to `implicit` or `starttls`"
                    .to_owned(),
            ));
        }
        let message = SecretString::from(format!("\0{user}\0{plain}"));
        return authenticate(session, "PLAIN", &message, "").await;
    }
    let command = format!("LOGIN {} {}", quoted(user), quoted(plain));
    session.command("login", &command, |_| {}).await.map_err(Fault::at_login).map(|_| ())
}

async fn with_token(session: &mut Session, user: &str, access: &SecretString) -> Result<(), Fault> {
    let token = access.expose_secret();
    if session.can("AUTH=OAUTHBEARER") {
        // RFC 7628 §3.1. A name in a GS2 header spells `,` and `=` as `=2C` and `=3D`.
        let name = user.replace('=', "=3D").replace(',', "=2C");
        let message = SecretString::from(format!("n,a={name},\x01auth=Bearer {token}\x01\x01"));
        // RFC 7628 §3.2.3: the client answers an error with a lone %x01.
        return authenticate(session, "OAUTHBEARER", &message, "AQ==").await;
    }
    if session.can("AUTH=XOAUTH2") {
        let message = SecretString::from(format!("user={user}\x01auth=Bearer {token}\x01\x01"));
        return authenticate(session, "XOAUTH2", &message, "").await;
    }
    Err(Fault::Misconfigured("the server takes no OAuth token".to_owned()))
}

/// AUTHENTICATE with a mechanism of one message. A server that asks for more after it reports an
/// error that way; `on_error` makes it end with a NO.
async fn authenticate(
    session: &mut Session,
    mechanism: &str,
    message: &SecretString,
    on_error: &str,
) -> Result<(), Fault> {
    let encoded = BASE64.encode(message.expose_secret());
    let tag;
    let prompt;
    if session.can("SASL-IR") {
        tag = session.send(&format!("AUTHENTICATE {mechanism} {encoded}")).await?;
        prompt = session.prompted("login", &tag).await.map_err(Fault::at_login)?;
    } else {
        tag = session.send(&format!("AUTHENTICATE {mechanism}")).await?;
        session.prompted("login", &tag).await.map_err(Fault::at_login)?;
        session.send_line(&encoded).await?;
        prompt = session.prompted("login", &tag).await.map_err(Fault::at_login)?;
    }
    if prompt.is_none() {
        return Ok(());
    }
    session.send_line(on_error).await?;
    match session.finish("login", &tag, |_| {}).await.map_err(Fault::at_login) {
        Ok(_) => Err(Fault::Refused("the server refuses the login".to_owned())),
        Err(fault) => Err(fault),
    }
}

/// RFC 2971. Some servers (163.com is one) open no folder to a client without a name.
async fn introduce(session: &mut Session) -> Result<(), Fault> {
    let version = env!("CARGO_PKG_VERSION");
    let command = format!("ID (\"name\" \"postroom\" \"version\" \"{version}\")");
    match session.command("id", &command, |_| {}).await {
        // Whether it likes our name is of no consequence.
        Ok(_) | Err(Fault::Denied { .. }) => Ok(()),
        Err(fault) => Err(fault),
    }
}
