//! What load balancers, listeners and groups of appliances have, and what they don't.

use super::*;

const TYPE: &str = "    Type: gateway\n";
const LISTENER: &str = "{ LoadBalancerArn: inspection, DefaultActions";
const GROUP: &str = "    Protocol: GENEVE\n    Port: 6081\n";

#[test]
fn it_has_no_scheme_no_groups_and_no_public_addresses() {
    let with = |line: &str| format!("{TYPE}    {line}\n");
    refused(
        &[(TYPE, &with("Scheme: internal"))],
        &["InvalidConfigurationRequest: a Gateway Load Balancer has no scheme"],
    );
    refused(
        &[(TYPE, &with("SecurityGroups: [security/appliance]"))],
        &["InvalidConfigurationRequest: a Gateway Load Balancer has no security groups"],
    );
    refused(
        &[
            ("{ PrivateIPv4Address: 10.9.1.50 }", "{ AllocationId: front }"),
            (", elastic_ip: front", ""),
        ],
        &["InvalidConfigurationRequest: a Gateway Load Balancer has no public addresses"],
    );
    refused(
        &[(
            TYPE,
            &with("Attributes: [{ Key: zonal_shift.config.enabled, Value: \"true\" }]"),
        )],
        &["InvalidConfigurationRequest: there is no attribute \"zonal_shift.config.enabled\""],
    );
    refused(
        &[(
            TYPE,
            &with("Attributes: [{ Key: load_balancing.cross_zone.enabled, Value: \"true\" }]"),
        )],
        &[],
    );
}

#[test]
fn it_has_one_listener_that_takes_everything() {
    let listener = |with: &str| LISTENER.replace("DefaultActions", &format!("{with}, DefaultActions"));
    refused(
        &[(LISTENER, &listener("Protocol: TCP, Port: 80"))],
        &[
            "InvalidConfigurationRequest: a listener of a Gateway Load Balancer takes everything, and has no Protocol",
            "InvalidConfigurationRequest: a listener of a Gateway Load Balancer takes everything, and has no Port",
        ],
    );
    refused(
        &[(
            "target_groups:\n",
            "  more: { LoadBalancerArn: inspection, DefaultActions: [{ Type: forward, TargetGroupArn: appliances }] }\ntarget_groups:\n",
        )],
        &["TooManyListeners: Gateway Load Balancer \"inspection\" has a listener already: \"all\""],
    );
    refused(
        &[("[{ Type: forward, TargetGroupArn: appliances }]", "[]")],
        &["MissingParameter: listener \"all\" is missing DefaultActions"],
    );
    refused(
        &[(
            "[{ Type: forward, TargetGroupArn: appliances }]",
            "[{ Type: redirect, TargetGroupArn: appliances }]",
        )],
        &[
            "InvalidConfigurationRequest: a listener of a Gateway Load Balancer forwards to one target group, without weights",
        ],
    );
    refused(
        &[(GROUP, "    Protocol: UDP\n    Port: 6081\n")],
        &[
            "InvalidConfigurationRequest: a Gateway Load Balancer can't forward to target group \"appliances\", which isn't of GENEVE",
        ],
    );
    let idle = |seconds: &str| {
        listener(&format!(
            "Attributes: [{{ Key: tcp.idle_timeout.seconds, Value: \"{seconds}\" }}]"
        ))
    };
    refused(&[(LISTENER, &idle("6000"))], &[]);
    refused(
        &[(LISTENER, &idle("59"))],
        &["InvalidConfigurationRequest: tcp.idle_timeout.seconds is a number from 60 to 6000, not \"59\""],
    );
    let sticky = attributes(&[("stickiness.enabled", "true"), ("stickiness.type", "source_ip_dest_ip")]);
    refused(
        &[(LISTENER, &idle("60")), (GROUP, &sticky)],
        &["InvalidConfigurationRequest: with stickiness in the target group, tcp.idle_timeout.seconds is 350"],
    );
    refused(&[(LISTENER, &idle("350")), (GROUP, &sticky)], &[]);
}

/// The target group with attributes.
fn attributes(said: &[(&str, &str)]) -> String {
    let said = said
        .iter()
        .map(|(key, value)| format!("{{ Key: {key}, Value: \"{value}\" }}"));
    format!("{GROUP}    Attributes: [{}]\n", said.collect::<Vec<_>>().join(", "))
}

