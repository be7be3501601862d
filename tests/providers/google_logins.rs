//! Google's credentials files, each kind against a token server on a real socket: what is asked, and that the token that
//! comes back is the one that the measured request shows.

use super::bench::{self, GOOGLE_TOKEN, KEY, Measured};
use super::http::{self, Kept, Request};
use crate::support::Home;
use llmbench::simulator;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;

const MODEL: &str = "gemini-2.5-flash";

/// An account whose address names its project.
const IMPERSONATED: &str =
    "/v1/projects/-/serviceAccounts/bench@account-project.iam.gserviceaccount.com:generateAccessToken";

/// Stands in for everything at Google that gives tokens: the last step of each way gives [`GOOGLE_TOKEN`].
fn tokens(request: &Request) -> Option<String> {
    let bearer = request.header("authorization");
    match request.path.as_str() {
        "/oauth" => Some(http::json(&json!({"access_token": GOOGLE_TOKEN, "expires_in": 3600}))),
        "/sts" => Some(http::json(&json!({"access_token": "federated-token", "expires_in": 3600,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer"}))),
        "/sts-direct" => Some(http::json(&json!({"access_token": GOOGLE_TOKEN, "expires_in": 3600}))),
        "/subject" if request.header("metadata") == Some("True") => {
            Some(http::json(&json!({"access_token": "subject-of-the-address"})))
        }
        IMPERSONATED if bearer == Some("Bearer federated-token") || bearer == Some("Bearer of-the-user") => {
            Some(http::json(&json!({"accessToken": GOOGLE_TOKEN, "expireTime": "2099-01-01T00:00:00Z"})))
        }
        "/user" => Some(http::json(&json!({"access_token": "of-the-user", "expires_in": 3600}))),
        "/computeMetadata/v1/instance/service-accounts/default/token" => {
            let ours = request.header("metadata-flavor") == Some("Google");
            ours.then(|| http::json(&json!({"access_token": GOOGLE_TOKEN, "expires_in": 3600})))
        }
        "/computeMetadata/v1/project/project-id" => Some(http::answer("200 OK", "", "machine-project")),
        "/refusing" => {
            let words =
                json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."});
            Some(http::answer("400 Bad Request", "", &words.to_string()))
        }
        "/echo" => {
            let sent = String::from_utf8_lossy(&request.body).into_owned();
            Some(http::answer("400 Bad Request", "", &json!({"error": sent}).to_string()))
        }
        _ => None,
    }
}

struct Google {
    address: SocketAddr,
    kept: Kept,
    home: Home,
}

impl Google {
    fn start() -> Self {
        let simulator = simulator::start_in_process().unwrap();
        let (address, kept) = http::hand_on(simulator.addr, MODEL, "steady-ttft5-gap0-n3", tokens);
        std::mem::forget(simulator);
        Self { address, kept, home: Home::new() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Measures with this file as `GOOGLE_APPLICATION_CREDENTIALS`.
    fn with_file(&self, credentials: &Value) -> Measured {
        let file = self.home.path().join("credentials.json");
        fs::write(&file, credentials.to_string()).unwrap();
        self.with(&[("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap())])
    }

    fn with(&self, variables: &[(&str, &str)]) -> Measured {
        let model = format!("vertex:{MODEL}");
        let mut command = self.home.llmbench(&["run", "--ndjson", "--no-store", "--model", &model]);
        command.env("VERTEX_BASE_URL", self.url("")).envs(variables.iter().copied());
        bench::measured(command.output().unwrap(), &self.kept)
    }

    /// The form fields of the only request to this path.
    fn form(&self, path: &str) -> Vec<(String, String)> {
        let found: Vec<Request> =
            self.kept.all().into_iter().filter(|request| request.path == path).collect();
        assert_eq!(found.len(), 1, "{path}");
        assert_eq!(found[0].header("content-type"), Some("application/x-www-form-urlencoded"));
        url::form_urlencoded::parse(&found[0].body).into_owned().collect()
    }
}

/// The measured request: the one that is no token request.
fn measured_request(measured: &Measured) -> &Request {
    measured.row();
    let found: Vec<&Request> =
        measured.requests.iter().filter(|request| request.path.contains("/publishers/")).collect();
    assert_eq!(found.len(), 1, "{:?}", measured.requests);
    assert_eq!(found[0].header("authorization"), Some(format!("Bearer {GOOGLE_TOKEN}").as_str()));
    found[0]
}

fn value<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// A login as `gcloud auth application-default login` writes it.
fn user(token_uri: String) -> Value {
    json!({"type": "authorized_user", "client_id": "bench-client", "client_secret": "bench-secret",
        "refresh_token": KEY, "token_uri": token_uri, "quota_project_id": "quota-project"})
}

#[test]
fn a_persons_login_is_refreshed_and_names_who_pays() {
    let google = Google::start();
    let measured = google.with_file(&user(google.url("/oauth")));
    let request = measured_request(&measured);
    assert_eq!(request.header("x-goog-user-project"), Some("quota-project"));
    assert!(request.path.contains("/projects/quota-project/"), "{}", request.path);
    let form = google.form("/oauth");
    assert_eq!(
        (value(&form, "grant_type"), value(&form, "refresh_token")),
        (Some("refresh_token"), Some(KEY))
    );
}

#[test]
fn gclouds_own_file_is_found_below_the_home() {
    let google = Google::start();
    let folder = google.home.path().join(".config/gcloud");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("application_default_credentials.json"), user(google.url("/oauth")).to_string())
        .unwrap();
    let measured = google.with(&[("GOOGLE_CLOUD_PROJECT", "bench-project")]);
    assert!(measured_request(&measured).path.contains("/projects/bench-project/"));
}

fn workload(google: &Google, token_url: &str, source: Value) -> Value {
    json!({"type": "external_account", "token_url": google.url(token_url),
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/bench/providers/own",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "credential_source": source})
}

#[test]
fn workload_identity_with_a_file() {
    let google = Google::start();
    let file = google.home.path().join("subject");
    fs::write(&file, format!("{KEY}\n")).unwrap();
    let mut credentials = workload(&google, "/sts-direct", json!({"file": file}));
    credentials["quota_project_id"] = json!("quota-project");
    let measured = google.with_file(&credentials);
    let request = measured_request(&measured);
    assert_eq!(request.header("x-goog-user-project"), None);
    assert!(request.path.contains("/projects/quota-project/"), "{}", request.path);
    let form = google.form("/sts-direct");
    assert_eq!(value(&form, "subject_token"), Some(KEY));
    assert_eq!(value(&form, "grant_type"), Some("urn:ietf:params:oauth:grant-type:token-exchange"));
    assert!(value(&form, "audience").unwrap().ends_with("/workloadIdentityPools/bench/providers/own"));
}

#[test]
fn workload_identity_with_an_address_that_acts_as_a_service_account() {
    let google = Google::start();
    let source = json!({"url": google.url("/subject"), "headers": {"Metadata": "True"},
        "format": {"type": "json", "subject_token_field_name": "access_token"}});
    let mut credentials = workload(&google, "/sts", source);
    credentials["service_account_impersonation_url"] = json!(google.url(IMPERSONATED));
    credentials["service_account_impersonation"] = json!({"token_lifetime_seconds": 1800});
    let measured = google.with_file(&credentials);
    assert!(measured_request(&measured).path.contains("/projects/account-project/"));
    assert_eq!(value(&google.form("/sts"), "subject_token"), Some("subject-of-the-address"));
    let asked = google.kept.all().into_iter().find(|request| request.path == IMPERSONATED).unwrap();
    assert_eq!(asked.json()["lifetime"], "1800s");
}

#[test]
fn a_person_acts_as_a_service_account() {
    let google = Google::start();
    let credentials = json!({"type": "impersonated_service_account", "delegates": ["projects/-/serviceAccounts/d"],
        "service_account_impersonation_url": google.url(IMPERSONATED), "source_credentials": user(google.url("/user"))});
    let measured = google.with_file(&credentials);
    let request = measured_request(&measured);
    assert_eq!(request.header("x-goog-user-project"), None, "the token is a service account's");
    let asked = google.kept.all().into_iter().find(|request| request.path == IMPERSONATED).unwrap();
    assert_eq!(asked.json()["delegates"], json!(["projects/-/serviceAccounts/d"]));
    assert_eq!(asked.json()["scope"], json!(["https://www.googleapis.com/auth/cloud-platform"]));
}

#[test]
fn the_metadata_server_is_asked_without_a_proxy() {
    let google = Google::start();
    let host = google.address.to_string();
    let variables = [
        ("GCE_METADATA_HOST", host.as_str()),
        ("GOOGLE_CLOUD_PROJECT", "bench-project"),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
    ];
    let measured = google.with(&variables);
    assert!(measured_request(&measured).path.contains("/projects/bench-project/"));
}

/// A proxy would answer with the login of its own machine, whatever the metadata server is called.
#[test]
fn a_metadata_server_of_another_name_is_asked_without_a_proxy() {
    let google = Google::start();
    let proxy = format!("http://{}", google.address);
    let variables = [("GCE_METADATA_HOST", "metadata.invalid"), ("HTTP_PROXY", proxy.as_str())];
    google.with(&variables);
    let asked = google.kept.all();
    assert!(!asked.iter().any(|request| request.path.contains("computeMetadata")), "{asked:?}");
}

#[test]
fn tokens_are_fetched_through_the_proxy() {
    let google = Google::start();
    let proxy = format!("http://bench:canary-proxy@{}", google.address);
    let file = google.home.path().join("credentials.json");
    let mut credentials = user("https://oauth2.googleapis.com/token".to_owned());
    credentials["token_uri"] = json!("https://token.invalid/token");
    fs::write(&file, credentials.to_string()).unwrap();
    let measured =
        google.with(&[("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap()), ("HTTPS_PROXY", &proxy)]);
    let asked = google.kept.all();
    assert!(asked.iter().all(|request| request.method == "CONNECT" && request.path == "token.invalid:443"));
    assert_eq!(asked[0].header("proxy-authorization"), Some("Basic YmVuY2g6Y2FuYXJ5LXByb3h5"));
    assert_eq!(measured.rows[0]["error_kind"], "auth", "the stand-in is no proxy that connects");
    assert!(!measured.stderr().contains("canary") && !measured.rows[0].to_string().contains("canary"));
}

/// What is said of a file, in a run that asks nobody for a model.
fn refused(google: &Google, credentials: &Value) -> String {
    let measured = google.with_file(credentials);
    assert!(!measured.requests.iter().any(|request| request.path.contains("/publishers/")));
    let row = measured.rows.first().map(|row| row["message"].as_str().unwrap().to_owned());
    row.unwrap_or_else(|| measured.stderr())
}

#[test]
fn refusals_say_why_and_repeat_no_secret() {
    let google = Google::start();
    let said = refused(&google, &user(google.url("/refusing")));
    assert!(said.contains("HTTP 400: invalid_grant: Token has been expired or revoked."), "{said}");
    assert!(said.contains("gcloud auth application-default login"), "{said}");
    let said = refused(&google, &user(google.url("/echo")));
    assert!(said.contains("repeats a secret") && !said.contains(KEY), "{said}");
    // Longer than what is quoted of an answer.
    let file = google.home.path().join("subject");
    let token = "eyJhbGciOiJSUzI1NiJ9".repeat(50);
    fs::write(&file, &token).unwrap();
    let said = refused(&google, &workload(&google, "/echo", json!({"file": file})));
    assert!(said.contains("repeats a secret") && !said.contains(&token[..20]), "{said}");
}

#[test]
fn files_that_cannot_be_used_say_what_is_missing() {
    let google = Google::start();
    let mut incomplete = user(google.url("/oauth"));
    incomplete.as_object_mut().unwrap().remove("refresh_token");
    assert!(refused(&google, &incomplete).contains("the field `refresh_token` is missing"));
    let plain = refused(&google, &user("http://token.example/token".to_owned()));
    assert!(plain.contains("http://token.example/token is neither https"), "{plain}");
    let said = refused(&google, &user("http://u:canary@token.example/token?code=canary".to_owned()));
    assert!(said.contains("http://token.example/token is neither https"), "{said}");
    let executable = workload(&google, "/sts", json!({"executable": {"command": "/bin/token"}}));
    let said = refused(&google, &executable);
    assert!(said.contains("credential_source") && said.contains("key_command"), "{said}");
    let aws =
        json!({"environment_id": "aws1", "url": google.url("/subject"), "region_url": google.url("/region")});
    let said = refused(&google, &workload(&google, "/sts", aws));
    assert!(said.contains("credential_source") && google.kept.all().is_empty(), "{said}");
    let missing = workload(&google, "/sts", json!({"file": "/nonexistent/token"}));
    let said = refused(&google, &missing);
    assert!(said.contains("/nonexistent/token cannot be read"), "{said}");
}
