//! Parses store URLs into store locations. The only parser of store URLs; it opens nothing.

use crate::storage::bridge_url::{BridgeUrl, BridgeUrlError};
use mongodb::options::ConnectionString;
use std::fmt;
use std::path::PathBuf;

/// The location of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    Sqlite(PathBuf),
    Mongo(MongoUri),
    /// A bridge in front of a store, which accepts outcomes and answers no query except for the work list.
    Bridge(BridgeUrl),
}

/// A MongoDB connection string. `Display` and `Debug` show neither user nor password.
#[derive(Clone, PartialEq, Eq)]
pub struct MongoUri(String);

/// The forms of a store URL, every scheme.
const FORMS: &str = "sqlite:PATH, mongodb://…, mongodb+srv://… or https://…";

/// The reason why a text is no store URL. No variant holds anything that could be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    #[error("the store URL is empty: write {forms}", forms = FORMS)]
    Empty,
    /// A scheme that no store has.
    #[error("no store has the scheme `{0}`: write {forms}", forms = FORMS)]
    Scheme(String),
    /// A bare path that does not look like a database file.
    #[error("`{0}` is no store URL: write {forms}; a bare path must end in .db or .sqlite", forms = FORMS)]
    Bare(String),
    /// No store URL, but with an `@` or a colon: there may be a password in it.
    #[error("this is no store URL (and not shown, for a password may be in it): write {forms}", forms = FORMS)]
    Hidden,
    /// A database that would vanish with the process, or a path that only a shell can expand.
    #[error("`{0}` names no file that lasts: write sqlite:PATH")]
    NoFile(String),
    /// The driver cannot read the connection string.
    #[error(
        "the MongoDB connection string cannot be read (and is not shown): write \
         mongodb://USER:PASSWORD@HOST:PORT/DATABASE, with every special character of user and password percent-encoded"
    )]
    Mongo,
    /// An invalid address of a bridge.
    #[error(transparent)]
    Bridge(#[from] BridgeUrlError),
}

impl StoreLocation {
    /// Reads `sqlite:PATH` (also `sqlite://PATH`), a bare path that ends in `.db`, `.sqlite` or `.sqlite3`,
    /// `mongodb://…`, `mongodb+srv://…`, and `https://…` (or `http://…`) for a bridge.
    ///
    /// # Errors
    /// [`LocationError`], which never repeats a user or password.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        if text.starts_with("mongodb://") || text.starts_with("mongodb+srv://") {
            return MongoUri::parse(text).map(StoreLocation::Mongo);
        }
        if BridgeUrl::is_meant(text) {
            return Ok(StoreLocation::Bridge(BridgeUrl::parse(text)?));
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            return file(path.strip_prefix("//").unwrap_or(path));
        }
        match text.split_once("://") {
            // What stands before `://` may also be a user and a password.
            Some((scheme, _)) if is_scheme(scheme) => Err(LocationError::Scheme(scheme.to_owned())),
            Some(_) => Err(LocationError::Hidden),
            None if [".db", ".sqlite", ".sqlite3"].iter().any(|end| text.ends_with(end)) => file(text),
            None if text.contains(['@', ':']) => Err(LocationError::Hidden),
            None => Err(LocationError::Bare(text.to_owned())),
        }
    }
}

/// True if a text can be the scheme of a URL (RFC 3986, section 3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|ch: char| ch.is_ascii_alphabetic())
        && text.chars().all(|ch| ch.is_ascii_alphanumeric() || "+-.".contains(ch))
}

fn file(path: &str) -> Result<StoreLocation, LocationError> {
    let lasting = !path.is_empty() && !path.starts_with([':', '~']) && !path.starts_with("file:");
    if lasting {
        Ok(StoreLocation::Sqlite(PathBuf::from(path)))
    } else {
        Err(LocationError::NoFile(path.to_owned()))
    }
}

