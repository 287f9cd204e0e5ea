//! NAT gateways (semantics 10): their addresses. Their ENIs are compiled like all others.

use super::Plan;
use super::lookup::Lookup;
use super::objects::Objects;
use crate::resources::InterfaceType;
use groundplane_abi::eni::EniKey;
use groundplane_abi::nat::{NAT_ADDRESSES, NatEntry};
use groundplane_abi::{Bank, Ip4};

pub(super) fn compile(lookup: &Lookup<'_>, vpc: &Objects<'_>, plan: &mut Plan) {
    let gateways = vpc.network_interfaces.iter();
    for eni in gateways.filter(|eni| eni.interface_type == InterfaceType::NatGateway) {
        let Some(binding) = lookup.binding(&eni.network_interface_id) else {
            continue;
        };
        let mut entry = NatEntry::default();
        for (place, &address) in entry.addresses.iter_mut().zip(&eni.private_ip_addresses) {
            *place = Ip4::from(address);
        }
        let len = u32::try_from(eni.private_ip_addresses.len()).unwrap_or(NAT_ADDRESSES);
        entry.len = len.min(NAT_ADDRESSES);
        let (bank, device) = (Bank(0), binding.device);
        plan.ip4.nats.insert(EniKey { bank, device }, entry);
    }
}
