//! Checks each host: it has a key, it is reached and how fast, and it accepts the key. The check reads the list of
//! models over the wire that measures: cheap, and without a token. A list does not prove that a model answers.

use super::deadline::{DEADLINE, bounded};
use crate::commands::context::Context;
use crate::commands::run::access::{self, ProviderAccess};
use crate::domain::clock_offset::ClockOffset;
use crate::domain::finding::{Finding, FindingSection};
use crate::domain::{FailureKind, troubleshooting};
use crate::listings::reader::{ListingRead, ListingReadError, ListingReader};
use crate::listings::transport::HostContact;
use crate::output::advice::advice;
use crate::output::units;
use crate::providers::auth::ProviderLogin;
use crate::providers::hosts::{Auth, Host};
use crate::providers::listing;
use crate::settings::KeyError;
use crate::wire::ExchangeLimits;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

const HERE: FindingSection = FindingSection::Providers;

/// The result of checking one host.
#[derive(Debug)]
pub struct HostCheck {
    pub host: Host,
    pub seen: HostCheckOutcome,
}

#[derive(Debug)]
pub enum HostCheckOutcome {
    /// Not checked, because no check was requested.
    NotAsked,
    /// Each customer has an address of its own there, and none is configured. True if there is a key all the same.
    NoAddress(bool),
    /// There is no key, or none that can be used.
    NoKey(KeyError),
    /// The vendor's own search found no usable login; the section of that vendor reports it.
    NoLogin,
    /// The check exceeded its deadline, or could not begin.
    Failed(String),
    /// A request was sent.
    Asked {
        /// The list, and the timing of its request.
        look: Box<ListingRead>,
        /// For a host with a public list, its verdict on the key.
        proof: Option<Result<(), ListingReadError>>,
    },
}

impl HostCheck {
    /// True if it was not asked because no source has a key.
    pub fn lacks_key(&self) -> bool {
        matches!(self.seen, HostCheckOutcome::NoKey(KeyError::Missing { .. }))
    }

    /// The host's clock, if its answer contained a time.
    pub fn clock(&self) -> Option<ClockOffset> {
        match &self.seen {
            HostCheckOutcome::Asked { look, .. } => look.touch?.clock,
            _ => None,
        }
    }
}

/// Deadlines of a check: the configured ones, but never longer than a check may last.
pub fn limits(configured: ExchangeLimits) -> ExchangeLimits {
    let most = DEADLINE.saturating_sub(Duration::from_secs(1));
    ExchangeLimits {
        connect: configured.connect.min(DEADLINE / 2),
        first_byte: configured.first_byte.min(most),
        gap: configured.gap.min(most),
        total: configured.total.min(most),
        ..configured
    }
}

pub async fn look(host: Host, reader: ListingReader, context: Arc<Context>, offline: bool) -> HostCheck {
    if !host.has_address() {
        let keyed = context.settings.env().first(&host.key_names()).is_some()
            || host.keys.file.is_some()
            || host.keys.command.is_some();
        return HostCheck { host, seen: HostCheckOutcome::NoAddress(keyed) };
    }
    if offline {
        return HostCheck { seen: offline_look(&host, &context), host };
    }
    let seen = bounded("asking it", ask(host.clone(), reader, context))
        .await
        .unwrap_or_else(HostCheckOutcome::Failed);
    HostCheck { host, seen }
}

/// The outcome without any request; key commands are not run, because they may use the network.
fn offline_look(host: &Host, context: &Context) -> HostCheckOutcome {
    if host.keys.command.is_some() {
        return HostCheckOutcome::NotAsked;
    }
    context.settings.login(host).map_or_else(HostCheckOutcome::NoKey, |_| HostCheckOutcome::NotAsked)
}

async fn ask(host: Host, mut reader: ListingReader, context: Arc<Context>) -> HostCheckOutcome {
    let opened = match open(host, context).await {
        Ok(opened) => opened,
        Err(seen) => return seen,
    };
    if let Some(secret) = &opened.secret {
        let mut redactor = (*reader.redactor).clone();
        redactor.add(secret);
        reader.redactor = Arc::new(redactor);
    }
    let look = reader.look(Arc::clone(&opened.route)).await;
    let proof = match listing::key_proof(&opened.route.host) {
        Some(part) if look.kind.is_none() => Some(reader.prove(&opened.route, &part).await),
        _ => None,
    };
    HostCheckOutcome::Asked { look: Box::new(look), proof }
}

