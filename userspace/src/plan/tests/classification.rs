//! What rows say of a packet is what rules say, read one by one.

use super::*;
use groundplane_abi::nacl::direction::{EGRESS, INGRESS};
use groundplane_abi::security_group::{PeerKey, Selector, side};
use groundplane_abi::{GroupSetId, Ip};
use std::net::IpAddr;

/// What a group's rules ask of a packet.
#[derive(Clone, Copy, Debug)]
struct Asked<I> {
    egress: bool,
    remote: I,
    /// The ENI that the far end is known to be, if any, by its groups.
    member_of: Option<&'static [&'static str]>,
    protocol: u8,
    /// The destination port, or type and code; absent in a fragment without a note.
    ports: Option<[u8; 2]>,
}

/// Whether a rule admits a packet, as semantics 6.2, 6.3 and 7.7 say it.
fn admits<I: Ip>(rule: &SecurityGroupRule, lists: &[PrefixList], asked: &Asked<I>) -> bool {
    let Asked { protocol, ports, .. } = *asked;
    let is_other_familys = matches!(rule.ip_protocol, Some(1 | 58)) && rule.ip_protocol != Some(I::ICMP);
    let is_selected = match rule.ip_protocol {
        None => true,
        Some(own) if own != protocol => false,
        Some(6 | 17) => {
            let (from, to) = rule.port_range.expect("a range");
            ports.map_or((from, to) == (0, 65535), |port| {
                (from..=to).contains(&u16::from_be_bytes(port))
            })
        }
        Some(1 | 58) => match (rule.icmp_type_code.unwrap_or_default(), ports) {
            ((kind, code), Some([own_kind, own_code])) => {
                kind.is_none_or(|kind| kind == own_kind) && code.is_none_or(|code| code == own_code)
            }
            ((kind, _), None) => kind.is_none(),
        },
        Some(_) => true,
    };
    let remote: IpAddr = asked.remote.into();
    let is_far_end = match &rule.peer {
        Peer::Cidr(block) => block.contains(&remote),
        Peer::PrefixList(id) => {
            let list = lists.iter().find(|list| list.prefix_list_id == *id);
            list.is_some_and(|list| list.entries.iter().any(|block| block.contains(&remote)))
        }
        Peer::Group(id) => asked.member_of.is_some_and(|groups| groups.contains(&&**id)),
    };
    rule.is_egress == asked.egress && !is_other_familys && is_selected && is_far_end
}

fn is_for_everybody(rule: &SecurityGroupRule) -> bool {
    matches!(rule.peer, Peer::Cidr(block) if block.prefix_len() == 0)
}

/// The rules that the plan's rows admit a packet by.
fn classify<I: Family>(plan: &Plan, asked: &Asked<I>) -> RuleBits {
    let (bank, group_set) = (Bank(0), GroupSetId(hash(OWN.iter().copied())));
    let side = side(if asked.egress { EGRESS } else { INGRESS }, I::VERSION);
    let is_held = |(key, len): &(PeerKey<I>, u8)| {
        key.group_set == group_set && key.side == side && asked.remote.is_in(key.address, *len)
    };
    let peers = I::rows(plan).peers.iter().filter(|(row, _)| is_held(row));
    let peers = peers.max_by_key(|((_, len), _)| *len).map(|(_, rules)| *rules);
    let references = asked.member_of.and_then(|groups| {
        let member_of = GroupSetId(hash(groups.iter().copied()));
        let key = ReferenceKey {
            bank,
            group_set,
            side,
            member_of,
        };
        plan.references.get(&key).copied()
    });
    let selector = match asked.ports {
        Some(ports) => Selector::new(asked.protocol, ports),
        None => Selector::absent(asked.protocol),
    };
    let selected = (0..=32_u32).rev().find_map(|len| {
        let bits = u64::from(u32::from_be_bytes(selector.0)) >> (32 - len) << (32 - len);
        let selector = Selector((bits as u32).to_be_bytes());
        let key = SelectorKey {
            bank,
            group_set,
            side,
            selector,
        };
        plan.selectors.get(&(key, len as u8)).copied()
    });
    let [peers, references, selected] = [peers, references, selected].map(Option::unwrap_or_default);
    RuleBits(std::array::from_fn(|word| {
        (peers.0[word] | references.0[word]) & selected.0[word]
    }))
}

