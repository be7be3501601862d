//! Handles a request: finds the route, checks key and body size, and runs the route's work in a task of its own, so
//! that a client that leaves does not cancel it.

use super::audit::{AuditedResponse, PostContext};
use super::auth::{self, RunnerKey};
use super::body_reader::{self, UnreadBody};
use super::bridge_error::BridgeError;
use super::bridge_server::BridgeServer;
use super::journal::JournalLevel;
use super::response::{Body, BridgeResponse, HttpResponse, request_id};
use super::{posted_listing, posted_results, runner_config};
use crate::domain::listen::{WRONG_HOST, is_own_host};
use crate::storage::posts::ingest_keys::Action;
use chrono::{DateTime, Utc};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Maximum body of one result, in bytes.
const ONE: usize = 1 << 20;
/// Maximum body of a batch or list, in bytes.
const MANY: usize = 4 << 20;

/// The action of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RouteAction {
    Run,
    Failure,
    Batch,
    Listing,
    Config,
    Health,
    Live,
    Metrics,
}

/// A path, its action, and the permissions of which a key needs one; an empty list makes it public.
struct Route {
    path: &'static str,
    does: RouteAction,
    actions: &'static [Action],
}

/// The routes for runners.
const PUBLIC: &[Route] = &[
    Route { path: "/ingest", does: RouteAction::Run, actions: &[Action::Ingest] },
    Route { path: "/ingest/error", does: RouteAction::Failure, actions: &[Action::Error] },
    Route { path: "/ingest/batch", does: RouteAction::Batch, actions: &[Action::Ingest, Action::Error] },
    Route { path: "/ingest/catalog", does: RouteAction::Listing, actions: &[Action::Catalog] },
    Route { path: "/runner-config", does: RouteAction::Config, actions: &[Action::Config] },
    Route { path: "/health", does: RouteAction::Health, actions: &[] },
    Route { path: "/livez", does: RouteAction::Live, actions: &[] },
];

/// Routes for operators, on a separate listener.
const PRIVATE: &[Route] = &[
    Route { path: "/metrics", does: RouteAction::Metrics, actions: &[] },
    Route { path: "/readyz", does: RouteAction::Health, actions: &[] },
    Route { path: "/livez", does: RouteAction::Live, actions: &[] },
];

impl RouteAction {
    fn is_post(self) -> bool {
        matches!(self, RouteAction::Run | RouteAction::Failure | RouteAction::Batch | RouteAction::Listing)
    }

    fn methods(self) -> &'static str {
        if self.is_post() { "POST" } else { "GET, HEAD" }
    }

    fn limit(self) -> usize {
        if matches!(self, RouteAction::Batch | RouteAction::Listing) { MANY } else { ONE }
    }
}

/// The listener that received a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerKind {
    /// The listener for runners.
    Public,
    /// The listener for operators.
    Private,
}

