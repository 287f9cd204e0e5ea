//! Who sends most just now: counters read twice, and what they gained in between.

use crate::flows::{self, Who};
use crate::flows::{Connections, Endpoint, Flow, FlowSelector};
use crate::install::Error;
use crate::install::kernel::{Counters, Datapath, EniCounters};
use crate::install::{self, store};
use groundplane_abi::Device;
use serde::Serialize;
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What an interval brought, the busiest first. Field names are part of the command's output.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    /// How long the interval was.
    pub seconds: f64,
    pub enis: Vec<EniRate>,
    pub flows: Vec<FlowRate>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EniRate {
    #[serde(flatten)]
    pub end: Endpoint,
    /// What it sent and was delivered.
    pub packets_per_second: f64,
    pub bytes_per_second: f64,
    /// Connections it opened.
    pub opened_per_second: f64,
    /// Packets dropped at it.
    pub drops_per_second: f64,
    pub live_connections: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlowRate {
    #[serde(flatten)]
    pub flow: Flow,
    /// Both ways.
    pub packets_per_second: f64,
    pub bytes_per_second: f64,
}

/// What tells a connection from others; ICMP's is its identifier.
type Key = (String, String, IpAddr, IpAddr, Option<u16>, Option<u16>);

/// Reads counters again and again.
#[derive(Debug)]
pub struct Sampler {
    state_dir: PathBuf,
    with_flows: bool,
    read: Instant,
    counters: Counters,
    flows: HashMap<Key, (u64, u64)>,
}

impl Sampler {
    /// Reads them for the first time. Nothing is up: an error.
    pub fn open(state_dir: &Path, with_flows: bool) -> Result<Self, flows::Error> {
        let mut sampler = Self {
            state_dir: state_dir.to_owned(),
            with_flows,
            read: Instant::now(),
            counters: Counters::new(),
            flows: HashMap::new(),
        };
        sampler.sample()?;
        Ok(sampler)
    }

    /// What they gained since they were read last.
    pub fn sample(&mut self) -> Result<Rates, flows::Error> {
        let now = Instant::now();
        let seconds = now.duration_since(self.read).as_secs_f64().max(1e-3);
        let mut rates = Rates {
            seconds,
            ..Rates::default()
        };
        if self.with_flows {
            rates.flows = self.flows(seconds)?;
        } else {
            rates.enis = self.enis(seconds)?;
        }
        self.read = now;
        Ok(rates)
    }

    fn enis(&mut self, seconds: f64) -> install::Result<Vec<EniRate>> {
        // Anew each time: guests may have come and gone.
        let state = store::read(&self.state_dir)?.ok_or(Error::NothingUp)?;
        let who = Who::of(&state)?;
        let counters = Datapath::open(&state.pins)?.counters()?;
        let mut rates: Vec<_> = counters
            .iter()
            .filter(|(device, _)| who.guest(**device).is_some())
            .map(|(device, after)| EniRate::of(*device, self.counters.get(device), after, seconds, &who))
            .collect();
        rates.sort_by(|a, b| b.packets_per_second.total_cmp(&a.packets_per_second));
        self.counters = counters;
        Ok(rates)
    }

    fn flows(&mut self, seconds: f64) -> Result<Vec<FlowRate>, flows::Error> {
        let mut rates = Vec::new();
        let mut read = HashMap::new();
        let connections = Connections::open(&self.state_dir)?;
        connections.each(&FlowSelector::default(), |flow| {
            let key = key(&flow);
            let total = (flow.packets + flow.reply_packets, flow.bytes + flow.reply_bytes);
            let before = self.flows.get(&key).copied().unwrap_or_default();
            read.insert(key, total);
            if total != before {
                rates.push(FlowRate {
                    flow,
                    packets_per_second: gained(before.0, total.0) / seconds,
                    bytes_per_second: gained(before.1, total.1) / seconds,
                });
            }
            ControlFlow::Continue(())
        })?;
        rates.sort_by(|a, b| b.bytes_per_second.total_cmp(&a.bytes_per_second));
        self.flows = read;
        Ok(rates)
    }
}

impl EniRate {
    fn of(device: Device, before: Option<&EniCounters>, after: &EniCounters, seconds: f64, who: &Who) -> Self {
        let none = EniCounters::default();
        let before = before.unwrap_or(&none);
        Self {
            end: who.endpoint(device),
            packets_per_second: gained(before.sent.packets, after.sent.packets) / seconds,
            bytes_per_second: gained(before.sent.bytes, after.sent.bytes) / seconds,
            opened_per_second: gained(before.opened, after.opened) / seconds,
            drops_per_second: gained(drops(before), drops(after)) / seconds,
            live_connections: after.live,
        }
    }
}

fn drops(counters: &EniCounters) -> u64 {
    counters.drops.values().map(|counter| counter.packets).sum()
}

/// What a counter gained. A connection that ends while counters are read may be seen in neither of two places.
fn gained(before: u64, after: u64) -> f64 {
    after.saturating_sub(before) as f64
}

fn key(flow: &Flow) -> Key {
    let from = flow.from.instance.clone();
    let (first, second) = match flow.icmp_identifier {
        Some(identifier) => (Some(identifier), None),
        None => (flow.source_port, flow.destination_port),
    };
    (
        from,
        flow.protocol.clone(),
        flow.source,
        flow.destination,
        first,
        second,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::eni::Counter;

    fn counters(packets: u64, opened: u64) -> EniCounters {
        let sent = Counter {
            packets,
            bytes: 100 * packets,
        };
        EniCounters {
            sent,
            opened,
            live: 3,
            ..EniCounters::default()
        }
    }

    #[test]
    fn a_rate_is_what_was_gained_in_a_second_and_never_negative() {
        let who = Who::default();
        let rate = EniRate::of(Device(7), Some(&counters(100, 10)), &counters(300, 10), 2.0, &who);
        assert_eq!((rate.packets_per_second, rate.bytes_per_second), (100.0, 10_000.0));
        assert_eq!((rate.opened_per_second, rate.live_connections), (0.0, 3));
        let rate = EniRate::of(Device(7), Some(&counters(100, 10)), &counters(99, 12), 1.0, &who);
        assert_eq!((rate.packets_per_second, rate.opened_per_second), (0.0, 2.0));
    }
}
