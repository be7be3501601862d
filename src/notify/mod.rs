//! Sends notices by mail or to a webhook. Each destination is one address, so that a refused one does not keep the
//! others from getting the notice. The callers decide what to report, and record what was reported.

pub mod mail;
pub mod webhook;

use crate::domain::notice::NoticeMessage;
use crate::domain::secret::Secret;
use crate::http::HttpClient;
use crate::wire::ExchangeLimits;
use std::path::PathBuf;

/// The recipients of notices, as configured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NotifyConfig {
    pub mail: Option<mail::MailConfig>,
    pub webhook: Option<webhook::Webhook>,
}

/// One destination of a notice.
#[derive(Debug, Clone, PartialEq)]
pub enum Destination {
    Mail(mail::MailConfig, mail::MailAddress),
    Webhook(webhook::Webhook),
}

/// The context of sending.
#[derive(Clone)]
pub struct SendContext {
    /// The client for webhooks.
    pub http: HttpClient,
    /// PEM file of further certificate authorities, for mail.
    pub extra_ca: Option<PathBuf>,
    pub limits: ExchangeLimits,
}

impl NotifyConfig {
    /// All destinations, recipients of mail first.
    pub fn destinations(&self) -> Vec<Destination> {
        let mail = self
            .mail
            .iter()
            .flat_map(|mail| mail.to.iter().map(|address| Destination::Mail(mail.clone(), address.clone())));
        mail.chain(self.webhook.clone().map(Destination::Webhook)).collect()
    }

    /// The texts that must not appear in any message.
    pub fn secrets(&self) -> Vec<Secret> {
        let mail = self.mail.iter().filter_map(|mail| Some(mail.login.as_ref()?.password.clone()));
        mail.chain(self.webhook.iter().flat_map(webhook::Webhook::secrets)).collect()
    }
}

impl Destination {
    /// The name under which stores record the notices sent to it.
    pub fn name(&self) -> String {
        match self {
            Destination::Mail(_, to) => format!("mail:{}", to.bare()),
            Destination::Webhook(_) => "webhook".to_owned(),
        }
    }

    /// The destination for users, without secrets.
    pub fn shown(&self) -> String {
        match self {
            Destination::Mail(_, to) => format!("mail to {}", to.bare()),
            Destination::Webhook(webhook) => format!("the webhook at {}", webhook.host()),
        }
    }

    /// Sends a notice. On success, the other side has accepted it.
    ///
    /// # Errors
    /// One sentence with the reason why it was not accepted, or why that is unknown. It may quote the other side.
    pub async fn send(&self, letter: &NoticeMessage, means: &SendContext) -> Result<(), String> {
        match self {
            Destination::Mail(mail, to) => mail.send(to, letter, means).await,
            Destination::Webhook(webhook) => webhook.send(letter, means).await,
        }
    }
}
