//! `describe-security-groups` and `describe-security-group-rules`.

use super::{Context, Fields, add_details, arn, fields, tags};
use crate::resources::{Peer, ReferencedGroup, Resources, SecurityGroup, SecurityGroupRule, lay_over};
use ipnet::IpNet;
use serde_json::{Value, json};

pub(super) fn security_group(context: &Context<'_>, group: &SecurityGroup) -> Fields {
    let id = &*group.group_id;
    let mut said = fields(json!({
        "GroupId": id,
        "GroupName": group.group_name,
        "Description": group.description,
        "VpcId": group.vpc_id,
        "IpPermissions": permissions(group, false),
        "IpPermissionsEgress": permissions(group, true),
        "SecurityGroupArn": arn(context.region_of(&group.vpc_id), &group.details, "security-group", id),
    }));
    add_details(&mut said, &group.details, None);
    said
}

/// The rules of one direction, those for the same protocol and ports together.
fn permissions(group: &SecurityGroup, is_egress: bool) -> Vec<Value> {
    let mut together: Vec<(Fields, Vec<&SecurityGroupRule>)> = Vec::new();
    for rule in group.rules.iter().filter(|rule| rule.is_egress == is_egress) {
        let selector = selector(rule);
        match together.iter_mut().find(|(other, _)| *other == selector) {
            Some((_, rules)) => rules.push(rule),
            None => together.push((selector, vec![rule])),
        }
    }
    let permission = |(mut said, rules): (Fields, Vec<&SecurityGroupRule>)| {
        for (list, peer) in [
            (
                "IpRanges",
                cidr_ip as fn(&SecurityGroup, &SecurityGroupRule) -> Option<Fields>,
            ),
            ("Ipv6Ranges", cidr_ipv6),
            ("PrefixListIds", prefix_list_id),
            ("UserIdGroupPairs", user_id_group_pair),
        ] {
            let peers = rules.iter().filter_map(|rule| {
                let mut said = peer(group, rule)?;
                said.extend(
                    rule.description
                        .clone()
                        .map(|text| ("Description".to_owned(), text.into())),
                );
                Some(Value::Object(said))
            });
            said.insert(list.to_owned(), peers.collect());
        }
        Value::Object(said)
    };
    together.into_iter().map(permission).collect()
}

fn cidr_ip(_: &SecurityGroup, rule: &SecurityGroupRule) -> Option<Fields> {
    match rule.peer {
        Peer::Cidr(IpNet::V4(block)) => Some(fields(json!({"CidrIp": block.to_string()}))),
        _ => None,
    }
}

fn cidr_ipv6(_: &SecurityGroup, rule: &SecurityGroupRule) -> Option<Fields> {
    match rule.peer {
        Peer::Cidr(IpNet::V6(block)) => Some(fields(json!({"CidrIpv6": block.to_string()}))),
        _ => None,
    }
}

fn prefix_list_id(_: &SecurityGroup, rule: &SecurityGroupRule) -> Option<Fields> {
    match &rule.peer {
        Peer::PrefixList(id) => Some(fields(json!({"PrefixListId": id}))),
        _ => None,
    }
}

fn user_id_group_pair(group: &SecurityGroup, rule: &SecurityGroupRule) -> Option<Fields> {
    match &rule.peer {
        Peer::Group(id) => Some(referenced(group, id, &rule.referenced_group)),
        _ => None,
    }
}

/// A group that a rule names, and where it is. The owner is always said, if anybody is known to be.
fn referenced(group: &SecurityGroup, id: &str, told: &ReferencedGroup) -> Fields {
    let mut said = match serde_json::to_value(told) {
        Ok(value) => fields(value),
        Err(_) => Fields::new(),
    };
    said.insert("GroupId".to_owned(), id.into());
    if told.user_id.is_none() && !group.details.owner_id.is_empty() {
        said.insert("UserId".to_owned(), group.details.owner_id.clone().into());
    }
    said
}

/// Protocol and ports.
fn selector(rule: &SecurityGroupRule) -> Fields {
    let mut said = fields(json!({"IpProtocol": protocol(rule.ip_protocol)}));
    if let Some((from, to)) = ports(rule) {
        said.insert("FromPort".to_owned(), from.into());
        said.insert("ToPort".to_owned(), to.into());
    }
    said
}

/// What the API writes as ports: for ICMP it is type and code.
fn ports(rule: &SecurityGroupRule) -> Option<(i32, i32)> {
    let ports = rule.port_range.map(|(from, to)| (from.into(), to.into()));
    let number = |number: Option<u8>| number.map_or(-1, i32::from);
    ports.or(rule.icmp_type_code.map(|(kind, code)| (number(kind), number(code))))
}

fn protocol(protocol: Option<u8>) -> String {
    match protocol {
        None => "-1".to_owned(),
        Some(1) => "icmp".to_owned(),
        Some(6) => "tcp".to_owned(),
        Some(17) => "udp".to_owned(),
        Some(58) => "icmpv6".to_owned(),
        Some(number) => number.to_string(),
    }
}

/// All rules, complete.
pub(super) fn rules(resources: &Resources) -> Vec<Value> {
    let all = resources.security_groups.iter().flat_map(|group| {
        group.rules.iter().map(move |it| {
            let mut said = rule(group, it);
            lay_over(&mut said, &it.details.rest);
            Value::Object(said)
        })
    });
    all.collect()
}

/// A rule without what is kept in the rest.
pub(super) fn rule(group: &SecurityGroup, rule: &SecurityGroupRule) -> Fields {
    let (from, to) = ports(rule).unwrap_or((-1, -1));
    let mut said = fields(json!({
        "SecurityGroupRuleId": rule.security_group_rule_id,
        "GroupId": group.group_id,
        "IsEgress": rule.is_egress,
        "IpProtocol": protocol(rule.ip_protocol),
        "FromPort": from,
        "ToPort": to,
        "Tags": tags(&rule.details, None),
    }));
    if !group.details.owner_id.is_empty() {
        said.insert("GroupOwnerId".to_owned(), group.details.owner_id.clone().into());
    }
    said.extend(
        rule.description
            .clone()
            .map(|text| ("Description".to_owned(), text.into())),
    );
    let (field, peer) = match &rule.peer {
        Peer::Cidr(IpNet::V4(block)) => ("CidrIpv4", block.to_string().into()),
        Peer::Cidr(IpNet::V6(block)) => ("CidrIpv6", block.to_string().into()),
        Peer::PrefixList(id) => ("PrefixListId", id.clone().into()),
        Peer::Group(id) => (
            "ReferencedGroupInfo",
            Value::Object(referenced(group, id, &rule.referenced_group)),
        ),
    };
    said.insert(field.to_owned(), peer);
    said
}
