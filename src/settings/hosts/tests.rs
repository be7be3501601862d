//! Tests the rows of the table after environment and file are applied.

use super::*;
use crate::settings::file::parse;
use serde_json::json;

fn hosts(text: &str, env: &[(&str, &str)]) -> Result<Hosts, SettingsError> {
    let path = Path::new("/c/c.toml");
    resolve(&parse(text, path).unwrap(), path, &Env::from_pairs(env.iter().copied()), None)
}

fn host(name: &str, text: &str, env: &[(&str, &str)]) -> Host {
    hosts(text, env).unwrap().find(name).unwrap().clone()
}

fn base(name: &str, text: &str, env: &[(&str, &str)]) -> String {
    host(name, text, env).base_url.map(|base| format!("{} ({})", base.value, base.source)).unwrap_or_default()
}

#[test]
fn base_urls_by_precedence() {
    let file = "[providers.groq]\nbase_url = 'https://file.example/v1'";
    assert_eq!(base("groq", "", &[]), "https://api.groq.com/openai/v1 (default)");
    assert_eq!(base("groq", file, &[]), "https://file.example/v1 (file /c/c.toml)");
    let env = [("GROQ_BASE_URL", "https://env.example/")];
    assert_eq!(
        base("groq", file, &env),
        "https://env.example/openai/v1 (environment variable GROQ_BASE_URL)"
    );
}

