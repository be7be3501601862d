//! Telling people: a letter by mail or to a webhook. Each destination is one address, so that one which is refused keeps
//! nobody else from being told. What is worth telling, and what was told already, is decided above.

pub mod mail;
pub mod webhook;

use crate::domain::notice::NoticeMessage;
use crate::domain::secret::Secret;
use crate::http::HttpClient;
use crate::wire::ExchangeLimits;
use std::path::PathBuf;

/// Who is told, as configured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NotifyConfig {
    /// By mail.
    pub mail: Option<mail::MailConfig>,
    /// By a webhook.
    pub webhook: Option<webhook::Webhook>,
}

/// One place that a letter goes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Destination {
    /// One recipient of mail.
    Mail(mail::MailConfig, mail::MailAddress),
    /// The webhook.
    Webhook(webhook::Webhook),
}

/// What sending needs besides.
#[derive(Clone)]
pub struct SendContext {
    /// The way to webhooks.
    pub http: HttpClient,
    /// PEM file of further authorities, for mail.
    pub extra_ca: Option<PathBuf>,
    /// Deadlines.
    pub limits: ExchangeLimits,
}

impl NotifyConfig {
    /// All places, recipients of mail first.
    pub fn destinations(&self) -> Vec<Destination> {
        let mail = self
            .mail
            .iter()
            .flat_map(|mail| mail.to.iter().map(|address| Destination::Mail(mail.clone(), address.clone())));
        mail.chain(self.webhook.clone().map(Destination::Webhook)).collect()
    }

    /// What must not appear in any message.
    pub fn secrets(&self) -> Vec<Secret> {
        let mail = self.mail.iter().filter_map(|mail| Some(mail.login.as_ref()?.password.clone()));
        mail.chain(self.webhook.iter().flat_map(webhook::Webhook::secrets)).collect()
    }
}

impl Destination {
    /// Under which name stores remember what it was told.
    pub fn name(&self) -> String {
        match self {
            Destination::Mail(_, to) => format!("mail:{}", to.bare()),
            Destination::Webhook(_) => "webhook".to_owned(),
        }
    }

    /// For people; shows nothing secret.
    pub fn shown(&self) -> String {
        match self {
            Destination::Mail(_, to) => format!("mail to {}", to.bare()),
            Destination::Webhook(webhook) => format!("the webhook at {}", webhook.host()),
        }
    }

    /// Sends a letter. When this returns well, the other side has taken it.
    ///
    /// # Errors
    /// A sentence that says why it was not taken, or why nobody knows. It may repeat what the other side said.
    pub async fn send(&self, letter: &NoticeMessage, means: &SendContext) -> Result<(), String> {
        match self {
            Destination::Mail(mail, to) => mail.send(to, letter, means).await,
            Destination::Webhook(webhook) => webhook.send(letter, means).await,
        }
    }
}
