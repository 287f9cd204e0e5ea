//! What is refused before anybody asks what it means.

use super::*;

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
        ["1:1 the sources have more than 67108864 bytes in all"]
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
    let fields = "its fields are subnet, PrivateIpAddress, PrivateIpAddresses, Ipv6Addresses, Ipv6AddressCount, \
                  Ipv4Prefixes, Ipv6Prefixes, groups, SourceDestCheck, InterfaceType, ConnectionTracking, allowance, \
                  namespace, tap, device, adopt, MacAddress, Description, Attachment, associations, elastic_ip, \
                  public_ip, AssociatePublicIpAddress, DenyAllIgwTraffic, RequesterManaged, \
                  RequesterId, NetworkInterfaceId, Name, account, tags, rest";
    assert_eq!(help(&foreign).as_deref(), Some(fields));
}
