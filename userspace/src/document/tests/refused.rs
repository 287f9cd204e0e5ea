//! Documents that are refused, each with the place, the reason and AWS's code.

use super::*;

const TABLE: &str = "custom: { subnets: [db] }";

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
}

#[test]
fn a_vpcs_block_may_be_public() {
    for block in [
        "10.0.0.0/28",
        "20.0.0.0/16",
        "100.64.0.0/16",
        "126.255.0.0/16",
        "128.0.0.0/16",
        "223.255.0.0/16",
    ] {
        accept(&format!("vpcs: {{ a: {{ CidrBlock: {block} }} }}"));
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
fn a_namespace_to_be_adopted_is_on_the_host() {
    let adopts = |name: &str| small(INSTANCE, &format!("{{ subnet: web, namespace: {name}, adopt: true }}"));
    let host = Host {
        namespaces: vec!["n1".to_owned()],
        devices: Vec::new(),
    };
    let on_host = |document: &str| read(&[Source::new("blue.yaml", document.as_bytes())], Some(&host));
    let refused = |document: &str| on_host(document).expect_err("problems");
    assert_eq!(on_host(&adopts("n1")), Ok(accept(&adopts("n1"))));
    // Without adopt it is made. On an unknown host nothing is missing.
    assert!(on_host(&adopts("n2").replace("true", "false")).is_ok());
    accept(&adopts("n2"));
    let problems = refused(&adopts("n2"));
    assert_eq!(lines(&problems), ["8:40 this host has no network namespace \"n2\""]);
    assert_eq!(
        problems.problems[0].help.as_deref(),
        Some("make it with `ip netns add n2`, or remove adopt to have it made")
    );
    // Once is enough to say that a name is none, and the other problems are told as ever.
    assert_eq!(
        lines(&refused(&adopts("n.2"))),
        ["8:40 \"n.2\" can't be the name of a namespace"]
    );
    let both = adopts("n2").replace("10.0.2.0/24", "10.0.1.0/24");
    let told = refused(&both);
    assert_eq!(told.problems.len(), 2, "{told}");
    assert_eq!((told.problems[0].place.line, told.problems[1].place.line), (6, 8));
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
}
