//! What was dropped, and where, as the host tells it.

use crate::netns::Lab;
use crate::scenario::expected::{Dropped, INTERNET};
use crate::topology::Topology;
use anyhow::{Context as _, Result};
use groundplane::install::Datapath;
use groundplane::resources::{InterfaceType, NetworkInterface};
use groundplane_abi::DropReason;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Packets by ENI, or [`INTERNET`], by reason, and by rule of a NACL.
#[derive(Debug, Default)]
pub(super) struct Drops(BTreeMap<(String, u16, Option<String>), u64>);

impl Drops {
    pub(super) fn of(lab: &Lab, topology: &Topology) -> Result<Self> {
        let mut drops = Self::default();
        for eni in lab.status()?["enis"].as_array().context("status lists ENIs")? {
            let name = eni["name"].as_str().context("an ENI has a name")?;
            for drop in eni["drops"].as_array().context("an ENI lists its drops")? {
                drops.add_told(name, drop)?;
            }
        }
        drops.add_gateways(lab, topology)?;
        Ok(drops)
    }

    fn add_told(&mut self, name: &str, drop: &Value) -> Result<()> {
        let number = drop["number"].as_u64().context("a reason has a number")?;
        let rule = drop["rule"]["network_acl"]["entry"].as_str().map(str::to_owned);
        let packets = drop["packets"].as_u64().context("drops are counted")?;
        self.add((name.to_owned(), u16::try_from(number)?, rule), packets);
        Ok(())
    }

    fn add(&mut self, what: (String, u16, Option<String>), packets: u64) {
        *self.0.entry(what).or_default() += packets;
    }

    /// Of gateways `status` doesn't tell the rule.
    fn add_gateways(&mut self, lab: &Lab, topology: &Topology) -> Result<()> {
        let datapath = Datapath::open(&lab.pin_dir())?;
        for (device, counters) in datapath.counters()? {
            let Some(name) = datapath.gateway(device)? else {
                continue;
            };
            for (cause, counter) in counters.drops {
                let rule = match cause.rule {
                    0 => None,
                    32767 | 32768 => Some("*".to_owned()),
                    number => Some(number.to_string()),
                };
                self.add((place(&name, topology), cause.reason.0, rule), counter.packets);
            }
        }
        Ok(())
    }

    /// How many packets were dropped like this.
    pub(super) fn matching(&self, dropped: &Dropped) -> u64 {
        let those = self.0.iter().filter(|((at, reason, rule), _)| {
            at == dropped.at && dropped.is_told_by(DropReason(*reason)) && is_rule(dropped.rule, rule.as_deref())
        });
        those.map(|(_, packets)| packets).sum()
    }
}

/// What a scenario calls whoever isn't a guest: what AWS has made is told by its address.
fn place(told: &str, topology: &Topology) -> String {
    let kinds = [
        ("NAT gateway ", InterfaceType::NatGateway),
        ("load balancer ", InterfaceType::NetworkLoadBalancer),
        ("load balancer ", InterfaceType::GatewayLoadBalancer),
        ("endpoint ", InterfaceType::VpcEndpoint),
        ("endpoint ", InterfaceType::GatewayLoadBalancerEndpoint),
        ("VPC link ", InterfaceType::ApiGatewayManaged),
    ];
    let found = kinds.into_iter().filter_map(|(name, kind)| {
        let address = told.strip_prefix(name)?.parse::<IpAddr>().ok()?;
        Some((kind, address))
    });
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return INTERNET.to_owned();
    }
    let mut enis = topology.resources.network_interfaces.iter();
    let is_it = |eni: &&NetworkInterface| {
        let mut found = found.iter();
        found.any(|(kind, address)| eni.interface_type == *kind && eni.has(*address))
    };
    enis.find(is_it).map_or_else(|| told.to_owned(), |eni| eni.name.clone())
}

fn is_rule(expected: Option<u16>, told: Option<&str>) -> bool {
    match expected {
        None => true,
        Some(32767 | 32768) => told == Some("*"),
        Some(number) => told == Some(&*number.to_string()),
    }
}
