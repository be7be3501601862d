//! From a request to its answer: which route, whose key, how large a body; then the route's own work, in a task of its own
//! so that a client that leaves does not take it along.

use super::answer::{Answer, Body, Reply, request_id};
use super::auth::{self, Key};
use super::bridge::Bridge;
use super::intake::{self, Coming};
use super::journal::Level;
use super::refusal::Refusal;
use super::{config, listing, results};
use crate::domain::listen::{WRONG_HOST, is_own_host};
use crate::storage::ingest_keys::Action;
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

/// The largest body of one result, bytes.
const ONE: usize = 1 << 20;
/// The largest body of many, bytes.
const MANY: usize = 4 << 20;

/// What a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Run,
    Failure,
    Batch,
    Listing,
    Config,
    Health,
    Live,
    Metrics,
}

/// A path, what it does, and what a key must allow: any of these actions; none is public.
struct Route {
    path: &'static str,
    does: Does,
    actions: &'static [Action],
}

/// What runners see.
const PUBLIC: &[Route] = &[
    Route { path: "/ingest", does: Does::Run, actions: &[Action::Ingest] },
    Route { path: "/ingest/error", does: Does::Failure, actions: &[Action::Error] },
    Route { path: "/ingest/batch", does: Does::Batch, actions: &[Action::Ingest, Action::Error] },
    Route { path: "/ingest/catalog", does: Does::Listing, actions: &[Action::Catalog] },
    Route { path: "/runner-config", does: Does::Config, actions: &[Action::Config] },
    Route { path: "/health", does: Does::Health, actions: &[] },
    Route { path: "/livez", does: Does::Live, actions: &[] },
];

/// What operators see, on a listener of its own.
const PRIVATE: &[Route] = &[
    Route { path: "/metrics", does: Does::Metrics, actions: &[] },
    Route { path: "/readyz", does: Does::Health, actions: &[] },
    Route { path: "/livez", does: Does::Live, actions: &[] },
];

impl Does {
    fn is_post(self) -> bool {
        matches!(self, Does::Run | Does::Failure | Does::Batch | Does::Listing)
    }

    fn methods(self) -> &'static str {
        if self.is_post() { "POST" } else { "GET, HEAD" }
    }

    fn limit(self) -> usize {
        if matches!(self, Does::Batch | Does::Listing) { MANY } else { ONE }
    }
}

/// Which listener a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one for runners.
    Public,
    /// The one for operators.
    Private,
}

/// Who posts something, and under which request.
#[derive(Debug, Clone)]
pub struct Who {
    /// The key.
    pub key: Arc<Key>,
    /// When the request came.
    pub at: DateTime<Utc>,
    /// The request's id.
    pub request_id: String,
}

/// What a route that writes has done: the answer, and what the audit line says.
pub struct Done {
    /// The answer.
    pub answer: Answer,
    /// Counts and ids.
    pub audit: Value,
}

