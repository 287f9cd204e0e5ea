//! What AWS refuses of load balancers and listeners (semantics 13), and what isn't supported here.

use super::*;

const LISTENER: &str = "Port: 443, Protocol: TCP, DefaultActions: [{ Type: forward, TargetGroupArn: targets }]";

#[track_caller]
fn listener(to: &str, expected: &[&str]) {
    check(&[(LISTENER, to)], expected);
}

#[test]
fn a_listener_has_a_port_and_a_protocol() {
    let to = |protocol: &str| LISTENER.replace("Protocol: TCP", &format!("Protocol: {protocol}"));
    listener(
        &to("TLS"),
        &["UnsupportedProtocol: TLS listeners aren't supported: packets are forwarded as they are"],
    );
    listener(
        &to("QUIC"),
        &["UnsupportedProtocol: QUIC listeners aren't supported: packets are forwarded as they are"],
    );
    listener(
        &to("HTTP"),
        &["UnsupportedProtocol: a Network Load Balancer has no HTTP listeners"],
    );
    listener(
        &LISTENER.replace("Port: 443", "Port: 0"),
        &["InvalidParameterValue: a port is a number from 1 to 65535, not 0"],
    );
    listener(
        &LISTENER.replace("Port: 443, ", ""),
        &["MissingParameter: listener \"https\" is missing Port"],
    );
    listener(
        &LISTENER.replace("Protocol: TCP, ", ""),
        &["MissingParameter: listener \"https\" is missing Protocol"],
    );
}

#[test]
fn a_listener_forwards_to_one_target_group() {
    const ONE: &str = "InvalidConfigurationRequest: a listener of a Network Load Balancer forwards to one target group, without weights";
    let to = |actions: &str| LISTENER.replace("[{ Type: forward, TargetGroupArn: targets }]", actions);
    let several = "[{ Type: forward, ForwardConfig: { TargetGroups: [{ TargetGroupArn: targets, Weight: 1 }, { TargetGroupArn: targets, Weight: 9 }] } }]";
    listener(&to(several), &[ONE]);
    listener(
        &to("[{ Type: forward, TargetGroupArn: targets }, { Type: forward, TargetGroupArn: targets }]"),
        &[ONE],
    );
    listener(&to("[{ Type: redirect, TargetGroupArn: targets }]"), &[ONE]);
    listener(
        &to("[{ Type: forward, ForwardConfig: { TargetGroups: [{ TargetGroupArn: targets }] } }]"),
        &[],
    );
    listener(
        &to("[]"),
        &["MissingParameter: listener \"https\" is missing DefaultActions"],
    );
    listener(
        &to("[{ Type: forward }]"),
        &["MissingParameter: the action of listener \"https\" is missing TargetGroupArn"],
    );
    listener(
        &to("[{ Type: forward, TargetGroupArn: target }]"),
        &["TargetGroupNotFound: there is no target group \"target\""],
    );
    check(
        &[("LoadBalancerArn: front,", "LoadBalancerArn: fronts,")],
        &["LoadBalancerNotFound: there is no load balancer \"fronts\""],
    );
    check(
        &[("    Port: 8443\n    VpcId: p\n", "    Port: 8443\n    VpcId: a\n")],
        &[
            "InvalidConfigurationRequest: target group \"targets\" is of VPC \"a\", and the load balancer of another one",
        ],
    );
    let other = (
        "listeners:\n",
        "  other: { Type: network, Scheme: internal, VpcId: p, AvailabilityZones: [{ SubnetId: front }] }\nlisteners:\n  z: { LoadBalancerArn: other, Port: 443, Protocol: TCP, DefaultActions: [{ Type: forward, TargetGroupArn: targets }] }\n",
    );
    let problems = told(&exchanged(&[other]));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("TargetGroupAssociationLimit: target group \"targets\" is load balancer "),
        "{problems:?}"
    );
}

#[test]
fn tcp_and_udp_of_a_port_may_be_two_listeners() {
    let udp = (
        "target_groups:\n",
        "  z: { LoadBalancerArn: front, Port: 443, Protocol: UDP, DefaultActions: [{ Type: forward, TargetGroupArn: udp }] }\ntarget_groups:\n  udp: { Protocol: UDP, Port: 443, VpcId: p, TargetType: ip }\n",
    );
    check(
        &[udp],
        &[
            "M38: the load balancer's groups don't admit the clients of endpoint \"svc\", in 10.0.0.0/16",
            "M31: no rule of the groups of endpoint \"svc\" admits anybody at UDP port 443",
        ],
    );
    let both = udp.1.replace("Protocol: UDP", "Protocol: TCP_UDP");
    let problems = told(&exchanged(&[(udp.0, &both)]));
    assert!(problems[0].starts_with("DuplicateListener: listener "), "{problems:?}");
}

