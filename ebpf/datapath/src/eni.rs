//! ENIs: leaving from one, arriving at one, and who has an address (semantics 3.2, 4.2 steps 0 to 2, 4.3 steps 1 and
//! 2).

use crate::family::Family;
use crate::stages::Stages;
use crate::walk::Walk;
use crate::{Tables, TablesOf};
use groundplane_abi::eni::{AddressEntry, AddressKey, EniKey, MacKey, SubnetKey, eni_flag};
use groundplane_abi::nacl::direction;
use groundplane_abi::{Device, DropReason, GroupSetId, Mac, SubnetId, VpcId};

/// Where the walk begins: the ENI the packet leaves from, and its subnet.
#[inline(always)]
pub(crate) fn load_near<I: Family, T: Tables>(tables: &T, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    let device = walk.near_device;
    walk.near = tables.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    walk.vpc = walk.near.vpc;
    let subnet = walk.near.subnet;
    enter(tables, walk, subnet)
}

/// A packet leaves its ENI: who sent it, is it who it says, and is it for the platform itself.
pub fn leave<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let is_known = walk.is_mirrored != 0;
    if !is_known {
        load_near(tables, walk)?;
    }
    if walk.packet.src_mac != walk.near.mac {
        return Err(DropReason::SOURCE_MAC);
    }
    if I::is_link_local_service(&walk.packet, &walk.place) {
        return Err(DropReason::LINK_LOCAL_SERVICE);
    }
    I::check_addresses(&walk.packet, &walk.place)?;
    if !is_known {
        walk.source = owner(tables, walk, walk.packet.src).unwrap_or(Device::NONE);
    }
    let own = walk.source == walk.near_device;
    if !own && walk.near.flags & eni_flag::SOURCE_DEST_CHECK != 0 {
        return Err(DropReason::SOURCE_CHECK);
    }
    // An appliance that passes on somebody else's packet has no identity to give it (semantics 4.1).
    walk.identity = if own { walk.near.group_set } else { GroupSetId::NONE };
    if is_known { Ok(()) } else { find_owner(tables, walk) }
}

/// Who has the destination address in the VPC that the packet is in. Asked once in each: where the packet goes, and
/// whether it may, both depend on it.
#[inline(always)]
pub(crate) fn find_owner<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    walk.owner = owner(tables, walk, walk.packet.dst).unwrap_or(Device::NONE);
    if walk.owner != Device::NONE {
        let device = walk.owner;
        walk.far = tables.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    }
    Ok(())
}

/// The ENI of the walk's VPC that has an address.
pub(crate) fn owner<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>, address: I) -> Option<Device> {
    // By way of a device that is none, so that there is a value in any case: see `Verdict`.
    let device = held(tables, walk, walk.vpc, address).map_or(Device::NONE, |row| row.device);
    (device != Device::NONE).then_some(device)
}

/// Who has an address in a VPC; nothing if it isn't in any of the VPC's blocks.
#[inline(always)]
pub(crate) fn held<I: Family, T: TablesOf<I>>(
    tables: &T,
    walk: &Walk<I>,
    vpc: VpcId,
    address: I,
) -> Option<AddressEntry<I>> {
    let bank = walk.generation.bank();
    tables.address(&AddressKey { bank, vpc, address })
}

/// Where the packet goes without a look at NACLs and routes: to the ENI whose MAC the frame has (it is switched), or to
/// an ENI of the subnet it is in (semantics 4.2 step 4). Nothing means that it has to be routed.
pub(crate) fn same_subnet<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>) -> Result<Option<Device>, DropReason> {
    let bank = walk.generation.bank();
    // Whom a component sends to is for the platform to say.
    if walk.packet.dst_mac != Mac::ROUTER && walk.left == walk.near_device {
        let key = MacKey {
            bank,
            subnet: walk.place_id,
            mac: walk.packet.dst_mac,
            reserved: 0,
        };
        return tables.mac_owner(&key).map(Some).ok_or(DropReason::UNKNOWN_MAC);
    }
    let is_here = walk.owner != Device::NONE && walk.far.subnet == walk.place_id;
    Ok(is_here.then_some(walk.owner))
}

/// A packet arrives at an ENI: may it enter. The groups are asked afterwards.
pub(crate) fn arrive<I: Family, S: Stages<I>>(
    stages: &S,
    walk: &mut Walk<I>,
    device: Device,
) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    walk.far_device = device;
    walk.at = device;
    walk.direction = direction::INGRESS;
    if device != walk.owner {
        walk.far = stages.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
        if walk.far.flags & eni_flag::SOURCE_DEST_CHECK != 0 {
            return Err(DropReason::DESTINATION_CHECK);
        }
    }
    let is_entered = walk.far.subnet != walk.place_id;
    if is_entered {
        enter(stages, walk, walk.far.subnet)?;
    }
    // On the way to such an endpoint also inside a subnet (semantics 8, 16.4).
    if is_entered || walk.far.flags & eni_flag::INSPECTION != 0 {
        stages.judge_by_nacl(walk).check()?;
    }
    Ok(())
}

/// Goes to another subnet: its table and its NACL are asked from now on.
pub(crate) fn enter<I: Family, T: Tables>(tables: &T, walk: &mut Walk<I>, subnet: SubnetId) -> Result<(), DropReason> {
    let key = SubnetKey {
        bank: walk.generation.bank(),
        subnet,
    };
    walk.place = tables.subnet(&key).ok_or(DropReason::NO_SUBNET)?;
    walk.place_id = subnet;
    walk.depends_on(walk.place.scope);
    Ok(())
}