/// Runs on a thread of its own: a key command may take seconds, and no other check should wait for it.
async fn open(host: Host, context: Arc<Context>) -> Result<ProviderAccess, HostCheckOutcome> {
    let handle = Handle::current();
    let opening = move || {
        let login = context.settings.login(&host).map_err(HostCheckOutcome::NoKey)?;
        let vendors = matches!(login, ProviderLogin::AwsChain | ProviderLogin::GoogleAdc(_));
        let opened = handle.block_on(access::enter(&host, login, &context));
        opened.map_err(
            |reason| if vendors { HostCheckOutcome::NoLogin } else { HostCheckOutcome::Failed(reason) },
        )
    };
    tokio::task::spawn_blocking(opening)
        .await
        .unwrap_or_else(|error| Err(HostCheckOutcome::Failed(error.to_string())))
}

/// The findings about one host. `enabled` is the number of its enabled models in the catalog, if known.
pub fn findings(check: &HostCheck, enabled: Option<usize>, unicode: bool) -> Vec<Finding> {
    let name = check.host.name.as_str();
    match &check.seen {
        HostCheckOutcome::NotAsked => {
            vec![Finding::note(HERE, name, "has a key or login; not asked (--offline)")]
        }
        HostCheckOutcome::NoAddress(keyed) => vec![no_address(&check.host, *keyed, enabled)],
        HostCheckOutcome::NoKey(error) => vec![no_key(name, error, enabled)],
        HostCheckOutcome::NoLogin => {
            let section = if check.host.keys.auth == Auth::AwsChain { "aws" } else { "google" };
            vec![Finding::note(HERE, name, format!("not asked: it has no login, see {section}"))]
        }
        HostCheckOutcome::Failed(reason) => vec![Finding::unknown(HERE, name, reason)],
        HostCheckOutcome::Asked { look, proof } => asked(&check.host, look, proof.as_ref(), unicode),
    }
}

/// One finding about all hosts without a key whose models could not be looked up: one for each would hide the others.
pub fn without_keys(checks: &[&HostCheck]) -> Option<Finding> {
    let names: Vec<&str> = checks.iter().map(|check| check.host.name.as_str()).collect();
    let subject = match names.as_slice() {
        [] => return None,
        [name] => return Some(Finding::unknown(HERE, *name, UNKNOWN_MODELS)),
        names => names.join(", "),
    };
    Some(Finding::unknown(HERE, subject, "no keys; whether they have enabled models could not be looked up"))
}

const UNKNOWN_MODELS: &str = "no key; whether it has enabled models could not be looked up";

/// A key alone is no mistake: the variables of Azure and Databricks are those of other programs, too.
fn no_address(host: &Host, keyed: bool, enabled: Option<usize>) -> Finding {
    let name = host.name.as_str();
    let variable = host.base_url_vars.first().map_or("base_url", |var| var.name);
    let fix = format!("`export {variable}=https://…`, or base_url under [providers.{name}]");
    let key = if keyed { "a key, and no address" } else { "no address" };
    match enabled {
        Some(enabled) if enabled > 0 => {
            let sentence =
                format!("{key}, and {} in the catalog", units::counted(enabled as u64, "enabled model"));
            Finding::wrong(HERE, name, sentence, fix, troubleshooting::NO_ADDRESS)
        }
        _ if keyed => Finding::note(HERE, name, format!("{key} ({variable} unset)")).fix(fix),
        _ => Finding::ok(HERE, name, format!("no address ({variable} unset)")),
    }
}

fn no_key(name: &str, error: &KeyError, enabled: Option<usize>) -> Finding {
    let KeyError::Missing { vars, .. } = error else {
        let (fix, heading) = mend(name, error);
        return Finding::wrong(HERE, name, error.to_string(), fix, heading);
    };
    match enabled {
        Some(0) => {
            Finding::ok(HERE, name, format!("no key ({} unset), and no enabled model", vars.join(", ")))
        }
        Some(enabled) => {
            let models = units::counted(enabled as u64, "enabled model");
            let sentence = format!("no key, and {models} in the catalog");
            let disable = format!("llmbench models disable '{name}:*' --reason 'no key'");
            let fix = format!("`export {}=…`, or `{disable}`", vars.first().map_or("KEY", String::as_str));
            Finding::wrong(HERE, name, sentence, fix, troubleshooting::NO_KEY)
        }
        None => Finding::unknown(HERE, name, UNKNOWN_MODELS),
    }
}

