//! What the engine is asked to do, each a piece of work on its own thread.

use super::report::Report;
use super::worker::Hand;
use crate::api::{self, ApplyRequest, Code, Failure, Line, PlanRequest, RollbackRequest};
use crate::document::{self, Diagnostics};
use crate::export;
use crate::health::{Found, TargetHealthReport};
use crate::install::kernel::Upgrade;
use crate::install::{Applied, ApplyOptions, Candidate, Engine, Error, Manifest, Rebound, Whereabouts};
use crate::integration::{self, IntegrationReport};
use crate::preview::Preview;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use tokio::sync::mpsc::Sender;

/// What takes long and is told step by step.
#[derive(Debug)]
pub(super) enum Job {
    Apply(ApplyRequest),
    Rollback(RollbackRequest),
    /// Reads these documents and puts them in force.
    Reload(Vec<PathBuf>),
    /// The same when the agent starts: what is in force is left alone, unless it was found damaged.
    Begin {
        network: Vec<PathBuf>,
        damaged: bool,
    },
    Down,
}

impl Job {
    const fn name(&self) -> &'static str {
        match self {
            Self::Apply(_) => "apply",
            Self::Rollback(_) => "rollback",
            Self::Reload(_) => "reload",
            Self::Begin { .. } => "start",
            Self::Down => "down",
        }
    }
}

pub(super) fn failure(error: Error) -> Failure {
    let code = match error {
        Error::NothingUp | Error::NothingBefore | Error::NotLoaded(_) => Code::Conflict,
        Error::Interrupted => Code::Unavailable,
        _ => Code::Failed,
    };
    Failure::new(code, error.to_string())
}

/// A configuration that is wrong.
fn refused(problems: &Diagnostics) -> Failure {
    Failure {
        code: Code::Refused,
        message: "the configuration is refused; nothing was changed".to_owned(),
        diagnostics: serde_json::to_value(problems).ok(),
        rendered: Some(problems.to_string()),
    }
}

/// Does a job, tells of its steps, and notes down and logs what came of it.
pub(super) fn carry_out(hand: &mut Hand, job: Job, report: &Report, tell: &Sender<Line>) -> Result<Value, Failure> {
    let name = job.name();
    let done = match job {
        Job::Apply(ApplyRequest { sources, strict, cut }) => {
            apply(hand, texts(sources), strict, ApplyOptions { cut }, tell)
        }
        Job::Rollback(RollbackRequest { cut }) => rollback(hand, ApplyOptions { cut }, tell),
        Job::Reload(network) => reload(hand, &network, tell),
        Job::Begin { network, damaged } => begin(hand, &network, damaged, tell),
        Job::Down => hand
            .down(tell)
            .map_err(failure)
            .map(|state| json!({ "was_up": state.is_some() })),
    };
    note(name, &done, report);
    hand.summarise();
    done
}

fn note(name: &str, done: &Result<Value, Failure>, report: &Report) {
    match done {
        Ok(value) => {
            let generation = value.get("generation").and_then(Value::as_u64);
            tracing::info!(generation, outcome = value["outcome"].as_str(), "{name}: done");
        }
        Err(failure) => {
            tracing::error!(code = ?failure.code, "{name}: {}", failure.message);
            for line in failure.rendered.iter().flat_map(|text| text.lines()) {
                tracing::error!("{line}");
            }
        }
    }
    report.note(name, done.as_ref().err().map(|failure| failure.message.clone()));
}

/// Reads documents and puts them in force.
fn reload(hand: &mut Hand, network: &[PathBuf], tell: &Sender<Line>) -> Result<Value, Failure> {
    if network.is_empty() {
        let message = "the agent was given no documents, so there is nothing to read anew";
        return Err(Failure::new(Code::Conflict, message));
    }
    apply(hand, load(network)?, false, ApplyOptions::default(), tell)
}