#[test]
fn appliances_are_asked_by_geneve_at_its_port() {
    let group = |to: &str, expected: &[&str]| refused(&[(GROUP, to)], expected);
    group(
        "    Protocol: GENEVE\n    Port: 80\n",
        &["InvalidParameterValue: GENEVE has port 6081, not 80"],
    );
    group(
        "    Protocol: GENEVE\n",
        &["MissingParameter: target group \"appliances\" is missing Port: GENEVE has port 6081"],
    );
    refused(
        &[("{ Id: appliance-1 }", "{ Id: appliance-1, Port: 6082 }")],
        &["InvalidParameterValue: GENEVE has port 6081, not 6082"],
    );
    refused(
        &[("TargetType: instance", "TargetType: lambda")],
        &[
            "InvalidConfigurationRequest: a Gateway Load Balancer's targets are of TargetType instance or ip, not lambda",
        ],
    );
    let by_address = |id: &str| {
        [
            ("TargetType: instance".to_owned(), "TargetType: ip".to_owned()),
            ("{ Id: appliance-1 }".to_owned(), format!("{{ Id: {id} }}")),
            ("{ Id: appliance-2 }".to_owned(), "{ Id: 10.9.1.11 }".to_owned()),
        ]
    };
    for (id, expected) in [
        ("10.9.1.10", &[][..]),
        ("nobody", &["InvalidTarget: \"nobody\" isn't an address"]),
        ("8.8.8.8", &["InvalidTarget: 8.8.8.8 is neither of the VPC nor private"]),
    ] {
        let parts = by_address(id);
        let parts: Vec<_> = parts.iter().map(|(from, to)| (&**from, &**to)).collect();
        refused(&parts, expected);
    }
    let parts = by_address("\"2001:db8::1\"");
    let parts: Vec<_> = parts.iter().map(|(from, to)| (&**from, &**to)).collect();
    let problems = told(&changed(&parts));
    assert_eq!(
        problems[0],
        "InvalidTarget: 2001:db8::1 isn't IPv4, by which appliances are asked"
    );
}

#[test]
fn a_group_of_appliances_says_what_becomes_of_flows() {
    let group = |said: &[(&str, &str)], expected: &[&str]| refused(&[(GROUP, &attributes(said))], expected);
    group(
        &[("preserve_client_ip.enabled", "true")],
        &["InvalidConfigurationRequest: there is no attribute \"preserve_client_ip.enabled\""],
    );
    group(
        &[("stickiness.type", "source_ip")],
        &[
            "InvalidConfigurationRequest: stickiness.type is source_ip_dest_ip or source_ip_dest_ip_proto, not \"source_ip\"",
        ],
    );
    group(
        &[("target_failover.on_unhealthy", "rebalance")],
        &[
            "InvalidConfigurationRequest: target_failover.on_unhealthy and target_failover.on_deregistration have one value",
        ],
    );
    group(
        &[
            ("target_failover.on_unhealthy", "sometimes"),
            ("target_failover.on_deregistration", "sometimes"),
        ],
        &[
            "InvalidConfigurationRequest: target_failover.on_unhealthy is no_rebalance or rebalance, not \"sometimes\"",
            "InvalidConfigurationRequest: target_failover.on_deregistration is no_rebalance or rebalance, not \"sometimes\"",
        ],
    );
    let both = [
        ("target_failover.on_unhealthy", "rebalance"),
        ("target_failover.on_deregistration", "rebalance"),
    ];
    assert!(lab(&[(GROUP, &attributes(&both))]).resources.target_groups[0].rebalances());
    for (said, expected) in [
        (
            &[("stickiness.type", "source_ip_dest_ip")][..],
            FlowStickiness::FiveTuple,
        ),
        (&[("stickiness.enabled", "true")], FlowStickiness::ThreeTuple),
        (
            &[
                ("stickiness.enabled", "true"),
                ("stickiness.type", "source_ip_dest_ip_proto"),
            ],
            FlowStickiness::ThreeTuple,
        ),
        (
            &[("stickiness.enabled", "true"), ("stickiness.type", "source_ip_dest_ip")],
            FlowStickiness::TwoTuple,
        ),
    ] {
        let resolved = lab(&[(GROUP, &attributes(said))]);
        assert_eq!(
            resolved.resources.target_groups[0].flow_stickiness(),
            expected,
            "{said:?}"
        );
    }
}
