//! `groundplane down`: removes what `up` made, and nothing else.

use super::output::Output;
use super::{Outcome, progress};
use groundplane::install::state::State;
use groundplane::install::{self, Watched};
use serde_json::json;
use std::path::Path;

pub(super) fn run(state_dir: &Path, output: &Output) -> anyhow::Result<Outcome> {
    let result = take_down(state_dir);
    progress::clear();
    let state = result?;
    let (text, enis) = match &state {
        None => ("Nothing is up.".to_owned(), 0),
        Some(state) => (
            "Down; everything that was made is removed.".to_owned(),
            state.guests.len(),
        ),
    };
    output.result(&text, &json!({ "was_up": state.is_some(), "enis": enis }))?;
    Ok(Outcome::Done)
}

fn take_down(state_dir: &Path) -> anyhow::Result<Option<State>> {
    let watched = Watched {
        show: progress::show,
        interrupted: progress::interrupted()?,
    };
    Ok(install::down(state_dir, &watched)?)
}
