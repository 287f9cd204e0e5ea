//! Trying a network out: real tools inside the guests ask who reaches whom, and the kernel's counters say why not.

mod admission;
mod attempt;
mod case;
mod outside;
mod process;
mod report;
mod server;
mod way;

pub use report::{Report, Row};

use crate::install::error::{Error, Result};
use crate::install::kernel::{Counters, Datapath};
use crate::install::netlink::Netlink;
use crate::install::probe_directory;
use crate::install::state::State;
use crate::install::uplink::UplinkState;
use crate::resources::Resources;
use attempt::{Got, ask};
use case::{Case, Expected, Gateway, Host, Party, Source, Target, What, choose, parties};
use groundplane_abi::{Device, DropReason};
use server::Servers;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use way::Way;

/// Probes a deployment that is up. Nothing is sent but inside its namespaces and on its devices.
pub fn run(
    resources: &Resources,
    state: &State,
    state_dir: &Path,
    progress: &dyn Fn(&str),
    interrupted: &AtomicBool,
) -> Result<Report> {
    let datapath = Datapath::open(&state.pins)?;
    let netlink = Netlink::open()?;
    let parties = parties(resources, &state.guests);
    let host = Host {
        addresses: &host_addresses(&netlink)?,
        uplink: state.uplinks.iter().find_map(UplinkState::host_address),
    };
    let cases = choose(resources, &parties, host);
    let _servers = start_servers(&cases, state_dir)?;
    let prober = Prober { datapath, netlink };
    let mut rows = Vec::new();
    for case in &cases {
        if interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        progress(&format!(
            "probing {} of {}: {}",
            rows.len() + 1,
            cases.len(),
            question(case)
        ));
        rows.push(prober.probe(case)?);
    }
    let taps = parties.iter().filter(|party| party.namespace().is_none());
    Ok(Report {
        rows,
        not_probed: taps.map(Party::identity).collect(),
    })
}

/// Addresses that a guest could mean by the host: not loopback, which in a guest is the guest's own.
fn host_addresses(netlink: &Netlink) -> Result<Vec<Ipv4Addr>> {
    let mut addresses = netlink.addresses()?;
    addresses.retain(|address| !address.is_loopback() && !address.is_link_local());
    Ok(addresses)
}

