//! Answers: values as JSON, or as people read them; failures with their status; and lines that come one by one.

use crate::api::{Failed, Failure, Line};
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use hyper::body::Bytes;
use serde::Serialize;
use std::convert::Infallible;
use std::fmt::Display;
use tokio::sync::mpsc::Receiver;

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const TEXT: &str = "text/plain; charset=utf-8";

pub(super) type Answer = Result<Response, Response>;

pub(super) fn failed(failure: Failure) -> Response {
    let status = failure.code.status();
    tracing::debug!(status, message = failure.message);
    json(status, &Failed { error: failure })
}

pub(super) fn value(value: &impl Serialize) -> Response {
    json(200, value)
}

/// The value for programs, its text for those who ask for text.
pub(super) fn value_or_text<T: Serialize + Display>(headers: &HeaderMap, value: &T) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    if accepts.is_some_and(|accepts| accepts.starts_with("text/plain")) {
        ([(header::CONTENT_TYPE, TEXT)], format!("{value}\n")).into_response()
    } else {
        self::value(value)
    }
}

fn json(status: u16, value: &impl Serialize) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match serde_json::to_vec(value) {
        Ok(mut bytes) => {
            // For those who see it on a terminal.
            bytes.push(b'\n');
            (status, [(header::CONTENT_TYPE, JSON)], bytes).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Steps while they are made, then what came of it. If it fails before the first step, the status says so.
pub(super) async fn steps(mut lines: Receiver<Line>) -> Response {
    match lines.recv().await {
        None => failed(Failure::new(crate::api::Code::Unavailable, "the agent is about to end")),
        Some(Line::Error(failure)) => failed(failure),
        Some(first) => all(Some(first), lines, |line| chunk(&line)),
    }
}

/// Whatever comes, one on a line, until nothing more does.
pub(super) fn lines<T: Serialize + Send + 'static>(lines: Receiver<T>) -> Response {
    all(None, lines, |line| chunk(&line))
}

/// The same where it may fail. If nothing was told before, the status says so; else an `error` is the last line.
pub(super) async fn lines_or_failure<T>(mut lines: Receiver<Result<T, Failure>>) -> Answer
where
    T: Serialize + Send + 'static,
{
    match lines.recv().await {
        Some(Err(failure)) => Err(failed(failure)),
        first => Ok(all(first, lines, |line| match line {
            Ok(line) => chunk(&line),
            Err(error) => chunk(&Failed { error }),
        })),
    }
}

fn all<T: Send + 'static>(
    first: Option<T>,
    lines: Receiver<T>,
    chunk: impl Fn(T) -> Result<Bytes, Infallible> + Copy + Send + 'static,
) -> Response {
    let rest = stream::unfold((first, lines), move |(first, mut lines)| async move {
        let line = match first {
            Some(first) => first,
            None => lines.recv().await?,
        };
        Some((chunk(line), (None, lines)))
    });
    ([(header::CONTENT_TYPE, LINES)], Body::from_stream(rest)).into_response()
}

fn chunk(line: &impl Serialize) -> Result<Bytes, Infallible> {
    // What is told has no keys that aren't strings, and nothing else keeps it from being JSON.
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    Ok(Bytes::from(bytes))
}