impl MongoUri {
    fn parse(text: &str) -> Result<Self, LocationError> {
        match ConnectionString::parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            // The driver's error quotes the text that it cannot read, which may be a part of the password.
            Err(_) => Err(LocationError::Mongo),
        }
    }

    /// The connection string itself, secrets included: for the driver alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Removes every part of this string's user and password from a text.
    pub fn redact(&self, text: &str) -> String {
        let mut clean = text.replace(self.0.as_str(), &self.to_string());
        for secret in self.secrets() {
            clean = clean.replace(&secret, "***");
        }
        clean
    }

    /// `USER:PASSWORD`, and the password as written and as decoded; longest first.
    fn secrets(&self) -> Vec<String> {
        let Some((_, rest)) = self.0.split_once("://") else { return Vec::new() };
        let Some((userinfo, _)) = rest.rsplit_once('@') else { return Vec::new() };
        let password = userinfo.split_once(':').map_or("", |(_, password)| password);
        let decoded = ConnectionString::parse(&self.0)
            .ok()
            .and_then(|parsed| parsed.credential)
            .and_then(|credential| credential.password)
            .unwrap_or_default();
        let all = [userinfo.to_owned(), password.to_owned(), decoded];
        all.into_iter().filter(|secret| !secret.is_empty()).collect()
    }
}

/// The name of the store, without any secret.
impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreLocation::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            StoreLocation::Mongo(uri) => uri.fmt(f),
            StoreLocation::Bridge(url) => url.fmt(f),
        }
    }
}

/// Scheme and hosts; neither user, password, path nor options.
impl fmt::Display for MongoUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("mongodb", ""));
        let hosts = rest.rsplit_once('@').map_or(rest, |(_, hosts)| hosts);
        let end = hosts.find(['/', '?']).unwrap_or(hosts.len());
        write!(f, "{scheme}://{}", &hosts[..end])
    }
}

impl fmt::Debug for MongoUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MongoUri({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_files_and_servers() {
        for (text, path) in [
            ("sqlite:/var/lib/x.db", "/var/lib/x.db"),
            ("sqlite:///var/lib/x", "/var/lib/x"),
            ("sqlite:runs", "runs"),
            ("./runs.sqlite", "./runs.sqlite"),
            ("runs.db", "runs.db"),
        ] {
            assert_eq!(StoreLocation::parse(text), Ok(StoreLocation::Sqlite(path.into())), "{text}");
        }
        let Ok(StoreLocation::Mongo(uri)) = StoreLocation::parse("mongodb://u:p%40ss@a:1,b:2/db?w=1") else {
            panic!()
        };
        assert_eq!(uri.to_string(), "mongodb://a:1,b:2");
        assert_eq!(uri.expose(), "mongodb://u:p%40ss@a:1,b:2/db?w=1");
        assert_eq!(uri.redact("login u:p%40ss and p@ss"), "login *** and ***");
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(StoreLocation::parse(" "), Err(LocationError::Empty));
        assert_eq!(StoreLocation::parse("postgres://u:pw@h"), Err(LocationError::Scheme("postgres".into())));
        assert_eq!(StoreLocation::parse("u:pw@h"), Err(LocationError::Hidden));
        assert_eq!(StoreLocation::parse("u:pw://@h"), Err(LocationError::Hidden));
        for wrong in ["", "foo:", "foo:x", "foo://x", "runs"] {
            let said = StoreLocation::parse(wrong).unwrap_err().to_string();
            assert!(said.contains(FORMS), "{wrong}: {said}");
        }
        assert_eq!(StoreLocation::parse("runs"), Err(LocationError::Bare("runs".into())));
        assert_eq!(StoreLocation::parse("sqlite::memory:"), Err(LocationError::NoFile(":memory:".into())));
        assert_eq!(StoreLocation::parse("sqlite:"), Err(LocationError::NoFile(String::new())));
        assert!(matches!(StoreLocation::parse("mongodb://"), Err(LocationError::Mongo)));
    }

    proptest! {
        #[test]
        fn no_password_is_ever_printed(tail in "[ -~]{0,12}", head in "(mongodb://|mongodb\\+srv://|postgres://|https://|http://|)") {
            let text = format!("{head}user:Hunter2{tail}@host/db");
            let shown = match StoreLocation::parse(&text) {
                Ok(location) => format!("{location:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            let path = matches!(StoreLocation::parse(&text), Ok(StoreLocation::Sqlite(_)));
            prop_assert!(path || !shown.contains("Hunter2"), "{}", shown);
        }
    }
}