fn load(network: &[PathBuf]) -> Result<Vec<document::Source>, Failure> {
    document::load(network).map_err(|error| Failure::new(Code::Refused, told(&error)))
}

/// Puts in force what is to be, if it isn't. That is what was applied last if the agent was given no documents.
fn begin(hand: &mut Hand, network: &[PathBuf], damaged: bool, tell: &Sender<Line>) -> Result<Value, Failure> {
    let applied = hand.engine().map_err(failure)?.applied();
    let applied = applied.map(|applied| (applied.manifest.generation, applied.sources.clone()));
    let sources = match &applied {
        Some((_, sources)) if network.is_empty() => sources.clone(),
        None if network.is_empty() => return Ok(Value::Null),
        _ => load(network)?,
    };
    match applied {
        // Guests of it may be gone for the moment, so that it could not be put in force anew.
        Some((generation, applied)) if applied == sources && !damaged => {
            Ok(json!({ "generation": generation, "outcome": "already_up" }))
        }
        _ => apply(hand, sources, false, ApplyOptions::default(), tell),
    }
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", told(cause)),
        None => error.to_string(),
    }
}

fn apply(
    hand: &mut Hand,
    sources: Vec<document::Source>,
    strict: bool,
    options: ApplyOptions,
    tell: &Sender<Line>,
) -> Result<Value, Failure> {
    let candidate = read(hand, sources, strict)?;
    let warnings = candidate.warnings.clone();
    for warning in &warnings.problems {
        tracing::warn!("{}", warning.message);
    }
    let progress = hand.progress(Some(tell));
    let outcome = hand
        .engine()
        .and_then(|engine| engine.apply(candidate, options, &progress));
    let outcome = outcome.map_err(failure)?;
    Ok(with_warnings(json!(outcome), &warnings))
}

fn texts(sources: Vec<api::Source>) -> Vec<document::Source> {
    let texts = sources.into_iter();
    texts
        .map(|api::Source { name, text }| document::Source::new(name, text.into_bytes()))
        .collect()
}

/// Replaces the programs in the kernel if this binary brings others. Those that can't be replaced go on.
pub(super) fn upgrade(hand: &mut Hand, report: &Report) {
    match hand.engine().and_then(Engine::upgrade) {
        Ok(Upgrade::Current) => {}
        Ok(Upgrade::Replaced { devices }) => {
            tracing::info!(devices, "the programs are replaced by those of this version");
        }
        Err(error) => {
            tracing::error!(%error, "the programs can't be replaced by those of this version; the old ones go on");
            report.note("replacement of the programs", Some(error.to_string()));
        }
    }
}

/// Looks which guests have gone or come back, and tells of them.
pub(super) fn reconcile(hand: &mut Hand) {
    let progress = hand.progress(None);
    match hand.engine().and_then(|engine| engine.reconcile(&progress)) {
        Ok(rebound) => rebound.iter().for_each(tell_rebound),
        Err(error) => tracing::error!(%error, "guests that have gone or come back can't be seen to"),
    }
}

/// Looks whether the uplinks and the service port have all that they need, and tells of what they lacked.
pub(super) fn see_to_surroundings(hand: &mut Hand) {
    match hand.engine().and_then(Engine::see_to_surroundings) {
        Ok(findings) => findings.iter().for_each(|finding| tracing::warn!("{finding}")),
        Err(error) => tracing::error!(%error, "the uplinks and the service port can't be seen to"),
    }
}

/// Puts in force which targets are unhealthy.
pub(super) fn see_to_health(hand: &mut Hand) {
    let (unhealthy, progress) = (hand.board().unhealthy(), hand.progress(None));
    let count = unhealthy.len();
    let done = hand
        .engine()
        .and_then(|engine| engine.set_unhealthy(unhealthy, &progress));
    match done {
        Ok(true) => tracing::info!(unhealthy = count, "the health of targets is in force"),
        // Who ends the agent wants nothing changed any more.
        Ok(false) | Err(Error::Interrupted) => {}
        Err(error) => tracing::error!(%error, "the health of targets can't be put in force"),
    }
}

