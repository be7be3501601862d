//! Resolves the recipients of notices: environment, then `[notify]` of the file. `notify` defines the forms of mail
//! servers and webhooks.

use super::file::NotifyEntry;
use super::profiles::beside;
use super::{Env, SettingsError, keys};
use crate::domain::env_vars::{
    LLMBENCH_NOTIFY_FROM, LLMBENCH_NOTIFY_TO, LLMBENCH_SMTP_PASSWORD, LLMBENCH_SMTP_URL, LLMBENCH_WEBHOOK_URL,
};
use crate::domain::secret::Secret;
use crate::domain::sourced::{Source, Sourced};
use crate::notify::NotifyConfig;
use crate::notify::mail::{MailAddress, MailConfig, Protection, SmtpLogin, SmtpUrl, is_local};
use crate::notify::webhook::Webhook;
use std::path::Path;

/// Resolves all settings of notices. Without any, there are no recipients, which is no error.
///
/// # Errors
/// [`SettingsError`] if a part is missing or invalid; none repeats a password or a webhook.
pub(super) fn resolve(entry: &NotifyEntry, path: &Path, env: &Env) -> Result<NotifyConfig, SettingsError> {
    let found = NotifyResolver { entry, path, env };
    Ok(NotifyConfig { mail: found.mail()?, webhook: found.webhook()? })
}

struct NotifyResolver<'a> {
    entry: &'a NotifyEntry,
    path: &'a Path,
    env: &'a Env,
}

