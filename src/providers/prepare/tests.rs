//! Tests of the requests as they are sent, host by host.

use super::*;
use crate::domain::env_vars;
use crate::domain::secret::Secret;
use crate::domain::sourced::{Source, Sourced};
use crate::providers::builtin_hosts;
use crate::providers::hosts::{Header, Hosts};

fn ask(model_id: &str) -> GenerationRequest {
    GenerationRequest {
        model_id: model_id.into(),
        prompt: "Tell.".into(),
        max_output_tokens: 64,
        temperature: Some(0.1),
        reasoning_effort: None,
        metadata: serde_json::Map::new(),
        deterministic: false,
    }
}

fn host(name: &str) -> Host {
    Hosts::new(builtin_hosts::built_in()).find(name).unwrap().clone()
}

fn given(text: &str) -> Option<Sourced<String>> {
    Some(Sourced::new(text.into(), Source::Env(env_vars::VERTEX_BASE_URL.into())))
}

fn at(base_url: &str) -> Host {
    Host { base_url: given(base_url), ..host("groq") }
}

fn key() -> Credential {
    Credential::Bearer(Secret::new("canary"))
}

fn sent(
    host: &Host,
    model_id: &str,
    path: &str,
    credential: &Credential,
) -> Result<WireRequest, PrepareError> {
    let plan = plan(host, ask(model_id), &[]);
    request(host, &plan, path, Bytes::from_static(b"{}"), credential)
}

#[test]
fn a_request_to_groq() {
    let request = sent(&host("groq"), "llama", "/chat/completions", &key()).unwrap();
    assert_eq!(request.target, Origin { tls: true, host: "api.groq.com".into(), port: 443 });
    assert_eq!((request.method, request.path.as_str()), ("POST", "/openai/v1/chat/completions"));
    let header =
        |name: &str| request.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    assert_eq!(header("Authorization"), Some("Bearer canary"));
    assert_eq!(header("Accept"), Some("text/event-stream"));
    assert_eq!(header("Accept-Encoding"), None);
    assert!(!format!("{request:?}").contains("canary"));
}

#[test]
fn targets_of_every_shape() {
    let target = |base: &str| {
        let (target, path) = endpoint(&at(base), &plan(&at(base), ask("m"), &[]), "/x", &key())?;
        Ok::<_, PrepareError>(format!("{} {} {} {path}", target.tls, target.host, target.port))
    };
    assert_eq!(target("https://h.example").unwrap(), "true h.example 443 /x");
    assert_eq!(target("https://h.example:8443/a/b/").unwrap(), "true h.example 8443 /a/b/x");
    assert_eq!(target("http://127.0.0.1:8080/v1").unwrap(), "false 127.0.0.1 8080 /v1/x");
    assert_eq!(target("http://[::1]:8080").unwrap(), "false ::1 8080 /x");
    assert_eq!(target("http://localhost/v1").unwrap(), "false localhost 80 /v1/x");
    assert_eq!(target("http://10.0.0.1/v1"), Err(PrepareError::PlainHttp("groq".into())));
    assert_eq!(target("http://localhost.evil.example/v1"), Err(PrepareError::PlainHttp("groq".into())));
    for bad in ["", "h.example", "ftp://h", "https://u:p@h/", "https://h/?a=b", "https://h/#f", "https://"] {
        assert!(matches!(target(bad), Err(PrepareError::BadBaseUrl { .. })), "{bad}");
    }
}

#[test]
fn plain_http_can_be_allowed() {
    let lan = Host { allow_plain_http: true, ..at("http://10.0.0.1:8000/v1") };
    assert!(!sent(&lan, "m", "/x", &Credential::None).unwrap().target.tls);
}

#[test]
fn a_host_without_address_says_so() {
    let error = sent(&host("sim"), "m", "/x", &Credential::None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "provider `sim` has no base URL: set LLMBENCH_SIM_URL, or base_url under [providers.sim]"
    );
    assert_eq!(FailureDetail::from(error).stage, FailureStage::Prepare);
}

