//! HTTP that is not timed: providers' lists of models, webhooks, requests to a bridge, AWS's answer about the owner
//! of credentials. One reqwest client with the TLS settings of `wire`, without redirects, through the proxies in the
//! usual environment variables. Measured exchanges never use it; they use `wire`.

pub mod client;
mod connections;
mod failure;
pub mod proxy_rules;

pub use client::{HttpClient, HttpExchange};
pub use proxy_rules::{ProxyRules, ProxyUrl};
