//! Random NACLs.

use crate::topology::{nacl_rule, net, open_nacl};
use groundplane::resources::{NetworkAclEntry, RuleAction};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Open, or open but for some, or closed but for some.
pub(super) fn nacl(random: &mut ChaCha8Rng) -> Vec<NetworkAclEntry> {
    let mut entries = open_nacl();
    if random.random_bool(0.25) {
        return entries;
    }
    if random.random_bool(0.2) {
        let is_ipv6 = random.random_bool(0.5);
        let closes = random.random_bool(0.5);
        entries.retain(|entry| !closes && entry.cidr_block.network().is_ipv6() == is_ipv6);
    }
    for rule_number in [10, 15, 20, 25, 30, 200, 205] {
        if random.random_bool(0.5) {
            entries.push(rule(rule_number, random));
        }
    }
    entries
}

fn rule(number: u16, random: &mut ChaCha8Rng) -> NetworkAclEntry {
    const BLOCKS: [&str; 10] = [
        "0.0.0.0/0",
        "10.0.1.0/24",
        "10.0.2.0/24",
        "10.0.1.11/32",
        "10.0.0.0/8",
        "::/0",
        "2001:db8:1:1::/64",
        "2001:db8:1:2::/64",
        "2001:db8:1:1::11/128",
        "2001:db8::/32",
    ];
    let action = if random.random_bool(0.5) {
        RuleAction::Allow
    } else {
        RuleAction::Deny
    };
    let mut entry = nacl_rule(number, random.random(), action);
    entry.cidr_block = net(BLOCKS.choose(random).expect("some"));
    match random.random_range(0..6) {
        0 => {}
        1 => (entry.protocol, entry.icmp_type_code) = icmp(entry.cidr_block.network().is_ipv6(), random),
        2 => entry.protocol = Some(random.random_range(61..180)),
        kind => {
            entry.protocol = Some(if kind == 3 { 17 } else { 6 });
            entry.port_range = Some(
                *[(0, 65535), (22, 22), (80, 443), (1024, 65535), (32768, 32900)]
                    .choose(random)
                    .expect("some"),
            );
        }
    }
    entry
}

type TypeCode = Option<(Option<u8>, Option<u8>)>;

fn icmp(is_ipv6: bool, random: &mut ChaCha8Rng) -> (Option<u8>, TypeCode) {
    let code = random.random_bool(0.5).then_some(0);
    let (protocol, wanted) = if is_ipv6 {
        (
            58,
            [(None, None), (Some(128), code), (Some(129), code), (Some(2), None)],
        )
    } else {
        (1, [(None, None), (Some(8), code), (Some(0), code), (Some(3), None)])
    };
    (Some(protocol), wanted.choose(random).copied())
}
