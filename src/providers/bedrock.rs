//! Bedrock's requests: the AWS SDK finds credentials, region and endpoint and signs `ConverseStream`; the signed
//! request is then taken from it and sent over the same wire as all others, so that the clock and the stamps are ours
//! and no retry of the SDK can be hidden in them. Decoding is in `protocols::converse`, id rules in `bedrock_ids`.
//!
//! API: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>
//! Signatures are valid for five minutes, far longer than a request takes to reach the wire.

use super::aws::{self, AwsError, AwsIdentity};
use super::aws_http::credentials_client;
use super::prepare::RequestPlan;
use crate::domain::failure::{FailureDetail, FailureKind, FailureStage};
use crate::wire::{Origin, WireRequest};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::{Config, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use std::sync::{Arc, Mutex};

/// Headers that the wire writes itself.
const WIRE_HEADERS: [&str; 4] = ["host", "content-length", "accept-encoding", "connection"];

/// The model id for signed requests that concern no model.
const PLACEHOLDER: &str = "none";

/// Signs requests for one account and region.
#[derive(Debug, Clone)]
pub struct Signer {
    client: Client,
    /// The configured profile, for messages.
    profile: Option<String>,
}

/// Settings of the configuration that override the AWS environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AwsOverrides {
    /// Region; by default AWS_REGION, AWS_DEFAULT_REGION, the profile, the instance.
    pub region: Option<String>,
    /// Profile, as in AWS_PROFILE.
    pub profile: Option<String>,
    /// Another endpoint, for example a local one.
    pub endpoint: Option<String>,
}

impl Signer {
    /// Reads the AWS configuration: environment, profiles, container and instance roles, `AWS_BEARER_TOKEN_BEDROCK`.
    ///
    /// # Errors
    /// [`AwsError`] if the configured profile does not exist.
    pub async fn new(overrides: &AwsOverrides) -> Result<Self, AwsError> {
        let shared = shared(overrides).await?;
        let mut config = aws_sdk_bedrockruntime::config::Builder::from(&shared);
        if let Some(endpoint) = &overrides.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Ok(Self { client: Client::from_conf(config.build()), profile: overrides.profile.clone() })
    }

    /// The identity that would sign, without signing: see [`AwsIdentity`].
    ///
    /// # Errors
    /// One sentence: the profile's error, or the reason why the SDK finds no credentials.
    pub async fn identity(overrides: &AwsOverrides) -> Result<AwsIdentity, String> {
        let shared = shared(overrides).await.map_err(|error| error.to_string())?;
        AwsIdentity::find(shared, overrides.profile.clone()).await.map_err(|fault| fault.message)
    }

    /// The region in use, if one was found.
    pub fn region(&self) -> Option<String> {
        self.client.config().region().map(ToString::to_string)
    }

    /// The signed request of a plan. Credentials are fetched or taken from the SDK's cache before the clock starts.
    /// The body is the dialect's own, so that quirks and adaptations work as for other hosts; it is inserted before
    /// the SDK signs.
    ///
    /// # Errors
    /// Kind `auth`, stage `prepare`, if no credentials or no region can be found, or if `region` can be none.
    pub async fn sign(&self, plan: &RequestPlan, region: Option<&str>) -> Result<WireRequest, FailureDetail> {
        let taken = CaptureConnector::default();
        let mut config = Config::builder().http_client(taken.clone());
        if let Some(region) = region {
            config = config.region(Region::new(checked_region(region)?));
        }
        let body = Bytes::from(plan.dialect.body(&plan.ask, &plan.quirks).to_string());
        let outcome = self
            .client
            .converse_stream()
            .model_id(&plan.ask.model_id)
            .customize()
            .mutate_request(move |request| {
                request.headers_mut().insert("content-length", body.len().to_string());
                *request.body_mut() = SdkBody::from(body.clone());
            })
            .config_override(config)
            .send()
            .await;
        let outcome = outcome.map(drop).map_err(|error| explain(&error, self.profile.as_deref()));
        wire_request("POST", &taken.request(outcome)?)
    }

    /// The signed request for a page of the control plane's lists. The SDK's client for the control plane would add
    /// minutes of compilation for two GETs, so the same client signs them: credentials, region and signing name are
    /// the same, and method, address and body are inserted before it signs.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub async fn sign_list(&self, path_and_query: &str) -> Result<WireRequest, FailureDetail> {
        let taken = CaptureConnector::default();
        let path = path_and_query.to_owned();
        let outcome = self
            .client
            .converse_stream()
            .model_id(PLACEHOLDER)
            .customize()
            .mutate_request(move |request| {
                let uri = format!("{}{path}", control_plane(request.uri()));
                // An invalid address stays unchanged, and the server answers with an error.
                let _ = request.set_uri(uri);
                let _ = request.set_method("GET");
                request.headers_mut().remove("content-length");
                request.headers_mut().remove("content-type");
                *request.body_mut() = SdkBody::empty();
            })
            .config_override(Config::builder().http_client(taken.clone()))
            .send()
            .await;
        let outcome = outcome.map(drop).map_err(|error| explain(&error, self.profile.as_deref()));
        wire_request("GET", &taken.request(outcome)?)
    }
}

