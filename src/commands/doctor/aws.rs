//! Checks the login for Bedrock: profile, region, source of the credentials, and their owner according to STS.

use super::deadline::bounded;
use super::providers::limits;
use crate::commands::context::Context;
use crate::commands::run::access;
use crate::domain::env_vars::{AWS_BEARER_TOKEN_BEDROCK, AWS_PROFILE};
use crate::domain::finding::{Finding, FindingSection};
use crate::domain::redact::Redactor;
use crate::domain::troubleshooting;
use crate::http::{HttpClient, HttpExchange};
use crate::providers::aws::{self, AwsError};
use crate::providers::bedrock::Signer;
use crate::providers::hosts::Host;
use crate::wire::{ExchangeEnd, ExchangeLimits};
use std::sync::Arc;

const HERE: FindingSection = FindingSection::Aws;

/// The facts about the AWS login. A fact that was not looked up is `None`.
#[derive(Debug, Default)]
pub struct AwsCheck {
    /// The profile that `AWS_PROFILE` names.
    pub profile: Option<String>,
    /// The reason why the profile cannot be used.
    pub profile_trouble: Option<AwsError>,
    pub region: Option<String>,
    /// True if Bedrock's own key is set: requests are not signed.
    pub bearer: bool,
    /// The source of the credentials, or the reason why there are none.
    pub source: Option<Result<String, String>>,
    /// The owner of the credentials, or the reason why it is unknown.
    pub identity: Option<StsReply>,
    /// The message of an exceeded deadline.
    pub late: Option<String>,
    /// True if no request was sent.
    pub offline: bool,
}

/// The parts that a request to STS needs.
pub struct AwsQuestion {
    pub http: HttpClient,
    pub limits: ExchangeLimits,
    /// Removes secrets from messages.
    pub redactor: Arc<Redactor>,
}

#[derive(Debug)]
pub enum StsReply {
    Arn(String),
    /// STS refuses the credentials, with its message.
    Refused(String),
    /// STS gave no answer; the reason.
    NoAnswer(String),
}

pub async fn look(host: Host, question: AwsQuestion, context: Arc<Context>, offline: bool) -> AwsCheck {
    let env = context.settings.env();
    let start = || AwsCheck {
        profile: env.get(AWS_PROFILE).map(str::to_owned),
        region: host.region.as_ref().map(|region| region.value.clone()),
        bearer: env.get(AWS_BEARER_TOKEN_BEDROCK).is_some(),
        offline,
        ..AwsCheck::default()
    };
    let overrides = access::aws(&host, &context);
    let asking = async {
        let mut check = start();
        if offline {
            if let Some(profile) = &check.profile {
                check.profile_trouble = aws::require(profile).await.err();
            }
            return check;
        }
        match Signer::new(&overrides).await {
            Err(error) => check.profile_trouble = Some(error),
            Ok(signer) => {
                check.region = signer.region();
                if !check.bearer {
                    identify(&mut check, &overrides, &question).await;
                }
            }
        }
        check
    };
    bounded("asking AWS", asking).await.unwrap_or_else(|late| AwsCheck { late: Some(late), ..start() })
}

async fn identify(
    check: &mut AwsCheck,
    overrides: &crate::providers::bedrock::AwsOverrides,
    question: &AwsQuestion,
) {
    let identity = match Signer::identity(overrides).await {
        Ok(identity) => identity,
        Err(reason) => {
            check.source = Some(Err(question.redactor.redact(&reason)));
            return;
        }
    };
    check.source = Some(Ok(identity.source.clone()));
    if check.region.is_none() {
        return;
    }
    check.identity = Some(match identity.question().await {
        Err(fault) => StsReply::NoAnswer(question.redactor.redact(&fault.message)),
        Ok(request) => {
            told(&question.http.send(&request, &limits(question.limits)).await, &question.redactor)
        }
    });
}

fn told(answer: &HttpExchange, redactor: &Redactor) -> StsReply {
    let status = answer.head.as_ref().map(|head| head.status);
    match (status, aws::arn(&answer.body)) {
        (Some(200), Some(arn)) => StsReply::Arn(arn),
        (Some(status @ 400..500), _) => {
            let body = String::from_utf8_lossy(&answer.body);
            let tagged = |tag: &str| {
                let (_, rest) = body.split_once(&format!("<{tag}>"))?;
                Some(rest.split('<').next().unwrap_or_default().chars().take(300).collect::<String>())
            };
            let words: Vec<String> = ["Code", "Message"].into_iter().filter_map(tagged).collect();
            StsReply::Refused(redactor.redact(&format!("HTTP {status}: {}", words.join(": "))))
        }
        (Some(status), _) => StsReply::NoAnswer(format!("its answer (HTTP {status}) is none of STS")),
        (None, _) => StsReply::NoAnswer(match &answer.ending {
            ExchangeEnd::ConnectFailed(reason)
            | ExchangeEnd::Exhausted(reason)
            | ExchangeEnd::Unanswered(reason)
            | ExchangeEnd::Cut(reason) => redactor.redact(reason),
            other => format!("{other:?}"),
        }),
    }
}

