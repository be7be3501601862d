//! The names of all environment variables that the program reads, once each. The use of a value is documented where
//! the constant is used; only `settings::env` reads values. `env_vars/providers.rs` has those of providers.

mod providers;

pub use providers::*;

/// The store of outcomes: `sqlite:PATH`, `mongodb://…`.
pub const LLMBENCH_STORE: &str = "LLMBENCH_STORE";
/// Path of the configuration file.
pub const LLMBENCH_CONFIG: &str = "LLMBENCH_CONFIG";
/// Directory of local state: undelivered results, the outbox, the status report of the daemon.
pub const LLMBENCH_STATE_DIR: &str = "LLMBENCH_STATE_DIR";
/// Address of a daemon's monitoring endpoints: `127.0.0.1:9464`, or `none`.
pub const LLMBENCH_LISTEN: &str = "LLMBENCH_LISTEN";
/// Name of the place from which a daemon measures (`main`).
pub const LLMBENCH_VANTAGE: &str = "LLMBENCH_VANTAGE";
/// File of the private key that signs manifests of exports: Ed25519, PEM.
pub const LLMBENCH_SIGNING_KEY_FILE: &str = "LLMBENCH_SIGNING_KEY_FILE";
/// Base URL of a running simulator, for example `http://127.0.0.1:8099/v1`.
pub const LLMBENCH_SIM_URL: &str = "LLMBENCH_SIM_URL";

/// Connection string of the MongoDB store; used if no other store is named.
pub const MONGODB_URI: &str = "MONGODB_URI";
/// Database of the MongoDB store; by default the path of the connection string, else `llm-bench`.
pub const MONGODB_DB: &str = "MONGODB_DB";
/// Collection of the catalog of measured models (`models`).
pub const MONGODB_COLLECTION_MODELS: &str = "MONGODB_COLLECTION_MODELS";
/// Collection of published runs (`metrics_cloud_v2`).
pub const MONGODB_COLLECTION_CLOUD: &str = "MONGODB_COLLECTION_CLOUD";
/// Collection of all other runs (`metrics_cloud_probe`).
pub const MONGODB_COLLECTION_CLOUD_PROBE: &str = "MONGODB_COLLECTION_CLOUD_PROBE";
/// Collection of failed attempts (`errors_cloud`).
pub const MONGODB_COLLECTION_ERRORS: &str = "MONGODB_COLLECTION_ERRORS";
/// Collection of failures grouped by fingerprint (`error_rollups`).
pub const MONGODB_COLLECTION_ERROR_ROLLUPS: &str = "MONGODB_COLLECTION_ERROR_ROLLUPS";
/// Collection of the queue (`bench_jobs`).
pub const MONGODB_COLLECTION_BENCH_JOBS: &str = "MONGODB_COLLECTION_BENCH_JOBS";
/// Collection of freshness by model (`bench_model_health`).
pub const MONGODB_COLLECTION_MODEL_HEALTH: &str = "MONGODB_COLLECTION_MODEL_HEALTH";
/// Collection of heartbeats (`bench_scheduler_heartbeats`).
pub const MONGODB_COLLECTION_SCHEDULER_HEARTBEATS: &str = "MONGODB_COLLECTION_SCHEDULER_HEARTBEATS";
/// Collection of self-checks (`bench_check_runs`).
pub const MONGODB_COLLECTION_CHECK_RUNS: &str = "MONGODB_COLLECTION_CHECK_RUNS";
/// Collection of the lifecycle states of models (`model_status`).
pub const MONGODB_COLLECTION_MODEL_STATUS: &str = "MONGODB_COLLECTION_MODEL_STATUS";
/// Collection of the keys under which models of several providers are one (`bench_model_identity`).
pub const MONGODB_COLLECTION_MODEL_IDENTITY: &str = "MONGODB_COLLECTION_MODEL_IDENTITY";
/// Collection of reads of what providers list (`bench_discovery_runs`).
pub const MONGODB_COLLECTION_DISCOVERY_RUNS: &str = "MONGODB_COLLECTION_DISCOVERY_RUNS";
/// Collection of batches of catalog changes (`bench_catalog_batches`).
pub const MONGODB_COLLECTION_CATALOG_BATCHES: &str = "MONGODB_COLLECTION_CATALOG_BATCHES";
/// Collection of the values before and after each change (`bench_catalog_changes`).
pub const MONGODB_COLLECTION_CATALOG_CHANGES: &str = "MONGODB_COLLECTION_CATALOG_CHANGES";
/// Collection of the keys of remote runners (`bench_ingest_keys`).
pub const MONGODB_COLLECTION_INGEST_KEYS: &str = "MONGODB_COLLECTION_INGEST_KEYS";
/// Collection of the models that providers list (`provider_catalog`).
pub const MONGODB_COLLECTION_PROVIDER_CATALOG: &str = "MONGODB_COLLECTION_PROVIDER_CATALOG";
/// Collection of adaptations learned for models (`bench_model_adaptations`).
pub const MONGODB_COLLECTION_MODEL_ADAPTATIONS: &str = "MONGODB_COLLECTION_MODEL_ADAPTATIONS";
/// Collection of the notices sent to each recipient about providers' lists (`bench_notices`).
pub const MONGODB_COLLECTION_NOTICES: &str = "MONGODB_COLLECTION_NOTICES";
/// Collection of the calibrations of hosts (`bench_calibrations`).
pub const MONGODB_COLLECTION_CALIBRATIONS: &str = "MONGODB_COLLECTION_CALIBRATIONS";
/// Collection of the series that have blocks (`bench_series`).
pub const MONGODB_COLLECTION_SERIES: &str = "MONGODB_COLLECTION_SERIES";
/// Collection of blocks of series (`bench_series_blocks`).
pub const MONGODB_COLLECTION_SERIES_BLOCKS: &str = "MONGODB_COLLECTION_SERIES_BLOCKS";
/// Collection of the slots of which blocks were made (`bench_series_slots`).
pub const MONGODB_COLLECTION_SERIES_SLOTS: &str = "MONGODB_COLLECTION_SERIES_SLOTS";
/// Collection of changes of series (`bench_series_changes`).
pub const MONGODB_COLLECTION_SERIES_CHANGES: &str = "MONGODB_COLLECTION_SERIES_CHANGES";
/// Endpoints of a router's models.
pub const MONGODB_COLLECTION_ENDPOINTS: &str = "MONGODB_COLLECTION_ENDPOINTS";

