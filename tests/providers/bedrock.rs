//! Who calls Bedrock and how it is found out: keys, bearer tokens, profiles, roles of instances and containers; and what
//! its refusals say to do.

use super::bench::{self, KEY, Measured};
use super::cases::BEDROCK;
use super::http::{self, Kept, Request};
use crate::support::Home;
use llmbench::simulator;
use serde_json::{Value, json};
use std::net::SocketAddr;

const QUICK: &str = "steady-ttft5-gap0-n3";

/// Runs the binary against a Bedrock at `address`, with these variables and no other login.
fn run(home: &Home, address: SocketAddr, kept: &Kept, variables: &[(&str, &str)]) -> Measured {
    let model = format!("bedrock:{}", BEDROCK.model);
    let mut command = home.llmbench(&["run", "--ndjson", "--no-store", "--model", &model]);
    command.env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", format!("http://{address}"));
    command.envs(variables.iter().copied());
    bench::measured(command.output().unwrap(), kept)
}

/// The same against the simulator.
pub fn run_simulated(home: &Home, variables: &[(&str, &str)]) -> Measured {
    let simulator = simulator::start_in_process().unwrap();
    let (address, kept) = http::hand_on(simulator.addr, BEDROCK.model, QUICK, |_| None);
    run(home, address, &kept, variables)
}

/// The failure that a run without a usable login is.
fn refused(variables: &[(&str, &str)]) -> Value {
    let mut variables = variables.to_vec();
    variables.push(("AWS_EC2_METADATA_DISABLED", "true"));
    let measured = run_simulated(&Home::new(), &variables);
    assert_eq!((measured.rows.len(), measured.requests.len()), (1, 0), "{}", measured.stderr());
    let row = measured.rows[0].clone();
    assert_eq!(
        (&row["outcome"], &row["error_kind"], &row["stage"]),
        (&json!("failure"), &json!("auth"), &json!("prepare"))
    );
    row
}

/// Whatever else there is: measuring under another account than the one that was named would be wrong.
#[test]
fn a_missing_profile_is_named_and_never_passed_over() {
    let (empty, filled) = (Home::new(), Home::new());
    profile(&filled, "bench");
    let (metadata, asked) = http::serve(metadata_server);
    let endpoint = format!("http://{metadata}");
    for home in [empty, filled] {
        let role = [("AWS_PROFILE", "nosuch"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)];
        let measured = run_simulated(&home, &role);
        assert_eq!(
            (measured.output.status.code(), measured.rows.len(), measured.requests.len()),
            (Some(2), 0, 0)
        );
        let said = measured.stderr();
        assert!(
            said.contains("AWS_PROFILE names the profile `nosuch`") && said.contains("list-profiles"),
            "{said}"
        );
    }
    assert_eq!(asked.all().len(), 0);
}

#[test]
fn a_missing_region_is_named() {
    let row = refused(&[("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", KEY)]);
    let said = row["message"].as_str().unwrap();
    assert!(said.to_lowercase().contains("region") && said.contains("AWS_REGION"), "{said}");
}

#[test]
fn a_missing_login_is_explained() {
    let row = refused(&[("AWS_REGION", "eu-west-1")]);
    let said = row["message"].as_str().unwrap();
    assert!(said.contains("credentials") && said.contains("aws sts get-caller-identity"), "{said}");
}

#[test]
fn a_bearer_token_takes_the_place_of_signatures() {
    let variables = [("AWS_BEARER_TOKEN_BEDROCK", KEY), ("AWS_REGION", "eu-west-1")];
    let measured = run_simulated(&Home::new(), &variables);
    measured.row();
    assert_eq!(measured.request().header("authorization"), Some(format!("Bearer {KEY}").as_str()));
}

/// Writes the usual files, with this profile in them.
fn profile(home: &Home, name: &str) {
    let directory = home.path().join(".aws");
    std::fs::create_dir(&directory).unwrap();
    let config = format!("[profile {name}]\nregion = ap-northeast-1\n");
    let credentials = format!("[{name}]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = {KEY}\n");
    std::fs::write(directory.join("config"), config).unwrap();
    std::fs::write(directory.join("credentials"), credentials).unwrap();
}

#[test]
fn a_profile_brings_key_and_region() {
    let home = Home::new();
    profile(&home, "bench");
    let measured = run_simulated(&home, &[("AWS_PROFILE", "bench")]);
    measured.row();
    signed_by(&measured, "AKIAPROFILE", "ap-northeast-1");
}