pub fn findings(check: &AwsCheck) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(late) = &check.late {
        found.push(Finding::unknown(HERE, "login", late));
    }
    found.extend(profile(check));
    if check.profile_trouble.is_some() {
        return found;
    }
    found.extend(region(check));
    found.extend(credentials(check));
    found.extend(identity(check));
    found
}

fn profile(check: &AwsCheck) -> Option<Finding> {
    let name = check.profile.as_deref().unwrap_or_default();
    match &check.profile_trouble {
        Some(error @ AwsError::NoProfile { profiles, .. }) => {
            let other = profiles.first().map(|name| format!("`export AWS_PROFILE={name}`, or "));
            let fix =
                format!("{}on a machine with an IAM role `unset AWS_PROFILE`", other.unwrap_or_default());
            Some(Finding::wrong(HERE, "profile", error.to_string(), fix, troubleshooting::AWS_PROFILE))
        }
        Some(error) => {
            let fix = "correct the file; `aws configure list` reads it too";
            Some(Finding::wrong(HERE, "profile", error.to_string(), fix, troubleshooting::AWS_LOGIN))
        }
        None if check.profile.is_some() => {
            Some(Finding::ok(HERE, "profile", format!("{name} exists (AWS_PROFILE)")))
        }
        None => None,
    }
}

fn region(check: &AwsCheck) -> Option<Finding> {
    match &check.region {
        Some(region) => Some(Finding::ok(HERE, "region", region)),
        None if check.offline || check.late.is_some() => None,
        None => {
            let fix = "`export AWS_REGION=us-east-1`, or region under [providers.bedrock]";
            Some(Finding::wrong(
                HERE,
                "region",
                "no region is known anywhere",
                fix,
                troubleshooting::AWS_LOGIN,
            ))
        }
    }
}

fn credentials(check: &AwsCheck) -> Option<Finding> {
    if check.bearer {
        return Some(Finding::ok(HERE, "credentials", "Bedrock's own API key (AWS_BEARER_TOKEN_BEDROCK)"));
    }
    match check.source.as_ref()? {
        Ok(source) => Some(Finding::ok(HERE, "credentials", format!("found by the AWS SDK's {source}"))),
        Err(reason) => {
            let fix = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; an expired login: `aws sso login`";
            Some(Finding::wrong(HERE, "credentials", reason, fix, troubleshooting::AWS_LOGIN))
        }
    }
}

fn identity(check: &AwsCheck) -> Option<Finding> {
    match check.identity.as_ref()? {
        StsReply::Arn(arn) => Some(Finding::ok(HERE, "identity", arn)),
        StsReply::Refused(words) => {
            let fix = "a fresh login or key; `aws sts get-caller-identity` asks the same. SignatureDoesNotMatch and \
                       RequestExpired can be this machine's clock";
            let sentence = format!("AWS refuses the credentials: {words}");
            Some(Finding::wrong(HERE, "identity", sentence, fix, troubleshooting::AWS_LOGIN))
        }
        StsReply::NoAnswer(reason) => {
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
        let check = AwsCheck {
            profile: Some("nosuch".into()),
            profile_trouble: Some(trouble),
            ..AwsCheck::default()
        };
        let [found]: [Finding; 1] = findings(&check).try_into().unwrap();
        assert!(found.sentence.contains("/home/u/.aws/config") && found.sentence.contains("they have bench"));
        let fix = found.fix.unwrap();
        assert!(fix.contains("AWS_PROFILE=bench") && fix.contains("unset AWS_PROFILE"), "{fix}");
    }

    #[test]
    fn no_answer_is_not_fine() {
        let check = AwsCheck {
            region: Some("eu-west-1".into()),
            source: Some(Ok("IMDSv2".into())),
            identity: Some(StsReply::NoAnswer("cannot resolve sts".into())),
            ..AwsCheck::default()
        };
        let severities: Vec<_> = findings(&check).iter().map(|one| one.severity).collect();
        assert_eq!(severities, [Severity::Ok, Severity::Ok, Severity::Unknown]);
        assert_eq!(findings(&AwsCheck::default())[0].heading, Some(troubleshooting::AWS_LOGIN));
    }
}
