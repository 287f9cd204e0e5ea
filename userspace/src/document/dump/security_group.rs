//! Security groups and their rules (semantics 6), which two calls answer in two ways.

use super::Said;
use super::answer::{Object, RULES, list_in};
use super::build::{Builder, field, get, items, list, mapping, scalar, text_of};
use crate::document::diagnostic::{Problem, Problems, quote};
use crate::document::json;
use crate::document::tree::{Entry, Node, Value};

/// The group that every VPC comes with has a name of its own in the document.
const DEFAULT: &str = "default";

const DIRECTIONS: [(&str, &str, &str); 2] = [
    ("ingress", "IpPermissions", "false"),
    ("egress", "IpPermissionsEgress", "true"),
];

pub(super) fn entry(group: &Object, said: &mut Said, problems: &mut Problems) -> Entry {
    let mut builder = Builder::new(group);
    builder.take("GroupName").take("Description");
    for (own, key, egress) in DIRECTIONS {
        let permissions = group.get(key).map(|permissions| match &permissions.value {
            Value::List(items) => list(
                items.iter().flat_map(|it| of_permission(it, group)).collect(),
                permissions.span,
            ),
            _ => permissions.clone(),
        });
        let one_by_one = group.get(RULES).map(|_| {
            let rules = list_in(group, RULES)
                .iter()
                .filter(|it| text_of(it, "IsEgress").unwrap_or("false") == egress);
            list(rules.map(|it| of_rule(it, group, said, problems)).collect(), group.span)
        });
        if let (Some(together), Some(one_by_one)) = (&permissions, &one_by_one) {
            check_agreement(group, key, together, one_by_one, problems);
        }
        builder.put(own, one_by_one.or(permissions));
    }
    let is_default = group.text("GroupName") == Some(DEFAULT);
    builder.entry(if is_default { DEFAULT } else { &group.id })
}

/// Both answers must say the same, or one of them is older.
fn check_agreement(group: &Object, key: &str, together: &Node, one_by_one: &Node, problems: &mut Problems) {
    let meanings = |rules: &Node| {
        let mut all: Vec<_> = super::build::items_of(rules).iter().map(meaning).collect();
        all.sort();
        all
    };
    if meanings(together) != meanings(one_by_one) {
        let span = group.get(key).map_or(group.span, Node::start);
        let message = format!(
            "{key} of {} and its SecurityGroupRules don't say the same",
            quote(&group.id)
        );
        let help = "take both dumps at the same time, or leave one of them out";
        problems.report(Problem::error(span, message).help(help));
    }
}

/// What of a rule both answers say.
fn meaning(rule: &Node) -> Vec<String> {
    const FIELDS: [&str; 7] = [
        "IpProtocol",
        "FromPort",
        "ToPort",
        "CidrIpv4",
        "CidrIpv6",
        "prefix_list",
        "group",
    ];
    FIELDS
        .iter()
        .map(|key| text_of(rule, key).unwrap_or_default().to_owned())
        .collect()
}

/// A rule for each peer of a permission.
fn of_permission(permission: &Node, group: &Object) -> Vec<Node> {
    let peers = [
        ("IpRanges", "CidrIp", "CidrIpv4"),
        ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
        ("PrefixListIds", "PrefixListId", "prefix_list"),
        ("UserIdGroupPairs", "GroupId", "group"),
    ];
    let mut rules = Vec::new();
    for (key, id, own) in peers {
        for peer in items(permission, key) {
            let mut entries = selector(permission);
            entries.extend(get(peer, id).map(|value| field(own, value.clone())));
            entries.extend(get(peer, "Description").map(|value| field("Description", value.clone())));
            if key == "UserIdGroupPairs" {
                entries.extend(elsewhere(peer, group));
            }
            rules.push(mapping(entries, peer.span));
        }
    }
    // What nothing can be made of is refused where the document is read.
    if rules.is_empty() {
        rules.push(mapping(selector(permission), permission.span));
    }
    rules
}

/// A rule that is told by itself, with its id.
fn of_rule(rule: &Node, group: &Object, said: &mut Said, problems: &mut Problems) -> Node {
    let mut entries = selector(rule);
    for (key, own) in [
        ("SecurityGroupRuleId", "SecurityGroupRuleId"),
        ("CidrIpv4", "CidrIpv4"),
        ("CidrIpv6", "CidrIpv6"),
        ("PrefixListId", "prefix_list"),
        ("Description", "Description"),
    ] {
        entries.extend(get(rule, key).map(|value| field(own, value.clone())));
    }
    if let Some(referenced) = get(rule, "ReferencedGroupInfo") {
        entries.extend(get(referenced, "GroupId").map(|value| field("group", value.clone())));
        entries.extend(elsewhere(referenced, group));
    }
    let tags = items(rule, "Tags").iter().filter_map(|tag| {
        let key = get(tag, "Key")?;
        let value = get(tag, "Value")?.clone();
        let (key, key_span) = (scalar(key)?.to_owned(), key.span);
        Some(Entry { key, key_span, value })
    });
    let tags: Vec<_> = tags.collect();
    if !tags.is_empty() {
        entries.push(field("tags", mapping(tags, rule.span)));
    }
    if let Some(id) = text_of(rule, "SecurityGroupRuleId") {
        said.0.insert(id.to_owned(), json::object(rule, problems));
    }
    mapping(entries, rule.span)
}

/// Protocol and ports; ports only of what has some.
fn selector(rule: &Node) -> Vec<Entry> {
    let protocol = get(rule, "IpProtocol");
    let mut entries: Vec<_> = protocol
        .map(|value| field("IpProtocol", value.clone()))
        .into_iter()
        .collect();
    let is_icmp = matches!(protocol.and_then(scalar), Some("icmp" | "icmpv6" | "1" | "58"));
    for key in ["FromPort", "ToPort"] {
        let number = get(rule, key).filter(|value| is_icmp || scalar(value) != Some("-1"));
        entries.extend(number.map(|value| field(key, value.clone())));
    }
    entries
}

/// Where a group of another VPC is. A group of the same account needs no owner.
fn elsewhere(peer: &Node, group: &Object) -> Vec<Entry> {
    let is_foreign = |key: &str, value: &Node| key != "UserId" || scalar(value) != group.text("OwnerId");
    let fields = ["UserId", "VpcId", "VpcPeeringConnectionId", "PeeringStatus"];
    let fields = fields.iter().filter_map(|key| Some((*key, get(peer, key)?)));
    let fields = fields.filter(|(key, value)| is_foreign(key, value));
    fields.map(|(key, value)| field(key, value.clone())).collect()
}