/// A region that a request names, which becomes part of a host name.
///
/// # Errors
/// Stage `prepare` if it holds a character that no region has.
fn checked_region(region: &str) -> Result<String, FailureDetail> {
    let fits = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '-';
    if region.len() <= 40 && region.chars().all(fits) {
        return Ok(region.to_owned());
    }
    let message = format!(
        "`{}` cannot be an AWS region: correct the model's `region` (llmbench models set MODEL --metadata region=us-west-2)",
        region.escape_debug()
    );
    Err(FailureDetail::new(FailureKind::Unknown, FailureStage::Prepare, message))
}

/// The SDK's settings for a profile that exists.
async fn shared(overrides: &AwsOverrides) -> Result<SdkConfig, AwsError> {
    if let Some(profile) = &overrides.profile {
        aws::require(profile).await?;
    }
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(credentials_client());
    Ok(aws::load(loader, overrides).await)
}

/// The root of the control plane, from the address of a [`PLACEHOLDER`]'s request: AWS's own other host name, or the
/// same address if one is configured.
fn control_plane(data_plane: &str) -> String {
    let root = data_plane.split("/model/").next().unwrap_or(data_plane);
    root.replacen("://bedrock-runtime", "://bedrock", 1)
}

/// A connector that stores the signed request instead of sending it.
#[derive(Debug, Clone, Default)]
pub(super) struct CaptureConnector(Arc<Mutex<Option<HttpRequest>>>);

impl CaptureConnector {
    /// The request, or the reason why there is none.
    pub(super) fn request(&self, outcome: Result<(), FailureDetail>) -> Result<HttpRequest, FailureDetail> {
        let signed = self.0.lock().ok().and_then(|mut slot| slot.take());
        match (signed, outcome) {
            (Some(request), _) => Ok(request),
            (None, Err(fault)) => Err(fault),
            (None, Ok(())) => Err(prepare_fault("the AWS SDK built no request".to_owned())),
        }
    }
}

impl HttpConnector for CaptureConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Ok(mut slot) = self.0.lock() {
            *slot = Some(request);
        }
        HttpConnectorFuture::ready(Err(ConnectorError::user("taken over by the wire".into())))
    }
}

impl HttpClient for CaptureConnector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

pub(super) fn wire_request(method: &'static str, signed: &HttpRequest) -> Result<WireRequest, FailureDetail> {
    let url = url::Url::parse(signed.uri()).map_err(|error| prepare_fault(error.to_string()))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    // The path as it was signed: parsing it again would decode parts that the signature covers in encoded form.
    let after_host = signed.uri().splitn(4, '/').nth(3).unwrap_or_default();
    let headers = signed
        .headers()
        .iter()
        .filter(|(name, _)| !WIRE_HEADERS.contains(&name.to_ascii_lowercase().as_str()))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Ok(WireRequest {
        method,
        target: Origin { tls: url.scheme() == "https", host, port },
        proxy: None,
        path: format!("/{after_host}"),
        headers,
        body: Bytes::copy_from_slice(signed.body().bytes().unwrap_or_default()),
    })
}

pub(super) fn prepare_fault(message: String) -> FailureDetail {
    FailureDetail::new(FailureKind::Auth, FailureStage::Prepare, message)
}

