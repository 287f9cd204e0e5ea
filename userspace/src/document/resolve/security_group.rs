//! Security groups (semantics 6): the one every VPC comes with, and those of the document.

use super::selector::{self, Selector};
use super::{Output, Scope, not_found};
use crate::document::diagnostic::{Problem, Problems, Span, Spanned, quote};
use crate::document::family::{ByFamily, Family};
use crate::document::ids::id;
use crate::document::quotas::Quota;
use crate::document::schema;
use crate::resources::{Peer, SecurityGroup, SecurityGroupRule};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::HashSet;

/// The group that a VPC comes with.
pub(super) const DEFAULT: &str = "default";

pub(super) fn group_id(scope: &Scope<'_>, name: &str) -> String {
    scope.id("sg", name)
}

/// Makes a VPC's groups.
pub(super) fn resolve<'a>(scope: &Scope<'a>, out: &mut Output<'a>, problems: &mut Problems) {
    check_names(scope, problems);
    if scope.security_groups.iter().all(|group| group.name.value != DEFAULT) {
        out.resources
            .security_groups
            .push(group(scope, DEFAULT, None, problems));
    }
    for given in scope.security_groups {
        let made = group(scope, given.name.value, Some(given), problems);
        out.places.add(&made.group_id, given.name.span);
        out.resources.security_groups.push(made);
    }
}

fn check_names(scope: &Scope<'_>, problems: &mut Problems) {
    let mut seen = HashSet::new();
    for Spanned { value: name, span } in scope.security_groups.iter().map(|group| group.name) {
        let lower = name.to_lowercase();
        let (code, message) = if lower.starts_with("sg-") {
            (
                "InvalidParameterValue",
                "a group's name can't start with sg-, as ids do".to_owned(),
            )
        } else if lower == DEFAULT && name != DEFAULT {
            (
                "InvalidGroup.Reserved",
                format!("{} is the VPC's own group in other letters", quote(name)),
            )
        } else if !seen.insert(lower) {
            (
                "InvalidGroup.Duplicate",
                format!(
                    "{} differs from another group's name in upper and lower case only",
                    quote(name)
                ),
            )
        } else {
            continue;
        };
        problems.report(
            Problem::error(span, message)
                .code(code)
                .help("give the group another name"),
        );
    }
}

/// A group with its rules, or with those AWS gives it where nothing is said of them (semantics 1.2).
fn group(
    scope: &Scope<'_>,
    name: &str,
    given: Option<&schema::SecurityGroup<'_>>,
    problems: &mut Problems,
) -> SecurityGroup {
    let mut rules = Vec::new();
    let directions = [
        (false, given.and_then(|group| group.ingress.as_ref())),
        (true, given.and_then(|group| group.egress.as_ref())),
    ];
    for (is_egress, given_rules) in directions {
        let mut direction = Direction {
            scope,
            group: name,
            is_egress,
            weight: ByFamily::default(),
            ids: HashSet::new(),
            rules: &mut rules,
        };
        match given_rules {
            Some(given) => given.iter().for_each(|rule| direction.add(rule, problems)),
            None => direction.add_defaults(),
        }
        let weight = direction.weight;
        if let (Some(given), Some(rules)) = (given, given_rules) {
            check_weight(scope, weight, rules, given.name.span, problems);
        }
    }
    SecurityGroup {
        group_id: group_id(scope, name),
        group_name: name.to_owned(),
        vpc_id: scope.vpc_id.clone(),
        rules,
        ..SecurityGroup::default()
    }
}

fn check_weight(scope: &Scope<'_>, weight: ByFamily, rules: &[schema::Rule<'_>], group: Span, problems: &mut Problems) {
    let peers = rules.iter().filter_map(|rule| rule.peer);
    let lists = peers.filter_map(|peer| match peer.value {
        schema::Peer::PrefixList(name) => Some(name),
        _ => None,
    });
    let limit = scope.limit(Quota::SecurityGroupRules);
    let all = scope.common.prefix_lists;
    all.check_weight(limit, weight, lists, group, problems);
}

