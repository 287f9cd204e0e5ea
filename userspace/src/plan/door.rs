//! Doors: what the filter in front of an uplink may drop unseen. Whatever isn't certain stands open, and what has no
//! row goes on to where all the rules are.

use super::eni::blocks;
use super::lookup::Lookup;
use super::objects::Objects;
use super::security_group::open;
use super::{Family, Plan, internet};
use crate::resources::{InterfaceType, NetworkInterface, Resources};
use groundplane_abi::door::{DoorEntry, DoorKey, OPEN_RANGES, PortRange};
use groundplane_abi::{Bank, DropReason, Ip4, Ip6, RouteTableId};

const NOBODY: DropReason = DropReason::NOBODYS_PUBLIC_ADDRESS;

pub(super) fn compile(lookup: &Lookup<'_>, vpc: &Objects<'_>, plan: &mut Plan) {
    let gateways = &lookup.gateways;
    if gateways.is_outside_reached(vpc.vpc_id) {
        for block in vpc.vpc.iter().flat_map(|vpc| vpc.blocks()).filter_map(Ip6::block) {
            insert6(plan, block, shut(NOBODY));
        }
        for eni in bound(lookup, vpc) {
            let door = door::<Ip6>(lookup, vpc, eni);
            for block in blocks(eni).filter_map(Ip6::block) {
                insert6(plan, block, door);
            }
        }
    }
    let has_internet = gateways.has_internet(vpc.vpc_id);
    for eni in bound(lookup, vpc) {
        for association in &eni.associations {
            if !has_internet {
                insert4(plan, association.public_ip.into(), shut(NOBODY));
            } else if eni.private_ip_addresses.contains(&association.private_ip_address) {
                insert4(plan, association.public_ip.into(), door::<Ip4>(lookup, vpc, eni));
            }
        }
    }
}

/// An address that nobody has.
pub(super) fn compile_unassociated(all: &Resources, plan: &mut Plan) {
    for address in internet::unassociated(all) {
        insert4(plan, address.into(), shut(NOBODY));
    }
}

/// The ENIs that are there. Who gets what is for one that isn't is for the walk to say.
fn bound<'v, 'a>(lookup: &'v Lookup<'a>, vpc: &'v Objects<'a>) -> impl Iterator<Item = &'a NetworkInterface> {
    let enis = vpc.network_interfaces.iter().copied();
    enis.filter(|eni| lookup.binding(&eni.network_interface_id).is_some())
}

fn shut(nobody: DropReason) -> DoorEntry {
    DoorEntry {
        nobody,
        closed: nobody,
        ..DoorEntry::default()
    }
}

fn door<I: Family>(lookup: &Lookup<'_>, vpc: &Objects<'_>, eni: &NetworkInterface) -> DoorEntry {
    let is_nat = eni.interface_type == InterfaceType::NatGateway;
    // The gateway's table may lead what is for this ENI to another one, whose rules then count.
    let is_led = internet::edge_table(lookup, vpc) != RouteTableId::default();
    let ranges = if is_led {
        vec![PortRange::ALL]
    } else if is_nat && I::VERSION == 4 {
        // Nobody listens at a NAT gateway: what comes is an answer, and no answer opens a connection.
        Vec::new()
    } else if eni.interface_type.is_without_groups() {
        vec![PortRange::ALL]
    } else {
        open::tcp::<I>(lookup, eni)
    };
    let mut entry = DoorEntry {
        nobody: DropReason::NONE,
        closed: if is_nat {
            DropReason::NAT_NO_MAPPING
        } else {
            DropReason::GROUP_INGRESS
        },
        ..DoorEntry::default()
    };
    for (place, range) in entry.open.iter_mut().zip(fitting(ranges)) {
        *place = range;
        entry.len += 1;
    }
    entry
}

/// As many ranges as there is room for, which together hold all of these.
fn fitting(mut ranges: Vec<PortRange>) -> Vec<PortRange> {
    while ranges.len() > OPEN_RANGES as usize {
        let gap = |pair: &[PortRange]| match pair {
            [one, other] => other.first - one.last,
            _ => u16::MAX,
        };
        let narrowest = ranges.windows(2).enumerate().min_by_key(|(_, pair)| gap(pair));
        let Some((at, _)) = narrowest else { break };
        let next = ranges.remove(at + 1);
        if let Some(range) = ranges.get_mut(at) {
            range.last = next.last;
        }
    }
    ranges
}