/// The whole chain of an SDK error on one line: its outermost message says only "dispatch failure".
pub(super) fn explain(error: &(dyn std::error::Error + 'static), profile: Option<&str>) -> FailureDetail {
    let mut sentence = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !sentence.contains(&text) {
            sentence = format!("{sentence}: {text}");
        }
        source = cause.source();
    }
    let sentence = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    let remedy = aws::remedy(&sentence, profile);
    prepare_fault(format!("no AWS request could be signed: {sentence}. {remedy}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::GenerationRequest;
    use crate::providers::protocols::{Dialect, Quirks};
    use aws_sdk_bedrockruntime::config::Credentials;
    use serde_json::{Value, json};

    fn signer(endpoint: &str) -> Signer {
        let config = Config::builder()
            .behavior_version_latest()
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(endpoint)
            .build();
        Signer { client: Client::from_conf(config), profile: None }
    }

    fn plan(metadata: Value) -> RequestPlan {
        let ask = GenerationRequest {
            model_id: "us.amazon.nova-pro-v1:0".to_owned(),
            prompt: "Tell".to_owned(),
            max_output_tokens: 64,
            temperature: Some(0.1),
            reasoning_effort: None,
            metadata: metadata.as_object().unwrap().clone(),
            deterministic: false,
        };
        RequestPlan { ask, dialect: Dialect::Converse, quirks: Quirks::default() }
    }

    #[tokio::test]
    async fn the_signed_request_is_taken_over_whole() {
        let fields = json!({"additional_model_request_fields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}});
        let request = signer("http://127.0.0.1:8123").sign(&plan(fields), None).await.unwrap();
        assert_eq!(request.target, Origin { tls: false, host: "127.0.0.1".to_owned(), port: 8123 });
        assert_eq!(request.path, "/model/us.amazon.nova-pro-v1%3A0/converse-stream");
        let header =
            |wanted: &str| request.headers.iter().find(|(name, _)| name == wanted).map(|(_, v)| v.clone());
        assert!(header("authorization").unwrap().contains("/us-east-1/bedrock/aws4_request"));
        assert!(header("host").is_none());
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["messages"][0]["content"][0]["text"], "Tell");
        assert_eq!(body["inferenceConfig"], json!({"maxTokens": 64, "temperature": 0.1}));
        assert_eq!(body["additionalModelRequestFields"]["thinking"]["budget_tokens"], 1024);
    }

    #[tokio::test]
    async fn a_request_goes_to_its_own_region() {
        let config = Config::builder()
            .behavior_version_latest()
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::for_tests())
            .build();
        let signer = Signer { client: Client::from_conf(config), profile: None };
        let request = signer.sign(&plan(json!({})), Some("us-west-2")).await.unwrap();
        assert_eq!(request.target.host, "bedrock-runtime.us-west-2.amazonaws.com");
        let signed = request.headers.iter().find(|(name, _)| name == "authorization").unwrap();
        assert!(signed.1.contains("/us-west-2/bedrock/aws4_request"), "{}", signed.1);
        let other = signer.sign(&plan(json!({})), None).await.unwrap();
        assert_eq!(other.target.host, "bedrock-runtime.us-east-1.amazonaws.com");
        let refused = signer.sign(&plan(json!({})), Some("evil.example/")).await.unwrap_err();
        assert!(
            refused.message.starts_with("`evil.example/` cannot be an AWS region"),
            "{}",
            refused.message
        );
    }

    #[tokio::test]
    async fn lists_are_signed_gets_of_the_control_plane() {
        let path = "/inference-profiles?maxResults=1000&nextToken=a%2Bb&type=SYSTEM_DEFINED";
        let request = signer("http://127.0.0.1:8123/aws").sign_list(path).await.unwrap();
        assert_eq!((request.method, request.path.as_str()), ("GET", format!("/aws{path}").as_str()));
        assert!(request.body.is_empty());
        let header = |wanted: &str| request.headers.iter().find(|(name, _)| name == wanted);
        assert!(header("authorization").unwrap().1.contains("/us-east-1/bedrock/aws4_request"));
        assert!(header("content-type").is_none());
        let other = signer("http://127.0.0.1:8123/aws").sign_list("/foundation-models").await.unwrap();
        let signature = |request: &WireRequest| {
            let found = request.headers.iter().find(|(name, _)| name == "authorization");
            found.unwrap().1.rsplit("Signature=").next().unwrap().to_owned()
        };
        assert_ne!(signature(&request), signature(&other), "the address is signed");
    }

    #[test]
    fn the_control_plane_has_its_own_name_at_aws_alone() {
        let root =
            control_plane("https://bedrock-runtime.eu-west-1.amazonaws.com/model/none/converse-stream");
        assert_eq!(root, "https://bedrock.eu-west-1.amazonaws.com");
        let fips =
            control_plane("https://bedrock-runtime-fips.us-east-1.amazonaws.com/model/none/converse-stream");
        assert_eq!(fips, "https://bedrock-fips.us-east-1.amazonaws.com");
        assert_eq!(
            control_plane("http://127.0.0.1:1/aws/model/none/converse-stream"),
            "http://127.0.0.1:1/aws"
        );
    }

    #[tokio::test]
    async fn the_signature_covers_the_body_that_is_sent() {
        let hash = |request: &WireRequest| {
            use sha2::Digest;
            sha2::Sha256::digest(&request.body).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let one = signer("http://127.0.0.1:8123").sign(&plan(json!({})), None).await.unwrap();
        let other = signer("http://127.0.0.1:8123")
            .sign(&plan(json!({"omit_temperature": true})), None)
            .await
            .unwrap();
        let signature = |request: &WireRequest| {
            let found = request.headers.iter().find(|(name, _)| name == "authorization");
            found.unwrap().1.rsplit("Signature=").next().unwrap().to_owned()
        };
        assert_ne!(hash(&one), hash(&other));
        assert_ne!(signature(&one), signature(&other), "another body must have another signature");
    }

    #[test]
    fn the_debug_view_of_a_request_holds_no_signature() {
        let request = WireRequest {
            method: "POST",
            target: Origin { tls: true, host: "h".to_owned(), port: 443 },
            proxy: None,
            path: "/".to_owned(),
            headers: vec![("authorization".to_owned(), "Bearer secret".to_owned())],
            body: Bytes::new(),
        };
        assert!(!format!("{request:?}").contains("secret"));
    }
}