#[test]
fn attributes_are_those_there_are() {
    let group = |key: &str, value: &str, expected: &[&str]| {
        let to = format!("    TargetType: ip\n    Attributes: [{{ Key: {key}, Value: \"{value}\" }}]\n");
        check(&[("    TargetType: ip\n", &to)], expected);
    };
    group("deregistration_delay.timeout_seconds", "3600", &[]);
    group(
        "deregistration_delay.timeout_seconds",
        "3601",
        &["InvalidConfigurationRequest: deregistration_delay.timeout_seconds is a number from 0 to 3600, not \"3601\""],
    );
    group(
        "deregistration_delay.timeout_seconds",
        "soon",
        &["InvalidConfigurationRequest: deregistration_delay.timeout_seconds is a number from 0 to 3600, not \"soon\""],
    );
    group(
        "proxy_protocol_v2.enabled",
        "yes",
        &["InvalidConfigurationRequest: proxy_protocol_v2.enabled is true or false, not \"yes\""],
    );
    group("stickiness.type", "source_ip", &[]);
    group(
        "stickiness.type",
        "lb_cookie",
        &["InvalidConfigurationRequest: stickiness.type is source_ip, not \"lb_cookie\""],
    );
    group(
        "stickiness",
        "true",
        &["InvalidConfigurationRequest: there is no attribute \"stickiness\""],
    );
    let balancer = |key: &str, value: &str, expected: &[&str]| {
        let to = format!("    Scheme: internal\n    Attributes: [{{ Key: {key}, Value: \"{value}\" }}]\n");
        check(&[("    Scheme: internal\n", &to)], expected);
    };
    balancer("load_balancing.cross_zone.enabled", "true", &[]);
    balancer(
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
        &[
            "InvalidConfigurationRequest: load_balancing.cross_zone.enabled is true or false, not \"use_load_balancer_configuration\"",
        ],
    );
    let idle = |value: &str| {
        LISTENER.replace(
            "Port: 443",
            &format!("Attributes: [{{ Key: tcp.idle_timeout.seconds, Value: \"{value}\" }}], Port: 443"),
        )
    };
    listener(&idle("60"), &[]);
    listener(
        &idle("59"),
        &["InvalidConfigurationRequest: tcp.idle_timeout.seconds is a number from 60 to 6000, not \"59\""],
    );
    listener(
        &LISTENER.replace(
            "Port: 443",
            "Attributes: [{ Key: tcp.idle_timeout.seconds, Value: \"60\" }, { Key: tcp.idle_timeout.seconds, Value: \"61\" }], Port: 443",
        ),
        &["InvalidConfigurationRequest: tcp.idle_timeout.seconds is there already"],
    );
}

#[test]
fn each_attribute_that_is_there_already_is_told() {
    let said = [
        "a",
        "stickiness.enabled",
        "b",
        "stickiness.enabled",
        "stickiness.enabled",
    ];
    let said = said.map(|key| format!("{{ Key: {key}, Value: \"true\" }}"));
    let to = format!("    TargetType: ip\n    Attributes: [{}]\n", said.join(", "));
    let again = "InvalidConfigurationRequest: stickiness.enabled is there already";
    check(
        &[("    TargetType: ip\n", &to)],
        &[
            "InvalidConfigurationRequest: there is no attribute \"a\"",
            "InvalidConfigurationRequest: there is no attribute \"b\"",
            again,
            again,
        ],
    );
}

#[test]
fn a_listener_is_some_load_balancers() {
    check(
        &[("  https: { LoadBalancerArn: front, ", "  https: { ")],
        &["MissingParameter: listener \"https\" is missing LoadBalancerArn"],
    );
}

#[test]
fn dumps_may_have_load_balancers_of_new_types() {
    check_dumped(|answers| {
        let mut other = answers["LoadBalancers"][0].clone();
        other["Type"] = "new".into();
        other["LoadBalancerArn"] = other["LoadBalancerArn"]
            .as_str()
            .expect("an ARN")
            .replace("front", "other")
            .into();
        other["AvailabilityZones"] = serde_json::json!([]);
        let balancers = answers["LoadBalancers"].as_array_mut();
        balancers.expect("load balancers").push(other);
    });
}

#[test]
fn a_load_balancer_has_a_type() {
    let kind = |line: &str| told(&exchanged(&[("    Type: network\n", line)]));
    assert_eq!(kind("")[0], "MissingParameter: load balancer \"front\" is missing Type");
    assert_eq!(
        kind("    Type: nlb\n")[0],
        "InvalidParameterValue: Type is network, gateway or application, not \"nlb\""
    );
    let other = (
        "load_balancers:\n",
        "load_balancers:\n  web: { Type: application, Scheme: internal, VpcId: p }\n",
    );
    check(&[other], &[]);
}

#[test]
fn a_load_balancer_has_what_its_type_has() {
    check(
        &[("    Scheme: internal\n", "    Scheme: intern\n")],
        &[
            "InvalidParameterValue: Scheme is internet-facing or internal, not intern",
            "InvalidSubnet: VPC \"p\" has no internet gateway",
        ],
    );
    check(
        &[("SecurityGroups: [p/balancer]", "SecurityGroups: [a/web]")],
        &["InvalidSecurityGroup: security group \"web\" is in another VPC"],
    );
    check(
        &[("Groups: [{ GroupId: a/web }]", "Groups: [{ GroupId: p/balancer }]")],
        &["InvalidGroup.NotFound: security group \"balancer\" is in another VPC"],
    );
    check(
        &[(
            "[{ SubnetId: front }, {",
            "[{ SubnetId: front, LoadBalancerAddresses: [{}, {}] }, {",
        )],
        &["InvalidConfigurationRequest: a zone's node has one address of each family"],
    );
}
