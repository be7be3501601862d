//! Logins of Azure: an application, workload identity and a managed identity against a sign-in on a real socket; the
//! version of the API, and the API without one.

use super::bench::{self, KEY, Measured};
use super::http::{self, Request};
use crate::support::Home;
use llmbench::simulator;
use serde_json::json;
use std::path::Path;

const DEPLOYMENT: &str = "my-mini";
const TOKEN: &str = "eyJhbGciOi.canary-entra-token.c2ln";

/// Stands in for Entra ID and for the metadata service.
fn tokens(request: &Request) -> Option<String> {
    let token = |seconds: serde_json::Value| {
        Some(http::json(&json!({"token_type": "Bearer", "expires_in": seconds, "access_token": TOKEN})))
    };
    let path = request.path.split('?').next().unwrap();
    match path {
        "/t-1/oauth2/v2.0/token" => token(json!(3599)),
        "/refused/oauth2/v2.0/token" => {
            let said = json!({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."});
            Some(http::answer("401 Unauthorized", "", &said.to_string()))
        }
        "/metadata/identity/oauth2/token" => {
            (request.header("metadata") == Some("true")).then(|| token(json!("86399")).unwrap())
        }
        _ => None,
    }
}

struct Asked {
    measured: Measured,
    /// Requests for tokens.
    tokens: Vec<Request>,
}

/// Measures a deployment with these variables; `ADDRESS` in them stands for the server's.
fn ask(variables: &[(&str, &str)], config: &str, prepare: impl FnOnce(&Path)) -> Asked {
    let simulator = simulator::start_in_process().unwrap();
    let (address, kept) = http::hand_on(simulator.addr, DEPLOYMENT, "steady-ttft5-gap0-n3", tokens);
    let home = Home::new();
    std::fs::write(home.path().join("c.toml"), config.replace("ADDRESS", &address.to_string())).unwrap();
    prepare(home.path());
    let model = format!("azure:{DEPLOYMENT}");
    let mut command =
        home.llmbench(&["run", "--config", "c.toml", "--ndjson", "--no-store", "--model", &model]);
    command.env("AZURE_OPENAI_ENDPOINT", format!("http://{address}"));
    for (name, value) in variables {
        command.env(name, value.replace("ADDRESS", &address.to_string()));
    }
    let mut measured = bench::measured(command.output().unwrap(), &kept);
    let said = format!("{}{}", measured.stderr(), String::from_utf8_lossy(&measured.output.stdout));
    assert!(!said.contains("canary"), "a secret was printed: {said}");
    let (tokens, requests) = std::mem::take(&mut measured.requests)
        .into_iter()
        .partition(|request| request.path.contains("oauth2"));
    measured.requests = requests;
    Asked { measured, tokens }
}

fn bearer(asked: &Asked) {
    asked.measured.row();
    let request = asked.measured.request();
    assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(request.header("api-key"), None);
}

const APPLICATION: [(&str, &str); 4] = [
    ("AZURE_TENANT_ID", "t-1"),
    ("AZURE_CLIENT_ID", "c-1"),
    ("AZURE_CLIENT_SECRET", "canary-secret"),
    ("AZURE_AUTHORITY_HOST", "http://ADDRESS/"),
];

#[test]
fn an_application_gets_a_token_and_shows_it() {
    let asked = ask(&APPLICATION, "", |_| {});
    bearer(&asked);
    assert_eq!(asked.tokens.len(), 1);
    let form = String::from_utf8(asked.tokens[0].body.clone()).unwrap();
    assert_eq!(
        form,
        "grant_type=client_credentials&client_id=c-1&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default\
         &client_secret=canary-secret"
    );
}

#[test]
fn workload_identity_and_a_managed_identity() {
    let federated = [
        ("AZURE_TENANT_ID", "t-1"),
        ("AZURE_CLIENT_ID", "c-1"),
        ("AZURE_FEDERATED_TOKEN_FILE", "token"),
        ("AZURE_AUTHORITY_HOST", "http://ADDRESS"),
    ];
    let asked = ask(&federated, "", |home| std::fs::write(home.join("token"), "canary.of.issuer\n").unwrap());
    bearer(&asked);
    let form = String::from_utf8(asked.tokens[0].body.clone()).unwrap();
    assert!(form.ends_with("jwt-bearer&client_assertion=canary.of.issuer"), "{form}");
    let machine = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://ADDRESS"), ("AZURE_CLIENT_ID", "c-1")];
    let asked = ask(&machine, "", |_| {});
    bearer(&asked);
    assert!(asked.tokens[0].path.ends_with("&client_id=c-1"), "{}", asked.tokens[0].path);
}

#[test]
fn a_refusal_is_told_in_the_words_of_entra_id() {
    let mut refused = APPLICATION;
    refused[0].1 = "refused";
    let asked = ask(&refused, "", |_| {});
    assert_eq!((asked.measured.requests.len(), asked.tokens.len()), (0, 1));
    let row = &asked.measured.rows[0];
    assert_eq!((&row["outcome"], &row["error_kind"]), (&json!("failure"), &json!("auth")), "{row}");
    let message = row["message"].as_str().unwrap();
    assert!(message.contains("AADSTS7000215") && message.contains("AZURE_CLIENT_SECRET"), "{message}");
}

#[test]
fn a_key_goes_before_a_login() {
    let mut variables = APPLICATION.to_vec();
    variables.push(("AZURE_OPENAI_API_KEY", KEY));
    let asked = ask(&variables, "", |_| {});
    assert_eq!((asked.tokens.len(), asked.measured.request().header("api-key")), (0, Some(KEY)));
}

#[test]
fn the_version_is_the_variables_or_the_files_or_none() {
    let key = ("AZURE_OPENAI_API_KEY", KEY);
    let path = |variables: &[(&str, &str)], config: &str| {
        ask(variables, config, |_| {}).measured.request().path.clone()
    };
    let deployment = "/openai/deployments/my-mini/chat/completions";
    let file = "[providers.azure]\nquery = { api-version = '2025-01-01-preview' }";
    assert_eq!(path(&[key], file), format!("{deployment}?api-version=2025-01-01-preview"));
    let variable = ("OPENAI_API_VERSION", "2024-12-01-preview");
    assert_eq!(path(&[key, variable], file), format!("{deployment}?api-version=2024-12-01-preview"));
    // Azure's v1 API: the deployment in the body, and no version.
    let v1 = "[providers.azure]\nbase_url = 'http://ADDRESS/openai/v1'\npath = ''\nquery = {}";
    let endpoint = ("AZURE_OPENAI_ENDPOINT", "");
    assert_eq!(path(&[key, variable, endpoint], v1), "/openai/v1/chat/completions");
}

#[test]
fn what_is_missing_is_named() {
    let home = Home::new();
    let mut command = home.llmbench(&["run", "--no-store", "-m", "azure:x"]);
    let said = command.env("AZURE_OPENAI_API_KEY", KEY).output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&said.stderr) + String::from_utf8_lossy(&said.stdout);
    assert!(stderr.contains("AZURE_OPENAI_ENDPOINT") && !stderr.contains(KEY), "{stderr}");
}
