//! Which addresses of the internet are those of a configuration.

use crate::resources::{GatewayAttachment, Resources};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Every public address by itself, whoever has it, and the IPv6 blocks of VPCs that reach the internet. What is in none
/// of them is the host's own traffic.
pub(super) fn blocks(resources: &Resources) -> BTreeSet<IpNet> {
    let elastic = resources.addresses.iter().filter_map(|address| address.public_ip);
    let interfaces = resources.network_interfaces.iter();
    let associated = interfaces.flat_map(|eni| eni.associations.iter().map(|it| it.public_ip));
    let gateways = resources.nat_gateways.iter();
    let of_gateways = gateways.flat_map(|nat| nat.nat_gateway_addresses.iter().filter_map(|it| it.public_ip));
    let single = |address: Ipv4Addr| IpNet::from(std::net::IpAddr::V4(address));
    let mut blocks: BTreeSet<IpNet> = elastic.chain(associated).chain(of_gateways).map(single).collect();
    let gateways = resources.internet_gateways.iter().flat_map(|it| &it.attachments);
    let egress_only = resources.egress_only_internet_gateways.iter();
    let attached: BTreeSet<&str> = gateways
        .chain(egress_only.flat_map(|it| &it.attachments))
        .filter(|attachment| is_attached(attachment))
        .map(|attachment| &*attachment.vpc_id)
        .collect();
    let public = resources.vpcs.iter().filter(|vpc| attached.contains(&*vpc.vpc_id));
    blocks.extend(public.flat_map(|vpc| vpc.ipv6_cidr_blocks.iter().copied().map(IpNet::V6)));
    blocks
}

fn is_attached(attachment: &GatewayAttachment) -> bool {
    matches!(attachment.state.as_deref(), None | Some("available" | "attached"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_is_every_public_address_and_every_ipv6_block_behind_a_gateway() {
        let document = "
vpcs:
  a:
    CidrBlock: 10.0.0.0/16
    Ipv6CidrBlock: 2001:db8:a::/56
    subnets: { s: { CidrBlock: 10.0.1.0/24 } }
    instances:
      i:
        subnet: s
        PrivateIpAddress: 10.0.1.10
        namespace: n
        associations: [{ PrivateIpAddress: 10.0.1.10, PublicIp: 203.0.113.10 }]
  b: { CidrBlock: 10.0.0.0/16, Ipv6CidrBlock: 2001:db8:b::/56 }
  c: { CidrBlock: 10.0.0.0/16, Ipv6CidrBlock: 2001:db8:c::/56 }
  d: { CidrBlock: 10.0.0.0/16, Ipv6CidrBlock: 2001:db8:d::/56 }
internet_gateways:
  of-a: { Attachments: [{ VpcId: a, State: available }] }
  of-d: { Attachments: [{ VpcId: d, State: detaching }] }
egress_only_internet_gateways:
  of-b: { Attachments: [{ VpcId: b, State: attached }] }
addresses:
  spare: { PublicIp: 203.0.113.11, Domain: vpc }
";
        let resolved = crate::document::parse("a.yaml", document.as_bytes()).unwrap_or_else(|it| panic!("{it}"));
        let blocks: Vec<_> = blocks(&resolved.resources).iter().map(ToString::to_string).collect();
        assert_eq!(
            blocks,
            [
                "203.0.113.10/32",
                "203.0.113.11/32",
                "2001:db8:a::/56",
                "2001:db8:b::/56"
            ]
        );
    }
}
