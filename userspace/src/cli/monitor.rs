//! `groundplane monitor`: drops while they happen, one line each.

use super::exit::Ended;
use super::output::Output;
use super::{Outcome, progress};
use groundplane::monitor::{self, Filter, Monitor, News};
use groundplane_abi::DropReason;
use serde_json::json;
use std::path::Path;
use std::sync::atomic::Ordering;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only drops at this ENI: an instance's name, VPC/NAME, or the ENI's id
    #[arg(long, value_name = "NAME")]
    eni: Option<String>,
    /// Only drops for this reason, as `status` and docs/drops.md name it
    #[arg(long, value_name = "NAME", value_parser = reason)]
    reason: Option<DropReason>,
    /// Stop after this many drops
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

fn reason(name: &str) -> Result<DropReason, String> {
    monitor::reason(name).ok_or_else(|| "no reason has this name".to_owned())
}

pub(super) fn run(arguments: &Arguments, state_dir: &Path, output: &Output) -> Ended {
    let filter = Filter {
        eni: arguments.eni.clone(),
        reason: arguments.reason,
    };
    let interrupted = progress::interrupted()?;
    let mut monitor = Monitor::open(state_dir)?;
    let mut left = arguments.count.unwrap_or(u64::MAX);
    while left > 0 && !interrupted.load(Ordering::Relaxed) {
        for news in monitor.listen()? {
            let goes_on = match news {
                News::Drop(drop) if !filter.admits(&drop) => true,
                News::Drop(drop) => {
                    left = left.saturating_sub(1);
                    output.line(&drop.to_string(), &drop)? && left > 0
                }
                News::Lost(count) => {
                    let text =
                        format!("{count} more were dropped, too fast to be told one by one; `status` counts all");
                    output.line(&text, &json!({ "lost": count }))?
                }
                News::Ended => {
                    output.line("It was taken down.", &json!({ "ended": true }))?;
                    false
                }
            };
            if !goes_on {
                return Ok(Outcome::Done);
            }
        }
    }
    Ok(Outcome::Done)
}