#[test]
fn variables_hold_what_the_vendors_sdk_expects() {
    let cases = [
        ("openai", "OPENAI_BASE_URL", "https://h/v9", "https://h/v9"),
        ("anthropic", "ANTHROPIC_BASE_URL", "https://h", "https://h/v1"),
        ("anthropic", "ANTHROPIC_BASE_URL", "https://h/v1/", "https://h/v1"),
        ("cerebras", "CEREBRAS_BASE_URL", "https://h", "https://h/v1"),
        ("fireworks", "FIREWORKS_BASE_URL", "https://h", "https://h/v1"),
        ("fireworks", "FIREWORKS_BASE_URL", "https://h/inference/v1", "https://h/inference/v1"),
        ("together", "TOGETHER_BASE_URL", "https://h", "https://h/v1"),
        ("together", "TOGETHER_BASE_URL", "https://h/v1/", "https://h/v1"),
        ("deepinfra", "DEEPINFRA_BASE_URL", "https://h/x", "https://h/x"),
        ("openrouter", "OPENROUTER_BASE_URL", "https://h/api/v1", "https://h/api/v1"),
        ("vertex", "VERTEX_BASE_URL", "https://h", "https://h"),
        (
            "azure",
            "AZURE_OPENAI_ENDPOINT",
            "https://r.openai.azure.com/",
            "https://r.openai.azure.com/openai",
        ),
        ("google", "GOOGLE_GEMINI_BASE_URL", "https://h", "https://h/v1"),
        ("mistral", "MISTRAL_BASE_URL", "https://h/v1", "https://h/v1"),
        ("cohere", "CO_API_URL", "https://api.cohere.com", "https://api.cohere.com/compatibility/v1"),
        ("sambanova", "SAMBA_NOVA_BASE_URL", "https://h/v1", "https://h/v1"),
        (
            "zai",
            "ZAI_BASE_URL",
            "https://open.bigmodel.cn/api/paas/v4",
            "https://open.bigmodel.cn/api/paas/v4",
        ),
        (
            "databricks",
            "DATABRICKS_HOST",
            "w.cloud.databricks.com",
            "https://w.cloud.databricks.com/serving-endpoints",
        ),
        ("databricks", "DATABRICKS_HOST", "https://w/", "https://w/serving-endpoints"),
        ("databricks", "DATABRICKS_BASE_URL", "https://w/serving-endpoints", "https://w/serving-endpoints"),
        ("sim", "LLMBENCH_SIM_URL", "http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
    ];
    for (name, variable, value, expected) in cases {
        assert_eq!(host(name, "", &[(variable, value)]).base_url.unwrap().value, expected, "{variable}");
    }
}

#[test]
fn a_provider_of_ones_own() {
    let text = "[providers.local]\ndialect = 'chat'\nbase_url = 'http://127.0.0.1:8000/v1'\nno_usage_option = true\n\
                body = { top_k = 1 }\nheaders = { x-a = 'b' }";
    let local = host("local", text, &[]);
    assert_eq!((local.dialects, &local.keys.auth), (DialectRule::Fixed(Dialect::Chat), &Auth::None));
    assert!(local.quirks.no_usage_option && local.quirks.max_tokens_field);
    assert_eq!(
        (local.quirks.body.clone(), local.headers.len()),
        (json!({"top_k": 1}).as_object().unwrap().clone(), 1)
    );
    let keyed =
        host("c", "[providers.c]\ndialect = 'messages'\nbase_url = 'https://h/v1'\nkey_env = 'C_KEY'", &[]);
    assert_eq!(keyed.keys.vars, [KeyVar { name: "C_KEY".into(), auth: Auth::Header("x-api-key".into()) }]);
    assert_eq!(keyed.headers, [Header::new("anthropic-version", "2023-06-01")]);
}

#[test]
fn a_built_in_provider_changed() {
    let text = "[providers.groq]\ntitle = 'G'\nkey_env = 'MY'\nkey_file = 'key'\nmax_tokens_field = true\nkey_header = 'x-k'";
    let groq = host("groq", text, &[]);
    assert_eq!(
        (groq.title.as_str(), groq.key_names(), groq.quirks.max_tokens_field),
        ("G", vec!["MY"], true)
    );
    assert_eq!(
        (groq.keys.file.unwrap().to_str(), groq.keys.auth),
        (Some("/c/key"), Auth::Header("x-k".into()))
    );
    let version = "[providers.anthropic.headers]\nAnthropic-Version = 'x'";
    assert_eq!(host("anthropic", version, &[]).headers, [Header::new("Anthropic-Version", "x")]);
}

#[test]
fn paths_and_queries() {
    let own = "[providers.x]\ndialect = 'chat'\nbase_url = 'https://h'\n";
    let x =
        host("x", &format!("{own}path = '/of/{{model}}'\nmodels_path = '/all'\nquery = {{ v = '1' }}"), &[]);
    let given = |text: &str| Some(Sourced::new(text.to_owned(), Source::File("/c/c.toml".into())));
    assert_eq!((&x.path, &x.models_path), (&given("/of/{model}"), &given("/all")));
    assert_eq!(x.query, [QueryPair::new("v", "1", Source::File("/c/c.toml".into()))]);
    // A query of the file replaces the built-in one; the variable changes what is there, and brings nothing back.
    let version = |text: &str, env: &[(&str, &str)]| host("azure", text, env).query;
    assert_eq!(version("", &[]), [QueryPair::new("api-version", "2024-10-21", Source::Default)]);
    let variable = [("OPENAI_API_VERSION", "preview")];
    let source = Source::Env("OPENAI_API_VERSION".into());
    assert_eq!(version("", &variable), [QueryPair::new("api-version", "preview", source)]);
    assert_eq!(version("[providers.azure]\nquery = {}", &variable), []);
    // The path is that of the built-in dialect.
    assert!(host("azure", "", &[]).path.is_some());
    assert_eq!(host("azure", "[providers.azure]\ndialect = 'responses'", &[]).path, None);
    assert_eq!(host("azure", "[providers.azure]\npath = ''", &[]).path, None);
}

#[test]
fn places_of_google_and_aws() {
    let vertex = host(
        "vertex",
        "",
        &[("VERTEXAI_PROJECT", "b"), ("GOOGLE_CLOUD_PROJECT", "a"), ("CLOUD_ML_REGION", "eu")],
    );
    assert_eq!((vertex.project.unwrap().value.as_str(), vertex.region.unwrap().value.as_str()), ("a", "eu"));
    assert_eq!(
        host("bedrock", "", &[("AWS_DEFAULT_REGION", "eu-west-1")]).region.unwrap().value,
        "eu-west-1"
    );
    let file = "[providers.bedrock]\nregion = 'us-east-1'";
    assert_eq!(host("bedrock", file, &[]).region.unwrap().value, "us-east-1");
}

#[test]
fn account_headers_come_from_the_environment() {
    let env = [("OPENAI_ORG_ID", "org-1"), ("OPENAI_PROJECT_ID", "")];
    assert_eq!(host("openai", "", &env).headers, [Header::new("OpenAI-Organization", "org-1")]);
    assert!(hosts("", &[("OPENAI_ORG_ID", "a\nb")]).is_err());
}

#[test]
fn mistakes_are_named() {
    let cases = [
        (
            "[providers.grok]\nbase_url = 'https://h'",
            "[providers.grok]: it is no built-in provider, so it needs a dialect",
        ),
        ("[providers.x]\ndialect = 'chat'", "needs a base_url"),
        ("[providers.'a:b']\ndialect = 'chat'\nbase_url = 'https://h'", "its name may hold"),
        ("[providers.groq]\nbase_url = 'http://h.example'", "plain http to another machine"),
        ("[providers.groq]\nbase_url = 'https://user:canary@h'", "it holds a user or password"),
        ("[providers.groq]\nkey_file = 'a'\nkey_command = 'b'", "exclude each other"),
        ("[providers.groq]\nkey_header = 'a b'", "is no header name"),
        (
            "[providers.groq.headers]\nAuthorization = 'Bearer canary'",
            "header `Authorization` is not for this table",
        ),
        ("[providers.groq.headers]\nx-a = \"canary\\u0000\"", "header `x-a` holds a character"),
        ("[providers.bedrock]\nkey_env = 'X'", "its login is the AWS SDK's"),
        ("[providers.bedrock]\ndialect = 'chat'", "dialect cannot be set"),
        ("[providers.bedrock]\nquery = { v = '1' }", "query cannot be set"),
        ("[providers.openai]\npath = '/x'", "so it needs a dialect, too"),
        ("[providers.groq]\npath = 'x'", "[providers.groq]: path: it must begin with /"),
        ("[providers.groq]\nmodels_path = '/{model}'", "models_path: a list is not that of one model"),
        ("[providers.groq]\nquery = { key = 'canary' }", "query: `key` looks like a key"),
        ("[providers.vertex]\nregion = 'a/b'", "project or location of provider `vertex`"),
    ];
    for (text, expected) in cases {
        let said = hosts(text, &[]).unwrap_err().to_string();
        assert!(said.contains(expected) && !said.contains("canary"), "{said}");
    }
}
