//! What can be asked: each path with what it does.

use super::Shared;
use super::answer::{self, Answer, failed};
use super::body::{Asked, Query};
use super::events;
use super::work::{self, Job};
use super::worker::Hand;
use crate::api::{ApplyRequest, Code, Failure, FlushRequest, Line, MAX_BODY, PlanRequest, RollbackRequest};
use crate::flows::{self, Connections, Flow, FlowSelector};
use crate::status;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;
use std::ops::ControlFlow;
use tokio::sync::mpsc;

/// How many lines are kept for somebody who reads slowly.
pub(super) const LINES: usize = 256;

pub(super) fn routes(shared: Shared) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/config", get(config))
        .route("/v1/resources", get(resources))
        .route("/v1/generations", get(generations))
        .route("/v1/target-health", get(target_health))
        .route("/v1/integrations", get(integrations))
        .route("/v1/flows", get(flows))
        .route("/v1/events", get(events::events))
        .route("/v1/plan", post(plan))
        .route("/v1/apply", post(apply))
        .route("/v1/rollback", post(rollback))
        .route("/v1/flush", post(flush))
        .route("/v1/reload", post(reload))
        .route("/v1/down", post(down))
        .fallback(|| async {
            failed(Failure::new(
                Code::NotFound,
                "nothing is asked there; see docs/agent.md",
            ))
        })
        .method_not_allowed_fallback(|| async {
            failed(Failure::new(
                Code::MethodNotAllowed,
                "that is read by GET and done by POST",
            ))
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(shared)
}

/// Does something that waits for the kernel, where it keeps nobody else waiting.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Response> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(failed),
        Err(error) => Err(failed(Failure::new(Code::Failed, error.to_string()))),
    }
}

/// Has the engine answer.
async fn ask<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce(&mut Hand) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Response> {
    let answered = shared.worker.ask(work).await;
    answered.and_then(|answer| answer).map_err(failed)
}

async fn status(State(shared): State<Shared>, headers: HeaderMap) -> Answer {
    let status = blocking(move || {
        let status = status::gather(&shared.state_dir).map_err(work::failure)?;
        Ok(shared.report.on(status))
    });
    Ok(answer::value_or_text(&headers, &status.await?))
}

/// The configuration in force, as it was written.
async fn config(State(shared): State<Shared>) -> Answer {
    Ok(answer::value(&ask(&shared, work::written).await?))
}

/// The objects in force, as AWS's command line prints them.
async fn resources(State(shared): State<Shared>) -> Answer {
    Ok(answer::value(&ask(&shared, work::resources).await?))
}

async fn generations(State(shared): State<Shared>) -> Answer {
    let generations = ask(&shared, work::generations).await?;
    Ok(answer::value(&json!({ "generations": generations })))
}

/// How targets of load balancers are.
async fn target_health(State(shared): State<Shared>) -> Answer {
    Ok(answer::value(&ask(&shared, work::target_health).await?))
}

/// How it stands with integrations.
async fn integrations(State(shared): State<Shared>) -> Answer {
    Ok(answer::value(&ask(&shared, work::integrations).await?))
}

/// Live connections, one on a line.
async fn flows(State(shared): State<Shared>, Query(selector): Query<FlowSelector>) -> Answer {
    let (tell, lines) = mpsc::channel(LINES);
    tokio::task::spawn_blocking(move || {
        if let Err(failure) = each_flow(&shared, &selector, &tell) {
            // Whoever asked may have gone.
            let _ = tell.blocking_send(Err(failure));
        }
    });
    answer::lines_or_failure(lines).await
}

fn each_flow(
    shared: &Shared,
    selector: &FlowSelector,
    tell: &mpsc::Sender<Result<Flow, Failure>>,
) -> Result<(), Failure> {
    let connections = Connections::open(&shared.state_dir).map_err(work::failure)?;
    let told = connections.each(selector, |flow| match tell.blocking_send(Ok(flow)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    });
    told.map_err(flow_failure)
}

fn flow_failure(error: flows::Error) -> Failure {
    match error {
        flows::Error::Unknown(unknown) => Failure::new(Code::BadRequest, unknown.to_string()),
        flows::Error::Host(error) => work::failure(error),
    }
}

/// Ends connections. The engine isn't needed for it.
async fn flush(State(shared): State<Shared>, Asked(request): Asked<FlushRequest>) -> Answer {
    let FlushRequest { selector, dry_run } = request;
    if selector.is_everything() {
        let message = "say which connections: all of them are ended by `down`";
        return Err(failed(Failure::new(Code::BadRequest, message)));
    }
    let flushed = blocking(move || {
        let connections = Connections::open(&shared.state_dir).map_err(work::failure)?;
        connections.flush(&selector, dry_run).map_err(flow_failure)
    });
    let flushed = flushed.await?;
    tracing::info!(?flushed, dry_run, "flush: done");
    Ok(answer::value(&flushed))
}

async fn plan(State(shared): State<Shared>, Asked(request): Asked<PlanRequest>) -> Answer {
    Ok(answer::value(
        &ask(&shared, move |hand| work::plan(hand, request)).await?,
    ))
}

async fn apply(State(shared): State<Shared>, Asked(request): Asked<ApplyRequest>) -> Answer {
    Ok(begin(&shared, Job::Apply(request)).await)
}

async fn rollback(State(shared): State<Shared>, Asked(request): Asked<RollbackRequest>) -> Answer {
    Ok(begin(&shared, Job::Rollback(request)).await)
}

async fn reload(State(shared): State<Shared>) -> Answer {
    Ok(begin(&shared, Job::Reload(shared.network.to_vec())).await)
}

async fn down(State(shared): State<Shared>) -> Answer {
    Ok(begin(&shared, Job::Down).await)
}

/// Begins what takes long, and tells of it step by step. It is done to its end also if nobody listens any more.
async fn begin(shared: &Shared, job: Job) -> Response {
    let (tell, lines) = mpsc::channel(LINES);
    let worker = shared.worker.clone();
    let report = shared.report.clone();
    tokio::spawn(async move {
        let progress = tell.clone();
        let done = worker
            .ask(move |hand| work::carry_out(hand, job, &report, &progress))
            .await;
        let last = match done.and_then(|found| found) {
            Ok(value) => Line::Result(value),
            Err(failure) => Line::Error(failure),
        };
        // Whoever asked may have gone.
        let _ = tell.send(last).await;
    });
    answer::steps(lines).await
}