/// How the targets in force are.
pub(super) fn target_health(hand: &mut Hand) -> Result<TargetHealthReport, Failure> {
    let board = hand.board().clone();
    let applied = hand.engine().map_err(failure)?.applied().ok_or_else(nothing)?;
    Ok(TargetHealthReport::of(
        &applied.deployment.resources,
        Found::ByAgent(&board),
    ))
}

/// How it stands with the integrations in force.
pub(super) fn integrations(hand: &mut Hand) -> Result<IntegrationReport, Failure> {
    let board = hand.doors().clone();
    let deployment = &hand
        .engine()
        .map_err(failure)?
        .applied()
        .ok_or_else(nothing)?
        .deployment;
    Ok(IntegrationReport::of(
        &deployment.resources,
        &deployment.integrations,
        integration::Found::ByAgent(&board),
    ))
}

fn tell_rebound(rebound: &Rebound) {
    let Rebound {
        name,
        network_interface_id: eni,
        whereabouts,
    } = rebound;
    match whereabouts {
        Whereabouts::Gone => tracing::warn!(eni, "{name} is gone; what is sent to it is dropped"),
        Whereabouts::Back => tracing::info!(eni, "{name} is back and bound again"),
    }
}

/// What a configuration would change. Nothing is touched.
pub(super) fn plan(hand: &mut Hand, request: PlanRequest) -> Result<Value, Failure> {
    let candidate = read(hand, texts(request.sources), request.strict)?;
    let engine = hand.engine().map_err(failure)?;
    let preview = Preview::of(engine, &candidate, request.named).map_err(failure)?;
    Ok(with_warnings(json!(preview), &candidate.warnings))
}

fn with_warnings(mut answer: Value, warnings: &Diagnostics) -> Value {
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("warnings".to_owned(), json!(warnings));
    }
    answer
}

fn rollback(hand: &mut Hand, options: ApplyOptions, tell: &Sender<Line>) -> Result<Value, Failure> {
    let progress = hand.progress(Some(tell));
    let outcome = hand.engine().and_then(|engine| engine.rollback(options, &progress));
    outcome.map_err(failure).map(|outcome| json!(outcome))
}

fn read(hand: &mut Hand, sources: Vec<document::Source>, strict: bool) -> Result<Candidate, Failure> {
    let engine = hand.engine().map_err(failure)?;
    match engine.read(sources) {
        Ok(candidate) if strict && !candidate.warnings.problems.is_empty() => {
            Err(refused(&candidate.warnings.strict()))
        }
        other => other.map_err(|problems| refused(&problems)),
    }
}

/// The configuration in force, as it was written.
pub(super) fn written(hand: &mut Hand) -> Result<Value, Failure> {
    let Applied { manifest, sources, .. } = hand.engine().map_err(failure)?.applied().ok_or_else(nothing)?;
    let sources = sources
        .iter()
        .map(|source| json!({ "name": source.name, "text": String::from_utf8_lossy(&source.bytes) }));
    Ok(json!({
        "generation": manifest.generation,
        "time": manifest.time,
        "sources": sources.collect::<Vec<_>>(),
    }))
}

/// The objects in force, in AWS's shape.
pub(super) fn resources(hand: &mut Hand) -> Result<Map<String, Value>, Failure> {
    let applied = hand.engine().map_err(failure)?.applied().ok_or_else(nothing)?;
    Ok(export::aws(&applied.deployment.resources))
}

/// Configurations that are or were in force, the newest first.
pub(super) fn generations(hand: &mut Hand) -> Result<Vec<Manifest>, Failure> {
    Ok(hand.engine().map_err(failure)?.generations().cloned().collect())
}

fn nothing() -> Failure {
    failure(Error::NothingUp)
}
