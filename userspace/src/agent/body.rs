//! The body of a request: JSON, in time, and not many large ones at once.

use super::Shared;
use super::answer::failed;
use crate::api::{Code, Failure, MAX_BODY};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::Response;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long the whole body may take.
const IN_TIME: Duration = Duration::from_secs(60);

/// What was asked. Nothing at all stands for an object in which everything is as usual.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Asked<T> {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Response> {
        let read = async {
            // Bodies take memory, so that they are read one after the other; the next one waits in the kernel.
            let _turn = shared.bodies.acquire().await;
            Bytes::from_request(request, shared).await
        };
        let bytes = match tokio::time::timeout(IN_TIME, read).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) if error.status() == 413 => {
                let message = format!("a request has up to {MAX_BODY} bytes");
                return Err(failed(Failure::new(Code::TooLarge, message)));
            }
            Ok(Err(error)) => return Err(failed(Failure::new(Code::BadRequest, error.body_text()))),
            Err(_) => return Err(failed(Failure::new(Code::Timeout, "the request didn't come in time"))),
        };
        parse(&bytes)
            .map(Self)
            .map_err(|told| failed(Failure::new(Code::BadRequest, told)))
    }
}

/// What the part of the address after the question mark says.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Query<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let query = axum::extract::Query::from_request_parts(parts, shared).await;
        query
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| failed(Failure::new(Code::BadRequest, error.body_text())))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(&mut reader).map_err(|error| format!("not such a request: {error}"))?;
    reader
        .end()
        .map_err(|error| format!("something comes after the request: {error}"))?;
    Ok(value)
}