fn mend(name: &str, error: &KeyError) -> (String, &'static str) {
    match error {
        KeyError::Missing { .. } => ("set the variable".to_owned(), troubleshooting::NO_KEY),
        KeyError::Unusable { place, .. } => (
            format!("copy the key again, whole and without quotes, to where it comes from: {place}"),
            troubleshooting::UNUSABLE_KEY,
        ),
        KeyError::Unreadable { path, .. } => {
            let fix = format!("correct key_file under [providers.{name}], or `ls -l {}`", path.display());
            (fix, troubleshooting::NO_KEY)
        }
        KeyError::Exposed { path, .. } => {
            (format!("`chmod 600 {}`", path.display()), troubleshooting::EXPOSED_FILE)
        }
        KeyError::Command { .. } => (
            "run the command by hand with `sh -c 'COMMAND' < /dev/null`".to_owned(),
            troubleshooting::KEY_COMMAND,
        ),
    }
}

fn asked(
    host: &Host,
    look: &ListingRead,
    proof: Option<&Result<(), ListingReadError>>,
    unicode: bool,
) -> Vec<Finding> {
    let name = host.name.as_str();
    let mut found = Vec::new();
    // Without a TCP connection only a failed lookup was timed, which is not the way to the host.
    if let Some(touch) = look.touch.as_ref().filter(|touch| touch.marks.tcp.is_some()) {
        found.push(Finding::ok(HERE, format!("{name}, the way there"), way(touch, unicode)));
    }
    let models = units::counted(look.listing.models.len() as u64, "model");
    let error = look.listing.error.as_deref();
    match (look.kind, error, proof) {
        (Some(kind), error, _) => {
            found.extend(refused(host, kind, error.unwrap_or("no reason is known"), look))
        }
        (None, Some(error), _) => {
            let fix = "check its base URL, and what stands between here and there";
            found.push(Finding::wrong(HERE, name, error, fix, FailureKind::Protocol.as_str()));
        }
        (None, None, Some(Err(wrong))) => found.extend(refused(host, wrong.kind, &wrong.reason, look)),
        (None, None, None) if listing::is_public(host) => {
            let sentence = format!("lists {models} to anybody, so this says nothing about the key");
            found.push(
                Finding::note(HERE, name, sentence)
                    .fix("a run shows it: `llmbench run --provider ".to_owned() + name + "`"),
            );
        }
        (None, None, _) => {
            let key = if host.keys.auth == Auth::None { "answers" } else { "takes the key" };
            found.push(Finding::ok(HERE, name, format!("{key}, and lists {models}")));
        }
    }
    found
}

/// The reason for a bad answer, and advice.
fn refused(host: &Host, kind: FailureKind, reason: &str, look: &ListingRead) -> Option<Finding> {
    let name = host.name.as_str();
    let signs = host.keys.auth == Auth::AwsChain || host.keys.auth == Auth::GoogleAdc;
    if kind == FailureKind::Auth && signs && look.touch.is_none() {
        // The section of that vendor reports it in full.
        return Some(Finding::note(HERE, name, "not asked: no request could be signed, see below"));
    }
    if kind == FailureKind::Auth && host.keys.auth == Auth::Entra && look.touch.is_none() {
        let fix =
            "set AZURE_OPENAI_API_KEY, or mend AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET";
        return Some(Finding::wrong(HERE, name, reason, fix, troubleshooting::AZURE_LOGIN));
    }
    let source = || match (host.key_names().first(), &host.keys.file, &host.keys.command) {
        (_, Some(file), _) => file.display().to_string(),
        (_, None, Some(_)) => "the key command's place".to_owned(),
        (Some(name), None, None) => (*name).to_owned(),
        (None, None, None) => "the AWS or Google login".to_owned(),
    };
    let finding = match kind {
        FailureKind::Auth => {
            let sentence = format!("refuses the key: {reason}");
            let fix = format!("put a key that is valid for {} into {}, or unset it", host.title, source());
            Finding::wrong(HERE, name, sentence, fix, kind.as_str())
        }
        FailureKind::Network if reason.contains("TLS with") => {
            let fix = "mend the certificate or this machine's clock, or name a company's authority in SSL_CERT_FILE";
            Finding::wrong(HERE, name, reason, fix, troubleshooting::TLS)
        }
        // A self-hosted server need not have a list.
        FailureKind::HardModel if look.touch.is_some() => {
            let why =
                format!("is reached, and has no list of models there, so its key is not proven: {reason}");
            Finding::unknown(HERE, name, why)
                .fix(format!("a run shows it: `llmbench run --model {name}:MODEL_ID --no-store`"))
        }
        kind => Finding::wrong(HERE, name, reason, advice(kind), kind.as_str()),
    };
    Some(finding)
}

