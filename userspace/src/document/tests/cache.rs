//! Reading a configuration again is reading it.

use super::*;
use proptest::prelude::*;

/// Two VPCs that know of each other, and what is outside of them, each in several states, some of which are wrong.
fn states() -> [Vec<String>; 3] {
    let vpc = |name: &str, other: &str, n: usize| {
        let group = ["sg", "other", "gone"][n % 3];
        let list = ["l", "m"][n / 2 % 2];
        format!(
            "vpcs:
  {name}:
    CidrBlock: 10.{n}.0.0/16
    subnets: {{ s: {{ CidrBlock: 10.{n}.1.0/24 }} }}
    security_groups:
      sg: {{ ingress: [{{ IpProtocol: tcp, FromPort: 1, ToPort: {n}, group: {other}/{group} }}] }}
      other:
        ingress:
          - {{ IpProtocol: icmp, FromPort: 8, ToPort: {}, prefix_list: {list} }}
    network_acls: {}
    route_tables: {{ t: {{ routes: [{{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door-{name} }}] }} }}
    instances: {{ i: {{ subnet: s, namespace: {}, Description: {n} }} }}
",
            ["-1", "0"][n % 2],
            ["", "{ silent: { subnets: [s] } }"][n % 2],
            ["one", name][n.min(1)],
        )
    };
    let outside = |n: usize| {
        let door = ["door", "gate"][n / 3 % 2];
        format!(
            "prefix_lists: {{ l: {{ MaxEntries: {}, entries: [192.0.2.0/24] }}, m: {{ MaxEntries: 1 }} }}
internet_gateways: {{ {door}-a: {{ Attachments: [{{ VpcId: a }}] }}, {door}-b: {{ Attachments: [{{ VpcId: b }}] }} }}
region: {}
",
            1 + n % 3,
            ["eu-west-1", "us-east-1"][n % 2],
        )
    };
    let all = |vpc: &dyn Fn(usize) -> String| (0..5).map(vpc).collect();
    [all(&|n| vpc("a", "b", n)), all(&|n| vpc("b", "a", n)), all(&outside)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was read before: which state of each source, in which order, and whether one is missing.
    #[test]
    fn a_configuration_is_read_again_as_it_is_read_at_first(
        steps in prop::collection::vec((prop::array::uniform3(0usize..5), 0usize..6, any::<bool>()), 1..12)
    ) {
        let states = states();
        let mut cache = Cache::default();
        for (chosen, order, with_host) in steps {
            let named = states.iter().zip(chosen).zip(["a.yaml", "b.yaml", "c.yaml"]);
            let mut sources: Vec<_> = named.map(|((states, n), name)| Source::new(name, states[n].as_bytes())).collect();
            sources.rotate_left(order % 3);
            if order == 5 {
                sources.pop();
            }
            let host = Host { namespaces: vec!["one".to_owned()], devices: Vec::new() };
            let host = with_host.then_some(&host);
            let again = cache.read(&sources, host);
            prop_assert_eq!(again, read(&sources, host));
        }
    }
}

#[test]
fn the_states_are_right_and_wrong() {
    let [a, b, c] = states();
    let read = |n: usize, m: usize| {
        let sources = [&a[n], &b[m], &c[0]].map(|text| Source::new("x", text.as_bytes()));
        read(&sources, None)
    };
    let is_right: Vec<_> = (0..5).map(|n| read(n, 4).is_ok()).collect();
    assert!(is_right.contains(&true) && is_right.contains(&false), "{is_right:?}");
    assert!(!read(1, 4).expect("a configuration").warnings.problems.is_empty());
}
