//! The phases of a request, in order; each can end it with a problem.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use anyhow::anyhow;
use axum::extract::ConnectInfo;
use axum::response::IntoResponse as _;
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{HeaderMap, Request, Response, header};
use hyper::body::Incoming;
use portico_common::error::{ApiError, kinds, render};
use portico_common::lifecycle::Lifecycle;
use portico_common::middleware::{RequestId, TraceContext, X_REQUEST_ID, request_id_from, trace_context_from};
use portico_common::token::Verifier;
use tracing::Instrument as _;

use crate::access_log::AccessLine;
use crate::body::{ClientBody, ReplyBody};
use crate::headers::{Forwarded, Stamp, prepare_request};
use crate::openapi::Reference;
use crate::own::{self, Own};
use crate::path::Target;
use crate::routes::{Route, RouteTable, TokenRule};
use crate::{frame, problems, proxy};

/// What every request needs.
pub(crate) struct Gateway {
    pub routes: Arc<RouteTable>,
    pub verifier: Verifier,
    pub reference: Arc<Reference>,
    pub lifecycle: Lifecycle,
    pub trusted_hops: usize,
}

/// What names a request in logs, here and at the service.
struct Ids {
    request: RequestId,
    trace: TraceContext,
}

impl Gateway {
    /// Answers a request: a service's answer, the gateway's own, or a problem.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<ReplyBody> {
        let ids = Ids { request: request_id_from(request.headers()), trace: trace_context_from(request.headers()) };
        let span = tracing::error_span!(
            "request",
            service = "gateway",
            request.id = ids.request.as_str(),
            trace.id = %ids.trace.trace_id(),
            span.id = %ids.trace.span_id(),
        );
        let mut line = AccessLine::begin(&request, span.clone());
        let asked = request.uri().clone();

        let phases = AssertUnwindSafe(self.run_phases(request, &ids, &mut line)).catch_unwind();
        let answered = phases.instrument(span.clone()).await.unwrap_or_else(|_| {
            // The panic hook has logged where.
            Err(ApiError::internal(anyhow!("a phase panicked")))
        });

        let problem = answered.as_ref().err().map(ApiError::code);
        let mut response = answered.unwrap_or_else(|error| {
            let _entered = span.enter();
            let problem = render(error.into_response(), asked.path(), ids.request.as_str());
            own::harden(problem).map(ReplyBody::Own)
        });
        response.headers_mut().insert(X_REQUEST_ID, ids.request.header_value());
        line.end(response.status(), problem);
        response
    }

    async fn run_phases(
        &self,
        request: Request<Incoming>,
        ids: &Ids,
        line: &mut AccessLine,
    ) -> Result<Response<ReplyBody>, ApiError> {
        let (mut head, body) = request.into_parts();
        let body = ClientBody::new(body, &head.headers);
        let host = frame::check(&head)?;
        if frame::asks_about_the_server(&head) {
            return Ok(own::abilities().map(ReplyBody::Own));
        }
        let target = Target::parse(&head.uri)?;
        let route = self.routes.find(target.path());
        if let Some(own) = Own::find(target.path(), route.is_some()) {
            own.name().clone_into(&mut line.route);
            let answer = own.answer(self, &head).await?;
            return Ok(own::harden(answer).map(ReplyBody::Own));
        }
        let route = route.ok_or_else(|| no_route(&target))?;
        route.prefix.clone_into(&mut line.route);
        self.admit(route, &head.headers).await?;

        route.upstream.name.clone_into(&mut line.upstream);
        let forwarded = Forwarded::read(&head.headers, peer(&head), host.as_ref(), self.trusted_hops);
        let stamp = Stamp {
            id: &ids.request,
            trace: &ids.trace,
            forwarded: &forwarded,
            upstream_host: &route.upstream.host,
            version: head.version,
        };
        prepare_request(&mut head.headers, &stamp);
        Ok(proxy::forward(route, head, target, body).await?)
    }
}

impl Gateway {
    /// Lets a request in as far as its token goes. A refused request is never forwarded.
    async fn admit(&self, route: &Route, headers: &HeaderMap) -> Result<(), ApiError> {
        let has_credentials = headers.contains_key(header::AUTHORIZATION);
        match route.token {
            TokenRule::Ignored => return Ok(()),
            TokenRule::Optional if !has_credentials => return Ok(()),
            TokenRule::Required if !has_credentials => return Err(ApiError::unauthenticated()),
            TokenRule::Optional | TokenRule::Required => {}
        }
        if !self.verifier.is_ready() {
            let detail = "the gateway has not read the keys of the issuer yet; try again";
            return Err(ApiError::new(&problems::NOT_READY, detail).retry_after(1));
        }
        self.verifier.authenticate(headers).await.map(drop)
    }
}

fn no_route(target: &Target) -> ApiError {
    ApiError::new(&kinds::ROUTE_NOT_FOUND, format!("there is nothing at {}", target.path()))
}

fn peer(head: &Parts) -> IpAddr {
    let connection = head.extensions.get::<ConnectInfo<SocketAddr>>();
    connection.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip())
}