/// Servers in every guest that is asked something, and in those that might answer in its place.
fn start_servers(cases: &[Case<'_>], state_dir: &Path) -> Result<Servers> {
    let mut servers = Servers::new(probe_directory(state_dir))?;
    let (mut web, mut streams) = (BTreeSet::new(), BTreeSet::new());
    for case in cases {
        let (Target::Guest(named) | Target::Public(named, _)) = case.to else {
            continue;
        };
        let answering = match case.expected {
            Expected::Answer(party, _) => party,
            Expected::Dropped | Expected::Refused(_) | Expected::Across(_) => named,
        };
        for party in [named, answering] {
            let Some(namespace) = party.namespace() else { continue };
            if case.what == What::Http && web.insert(namespace) {
                servers.start_nginx(namespace, &party.identity())?;
            }
            if case.what == What::Stream && streams.insert(namespace) {
                servers.start_iperf3(namespace)?;
            }
        }
    }
    Ok(servers)
}

struct Prober {
    datapath: Datapath,
    netlink: Netlink,
}

impl Prober {
    fn probe(&self, case: &Case<'_>) -> Result<Row> {
        let before = self.datapath.counters()?;
        let got = ask(case);
        let after = self.datapath.counters()?;
        let (as_expected, why) = self.judge(case, &got, &before, &after)?;
        Ok(Row {
            from: source(case.from),
            to: target(case),
            what: what(case.what),
            expected: expected(case),
            got: match &got {
                Got::Answer { detail, .. } => detail.clone(),
                Got::Silence => "nothing comes back".to_owned(),
                Got::Failed(error) => format!("could not be tried: {error}"),
            },
            why,
            as_expected,
        })
    }

    /// Whether the answer is right, and what the counters say of it.
    fn judge(&self, case: &Case<'_>, got: &Got, before: &Counters, after: &Counters) -> Result<(bool, String)> {
        let judging = self.judging(case)?;
        let most = |wanted: &dyn Fn(DropReason) -> bool| most_dropped(&judging, before, after, wanted);
        let dropped = most(&|_| true);
        match (case.expected, got) {
            (Expected::Answer(party, way), Got::Answer { who, .. }) => {
                let right = who.as_ref().is_none_or(|who| *who == party.identity());
                let (took_it, words) = self.way(&way, before, after)?;
                let words = match case.to {
                    Target::Guest(named) if !party.is(&named) => format!("both have the address; {words}"),
                    _ => words,
                };
                Ok((right && took_it, words))
            }
            (Expected::Across(gateway), Got::Answer { who, .. }) => {
                let right = match (who, case.to) {
                    (Some(who), Target::Public(named, _)) => *who == named.identity(),
                    _ => true,
                };
                Ok((right, gateway_words(gateway).to_owned()))
            }
            (Expected::Dropped | Expected::Refused(_), Got::Silence) => {
                let wanted = most(&|reason| is_wanted(case.expected, case.what, reason));
                Ok((
                    wanted.is_some(),
                    wanted
                        .or(dropped)
                        .map_or_else(|| "no drop was counted".to_owned(), reason_words),
                ))
            }
            _ => Ok((false, dropped.map_or_else(String::new, reason_words))),
        }
    }

    /// The devices at which a drop may be counted: of a guest that asks, or is asked by the host; and, where rules
    /// decide, of all that the packets may reach.
    fn judging(&self, case: &Case<'_>) -> Result<Vec<Device>> {
        let mut parties = match (case.from, case.to) {
            (Source::Guest(party), _) | (Source::Host, Target::Guest(party) | Target::Public(party, _)) => vec![party],
            (Source::Host, Target::Host(_) | Target::Uplink(_)) => Vec::new(),
        };
        if let (Expected::Refused(way), Target::Guest(to)) = (case.expected, case.to) {
            parties.push(to);
            parties.extend(way.middlebox());
        }
        parties.iter().map(|party| self.device(party)).collect()
    }

    /// Whether packets went the way they should, and its name.
    fn way(&self, way: &Way<'_>, before: &Counters, after: &Counters) -> Result<(bool, String)> {
        match way {
            Way::SameSubnet => Ok((true, "same subnet".to_owned())),
            Way::AcrossSubnets => Ok((true, "local route".to_owned())),
            Way::Through(middlebox) => {
                let device = self.device(middlebox)?;
                let sent = |counters: &Counters| counters.get(&device).map_or(0, |eni| eni.sent.packets);
                let passed_on = sent(after).saturating_sub(sent(before));
                let name = middlebox.identity();
                Ok((
                    passed_on > 0,
                    format!("through {name}, which passed on {passed_on} packets"),
                ))
            }
        }
    }

    fn device(&self, party: &Party<'_>) -> Result<Device> {
        self.netlink.get(&party.guest.device)?.device(&party.guest.device)
    }
}

/// What rules refuse must be dropped by a rule, and forged packets for being forged. For the rest any reason will do
/// but those of packets that no probe sends: a guest may have more to say meanwhile.
fn is_wanted(expected: Expected<'_>, what: What, reason: DropReason) -> bool {
    match (expected, what) {
        (Expected::Refused(_), _) => [
            DropReason::GROUP_EGRESS,
            DropReason::GROUP_INGRESS,
            DropReason::NACL_EGRESS,
            DropReason::NACL_INGRESS,
        ]
        .contains(&reason),
        (_, What::Spoof(_)) => reason == DropReason::SOURCE_CHECK,
        _ => ![DropReason::NO_IPV6, DropReason::NOT_IP, DropReason::MULTICAST].contains(&reason),
    }
}

/// Among some reasons, the one for which packets were dropped most at one of these devices meanwhile, and how many
/// were.
fn most_dropped(
    devices: &[Device],
    before: &Counters,
    after: &Counters,
    among: impl Fn(DropReason) -> bool,
) -> Option<(DropReason, u64)> {
    let dropped =
        |counters: &Counters, device, reason| counters.get(device).map_or(0, |eni| eni.dropped(reason).packets);
    let enis = devices.iter().filter_map(|device| Some((device, after.get(device)?)));
    let new = enis.flat_map(|(device, eni)| {
        eni.drops.keys().map(move |cause| {
            let reason = cause.reason;
            let (before, after) = (dropped(before, device, reason), dropped(after, device, reason));
            (reason, after.saturating_sub(before))
        })
    });
    new.filter(|(reason, packets)| *packets > 0 && among(*reason))
        .max_by_key(|(_, packets)| *packets)
}

fn reason_words((reason, packets): (DropReason, u64)) -> String {
    let meaning = reason.describe().map_or("", |description| description.meaning);
    format!("{packets} × {reason}: {meaning}")
}

fn question(case: &Case<'_>) -> String {
    format!("{} from {} to {}", what(case.what), source(case.from), target(case))
}

fn source(source: Source<'_>) -> String {
    match source {
        Source::Guest(party) => party.identity(),
        Source::Host => "the host".to_owned(),
    }
}

fn target(case: &Case<'_>) -> String {
    match case.to {
        Target::Guest(party) => match party.address_of(case.what.family()) {
            Some(address) => format!("{} {address}", party.identity()),
            None => party.identity(),
        },
        Target::Host(address) | Target::Uplink(address) => format!("the host {address}"),
        Target::Public(party, address) => format!("{} {address}", party.identity()),
    }
}

const fn gateway_words(gateway: Gateway) -> &'static str {
    match gateway {
        Gateway::Internet => "internet gateway",
        Gateway::Nat => "NAT gateway",
    }
}

