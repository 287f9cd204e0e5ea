//! A security group and its rules (semantics 6).

use super::{Details, details, fields, kind, name, one_of};
use crate::document::diagnostic::{Problems, Span, Spanned};
use crate::document::fields::{Field, Fields};
use crate::document::notation::Protocol;
use crate::document::tree::{Entry, Node};
use crate::resources::ReferencedGroup;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

#[derive(Debug)]
pub(in crate::document) struct SecurityGroup<'a> {
    pub(in crate::document) name: Spanned<&'a str>,
    /// `None` if it is the name.
    pub(in crate::document) group_name: Option<&'a str>,
    pub(in crate::document) description: &'a str,
    pub(in crate::document) details: Details<'a>,
    /// `None` if nothing is said of them, so that they are what AWS makes them; likewise below.
    pub(in crate::document) ingress: Option<Vec<Rule<'a>>>,
    pub(in crate::document) egress: Option<Vec<Rule<'a>>>,
}

#[derive(Debug)]
pub(in crate::document) struct Rule<'a> {
    pub(in crate::document) span: Span,
    pub(in crate::document) protocol: Option<Spanned<Protocol>>,
    pub(in crate::document) from_port: Field<Spanned<i64>>,
    pub(in crate::document) to_port: Field<Spanned<i64>>,
    pub(in crate::document) peer: Option<Spanned<Peer<'a>>>,
    pub(in crate::document) description: Option<&'a str>,
    /// What is said of the group that `peer` names.
    pub(in crate::document) referenced_group: ReferencedGroup,
    pub(in crate::document) details: Details<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::document) enum Peer<'a> {
    Cidr(IpNet),
    PrefixList(&'a str),
    Group(&'a str),
}

pub(super) fn read<'a>(entry: &'a Entry, problems: &mut Problems) -> SecurityGroup<'a> {
    let mut group = SecurityGroup {
        name: name(entry),
        group_name: None,
        description: "",
        details: Details::default(),
        ingress: None,
        egress: None,
    };
    let Some(mut fields) = fields(entry, "security group", problems) else {
        return group;
    };
    group.ingress = rules(&mut fields, "ingress", problems);
    group.egress = rules(&mut fields, "egress", problems);
    group.group_name = fields.any_text("GroupName", problems);
    group.description = fields.any_text("Description", problems).unwrap_or_default();
    group.details = details::read(&mut fields, kind::SECURITY_GROUP, problems);
    fields.finish(problems);
    group
}

fn rules<'a>(fields: &mut Fields<'a>, direction: &'static str, problems: &mut Problems) -> Option<Vec<Rule<'a>>> {
    let nodes = fields.optional_list(direction, problems)?;
    Some(nodes.iter().map(|node| rule(node, direction, problems)).collect())
}

fn rule<'a>(node: &'a Node, direction: &str, problems: &mut Problems) -> Rule<'a> {
    let mut rule = Rule {
        span: node.start(),
        protocol: None,
        from_port: Field::Wrong,
        to_port: Field::Wrong,
        peer: None,
        description: None,
        referenced_group: ReferencedGroup::default(),
        details: Details::default(),
    };
    let Some(mut fields) = Fields::of(node, format!("the {direction} rule"), node.start(), problems) else {
        return rule;
    };
    let protocol = fields.value("IpProtocol", problems);
    let help = "write IpProtocol: tcp, udp, icmp, icmpv6, a number, or \"-1\" for all";
    rule.protocol = fields.required("IpProtocol", help, protocol, problems);
    rule.from_port = fields.number("FromPort", -1..=65_535, problems);
    rule.to_port = fields.number("ToPort", -1..=65_535, problems);
    rule.peer = peer(&mut fields, problems);
    rule.description = fields.any_text("Description", problems);
    rule.referenced_group = referenced_group(&mut fields, problems);
    rule.details = details::read(&mut fields, kind::SECURITY_GROUP_RULE, problems);
    fields.finish(problems);
    rule
}

fn peer<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<Spanned<Peer<'a>>> {
    let ways = [
        (
            "CidrIpv4",
            fields
                .value::<Ipv4Net>("CidrIpv4", problems)
                .map(|block| Peer::Cidr(block.into())),
        ),
        (
            "CidrIpv6",
            fields
                .value::<Ipv6Net>("CidrIpv6", problems)
                .map(|block| Peer::Cidr(block.into())),
        ),
        (
            "prefix_list",
            fields.text("prefix_list", problems).map(Peer::PrefixList),
        ),
        ("group", fields.text("group", problems).map(Peer::Group)),
    ];
    let help = "say who is admitted, by CidrIpv4, CidrIpv6, prefix_list or group";
    one_of(fields, "CidrIpv4", help, ways, problems)
}

fn referenced_group(fields: &mut Fields<'_>, problems: &mut Problems) -> ReferencedGroup {
    let mut text = |name| fields.any_text(name, problems).map(str::to_owned);
    ReferencedGroup {
        user_id: text("UserId"),
        vpc_id: text("VpcId"),
        vpc_peering_connection_id: text("VpcPeeringConnectionId"),
        peering_status: text("PeeringStatus"),
    }
}
