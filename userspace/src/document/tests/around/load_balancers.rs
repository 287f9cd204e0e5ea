//! What AWS refuses of load balancers, listeners and target groups (semantics 13), and what isn't supported here.

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

const GROUP: &str = "    Protocol: TCP\n    Port: 8443\n    VpcId: p\n    TargetType: ip\n";

#[test]
fn udp_targets_see_their_clients() {
    let udp = GROUP.replace("TCP", "UDP") + "    Attributes: [{ Key: preserve_client_ip.enabled, Value: \"false\" }]\n";
    check(
        &[
            (GROUP, &udp),
            ("Port: 443, Protocol: TCP,", "Port: 443, Protocol: UDP,"),
        ],
        &["InvalidConfigurationRequest: targets of protocol UDP always see their clients' addresses"],
    );
}

#[test]
fn a_target_group_has_a_type_a_vpc_and_ports() {
    let group = |from: &str, to: &str, expected: &[&str]| check(&[(GROUP, &GROUP.replace(from, to))], expected);
    group(
        "TargetType: ip",
        "TargetType: alb",
        &["InvalidConfigurationRequest: Application Load Balancers aren't supported as targets"],
    );
    group(
        "TargetType: ip",
        "TargetType: lambda",
        &[
            "InvalidConfigurationRequest: a Network Load Balancer's targets are of TargetType instance or ip, not lambda",
            "InvalidTarget: \"10.2.1.60\" is no instance of VPC \"p\"",
            "InvalidTarget: \"10.2.2.60\" is no instance of VPC \"p\"",
        ],
    );
    group(
        "    VpcId: p\n",
        "",
        &["MissingParameter: target group \"targets\" is missing VpcId"],
    );
    group(
        "Port: 8443",
        "Port: 0",
        &["InvalidParameterValue: a port is a number from 1 to 65535, not 0"],
    );
    check(
        &[
            (GROUP, &GROUP.replace("    Port: 8443\n", "")),
            ("{ Id: 10.2.1.60, Port: 8443 }", "{ Id: 10.2.1.60 }"),
        ],
        &["MissingParameter: target \"10.2.1.60\" has no port, and its group neither"],
    );
}

#[track_caller]
fn checked(fields: &str, expected: &[&str]) {
    check(&[(GROUP, &format!("{GROUP}    {fields}\n"))], expected);
}

#[test]
fn health_checks_are_within_what_aws_takes() {
    for fields in [
        "HealthCheckProtocol: TCP",
        "HealthCheckProtocol: HTTPS",
        "HealthCheckPort: traffic-port",
        "HealthCheckPort: \"1\"",
        "HealthCheckPort: \"65535\"",
        "Matcher: { HttpCode: \"200-299,404,599\" }",
        "HealthCheckIntervalSeconds: 5",
        "HealthCheckIntervalSeconds: 300",
        "HealthCheckTimeoutSeconds: 2",
        "HealthCheckTimeoutSeconds: 120",
        "HealthyThresholdCount: 2",
        "UnhealthyThresholdCount: 10",
    ] {
        checked(fields, &[]);
    }
    for (field, range, wrong) in [
        ("HealthCheckIntervalSeconds", "5 to 300", [4, 301]),
        ("HealthCheckTimeoutSeconds", "2 to 120", [1, 121]),
        ("HealthyThresholdCount", "2 to 10", [1, 11]),
        ("UnhealthyThresholdCount", "2 to 10", [1, 11]),
    ] {
        for wrong in wrong {
            let problem = format!("InvalidConfigurationRequest: {field} is a number from {range}, not {wrong}");
            checked(&format!("{field}: {wrong}"), &[&problem]);
        }
    }
}

#[test]
fn health_checks_ask_by_a_known_protocol_at_a_port_for_known_codes() {
    for wrong in ["HTPP", "http", "UDP"] {
        let problem =
            format!("InvalidConfigurationRequest: targets are checked by TCP, HTTP or HTTPS, not by \"{wrong}\"");
        checked(&format!("HealthCheckProtocol: {wrong}"), &[&problem]);
    }
    for wrong in ["traffic_port", "0", "65536", "http"] {
        let problem = format!(
            "InvalidConfigurationRequest: HealthCheckPort is traffic-port or a number from 1 to 65535, not \"{wrong}\""
        );
        checked(&format!("HealthCheckPort: \"{wrong}\""), &[&problem]);
    }
    for wrong in ["ok", "200-", "199", "600", "299-200"] {
        let problem = format!(
            "InvalidConfigurationRequest: HttpCode has codes and ranges of codes from 200 to 599, not \"{wrong}\""
        );
        checked(&format!("Matcher: {{ HttpCode: \"{wrong}\" }}"), &[&problem]);
    }
}

