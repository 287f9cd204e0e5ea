//! What is refused of a dump, and what is told of it.

use super::{EVERY_KIND, resolved};
use crate::document::{Source, read};

/// What is wrong with some files, each problem in a line.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<_> = files
        .iter()
        .map(|(name, text)| Source::new(*name, text.as_bytes()))
        .collect();
    let diagnostics = match read(&sources, None) {
        Ok(resolved) => resolved.warnings,
        Err(problems) => problems,
    };
    let problems = diagnostics.problems.iter();
    problems
        .map(|problem| format!("{} {}", problem.place, problem.message))
        .collect()
}

const VPC: &str = r#"{"Vpcs": [{"VpcId": "vpc-0a1b2c3d", "CidrBlock": "10.0.0.0/16", "OwnerId": "111122223333"}]}"#;

#[test]
fn one_page_of_several_is_refused() {
    for (token, column) in [
        (r#""NextToken": "eyJ2IjoiMiJ9""#, 30),
        (r#""nextToken": "x""#, 30),
        (r#""IsTruncated": true"#, 32),
    ] {
        let text = format!(r#"{{"Subnets": [], {token}}}"#);
        let expected = format!("a.json:1:{column} the dump is one page of several");
        assert!(
            problems(&[("vpc.json", VPC), ("a.json", &text)]).contains(&expected),
            "{token}"
        );
    }
    let last = r#"{"Subnets": [], "NextToken": "", "IsTruncated": false, "ResponseMetadata": {"RetryAttempts": 0}}"#;
    assert!(problems(&[("vpc.json", VPC), ("a.json", last)]).is_empty());
}

#[test]
fn what_is_no_resource_is_told() {
    let text = r#"{"NatGatways": [], "Volumes": []}"#;
    assert_eq!(
        problems(&[("vpc.json", VPC), ("a.json", text)]),
        [
            "a.json:1:2 nothing is known of \"NatGatways\"",
            "a.json:1:20 nothing is known of \"Volumes\""
        ]
    );
}

#[test]
fn an_object_without_its_id_or_its_vpc_is_refused() {
    let text = r#"{"Subnets": [{"VpcId": "vpc-0a1b2c3d"}, {"SubnetId": "subnet-0a1b2c3d"},
 {"SubnetId": "subnet-0a1b2c3e", "VpcId": "vpc-0a1b2c3e"}], "RouteTables": 7}"#;
    assert_eq!(
        problems(&[("vpc.json", VPC), ("a.json", text)]),
        [
            "a.json:1:14 the subnet is missing SubnetId",
            "a.json:1:41 subnet \"subnet-0a1b2c3d\" is missing VpcId",
            "a.json:2:43 the dump has no VPC \"vpc-0a1b2c3e\"",
            "a.json:2:76 RouteTables must be a list, this is \"7\"",
        ]
    );
}

#[test]
fn two_dumps_of_one_object_must_agree() {
    assert!(problems(&[("a.json", VPC), ("b.json", VPC)]).is_empty());
    let other = VPC.replace("10.0.0.0/16", "10.1.0.0/16");
    let expected = "b.json:1:37 another dump says something else of \"vpc-0a1b2c3d\"";
    assert_eq!(problems(&[("a.json", VPC), ("b.json", &other)]), [expected]);
}

#[test]
fn rules_told_in_two_ways_must_agree() {
    let group = |port: u16| {
        format!(
            r#"{{"SecurityGroups": [{{"GroupId": "sg-0a1b2c3d", "GroupName": "web", "Description": "", "VpcId": "vpc-0a1b2c3d",
 "IpPermissionsEgress": [], "IpPermissions": [{{"IpProtocol": "tcp", "FromPort": {port}, "ToPort": {port},
 "IpRanges": [{{"CidrIp": "0.0.0.0/0"}}]}}]}}], "SecurityGroupRules": [{{"SecurityGroupRuleId": "sgr-0a1b2c3d",
 "GroupId": "sg-0a1b2c3d", "IsEgress": false, "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIpv4": "0.0.0.0/0"}}]}}"#
        )
    };
    assert!(problems(&[("vpc.json", VPC), ("a.json", &group(80))]).is_empty());
    assert_eq!(
        problems(&[("vpc.json", VPC), ("a.json", &group(81))]),
        ["a.json:2:46 IpPermissions of \"sg-0a1b2c3d\" and its SecurityGroupRules don't say the same"]
    );
}

