//! What is foretold of connections is what becomes of them.

use super::judge::{Denial, Fate, Judge};
use super::packet;
use crate::document;
use crate::install::kernel::Stored;
use crate::plan::{self, Binding, Bindings, GuestKind, Plan};
use crate::simulate::{Capacity, Simulation, SliceFrame};
use groundplane_abi::flow::{Action, Delivery, FlowEntry, FlowKey, action_flag};
use groundplane_abi::wire::protocol::{TCP, UDP};
use groundplane_abi::{Device, DropReason, Ip4, Ip6, Mac, Port};
use groundplane_datapath::FlowTable;

/// A rule that lets the web server in, and one for everybody, whose connections aren't tracked.
const WEB: &str =
    "{ IpProtocol: '-1', CidrIpv4: 10.0.1.10/32 }, { IpProtocol: '-1', CidrIpv6: '2001:db8:0:1::10/128' }";
const ANYBODY: &str = "{ IpProtocol: '-1', CidrIpv4: 0.0.0.0/0 }, { IpProtocol: '-1', CidrIpv6: '::/0' }";
/// Too little to be a rule for everybody.
const ONE_PORT: &str = "{ IpProtocol: tcp, FromPort: 1, ToPort: 1, CidrIpv4: 10.0.0.0/16 }";
const OPEN: &str = "{ RuleNumber: 100, RuleAction: allow, Protocol: '-1', CidrBlock: 0.0.0.0/0 }, \
                    { RuleNumber: 101, RuleAction: allow, Protocol: '-1', Ipv6CidrBlock: '::/0' }";

/// Two subnets, of which the second has an ACL of its own.
fn document(ingress: &str, egress: &str, acl_in: &str, acl_out: &str, db: &str) -> String {
    format!(
        "vpcs:
  v:
    CidrBlock: 10.0.0.0/16
    Ipv6CidrBlock: '2001:db8::/56'
    subnets:
      front: {{ CidrBlock: 10.0.1.0/24, Ipv6CidrBlock: '2001:db8:0:1::/64' }}
      back: {{ CidrBlock: 10.0.2.0/24, Ipv6CidrBlock: '2001:db8:0:2::/64' }}
    security_groups:
      web: {{ ingress: [], egress: [{egress}] }}
      db: {{ ingress: [{ingress}], egress: [{ONE_PORT}] }}
    network_acls:
      acl: {{ subnets: [back], ingress: [{acl_in}], egress: [{acl_out}] }}
    instances:
      web: {{ subnet: front, PrivateIpAddress: 10.0.1.10, Ipv6Addresses: ['2001:db8:0:1::10'], groups: [web], tap: web }}
      {db}: {{ subnet: back, PrivateIpAddress: 10.0.2.10, Ipv6Addresses: ['2001:db8:0:2::10'], groups: [db], tap: db }}
"
    )
}

const WEB_DEVICE: Device = Device(1);
const DB_DEVICE: Device = Device(2);

/// A document as rows, and the MACs of its two guests.
type Compiled = (Plan, [Mac; 2]);

