//! HTTP that nobody times: providers' lists of models, webhooks, the way to a bridge, AWS's word on whose credentials
//! they are. One client of the reqwest library, with the TLS settings of `wire`, without redirects, and through the
//! proxies that the usual environment variables name. A measured exchange never comes here: it is `wire`.

pub mod client;
mod connections;
mod failure;
pub mod proxy_rules;

pub use client::{HttpClient, HttpExchange};
pub use proxy_rules::{ProxyRules, ProxyUrl};