/// Mail server for notices: `smtp://USER@HOST:PORT` or `smtps://…`; may contain a password.
pub const LLMBENCH_SMTP_URL: &str = "LLMBENCH_SMTP_URL";
/// Password of the mail server's user.
pub const LLMBENCH_SMTP_PASSWORD: &str = "LLMBENCH_SMTP_PASSWORD";
/// Sender address of notices.
pub const LLMBENCH_NOTIFY_FROM: &str = "LLMBENCH_NOTIFY_FROM";
/// Recipient addresses of notices, separated by commas.
pub const LLMBENCH_NOTIFY_TO: &str = "LLMBENCH_NOTIFY_TO";
/// Webhook that receives notices as JSON; the whole URL is a secret.
pub const LLMBENCH_WEBHOOK_URL: &str = "LLMBENCH_WEBHOOK_URL";

/// Minutes for which a model counts as fresh, as in the Python scheduler (30): it is measured again after one and a half
/// times as long.
pub const FRESH_MINUTES: &str = "FRESH_MINUTES";
/// A daemon's providers, separated by commas; all if unset, or if it is `all`.
pub const BENCHMARK_PROVIDERS: &str = "BENCHMARK_PROVIDERS";
/// Providers that a daemon does not measure, separated by commas; `none` for no provider.
pub const BENCHMARK_EXCLUDED_PROVIDERS: &str = "BENCHMARK_EXCLUDED_PROVIDERS";
/// Number of attempts at one turn of a model, as in the Python scheduler (2).
pub const BENCHMARK_MAX_ATTEMPTS: &str = "BENCHMARK_MAX_ATTEMPTS";
/// A runner's emergency work list: model ids separated by commas, or `1` for the list in `BENCHMARK_MODELS`.
pub const BENCHMARK_MODELS_OVERRIDE: &str = "BENCHMARK_MODELS_OVERRIDE";
/// A runner's models, separated by commas, if no URL of work lists is set or the override says so.
pub const BENCHMARK_MODELS: &str = "BENCHMARK_MODELS";
/// Deadline of one of a daemon's measurements, seconds.
pub const BENCHMARK_DEADLINE_SECONDS: &str = "BENCHMARK_DEADLINE_SECONDS";
/// Prefix, followed by a provider's name in capitals: the number of its simultaneous measurements
/// (`BENCHMARK_CONCURRENCY_OPENAI`).
pub const BENCHMARK_CONCURRENCY: &str = "BENCHMARK_CONCURRENCY_";
/// Seconds between two refreshes of a daemon's catalog.
pub const SCHEDULER_TICK_SECONDS: &str = "SCHEDULER_TICK_SECONDS";

