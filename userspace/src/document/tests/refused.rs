//! Documents that are refused, each with the place, the reason and AWS's code.

use super::*;

/// Checks the problems of the small document with one piece of text exchanged.
fn check_small(from: &str, to: &str, expected: &[&str]) {
    check(&small(from, to), expected);
}

const INSTANCE: &str = "{ subnet: web, namespace: n1 }";
const TABLE: &str = "custom: { subnets: [db] }";

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    check("", &["1:1 the document is empty"]);
    check("# nothing\n", &["1:1 the document is empty"]);
    check("vpcs: {\n", &["1:7 not YAML: unclosed bracket '{'"]);
    check("vpcs: {}\n---\nvpcs: {}\n", &["2:1 a second document in one file"]);
}

#[test]
fn what_is_no_text_is_told_with_its_place() {
    let problems = parse("x", b"vpcs:\n  a\xff").expect_err("a problem");
    assert_eq!(lines(&problems), ["2:4 not text in UTF-8"]);
    let problems = parse("x", &vec![b' '; MAX_LEN + 1]).expect_err("a problem");
    assert_eq!(
        lines(&problems),
        ["1:1 the document has 1048577 bytes, more than 1048576"]
    );
    assert_eq!(
        lines(&parse("x", &vec![b' '; MAX_LEN]).expect_err("a problem")),
        ["1:1 the document is empty"]
    );
}

#[test]
fn nothing_in_a_document_stands_for_more_than_it_is() {
    check_small(
        INSTANCE,
        "&a { subnet: web, namespace: n1 }\n      web-2: *a",
        &["9:14 aliases aren't part of the language"],
    );
    check_small(
        INSTANCE,
        "!Sub { subnet: web, namespace: n1 }",
        &["8:14 tags aren't part of the language"],
    );
    let deep = format!("vpcs: {}", "[".repeat(100_000));
    assert_eq!(parse("x", deep.as_bytes()).expect_err("a problem").problems.len(), 1);
}

#[test]
fn a_name_is_given_once() {
    check_small(
        "db: {",
        "web: {",
        &[
            "6:7 \"web\" is there twice",
            "10:27 InvalidSubnetID.NotFound: VPC \"blue\" has no subnet \"db\"",
        ],
    );
    check(
        "vpcs: { a: { CidrBlock: 10.0.0.0/16 }, a: { CidrBlock: 10.0.0.0/16 } }",
        &["1:40 \"a\" is there twice"],
    );
    check_small(
        "CidrBlock: 10.0.0.0/16",
        "CidrBlock: 10.0.0.0/16\n    CidrBlock: 10.1.0.0/16",
        &["4:5 \"CidrBlock\" is there twice"],
    );
    check("vpcs: { [a]: {} }", &["1:9 a key must be a word, this is a list"]);
}

#[test]
fn unknown_fields_are_told_with_what_was_probably_meant() {
    check(
        "vpc: {}",
        &[
            "1:1 MissingParameter: the document is missing vpcs",
            "1:1 the document has no field \"vpc\"",
        ],
    );
    check_small(
        INSTANCE,
        "{ subnet: web, namespace: n1, SourceDestChek: false }",
        &["8:44 instance \"web-1\" has no field \"SourceDestChek\""],
    );
    let help = |document: &str| {
        parse("x", document.as_bytes()).expect_err("a problem").problems[0]
            .help
            .clone()
    };
    let misspelt = small(INSTANCE, "{ subnet: web, namespace: n1, SourceDestChek: false }");
    assert_eq!(help(&misspelt).as_deref(), Some("did you mean SourceDestCheck?"));
    let foreign = small(INSTANCE, "{ subnet: web, namespace: n1, flavour: mild }");
    let fields = "its fields are subnet, PrivateIpAddress, SourceDestCheck, namespace, tap, adopt";
    assert_eq!(help(&foreign).as_deref(), Some(fields));
}

