//! Providers: the table of hosts, their quirks as data, wire protocols without I/O, keys and tokens, and the meaning
//! of errors. Nothing here holds a clock.

mod access_token;
pub mod adapt;
pub mod allowance;
pub mod auth;
pub mod aws;
mod aws_http;
pub mod bedrock;
pub mod bedrock_ids;
pub mod builtin_hosts;
pub mod endpoint;
pub mod endpoint_path;
pub mod entra;
pub mod errors;
pub mod google;
pub mod hosts;
pub mod listing;
pub mod model_rules;
pub mod prepare;
pub mod protocols;
mod proxy_bypass;
pub mod regions;
pub mod retry_after;
pub mod route;
pub mod suitability;
mod token_client;
pub mod vertex;
