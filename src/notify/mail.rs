//! Mail over SMTP: server, protection of the connection, and one message to one recipient. Passwords and text never
//! cross a network unencrypted; a server on this machine may be used without encryption.

use super::SendContext;
use crate::domain::notice::NoticeMessage;
use crate::domain::secret::Secret;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::net::IpAddr;
use std::time::Duration;
use url::Url;

/// All settings of mail.
#[derive(Debug, Clone, PartialEq)]
pub struct MailConfig {
    pub server: SmtpServer,
    /// Login for the server, if it requires one.
    pub login: Option<SmtpLogin>,
    pub from: MailAddress,
    /// The recipients; each gets a separate message.
    pub to: Vec<MailAddress>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SmtpLogin {
    pub user: String,
    pub password: Secret,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// Host name or IP address.
    pub host: String,
    pub port: u16,
    pub protection: Protection,
}

/// The protection of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// TLS from the first byte (`smtps://`).
    Tls,
    /// `STARTTLS`; without it no mail is sent.
    StartTls,
    /// None: `?tls=none`, or a server on this machine.
    None,
}

/// An address with or without a name: `Ann <ann@example.com>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailAddress(Mailbox);

impl MailAddress {
    /// Parses a mail address.
    ///
    /// # Errors
    /// A message that does not contain the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        // A line break could begin another header.
        if text.contains(char::is_control) {
            return Err("it holds a control character".to_owned());
        }
        text.trim().parse().map(Self).map_err(|error| format!("it is no mail address: {error}"))
    }

    /// The address alone: `ann@example.com`.
    pub fn bare(&self) -> String {
        self.0.email.to_string()
    }
}

/// The content of a mail server's URL.
#[derive(Debug, Clone, PartialEq)]
pub struct SmtpUrl {
    pub server: SmtpServer,
    pub user: Option<String>,
    pub password: Option<Secret>,
}

impl SmtpUrl {
    /// Parses `smtp://USER:PASSWORD@HOST:PORT?tls=…` or `smtps://…`. User, password, port and `tls` are optional.
    ///
    /// # Errors
    /// A message that repeats only the scheme of the URL, which may contain a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text.trim()).map_err(|error| format!("it is no URL ({error}): {FORM}"))?;
        let host =
            url.host_str().filter(|host| !host.is_empty()).ok_or(format!("it names no host: {FORM}"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let protection = protection(&url, &host)?;
        let standard = match protection {
            Protection::Tls => 465,
            Protection::StartTls => 587,
            Protection::None => 25,
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(format!("it has a path: {FORM}"));
        }
        let decoded = |text: &str| {
            let query = format!("x={}", text.replace('+', "%2B"));
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        Ok(Self {
            server: SmtpServer { host, port: url.port().unwrap_or(standard), protection },
            user: Some(url.username()).filter(|user| !user.is_empty()).map(decoded),
            password: url.password().map(decoded).map(Secret::new),
        })
    }
}

/// The expected form of the URL.
const FORM: &str = "write smtp://USER@HOST:587 (STARTTLS) or smtps://USER@HOST:465";

fn protection(url: &Url, host: &str) -> Result<Protection, String> {
    let wish: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let wish: Vec<(&str, &str)> = wish.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match (url.scheme(), wish.as_slice()) {
        ("smtps", []) => Ok(Protection::Tls),
        ("smtp", []) if is_local(host) => Ok(Protection::None),
        ("smtp", [] | [("tls", "required")]) => Ok(Protection::StartTls),
        ("smtp", [("tls", "none")]) => Ok(Protection::None),
        ("smtp", _) => Err("after ? it may say tls=required or tls=none, nothing else".to_owned()),
        ("smtps", _) => Err("smtps:// is TLS from the first byte and takes no ?".to_owned()),
        (other, _) => Err(format!("its scheme is `{other}`: {FORM}")),
    }
}

/// True if the host is this machine.
pub fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl MailConfig {
    /// Sends one message to one recipient.
    pub(super) async fn send(
        &self,
        to: &MailAddress,
        letter: &NoticeMessage,
        means: &SendContext,
    ) -> Result<(), String> {
        let message = self.message(to, letter)?;
        let transport = self.transport(means)?;
        let place = format!("{}:{}", self.server.host, self.server.port);
        let total = means.limits.total;
        match tokio::time::timeout(total, transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(format!("the mail server {place} did not take it: {}", spoken(&error))),
            Err(_) => Err(format!("the mail server {place} did not take it within {}", seconds(total))),
        }
    }

    fn message(&self, to: &MailAddress, letter: &NoticeMessage) -> Result<Message, String> {
        let domain = self.from.0.email.domain();
        let built = Message::builder()
            .from(self.from.0.clone())
            .to(to.0.clone())
            .subject(letter.subject.as_str())
            .message_id(Some(format!("<{}@{domain}>", letter.id)))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone());
        let mut message = built.map_err(|error| format!("the mail cannot be written: {error}"))?;
        // Prevents automatic replies (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
        Ok(message)
    }

    fn transport(&self, means: &SendContext) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let SmtpServer { host, port, protection } = &self.server;
        let tls = match protection {
            Protection::Tls => Tls::Wrapper(authorities(host, means)?),
            Protection::StartTls => Tls::Required(authorities(host, means)?),
            Protection::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.as_str())
            .port(*port)
            .tls(tls)
            .timeout(Some(means.limits.connect.min(means.limits.total)));
        if let Some(SmtpLogin { user, password }) = &self.login {
            transport = transport.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        Ok(transport.build())
    }
}

/// The public certificate authorities and the operator's own. Verification is never disabled.
fn authorities(host: &str, means: &SendContext) -> Result<TlsParameters, String> {
    let mut tls = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::WebpkiRoots);
    if let Some(path) = &means.extra_ca {
        let unreadable =
            |why: String| format!("cannot read certificate authorities from {}: {why}", path.display());
        let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        tls = tls.add_root_certificate(
            Certificate::from_pem(&pem).map_err(|error| unreadable(error.to_string()))?,
        );
    }
    tls.build().map_err(|error| format!("cannot set up TLS: {error}"))
}

