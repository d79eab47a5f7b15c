//! The phases of a request, in order; each can end it with a problem.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use arc_swap::ArcSwap;
use axum::response::IntoResponse as _;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use hyper::body::Body as _;
use portico_common::error::{ApiError, kinds, render};
use portico_common::lifecycle::Lifecycle;
use portico_common::middleware::X_REQUEST_ID;
use portico_common::telemetry::Traces;
use portico_common::token::Verifier;
use tokio::sync::Notify;
use tokio::time::sleep;
use uuid::Uuid;

use crate::access_log::{AccessLine, AccessLogConfig};
use crate::body::{ClientBody, ReplyBody};
use crate::cache::{Caches, Passage};
use crate::config::ProxyConfig;
use crate::edge::{ClientConnection, Tls, Worker};
use crate::headers::{Forwarded, RequestHeaders, Stamp};
use crate::limit::{Limiter, PolicySet, Requester};
use crate::metrics::{Metrics, TokenCache};
use crate::openapi::Reference;
use crate::own::{self, Own};
use crate::path::Target;
use crate::proxy::Forward;
use crate::routes::{Canary, Route, RouteFile, TokenRule};
use crate::routing::Routing;
use crate::upstream::RequestHead;
use crate::validation::{self, Checker, Intake};
use crate::{compression, frame, problems};

/// How machines say who they are; services check it.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// RFC 6797: who has come by TLS once comes by TLS.
const A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// How soon it is noticed that a service has moved, at the latest.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);

/// Twice this, and the patience of a check, is the longest that an endpoint which is gone is still asked.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// What every request needs.
pub(crate) struct Gateway {
    pub routing: ArcSwap<Routing>,
    pub verifier: Verifier,
    pub limiter: Arc<Limiter>,
    pub lifecycle: Lifecycle,
    pub proxy: ProxyConfig,
    /// The largest body that is passed on where a route does not say, in bytes.
    pub body_limit: u64,
    pub access_log: AccessLogConfig,
    /// Where spans of requests go, if anywhere.
    pub traces: Traces,
    pub metrics: Arc<Metrics>,
    /// What keeps the public answers of routes that ask for it.
    pub caches: Caches,
    /// How TLS is spoken to clients, if it is.
    pub tls: Option<Arc<Tls>>,
    /// Where bodies are held against documents.
    pub checker: Checker,
    /// Wakes who reads the documents, when other services may be routed to.
    pub rerouted: Notify,
    /// All documents have been asked for once.
    pub has_asked: AtomicBool,
}