impl Bridge {
    /// Answers one request.
    pub async fn answer(self: Arc<Self>, side: Side, peer: SocketAddr, request: Request<Incoming>) -> Reply {
        let started = Instant::now();
        let id = request_id();
        let (parts, body) = request.into_parts();
        let body = Coming::new(&parts.headers, body);
        let waits = body.waits();
        let found = match side {
            Side::Public => find(PUBLIC, &parts),
            Side::Private => check_host(&parts).and_then(|()| find(PRIVATE, &parts)),
        };
        let route = found.as_ref().map_or("unknown", |route| route.path);
        let answer = match found {
            Ok(route) => self.clone().carry_out(route, peer, &id, &parts, body).await,
            Err(refusal) => {
                body.drain().await;
                Err(refusal)
            }
        };
        let answer = answer.unwrap_or_else(|refusal| Answer {
            // Whoever waits for a word may send its body all the same: that is no request.
            close: waits || refusal.status == 429,
            ..Answer::refused(&refusal, &id)
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
        body: Coming,
    ) -> Result<Answer, Refusal> {
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
        let who = Who { key, at, request_id: request_id.to_owned() };
        if route.does == Does::Config {
            body.drain().await;
            let query = parts.uri.query().unwrap_or_default().to_owned();
            return config::answer(&self, &who, &query).await;
        }
        let taken = body.whole(route.does.limit(), &self.held).await?;
        let started = Instant::now();
        let (bridge, asked) = (self.clone(), who.clone());
        let work = tokio::spawn(async move {
            let document = super::body::read(&taken.bytes).map_err(Refusal::from)?;
            match route.does {
                Does::Run => results::run(&bridge, &asked, document).await,
                Does::Failure => results::failure(&bridge, &asked, document).await,
                Does::Batch => results::batch(&bridge, &asked, document).await,
                _ => listing::keep(&bridge, &asked, document).await,
            }
        });
        let done = work.await.unwrap_or_else(|_| {
            Err(Refusal::new(500, "bug", "the bridge made a mistake; its log has the request's id"))
        });
        self.audit(route, &who, peer, &done, started);
        done.map(|done| done.answer)
    }

    /// The key, if it may do this now; looked at before anything of the body is read.
    fn admit(
        &self,
        route: &Route,
        parts: &Parts,
        at: DateTime<Utc>,
        peer: SocketAddr,
    ) -> Result<Arc<Key>, Refusal> {
        let Some(key) = self.keys.ring().find(auth::shown(&parts.headers), at) else {
            let fields = json!({"peer": peer.ip().to_string(), "route": route.path});
            self.journal.say_seldom(Level::Warn, "unauthorized", fields);
            self.guesses.take(peer.ip(), Instant::now())?;
            return Err(Refusal::unauthorized());
        };
        self.sightings.saw(&key, &parts.headers, at);
        if !route.actions.iter().any(|action| key.may(*action)) {
            let fields = json!({"key_id": key.id, "runner": key.runner, "route": route.path});
            self.journal.say_seldom(Level::Warn, "forbidden", fields);
            return Err(Refusal::new(403, "forbidden", "this key is not for this path"));
        }
        if route.does.is_post() {
            intake::check_type(&parts.headers)?;
        }
        self.rates.take(&key.id, Instant::now())?;
        Ok(key)
    }

    /// What anybody may know.
    fn public(&self, does: Does) -> Result<Answer, Refusal> {
        let told = |status: &str| {
            let at = Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            Answer::json(200, json!({"status": status, "service": "llmbench-ingest", "timestamp": at}))
        };
        match does {
            Does::Health => match self.unready() {
                None => Ok(told("healthy")),
                Some(why) => Err(Refusal::later("unready", why, 5)),
            },
            Does::Metrics => {
                Ok(Answer { body: Body::Metrics(self.metrics_text()), ..Answer::json(200, Value::Null) })
            }
            _ => Ok(told("alive")),
        }
    }

    /// One line for every request that wanted to write.
    fn audit(
        &self,
        route: &Route,
        who: &Who,
        peer: SocketAddr,
        done: &Result<Done, Refusal>,
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
                Level::Info
            }
            Err(refusal) => {
                fields["status"] = json!(refusal.status);
                fields["code"] = json!(refusal.code);
                fields["field"] = json!(refusal.field.as_deref().map(super::refusal::echo));
                Level::Warn
            }
        };
        self.journal.say(level, "write", fields);
    }
}

/// Refuses what a browser asks for whom another page has led here by a name of its own: figures are for operators.
fn check_host(parts: &Parts) -> Result<(), Refusal> {
    let named = parts.headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
    if named.chain(parts.uri.authority().map(Authority::as_str)).all(is_own_host) {
        return Ok(());
    }
    Err(Refusal::new(421, "wrong_host", WRONG_HOST))
}

/// The route of a request. One slash at the end of a path changes nothing: a redirect would lose the row.
fn find(routes: &'static [Route], parts: &Parts) -> Result<&'static Route, Refusal> {
    let path = parts.uri.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let route = routes.iter().find(|route| route.path == path);
    let route = route.ok_or_else(|| Refusal::new(404, "not_found", "there is nothing at this path"))?;
    let methods = route.does.methods();
    if methods.split(", ").any(|method| method == parts.method.as_str()) {
        return Ok(route);
    }
    let why = format!("this path takes {methods} alone");
    Err(Refusal { allow: Some(methods), ..Refusal::new(405, "method_not_allowed", why) })
}