/// For example `name 2 ms, TCP 12 ms, TLS 25 ms, answer 80 ms`, each without the ones before.
fn way(touch: &HostContact, unicode: bool) -> String {
    let marks = &touch.marks;
    let steps = [("name", marks.dns), ("TCP", marks.tcp), ("TLS", marks.tls), ("answer", marks.head)];
    let mut before = Duration::ZERO;
    let mut words = Vec::new();
    for (step, at) in steps {
        if let Some(at) = at {
            words
                .push(format!("{step} {}", units::seconds(at.saturating_sub(before).as_secs_f64(), unicode)));
            before = at;
        }
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Severity;
    use crate::domain::redact::Redactor;
    use crate::listings::reader::not_begun;
    use crate::providers::builtin_hosts;

    fn host(name: &str) -> Host {
        builtin_hosts::built_in().into_iter().find(|host| host.name == name).unwrap()
    }

    fn said(name: &str, kind: FailureKind, reason: &str) -> Finding {
        let listing = not_begun(name, reason, &Redactor::new());
        let touch = Some(HostContact { marks: Default::default(), clock: None });
        let look = ListingRead { listing, kind: Some(kind), touch };
        let check = HostCheck {
            host: host(name),
            seen: HostCheckOutcome::Asked { look: Box::new(look), proof: None },
        };
        findings(&check, Some(1), true).pop().unwrap()
    }

    #[test]
    fn every_kind_has_a_way_out_and_a_heading() {
        for kind in FailureKind::ALL.into_iter().filter(|kind| *kind != FailureKind::HardModel) {
            let found = said("groq", kind, "HTTP 401: no");
            assert_eq!(found.severity, Severity::Finding);
            assert!(found.fix.is_some() && found.heading.is_some(), "{kind}");
        }
        assert!(said("groq", FailureKind::Auth, "no").fix.unwrap().contains("GROQ_API_KEY"));
        assert_eq!(
            said("groq", FailureKind::Network, "TLS with h failed: Expired").heading,
            Some(troubleshooting::TLS)
        );
        assert_eq!(said("groq", FailureKind::HardModel, "HTTP 404").severity, Severity::Unknown);
    }

    #[test]
    fn a_missing_address_counts_where_models_are_enabled() {
        let severity = |keyed, enabled| {
            let check = HostCheck { host: host("azure"), seen: HostCheckOutcome::NoAddress(keyed) };
            findings(&check, enabled, true)[0].severity
        };
        assert_eq!(severity(true, Some(2)), Severity::Finding);
        assert_eq!((severity(true, Some(0)), severity(true, None)), (Severity::Note, Severity::Note));
        assert_eq!((severity(false, Some(0)), severity(false, None)), (Severity::Ok, Severity::Ok));
    }

    #[test]
    fn a_missing_key_counts_where_models_are_enabled() {
        let error = || KeyError::Missing { provider: "groq".into(), vars: vec!["GROQ_API_KEY".into()] };
        let severity = |enabled| {
            let check = HostCheck { host: host("groq"), seen: HostCheckOutcome::NoKey(error()) };
            findings(&check, enabled, true)[0].severity
        };
        assert_eq!(severity(Some(0)), Severity::Ok);
        assert_eq!(severity(Some(2)), Severity::Finding);
        assert_eq!(severity(None), Severity::Unknown);
    }
}