#[test]
fn a_field_of_the_wrong_kind_is_told_with_what_it_should_be() {
    check("[]", &["1:1 the document must be a mapping, this is a list"]);
    check("vpcs: blue", &["1:7 vpcs must be a mapping, this is \"blue\""]);
    check_small(
        "10.0.0.0/16",
        "[10.0.0.0/16]",
        &["3:16 CidrBlock must be a word, this is a list"],
    );
    check_small(
        INSTANCE,
        "web",
        &["8:14 instance \"web-1\" must be a mapping, this is \"web\""],
    );
    check_small("[db]", "db", &["10:26 subnets must be a list, this is \"db\""]);
    check_small(
        "[db]",
        "[{}]",
        &["10:27 a subnet's name must be a word, this is a mapping"],
    );
    for wrong in ["\"true\"", "yes", "1"] {
        let shown = wrong.trim_matches('"');
        check_small(
            INSTANCE,
            &format!("{{ subnet: web, namespace: n1, SourceDestCheck: {wrong} }}"),
            &[&format!(
                "8:61 SourceDestCheck must be true or false, this is \"{shown}\""
            )],
        );
    }
}

#[test]
fn a_field_that_must_be_there_is_missed() {
    check(
        "vpcs:\n  blue:\n",
        &["2:3 MissingParameter: VPC \"blue\" is missing CidrBlock"],
    );
    check_small(
        "web: { CidrBlock: 10.0.1.0/24 }",
        "web:",
        &["5:7 MissingParameter: subnet \"web\" is missing CidrBlock"],
    );
    check_small(
        "subnet: web, ",
        "",
        &["8:7 MissingParameter: instance \"web-1\" is missing subnet"],
    );
    check_small(
        "subnet: web, ",
        "subnet: , ",
        &["8:22 subnet must be a word, this is nothing"],
    );
    check_small(
        ", namespace: n1",
        "",
        &["8:7 MissingParameter: instance \"web-1\" is missing namespace"],
    );
    check_small(
        TABLE,
        "custom: { routes: [{}] }",
        &[
            "10:26 MissingParameter: the route is missing DestinationCidrBlock",
            "10:26 MissingParameter: the route is missing instance",
        ],
    );
}

#[test]
fn a_vpcs_block_is_one_that_aws_takes() {
    let vpc = |block: &str| format!("vpcs: {{ a: {{ CidrBlock: {block} }} }}");
    for block in ["10.0.0.0/15", "10.0.0.0/29", "10.0.0.0/0"] {
        let len = &block[9..];
        check(
            &vpc(block),
            &[&format!(
                "1:25 InvalidVpc.Range: a VPC's block is a /16 to a /28, this is a /{len}"
            )],
        );
    }
    for (block, excluded) in [
        ("169.254.1.0/24", "169.254.0.0/16"),
        ("127.0.0.0/16", "127.0.0.0/8"),
        ("0.0.0.0/16", "0.0.0.0/8"),
        ("239.255.0.0/16", "224.0.0.0/4"),
        ("255.255.0.0/16", "240.0.0.0/4"),
    ] {
        check(
            &vpc(block),
            &[&format!(
                "1:25 InvalidVpc.Range: {block} lies in {excluded}, which no VPC may use"
            )],
        );
    }
    for block in ["10.0.0/16", "10.0.0.0", "10.0.0.0/33", "blue", "fd00::/64"] {
        let message =
            format!("InvalidParameterValue: CidrBlock must be an IPv4 block such as 10.0.0.0/16, this is \"{block}\"");
        check(&vpc(block), &[&format!("1:25 {message}")]);
    }
    for block in [
        "10.0.0.0/28",
        "20.0.0.0/16",
        "100.64.0.0/16",
        "126.255.0.0/16",
        "128.0.0.0/16",
        "223.255.0.0/16",
    ] {
        accept(&vpc(block));
    }
}

