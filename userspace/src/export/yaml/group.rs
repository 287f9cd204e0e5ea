//! Security groups and their rules.

use super::table::{or_all, protocol};
use super::text::{Map, Yaml};
use super::{Writer, put_details};
use crate::document::derived;
use crate::resources::{Details, Peer, ReferencedGroup, SecurityGroup, SecurityGroupRule, Vpc};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

impl Writer<'_> {
    pub(super) fn security_group(&self, vpc: &Vpc, group: &SecurityGroup) -> Map {
        let mut map = Map::default();
        let path = [self.names.own(&vpc.vpc_id), self.names.own(&group.group_id)];
        let [_, key] = path;
        map.put_if(
            derived::core_id("sg", &path) != group.group_id,
            "GroupId",
            &group.group_id,
        );
        map.put_if(group.group_name != key, "GroupName", &group.group_name);
        map.put_if(!group.description.is_empty(), "Description", &group.description);
        put_details(&mut map, &group.details, &vpc.details.owner_id);
        for (is_egress, direction) in [(false, "ingress"), (true, "egress")] {
            let rules: Vec<_> = group.rules.iter().filter(|rule| rule.is_egress == is_egress).collect();
            if !rules.iter().copied().eq(&usual_rules(vpc, group, path, is_egress)) {
                let rules = rules.into_iter().map(|rule| self.rule(vpc, path, rule).into());
                map.put(direction, rules.collect::<Vec<Yaml>>());
            }
        }
        map
    }

    fn rule(&self, vpc: &Vpc, path: [&str; 2], rule: &SecurityGroupRule) -> Map {
        let mut map = Map::default();
        let id = &rule.security_group_rule_id;
        map.put_if(derived::rule(path, rule) != *id, "SecurityGroupRuleId", id);
        map.put("IpProtocol", protocol(rule.ip_protocol));
        let icmp = rule.icmp_type_code.map(|(kind, code)| (or_all(kind), or_all(code)));
        let ports = rule.port_range.map(|(from, to)| (from.into(), to.into()));
        if let Some((from, to)) = ports.or(icmp) {
            map.put("FromPort", from);
            map.put("ToPort", to);
        }
        let mut referenced = rule.referenced_group.clone();
        match &rule.peer {
            Peer::Cidr(IpNet::V4(block)) => map.put("CidrIpv4", block.to_string()),
            Peer::Cidr(IpNet::V6(block)) => map.put("CidrIpv6", block.to_string()),
            Peer::PrefixList(id) => map.put("prefix_list", self.names.own(id)),
            Peer::Group(id) => map.put("group", self.peer(vpc, id, &mut referenced)),
        }
        if let Some(description) = &rule.description {
            map.put("Description", description);
        }
        let ReferencedGroup {
            user_id,
            vpc_id,
            vpc_peering_connection_id,
            peering_status,
        } = &referenced;
        let fields = [
            ("UserId", user_id),
            ("VpcId", vpc_id),
            ("VpcPeeringConnectionId", vpc_peering_connection_id),
            ("PeeringStatus", peering_status),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                map.put(field, value);
            }
        }
        put_details(&mut map, &rule.details, &vpc.details.owner_id);
        map
    }

    /// The group that a rule names. With `VPC/NAME` the VPC's id goes without saying.
    fn peer(&self, vpc: &Vpc, id: &str, referenced: &mut ReferencedGroup) -> String {
        let groups = &self.all.security_groups;
        let home = groups
            .iter()
            .find(|group| group.group_id == id)
            .map(|group| &group.vpc_id);
        match home {
            Some(home) if *home == vpc.vpc_id => self.names.own(id).to_owned(),
            Some(home) if referenced.vpc_id.as_ref() == Some(home) => {
                referenced.vpc_id = None;
                self.names.path(id)
            }
            _ => id.to_owned(),
        }
    }
}

/// What AWS puts into a group (semantics 1.2).
fn usual_rules(vpc: &Vpc, group: &SecurityGroup, path: [&str; 2], is_egress: bool) -> Vec<SecurityGroupRule> {
    let all = |peer| {
        let mut rule = SecurityGroupRule {
            is_egress,
            peer,
            details: Details {
                owner_id: vpc.details.owner_id.clone(),
                ..Details::default()
            },
            ..SecurityGroupRule::default()
        };
        rule.security_group_rule_id = derived::rule(path, &rule);
        rule
    };
    if !is_egress {
        let itself = || all(Peer::Group(group.group_id.clone()));
        return (group.group_name == "default").then(itself).into_iter().collect();
    }
    let ipv4 = Peer::Cidr(Ipv4Net::default().into());
    let ipv6 = (!vpc.ipv6_cidr_blocks.is_empty()).then(|| Peer::Cidr(Ipv6Net::default().into()));
    std::iter::once(ipv4).chain(ipv6).map(all).collect()
}
