//! A configured proxy for measured requests: its CONNECT opens the connection, for https and plain http alike, so
//! that every byte after its answer comes from the host itself. No environment variable sets it.

use super::request::Origin;
use crate::domain::secret::Secret;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use url::Url;

/// The largest accepted head of an answer to CONNECT, bytes.
const HEAD_LIMIT: usize = 16 * 1024;
/// The longest quotation of a status line's text, characters.
const LONGEST_WORDS: usize = 60;

/// A proxy that speaks HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct ForwardProxy {
    host: String,
    port: u16,
    /// `USER:PASSWORD`, decoded.
    login: Option<Secret>,
}

impl ForwardProxy {
    /// Parses `http://HOST:PORT` or `http://USER:PASSWORD@HOST:PORT`.
    ///
    /// # Errors
    /// The reason why it is no proxy, without the text, which may contain a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT";
        let url = Url::parse(text.trim()).map_err(|error| format!("it is no URL ({error}): {FORM}"))?;
        if url.scheme() != "http" {
            return Err(format!("measured requests go through http proxies alone: {FORM}"));
        }
        let host =
            url.host_str().filter(|host| !host.is_empty()).ok_or(format!("it names no host: {FORM}"))?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(format!("it has a path: {FORM}"));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let named = !url.username().is_empty() || url.password().is_some();
        let login = named.then(|| {
            Secret::new(format!(
                "{}:{}",
                decoded(url.username()),
                decoded(url.password().unwrap_or_default())
            ))
        });
        Ok(Self { host, port: url.port_or_known_default().unwrap_or(80), login })
    }

    /// The machine to which TCP connects.
    pub fn origin(&self) -> Origin {
        Origin { tls: false, host: self.host.clone(), port: self.port }
    }

    /// The text that must not appear in a message: the password, or the user if there is none.
    pub fn secret(&self) -> Option<Secret> {
        let (user, password) = self.login.as_ref()?.expose().split_once(':')?;
        let telling = if password.is_empty() { user } else { password };
        Some(Secret::new(telling))
    }

    /// The value of the `Proxy-Authorization` header.
    pub fn authorization(&self) -> Option<Secret> {
        let login = self.login.as_ref()?;
        Some(Secret::new(format!("Basic {}", BASE64_STANDARD.encode(login.expose()))))
    }

    /// Asks the proxy to connect this stream to `target`.
    ///
    /// # Errors
    /// One sentence with the proxy and, if it answered, the status.
    pub async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        target: &Origin,
    ) -> Result<(), String> {
        let there = target.authority();
        let broken = |error: io::Error| format!("the proxy {self} gave no connection to {there}: {error}");
        let mut head = format!("CONNECT {there} HTTP/1.1\r\nhost: {there}\r\n");
        if let Some(value) = self.authorization() {
            head.push_str(&format!("proxy-authorization: {}\r\n", value.expose()));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await.map_err(broken)?;
        stream.flush().await.map_err(broken)?;
        match answer(stream).await {
            Ok(()) => Ok(()),
            Err(TunnelFault::Refused(status, words)) => {
                let hint = if status == 407 { "; put USER:PASSWORD@ into its URL" } else { "" };
                Err(format!("the proxy {self} refused a connection to {there}: HTTP {status}{words}{hint}"))
            }
            Err(TunnelFault::Broken(error)) => Err(broken(error)),
        }
    }
}

enum TunnelFault {
    /// Status and its text, with a leading space.
    Refused(u16, String),
    Broken(io::Error),
}

/// Reads the answer's head, byte by byte, because the bytes after it come from the host.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(), TunnelFault> {
    let other = |why: &str| TunnelFault::Broken(io::Error::other(why.to_owned()));
    let mut head = Vec::new();
    loop {
        if head.len() == HEAD_LIMIT {
            return Err(other("its answer's head is larger than 16 KiB"));
        }
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(other("it closed the connection without an answer"));
            }
            Err(error) => return Err(TunnelFault::Broken(error)),
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {}
            _ => return Err(other("its answer is no HTTP/1.1")),
        }
        let status = response.code.unwrap_or(0);
        match status {
            200 => return Ok(()),
            // 100 Continue and similar statuses precede the final head.
            100..=199 => head.clear(),
            _ => {
                let words: String = response.reason.unwrap_or_default().chars().take(LONGEST_WORDS).collect();
                let words = words.trim().escape_debug().to_string();
                let words = if words.is_empty() { words } else { format!(" {words}") };
                return Err(TunnelFault::Refused(status, words));
            }
        }
    }
}

impl fmt::Display for ForwardProxy {
    /// Writes `proxy.example:3128`, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin().authority())
    }
}

impl fmt::Debug for ForwardProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForwardProxy({self})")
    }
}

impl Hash for ForwardProxy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.host.hash(state);
        self.port.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_shows_neither_user_nor_password() {
        let proxy = ForwardProxy::parse("http://ann:canary%40key@p.example:3128").unwrap();
        assert_eq!(format!("{proxy} {proxy:?}"), "p.example:3128 ForwardProxy(p.example:3128)");
        assert_eq!(proxy.secret().unwrap().expose(), "canary@key");
        assert_eq!(proxy.authorization().unwrap().expose(), "Basic YW5uOmNhbmFyeUBrZXk=");
        let plain = ForwardProxy::parse("http://[::1]").unwrap();
        assert_eq!((plain.to_string().as_str(), plain.secret()), ("[::1]:80", None));
        assert_eq!(ForwardProxy::parse("http://token@h:1").unwrap().secret().unwrap().expose(), "token");
    }

    #[test]
    fn what_is_no_http_proxy_is_refused_without_repeating_it() {
        for wrong in [
            "canary",
            "canary.example:3128",
            "https://u:canary@h:1",
            "socks5://u:canary@h:1",
            "http://u:canary@h/path",
            "http://u:canary@",
        ] {
            let said = ForwardProxy::parse(wrong).unwrap_err();
            assert!(!said.contains("canary") && said.contains("http://HOST:PORT"), "{wrong}: {said}");
        }
    }
}