impl NotifyResolver<'_> {
    fn of_env(&self, name: &str) -> Option<Sourced<String>> {
        self.env.get(name).map(|value| Sourced::new(value.to_owned(), Source::Env(name.to_owned())))
    }

    fn in_file<T>(&self, value: T) -> Sourced<T> {
        Sourced::new(value, Source::File(self.path.to_owned()))
    }

    fn mail(&self) -> Result<Option<MailConfig>, SettingsError> {
        let in_file = self.entry.smtp_url.as_ref().map(|url| self.in_file(url.expose().to_owned()));
        let url = self.of_env(LLMBENCH_SMTP_URL).or(in_file);
        let (from, to) = (self.sender()?, self.recipients()?);
        let Some(url) = url else {
            return match (from, to.first()) {
                (None, None) => Ok(None),
                _ => Err(missing("smtp_url", LLMBENCH_SMTP_URL, "the server that takes its mail")),
            };
        };
        let named =
            SmtpUrl::parse(&url.value).map_err(|reason| value("notify: smtp_url", &url.source, reason))?;
        let from = from.ok_or_else(|| missing("from", LLMBENCH_NOTIFY_FROM, "the sender's address"))?;
        if to.is_empty() {
            return Err(missing("to", LLMBENCH_NOTIFY_TO, "somebody's address"));
        }
        let login = self.login(&named, &url.source)?;
        let exposed = named.server.protection == Protection::None && !is_local(&named.server.host);
        if exposed && login.is_some() {
            let reason =
                "tls=none would send the password in the clear: leave it out, or use smtps://".to_owned();
            return Err(value("notify: smtp_url", &url.source, reason));
        }
        Ok(Some(MailConfig { server: named.server, login, from, to }))
    }

    fn sender(&self) -> Result<Option<MailAddress>, SettingsError> {
        let in_file = self.entry.from.clone().map(|text| self.in_file(text));
        let found = self.of_env(LLMBENCH_NOTIFY_FROM).or(in_file);
        found.map(|text| address("notify: from", &text)).transpose()
    }

    /// All recipients, without duplicates, in order.
    fn recipients(&self) -> Result<Vec<MailAddress>, SettingsError> {
        let texts = match self.of_env(LLMBENCH_NOTIFY_TO) {
            Some(Sourced { value, source }) => {
                let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| Sourced::new(part.to_owned(), source.clone())).collect()
            }
            None => self.entry.to.iter().map(|text| self.in_file(text.clone())).collect::<Vec<_>>(),
        };
        let mut found: Vec<MailAddress> = Vec::new();
        for text in texts {
            let one = address("notify: to", &text)?;
            if found.iter().all(|there| there.bare() != one.bare()) {
                found.push(one);
            }
        }
        Ok(found)
    }

    fn login(&self, named: &SmtpUrl, url: &Source) -> Result<Option<SmtpLogin>, SettingsError> {
        match (named.user.clone(), self.password(named)?) {
            (None, None) => Ok(None),
            (Some(user), Some(password)) => Ok(Some(SmtpLogin { user, password })),
            (Some(_), None) => Err(missing(
                "smtp_password_file or smtp_password_env",
                LLMBENCH_SMTP_PASSWORD,
                "the password of the user in smtp_url",
            )),
            (None, Some(_)) => Err(value(
                "notify: smtp_url",
                url,
                "there is a password and no user: write smtp://USER@HOST".to_owned(),
            )),
        }
    }

    /// The password: `LLMBENCH_SMTP_PASSWORD`, the configured variable, the file, the URL.
    fn password(&self, named: &SmtpUrl) -> Result<Option<Secret>, SettingsError> {
        if let Some(found) = self.of_env(LLMBENCH_SMTP_PASSWORD) {
            return Ok(Some(Secret::new(found.value)));
        }
        if let Some(name) = &self.entry.smtp_password_env {
            return self.variable("smtp_password_env", name).map(Some);
        }
        if let Some(file) = &self.entry.smtp_password_file {
            let read = keys::read_file(&beside(self.path, file));
            let source = Source::File(self.path.to_owned());
            let read = read.map_err(|error| value("notify: smtp_password_file", &source, error.to_string()));
            return read.map(Secret::new).map(Some);
        }
        Ok(named.password.clone())
    }

    fn webhook(&self) -> Result<Option<Webhook>, SettingsError> {
        let found = match (self.of_env(LLMBENCH_WEBHOOK_URL), &self.entry.webhook_url_env) {
            (Some(found), _) => Some(found.map(Secret::new)),
            (None, Some(name)) => {
                let url = self.variable("webhook_url_env", name)?;
                Some(Sourced::new(url, Source::Env(name.clone())))
            }
            (None, None) => self.entry.webhook_url.clone().map(|url| self.in_file(url)),
        };
        let Some(Sourced { value: url, source }) = found else { return Ok(None) };
        let webhook = Webhook::parse(url.expose());
        webhook.map(Some).map_err(|reason| value("notify: webhook_url", &source, reason))
    }

    fn variable(&self, key: &str, name: &str) -> Result<Secret, SettingsError> {
        let unset = || {
            let source = Source::File(self.path.to_owned());
            value(
                &format!("notify: {key}"),
                &source,
                format!("the variable {} is not set", name.escape_debug()),
            )
        };
        self.env.get(name).map(Secret::new).ok_or_else(unset)
    }
}

fn address(what: &str, text: &Sourced<String>) -> Result<MailAddress, SettingsError> {
    MailAddress::parse(&text.value)
        .map_err(|reason| value(what, &text.source, format!("`{}`: {reason}", text.value.escape_debug())))
}

fn missing(key: &str, variable: &str, what: &str) -> SettingsError {
    SettingsError::Value {
        what: format!("notify: {key}"),
        source_name: "not set".to_owned(),
        reason: format!("{what} is needed, as {key} under [notify] or in {variable}"),
    }
}

