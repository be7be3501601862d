//! The variables of providers: keys, base URLs, places and logins, under the names of each vendor's own SDK where it has
//! one.

pub const OPENAI_API_KEY: &str = "OPENAI_API_KEY";
/// Base URL of OpenAI, including the path: `https://api.openai.com/v1`.
pub const OPENAI_BASE_URL: &str = "OPENAI_BASE_URL";
/// Organization that OpenAI bills.
pub const OPENAI_ORG_ID: &str = "OPENAI_ORG_ID";
/// Project that OpenAI bills.
pub const OPENAI_PROJECT_ID: &str = "OPENAI_PROJECT_ID";

/// Key of Anthropic, sent as `x-api-key`.
pub const ANTHROPIC_API_KEY: &str = "ANTHROPIC_API_KEY";
/// Token of Anthropic, sent as `Authorization: Bearer`; used if there is no key.
pub const ANTHROPIC_AUTH_TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";
/// Base URL of Anthropic without `/v1`: `https://api.anthropic.com`.
pub const ANTHROPIC_BASE_URL: &str = "ANTHROPIC_BASE_URL";

pub const GROQ_API_KEY: &str = "GROQ_API_KEY";
/// Base URL of Groq without `/openai/v1`: `https://api.groq.com`.
pub const GROQ_BASE_URL: &str = "GROQ_BASE_URL";
pub const TOGETHER_API_KEY: &str = "TOGETHER_API_KEY";
/// Key of Together under litellm's name.
pub const TOGETHERAI_API_KEY: &str = "TOGETHERAI_API_KEY";
/// Base URL of Together, with or without `/v1`.
pub const TOGETHER_BASE_URL: &str = "TOGETHER_BASE_URL";
pub const CEREBRAS_API_KEY: &str = "CEREBRAS_API_KEY";
/// Base URL of Cerebras without `/v1`: `https://api.cerebras.ai`.
pub const CEREBRAS_BASE_URL: &str = "CEREBRAS_BASE_URL";
pub const FIREWORKS_API_KEY: &str = "FIREWORKS_API_KEY";
/// Base URL of Fireworks, with or without `/v1`, which is all that its SDK appends.
pub const FIREWORKS_BASE_URL: &str = "FIREWORKS_BASE_URL";
pub const DEEPINFRA_API_KEY: &str = "DEEPINFRA_API_KEY";
/// Key of DeepInfra under the name on some of its own pages.
pub const DEEPINFRA_TOKEN: &str = "DEEPINFRA_TOKEN";
/// Base URL of DeepInfra, including the path.
pub const DEEPINFRA_BASE_URL: &str = "DEEPINFRA_BASE_URL";
pub const OPENROUTER_API_KEY: &str = "OPENROUTER_API_KEY";
/// Base URL of OpenRouter, including the path.
pub const OPENROUTER_BASE_URL: &str = "OPENROUTER_BASE_URL";

/// Key of Azure OpenAI, sent as `api-key`.
pub const AZURE_OPENAI_API_KEY: &str = "AZURE_OPENAI_API_KEY";
/// A ready token of Entra ID for Azure OpenAI, sent as `Authorization: Bearer`; used if there is no key.
pub const AZURE_OPENAI_AD_TOKEN: &str = "AZURE_OPENAI_AD_TOKEN";
/// Address of an Azure OpenAI resource without `/openai`: `https://NAME.openai.azure.com`.
pub const AZURE_OPENAI_ENDPOINT: &str = "AZURE_OPENAI_ENDPOINT";
/// The `api-version` of Azure OpenAI.
pub const OPENAI_API_VERSION: &str = "OPENAI_API_VERSION";
/// Directory in which the application of Azure's login is.
pub const AZURE_TENANT_ID: &str = "AZURE_TENANT_ID";
/// The application of Azure's login, or a managed identity that a user assigned.
pub const AZURE_CLIENT_ID: &str = "AZURE_CLIENT_ID";
/// Secret of the application of Azure's login.
pub const AZURE_CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
/// File with a token that Entra ID trusts (workload identity), instead of a secret.
pub const AZURE_FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
/// Address of the sign-in of Azure, for national clouds: `login.microsoftonline.us`.
pub const AZURE_AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";
/// Address of the metadata service that knows managed identities: `http://169.254.169.254`.
pub const AZURE_POD_IDENTITY_AUTHORITY_HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
/// Key of the Gemini API.
pub const GEMINI_API_KEY: &str = "GEMINI_API_KEY";
/// Base URL of the Gemini API without `/v1`: `https://generativelanguage.googleapis.com`.
pub const GOOGLE_GEMINI_BASE_URL: &str = "GOOGLE_GEMINI_BASE_URL";
/// Key of Cohere.
pub const CO_API_KEY: &str = "CO_API_KEY";
/// The same under its other name in Cohere's SDK.
pub const COHERE_API_KEY: &str = "COHERE_API_KEY";
/// Base URL of Cohere without `/compatibility/v1`: `https://api.cohere.ai`.
pub const CO_API_URL: &str = "CO_API_URL";
pub const SAMBANOVA_API_KEY: &str = "SAMBANOVA_API_KEY";
/// Base URL of SambaNova, including the path.
pub const SAMBA_NOVA_BASE_URL: &str = "SAMBA_NOVA_BASE_URL";
/// Key of Hugging Face.
pub const HF_TOKEN: &str = "HF_TOKEN";
/// Base URL of Hugging Face's router, including the path.
pub const HUGGINGFACE_BASE_URL: &str = "HUGGINGFACE_BASE_URL";
/// Token of a Databricks workspace.
pub const DATABRICKS_TOKEN: &str = "DATABRICKS_TOKEN";
/// The same under the Python runner's name.
pub const DATABRICKS_API_KEY: &str = "DATABRICKS_API_KEY";
/// Base URL of Databricks, including the path, under the Python runner's name.
pub const DATABRICKS_BASE_URL: &str = "DATABRICKS_BASE_URL";
/// Address of a Databricks workspace, with or without `https://`.
pub const DATABRICKS_HOST: &str = "DATABRICKS_HOST";
pub const MISTRAL_API_KEY: &str = "MISTRAL_API_KEY";
/// Base URL of Mistral, including the path.
pub const MISTRAL_BASE_URL: &str = "MISTRAL_BASE_URL";
pub const DEEPSEEK_API_KEY: &str = "DEEPSEEK_API_KEY";
/// Base URL of DeepSeek, including the path.
pub const DEEPSEEK_BASE_URL: &str = "DEEPSEEK_BASE_URL";
pub const XAI_API_KEY: &str = "XAI_API_KEY";
/// Base URL of xAI, including the path.
pub const XAI_BASE_URL: &str = "XAI_BASE_URL";
pub const PERPLEXITY_API_KEY: &str = "PERPLEXITY_API_KEY";
/// Base URL of Perplexity, including the path.
pub const PERPLEXITY_BASE_URL: &str = "PERPLEXITY_BASE_URL";
pub const NEBIUS_API_KEY: &str = "NEBIUS_API_KEY";
/// Base URL of Nebius, including the path.
pub const NEBIUS_BASE_URL: &str = "NEBIUS_BASE_URL";
pub const NOVITA_API_KEY: &str = "NOVITA_API_KEY";
/// Base URL of Novita, including the path.
pub const NOVITA_BASE_URL: &str = "NOVITA_BASE_URL";
pub const MOONSHOT_API_KEY: &str = "MOONSHOT_API_KEY";
/// Base URL of Moonshot, including the path.
pub const MOONSHOT_BASE_URL: &str = "MOONSHOT_BASE_URL";
pub const ZAI_API_KEY: &str = "ZAI_API_KEY";
/// Base URL of Z.ai, including the path.
pub const ZAI_BASE_URL: &str = "ZAI_BASE_URL";
pub const NVIDIA_API_KEY: &str = "NVIDIA_API_KEY";
/// Base URL of NVIDIA, including the path.
pub const NVIDIA_BASE_URL: &str = "NVIDIA_BASE_URL";
pub const LAMBDA_API_KEY: &str = "LAMBDA_API_KEY";
/// Base URL of Lambda, including the path.
pub const LAMBDA_BASE_URL: &str = "LAMBDA_BASE_URL";