fn compile(document: &str) -> Compiled {
    let resolved = document::parse("v.yaml", document.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let enis = &resolved.resources.network_interfaces;
    let named = |name: &str| enis.iter().find(|eni| eni.name == name);
    let mut bindings = Bindings::new();
    for (name, device) in [("web", WEB_DEVICE), ("db", DB_DEVICE), ("other", Device(3))] {
        let kind = GuestKind::Tap;
        bindings.extend(named(name).map(|eni| (eni.network_interface_id.clone(), Binding { device, kind })));
    }
    let mac = |name: &str| named(name).map_or(Mac::default(), |eni| eni.mac_address);
    let plan = plan::compile(&resolved.resources, &bindings).expect("it compiles");
    (plan, [mac("web"), mac("db")])
}

/// What the guests are asked and told: a connection of each protocol.
fn opener<I: Stored>(protocol: u8, mac: Mac, src: I, dst: I) -> FlowEntry<I> {
    let (src_port, dst_port) = if protocol == I::ICMP {
        (Port([I::ECHO_REQUEST, 0]), Port::new(7))
    } else {
        (Port::new(40_000), Port::new(443))
    };
    let delivery = Delivery {
        near_mac: mac,
        flags: action_flag::ROUTED,
        ..Delivery::default()
    };
    FlowEntry {
        key: FlowKey::new(WEB_DEVICE, protocol, src, dst, src_port, dst_port),
        action: Action { delivery, src, dst },
        ..FlowEntry::default()
    }
}

/// A packet each way, as a connection that stands sends them: whether both arrive.
fn talk<I: Stored>(tables: &Simulation, entry: &FlowEntry<I>, db: Mac, opens: bool) -> bool {
    let mut frame: SliceFrame = packet::of(entry, opens);
    if tables.send(entry.key.device(), &mut frame).is_drop() {
        return false;
    }
    let mut answer = FlowEntry {
        key: entry.key.reversed(DB_DEVICE),
        ..*entry
    };
    answer.action.delivery.near_mac = db;
    !tables.send(DB_DEVICE, &mut packet::of(&answer, false)).is_drop()
}

/// Opens a connection under one document, and says what is foretold of it under another one, and whether it goes on
/// there.
fn change<I: Stored>(
    (before, [web, db]): &Compiled,
    (after, _): &Compiled,
    protocol: u8,
    src: I,
    dst: I,
) -> Option<(Fate, bool)> {
    let (web, db) = (*web, *db);
    let mut tables = Simulation::new(Capacity { flows: 16, embryos: 16 });
    tables.apply(before);
    let opener = opener(protocol, web, src, dst);
    if !talk(&tables, &opener, db, true) {
        return None;
    }
    let entries = tables.entries::<I>(FlowTable::Main);
    let entry = entries.get(&opener.key)?;
    let fate = Judge::new(after).fate(entry, entries.get(&entry.twin_key()));
    tables.apply(after);
    Some((fate, talk(&tables, entry, db, false)))
}

fn change4(before: &str, after: &str) -> (Fate, bool) {
    let (src, dst) = (Ip4([10, 0, 1, 10]), Ip4([10, 0, 2, 10]));
    change(&compile(before), &compile(after), TCP, src, dst).expect("it is admitted before")
}

fn ordinary() -> String {
    document(WEB, ANYBODY, OPEN, OPEN, "db")
}

fn denial(at: Device, reason: DropReason) -> Denial {
    Denial {
        at,
        reason,
        rule: 0,
        answers: false,
    }
}

#[test]
fn what_a_removed_rule_admitted_goes_on_unless_it_is_cut() {
    let removed = denial(DB_DEVICE, DropReason::GROUP_INGRESS);
    let without = document("", ANYBODY, OPEN, OPEN, "db");
    assert_eq!(change4(&ordinary(), &without), (Fate::GoesOnUnlessCut(removed), true));
}

#[test]
fn what_the_other_end_does_not_remember_ends_with_its_rule() {
    // Rules for everybody in both directions: the server's ENI keeps no state, the client's does.
    let untracked = |ingress| document(ingress, ANYBODY, OPEN, OPEN, "db").replace(ONE_PORT, ANYBODY);
    let (fate, goes_on) = change4(&untracked(ANYBODY), &untracked(""));
    assert_eq!(
        (fate, goes_on),
        (Fate::Ends(denial(DB_DEVICE, DropReason::GROUP_INGRESS)), false)
    );
}

#[test]
fn a_removed_rule_of_the_opener_cuts_as_well() {
    let silent = document(WEB, "", OPEN, OPEN, "db");
    let removed = denial(WEB_DEVICE, DropReason::GROUP_EGRESS);
    assert_eq!(change4(&ordinary(), &silent), (Fate::GoesOnUnlessCut(removed), true));
}

#[test]
fn an_acl_ends_a_connection_whatever_the_groups_say() {
    let deny = "{ RuleNumber: 7, RuleAction: deny, Protocol: '-1', CidrBlock: 10.0.1.0/24 }";
    let by_acl = Denial {
        rule: 7,
        ..denial(DB_DEVICE, DropReason::NACL_INGRESS)
    };
    for ingress in [WEB, ""] {
        let after = document(ingress, ANYBODY, deny, OPEN, "db");
        let (fate, goes_on) = change4(&ordinary(), &after);
        assert_eq!((fate, goes_on), (Fate::Ends(by_acl), false));
    }
}

#[test]
fn an_acl_that_drops_the_answers_is_told_apart() {
    let after = document(WEB, ANYBODY, OPEN, "", "db");
    let (fate, goes_on) = change4(&ordinary(), &after);
    let Fate::Ends(denial) = fate else { panic!("{fate:?}") };
    assert_eq!((denial.reason, denial.answers), (DropReason::NACL_EGRESS, true));
    assert!(!goes_on);
}

#[test]
fn whose_other_end_is_gone_ends() {
    let after = document(WEB, ANYBODY, OPEN, OPEN, "other")
        .replace("10.0.2.10", "10.0.2.11")
        .replace("2::10", "2::11");
    let (fate, goes_on) = change4(&ordinary(), &after);
    assert_eq!(
        (fate, goes_on),
        (Fate::Ends(denial(WEB_DEVICE, DropReason::NO_OWNER)), false)
    );
}

#[test]
fn what_is_foretold_is_what_becomes_of_connections_of_every_kind() {
    let mut documents = Vec::new();
    for ingress in [WEB, ANYBODY, ""] {
        for egress in [ANYBODY, ""] {
            for (acl_in, acl_out) in [(OPEN, OPEN), ("", OPEN), (OPEN, "")] {
                documents.push(compile(&document(ingress, egress, acl_in, acl_out, "db")));
            }
        }
    }
    let mut fates = [0; 3];
    let mut check = |changed: Option<(Fate, bool)>| {
        let Some((fate, goes_on)) = changed else { return };
        let (kind, foretold) = match fate {
            Fate::GoesOn => (0, true),
            Fate::GoesOnUnlessCut(_) => (1, true),
            Fate::Ends(_) => (2, false),
        };
        fates[kind] += 1;
        assert_eq!(foretold, goes_on, "{fate:?}");
    };
    for before in &documents {
        for after in &documents {
            for protocol in [TCP, UDP, 1, 47] {
                check(change(
                    before,
                    after,
                    protocol,
                    Ip4([10, 0, 1, 10]),
                    Ip4([10, 0, 2, 10]),
                ));
            }
            let [src, dst] =
                [1, 2].map(|subnet| Ip6([0x2001_0db8_u32.to_be(), u32::to_be(subnet), 0, 0x10_u32.to_be()]));
            for protocol in [TCP, 58] {
                check(change(before, after, protocol, src, dst));
            }
        }
    }
    assert!(fates.iter().all(|count| *count >= 20), "{fates:?}");
}

/// A private subnet behind a NAT gateway, and what its group lets out.
fn behind_nat(egress: &str, route: &str) -> String {
    format!(
        "uplinks: {{ out: {{ kind: host }} }}
vpcs:
  v:
    CidrBlock: 10.0.0.0/16
    Ipv6CidrBlock: '2001:db8::/56'
    subnets:
      front: {{ CidrBlock: 10.0.1.0/24, Ipv6CidrBlock: '2001:db8:0:1::/64' }}
      public: {{ CidrBlock: 10.0.2.0/24, Ipv6CidrBlock: '2001:db8:0:2::/64' }}
    security_groups:
      web: {{ egress: [{egress}] }}
    route_tables:
      front: {{ subnets: [front], routes: [{route}] }}
      public: {{ subnets: [public], routes: [{{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }}] }}
    instances:
      web: {{ subnet: front, PrivateIpAddress: 10.0.1.10, Ipv6Addresses: ['2001:db8:0:1::10'], groups: [web], tap: web }}
internet_gateways: {{ door: {{ Attachments: [{{ VpcId: v }}] }} }}
addresses: {{ exit: {{ PublicIp: 203.0.113.200 }} }}
nat_gateways: {{ nat: {{ SubnetId: v/public, NatGatewayAddresses: [{{ AllocationId: exit }}] }} }}
"
    )
}

/// What is foretold of a connection through the NAT gateway that has been answered, and whether it goes on.
fn change_behind_nat<I: Stored>((src, dst, x): (I, I, Ip4), after: &str) -> (Fate, bool) {
    let nat = "{ DestinationCidrBlock: 0.0.0.0/0, nat_gateway: nat }, \
               { DestinationIpv6CidrBlock: '64:ff9b::/96', nat_gateway: nat }";
    let (before, [web, _]) = compile(&behind_nat(ANYBODY, nat));
    let (after, _) = compile(&after.replace("NAT", nat));
    let mut tables = Simulation::new(Capacity { flows: 16, embryos: 16 });
    tables.apply(&before);
    let opener = opener(TCP, web, src, dst);
    let mut frame = packet::of(&opener, true);
    assert!(!tables.send(WEB_DEVICE, &mut frame).is_drop());
    let port = u16::from_be_bytes([frame.bytes[34], frame.bytes[35]]);
    let answer = FlowEntry {
        key: FlowKey::new(
            Device::INTERNET,
            TCP,
            x,
            Ip4([203, 0, 113, 200]),
            Port::new(443),
            Port::new(port),
        ),
        ..FlowEntry::default()
    };
    assert!(!tables.send(Device::INTERNET, &mut packet::of(&answer, false)).is_drop());
    let entries = tables.entries::<I>(FlowTable::Main);
    let entry = entries.get(&opener.key).expect("it was answered");
    let fate = Judge::new(&after).fate(entry, entries.get(&entry.twin_key()));
    tables.apply(&after);
    let goes_on = !tables.send(WEB_DEVICE, &mut packet::of(entry, false)).is_drop();
    (fate, goes_on)
}

/// They were said to end, since the mappings of NAT gateways aren't looked at.
#[test]
fn connections_through_a_nat_gateway_go_on_as_others_do() {
    let x = Ip4([198, 51, 100, 7]);
    let of4 = (Ip4([10, 0, 1, 10]), x, x);
    let address = |text: &str| Ip6::from(text.parse::<std::net::Ipv6Addr>().expect("an address"));
    let of6 = (address("2001:db8:0:1::10"), address("64:ff9b::198.51.100.7"), x);
    let removed = Fate::GoesOnUnlessCut(denial(WEB_DEVICE, DropReason::GROUP_EGRESS));
    let after = behind_nat(ONE_PORT, "NAT");
    assert_eq!(change_behind_nat(of4, &after), (removed, true));
    assert_eq!(change_behind_nat(of6, &after), (removed, true));
    let after = behind_nat(ANYBODY, "NAT");
    assert_eq!(change_behind_nat(of4, &after), (Fate::GoesOn, true));
    assert_eq!(change_behind_nat(of6, &after), (Fate::GoesOn, true));
    let (fate, goes_on) = change_behind_nat(of4, &behind_nat(ANYBODY, ""));
    assert!(matches!(fate, Fate::Ends(_)) && !goes_on, "{fate:?}");
}