/// The error's message without the repetitions that nested errors cause.
fn spoken(error: &lettre::transport::smtp::Error) -> String {
    let text = error.to_string();
    let mut parts: Vec<&str> = text.split(": ").collect();
    parts.dedup();
    parts.join(": ")
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn server(text: &str) -> (String, u16, Protection) {
        let SmtpServer { host, port, protection } = SmtpUrl::parse(text).unwrap().server;
        (host, port, protection)
    }

    #[test]
    fn urls_name_servers() {
        let is = |host: &str, port, protection| (host.to_owned(), port, protection);
        assert_eq!(server("smtps://mx.example.com"), is("mx.example.com", 465, Protection::Tls));
        assert_eq!(server("smtp://mx.example.com"), is("mx.example.com", 587, Protection::StartTls));
        assert_eq!(server("smtp://mx.example.com:25?tls=none"), is("mx.example.com", 25, Protection::None));
        assert_eq!(server("smtp://127.0.0.1:2525"), is("127.0.0.1", 2525, Protection::None));
        assert_eq!(server("smtp://localhost?tls=required"), is("localhost", 587, Protection::StartTls));
        assert_eq!(server("smtp://[::1]"), is("::1", 25, Protection::None));
        let named = SmtpUrl::parse("smtp://ann%40example.com:p%40ss+1@mx.example.com").unwrap();
        assert_eq!(named.user.as_deref(), Some("ann@example.com"));
        assert_eq!(named.password.unwrap().expose(), "p@ss+1");
    }

    #[test]
    fn what_is_no_server_is_refused_without_repeating_it() {
        for wrong in [
            "mx.example.com:canary",
            "canary",
            "https://u:canary@mx.example.com",
            "smtp://u:canary@mx.example.com?tls=maybe",
            "smtps://u:canary@mx.example.com?tls=none",
            "smtp://u:canary@mx.example.com/canary",
            "smtp://u:canary@",
        ] {
            let said = SmtpUrl::parse(wrong).unwrap_err();
            assert!(!said.contains("canary") || wrong.starts_with("mx."), "{wrong}: {said}");
        }
    }

    fn mail() -> MailConfig {
        MailConfig {
            server: SmtpUrl::parse("smtp://localhost").unwrap().server,
            login: None,
            from: MailAddress::parse("llmbench <bench@example.com>").unwrap(),
            to: vec![MailAddress::parse("ann@example.com").unwrap()],
        }
    }

    fn written(subject: &str, text: &str) -> String {
        let letter = NoticeMessage {
            id: "0f".to_owned(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            document: Value::Null,
        };
        let mail = mail();
        String::from_utf8(mail.message(&mail.to[0], &letter).unwrap().formatted()).unwrap()
    }

    #[test]
    fn addresses_hold_no_line_break() {
        assert_eq!(MailAddress::parse(" Ann <ann@example.com> ").unwrap().bare(), "ann@example.com");
        for wrong in ["", "ann", "ann@example.com\r\nBcc: eve@example.com", "Ann\n <ann@example.com>"] {
            assert!(MailAddress::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_letter_says_who_wrote_it() {
        let written = written("two new models", "groq:a\ngroq:b\n");
        for line in [
            "From: llmbench <bench@example.com>\r\n",
            "To: ann@example.com\r\n",
            "Subject: two new models\r\n",
            "Message-ID: <0f@example.com>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "MIME-Version: 1.0\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "\r\n\r\ngroq:a\r\ngroq:b\r\n",
        ] {
            assert!(written.contains(line), "{line:?} in {written}");
        }
    }

    proptest! {
        #[test]
        fn no_subject_and_no_text_forges_a_header(subject in any::<String>(), text in any::<String>()) {
            let written = written(&subject, &text);
            let (head, _) = written.split_once("\r\n\r\n").unwrap();
            let names: Vec<&str> =
                head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).map(|line| line.split(':').next().unwrap()).collect();
            let known = ["From", "To", "Subject", "Message-ID", "Content-Type", "Date", "Auto-Submitted", "MIME-Version",
                "Content-Transfer-Encoding"];
            prop_assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
        }
    }
}
