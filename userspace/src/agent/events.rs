//! Drops while they happen, to everybody who listens.

use super::Shared;
use super::answer::{self, Answer, failed};
use super::body::Query;
use super::routes::{LINES, blocking};
use super::work;
use crate::api::{Code, Failure};
use crate::monitor::{self, Filter, Monitor, News};
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc::Sender;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// Which drops somebody wants to hear of.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// An instance's name, VPC/NAME, or the ENI's id.
    eni: Option<String>,
    /// By its name in docs/drops.md.
    reason: Option<String>,
}

pub(super) async fn events(State(shared): State<Shared>, Query(wanted): Query<Wanted>) -> Answer {
    let filter = filter(wanted).map_err(failed)?;
    let place = Arc::clone(&shared.listeners).try_acquire_owned();
    let place = place.map_err(|_| failed(Failure::new(Code::Unavailable, "too many listen already")))?;
    let state_dir = Arc::clone(&shared.state_dir);
    let monitor = blocking(move || Monitor::open(&state_dir).map_err(work::failure)).await?;
    let (tell, lines) = tokio::sync::mpsc::channel(LINES);
    let stop = shared.stop.clone();
    let thread = std::thread::Builder::new().name("events".to_owned());
    let started = thread.spawn(move || listen(monitor, &filter, &tell, &stop, place));
    started.map_err(|error| failed(Failure::new(Code::Failed, error.to_string())))?;
    Ok(answer::lines(lines))
}

fn filter(Wanted { eni, reason }: Wanted) -> Result<Filter, Failure> {
    let unknown = |name: &String| Failure::new(Code::BadRequest, format!("no reason is called {name:?}"));
    let reason = reason.map(|name| monitor::reason(&name).ok_or_else(|| unknown(&name)));
    Ok(Filter {
        eni,
        reason: reason.transpose()?,
    })
}

/// Tells until nobody listens any more, what is listened to ends, or the agent does. Who reads slowly is waited for:
/// the kernel counts what didn't fit meanwhile.
fn listen(
    mut monitor: Monitor,
    filter: &Filter,
    tell: &Sender<Value>,
    stop: &watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    while !tell.is_closed() && !*stop.borrow() {
        let news = match monitor.listen() {
            Ok(news) => news,
            Err(error) => {
                tracing::warn!(%error, "drops can't be heard");
                return;
            }
        };
        for news in news {
            let ended = news == News::Ended;
            let goes_on = line(filter, news).is_none_or(|line| tell.blocking_send(line).is_ok());
            if ended || !goes_on {
                return;
            }
        }
    }
}

fn line(filter: &Filter, news: News) -> Option<Value> {
    match news {
        News::Drop(drop) if !filter.admits(&drop) => None,
        News::Drop(drop) => serde_json::to_value(drop).ok(),
        News::Lost(count) => Some(json!({ "lost": count })),
        News::Ended => Some(json!({ "ended": true })),
    }
}
