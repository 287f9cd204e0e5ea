//! Connections: how many there are, who may have one, and how long a slow one is waited for.

use super::answer;
use super::patient::Patient;
use super::socket::{Guard, Socket};
use crate::api::{Code, Failure};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// How many connections there are at the same time. The next one waits in the kernel until one ends.
const CONNECTIONS: usize = 64;

/// How long the first line and the headers of a request may take, also of the next one on a connection that is kept.
const HEADERS: Duration = Duration::from_secs(30);

/// How long somebody may take to read the next piece of an answer.
const READING: Duration = Duration::from_secs(30);

/// How long those that are being answered may take when the agent ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// Answers until told to stop, then lets those finish that are being answered.
pub(super) async fn serve(socket: Socket, routes: Router, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        // A semaphore that is never closed always has room in the end.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = socket.listener.accept() => accepted,
            () = told(&mut stop) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let routes = admit(&stream, socket.guard, &routes);
                connections.spawn(converse(stream, routes, place, stop.clone()));
            }
            Err(error) => {
                // Such as too many open files: trying again at once would only keep the processor busy.
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    let _ = tokio::time::timeout(FAREWELL, async { while connections.join_next().await.is_some() {} }).await;
}

/// What who is at the other end may ask.
fn admit(stream: &UnixStream, guard: Guard, routes: &Router) -> Router {
    match stream.peer_cred() {
        Ok(peer) if guard.admits(&peer) => routes.clone(),
        peer => {
            let uid = peer.map_or_else(|error| error.to_string(), |peer| peer.uid().to_string());
            tracing::warn!(uid, "somebody asked who may not");
            Router::new().fallback(|| async {
                answer::failed(Failure::new(
                    Code::Forbidden,
                    "only root, and the group if the agent was given one, may ask",
                ))
            })
        }
    }
}

async fn converse(stream: UnixStream, routes: Router, _place: OwnedSemaphorePermit, mut stop: watch::Receiver<bool>) {
    let io = TokioIo::new(Patient::new(stream, READING));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .serve_connection(io, TowerToHyperService::new(routes));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

/// Waits until everything is to stop.
async fn told(stop: &mut watch::Receiver<bool>) {
    // Whoever could have said so has gone: then it is time, too.
    let _ = stop.wait_for(|stop| *stop).await.map(drop);
}