/// The groups of the ENI that is asked, and those of all ENIs of its VPC.
const OWN: &[&str] = &["sg-1", "sg-2"];
const MEMBERS: [&[&str]; 3] = [OWN, &["sg-3"], &["sg-3", "sg-4"]];
const PROTOCOLS: [u8; 6] = [1, 6, 6, 17, 47, 58];
const PORTS: [u16; 12] = [0, 1, 2, 22, 79, 80, 81, 1023, 1024, 32_768, 65_534, 65_535];

fn draw_port(random: &mut Random) -> u16 {
    if random.below(2) == 0 {
        random.pick(&PORTS)
    } else {
        random.below(65_536) as u16
    }
}

/// What is drawn from. With many rules those that admit much are drawn less often, and addresses from more, so that
/// packets still tell rules apart.
struct Universe {
    random: Random,
    rules: u32,
}

impl Universe {
    fn is_wide(&mut self) -> bool {
        self.random.below(self.rules + 8) < 3
    }

    fn octet(&mut self) -> u8 {
        self.random.below(4 + self.rules / 5) as u8
    }

    fn block(&mut self) -> IpNet {
        let (wide, [a, b]) = (self.is_wide(), [self.octet(), self.octet()]);
        let random = &mut self.random;
        if random.below(2) == 0 {
            let len = random.pick(if wide {
                &[0, 0, 0, 7, 8, 16]
            } else {
                &[23, 24, 30, 31, 32]
            });
            IpNet::new([10, random.pick(&[0, 1]), a, b].into(), len).expect("a block")
        } else {
            let address = [0x2001, 0xdb8, 0, a.into(), 0, 0, 0, b.into()];
            let len = random.pick(if wide {
                &[0, 0, 0, 1, 32, 48]
            } else {
                &[63, 64, 65, 126, 127, 128]
            });
            IpNet::new(address.into(), len).expect("a block")
        }
    }

    fn rule(&mut self, number: u32) -> SecurityGroupRule {
        let (all_protocols, all_ports, peer) = (self.is_wide(), self.is_wide(), self.peer());
        let random = &mut self.random;
        let ip_protocol = (!all_protocols).then(|| random.pick(&PROTOCOLS));
        let (a, b) = (draw_port(random), draw_port(random));
        let ports = random.pick(&[(a, a), (a, a), (a.min(b), a.max(b))]);
        let (kind, code) = (random.below(4) as u8 * 8, random.below(3) as u8);
        let type_code = random.pick(&[(Some(kind), None), (Some(kind), Some(code))]);
        let is_icmp = ip_protocol == Some(1) || ip_protocol == Some(58) && !all_ports;
        SecurityGroupRule {
            ip_protocol,
            port_range: matches!(ip_protocol, Some(6 | 17)).then_some(if all_ports { (0, 65_535) } else { ports }),
            icmp_type_code: is_icmp.then_some(if all_ports { (None, None) } else { type_code }),
            ..rule(&format!("sgr-{number:04}"), random.below(2) == 0, peer)
        }
    }

    fn peer(&mut self) -> Peer {
        match (self.is_wide(), self.random.below(2)) {
            (true, 0) => Peer::Group(self.random.pick(&["sg-1", "sg-3", "sg-4", "sg-gone"]).into()),
            (true, _) => Peer::PrefixList(self.random.pick(&["pl-4", "pl-6"]).into()),
            (false, _) => Peer::Cidr(self.block()),
        }
    }

    fn asked<I: Family>(&mut self, rules: &[&SecurityGroupRule]) -> Asked<I> {
        let remote = loop {
            if let Some((address, _)) = I::block(IpNet::from(self.block().addr())) {
                break address;
            }
        };
        let random = &mut self.random;
        // Most packets stand at the edge of a rule.
        let near = rules[random.below(rules.len() as u32) as usize];
        let port = match near.port_range {
            Some((from, to)) if random.below(4) > 0 => {
                random.pick(&[from.wrapping_sub(1), from, to, to.wrapping_add(1)])
            }
            _ => draw_port(random),
        };
        let remote = match near.peer {
            Peer::Cidr(block) if random.below(4) > 0 => I::block(block).map_or(remote, |(address, _)| address),
            _ => remote,
        };
        let protocol = match near.ip_protocol {
            Some(protocol) if random.below(4) > 0 => protocol,
            _ => random.pick(&PROTOCOLS),
        };
        let ports = match protocol {
            6 | 17 => port.to_be_bytes(),
            1 | 58 => [random.below(4) as u8 * 8, random.below(3) as u8],
            _ => [0, 0],
        };
        Asked {
            egress: near.is_egress ^ (random.below(8) == 0),
            remote,
            member_of: random.pick(&[None, Some(MEMBERS[0]), Some(MEMBERS[1]), Some(MEMBERS[2])]),
            protocol,
            ports: (random.below(8) > 0).then_some(ports),
        }
    }
}

