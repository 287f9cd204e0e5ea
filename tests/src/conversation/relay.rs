//! What a middlebox does.

use crate::appliance::GENEVE;
use crate::packet::{Parsed, ROUTER};
use crate::topology::Topology;
use groundplane::resources::{NetworkInterface, TargetGroup};
use groundplane_abi::Device;
use std::net::IpAddr;
use std::ops::Range;

const UDP: u8 = 17;
/// Where in a frame the outer addresses of IPv4 are.
const OUTER: Range<usize> = 26..34;

/// The frame as a middlebox sends it on to the router, if the ENI on `device` is one and the packet isn't its own. An
/// appliance of a Gateway Load Balancer sends back what it gets.
#[must_use]
pub fn relay(topology: &Topology, device: Device, frame: &[u8]) -> Option<Vec<u8>> {
    let eni = eni_on(topology, device)?;
    let mut onward = frame.to_vec();
    onward.get_mut(..6)?.copy_from_slice(&ROUTER);
    onward.get_mut(6..12)?.copy_from_slice(&eni.mac_address.0);
    if eni.has(destination(frame)?) {
        let parsed = Parsed::read(frame).ok()?;
        if !is_appliance(topology, eni) || (parsed.protocol, parsed.ports.1) != (UDP, GENEVE) {
            return None;
        }
        // A checksum doesn't tell which address is which.
        onward.get_mut(OUTER)?.rotate_left(4);
        return Some(onward);
    }
    (!eni.source_dest_check).then_some(onward)
}

/// Whether whoever is on a device is an appliance.
#[must_use]
pub fn is_appliance_on(topology: &Topology, device: Device) -> bool {
    eni_on(topology, device).is_some_and(|eni| is_appliance(topology, eni))
}

fn eni_on(topology: &Topology, device: Device) -> Option<&NetworkInterface> {
    let id = topology.eni_on(device)?;
    let mut enis = topology.resources.network_interfaces.iter();
    enis.find(|eni| eni.network_interface_id == id)
}

/// Whether an ENI is registered for what goes by a Gateway Load Balancer.
pub(crate) fn is_appliance(topology: &Topology, eni: &NetworkInterface) -> bool {
    let groups = topology.resources.target_groups.iter();
    let mut groups = groups.filter(|group| group.protocol.as_deref() == Some("GENEVE"));
    let is_registered = |group: &TargetGroup| {
        let mut targets = group.target_health_descriptions.iter();
        targets.any(|it| match it.target.id.parse::<IpAddr>() {
            Ok(address) => group.vpc_id.as_ref() == Some(&eni.vpc_id) && eni.has(address),
            Err(_) => it.target.id == eni.network_interface_id,
        })
    };
    groups.any(is_registered)
}

fn destination(frame: &[u8]) -> Option<IpAddr> {
    match frame.get(12..14)? {
        [0x08, 0x00] => Some(<[u8; 4]>::try_from(frame.get(30..34)?).ok()?.into()),
        [0x86, 0xdd] => Some(<[u8; 16]>::try_from(frame.get(38..54)?).ok()?.into()),
        _ => None,
    }
}