pub fn signed_by(measured: &Measured, key: &str, region: &str) {
    let authorization = measured.request().header("authorization").unwrap();
    assert!(authorization.contains(&format!("Credential={key}/")), "{authorization}");
    assert!(authorization.contains(&format!("/{region}/bedrock/aws4_request")), "{authorization}");
}

fn role_credentials() -> String {
    http::json(&json!({"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
        "AccessKeyId": "AKIAROLE", "SecretAccessKey": KEY, "Token": "session-of-the-role",
        "Expiration": "2099-01-01T00:00:00Z"}))
}

/// An instance's metadata server, second version: a token first, then the role's name, then its credentials.
fn metadata_server(request: &Request) -> String {
    let text = |body: &str| http::answer("200 OK", "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", body);
    if request.method == "PUT" {
        return text("metadata-token");
    }
    if request.header("x-aws-ec2-metadata-token") != Some("metadata-token") {
        return http::answer("401 Unauthorized", "", "");
    }
    match request.path.as_str() {
        "/latest/meta-data/placement/region" => text("us-west-2"),
        "/latest/meta-data/iam/security-credentials/" => text("bench-role"),
        "/latest/meta-data/iam/security-credentials/bench-role" => role_credentials(),
        _ => http::answer("404 Not Found", "", ""),
    }
}

#[test]
fn an_instance_role_brings_key_and_region() {
    let (metadata, _) = http::serve(metadata_server);
    let endpoint = format!("http://{metadata}");
    let measured = run_simulated(&Home::new(), &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]);
    measured.row();
    signed_by(&measured, "AKIAROLE", "us-west-2");
    assert_eq!(measured.request().header("x-amz-security-token"), Some("session-of-the-role"));
}

#[test]
fn a_container_role_brings_a_key() {
    let (server, asked) = http::serve(|_| role_credentials());
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*format!("http://{server}/role")),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let measured = run_simulated(&Home::new(), &variables);
    measured.row();
    signed_by(&measured, "AKIAROLE", "eu-west-1");
    let asked = asked.only();
    assert_eq!((asked.path.as_str(), asked.header("authorization")), ("/role", Some("container-token")));
}

/// The failure that an answer of Bedrock becomes.
fn answered(status: &'static str, kind: &'static str, message: &str) -> Value {
    let body = json!({"message": message}).to_string();
    let (address, kept) = http::serve(move |_| {
        let headers =
            format!("content-type: application/json\r\nx-amzn-errortype: {kind}:http://internal/\r\n");
        http::answer(status, &headers, &body)
    });
    let own = bench::aws_key();
    let variables: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let home = Home::new();
    let mut command =
        home.llmbench(&["run", "--ndjson", "--no-store", "--model", "bedrock:anthropic.claude-sonnet-4-5"]);
    command.env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", format!("http://{address}")).envs(variables);
    let mut measured = bench::measured(command.output().unwrap(), &kept);
    assert_eq!((measured.rows.len(), measured.requests.len()), (1, 1), "the SDK's retries are off");
    assert_eq!(measured.rows[0]["provider_error_code"], kind);
    measured.rows.remove(0)
}

#[test]
fn an_id_without_its_prefix_gets_a_hint() {
    let message = "Invocation of model ID anthropic.claude-sonnet-4-5 with on-demand throughput isn\u{2019}t supported. \
        Retry your request with the ID or ARN of an inference profile that contains this model.";
    let row = answered("400 Bad Request", "ValidationException", message);
    assert_eq!((&row["error_kind"], &row["http_status"]), (&json!("hard_model"), &json!(400)));
    let said = row["message"].as_str().unwrap();
    assert!(said.contains("eu.anthropic.claude-sonnet-4-5 or global.anthropic.claude-sonnet-4-5"), "{said}");
}

#[test]
fn bedrocks_refusals_have_kinds() {
    for (status, kind, message, wanted) in [
        (
            "403 Forbidden",
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
            "hard_model",
        ),
        (
            "403 Forbidden",
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "auth",
        ),
        (
            "404 Not Found",
            "ResourceNotFoundException",
            "This model version has reached the end of its life.",
            "hard_model",
        ),
        (
            "404 Not Found",
            "ResourceNotFoundException",
            "Model use case details have not been submitted for this account.",
            "auth",
        ),
        (
            "429 Too Many Requests",
            "ThrottlingException",
            "Too many requests, please wait before trying again.",
            "rate_limit",
        ),
        (
            "429 Too Many Requests",
            "ModelNotReadyException",
            "The model is not ready for inference.",
            "rate_limit",
        ),
        ("424 Failed Dependency", "ModelErrorException", "The model failed.", "transient_provider"),
    ] {
        assert_eq!(answered(status, kind, message)["error_kind"], wanted, "{kind}: {message}");
    }
}
