//! ENIs: leaving from one, arriving at one, and who has an address (semantics 3.2, 4.2 steps 0 to 2, 4.3 steps 1 and 2).

use crate::Tables;
use crate::stages::Stages;
use crate::walk::Walk;
use groundplane_abi::control::Generation;
use groundplane_abi::eni::{AddressKey, EniEntry, EniKey, MacKey, SubnetEntry, SubnetKey, eni_flag};
use groundplane_abi::nacl::direction;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, Ip4, Mac, SubnetId};

/// An ENI and the subnet it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaveFrom {
    pub(crate) eni: EniEntry,
    pub(crate) place: SubnetEntry,
}

impl LeaveFrom {
    pub(crate) fn load<T: Tables>(tables: &T, generation: Generation, device: Device) -> Result<Self, DropReason> {
        let bank = generation.bank();
        let eni = tables.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
        let place = tables
            .subnet(&SubnetKey {
                bank,
                subnet: eni.subnet,
            })
            .ok_or(DropReason::NO_SUBNET)?;
        Ok(Self { eni, place })
    }
}

/// The subnet's base+1, the implicit router.
pub(crate) const fn router_address(place: &SubnetEntry) -> Ip4 {
    Ip4::from_bits(place.network.to_bits().wrapping_add(1))
}

/// A packet leaves its ENI: who sent it, is it who it says, and is it for the platform itself.
pub fn leave<T: Tables>(tables: &T, walk: &mut Walk) -> Result<(), DropReason> {
    let from = LeaveFrom::load(tables, walk.generation, walk.near_device)?;
    walk.near = from.eni;
    walk.place_id = from.eni.subnet;
    walk.place = from.place;
    let packet = &walk.packet;
    if packet.src_mac != from.eni.mac {
        return Err(DropReason::SOURCE_MAC);
    }
    if is_link_local_service(packet.dst, packet.protocol, packet.dst_port.get(), &from.place) {
        return Err(DropReason::LINK_LOCAL_SERVICE);
    }
    check_addresses(packet.src, packet.dst, packet.dst_mac)?;
    let own = owner(tables, walk, packet.src) == Some(walk.near_device);
    if !own && from.eni.flags & eni_flag::SOURCE_DEST_CHECK != 0 {
        return Err(DropReason::SOURCE_CHECK);
    }
    // An appliance that passes on somebody else's packet has no identity to give it (semantics 4.1).
    walk.identity = if own { walk.near_device } else { Device::NONE };
    Ok(())
}

/// Services that bypass groups, NACLs and routes (semantics 3.3).
fn is_link_local_service(dst: Ip4, protocol: u8, dst_port: u16, place: &SubnetEntry) -> bool {
    const LINK_LOCAL: Ip4 = Ip4([169, 254, 0, 0]);
    const DHCP_SERVER: u16 = 67;
    dst.is_in(LINK_LOCAL, 16)
        || dst == router_address(place)
        || dst == place.resolver
        || dst == Ip4::BROADCAST && protocol == protocol::UDP && dst_port == DHCP_SERVER
}

/// A VPC has no broadcast and no multicast, and some addresses nobody can have (RFC 1122 section 3.2.1.3).
fn check_addresses(src: Ip4, dst: Ip4, dst_mac: Mac) -> Result<(), DropReason> {
    if dst_mac.is_multicast() || dst.is_in(Ip4([224, 0, 0, 0]), 4) || dst == Ip4::BROADCAST {
        return Err(DropReason::MULTICAST);
    }
    let unusable = |address: Ip4| address.0[0] == 0 || address.0[0] == 127 || address.0[0] >= 240;
    if unusable(src) || unusable(dst) || src.is_in(Ip4([224, 0, 0, 0]), 4) {
        return Err(DropReason::UNUSABLE_ADDRESS);
    }
    Ok(())
}

/// The ENI of the walk's VPC that has an address.
pub(crate) fn owner<T: Tables>(tables: &T, walk: &Walk, address: Ip4) -> Option<Device> {
    tables.owner(&AddressKey {
        bank: walk.generation.bank(),
        vpc: walk.near.vpc,
        address,
    })
}

/// Where the packet goes without a look at NACLs and routes: to the ENI whose MAC the frame has (it is switched), or to
/// an ENI of the subnet it is in (semantics 4.2 step 4). Nothing means that it has to be routed.
pub(crate) fn same_subnet<T: Tables>(tables: &T, walk: &Walk) -> Result<Option<Device>, DropReason> {
    let bank = walk.generation.bank();
    if walk.packet.dst_mac != Mac::ROUTER {
        let key = MacKey {
            bank,
            subnet: walk.place_id,
            mac: walk.packet.dst_mac,
            reserved: 0,
        };
        return tables.mac_owner(&key).map(Some).ok_or(DropReason::UNKNOWN_MAC);
    }
    let Some(device) = owner(tables, walk, walk.packet.dst) else {
        return Ok(None);
    };
    let eni = tables.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    Ok((eni.subnet == walk.place_id).then_some(device))
}

/// A packet arrives at an ENI: may it enter. The groups are asked afterwards.
pub(crate) fn arrive<S: Stages>(stages: &S, walk: &mut Walk, device: Device) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    walk.far_device = device;
    walk.far = stages.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    let checked = walk.far.flags & eni_flag::SOURCE_DEST_CHECK != 0;
    if checked && owner(stages, walk, walk.packet.dst) != Some(device) {
        return Err(DropReason::DESTINATION_CHECK);
    }
    if walk.far.subnet != walk.place_id {
        enter(stages, walk, walk.far.subnet)?;
        walk.direction = direction::INGRESS;
        stages.judge_by_nacl(walk).check()?;
    }
    Ok(())
}

/// Goes to another subnet: its table and its NACL are asked from now on.
pub(crate) fn enter<T: Tables>(tables: &T, walk: &mut Walk, subnet: SubnetId) -> Result<(), DropReason> {
    let key = SubnetKey {
        bank: walk.generation.bank(),
        subnet,
    };
    walk.place = tables.subnet(&key).ok_or(DropReason::NO_SUBNET)?;
    walk.place_id = subnet;
    Ok(())
}
