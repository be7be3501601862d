//! AWS, Google and Azure: which login is found, whose it is, and what is said where there is none.

use super::{KEY, Said, asked, doctor};
use crate::providers::bench;
use crate::providers::http::{self, Request};
use crate::support::Home;
use serde_json::json;
use std::fs;
use std::process::Command;

/// Bedrock's lists, and STS.
fn amazon(request: &Request) -> String {
    if request.method == "POST" {
        let arn = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/bench</Arn>\
                   </GetCallerIdentityResult></GetCallerIdentityResponse>";
        return http::answer("200 OK", "content-type: text/xml\r\n", arn);
    }
    if request.path.starts_with("/inference-profiles") {
        return http::json(&json!({"inferenceProfileSummaries": []}));
    }
    let model = json!({"modelId": "amazon.nova-pro-v1:0", "modelName": "Nova Pro", "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT"], "inferenceTypesSupported": ["ON_DEMAND"], "modelLifecycle": {"status": "ACTIVE"}});
    http::json(&json!({"modelSummaries": [model]}))
}

fn bedrock(home: &Home, address: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = doctor(home, &["-p", "bedrock"], variables);
    command.env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", address).env("AWS_ENDPOINT_URL_STS", address);
    command
}

fn profile(home: &Home, name: &str) {
    let directory = home.path().join(".aws");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("config"), format!("[profile {name}]\nregion = ap-northeast-1\n")).unwrap();
    let credentials = format!("[{name}]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = {KEY}\n");
    fs::write(directory.join("credentials"), credentials).unwrap();
}

#[test]
fn who_calls_aws() {
    let (server, kept) = http::serve(amazon);
    let home = Home::new();
    profile(&home, "bench");
    let said = asked(&mut bedrock(&home, &format!("http://{server}"), &[("AWS_PROFILE", "bench")]));
    assert_eq!(said.told("aws", "profile").0, "ok");
    assert_eq!(said.told("aws", "region"), ("ok", "ap-northeast-1"));
    assert_eq!(said.told("aws", "credentials"), ("ok", "found by the AWS SDK's ProfileFile"));
    assert_eq!(said.told("aws", "identity"), ("ok", "arn:aws:iam::123456789012:user/bench"));
    assert_eq!(said.told("providers", "bedrock"), ("ok", "takes the key, and lists 1 model"));
    let question = kept.all().into_iter().find(|request| request.method == "POST").unwrap();
    assert!(String::from_utf8(question.body.clone()).unwrap().contains("Action=GetCallerIdentity"));
    assert!(question.header("authorization").unwrap().contains("/sts/aws4_request"));
}

#[test]
fn a_profile_that_does_not_exist_is_explained() {
    for offline in [false, true] {
        let (home, flags) = (Home::new(), if offline { vec!["--offline"] } else { vec![] });
        profile(&home, "bench");
        let mut command = bedrock(&home, "http://127.0.0.1:1", &[("AWS_PROFILE", "nosuch")]);
        let said = asked(command.args(flags));
        let check = said.about("aws", "profile");
        let sentence = check["sentence"].as_str().unwrap();
        assert!(sentence.contains("`nosuch`") && sentence.contains("they have bench"), "{sentence}");
        let file = home.path().join(".aws/config");
        assert!(sentence.contains(file.to_str().unwrap()) && sentence.contains("IAM role"), "{sentence}");
        assert!(check["fix"].as_str().unwrap().contains("unset AWS_PROFILE"));
        assert_eq!((&check["heading"], said.ran.code), (&json!("The AWS profile does not exist"), 1));
        assert_eq!(said.of("aws").iter().filter(|check| check["severity"] == "finding").count(), 1);
    }
}

#[test]
fn refused_missing_and_bearer() {
    let (refusing, _) = http::serve(|_| {
        let error = format!(
            "<Error><Code>InvalidClientTokenId</Code><Message>The token {KEY} is invalid.</Message></Error>"
        );
        http::answer("403 Forbidden", "x-amzn-errortype: UnrecognizedClientException\r\n", &error)
    });
    let address = format!("http://{refusing}");
    let key = bench::aws_key().map(|(name, value)| (name, value.replace(bench::KEY, KEY)));
    let key: Vec<(&str, &str)> = key.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let said = asked(&mut bedrock(&Home::new(), &address, &key));
    let (severity, sentence) = said.told("aws", "identity");
    assert!(severity == "finding" && sentence.contains("InvalidClientTokenId"), "{sentence}");
    assert_eq!(said.about("providers", "bedrock")["heading"], "auth");

    let said = asked(&mut bedrock(&Home::new(), &address, &[("AWS_REGION", "eu-west-1")]));
    assert_eq!(said.told("aws", "credentials").0, "finding");
    assert_eq!(said.told("providers", "bedrock").0, "note");

    let said = asked(&mut bedrock(&Home::new(), &address, &[("AWS_BEARER_TOKEN_BEDROCK", KEY)]));
    assert_eq!((said.told("aws", "credentials").0, said.told("aws", "region").0), ("ok", "finding"));
}