#[test]
fn headers_that_http_cannot_carry_are_refused() {
    for (name, value) in [("x-a", "a\r\nx-b: c"), ("x a", "b"), ("", "b"), ("x-a", "\u{e9}")] {
        let host = Host { headers: vec![Header::new(name, value)], ..host("groq") };
        assert!(matches!(sent(&host, "m", "/x", &key()), Err(PrepareError::BadHeader { .. })), "{name}");
    }
}

fn google(project: Option<&str>, user: bool) -> Credential {
    Credential::Google { token: Secret::new("token"), project: project.map(str::to_owned), user }
}

#[test]
fn vertex_follows_project_and_location() {
    let vertex = Host { region: given("europe-west4"), ..host("vertex") };
    let request = sent(
        &vertex,
        "gemini-x",
        "/models/gemini-x:streamGenerateContent?alt=sse",
        &google(Some("own"), false),
    );
    let request = request.unwrap();
    assert_eq!(request.target.host, "europe-west4-aiplatform.googleapis.com");
    assert!(
        request
            .path
            .starts_with("/v1/projects/own/locations/europe-west4/publishers/google/models/gemini-x:")
    );
    assert!(!request.headers.iter().any(|(name, _)| name == "x-goog-user-project"));
    let named = Host { project: given("mine"), ..host("vertex") };
    let request = sent(&named, "claude-x", "/messages", &google(Some("own"), true)).unwrap();
    assert_eq!(request.target.host, "us-central1-aiplatform.googleapis.com");
    assert!(
        request.path.contains("/projects/mine/locations/us-central1/publishers/anthropic/models/claude-x:")
    );
    assert!(request.headers.contains(&("x-goog-user-project".into(), "mine".into())));
}

#[test]
fn vertex_in_express_mode_takes_a_key_and_names_no_project() {
    let vertex = Host { project: given("mine"), ..host("vertex") };
    let express = Credential::Header("x-goog-api-key".into(), Secret::new("k"));
    assert_eq!(
        sent(&vertex, "gemini-x", "/models/g:x", &express).unwrap().path,
        "/v1/publishers/google/models/g:x"
    );
    assert_eq!(sent(&vertex, "claude-x", "/messages", &express), Err(PrepareError::NoProject));
}

#[test]
fn claude_on_vertex_may_have_a_base_url_of_its_own() {
    let vertex =
        Host { messages_base_url: given("https://claude.example/v1"), project: given("p"), ..host("vertex") };
    assert_eq!(sent(&vertex, "claude-x", "/messages", &key()).unwrap().target.host, "claude.example");
    assert_eq!(
        sent(&vertex, "gemini-x", "/models/g:x", &key()).unwrap().target.host,
        "us-central1-aiplatform.googleapis.com"
    );
}

#[test]
fn a_location_cannot_name_another_machine() {
    let vertex = Host { region: given("evil.example/"), project: given("p"), ..host("vertex") };
    assert!(matches!(sent(&vertex, "gemini-x", "/x", &key()), Err(PrepareError::BadPlace { .. })));
}

#[test]
fn efforts_of_the_profile_and_the_catalog_win_over_the_default() {
    let openai = host("openai");
    assert_eq!(plan(&openai, ask("gpt-5"), &[]).ask.reasoning_effort.as_deref(), Some("low"));
    let high = GenerationRequest { reasoning_effort: Some("high".into()), ..ask("gpt-5") };
    assert_eq!(plan(&openai, high, &[]).ask.reasoning_effort.as_deref(), Some("high"));
}

#[test]
fn the_budget_is_never_below_the_apis_minimum() {
    let small =
        |model: &str| plan(&host("openai"), GenerationRequest { max_output_tokens: 1, ..ask(model) }, &[]);
    assert_eq!(small("gpt-5").ask.max_output_tokens, 16);
    assert_eq!(small("gpt-4o").ask.max_output_tokens, 1);
}
