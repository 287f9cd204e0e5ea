//! Peering connections: their sides as the VPCs are, and what becomes of them (semantics 11.1).

use crate::resources::{CidrBlock, Ipv6CidrBlock, PeeringVpcInfo, Resources, Vpc, VpcPeeringConnection};
use ipnet::IpNet;
use std::collections::HashMap;

/// What AWS says of a connection whose sides overlap.
const MESSAGE: &str = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range";

pub(super) fn complete(resources: &mut Resources) {
    let vpcs: HashMap<&str, &Vpc> = resources.vpcs.iter().map(|vpc| (&*vpc.vpc_id, vpc)).collect();
    for peering in &mut resources.vpc_peering_connections {
        for side in [&mut peering.requester_vpc_info, &mut peering.accepter_vpc_info] {
            if let Some(vpc) = side.vpc_id.as_deref().and_then(|id| vpcs.get(id)) {
                fill(side, vpc);
            }
        }
        let status = &peering.status.code;
        let is_alive = super::is_one_of(status.as_deref(), &["active", "pending-acceptance", "provisioning"]);
        if is_alive && overlaps(peering) {
            peering.status.code = Some("failed".to_owned());
            peering.status.message = Some(MESSAGE.to_owned());
        } else if status.is_none() {
            peering.status.code = Some("active".to_owned());
        }
    }
}

/// What a side leaves out. Its blocks are all there or none.
fn fill(side: &mut PeeringVpcInfo, vpc: &Vpc) {
    let owner = || vpc.details.owner_id.clone();
    side.owner_id.get_or_insert_with(owner);
    side.region.get_or_insert_with(|| vpc.region.clone());
    if blocks(side).next().is_some() {
        return;
    }
    side.cidr_block = Some(vpc.cidr_block);
    let ipv4 = std::iter::once(&vpc.cidr_block).chain(&vpc.secondary_cidr_blocks);
    side.cidr_block_set = ipv4
        .map(|block| CidrBlock {
            cidr_block: Some(*block),
        })
        .collect();
    let ipv6 = vpc.ipv6_cidr_blocks.iter();
    let set = ipv6.map(|block| Ipv6CidrBlock {
        ipv6_cidr_block: Some(*block),
    });
    side.ipv6_cidr_block_set = set.collect();
}

fn blocks(side: &PeeringVpcInfo) -> impl Iterator<Item = IpNet> + '_ {
    let set = side.cidr_block_set.iter().filter_map(|one| one.cidr_block);
    let ipv4 = side.cidr_block.into_iter().chain(set).map(IpNet::V4);
    let ipv6 = side.ipv6_cidr_block_set.iter().filter_map(|one| one.ipv6_cidr_block);
    ipv4.chain(ipv6.map(IpNet::V6))
}

/// A VPC and itself are told otherwise.
fn overlaps(peering: &VpcPeeringConnection) -> bool {
    let (a, b) = (&peering.requester_vpc_info, &peering.accepter_vpc_info);
    a.vpc_id != b.vpc_id
        && blocks(a).any(|block| blocks(b).any(|other| block.contains(&other) || other.contains(&block)))
}
