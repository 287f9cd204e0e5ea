//! What AWS refuses of target groups and their targets (semantics 13.3 to 13.5).

use super::*;

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
fn a_target_group_has_a_protocol() {
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
fn a_target_group_has_as_many_targets_as_its_quota() {
    let with = |quotas: &str, count: u32| {
        let targets: Vec<_> = (0..count)
            .map(|n| format!("{{ Target: {{ Id: 10.2.{}.{} }} }}", n / 250 + 1, n % 250 + 1))
            .collect();
        let written = "{ Target: { Id: 10.2.1.60, Port: 8443 } }, { Target: { Id: 10.2.2.60, Port: 8443 } }";
        quotas.to_owned() + &exchanged(&[(written, &targets.join(", "))])
    };
    let problem = "TooManyTargets: more than 1000 targets of a target group";
    assert_eq!(told(&with("", 1000)), [""; 0]);
    assert_eq!(told(&with("", 1001)), [problem]);
    assert_eq!(
        told(&with("quotas: { targets_per_target_group: 1001 }\n", 1001)),
        [""; 0]
    );
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