#[test]
fn what_doesnt_say_whose_it_is_needs_a_name_that_does() {
    let list = r#"{"PrefixLists": [{"PrefixListId": "pl-0a1b2c3d", "PrefixListName": "sites", "MaxEntries": 3,
 "AddressFamily": "IPv4", "OwnerId": "111122223333"}]}"#;
    let entries = r#"{"Entries": [{"Cidr": "192.0.2.0/24"}]}"#;
    let told = problems(&[("vpc.json", VPC), ("list.json", list), ("entries.json", entries)]);
    assert_eq!(told, ["entries.json:1:14 whose Entries these are is not said"]);
    let sources = [
        ("vpc.json", VPC),
        ("list.json", list),
        ("entries-pl-0a1b2c3d.json", entries),
    ];
    let it = resolved(&sources.map(|(name, text)| Source::new(name, text.as_bytes())));
    assert_eq!(
        it.resources.prefix_lists[0].entries,
        ["192.0.2.0/24".parse().expect("a block")]
    );
}

#[test]
fn a_field_of_the_wrong_kind_is_told_at_its_place() {
    let line = |text: &str| EVERY_KIND.lines().position(|line| line.contains(text)).expect("a line") + 1;
    for (from, to, expected) in [
        (
            "\"MacAddress\": \"02:ab:00:00:00:01\"",
            "\"MacAddress\": \"02:ab\"",
            "MacAddress must be a MAC address such as 02:00:00:00:00:01, this is \"02:ab\"",
        ),
        (
            "\"vlan\": 101",
            "\"vlan\": \"one\"",
            "virtual interface \"dxvif-fgputw0j\" isn't as it should be: invalid type: string \"one\", expected u16",
        ),
        (
            "\"IpAddress\": \"198.51.100.1\"",
            "\"IpAddress\": \"198.51.100\"",
            "customer gateway \"cgw-000000b0000000001\" isn't as it should be: invalid IP address syntax",
        ),
    ] {
        let told = problems(&[("every.json", &EVERY_KIND.replacen(from, to, 1))]);
        let at = format!("every.json:{}:", line(from));
        assert!(
            told.iter()
                .any(|problem| problem.starts_with(&at) && problem.ends_with(expected)),
            "{from} at {at}: {told:#?}"
        );
    }
}

#[test]
fn json_in_the_documents_own_words_is_a_document() {
    let text = r#"{"vpcs": {"blue": {"CidrBlock": "10.0.0.0/16"}}}"#;
    let it = resolved(&[Source::new("blue.json", text.as_bytes())]);
    assert_eq!(it.resources.vpcs[0].name, "blue");
}

#[test]
fn attributes_are_those_of_what_their_files_name_says() {
    let answers = r#"{"LoadBalancers": [{"LoadBalancerArn": "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/a/0a1b",
 "Type": "network"}], "TargetGroups": [{"TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/a/0c1d"}]}"#;
    let attributes = r#"{"Attributes": [{"Key": "a", "Value": "1"}]}"#;
    for (file, expected) in [("balancer.0a1b.json", [1, 0]), ("attributes-0c1d", [0, 1])] {
        let sources = [("vpc.json", VPC), ("elb.json", answers), (file, attributes)];
        let sources = sources.map(|(name, text)| Source::new(name, text.as_bytes()));
        let it = read(&sources, None).map(|it| it.resources).unwrap_or_default();
        let counts = [&it.load_balancers[0].attributes, &it.target_groups[0].attributes].map(Vec::len);
        assert_eq!(counts, expected, "{file}");
    }
}