#[test]
fn a_subnets_block_is_inside_its_vpcs_and_its_own() {
    for (block, message) in [
        (
            "10.1.1.0/24",
            "InvalidSubnet.Range: 10.1.1.0/24 isn't inside the VPC's block 10.0.0.0/16",
        ),
        (
            "10.0.1.0/29",
            "InvalidSubnet.Range: a subnet's block is a /16 to a /28, this is a /29",
        ),
        (
            "10.0.0.0/15",
            "InvalidSubnet.Range: a subnet's block is a /16 to a /28, this is a /15",
        ),
        (
            "10.0.1.128/25",
            "InvalidSubnet.Conflict: 10.0.1.128/25 overlaps 10.0.1.0/24 of subnet \"web\"",
        ),
        (
            "10.0.0.0/16",
            "InvalidSubnet.Conflict: 10.0.0.0/16 overlaps 10.0.1.0/24 of subnet \"web\"",
        ),
    ] {
        check_small("10.0.2.0/24", block, &[&format!("6:24 {message}")]);
    }
    accept(&small("10.0.2.0/24", "10.0.2.0/28"));
}

#[test]
fn an_instances_address_is_in_its_subnet_not_reserved_and_its_own() {
    for (address, message) in [
        (
            "10.0.2.10",
            "InvalidParameterValue: 10.0.2.10 isn't in the subnet's block 10.0.1.0/24",
        ),
        (
            "10.0.1.0",
            "InvalidParameterValue: 10.0.1.0 is one of the five addresses of 10.0.1.0/24 that nobody may have",
        ),
        (
            "10.0.1.3",
            "InvalidParameterValue: 10.0.1.3 is one of the five addresses of 10.0.1.0/24 that nobody may have",
        ),
        (
            "10.0.1.255",
            "InvalidParameterValue: 10.0.1.255 is one of the five addresses of 10.0.1.0/24 that nobody may have",
        ),
        (
            "10.0.1",
            "InvalidParameterValue: PrivateIpAddress must be an IPv4 address such as 10.0.1.10, this is \"10.0.1\"",
        ),
    ] {
        let instance = format!("{{ subnet: web, namespace: n1, PrivateIpAddress: {address} }}");
        check_small(INSTANCE, &instance, &[&format!("8:62 {message}")]);
    }
    for address in ["10.0.1.4", "10.0.1.254"] {
        accept(&small(
            INSTANCE,
            &format!("{{ subnet: web, namespace: n1, PrivateIpAddress: {address} }}"),
        ));
    }
    check_small(
        "web-1: { subnet: web, namespace: n1 }",
        "a: { subnet: web, namespace: a, PrivateIpAddress: 10.0.1.9 }\n      b: { subnet: web, namespace: b, PrivateIpAddress: 10.0.1.9 }",
        &["9:57 InvalidIPAddress.InUse: 10.0.1.9 is instance \"a\"'s"],
    );
}

#[test]
fn a_guest_is_in_one_place_and_alone_there() {
    check_small(
        INSTANCE,
        "{ subnet: web, namespace: n1, tap: t }",
        &["8:49 instance \"web-1\" has both a namespace and a tap"],
    );
    check_small(
        INSTANCE,
        "{ subnet: web, tap: t, adopt: true }",
        &["8:34 instance \"web-1\" adopts a tap"],
    );
    let two = |place: &str| format!("{INSTANCE}\n      web-2: {{ subnet: web, {place} }}");
    check_small(
        INSTANCE,
        &two("namespace: n1"),
        &["9:40 namespace \"n1\" is instance \"web-1\"'s"],
    );
    accept(&small(INSTANCE, &two("tap: n1")));
    let green = "\n  green:\n    CidrBlock: 10.0.0.0/16\n    subnets: { web: { CidrBlock: 10.0.1.0/24 } }\n    instances: { web-1: { subnet: web, namespace: n1 } }\n";
    check(
        &format!("{}{green}", SMALL.trim_end()),
        &["14:51 namespace \"n1\" is instance \"web-1\"'s"],
    );
}

