//! Who calls Bedrock: profile, region, where the credentials came from, and whose they are by STS' own word.

use super::{bounded, providers::limits};
use crate::catalog::reading::Reader;
use crate::commands::context::Context;
use crate::commands::run::access;
use crate::domain::finding::{Finding, Section};
use crate::domain::headings;
use crate::domain::names::{AWS_BEARER_TOKEN_BEDROCK, AWS_PROFILE};
use crate::providers::aws::{self, AwsError};
use crate::providers::bedrock::Signer;
use crate::providers::hosts::Host;
use crate::wire::exchange::{Plan, exchange};
use crate::wire::{Ending, Recording};
use std::sync::Arc;

const HERE: Section = Section::Aws;

/// What was found out. A field that nobody asked about is `None`.
#[derive(Debug, Default)]
pub struct Sight {
    /// The profile that `AWS_PROFILE` names.
    pub profile: Option<String>,
    /// Why it cannot be used.
    pub profile_trouble: Option<AwsError>,
    /// The region.
    pub region: Option<String>,
    /// Bedrock's own key is set: nobody signs.
    pub bearer: bool,
    /// Where the credentials came from, or why there are none.
    pub source: Option<Result<String, String>>,
    /// Whose they are, or why nobody could tell.
    pub identity: Option<Told>,
    /// It did not end in time.
    pub late: Option<String>,
    /// Nobody was asked.
    pub offline: bool,
}

/// What STS said.
#[derive(Debug)]
pub enum Told {
    /// The caller.
    Arn(String),
    /// It refuses the credentials, in its words.
    Refused(String),
    /// It could not be asked.
    NoAnswer(String),
}

/// Finds out.
pub async fn look(host: Host, reader: Reader, context: Arc<Context>, offline: bool) -> Sight {
    let env = context.settings.env();
    let start = || Sight {
        profile: env.get(AWS_PROFILE).map(str::to_owned),
        region: host.region.as_ref().map(|region| region.value.clone()),
        bearer: env.get(AWS_BEARER_TOKEN_BEDROCK).is_some(),
        offline,
        ..Sight::default()
    };
    let overrides = access::aws(&host, &context);
    let asking = async {
        let mut sight = start();
        if offline {
            if let Some(profile) = &sight.profile {
                sight.profile_trouble = aws::require(profile).await.err();
            }
            return sight;
        }
        match Signer::new(&overrides).await {
            Err(error) => sight.profile_trouble = Some(error),
            Ok(signer) => {
                sight.region = signer.region();
                if !sight.bearer {
                    identify(&mut sight, &overrides, &reader).await;
                }
            }
        }
        sight
    };
    bounded("asking AWS", asking).await.unwrap_or_else(|late| Sight { late: Some(late), ..start() })
}

async fn identify(sight: &mut Sight, overrides: &crate::providers::bedrock::Overrides, reader: &Reader) {
    let identity = match Signer::identity(overrides).await {
        Ok(identity) => identity,
        Err(reason) => {
            sight.source = Some(Err(reader.redactor.redact(&reason)));
            return;
        }
    };
    sight.source = Some(Ok(identity.source.clone()));
    if sight.region.is_none() {
        return;
    }
    sight.identity = Some(match identity.question().await {
        Err(fault) => Told::NoAnswer(reader.redactor.redact(&fault.message)),
        Ok(request) => {
            let limits = limits(reader.limits);
            let plan = Plan { request: &request, limits: &limits, end_marker: None, tls: &reader.tls };
            told(&exchange(plan, None).await.0, reader)
        }
    });
}

fn told(recording: &Recording, reader: &Reader) -> Told {
    let status = recording.head.as_ref().map(|head| head.status);
    match (status, aws::arn(&recording.body)) {
        (Some(200), Some(arn)) => Told::Arn(arn),
        (Some(status @ 400..500), _) => {
            let body = String::from_utf8_lossy(&recording.body);
            let tagged = |tag: &str| {
                let (_, rest) = body.split_once(&format!("<{tag}>"))?;
                Some(rest.split('<').next().unwrap_or_default().chars().take(300).collect::<String>())
            };
            let words: Vec<String> = ["Code", "Message"].into_iter().filter_map(tagged).collect();
            Told::Refused(reader.redactor.redact(&format!("HTTP {status}: {}", words.join(": "))))
        }
        (Some(status), _) => Told::NoAnswer(format!("its answer (HTTP {status}) is none of STS")),
        (None, _) => Told::NoAnswer(match &recording.ending {
            Ending::ConnectFailed(reason)
            | Ending::Exhausted(reason)
            | Ending::Unanswered(reason)
            | Ending::Cut(reason) => reader.redactor.redact(reason),
            other => format!("{other:?}"),
        }),
    }
}