#[test]
fn connections_of_udp_targets_arent_ended() {
    const KEY: &str = "target_health_state.unhealthy.connection_termination.enabled";
    let group = |protocol: &str, value: &str| {
        GROUP.replace("TCP", protocol) + &format!("    Attributes: [{{ Key: {KEY}, Value: \"{value}\" }}]\n")
    };
    let with = |protocol: &str, value: &str, expected: &[&str]| {
        let listener = format!("Port: 443, Protocol: {protocol},");
        let text = exchanged(&[
            (GROUP, &group(protocol, value)),
            ("Port: 443, Protocol: TCP,", &listener),
        ]);
        let errors: Vec<_> = told(&text).into_iter().filter(|told| !told.starts_with('M')).collect();
        assert_eq!(errors, expected, "{protocol} {value}");
    };
    with("TCP", "true", &[]);
    for udp in ["UDP", "TCP_UDP"] {
        with(udp, "false", &[]);
        let problem =
            format!("InvalidConfigurationRequest: connections to unhealthy targets of protocol {udp} can't be ended");
        with(udp, "true", &[&problem]);
    }
}

/// Reads what AWS would tell of the configuration, with something changed that AWS may tell.
#[track_caller]
fn check_dumped(change: impl Fn(&mut serde_json::Map<String, serde_json::Value>)) {
    let resolved = parse("good.yaml", GOOD.as_bytes()).expect("a configuration");
    let mut answers = crate::export::aws(&resolved.resources);
    change(&mut answers);
    let bytes = serde_json::to_vec(&answers).expect("JSON");
    if let Err(problems) = read(&[Source::new("all.json", bytes)], None) {
        panic!("{problems}");
    }
}

#[test]
fn dumps_may_have_the_default_of_what_udp_cant_have() {
    const KEY: &str = "target_health_state.unhealthy.connection_termination.enabled";
    check_dumped(|answers| {
        answers["Listeners"] = serde_json::json!([]);
        let group = &mut answers["TargetGroups"][0];
        group["Protocol"] = "UDP".into();
        group["Attributes"] = serde_json::json!([{ "Key": KEY, "Value": "true" }]);
    });
}

#[test]
fn what_is_required_is_there() {
    check(
        &[("  https: { LoadBalancerArn: front, ", "  https: { ")],
        &["MissingParameter: listener \"https\" is missing LoadBalancerArn"],
    );
    let group = |from: &str, to: &str, expected: &[&str]| check(&[(GROUP, &GROUP.replace(from, to))], expected);
    let missing = "MissingParameter: target group \"targets\" is missing Protocol";
    group("    Protocol: TCP\n", "", &[missing]);
    let function = "target_groups:\n  function: { TargetType: lambda }\n";
    check(&[("target_groups:\n", function)], &[]);
    let to_function = ("TargetGroupArn: targets", "TargetGroupArn: function");
    check(
        &[("target_groups:\n", function), to_function],
        &["MissingParameter: target group \"function\" is missing Protocol"],
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
fn targets_are_instances_or_addresses() {
    let targets = |group: &str, first: &str, expected: &[&str]| {
        let second = if group.contains("instance") { "t2" } else { "10.2.2.60" };
        check(
            &[
                (GROUP, group),
                (
                    "{ Id: 10.2.1.60, Port: 8443 }",
                    &format!("{{ Id: {first}, Port: 8443 }}"),
                ),
                (
                    "{ Id: 10.2.2.60, Port: 8443 }",
                    &format!("{{ Id: {second}, Port: 8443 }}"),
                ),
            ],
            expected,
        );
    };
    let instances = GROUP.replace("TargetType: ip", "TargetType: instance");
    targets(&instances, "t1", &[]);
    targets(&instances, "t3", &["InvalidTarget: \"t3\" is no instance of VPC \"p\""]);
    targets(
        &instances,
        "10.2.1.60",
        &["InvalidTarget: \"10.2.1.60\" is no instance of VPC \"p\""],
    );
    targets(GROUP, "t1x", &["InvalidTarget: \"t1x\" isn't an address"]);
    targets(GROUP, "100.64.0.1", &[]);
    targets(
        GROUP,
        "100.128.0.1",
        &["InvalidTarget: 100.128.0.1 is neither of the VPC nor private"],
    );
    let preserving = GROUP.to_owned() + "    Attributes: [{ Key: preserve_client_ip.enabled, Value: \"true\" }]\n";
    let node = |group: &str, expected: &[&str]| {
        check(
            &[
                (GROUP, group),
                ("{ Id: 10.2.1.60, Port: 8443 }", "{ Id: 10.2.1.50, Port: 8443 }"),
                (
                    "[{ SubnetId: front }, {",
                    "[{ SubnetId: front, LoadBalancerAddresses: [{ PrivateIPv4Address: 10.2.1.50 }] }, {",
                ),
            ],
            expected,
        );
    };
    node(
        &preserving,
        &[
            "InvalidTarget: 10.2.1.50 is a load balancer's node, which can't be a target that sees its clients' addresses",
        ],
    );
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
