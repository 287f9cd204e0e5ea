//! How much is too much, and how problems are told.

use super::*;

#[test]
fn there_is_a_limit_to_vpcs() {
    let vpcs = |count| -> String {
        let vpc = |n| format!("  v{n}: {{ CidrBlock: 10.0.0.0/16 }}\n");
        format!("vpcs:\n{}", (0..count).map(vpc).collect::<String>())
    };
    accept(&vpcs(200));
    check(
        &vpcs(202),
        &["202:3 VpcLimitExceeded: more than 200 VPCs in a document"],
    );
}

#[test]
fn there_is_a_limit_to_everything_in_a_vpc() {
    let vpc = |field: &str, count, entry: &dyn Fn(usize) -> String| -> String {
        let entries: String = (0..count).map(|n| format!("      {}\n", entry(n))).collect();
        format!(
            "vpcs:\n  v:\n    CidrBlock: 10.0.0.0/16\n    subnets: {{ s: {{ CidrBlock: 10.0.0.0/17 }} }}\n    {field}:\n{entries}"
        )
    };
    let tables = |n| format!("t{n}:");
    accept(&vpc("route_tables", 200, &tables));
    check(
        &vpc("route_tables", 201, &tables),
        &["206:7 RouteTableLimitExceeded: more than 200 route tables in a VPC"],
    );
    let instances = |n| format!("i{n}: {{ subnet: s, namespace: n{n} }}");
    accept(&vpc("instances", 4096, &instances));
    check(
        &vpc("instances", 4097, &instances),
        &["4102:7 more than 4096 instances in a document"],
    );
    let subnets = |count| -> String {
        let subnet = |n: usize| format!("      s{n}: {{ CidrBlock: 10.0.{n}.0/24 }}\n");
        format!(
            "vpcs:\n  v:\n    CidrBlock: 10.0.0.0/16\n    subnets:\n{}",
            (0..count).map(subnet).collect::<String>()
        )
    };
    accept(&subnets(200));
    check(
        &subnets(201),
        &["205:7 SubnetLimitExceeded: more than 200 subnets in a VPC"],
    );
}

#[test]
fn the_limits_of_a_document_count_all_its_vpcs() {
    let subnet = |n: usize| format!("s{n}: {{ CidrBlock: 10.0.{n}.0/24 }}");
    let subnets = (0..200).map(subnet).collect::<Vec<_>>().join(", ");
    let vpc = |n: usize| format!("  v{n}: {{ CidrBlock: 10.0.0.0/16, subnets: {{ {subnets} }} }}\n");
    let vpcs: String = (0..20).map(vpc).collect();
    let last = |count: usize| {
        let subnets = (0..count)
            .map(|n| format!("      s{n}: {{ CidrBlock: 10.0.{n}.0/24 }}\n"))
            .collect::<String>();
        format!("vpcs:\n{vpcs}  last:\n    CidrBlock: 10.0.0.0/16\n    subnets:\n{subnets}")
    };
    accept(&last(96));
    check(&last(97), &["121:7 more than 4096 subnets in a document"]);

    let vpc = |name: &str, count: usize| {
        let instance = |n: usize| format!("      i{n}: {{ subnet: s, namespace: {name}{n} }}\n");
        let instances: String = (0..count).map(instance).collect();
        let subnets = "subnets: { s: { CidrBlock: 10.0.0.0/16 } }";
        format!("  {name}:\n    CidrBlock: 10.0.0.0/16\n    {subnets}\n    instances:\n{instances}")
    };
    accept(&format!("vpcs:\n{}{}", vpc("a", 4000), vpc("b", 96)));
    let document = format!("vpcs:\n{}{}", vpc("a", 4000), vpc("b", 97));
    check(&document, &["4106:7 more than 4096 instances in a document"]);
}

#[test]
fn a_table_has_so_many_routes() {
    let routes = |count: usize| {
        let route = |n: usize| {
            format!(
                "        - {{ DestinationCidrBlock: 11.0.{}.{}/32, instance: web-1 }}\n",
                n / 256,
                n % 256
            )
        };
        small(
            "{ subnets: [db] }\n",
            &format!("\n        routes:\n{}", (0..count).map(route).collect::<String>()),
        )
        .replace("n1 }", "n1, SourceDestCheck: false }")
    };
    compile(&accept(&routes(500)));
    check(
        &routes(501),
        &["10:7 RouteLimitExceeded: more than 500 routes of one family in a table"],
    );
}

#[test]
fn only_so_many_problems_are_listed_and_the_rest_is_counted() {
    let entries: String = (0..130).map(|n| format!("  v{n}: {{ CidrBlock: x }}\n")).collect();
    let problems = parse("x", format!("vpcs:\n{entries}").as_bytes()).expect_err("problems");
    assert_eq!((problems.problems.len(), problems.omitted), (100, 30));
    assert!(problems.to_string().ends_with("\n… and 30 more\n"));
}

#[test]
fn all_problems_are_told_at_once_and_in_order() {
    let document = "\
vpcs:
  blue:
    CidrBlock: 10.0.0.0/8
    subnet: {}
    subnets:
      web: { CidrBlock: 10.0.1.0/24 }
      db: { CidrBlock: 10.0.1.0/25 }
    instances:
      web-1: { subnet: web }
      web-1: { subnet: web, namespace: x }
      web-2: { subnet: nowhere, PrivateIpAddress: 10.0, namespace: a/b }
";
    check(
        document,
        &[
            "3:16 InvalidVpc.Range: a VPC's block is a /16 to a /28, this is a /8",
            "4:5 VPC \"blue\" has no field \"subnet\"",
            "7:24 InvalidSubnet.Conflict: 10.0.1.0/25 overlaps 10.0.1.0/24 of subnet \"web\"",
            "9:7 MissingParameter: instance \"web-1\" is missing namespace",
            "10:7 \"web-1\" is there twice",
            "11:24 InvalidSubnetID.NotFound: VPC \"blue\" has no subnet \"nowhere\"",
            "11:51 InvalidParameterValue: PrivateIpAddress must be an IPv4 address such as 10.0.1.10, this is \"10.0\"",
            "11:68 \"a/b\" can't be the name of a namespace",
        ],
    );
}

#[test]
fn a_problem_is_printed_with_its_line() {
    let problems = parse("blue.yaml", small("10.0.2.0/24", "10.0.1.0/25").as_bytes()).expect_err("a problem");
    let expected = "\
error[InvalidSubnet.Conflict]: 10.0.1.0/25 overlaps 10.0.1.0/24 of subnet \"web\"
 --> blue.yaml:6:24
  |
6 |       db: { CidrBlock: 10.0.1.0/25 }
  |                        ^^^^^^^^^^^
  = help: subnets of one VPC can't share addresses: choose another block
";
    assert_eq!(problems.to_string(), expected);
    assert_eq!(problems.render(false), expected);
    assert!(
        problems
            .render(true)
            .contains("\x1b[1;31merror[InvalidSubnet.Conflict]\x1b[0m")
    );
}

#[test]
fn nothing_in_a_document_reaches_the_terminal_but_text() {
    let problems = parse("a\x1b[2J", "vpcs: { \"\\e[2J\": {} } # \x07 \x1b]\n".as_bytes()).expect_err("problems");
    let text = problems.to_string();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn a_long_line_is_shown_around_the_problem() {
    let line = format!("vpcs: {{ a: {{ CidrBlock: {}x }} }}", "\"\", b: ".repeat(2000));
    let problems = parse("x", line.as_bytes()).expect_err("problems").to_string();
    assert!(problems.lines().all(|line| line.chars().count() < 160), "{problems}");
}
