//! A host that is ready for requests: its login is known or obtained on demand, and its requests are built one by
//! one. Everything here happens before a clock starts.

use super::adapt::Adaptation;
use super::auth::Credential;
use super::bedrock::Signer;
use super::endpoint::RouteEndpoint;
use super::endpoint_path::with_query;
use super::entra::{EntraError, EntraLogin};
use super::google::{GoogleError, GoogleLogin};
use super::hosts::Host;
use super::listing::ListingEndpoint;
use super::prepare::{self, RequestPlan};
use crate::domain::GenerationRequest;
use crate::domain::failure::{FailureDetail, FailureKind, FailureStage};
use crate::wire::WireRequest;
use bytes::Bytes;
use std::sync::Arc;

/// The access to a host.
#[derive(Clone)]
pub enum RouteAccess {
    /// A credential that is already known.
    Known(Credential),
    /// A token that Google issues and renews.
    Google(Arc<GoogleLogin>),
    /// A token that Entra ID issues and renews.
    Entra(Arc<EntraLogin>),
    /// A signature of the AWS SDK.
    Aws(Signer),
}

/// A host and the access to it.
#[derive(Clone)]
pub struct ProviderRoute {
    /// The row of the host table.
    pub host: Host,
    pub access: RouteAccess,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PreparedRequest {
    /// The plan that the request follows.
    pub plan: RequestPlan,
    /// The bytes to send.
    pub request: WireRequest,
}

impl ProviderRoute {
    /// The request for one generation, tokens and signatures included.
    ///
    /// # Errors
    /// A [`FailureDetail`] of stage `prepare`: unusable address, no token, no credentials.
    pub async fn prepare(
        &self,
        ask: GenerationRequest,
        learned: &[Adaptation],
    ) -> Result<PreparedRequest, FailureDetail> {
        let plan = prepare::plan(&self.host, ask, learned);
        let credential = match &self.access {
            RouteAccess::Aws(signer) => {
                let region = self.host.region_for(&plan.ask);
                let request = self.through_proxy(signer.sign(&plan, region).await?);
                return Ok(PreparedRequest { plan, request });
            }
            access => access.credential().await?,
        };
        let body = Bytes::from(plan.dialect.body(&plan.ask, &plan.quirks).to_string());
        let path = prepare::path(&self.host, &plan);
        let request = prepare::request(&self.host, &plan, &path, body, &credential)?;
        let request = self.through_proxy(request);
        Ok(PreparedRequest { plan, request })
    }

    /// The request for one page of a list of models; see [`super::listing`].
    ///
    /// # Errors
    /// As [`ProviderRoute::prepare`].
    pub async fn prepare_page(
        &self,
        part: &ListingEndpoint,
        cursor: Option<&str>,
    ) -> Result<WireRequest, FailureDetail> {
        let path = with_query(&part.page_path(cursor), &self.host.query);
        let credential = match &self.access {
            RouteAccess::Aws(signer) => {
                return Ok(self.through_proxy(signer.sign_list(&path).await?));
            }
            access => access.credential().await?,
        };
        Ok(self.through_proxy(prepare::list_request(&self.host, &part.base, &path, &credential)?))
    }

    /// The same request through the host's proxy. This machine is reached without one.
    fn through_proxy(&self, mut request: WireRequest) -> WireRequest {
        let named = self.host.proxy.as_ref().filter(|_| !request.target.is_loopback());
        request.proxy = named.map(|proxy| proxy.value.clone());
        request
    }

    /// The endpoint to which a request goes.
    pub fn endpoint(&self, ask: &GenerationRequest) -> RouteEndpoint {
        RouteEndpoint::of(&self.host, self.region_for(ask).as_deref(), ask)
    }

    /// The region that requests go to, if the host has regions.
    pub fn region(&self) -> Option<String> {
        match &self.access {
            RouteAccess::Aws(signer) => signer.region(),
            _ => self.host.region.as_ref().map(|region| region.value.clone()),
        }
    }

    /// The region that one request goes to; see [`Host::region_for`].
    pub fn region_for(&self, ask: &GenerationRequest) -> Option<String> {
        self.host.region_for(ask).map(str::to_owned).or_else(|| self.region())
    }
}

impl RouteAccess {
    /// The credential of a request; none where the AWS SDK signs.
    async fn credential(&self) -> Result<Credential, FailureDetail> {
        let no_token = |said: String| FailureDetail::new(FailureKind::Auth, FailureStage::Prepare, said);
        match self {
            RouteAccess::Known(credential) => Ok(credential.clone()),
            RouteAccess::Google(login) => {
                login.credential().await.map_err(|error: GoogleError| no_token(error.to_string()))
            }
            RouteAccess::Entra(login) => {
                login.credential().await.map_err(|error: EntraError| no_token(error.to_string()))
            }
            RouteAccess::Aws(_) => Ok(Credential::None),
        }
    }
}
