//! `groundplane top`: who sends most just now.

use super::Outcome;
use super::exit::Ended;
use super::output::{Format, Output};
use super::progress::interrupted;
use super::table::{Column, table};
use groundplane::top::{EniRate, FlowRate, Sampler};
use serde_json::json;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Connections instead of ENIs
    #[arg(long)]
    flows: bool,
    /// Measure once and end
    #[arg(long)]
    once: bool,
    /// Over how many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    interval: f64,
    /// How many rows
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("it takes from 0.1 to 3600 seconds".to_owned()),
    }
}

pub(super) fn run(arguments: &Arguments, state_dir: &Path, output: &Output) -> Ended {
    let interrupted = interrupted()?;
    let mut sampler = Sampler::open(state_dir, arguments.flows)?;
    while wait(arguments.interval, interrupted) {
        let rates = sampler.sample()?;
        let text = match arguments.flows {
            true => flow_table(&rates.flows, arguments.limit),
            false => eni_table(&rates.enis, arguments.limit),
        };
        let value = json!({ "seconds": rates.seconds, "enis": rates.enis, "flows": rates.flows });
        // A screen is drawn anew; everywhere else one table follows the other.
        let clear = match output.format() == Format::Text && !arguments.once && std::io::stdout().is_terminal() {
            true => "\x1b[H\x1b[2J",
            false => "",
        };
        if !output.line(&format!("{clear}{text}"), &value)? || arguments.once {
            break;
        }
    }
    Ok(Outcome::Done)
}

/// Waits, unless somebody wishes to stop.
fn wait(seconds: f64, interrupted: &AtomicBool) -> bool {
    const MOMENT: Duration = Duration::from_millis(50);
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    while Instant::now() < until && !interrupted.load(Ordering::Relaxed) {
        thread::sleep(MOMENT.min(until.saturating_duration_since(Instant::now())));
    }
    !interrupted.load(Ordering::Relaxed)
}

fn eni_table(enis: &[EniRate], limit: usize) -> String {
    use Column::{Number, Text};
    let columns = [
        Text("INSTANCE"),
        Number("PACKETS/S"),
        Number("BITS/S"),
        Number("OPENED/S"),
        Number("DROPPED/S"),
        Number("CONNECTIONS"),
    ];
    let rows = enis.iter().take(limit).map(|eni| {
        [
            eni.end.instance.clone(),
            short(eni.packets_per_second),
            short(8.0 * eni.bytes_per_second),
            short(eni.opened_per_second),
            short(eni.drops_per_second),
            eni.live_connections.to_string(),
        ]
    });
    table(&columns, rows)
}

fn flow_table(flows: &[FlowRate], limit: usize) -> String {
    use Column::{Number, Text};
    let columns = [
        Text("FROM"),
        Text("TO"),
        Text("PROTOCOL"),
        Text("SOURCE"),
        Text("DESTINATION"),
        Number("PACKETS/S"),
        Number("BITS/S"),
    ];
    let rows = flows.iter().take(limit).map(|rate| {
        let (source, destination) = rate.flow.ends();
        [
            rate.flow.from.instance.clone(),
            rate.flow.to.instance.clone(),
            rate.flow.protocol.clone(),
            source,
            destination,
            short(rate.packets_per_second),
            short(8.0 * rate.bytes_per_second),
        ]
    });
    table(&columns, rows)
}

/// A number with three digits or so and the unit's letter.
fn short(number: f64) -> String {
    let (number, letter) = match number {
        _ if number >= 1e9 => (number / 1e9, "G"),
        _ if number >= 1e6 => (number / 1e6, "M"),
        _ if number >= 1e4 => (number / 1e3, "k"),
        _ => (number, ""),
    };
    match number {
        _ if letter.is_empty() && (number >= 10.0 || number.fract() == 0.0) => format!("{number:.0}"),
        _ => format!("{number:.1}{letter}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.5, 12.4, 9999.0, 12_345.0, 7_500_000.0, 1.25e10].map(short);
        assert_eq!(texts, ["0", "0.5", "12", "9999", "12.3k", "7.5M", "12.5G"]);
    }

    #[test]
    fn an_interval_is_neither_nothing_nor_endless() {
        assert_eq!(seconds("0.5"), Ok(0.5));
        assert!(
            ["0", "-1", "nan", "inf", "x"]
                .into_iter()
                .all(|text| seconds(text).is_err())
        );
    }
}