fn what(what: What) -> String {
    match what {
        What::Ping | What::Ping6 => "ping".to_owned(),
        What::Http => "HTTP".to_owned(),
        What::Stream => "TCP stream".to_owned(),
        What::Spoof(source) => format!("ping as {source}"),
    }
}

fn expected(case: &Case<'_>) -> String {
    match (case.expected, case.to) {
        (Expected::Dropped, _) => "dropped".to_owned(),
        (Expected::Refused(_), _) => "refused by a rule".to_owned(),
        (Expected::Answer(party, _), Target::Guest(named)) if party.is(&named) => "answers".to_owned(),
        (Expected::Across(_), _) => "answers".to_owned(),
        (Expected::Answer(party, _), _) => format!("{} answers", party.identity()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::kernel::{DropCause, EniCounters};
    use groundplane_abi::eni::Counter;

    const DEVICE: Device = Device(7);

    fn counters(drops: &[(DropReason, u64)]) -> Counters {
        let drops = drops
            .iter()
            .map(|&(reason, ref packets)| {
                (
                    DropCause { reason, rule: 0 },
                    Counter {
                        packets: *packets,
                        bytes: 0,
                    },
                )
            })
            .collect();
        Counters::from([(
            DEVICE,
            EniCounters {
                drops,
                ..EniCounters::default()
            },
        )])
    }

    #[test]
    fn the_reason_is_the_one_that_grew_most() {
        let before = counters(&[(DropReason::NO_IPV6, 90), (DropReason::NO_ROUTE, 1)]);
        let after = counters(&[
            (DropReason::NO_IPV6, 91),
            (DropReason::NO_ROUTE, 4),
            (DropReason::MULTICAST, 1),
        ]);
        let any = |_| true;
        assert_eq!(
            most_dropped(&[DEVICE], &before, &after, any),
            Some((DropReason::NO_ROUTE, 3))
        );
        assert_eq!(most_dropped(&[DEVICE], &after, &after, any), None);
        assert_eq!(most_dropped(&[Device(8)], &before, &after, any), None);
    }

    #[test]
    fn noise_of_a_guest_is_not_the_reason() {
        let after = counters(&[
            (DropReason::NO_IPV6, 90),
            (DropReason::NO_ROUTE, 5),
            (DropReason::SOURCE_CHECK, 3),
        ]);
        let reason = |expected, what| {
            most_dropped(&[DEVICE], &Counters::new(), &after, |reason| {
                is_wanted(expected, what, reason)
            })
        };
        assert_eq!(reason(Expected::Dropped, What::Ping), Some((DropReason::NO_ROUTE, 5)));
        let forged = What::Spoof(Ipv4Addr::new(10, 0, 2, 10));
        assert_eq!(reason(Expected::Dropped, forged), Some((DropReason::SOURCE_CHECK, 3)));
        assert_eq!(reason(Expected::Refused(Way::SameSubnet), What::Ping), None);
    }
}