/// What is to be said.
pub fn findings(sight: &Sight) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(late) = &sight.late {
        found.push(Finding::unknown(HERE, "login", late));
    }
    found.extend(profile(sight));
    if sight.profile_trouble.is_some() {
        return found;
    }
    found.extend(region(sight));
    found.extend(credentials(sight));
    found.extend(identity(sight));
    found
}

fn profile(sight: &Sight) -> Option<Finding> {
    let name = sight.profile.as_deref().unwrap_or_default();
    match &sight.profile_trouble {
        Some(error @ AwsError::NoProfile { profiles, .. }) => {
            let other = profiles.first().map(|name| format!("`export AWS_PROFILE={name}`, or "));
            let fix =
                format!("{}on a machine with an IAM role `unset AWS_PROFILE`", other.unwrap_or_default());
            Some(Finding::wrong(HERE, "profile", error.to_string(), fix, headings::AWS_PROFILE))
        }
        Some(error) => {
            let fix = "correct the file; `aws configure list` reads it too";
            Some(Finding::wrong(HERE, "profile", error.to_string(), fix, headings::AWS_LOGIN))
        }
        None if sight.profile.is_some() => {
            Some(Finding::ok(HERE, "profile", format!("{name} exists (AWS_PROFILE)")))
        }
        None => None,
    }
}

fn region(sight: &Sight) -> Option<Finding> {
    match &sight.region {
        Some(region) => Some(Finding::ok(HERE, "region", region)),
        None if sight.offline || sight.late.is_some() => None,
        None => {
            let fix = "`export AWS_REGION=us-east-1`, or region under [providers.bedrock]";
            Some(Finding::wrong(HERE, "region", "no region is known anywhere", fix, headings::AWS_LOGIN))
        }
    }
}

fn credentials(sight: &Sight) -> Option<Finding> {
    if sight.bearer {
        return Some(Finding::ok(HERE, "credentials", "Bedrock's own API key (AWS_BEARER_TOKEN_BEDROCK)"));
    }
    match sight.source.as_ref()? {
        Ok(source) => Some(Finding::ok(HERE, "credentials", format!("found by the AWS SDK's {source}"))),
        Err(reason) => {
            let fix = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; an expired login: `aws sso login`";
            Some(Finding::wrong(HERE, "credentials", reason, fix, headings::AWS_LOGIN))
        }
    }
}

fn identity(sight: &Sight) -> Option<Finding> {
    match sight.identity.as_ref()? {
        Told::Arn(arn) => Some(Finding::ok(HERE, "identity", arn)),
        Told::Refused(words) => {
            let fix = "a fresh login or key; `aws sts get-caller-identity` asks the same. SignatureDoesNotMatch and \
                       RequestExpired can be this machine's clock";
            let sentence = format!("AWS refuses the credentials: {words}");
            Some(Finding::wrong(HERE, "identity", sentence, fix, headings::AWS_LOGIN))
        }
        Told::NoAnswer(reason) => {
            Some(Finding::unknown(HERE, "identity", format!("STS could not be asked: {reason}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Severity;

    #[test]
    fn a_missing_profile_is_explained_and_nothing_is_guessed_behind_it() {
        let trouble = AwsError::NoProfile {
            name: "nosuch".into(),
            profiles: vec!["bench".into()],
            files: "/home/u/.aws/config and /home/u/.aws/credentials".into(),
        };
        let sight =
            Sight { profile: Some("nosuch".into()), profile_trouble: Some(trouble), ..Sight::default() };
        let [found]: [Finding; 1] = findings(&sight).try_into().unwrap();
        assert!(found.sentence.contains("/home/u/.aws/config") && found.sentence.contains("they have bench"));
        let fix = found.fix.unwrap();
        assert!(fix.contains("AWS_PROFILE=bench") && fix.contains("unset AWS_PROFILE"), "{fix}");
    }

    #[test]
    fn no_answer_is_not_fine() {
        let sight = Sight {
            region: Some("eu-west-1".into()),
            source: Some(Ok("IMDSv2".into())),
            identity: Some(Told::NoAnswer("cannot resolve sts".into())),
            ..Sight::default()
        };
        let severities: Vec<_> = findings(&sight).iter().map(|one| one.severity).collect();
        assert_eq!(severities, [Severity::Ok, Severity::Ok, Severity::Unknown]);
        assert_eq!(findings(&Sight::default())[0].heading, Some(headings::AWS_LOGIN));
    }
}