fn value(what: &str, source: &Source, reason: String) -> SettingsError {
    SettingsError::Value { what: what.to_owned(), source_name: source.to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::file::parse;

    fn found(text: &str, env: &[(&str, &str)]) -> Result<NotifyConfig, SettingsError> {
        let path = Path::new("/etc/c.toml");
        resolve(&parse(text, path).unwrap().notify, path, &Env::from_pairs(env.iter().copied()))
    }

    fn said(text: &str, env: &[(&str, &str)]) -> String {
        found(text, env).unwrap_err().to_string()
    }

    const MAIL: &str = "[notify]\nsmtp_url = 'smtp://ann@mx.example.com'\nfrom = 'b@example.com'\nto = ['ann@example.com']\n";

    #[test]
    fn nothing_is_nobody() {
        assert_eq!(found("", &[]).unwrap(), NotifyConfig::default());
        assert!(found("", &[]).unwrap().destinations().is_empty());
    }

    #[test]
    fn the_file_and_who_wins_over_it() {
        let env = [(LLMBENCH_SMTP_PASSWORD, "canary")];
        let notify = found(MAIL, &env).unwrap();
        let mail = notify.mail.unwrap();
        assert_eq!((mail.server.host.as_str(), mail.server.port), ("mx.example.com", 587));
        assert_eq!(mail.login.unwrap().password.expose(), "canary");
        let env = [
            (LLMBENCH_SMTP_URL, "smtps://mx2.example.com"),
            (LLMBENCH_NOTIFY_TO, "a@example.com, Bob <b@example.com>,,a@example.com"),
            (LLMBENCH_WEBHOOK_URL, "https://hooks.example.com/x"),
        ];
        let notify = found(MAIL, &env).unwrap();
        let names: Vec<String> = notify.destinations().iter().map(|place| place.name()).collect();
        assert_eq!(names, ["mail:a@example.com", "mail:b@example.com", "webhook"]);
        assert_eq!(notify.mail.unwrap().server.host, "mx2.example.com");
    }

    #[test]
    fn passwords_and_webhooks_of_named_variables() {
        let file = format!("{MAIL}smtp_password_env = 'MX'\nwebhook_url_env = 'HOOK'");
        let env = [("MX", "p1"), ("HOOK", "https://hooks.example.com/canary-hook")];
        let notify = found(&file, &env).unwrap();
        assert_eq!(notify.mail.as_ref().unwrap().login.as_ref().unwrap().password.expose(), "p1");
        assert!(!format!("{notify:?}").contains("canary"));
        assert_eq!(
            said(&file, &[]),
            "notify: smtp_password_env (file /etc/c.toml): the variable MX is not set"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(said(MAIL, &[]).contains("smtp_password_file or smtp_password_env"));
        assert!(
            said("[notify]\nto = ['a@example.com']", &[])
                .contains("smtp_url under [notify] or in LLMBENCH_SMTP_URL")
        );
        assert!(said("[notify]\nsmtp_url = 'smtp://mx.example.com'", &[]).contains("from"));
        let no_one = "[notify]\nsmtp_url = 'smtp://mx.example.com'\nfrom = 'b@example.com'";
        assert!(said(no_one, &[]).contains(LLMBENCH_NOTIFY_TO));
        assert!(
            said(no_one, &[(LLMBENCH_SMTP_PASSWORD, "x"), (LLMBENCH_NOTIFY_TO, "a@b.c")]).contains("no user")
        );
        let exposed = MAIL.replace("mx.example.com'", "mx.example.com?tls=none'");
        assert!(said(&exposed, &[(LLMBENCH_SMTP_PASSWORD, "canary")]).contains("in the clear"));
    }

    #[test]
    fn nothing_secret_is_repeated() {
        for (file, env) in [
            ("", (LLMBENCH_WEBHOOK_URL, "http://hooks.example.com/canary")),
            ("[notify]\nwebhook_url = 'canary'", ("X", "")),
            (
                "[notify]\nsmtp_url = 'smtp://u:canary@mx/canary'\nfrom = 'b@example.com'\nto = ['a@b.c']",
                ("X", ""),
            ),
            ("", (LLMBENCH_SMTP_URL, "canary")),
        ] {
            let error = found(file, &[env]).map(|found| format!("{found:?}"));
            let text = error.unwrap_or_else(|error| error.to_string());
            assert!(!text.contains("canary"), "{text}");
        }
    }
}