/// The socket on which a service manager listens to a daemon (`sd_notify`).
pub const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// Key with which the Python runner posts to the bridge, as `X-API-Key`.
pub const INGEST_API_KEY: &str = "INGEST_API_KEY";
/// Token with which the Python runner reads its work list from the bridge.
pub const RUNNER_CONFIG_TOKEN: &str = "RUNNER_CONFIG_TOKEN";

/// Key of a runner for the bridge, for posting and for its work list.
pub const LLMBENCH_BRIDGE_KEY: &str = "LLMBENCH_BRIDGE_KEY";
/// `1` if keys may be sent to a bridge on another machine over plain http.
pub const LLMBENCH_BRIDGE_PLAIN_HTTP: &str = "LLMBENCH_BRIDGE_PLAIN_HTTP";
/// URL to which the Python runner posts results: the bridge's `/ingest`; used as the store if no other is named.
pub const INGEST_API_URL: &str = "INGEST_API_URL";
/// URL to which the Python runner posts failures; here they are posted with the results.
pub const INGEST_ERROR_URL: &str = "INGEST_ERROR_URL";
/// URL to which the Python runner posts Bedrock's list, if it is not the bridge's `/ingest/catalog`.
pub const INGEST_CATALOG_URL: &str = "INGEST_CATALOG_URL";
/// URL from which the Python runner reads its work list: the bridge's `/runner-config`.
pub const RUNNER_CONFIG_URL: &str = "RUNNER_CONFIG_URL";
/// The cache file of the last work list.
pub const RUNNER_CONFIG_CACHE_PATH: &str = "RUNNER_CONFIG_CACHE_PATH";
/// Time for which a cached work list is valid while the bridge is unreachable, seconds (21600).
pub const RUNNER_CONFIG_GRACE_SECONDS: &str = "RUNNER_CONFIG_GRACE_SECONDS";
/// Deadline of an answer of the bridge, seconds (10).
pub const RUNNER_CONFIG_TIMEOUT_SECONDS: &str = "RUNNER_CONFIG_TIMEOUT_SECONDS";
/// Seconds between two posts of Bedrock's list (43200).
pub const RUNNER_CATALOG_INTERVAL_SECONDS: &str = "RUNNER_CATALOG_INTERVAL_SECONDS";

/// The name of the logged-in user, for the history of the catalog.
pub const USER: &str = "USER";
/// The same if `USER` is unset.
pub const LOGNAME: &str = "LOGNAME";
/// Turns colours off if it is set (no-color.org).
pub const NO_COLOR: &str = "NO_COLOR";
/// Width of the terminal in columns.
pub const COLUMNS: &str = "COLUMNS";
/// PEM file of certificate authorities that are trusted in addition to the public ones.
pub const SSL_CERT_FILE: &str = "SSL_CERT_FILE";
/// Proxy of unmeasured requests to https hosts; `https_proxy` takes precedence. May contain a password.
pub const HTTPS_PROXY: &str = "HTTPS_PROXY";
/// The same for http hosts.
pub const HTTP_PROXY: &str = "HTTP_PROXY";
/// The same for both, if the one above is unset.
pub const ALL_PROXY: &str = "ALL_PROXY";
/// Hosts that are reached without a proxy, separated by commas; `*` for all.
pub const NO_PROXY: &str = "NO_PROXY";
/// Directory of state that is not configuration: results that no store accepted.
pub const XDG_STATE_HOME: &str = "XDG_STATE_HOME";