#[test]
fn names_are_safe_where_they_will_stand() {
    let long = "a".repeat(65);
    for name in [
        "../x", "a/b", "a.b", ".", "..", "-a", "a b", "ä", "\"\"", "\"a\\0\"", &long,
    ] {
        let document = small("namespace: n1", &format!("namespace: {name}"));
        let problems = parse("x", document.as_bytes()).expect_err("a problem");
        assert!(
            lines(&problems)[0].ends_with("can't be the name of a namespace"),
            "{name}: {problems}"
        );
    }
    for name in [
        "a/b",
        "a:b",
        "tap%d",
        "sixteen-letters-",
        ".",
        "-a",
        "all",
        "default",
        "lo",
        "a\\b",
    ] {
        let document = small("namespace: n1", &format!("tap: {name}"));
        let problems = parse("x", document.as_bytes()).expect_err("a problem");
        assert!(
            lines(&problems)[0].ends_with("can't be the name of a tap device"),
            "{name}: {problems}"
        );
    }
    for name in ["a/b", "\"\"", ".a", "-a", "\"a\\nb\"", &long] {
        let document = small("custom:", &format!("{name}:"));
        let problems = parse("x", document.as_bytes()).expect_err("a problem");
        assert!(lines(&problems)[0].ends_with("can't be a name"), "{name}: {problems}");
    }
    accept(&small("namespace: n1", &format!("namespace: {}", &long[..64])));
    accept(&small("namespace: n1", "tap: fifteen-letters"));
}

#[test]
fn references_lead_somewhere() {
    check_small(
        "subnet: web",
        "subnet: wbe",
        &["8:24 InvalidSubnetID.NotFound: VPC \"blue\" has no subnet \"wbe\""],
    );
    check_small(
        "[db]",
        "[bd]",
        &["10:27 InvalidSubnetID.NotFound: VPC \"blue\" has no subnet \"bd\""],
    );
    let problems = parse("x", small("subnet: web", "subnet: wbe").as_bytes()).expect_err("a problem");
    assert_eq!(problems.problems[0].help.as_deref(), Some("did you mean web?"));
    check_small(
        TABLE,
        "custom: { routes: [{ DestinationCidrBlock: 10.0.1.0/24, instance: web-2 }] }",
        &["10:73 InvalidNetworkInterfaceID.NotFound: VPC \"blue\" has no instance \"web-2\""],
    );
}

#[test]
fn a_subnet_has_one_route_table() {
    check_small(
        TABLE,
        "custom: { subnets: [db] }\n      other: { subnets: [db] }",
        &["11:26 Resource.AlreadyAssociated: subnet \"db\" is in route table \"custom\" already"],
    );
    check_small(
        "custom:",
        "main:",
        &["10:7 the main route table can't be changed in this language"],
    );
}

#[test]
fn a_route_inside_the_vpc_leads_to_a_whole_subnet() {
    for (block, message) in [
        (
            "10.0.0.0/16",
            "RouteAlreadyExists: the route to 10.0.0.0/16, the VPC's own block, is there already: it is the local one",
        ),
        (
            "10.0.1.0/25",
            "InvalidParameterValue: 10.0.1.0/25 is inside the VPC, but isn't the block of one of its subnets",
        ),
        (
            "10.0.0.0/17",
            "InvalidParameterValue: 10.0.0.0/17 is inside the VPC, but isn't the block of one of its subnets",
        ),
    ] {
        let instance = format!("{INSTANCE}\n      fw: {{ subnet: web, namespace: fw, SourceDestCheck: false }}");
        let table = format!("custom: {{ routes: [{{ DestinationCidrBlock: {block}, instance: fw }}] }}");
        let document = small(INSTANCE, &instance).replace(TABLE, &table);
        check(&document, &[&format!("11:50 {message}")]);
    }
    let instance = format!("{INSTANCE}\n      fw: {{ subnet: web, namespace: fw, SourceDestCheck: false }}");
    let route = "{ DestinationCidrBlock: 10.0.1.0/24, instance: fw }";
    let document = small(INSTANCE, &instance).replace(
        TABLE,
        &format!("custom:\n        routes:\n        - {route}\n        - {route}\n"),
    );
    check(
        &document,
        &["14:35 RouteAlreadyExists: the table has a route to 10.0.1.0/24 already"],
    );
}

#[test]
fn there_is_a_limit_to_everything() {
    let vpcs = |count| -> String {
        let vpc = |n| format!("  v{n}: {{ CidrBlock: 10.0.0.0/16 }}\n");
        format!("vpcs:\n{}", (0..count).map(vpc).collect::<String>())
    };
    accept(&vpcs(200));
    check(
        &vpcs(202),
        &["202:3 VpcLimitExceeded: more than 200 VPCs in a document"],
    );
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
