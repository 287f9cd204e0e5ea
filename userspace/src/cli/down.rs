//! `groundplane down`: removes what `up` made, and nothing else.

use super::Outcome;
use super::exit::{Ended, Stop};
use super::host::{self, SocketArguments};
use super::output::Output;
use super::progress::Bar;
use groundplane::install::{self, store};
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn run(arguments: &SocketArguments, state_dir: &Path, output: &Output) -> Ended {
    let was_up = take_down(arguments, state_dir)?;
    let text = match was_up {
        None => "Nothing is up.",
        Some(_) => "Down; everything that was made is removed.",
    };
    output.result(
        text,
        &json!({ "was_up": was_up.is_some(), "enis": was_up.unwrap_or(0) }),
    )?;
    Ok(Outcome::Done)
}

/// How many guests were up, if anything was.
fn take_down(arguments: &SocketArguments, state_dir: &Path) -> Result<Option<usize>, Stop> {
    let bar = Bar::new()?;
    let Some(agent) = arguments.agent(state_dir)? else {
        return Ok(install::down(state_dir, &bar)?.map(|state| state.guests.len()));
    };
    let guests = store::read(state_dir)?.map(|state| state.guests.len());
    let show = |step: &str, counted: Option<(usize, usize)>| host::show(&bar, step, counted);
    let told: Value = agent.follow("/v1/down", &json!({}), show)?;
    let was_up = told.get("was_up").and_then(Value::as_bool) == Some(true);
    Ok(was_up.then(|| guests.unwrap_or(0)))
}