impl Gateway {
    /// Answers a request: a service's answer, the gateway's own, or a problem.
    pub async fn answer(
        &self,
        head: Box<Parts>,
        body: ClientBody,
        client: &ClientConnection,
        worker: &Rc<Worker>,
    ) -> Response<ReplyBody> {
        let _in_flight = worker.recorder.in_flight();
        let mut line = AccessLine::begin(&head, &worker.recorder, &self.access_log, Instant::now());
        line.trace(&self.traces, &head.headers, self.proxy.decider());
        let routing = self.routing.load();
        let cors = routing.cors.clone();
        let reader = cors.as_ref().and_then(|cors| cors.reader(&head.headers));
        let accepted = if routing.compresses { head.headers.get(header::ACCEPT_ENCODING).cloned() } else { None };
        drop(routing);
        let phases = async {
            match self.run_phases(head, body, &mut line, client, worker).await? {
                Plan::Answer(response) => Ok(response.map(ReplyBody::Own)),
                Plan::Forward(forward) => Ok(forward.send(Some(client), worker).await?),
                Plan::Cache(passage, forward) => Box::pin(passage.answer(forward, client, worker, &mut line)).await,
                Plan::Check(checked) => Box::pin(self.check_and_send(*checked, client, worker, &mut line)).await,
            }
        };
        let phases = AssertUnwindSafe(phases).catch_unwind();
        let answered = phases.await.unwrap_or_else(|_| {
            // The panic hook has logged where.
            Err(ApiError::internal(anyhow!("a phase panicked")))
        });

        let mut response = answered.unwrap_or_else(|error| {
            line.refuse(&error);
            problem_of(error, &line).map(ReplyBody::Own)
        });
        response.headers_mut().insert(X_REQUEST_ID, line.ids.request.header_value());
        if let Some(accepted) = accepted {
            response = Box::pin(compression::compress(response, accepted)).await;
        }
        if let Some(cors) = cors {
            cors.tell(reader, response.headers_mut());
        }
        if self.tls.is_some() {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, A_YEAR);
        }
        for told in line.told_by_limits.drain(..) {
            told.tell(response.headers_mut());
        }
        line.answered(response.status());
        response
    }

    /// The description of what is behind the gateway now.
    pub fn reference(&self) -> Arc<Reference> {
        Arc::clone(&self.routing.load().reference)
    }

    /// What routes by `file`, and knows of upstreams what is known now.
    ///
    /// # Errors
    /// A route leads nowhere.
    pub fn routing_of(&self, file: &RouteFile) -> anyhow::Result<Routing> {
        let known = Arc::clone(&self.routing.load().table);
        Routing::new(file, &self.proxy, self.body_limit, &self.metrics, &self.caches, Some(&known))
    }

    /// Lets metrics tell what is known elsewhere.
    pub fn publish_gauges(self: &Arc<Self>) {
        let gateway = Arc::clone(self);
        self.metrics.gauge(
            "portico_gateway_limit_store_available",
            "Whether the shared store of rate limits can be asked.",
            move || gateway.limiter.store().map(|store| if store.is_available() { 1.0 } else { 0.0 }),
        );
        let gateway = Arc::clone(self);
        self.metrics.gauge(
            "portico_gateway_limit_store_losses",
            "How often the shared store of rate limits was lost since the start.",
            move || gateway.limiter.store().map(|store| counted(store.failures())),
        );
        let gateway = Arc::clone(self);
        self.metrics.gauge(
            "portico_gateway_cache_bytes",
            "Bytes of public answers held, those on their way to clients included.",
            move || gateway.caches.held_bytes().map(|bytes| counted(bytes as u64)),
        );
        let gateway = Arc::clone(self);
        self.metrics.gauge(
            "portico_gateway_tls_last_reload_successful",
            "Whether the certificate files read last are in force.",
            move || gateway.tls.as_ref().map(|tls| if tls.is_current() { 1.0 } else { 0.0 }),
        );
    }

    /// Keeps the addresses of services up to date; ends only when dropped.
    pub async fn follow_names(self: Arc<Self>) {
        loop {
            sleep(LOOK_UP_EVERY).await;
            let table = Arc::clone(&self.routing.load().table);
            join_all(table.upstreams().iter().map(|upstream| upstream.resolve())).await;
        }
    }

    /// Keeps asking endpoints whether they are well; ends only when dropped.
    pub async fn follow_health(self: Arc<Self>) {
        loop {
            let table = Arc::clone(&self.routing.load().table);
            join_all(table.upstreams().iter().map(|upstream| upstream.check_health())).await;
            sleep(CHECK_EVERY).await;
        }
    }

    /// Keeps the description up to date; ends only when dropped.
    pub async fn follow_reference(self: Arc<Self>) {
        loop {
            let pause = self.reference().refresh_in_turn().await;
            self.has_asked.store(true, Ordering::Release);
            tokio::select! {
                () = sleep(pause) => {}
                () = self.rerouted.notified() => {}
            }
        }
    }

    /// What to do with a request. Waits seldom, and then apart: a request that is forwarded should not carry the
    /// room for what others wait for.
    async fn run_phases(
        &self,
        head: Box<Parts>,
        body: ClientBody,
        line: &mut AccessLine,
        client: &ClientConnection,
        worker: &Worker,
    ) -> Result<Plan, ApiError> {
        let host = frame::check(&head)?;
        if frame::asks_about_the_server(&head) {
            return Ok(Plan::Answer(own::abilities()));
        }
        let target = Target::parse(&head.uri)?;
        let routing = self.routing.load();
        if let Some(answer) = routing.cors.as_ref().and_then(|cors| cors.preflight(&head)) {
            return Ok(Plan::Answer(own::harden(answer)));
        }
        let route = routing.table.find(target.path()).cloned();
        drop(routing);
        if let Some(own) = Own::find(target.path(), route.is_some()) {
            line.route = self.metrics.route(own.name());
            let answer = Box::pin(own.answer(self, &head)).await?;
            return Ok(Plan::Answer(own::harden(answer)));
        }
        let route = route.ok_or_else(|| no_route(&target))?;
        line.route = route.label;
        let forwarded = Forwarded::read(&head.headers, &client.peer, host, self.proxy.trusted_hops);
        let mut requester = Requester { client: forwarded.client, subject: None, api_key: head.headers.get(X_API_KEY) };
        if !route.limits_of_clients.is_empty() {
            self.limit(&route.limits_of_clients, &requester, line).await?;
        }
        let mut has_waited = self.limiter.store().is_some();
        let subject = match self.known_token(&route, &head.headers, &target, client, worker)? {
            Known::Subject(subject) => Some(subject),
            Known::None => None,
            Known::Nothing => {
                has_waited = true;
                Box::pin(self.check_token(&head.headers)).await?
            }
        };
        if !route.limits_of_subjects.is_empty() {
            requester.subject = subject;
            self.limit(&route.limits_of_subjects, &requester, line).await?;
        }
        let intake = match &route.enforced {
            Some(enforced) => validation::begin(enforced, &target, &head)?,
            None => None,
        };
        let route = route.canary.as_ref().and_then(Canary::draw).unwrap_or(route);
        let wants_websocket = frame::asks_for_websocket(&head);
        let passage = route.cache.as_ref().filter(|_| !wants_websocket).map(|cache| {
            let has_body = !body.is_end_stream();
            Box::new(Passage::new(cache, &head, target.as_inner(), &forwarded, has_body))
        });
        if let Some(hit) = passage.as_ref().and_then(|passage| passage.hit(&head.headers, &worker.recorder, line)) {
            return Ok(Plan::Answer(hit));
        }
        line.upstream = route.upstream.label;
        let stamp = Stamp {
            id: &line.ids.request,
            trace: &line.ids.trace,
            forwarded: &forwarded,
            upstream_host: &route.upstream.host,
            version: head.version,
            wants_websocket,
        };
        let Parts { method, headers, .. } = *head;
        let headers = RequestHeaders::new(headers, &stamp);
        let head = RequestHead { method, target: target.into_inner(), headers, wants_websocket, deadline: None };
        // What the gateway itself waited for is not the service's time.
        let began = if has_waited { Instant::now() } else { line.began };
        let forward = Forward::new(route, head, body, &worker.recorder, began.into())?;
        Ok(match (intake, passage) {
            (Some(intake), passage) => Plan::Check(Box::new(Checked { intake, passage, forward })),
            (None, Some(passage)) => Plan::Cache(passage, forward),
            (None, None) => Plan::Forward(forward),
        })
    }
}

