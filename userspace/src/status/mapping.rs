//! NAT gateways and load balancers as `status` tells of them: how many connections each of their addresses has to whom.

use crate::flows::protocol_name;
use crate::install::error::Result;
use crate::install::kernel::Datapath;
use groundplane_abi::Ip4;
use groundplane_abi::flow::FlowKey;
use groundplane_abi::nat::MAPPINGS;
use groundplane_abi::wire::protocol;
use serde::Serialize;
use std::cmp::Reverse;
use std::net::Ipv4Addr;

/// So many destinations are told of, the busiest ones.
const TOLD: usize = 16;

/// What an address of a NAT gateway or of a load balancer's node has to one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappingStatus {
    pub gateway: String,
    pub address: Ipv4Addr,
    pub protocol: String,
    pub destination: Ipv4Addr,
    pub destination_port: Option<u16>,
    pub mappings: u64,
    /// Where new ones are dropped as `NatPortsExhausted` or `BalancerPortsExhausted`.
    pub most: u32,
}

pub(super) fn busiest(datapath: &Datapath) -> Result<Vec<MappingStatus>> {
    let mut counts = datapath.mapping_counts()?;
    counts.sort_by_key(|(key, count)| (Reverse(*count), *key));
    let named = counts.into_iter().filter_map(|(key, mappings)| {
        // Whoever has no name is gone, or lets clients keep their own ports, of which none run out.
        let gateway = datapath.gateway(key.device()).transpose()?;
        Some(gateway.map(|gateway| MappingStatus::new(gateway, &key, mappings)))
    });
    named.take(TOLD).collect()
}

impl MappingStatus {
    fn new(gateway: String, key: &FlowKey<Ip4>, mappings: u64) -> Self {
        let has_port = matches!(key.protocol(), protocol::TCP | protocol::UDP);
        Self {
            gateway,
            address: key.dst().into(),
            protocol: protocol_name(key.protocol()),
            destination: key.src().into(),
            destination_port: has_port.then(|| key.src_port().get()),
            mappings,
            most: MAPPINGS,
        }
    }

    /// The destination as people write it.
    pub(super) fn whom(&self) -> String {
        match self.destination_port {
            Some(port) => format!("{}:{port}", self.destination),
            None => self.destination.to_string(),
        }
    }
}