/// The twins; the first ENI has two groups of rules, the others of its VPC some to refer to.
fn draw_world(universe: &mut Universe) -> (Resources, Bindings) {
    let (mut all, mut bindings) = twins();
    for device in [40, 41] {
        add_eni(eni("blue", device), u32::from(device), (&mut all, &mut bindings));
    }
    for (place, groups) in [(0, MEMBERS[0]), (1, MEMBERS[1]), (4, MEMBERS[2])] {
        all.network_interfaces[place].groups = groups.iter().map(|&group| group.into()).collect();
    }
    all.prefix_lists = vec![
        prefix_list("pl-4", &["10.0.0.0/24", "10.0.0.2/31", "10.1.0.0/16"]),
        prefix_list("pl-6", &["2001:db8:1::/48", "::/0"]),
    ];
    for id in ["sg-1", "sg-2", "sg-3", "sg-4"] {
        all.security_groups.push(group(id, "blue", vec![]));
    }
    for number in 0..universe.rules {
        let place = all.security_groups.len() - universe.random.pick(&[4, 3]);
        all.security_groups[place].rules.push(universe.rule(number));
    }
    (all, bindings)
}

/// Compares rows with rules for many packets. Returns how many were admitted.
fn check<I: Family>(resources: &Resources, plan: &Plan, universe: &mut Universe) -> usize {
    let groups = resources
        .security_groups
        .iter()
        .filter(|group| OWN.contains(&&*group.group_id));
    let rules: Vec<_> = groups.flat_map(|group| &group.rules).collect();
    let mut passed = 0;
    for _ in 0..300 {
        let asked = universe.asked::<I>(&rules);
        let admitting: Vec<_> = rules
            .iter()
            .filter(|rule| admits(rule, &resources.prefix_lists, &asked))
            .collect();
        let side = side(if asked.egress { EGRESS } else { INGRESS }, I::VERSION);
        let key = GroupSetKey {
            bank: Bank(0),
            group_set: GroupSetId(hash(OWN.iter().copied())),
            side,
        };
        let found = bits(&classify(plan, &asked));
        let everybody = usize::from(plan.group_sets[&key].everybody);
        let for_everybody = admitting.iter().filter(|rule| is_for_everybody(rule)).count();
        assert_eq!(found.len(), admitting.len(), "{asked:?} {admitting:?}");
        assert_eq!(
            found.iter().filter(|&&bit| bit < everybody).count(),
            for_everybody,
            "{asked:?}"
        );
        assert_eq!(found.first().is_some_and(|&bit| bit < everybody), for_everybody > 0);
        passed += usize::from(!found.is_empty());
    }
    passed
}

fn bits(rules: &RuleBits) -> Vec<usize> {
    let is_set = |&bit: &usize| rules.0[bit / 64] >> (bit % 64) & 1 == 1;
    (0..1024).filter(is_set).collect()
}

/// How many of 300 packets of each family were admitted.
fn check_all(seed: u64, rules: u32) -> [usize; 2] {
    let random = Random(seed);
    let mut universe = Universe { random, rules };
    let (resources, bindings) = draw_world(&mut universe);
    let plan = compile(&resources, &bindings).expect("a plan");
    [
        check::<Ip4>(&resources, &plan, &mut universe),
        check::<Ip6>(&resources, &plan, &mut universe),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rows_admit_by_as_many_rules_as_a_scan_of_them(seed in any::<u64>(), rules in 1..60_u32) {
        check_all(seed, rules);
    }
}

#[test]
fn a_thousand_rules_say_what_a_scan_of_them_says() {
    let admitted: usize = (0..6).flat_map(|seed| check_all(seed, 1000)).sum();
    // Both answers come often enough to mean something.
    assert!((400..=3200).contains(&admitted), "{admitted} of 3600");
}