/// What to do with a request.
enum Plan {
    Answer(Response<axum::body::Body>),
    Forward(Box<Forward>),
    Cache(Box<Passage>, Box<Forward>),
    /// It is forwarded if its body is as it should be.
    Check(Box<Checked>),
}

/// A request whose body is looked at first.
struct Checked {
    intake: Intake,
    passage: Option<Box<Passage>>,
    forward: Box<Forward>,
}

impl Gateway {
    /// What is known of the token of a request without waiting.
    fn known_token(
        &self,
        route: &Route,
        headers: &HeaderMap,
        target: &Target,
        client: &ClientConnection,
        worker: &Worker,
    ) -> Result<Known, ApiError> {
        match route.token {
            TokenRule::Optional | TokenRule::Required if headers.contains_key(header::AUTHORIZATION) => {
                frame::check_query(target.query())?;
                let subject = client.recall_subject(headers, &self.verifier);
                worker.recorder.token_cache(if subject.is_some() { TokenCache::Hit } else { TokenCache::Miss });
                Ok(subject.map_or(Known::Nothing, Known::Subject))
            }
            TokenRule::Required => Err(ApiError::unauthenticated()),
            TokenRule::Optional | TokenRule::Ignored => Ok(Known::None),
        }
    }

    /// Lets a request in if its token is good, and says whose it is. A refused request is never forwarded.
    async fn check_token(&self, headers: &HeaderMap) -> Result<Option<Uuid>, ApiError> {
        if !self.verifier.is_ready() {
            let detail = "the gateway has not read the keys of the issuer yet; try again";
            return Err(ApiError::new(&problems::NOT_READY, detail).retry_after(1));
        }
        let claims = self.verifier.authenticate(headers).await?;
        Ok(claims.map(|claims| claims.sub))
    }

    async fn check_and_send(
        &self,
        checked: Checked,
        client: &ClientConnection,
        worker: &Rc<Worker>,
        line: &mut AccessLine,
    ) -> Result<Response<ReplyBody>, ApiError> {
        let Checked { intake, passage, forward } = checked;
        let forward = self.checker.take(intake, forward).await?;
        match passage {
            Some(passage) => passage.answer(forward, client, worker, line).await,
            None => Ok(forward.send(Some(client), worker).await?),
        }
    }

    async fn limit(
        &self,
        limits: &PolicySet,
        requester: &Requester<'_>,
        line: &mut AccessLine,
    ) -> Result<(), ApiError> {
        let verdict = match self.limiter.store() {
            Some(_) => Box::pin(self.limiter.check(limits, requester, line.began)).await,
            None => self.limiter.check_local(limits, requester, line.began),
        };
        if let Some(refusal) = verdict.refusal() {
            return Err(refusal);
        }
        line.told_by_limits.extend(verdict.told());
        Ok(())
    }
}

/// A count as a metric; beyond what anybody counts to, it stands still.
pub(crate) fn counted(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

/// What is known of a token without waiting.
enum Known {
    /// It is good, and this is whose it is.
    Subject(Uuid),
    /// There is none, or nobody asks.
    None,
    /// Whether it is good.
    Nothing,
}

fn problem_of(error: ApiError, line: &AccessLine) -> Response<axum::body::Body> {
    let problem = line.ids.scope(|| error.into_response());
    own::harden(render(problem, line.path(), line.ids.request.as_str()))
}

fn no_route(target: &Target) -> ApiError {
    ApiError::new(&kinds::ROUTE_NOT_FOUND, format!("there is nothing at {}", target.path()))
}
