//! The identity of the caller of AWS, as its SDK finds it: the existing profiles, the source of the credentials, and
//! their owner. `providers::bedrock` signs the requests to Bedrock.

use super::bedrock::{AwsOverrides, CaptureConnector, explain, wire_request};
use crate::domain::failure::FailureDetail;
use crate::wire::WireRequest;
use aws_config::{ConfigLoader, Region, SdkConfig};
use aws_sdk_sts::Client;
use aws_sdk_sts::config::{Credentials, ProvideCredentials};
use aws_smithy_types::retry::RetryConfig;
use aws_types::os_shim_internal::{Env, Fs};

/// Default paths of the AWS tools' settings, and the variables that override them.
const FILES: [(&str, &str); 2] =
    [("AWS_CONFIG_FILE", "~/.aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")];

/// The number of profiles that a message names.
const NAMED: usize = 12;

/// The reason why the AWS configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The SDK would fall back to the role of the machine, and the measurement would use another account than the
    /// configured one.
    #[error(
        "AWS_PROFILE names the profile `{name}`, which {files} do not have ({}): name one that exists, see `aws configure \
         list-profiles`; or, on a machine with an IAM role, `unset AWS_PROFILE`, and the role is used",
        known(profiles)
    )]
    NoProfile {
        name: String,
        /// The profiles that exist.
        profiles: Vec<String>,
        /// The files that were searched.
        files: String,
    },
    /// Its files cannot be read.
    #[error("the AWS configuration cannot be read: {0}")]
    Unreadable(String),
}

fn known(profiles: &[String]) -> String {
    if profiles.is_empty() {
        return "they have no profile at all".to_owned();
    }
    let more = profiles.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("they have {}{more}", profiles[..profiles.len().min(NAMED)].join(", "))
}

/// Checks that a profile exists in the files that the SDK reads.
///
/// # Errors
/// [`AwsError`], with the existing profiles.
pub async fn require(profile: &str) -> Result<(), AwsError> {
    let known = aws_config::profile::load(&Fs::real(), &Env::real(), &Default::default(), None)
        .await
        .map_err(|error| AwsError::Unreadable(error.to_string()))?;
    if known.get_profile(profile).is_some() {
        return Ok(());
    }
    let mut profiles: Vec<String> = known.profiles().map(str::to_owned).collect();
    profiles.sort_unstable();
    let home = Env::real().get("HOME").unwrap_or("~".to_owned());
    let file = |(variable, default): (&str, &str)| {
        Env::real().get(variable).unwrap_or_else(|_| default.replacen('~', &home, 1))
    };
    let files = FILES.map(file).join(" and ");
    Err(AwsError::NoProfile { name: profile.to_owned(), profiles, files })
}

/// The SDK's settings; the configuration overrides the AWS environment.
pub(super) async fn load(loader: ConfigLoader, overrides: &AwsOverrides) -> SdkConfig {
    let mut loader = loader.retry_config(RetryConfig::disabled());
    if let Some(region) = &overrides.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &overrides.profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await
}

/// The caller of AWS.
#[derive(Debug, Clone)]
pub struct AwsIdentity {
    config: SdkConfig,
    profile: Option<String>,
    /// The source of the credentials in the SDK's own term: `EnvironmentVariable`, `ProfileFile`, `IMDSv2`.
    pub source: String,
}

impl AwsIdentity {
    /// Finds credentials with the provider in `config`.
    ///
    /// # Errors
    /// [`FailureDetail`] with the SDK's message if there are none.
    pub(super) async fn find(config: SdkConfig, profile: Option<String>) -> Result<Self, FailureDetail> {
        let provider = config.credentials_provider().ok_or_else(|| {
            super::bedrock::prepare_fault("the AWS SDK has no provider of credentials".to_owned())
        })?;
        let found = provider.provide_credentials().await;
        let credentials = found.map_err(|error| explain(&error, profile.as_deref()))?;
        Ok(Self { source: source(&credentials), config, profile })
    }

    /// The signed request that returns the owner of these credentials (STS `GetCallerIdentity`, which needs no
    /// permission).
    ///
    /// # Errors
    /// [`FailureDetail`] if it cannot be signed: mostly because no region is known.
    pub async fn question(&self) -> Result<WireRequest, FailureDetail> {
        let taken = CaptureConnector::default();
        let config = aws_sdk_sts::config::Builder::from(&self.config).http_client(taken.clone()).build();
        let outcome = Client::from_conf(config).get_caller_identity().send().await;
        let outcome = outcome.map(drop).map_err(|error| explain(&error, self.profile.as_deref()));
        wire_request("POST", &taken.request(outcome)?)
    }
}

/// The account's role or user in the answer to [`AwsIdentity::question`].
pub fn arn(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once("<Arn>")?;
    let (arn, _) = rest.split_once("</Arn>")?;
    (arn.starts_with("arn:") && arn.len() <= 2048).then(|| arn.to_owned())
}

/// Parts of the SDK's messages if an SSO login has ended or was never made. The token service answers
/// `UnauthorizedException` to a revoked token, or to the token of a profile without `sso_session` after its end.
const SSO_WORDS: [&str; 3] = ["SSO token", ".aws/sso/cache", "UnauthorizedException"];

/// The same for `aws login`.
const LOGIN_WORDS: [&str; 2] = ["Login token", ".aws/login/cache"];

/// The advice if the SDK finds no credentials, from its message. `profile` is the configured one.
pub(super) fn remedy(sentence: &str, profile: Option<&str>) -> String {
    let has = |words: &[&str]| words.iter().any(|word| sentence.contains(word));
    let flag = profile.map(|name| format!(" --profile {name}")).unwrap_or_default();
    if has(&SSO_WORDS) {
        format!("The SSO login is over or was never made: run `aws sso login{flag}`")
    } else if has(&LOGIN_WORDS) {
        format!("The login is over or was never made: run `aws login{flag}`")
    } else {
        "Check AWS_PROFILE, AWS_REGION and the credentials (`aws sts get-caller-identity`)".to_owned()
    }
}

/// The SDK reports its source only in the debug output, which omits the secret half.
fn source(credentials: &Credentials) -> String {
    let shown = format!("{credentials:?}");
    let word = shown.split("provider_name: \"").nth(1).and_then(|rest| rest.split('"').next());
    word.unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_told() {
        let credentials = Credentials::new("AKIA", "canary", None, None, "ProfileFile");
        assert_eq!(source(&credentials), "ProfileFile");
    }

    #[test]
    fn the_arn_is_found_and_nothing_else() {
        let body = b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/b</Arn><UserId>A</UserId>";
        assert_eq!(arn(body).as_deref(), Some("arn:aws:iam::1:user/b"));
        assert_eq!((arn(b"<Arn>x</Arn>"), arn(b"<html>"), arn(b"\xff<Arn>arn:")), (None, None, None));
    }

    #[test]
    fn a_missing_profile_names_those_that_are_there() {
        let error = |profiles: &[&str]| {
            let profiles = profiles.iter().map(|name| (*name).to_owned()).collect();
            AwsError::NoProfile { name: "x".to_owned(), profiles, files: "F and G".to_owned() }.to_string()
        };
        assert!(error(&["a", "b"]).contains("which F and G do not have (they have a, b)"));
        assert!(error(&[]).contains("no profile at all") && error(&[]).contains("`unset AWS_PROFILE`"));
        assert!(error(&["p"; 14]).contains("and 2 more"));
    }
}
