//! AWS logins that a person makes (`aws sso login`, `aws login`): tokens in the CLI's caches, exchanged with a token service
//! on a real socket, directly or through the proxy that the environment names.

use super::bedrock::{run_simulated, signed_by};
use super::bench::KEY;
use super::http::{self, Kept, Request};
use crate::support::Home;
use serde_json::{Value, json};
use sha2::Digest;
use std::fs;
use std::net::SocketAddr;

/// Names of files in `~/.aws/sso/cache`: SHA-1 of the session `bench`, and of [`START`].
const OF_SESSION: &str = "e5c89c529dccb9b42716f4d9118d61079c883d9e";
const OF_START: &str = "3a7256fa5cc1f5ce07ba5f866caffd633d0ab41b";
const START: &str = "https://bench.awsapps.com/start";
const ARN: &str = "arn:aws:iam::123456789012:user/bench";

/// A P-256 key that nobody uses.
const DPOP_KEY: &str = include_str!("../fixtures/throwaway-p256.pem");

/// A home with a profile `work` and nothing else.
fn home(profile: &str) -> Home {
    let home = Home::new();
    fs::create_dir_all(home.path().join(".aws/sso/cache")).unwrap();
    fs::create_dir_all(home.path().join(".aws/login/cache")).unwrap();
    fs::write(home.path().join(".aws/config"), format!("[profile work]\nregion = eu-west-1\n{profile}"))
        .unwrap();
    home
}

fn with_session() -> Home {
    home(&format!(
        "sso_session = bench\nsso_account_id = 123456789012\nsso_role_name = Bench\n\
         [sso-session bench]\nsso_start_url = {START}\nsso_region = eu-central-1\n"
    ))
}

fn cache(home: &Home, name: &str, token: Value) {
    fs::write(home.path().join(format!(".aws/sso/cache/{name}.json")), token.to_string()).unwrap();
}

/// The portal and the token service of IAM Identity Center: `token` is good at the portal, and a refresh gives it.
fn identity_center(token: &'static str) -> (SocketAddr, Kept) {
    http::serve(move |request: &Request| {
        if request.path == "/token" {
            return http::json(&json!({"accessToken": token, "tokenType": "Bearer", "expiresIn": 3600}));
        }
        if request.header("x-amz-sso_bearer_token") != Some(token) {
            let kind = "content-type: application/json\r\nx-amzn-errortype: UnauthorizedException\r\n";
            let refusal = json!({"message": "Session token not found or invalid"});
            return http::answer("401 Unauthorized", kind, &refusal.to_string());
        }
        http::json(&json!({"roleCredentials": {"accessKeyId": "ASIASSO", "secretAccessKey": KEY,
            "sessionToken": "session-of-sso", "expiration": 4_070_908_800_000_i64}}))
    })
}