/// An instance's metadata server, second version.
fn metadata(request: &Request) -> String {
    let text = |body: &str| http::answer("200 OK", "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", body);
    match (request.method.as_str(), request.path.as_str()) {
        ("PUT", _) => text("metadata-token"),
        (_, "/latest/meta-data/placement/region") => text("us-west-2"),
        (_, "/latest/meta-data/iam/security-credentials/") => text("bench-role"),
        (_, "/latest/meta-data/iam/security-credentials/bench-role") => {
            http::json(&json!({"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
                "AccessKeyId": "AKIAROLE", "SecretAccessKey": KEY, "Token": "session", "Expiration": "2099-01-01T00:00:00Z"}))
        }
        _ => http::answer("404 Not Found", "", ""),
    }
}

#[test]
fn the_role_of_an_instance_is_found() {
    let ((server, _), (instance, _)) = (http::serve(amazon), http::serve(metadata));
    let endpoint = format!("http://{instance}");
    let home = Home::new();
    let mut command =
        bedrock(&home, &format!("http://{server}"), &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]);
    let said = asked(command.env_remove("AWS_EC2_METADATA_DISABLED"));
    assert_eq!(said.told("aws", "region"), ("ok", "us-west-2"));
    assert_eq!(said.told("aws", "credentials"), ("ok", "found by the AWS SDK's IMDSv2"));
    assert_eq!(said.ran.code, 0, "{:#}", said.document);
}

fn vertex(token: impl Fn() -> String + Send + Sync + 'static, project: Option<&str>) -> Said {
    let (server, _) = http::serve(move |request| match request.path.as_str() {
        "/token" => token(),
        path if path.contains("/publishers/google/") => {
            http::json(&json!({"publisherModels": [{"name": "publishers/google/models/gemini-2.5-flash"}]}))
        }
        _ => http::json(&json!({"publisherModels": []})),
    });
    let home = Home::new();
    let rsa = include_str!("../fixtures/throwaway-rsa.pem");
    let account = json!({"type": "service_account", "project_id": project, "private_key": rsa,
        "client_email": "bench@example.com", "token_uri": format!("http://{server}/token")});
    let file = home.path().join("account.json");
    fs::write(&file, account.to_string()).unwrap();
    let mut command = doctor(&home, &["-p", "vertex"], &[]);
    command.env("VERTEX_BASE_URL", format!("http://{server}"));
    asked(command.env("GOOGLE_APPLICATION_CREDENTIALS", &file))
}

#[test]
fn who_calls_google() {
    let token =
        || http::json(&json!({"access_token": "canary-token", "expires_in": 3600, "token_type": "Bearer"}));
    let said = vertex(token, Some("bench-project"));
    assert_eq!(said.told("google", "token"), ("ok", "Google gives one to a service account"));
    assert_eq!(said.told("google", "project"), ("ok", "bench-project (the login's own)"));
    assert_eq!(said.told("google", "location"), ("ok", "global (default)"));
    assert_eq!(said.told("providers", "vertex").0, "ok", "{:#}", said.document);
    let refused = vertex(|| http::answer("400 Bad Request", "", ""), Some("bench-project"));
    let check = refused.about("google", "token");
    assert_eq!(
        (&check["severity"], &check["heading"]),
        (&json!("finding"), &json!("No Google credentials were found"))
    );

    let home = Home::new();
    let missing = [("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/key.json")];
    let said = asked(&mut doctor(&home, &["-p", "vertex"], &missing));
    let check = said.about("google", "token");
    assert!(check["sentence"].as_str().unwrap().contains("/nonexistent/key.json"), "{check}");
}

#[test]
fn a_login_of_azure_that_is_refused_is_told_with_what_to_do() {
    let (address, kept) = http::serve(|_| {
        let said =
            json!({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."});
        http::answer("401 Unauthorized", "", &said.to_string())
    });
    let home = Home::new();
    let mut command =
        doctor(&home, &["-p", "azure"], &[("AZURE_TENANT_ID", "t-1"), ("AZURE_CLIENT_ID", "c-1")]);
    command.env("AZURE_CLIENT_SECRET", KEY).env("AZURE_AUTHORITY_HOST", format!("http://{address}"));
    let said = asked(command.env("AZURE_OPENAI_ENDPOINT", "https://resource.invalid"));
    let check = said.about("providers", "azure");
    assert_eq!(
        (&check["severity"], &check["heading"]),
        (&"finding".into(), &"No login for Azure".into()),
        "{check}"
    );
    assert!(check["sentence"].as_str().unwrap().contains("AADSTS7000215"), "{check}");
    assert_eq!(kept.only().path, "/t-1/oauth2/v2.0/token");
}

#[test]
fn a_key_without_an_address_is_a_note() {
    let home = Home::new();
    let said = asked(&mut doctor(&home, &["-p", "databricks"], &[("DATABRICKS_TOKEN", KEY)]));
    let (severity, sentence) = said.told("providers", "databricks");
    assert!(severity == "note" && sentence.contains("DATABRICKS_HOST"), "{sentence}");
    assert_eq!(said.ran.code, 0, "{:#}", said.document);
}