impl BridgeServer {
    pub async fn answer(
        self: Arc<Self>,
        side: ListenerKind,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> HttpResponse {
        let started = Instant::now();
        let id = request_id();
        let (parts, body) = request.into_parts();
        let body = UnreadBody::new(&parts.headers, body);
        let waits = body.waits();
        let found = match side {
            ListenerKind::Public => find(PUBLIC, &parts),
            ListenerKind::Private => check_host(&parts).and_then(|()| find(PRIVATE, &parts)),
        };
        let route = found.as_ref().map_or("unknown", |route| route.path);
        let answer = match found {
            Ok(route) => self.clone().carry_out(route, peer, &id, &parts, body).await,
            Err(refusal) => {
                body.drain().await;
                Err(refusal)
            }
        };
        let answer = answer.unwrap_or_else(|refusal| BridgeResponse {
            // A client that waits for `100 Continue` may still send its body, which is no request.
            close: waits || refusal.status == 429,
            ..BridgeResponse::refused(&refusal, &id)
        });
        self.metrics.answered(route, answer.status, started.elapsed());
        answer.reply(&id)
    }

    async fn carry_out(
        self: Arc<Self>,
        route: &'static Route,
        peer: SocketAddr,
        request_id: &str,
        parts: &Parts,
        body: UnreadBody,
    ) -> Result<BridgeResponse, BridgeError> {
        if route.actions.is_empty() {
            body.drain().await;
            return self.public(route.does);
        }
        let at = Utc::now();
        let key = match self.admit(route, parts, at, peer) {
            Ok(key) => key,
            Err(refusal) => {
                body.drain().await;
                return Err(refusal);
            }
        };
        let who = PostContext { key, at, request_id: request_id.to_owned() };
        if route.does == RouteAction::Config {
            body.drain().await;
            let query = parts.uri.query().unwrap_or_default().to_owned();
            return runner_config::answer(&self, &who, &query).await;
        }
        let taken = body.whole(route.does.limit(), &self.held).await?;
        let started = Instant::now();
        let (bridge, asked) = (self.clone(), who.clone());
        let work = tokio::spawn(async move {
            if route.does == RouteAction::Batch {
                return posted_results::batch(&bridge, &asked, &taken.bytes).await;
            }
            let document = super::strict_json::read(&taken.bytes).map_err(BridgeError::from)?;
            match route.does {
                RouteAction::Run => posted_results::run(&bridge, &asked, document).await,
                RouteAction::Failure => posted_results::failure(&bridge, &asked, document).await,
                _ => posted_listing::keep(&bridge, &asked, document).await,
            }
        });
        let done = work.await.unwrap_or_else(|_| {
            Err(BridgeError::new(500, "bug", "the bridge made a mistake; its log has the request's id"))
        });
        self.audit(route, &who, peer, &done, started);
        done.map(|done| done.answer)
    }

    /// Checks the key and its permissions, before anything of the body is read.
    fn admit(
        &self,
        route: &Route,
        parts: &Parts,
        at: DateTime<Utc>,
        peer: SocketAddr,
    ) -> Result<Arc<RunnerKey>, BridgeError> {
        let Some(key) = self.keys.ring().find(auth::shown(&parts.headers), at) else {
            let fields = json!({"peer": peer.ip().to_string(), "route": route.path});
            self.journal.say_seldom(JournalLevel::Warn, "unauthorized", fields);
            self.guess_limiter.take(peer.ip(), Instant::now())?;
            return Err(BridgeError::unauthorized());
        };
        self.runner_activity.saw(&key, &parts.headers, at);
        if !route.actions.iter().any(|action| key.may(*action)) {
            let fields = json!({"key_id": key.id, "runner": key.runner, "route": route.path});
            self.journal.say_seldom(JournalLevel::Warn, "forbidden", fields);
            return Err(BridgeError::new(403, "forbidden", "this key is not for this path"));
        }
        if route.does.is_post() {
            body_reader::check_type(&parts.headers)?;
        }
        self.rates.take(&key.id, Instant::now())?;
        Ok(key)
    }

    /// Answers routes without a key.
    fn public(&self, does: RouteAction) -> Result<BridgeResponse, BridgeError> {
        let told = |status: &str| {
            let at = Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            BridgeResponse::json(
                200,
                json!({"status": status, "service": "llmbench-ingest", "timestamp": at}),
            )
        };
        match does {
            RouteAction::Health => match self.unready() {
                None => Ok(told("healthy")),
                Some(why) => Err(BridgeError::later("unready", why, 5)),
            },
            RouteAction::Metrics => Ok(BridgeResponse {
                body: Body::Metrics(self.metrics_text()),
                ..BridgeResponse::json(200, Value::Null)
            }),
            _ => Ok(told("alive")),
        }
    }

    /// Writes one audit line for every request that could write.
    fn audit(
        &self,
        route: &Route,
        who: &PostContext,
        peer: SocketAddr,
        done: &Result<AuditedResponse, BridgeError>,
        started: Instant,
    ) {
        let mut fields = json!({
            "request_id": who.request_id,
            "key_id": who.key.id,
            "runner": who.key.runner,
            "peer": peer.ip().to_string(),
            "route": route.path,
            "seconds": started.elapsed().as_secs_f64(),
        });
        let level = match done {
            Ok(done) => {
                fields["status"] = json!(done.answer.status);
                fields["items"] = done.audit.clone();
                JournalLevel::Info
            }
            Err(refusal) => {
                fields["status"] = json!(refusal.status);
                fields["code"] = json!(refusal.code);
                fields["field"] = json!(refusal.field.as_deref().map(super::bridge_error::echo));
                JournalLevel::Warn
            }
        };
        self.journal.say(level, "write", fields);
    }
}

/// Refuses browser requests under a foreign host name (DNS rebinding), because metrics are for operators.
fn check_host(parts: &Parts) -> Result<(), BridgeError> {
    let named = parts.headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
    if named.chain(parts.uri.authority().map(Authority::as_str)).all(is_own_host) {
        return Ok(());
    }
    Err(BridgeError::new(421, "wrong_host", WRONG_HOST))
}

/// The route of a request. One slash at the end of a path is ignored, because a redirect would lose the row.
fn find(routes: &'static [Route], parts: &Parts) -> Result<&'static Route, BridgeError> {
    let path = parts.uri.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let route = routes.iter().find(|route| route.path == path);
    let route = route.ok_or_else(|| BridgeError::new(404, "not_found", "there is nothing at this path"))?;
    let methods = route.does.methods();
    if methods.split(", ").any(|method| method == parts.method.as_str()) {
        return Ok(route);
    }
    let why = format!("this path takes {methods} alone");
    Err(BridgeError { allow: Some(methods), ..BridgeError::new(405, "method_not_allowed", why) })
}