/// Key of Vertex in express mode (Gemini only, no project).
pub const GOOGLE_API_KEY: &str = "GOOGLE_API_KEY";
/// Path of a JSON file with Google credentials.
pub const GOOGLE_APPLICATION_CREDENTIALS: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// `HOST` or `HOST:PORT` of Google's metadata server.
pub const GCE_METADATA_HOST: &str = "GCE_METADATA_HOST";
/// Google Cloud project of Vertex.
pub const GOOGLE_CLOUD_PROJECT: &str = "GOOGLE_CLOUD_PROJECT";
/// Location of Vertex: `global`, `us`, `eu` or a region.
pub const GOOGLE_CLOUD_LOCATION: &str = "GOOGLE_CLOUD_LOCATION";
/// Project of Vertex under the name in Anthropic's SDK.
pub const ANTHROPIC_VERTEX_PROJECT_ID: &str = "ANTHROPIC_VERTEX_PROJECT_ID";
/// Location of Vertex under the name in Anthropic's SDK.
pub const CLOUD_ML_REGION: &str = "CLOUD_ML_REGION";
/// Project of Vertex under the name in Vercel's SDK.
pub const GOOGLE_VERTEX_PROJECT: &str = "GOOGLE_VERTEX_PROJECT";
/// Location of Vertex under the name in Vercel's SDK.
pub const GOOGLE_VERTEX_LOCATION: &str = "GOOGLE_VERTEX_LOCATION";
/// Project of Vertex under litellm's name.
pub const VERTEXAI_PROJECT: &str = "VERTEXAI_PROJECT";
/// Location of Vertex under litellm's name.
pub const VERTEXAI_LOCATION: &str = "VERTEXAI_LOCATION";
/// Location of Google's own models on Vertex under the name in the Python runner.
pub const VERTEX_LOCATION: &str = "VERTEX_LOCATION";
/// Base URL of Vertex without `/v1`, for all of its models.
pub const VERTEX_BASE_URL: &str = "VERTEX_BASE_URL";
/// Base URL of Vertex under the name in Google's SDK.
pub const GOOGLE_VERTEX_BASE_URL: &str = "GOOGLE_VERTEX_BASE_URL";
/// Base URL of Vertex for Claude only, `/v1` included, as in Anthropic's SDK.
pub const ANTHROPIC_VERTEX_BASE_URL: &str = "ANTHROPIC_VERTEX_BASE_URL";

/// Region of Bedrock.
pub const AWS_REGION: &str = "AWS_REGION";
/// Region of Bedrock if `AWS_REGION` is unset.
pub const AWS_DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
/// Profile of the AWS configuration: the AWS SDK reads it; we check it to see if Bedrock is configured.
pub const AWS_PROFILE: &str = "AWS_PROFILE";
/// Secret half of an AWS key: the AWS SDK reads it; we redact it in messages.
pub const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// Session token of a temporary AWS key: the AWS SDK reads it; we redact it in messages.
pub const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// Bedrock's own API key: the AWS SDK reads it; we redact it in messages.
pub const AWS_BEARER_TOKEN_BEDROCK: &str = "AWS_BEARER_TOKEN_BEDROCK";
