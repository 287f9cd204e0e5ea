//! A network ACL and its entries (semantics 8).

use super::{Details, details, fields, kind, name, one_of};
use crate::document::diagnostic::{Problems, Span, Spanned};
use crate::document::fields::{Field, Fields};
use crate::document::notation::Protocol;
use crate::document::tree::{self, Node};
use crate::resources::RuleAction;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The numbers from here on are the implicit denies' (semantics 8.1).
const LAST_RULE: i64 = 32_766;

#[derive(Debug)]
pub(in crate::document) struct NetworkAcl<'a> {
    pub(in crate::document) name: Spanned<&'a str>,
    pub(in crate::document) details: Details<'a>,
    pub(in crate::document) subnets: Vec<Spanned<&'a str>>,
    /// `None` if nothing is said of them, so that they are what AWS makes them; likewise below.
    pub(in crate::document) ingress: Option<Vec<Entry>>,
    pub(in crate::document) egress: Option<Vec<Entry>>,
}

#[derive(Debug)]
pub(in crate::document) struct Entry {
    pub(in crate::document) span: Span,
    pub(in crate::document) rule_number: Option<Spanned<i64>>,
    pub(in crate::document) rule_action: Option<RuleAction>,
    pub(in crate::document) protocol: Option<Spanned<Protocol>>,
    /// From and to.
    pub(in crate::document) port_range: Field<Spanned<(i64, i64)>>,
    /// Type and code.
    pub(in crate::document) icmp_type_code: Field<Spanned<(i64, i64)>>,
    pub(in crate::document) cidr_block: Option<Spanned<IpNet>>,
}

pub(super) fn read<'a>(entry: &'a tree::Entry, problems: &mut Problems) -> NetworkAcl<'a> {
    let mut acl = NetworkAcl {
        name: name(entry),
        details: Details::default(),
        subnets: Vec::new(),
        ingress: None,
        egress: None,
    };
    let Some(mut fields) = fields(entry, "network ACL", problems) else {
        return acl;
    };
    acl.subnets = fields.texts("subnets", "a subnet's name", problems);
    acl.ingress = entries(&mut fields, "ingress", problems);
    acl.egress = entries(&mut fields, "egress", problems);
    acl.details = details::read(&mut fields, kind::NETWORK_ACL, problems);
    fields.finish(problems);
    acl
}

fn entries(fields: &mut Fields<'_>, direction: &'static str, problems: &mut Problems) -> Option<Vec<Entry>> {
    let nodes = fields.optional_list(direction, problems)?;
    Some(nodes.iter().map(|node| read_entry(node, direction, problems)).collect())
}

fn read_entry(node: &Node, direction: &str, problems: &mut Problems) -> Entry {
    let mut entry = Entry {
        span: node.start(),
        rule_number: None,
        rule_action: None,
        protocol: None,
        port_range: Field::Wrong,
        icmp_type_code: Field::Wrong,
        cidr_block: None,
    };
    let Some(mut fields) = Fields::of(node, format!("the {direction} entry"), node.start(), problems) else {
        return entry;
    };
    let number = fields.number("RuleNumber", 1..=LAST_RULE, problems);
    let help = "give it a number; the lowest one that matches decides";
    entry.rule_number = fields.required("RuleNumber", help, number, problems);
    entry.rule_action = rule_action(&mut fields, problems);
    let protocol = fields.value("Protocol", problems);
    let help = "write Protocol: tcp, udp, icmp, icmpv6, a number, or \"-1\" for all";
    entry.protocol = fields.required("Protocol", help, protocol, problems);
    entry.port_range = pair(&mut fields, "PortRange", ["From", "To"], 0..=65_535, problems);
    entry.icmp_type_code = pair(&mut fields, "IcmpTypeCode", ["Type", "Code"], -1..=255, problems);
    entry.cidr_block = cidr_block(&mut fields, problems);
    fields.finish(problems);
    entry
}

fn rule_action(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<RuleAction> {
    if !fields.has("RuleAction") {
        fields.missing("RuleAction", "write allow or deny", problems);
    }
    let ways = [("allow", RuleAction::Allow), ("deny", RuleAction::Deny)];
    fields.word("RuleAction", &ways, problems)
}

fn cidr_block(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Spanned<IpNet>> {
    let ipv4 = fields.value::<Ipv4Net>("CidrBlock", problems).map(IpNet::V4);
    let ipv6 = fields.value::<Ipv6Net>("Ipv6CidrBlock", problems).map(IpNet::V6);
    let ways = [("CidrBlock", ipv4), ("Ipv6CidrBlock", ipv6)];
    let help = "say whose packets it is for, by CidrBlock or Ipv6CidrBlock";
    one_of(fields, "CidrBlock", help, ways, problems)
}

/// Two numbers that belong together.
fn pair(
    fields: &mut Fields<'_>,
    name: &'static str,
    parts: [&'static str; 2],
    range: std::ops::RangeInclusive<i64>,
    problems: &mut Problems,
) -> Field<Spanned<(i64, i64)>> {
    let mut fields = match fields.mapping(name, problems) {
        Field::Missing => return Field::Missing,
        Field::Wrong => return Field::Wrong,
        Field::Is(fields) => fields,
    };
    let [first, second] = parts.map(|part| {
        let number = fields.number(part, range.clone(), problems);
        fields.required(part, "both have to be there", number, problems)
    });
    let span = fields.span();
    fields.finish(problems);
    match (first, second) {
        (Some(first), Some(second)) => Field::Is(Spanned {
            value: (first.value, second.value),
            span,
        }),
        _ => Field::Wrong,
    }
}
