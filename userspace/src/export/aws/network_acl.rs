//! `describe-network-acls`.

use super::{Context, Fields, add_details, block_field, fields, joint};
use crate::resources::{NetworkAcl, NetworkAclEntry, RuleAction};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::{Value, json};

/// The numbers of the implicit denies, which the API lists, too (semantics 8.1).
const DENIES: [(u16, IpNet); 2] = [
    (
        32_767,
        IpNet::V4(Ipv4Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED, 0)),
    ),
    (
        32_768,
        IpNet::V6(Ipv6Net::new_assert(std::net::Ipv6Addr::UNSPECIFIED, 0)),
    ),
];

pub(super) fn network_acl(context: &Context<'_>, acl: &NetworkAcl) -> Fields {
    let id = &*acl.network_acl_id;
    let association = |subnet: &&str| {
        json!({
            "NetworkAclAssociationId": joint("aclassoc", &[id, subnet]),
            "NetworkAclId": id,
            "SubnetId": subnet,
        })
    };
    let mut said = fields(json!({
        "NetworkAclId": id,
        "VpcId": acl.vpc_id,
        "IsDefault": acl.is_default,
        "Associations": context.users(id).iter().map(association).collect::<Vec<_>>(),
        "Entries": entries(context, acl),
    }));
    add_details(&mut said, &acl.details, Some((&acl.name, id)));
    said
}

/// In the API's order: what leaves first, and by number.
fn entries(context: &Context<'_>, acl: &NetworkAcl) -> Vec<Value> {
    let has_ipv6 = context
        .vpcs
        .get(&*acl.vpc_id)
        .is_some_and(|vpc| !vpc.ipv6_cidr_blocks.is_empty());
    let implicit = |egress| {
        let denies = DENIES
            .iter()
            .filter(move |(_, block)| has_ipv6 || matches!(block, IpNet::V4(_)));
        denies.map(move |&(rule_number, cidr_block)| NetworkAclEntry {
            rule_number,
            egress,
            protocol: None,
            rule_action: RuleAction::Deny,
            cidr_block,
            port_range: None,
            icmp_type_code: None,
        })
    };
    let mut all = acl.entries.clone();
    all.extend([true, false].into_iter().flat_map(implicit));
    all.sort_by_key(|entry| (!entry.egress, entry.rule_number));
    all.iter().map(entry).collect()
}

fn entry(entry: &NetworkAclEntry) -> Value {
    let action = match entry.rule_action {
        RuleAction::Allow => "allow",
        RuleAction::Deny => "deny",
    };
    let protocol = entry
        .protocol
        .map_or_else(|| "-1".to_owned(), |number| number.to_string());
    let mut said = fields(json!({
        "Egress": entry.egress,
        "Protocol": protocol,
        "RuleAction": action,
        "RuleNumber": entry.rule_number,
    }));
    said.extend([block_field(entry.cidr_block, "CidrBlock", "Ipv6CidrBlock")]);
    if let Some((from, to)) = entry.port_range {
        said.insert("PortRange".to_owned(), json!({"From": from, "To": to}));
    }
    if let Some((kind, code)) = entry.icmp_type_code {
        let number = |number: Option<u8>| number.map_or(-1, i32::from);
        said.insert(
            "IcmpTypeCode".to_owned(),
            json!({"Type": number(kind), "Code": number(code)}),
        );
    }
    Value::Object(said)
}
