//! What a middlebox does.

use crate::packet::ROUTER;
use crate::topology::Topology;
use groundplane_abi::Device;
use std::net::IpAddr;

/// The frame as a middlebox sends it on to the router, if the ENI on `device` is one and the packet isn't its own.
#[must_use]
pub fn relay(topology: &Topology, device: Device, frame: &[u8]) -> Option<Vec<u8>> {
    let id = topology.eni_on(device)?;
    let mut enis = topology.resources.network_interfaces.iter();
    let eni = enis.find(|eni| eni.network_interface_id == id)?;
    if eni.source_dest_check || eni.has(destination(frame)?) {
        return None;
    }
    let mut frame = frame.to_vec();
    frame.get_mut(..6)?.copy_from_slice(&ROUTER);
    frame.get_mut(6..12)?.copy_from_slice(&eni.mac_address.0);
    Some(frame)
}

fn destination(frame: &[u8]) -> Option<IpAddr> {
    match frame.get(12..14)? {
        [0x08, 0x00] => Some(<[u8; 4]>::try_from(frame.get(30..34)?).ok()?.into()),
        [0x86, 0xdd] => Some(<[u8; 16]>::try_from(frame.get(38..54)?).ok()?.into()),
        _ => None,
    }
}
