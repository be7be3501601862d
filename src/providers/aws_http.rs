//! The HTTP client with which the AWS SDK fetches credentials: SSO, sign-in, STS, metadata services. It follows
//! HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY as the AWS SDKs do. Measured calls and lists of models do not use
//! it: the SDK only signs them (`providers::bedrock`).

use super::proxy_bypass::is_local;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

/// Two clients, because the library's proxy rules from the environment accept no additional exceptions.
#[derive(Debug)]
struct CredentialsClient {
    direct: SharedHttpClient,
    proxied: SharedHttpClient,
}

/// A client for [`aws_config::ConfigLoader::http_client`].
pub(super) fn credentials_client() -> SharedHttpClient {
    let direct = client(ProxyConfig::disabled());
    SharedHttpClient::new(CredentialsClient { direct, proxied: client(ProxyConfig::from_env()) })
}

fn client(proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
}

impl HttpClient for CredentialsClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(CredentialsConnector {
            direct: self.direct.http_connector(settings, components),
            proxied: self.proxied.http_connector(settings, components),
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.proxied.validate_base_client_config(components, config)
    }
}

#[derive(Debug)]
struct CredentialsConnector {
    direct: SharedHttpConnector,
    proxied: SharedHttpConnector,
}

impl HttpConnector for CredentialsConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = if is_local(request.uri()) { &self.direct } else { &self.proxied };
        connector.call(request)
    }
}