fn insert4(plan: &mut Plan, address: Ip4, entry: DoorEntry) {
    let bank = Bank(0);
    plan.doors4.insert(DoorKey { bank, address }, entry);
}

fn insert6(plan: &mut Plan, (address, prefix_len): (Ip6, u8), entry: DoorEntry) {
    let bank = Bank(0);
    plan.doors6.insert((DoorKey { bank, address }, prefix_len), entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u16, last: u16) -> PortRange {
        PortRange { first, last }
    }

    #[test]
    fn ranges_that_are_too_many_are_joined_where_least_lies_between() {
        let mut ranges: Vec<_> = (0..15).map(|place| range(place * 1000, place * 1000 + 10)).collect();
        assert_eq!(fitting(ranges.clone()).len(), 14);
        ranges[7] = range(6_012, 6_012);
        let joined = fitting(ranges.clone());
        assert_eq!((joined.len(), joined[6]), (14, range(6_000, 6_012)));
        ranges.truncate(14);
        assert_eq!(fitting(ranges.clone()), ranges);
    }

    /// What an address of a document has open.
    fn open(rules: &str, address: [u8; 4]) -> (DropReason, DropReason, Vec<PortRange>) {
        let document = format!(
            "
vpcs:
  a:
    CidrBlock: 10.0.0.0/16
    subnets: {{ s: {{ CidrBlock: 10.0.1.0/24 }} }}
    security_groups: {{ g: {{ ingress: [{rules}] }} }}
    instances:
      i:
        {{ subnet: s, PrivateIpAddress: 10.0.1.10, namespace: n, groups: [g],
          associations: [{{ PrivateIpAddress: 10.0.1.10, PublicIp: 203.0.113.10 }}] }}
internet_gateways: {{ of-a: {{ Attachments: [{{ VpcId: a }}] }} }}
addresses: {{ spare: {{ PublicIp: 203.0.113.11, Domain: vpc }} }}
"
        );
        let resolved = crate::document::parse("a.yaml", document.as_bytes()).unwrap_or_else(|it| panic!("{it}"));
        let enis = resolved.resources.network_interfaces.iter().zip(10..);
        let bindings = enis.map(|(eni, device)| {
            let (device, kind) = (groundplane_abi::Device(device), crate::plan::GuestKind::Veth);
            (eni.network_interface_id.clone(), crate::plan::Binding { device, kind })
        });
        let plan = crate::plan::compile(&resolved.resources, &bindings.collect()).expect("it compiles");
        let key = DoorKey {
            bank: Bank(0),
            address: Ip4(address),
        };
        let door = plan.doors4.get(&key).expect("it has a door");
        let ranges = door.open.iter().take(door.len as usize).copied().collect();
        (door.nobody, door.closed, ranges)
    }

    #[test]
    fn a_door_has_open_what_some_rule_opens_to_somebody_outside() {
        let tcp = |from, to, peer| format!("{{ IpProtocol: tcp, FromPort: {from}, ToPort: {to}, {peer} }}");
        let everybody = "CidrIpv4: 0.0.0.0/0";
        let web = [203, 0, 113, 10];
        for (rules, expected) in [
            (String::new(), vec![]),
            (tcp(80, 80, everybody), vec![range(80, 80)]),
            (
                [
                    tcp(443, 443, everybody),
                    tcp(22, 22, "CidrIpv4: 192.0.2.0/24"),
                    tcp(23, 25, everybody),
                ]
                .join(", "),
                vec![range(22, 25), range(443, 443)],
            ),
            (tcp(80, 80, "CidrIpv6: \"::/0\""), vec![]),
            (tcp(80, 80, "group: g"), vec![]),
            (
                "{ IpProtocol: udp, FromPort: 53, ToPort: 53, CidrIpv4: 0.0.0.0/0 }".to_owned(),
                vec![],
            ),
            (
                "{ IpProtocol: \"-1\", CidrIpv4: 192.0.2.7/32 }".to_owned(),
                vec![PortRange::ALL],
            ),
        ] {
            let found = open(&rules, web);
            assert_eq!(
                found,
                (DropReason::NONE, DropReason::GROUP_INGRESS, expected),
                "{rules}"
            );
        }
        assert_eq!(open("", [203, 0, 113, 11]), (NOBODY, NOBODY, Vec::new()));
    }
}
