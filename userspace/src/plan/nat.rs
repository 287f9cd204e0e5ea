//! NAT gateways (semantics 10): their addresses. Their ENIs are compiled like all others.

use super::Plan;
use super::lookup::Lookup;
use super::objects::Objects;
use crate::resources::InterfaceType;
use groundplane_abi::eni::EniKey;
use groundplane_abi::nat::{NAT_ADDRESSES, NatEntry};
use groundplane_abi::{Bank, Ip, Ip4};
use groundplane_datapath::nat64::in_ip6;

pub(super) fn compile(lookup: &Lookup<'_>, vpc: &Objects<'_>, plan: &mut Plan) {
    let gateways = vpc.network_interfaces.iter();
    for eni in gateways.filter(|eni| eni.interface_type == InterfaceType::NatGateway) {
        let Some(binding) = lookup.binding(&eni.network_interface_id) else {
            continue;
        };
        let (bank, device) = (Bank(0), binding.device);
        let addresses: Vec<_> = eni.private_ip_addresses.iter().copied().map(Ip4::from).collect();
        plan.ip4.nats.insert(EniKey { bank, device }, entry(&addresses));
        // By these it is known to IPv6 (semantics 10.8).
        let addresses: Vec<_> = addresses.into_iter().map(in_ip6).collect();
        plan.ip6.nats.insert(EniKey { bank, device }, entry(&addresses));
    }
}

pub(super) fn entry<I: Ip>(addresses: &[I]) -> NatEntry<I> {
    let mut entry = NatEntry::default();
    for (place, &address) in entry.addresses.iter_mut().zip(addresses) {
        *place = address;
    }
    let len = u32::try_from(addresses.len()).unwrap_or(NAT_ADDRESSES);
    entry.len = len.min(NAT_ADDRESSES);
    entry
}