/// The variables with secret values: they are redacted in every message and removed from the environment of child
/// processes.
pub const SECRETS: &[&str] = &[
    OPENAI_API_KEY,
    ANTHROPIC_API_KEY,
    ANTHROPIC_AUTH_TOKEN,
    GROQ_API_KEY,
    TOGETHER_API_KEY,
    TOGETHERAI_API_KEY,
    CEREBRAS_API_KEY,
    FIREWORKS_API_KEY,
    DEEPINFRA_API_KEY,
    DEEPINFRA_TOKEN,
    OPENROUTER_API_KEY,
    GOOGLE_API_KEY,
    AZURE_OPENAI_API_KEY,
    AZURE_OPENAI_AD_TOKEN,
    AZURE_CLIENT_SECRET,
    GEMINI_API_KEY,
    CO_API_KEY,
    COHERE_API_KEY,
    SAMBANOVA_API_KEY,
    HF_TOKEN,
    DATABRICKS_TOKEN,
    DATABRICKS_API_KEY,
    MISTRAL_API_KEY,
    DEEPSEEK_API_KEY,
    XAI_API_KEY,
    PERPLEXITY_API_KEY,
    NEBIUS_API_KEY,
    NOVITA_API_KEY,
    MOONSHOT_API_KEY,
    ZAI_API_KEY,
    NVIDIA_API_KEY,
    LAMBDA_API_KEY,
    AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN,
    AWS_BEARER_TOKEN_BEDROCK,
    LLMBENCH_SMTP_URL,
    LLMBENCH_SMTP_PASSWORD,
    LLMBENCH_WEBHOOK_URL,
    INGEST_API_KEY,
    RUNNER_CONFIG_TOKEN,
    LLMBENCH_BRIDGE_KEY,
];