/// One direction of a group while its rules are made.
struct Direction<'a> {
    scope: &'a Scope<'a>,
    group: &'a str,
    is_egress: bool,
    weight: ByFamily,
    /// Those of the rules so far.
    ids: HashSet<String>,
    rules: &'a mut Vec<SecurityGroupRule>,
}

impl Direction<'_> {
    fn add(&mut self, rule: &schema::Rule<'_>, problems: &mut Problems) {
        let selector = selector::read(rule, problems);
        let Some((peer, weight)) = rule.peer.and_then(|peer| self.peer(peer, problems)) else {
            return;
        };
        self.weight.add(weight);
        let Some(selector) = selector else { return };
        selector.warn_of_other_family(weight, rule.span, problems);
        if !self.push(selector, peer) {
            let message = format!("security group {} has this rule already", quote(self.group));
            let problem = Problem::error(rule.span, message).code("InvalidPermission.Duplicate");
            problems.report(problem.help("remove one of the two"));
        }
    }

    /// What AWS puts into a group: everything may leave, and nothing may come in but, in the VPC's own group, from its
    /// members.
    fn add_defaults(&mut self) {
        if self.is_egress {
            self.push(Selector::ALL, Peer::Cidr(IpNet::V4(Ipv4Net::default())));
            if !self.scope.blocks.ipv6.is_empty() {
                self.push(Selector::ALL, Peer::Cidr(IpNet::V6(Ipv6Net::default())));
            }
        } else if self.group == DEFAULT {
            let itself = group_id(self.scope, DEFAULT);
            self.push(Selector::ALL, Peer::Group(itself));
        }
    }

    /// Puts a rule among the others, unless it is there already.
    fn push(&mut self, selector: Selector, peer: Peer) -> bool {
        let security_group_rule_id = self.rule_id(selector, &peer);
        let is_new = self.ids.insert(security_group_rule_id.clone());
        if is_new {
            self.rules.push(SecurityGroupRule {
                security_group_rule_id,
                is_egress: self.is_egress,
                ip_protocol: selector.protocol.0,
                port_range: selector.port_range,
                icmp_type_code: selector.icmp_type_code,
                peer,
                ..SecurityGroupRule::default()
            });
        }
        is_new
    }

    /// An id that comes from what the rule says, so that it stays when other rules come and go.
    fn rule_id(&self, selector: Selector, peer: &Peer) -> String {
        let peer = match peer {
            Peer::Cidr(block) => block.to_string(),
            Peer::PrefixList(id) | Peer::Group(id) => id.clone(),
        };
        let direction = if self.is_egress { "egress" } else { "ingress" };
        let content = format!("{selector} {peer}");
        id("sgr", &[self.scope.name, self.group, direction, &content])
    }

    /// Whom a rule speaks of, and what that counts as. A reference to a group counts for both families.
    fn peer(&self, given: Spanned<schema::Peer<'_>>, problems: &mut Problems) -> Option<(Peer, ByFamily)> {
        let Spanned { value, span } = given;
        Some(match value {
            schema::Peer::Cidr(block) => (Peer::Cidr(block), ByFamily::of(Family::of(block), 1)),
            schema::Peer::PrefixList(name) => {
                let list = self
                    .scope
                    .common
                    .prefix_lists
                    .find(Spanned { value: name, span }, problems)?;
                (Peer::PrefixList(list.id()), list.weight())
            }
            schema::Peer::Group(name) => {
                let id = find(self.scope, Spanned { value: name, span }, problems)?;
                (Peer::Group(id), ByFamily { ipv4: 1, ipv6: 1 })
            }
        })
    }
}

/// The id of the group of a name; a problem if there is none.
pub(super) fn find(scope: &Scope<'_>, name: Spanned<&str>, problems: &mut Problems) -> Option<String> {
    let mut names = scope.security_groups.iter().map(|group| group.name.value);
    if name.value == DEFAULT || names.any(|other| other == name.value) {
        return Some(group_id(scope, name.value));
    }
    let what = format!("VPC {} has no security group", quote(scope.name));
    let names = scope.security_groups.iter().map(|group| group.name.value);
    let names = names.chain([DEFAULT]);
    let otherwise = "add it below the VPC's security_groups";
    not_found(&what, name, "InvalidGroup.NotFound", names, otherwise, problems);
    None
}