/// Measures under the profile; the token service is at `service`.
fn measured(home: &Home, service: &str) -> super::bench::Measured {
    let variables = [
        ("AWS_PROFILE", "work"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL_SSO", service),
        ("AWS_ENDPOINT_URL_SSO_OIDC", service),
        ("AWS_ENDPOINT_URL_SIGNIN", service),
    ];
    run_simulated(home, &variables)
}

/// The sentence of a run that found no login.
fn refused(home: &Home, service: &str) -> String {
    let measured = measured(home, service);
    assert_eq!((measured.rows.len(), measured.requests.len()), (1, 0), "{}", measured.stderr());
    assert_eq!(measured.rows[0]["error_kind"], "auth");
    measured.rows[0]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_session_of_sso_signs() {
    let (service, asked) = identity_center("fresh-token");
    let home = with_session();
    cache(&home, OF_SESSION, json!({"accessToken": "fresh-token", "expiresAt": "2099-01-01T00:00:00Z"}));
    let measured = measured(&home, &format!("http://{service}"));
    measured.row();
    signed_by(&measured, "ASIASSO", "eu-west-1");
    assert_eq!(measured.request().header("x-amz-security-token"), Some("session-of-sso"));
    let path = asked.only().path;
    assert!(path.contains("role_name=Bench") && path.contains("account_id=123456789012"), "{path}");
}

#[test]
fn an_sso_profile_of_the_old_kind_signs() {
    let (service, _) = identity_center("fresh-token");
    let profile = format!(
        "sso_start_url = {START}\nsso_region = eu-central-1\nsso_account_id = 123456789012\nsso_role_name = Bench\n"
    );
    let home = home(&profile);
    cache(&home, OF_START, json!({"accessToken": "fresh-token", "expiresAt": "2099-01-01T00:00:00Z"}));
    let measured = measured(&home, &format!("http://{service}"));
    measured.row();
    signed_by(&measured, "ASIASSO", "eu-west-1");
    cache(&home, OF_START, json!({"accessToken": "stale-token", "expiresAt": "2020-01-01T00:00:00Z"}));
    let said = refused(&home, &format!("http://{service}"));
    assert!(said.contains("`aws sso login --profile work`"), "{said}");
}

#[test]
fn a_session_is_renewed_where_it_can_be() {
    let (service, asked) = identity_center("renewed-token");
    let home = with_session();
    let stale = json!({"accessToken": "stale-token", "expiresAt": "2020-01-01T00:00:00Z", "refreshToken": "r",
        "clientId": "c", "clientSecret": "s", "registrationExpiresAt": "2099-01-01T00:00:00Z",
        "region": "eu-central-1", "startUrl": START});
    cache(&home, OF_SESSION, stale);
    measured(&home, &format!("http://{service}")).row();
    assert_eq!(asked.all()[0].json()["grantType"], "refresh_token");
    let kept = fs::read_to_string(home.path().join(format!(".aws/sso/cache/{OF_SESSION}.json"))).unwrap();
    assert!(kept.contains("renewed-token"), "{kept}");
}

#[test]
fn a_session_that_is_over_or_never_was_names_the_command() {
    let home = with_session();
    let never = refused(&home, "http://127.0.0.1:1");
    assert!(never.contains("`aws sso login --profile work`"), "{never}");
    cache(&home, OF_SESSION, json!({"accessToken": "stale-token", "expiresAt": "2020-01-01T00:00:00Z"}));
    let over = refused(&home, "http://127.0.0.1:1");
    assert!(over.contains("expired") && over.contains("`aws sso login --profile work`"), "{over}");
}

/// The cache file of `aws login`, whose credentials end at this time.
fn log_in(home: &Home, ends: &str) {
    let name =
        sha2::Sha256::digest(ARN.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let token = json!({"accessToken": {"accessKeyId": "ASIALOGIN", "secretAccessKey": KEY,
        "sessionToken": "session-of-login", "accountId": "123456789012", "expiresAt": ends},
        "tokenType": "aws_sigv4", "refreshToken": "r", "clientId": "arn:aws:signin:::devtools/same-device",
        "dpopKey": DPOP_KEY});
    fs::write(home.path().join(format!(".aws/login/cache/{name}.json")), token.to_string()).unwrap();
}

#[test]
fn a_login_of_the_console_signs_and_is_renewed() {
    let home = home(&format!("login_session = {ARN}\n"));
    let never = refused(&home, "http://127.0.0.1:1");
    assert!(never.contains("`aws login --profile work`"), "{never}");

    log_in(&home, "2099-01-01T00:00:00Z");
    let first = measured(&home, "http://127.0.0.1:1");
    first.row();
    signed_by(&first, "ASIALOGIN", "eu-west-1");

    log_in(&home, "2020-01-01T00:00:00Z");
    let (service, asked) = http::serve(|_: &Request| {
        http::json(&json!({"accessToken": {"accessKeyId": "ASIARENEWED", "secretAccessKey": KEY,
            "sessionToken": "session-of-renewal"}, "tokenType": "aws_sigv4", "expiresIn": 900, "refreshToken": "r2"}))
    });
    let second = measured(&home, &format!("http://{service}"));
    second.row();
    signed_by(&second, "ASIARENEWED", "eu-west-1");
    assert!(asked.only().header("dpop").is_some(), "the request shows that the key is here");

    log_in(&home, "2020-01-01T00:00:00Z");
    let (service, _) = http::serve(|_: &Request| {
        let kind = "content-type: application/json\r\nx-amzn-errortype: AccessDeniedException\r\n";
        let refusal = json!({"error": "TOKEN_EXPIRED", "message": "expired"});
        http::answer("403 Forbidden", kind, &refusal.to_string())
    });
    let over = refused(&home, &format!("http://{service}"));
    assert!(over.contains("session has expired") && over.contains("`aws login --profile work`"), "{over}");
}

#[test]
fn credentials_are_fetched_through_the_proxy_and_measured_calls_are_not() {
    let (proxy, passed) = identity_center("fresh-token");
    let home = with_session();
    cache(&home, OF_SESSION, json!({"accessToken": "fresh-token", "expiresAt": "2099-01-01T00:00:00Z"}));
    let through = |no_proxy: &str| {
        let variables = [
            ("AWS_PROFILE", "work"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL_SSO", "http://portal.invalid"),
            ("HTTP_PROXY", &*format!("http://bench:canary-proxy@{proxy}")),
            ("NO_PROXY", no_proxy),
        ];
        run_simulated(&home, &variables)
    };
    let measured = through("");
    measured.row();
    signed_by(&measured, "ASIASSO", "eu-west-1");
    let asked = passed.only();
    assert!(asked.path.starts_with("http://portal.invalid/federation/credentials"), "{}", asked.path);
    assert_eq!(asked.header("proxy-authorization"), Some("Basic YmVuY2g6Y2FuYXJ5LXByb3h5"));
    let direct = through("portal.invalid");
    assert_eq!((direct.rows[0]["error_kind"].as_str(), passed.all().len()), (Some("auth"), 1));
    assert!(!direct.stderr().contains("canary") && !direct.rows[0].to_string().contains("canary"));
}