/// Every variable that is read, to detect misspelt ones.
pub const ALL: &[&str] = &[
    LLMBENCH_STORE,
    LLMBENCH_CONFIG,
    LLMBENCH_SIM_URL,
    LLMBENCH_SIGNING_KEY_FILE,
    MONGODB_URI,
    MONGODB_DB,
    MONGODB_COLLECTION_MODELS,
    MONGODB_COLLECTION_CLOUD,
    MONGODB_COLLECTION_CLOUD_PROBE,
    MONGODB_COLLECTION_ERRORS,
    MONGODB_COLLECTION_ERROR_ROLLUPS,
    MONGODB_COLLECTION_BENCH_JOBS,
    MONGODB_COLLECTION_MODEL_HEALTH,
    MONGODB_COLLECTION_SCHEDULER_HEARTBEATS,
    MONGODB_COLLECTION_CHECK_RUNS,
    MONGODB_COLLECTION_DISCOVERY_RUNS,
    MONGODB_COLLECTION_CATALOG_BATCHES,
    MONGODB_COLLECTION_CATALOG_CHANGES,
    MONGODB_COLLECTION_INGEST_KEYS,
    MONGODB_COLLECTION_PROVIDER_CATALOG,
    MONGODB_COLLECTION_MODEL_ADAPTATIONS,
    MONGODB_COLLECTION_NOTICES,
    MONGODB_COLLECTION_CALIBRATIONS,
    MONGODB_COLLECTION_SERIES,
    MONGODB_COLLECTION_SERIES_BLOCKS,
    MONGODB_COLLECTION_SERIES_SLOTS,
    MONGODB_COLLECTION_SERIES_CHANGES,
    MONGODB_COLLECTION_ENDPOINTS,
    LLMBENCH_SMTP_URL,
    LLMBENCH_SMTP_PASSWORD,
    LLMBENCH_NOTIFY_FROM,
    LLMBENCH_NOTIFY_TO,
    LLMBENCH_WEBHOOK_URL,
    OPENAI_API_KEY,
    OPENAI_BASE_URL,
    OPENAI_ORG_ID,
    OPENAI_PROJECT_ID,
    ANTHROPIC_API_KEY,
    ANTHROPIC_AUTH_TOKEN,
    ANTHROPIC_BASE_URL,
    GROQ_API_KEY,
    GROQ_BASE_URL,
    TOGETHER_API_KEY,
    TOGETHERAI_API_KEY,
    TOGETHER_BASE_URL,
    CEREBRAS_API_KEY,
    CEREBRAS_BASE_URL,
    FIREWORKS_API_KEY,
    FIREWORKS_BASE_URL,
    DEEPINFRA_API_KEY,
    DEEPINFRA_TOKEN,
    DEEPINFRA_BASE_URL,
    OPENROUTER_API_KEY,
    OPENROUTER_BASE_URL,
    AZURE_OPENAI_API_KEY,
    AZURE_OPENAI_AD_TOKEN,
    AZURE_OPENAI_ENDPOINT,
    OPENAI_API_VERSION,
    AZURE_TENANT_ID,
    AZURE_CLIENT_ID,
    AZURE_CLIENT_SECRET,
    AZURE_FEDERATED_TOKEN_FILE,
    AZURE_AUTHORITY_HOST,
    AZURE_POD_IDENTITY_AUTHORITY_HOST,
    GEMINI_API_KEY,
    GOOGLE_GEMINI_BASE_URL,
    CO_API_KEY,
    COHERE_API_KEY,
    CO_API_URL,
    SAMBANOVA_API_KEY,
    SAMBA_NOVA_BASE_URL,
    HF_TOKEN,
    HUGGINGFACE_BASE_URL,
    DATABRICKS_TOKEN,
    DATABRICKS_API_KEY,
    DATABRICKS_BASE_URL,
    DATABRICKS_HOST,
    MISTRAL_API_KEY,
    MISTRAL_BASE_URL,
    DEEPSEEK_API_KEY,
    DEEPSEEK_BASE_URL,
    XAI_API_KEY,
    XAI_BASE_URL,
    PERPLEXITY_API_KEY,
    PERPLEXITY_BASE_URL,
    NEBIUS_API_KEY,
    NEBIUS_BASE_URL,
    NOVITA_API_KEY,
    NOVITA_BASE_URL,
    MOONSHOT_API_KEY,
    MOONSHOT_BASE_URL,
    ZAI_API_KEY,
    ZAI_BASE_URL,
    NVIDIA_API_KEY,
    NVIDIA_BASE_URL,
    LAMBDA_API_KEY,
    LAMBDA_BASE_URL,
    GOOGLE_API_KEY,
    GOOGLE_APPLICATION_CREDENTIALS,
    GCE_METADATA_HOST,
    GOOGLE_CLOUD_PROJECT,
    GOOGLE_CLOUD_LOCATION,
    ANTHROPIC_VERTEX_PROJECT_ID,
    CLOUD_ML_REGION,
    GOOGLE_VERTEX_PROJECT,
    GOOGLE_VERTEX_LOCATION,
    VERTEXAI_PROJECT,
    VERTEXAI_LOCATION,
    VERTEX_LOCATION,
    VERTEX_BASE_URL,
    GOOGLE_VERTEX_BASE_URL,
    ANTHROPIC_VERTEX_BASE_URL,
    AWS_REGION,
    AWS_DEFAULT_REGION,
    AWS_PROFILE,
    AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN,
    AWS_BEARER_TOKEN_BEDROCK,
    INGEST_API_KEY,
    RUNNER_CONFIG_TOKEN,
    LLMBENCH_BRIDGE_KEY,
    LLMBENCH_BRIDGE_PLAIN_HTTP,
    INGEST_API_URL,
    INGEST_ERROR_URL,
    INGEST_CATALOG_URL,
    RUNNER_CONFIG_URL,
    RUNNER_CONFIG_CACHE_PATH,
    RUNNER_CONFIG_GRACE_SECONDS,
    RUNNER_CONFIG_TIMEOUT_SECONDS,
    RUNNER_CATALOG_INTERVAL_SECONDS,
    USER,
    LOGNAME,
    NO_COLOR,
    COLUMNS,
    SSL_CERT_FILE,
    HTTPS_PROXY,
    HTTP_PROXY,
    ALL_PROXY,
    NO_PROXY,
    XDG_STATE_HOME,
    LLMBENCH_STATE_DIR,
    LLMBENCH_VANTAGE,
    MONGODB_COLLECTION_MODEL_STATUS,
    MONGODB_COLLECTION_MODEL_IDENTITY,
    FRESH_MINUTES,
    BENCHMARK_PROVIDERS,
    BENCHMARK_EXCLUDED_PROVIDERS,
    BENCHMARK_MAX_ATTEMPTS,
    BENCHMARK_MODELS_OVERRIDE,
    BENCHMARK_MODELS,
    BENCHMARK_DEADLINE_SECONDS,
    BENCHMARK_CONCURRENCY,
    SCHEDULER_TICK_SECONDS,
    LLMBENCH_LISTEN,
    NOTIFY_SOCKET,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_name() {
        let texts = [include_str!("env_vars.rs"), include_str!("env_vars/providers.rs")];
        let lines = texts.iter().flat_map(|text| text.lines());
        let written = lines.filter_map(|line| line.strip_prefix("pub const "));
        let named = written.filter_map(|rest| rest.split_once(": &str = ")).map(|(name, _)| name);
        let missing: Vec<&str> =
            named.filter(|name| !ALL.iter().any(|known| known.trim_end_matches('_') == *name)).collect();
        assert_eq!(missing, Vec::<&str>::new(), "to be put into ALL");
    }
}
