//! Security groups (semantics 6): the one every VPC comes with, and those of the document.

use super::selector::{self, Selector};
use super::{Output, Scope, not_found};
use crate::document::diagnostic::{Problem, Problems, Span, Spanned, quote};
use crate::document::family::{ByFamily, Family};
use crate::document::ids::{id, is_id};
use crate::document::quotas::Quota;
use crate::document::schema::{self, kind};
use crate::resources::{Peer, ReferencedGroup, SecurityGroup, SecurityGroupRule};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::HashSet;

/// The group that a VPC comes with.
pub(super) const DEFAULT: &str = "default";

fn group_id(scope: &Scope<'_>, name: &str, given: Option<&schema::SecurityGroup<'_>>) -> String {
    scope.id(kind::SECURITY_GROUP, name, given.map(|group| &group.details))
}

/// The id of the VPC's own group.
pub(super) fn find_default(scope: &Scope<'_>) -> String {
    let mut groups = scope.security_groups.iter();
    group_id(scope, DEFAULT, groups.find(|group| group.name.value == DEFAULT))
}

/// Makes a VPC's groups.
pub(super) fn resolve<'a>(scope: &Scope<'a>, out: &mut Output, problems: &mut Problems) {
    check_names(scope, problems);
    if scope.security_groups.iter().all(|group| group.name.value != DEFAULT) {
        out.resources
            .security_groups
            .push(group(scope, DEFAULT, None, problems));
    }
    for given in scope.security_groups {
        let made = group(scope, given.name.value, Some(given), problems);
        out.places.add("security_groups", &made.group_id, given.name.span);
        out.resources.security_groups.push(made);
    }
}

fn check_names(scope: &Scope<'_>, problems: &mut Problems) {
    let mut seen = HashSet::new();
    for group in scope.security_groups {
        let span = group.name.span;
        let name = group.group_name.unwrap_or(group.name.value);
        let lower = name.to_lowercase();
        let (code, message) = if lower.starts_with("sg-") {
            (
                "InvalidParameterValue",
                "a group's name can't start with sg-, as ids do".to_owned(),
            )
        } else if lower == DEFAULT && group.name.value != DEFAULT {
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
        group_id: group_id(scope, name, given),
        group_name: given.and_then(|group| group.group_name).unwrap_or(name).to_owned(),
        vpc_id: scope.vpc_id.clone(),
        rules,
        description: given.map(|group| group.description).unwrap_or_default().to_owned(),
        details: scope.details(given.map(|group| &group.details)),
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
        let Some((peer, weight)) = rule.peer.and_then(|peer| self.peer(peer, rule, problems)) else {
            return;
        };
        self.weight.add(weight);
        let Some(selector) = selector else { return };
        selector.warn_of_other_family(weight, rule.span, problems);
        if !self.push(selector, peer, Some(rule)) {
            let message = format!("security group {} has this rule already", quote(self.group));
            let problem = Problem::error(rule.span, message).code("InvalidPermission.Duplicate");
            problems.report(problem.help("remove one of the two"));
        }
    }

    /// What AWS puts into a group: everything may leave, and nothing may come in but, in the VPC's own group, from its
    /// members.
    fn add_defaults(&mut self) {
        if self.is_egress {
            self.push(Selector::ALL, Peer::Cidr(IpNet::V4(Ipv4Net::default())), None);
            if !self.scope.blocks.ipv6.is_empty() {
                self.push(Selector::ALL, Peer::Cidr(IpNet::V6(Ipv6Net::default())), None);
            }
        } else if self.group == DEFAULT {
            let itself = find_default(self.scope);
            self.push(Selector::ALL, Peer::Group(itself), None);
        }
    }

    /// Puts a rule among the others, unless it is there already.
    fn push(&mut self, selector: Selector, peer: Peer, given: Option<&schema::Rule<'_>>) -> bool {
        let path = [self.scope.name, self.group];
        let from_content = rule_id(path, self.is_egress, selector, &peer);
        let is_new = self.ids.insert(from_content.clone());
        let given_id = given.and_then(|rule| rule.details.id);
        let security_group_rule_id = given_id.map_or(from_content, |id| id.value.to_owned());
        if is_new {
            self.rules.push(SecurityGroupRule {
                security_group_rule_id,
                is_egress: self.is_egress,
                ip_protocol: selector.protocol.0,
                port_range: selector.port_range,
                icmp_type_code: selector.icmp_type_code,
                peer,
                description: given.and_then(|rule| rule.description).map(str::to_owned),
                referenced_group: given.map(|rule| self.referenced(rule)).unwrap_or_default(),
                details: self.scope.details(given.map(|rule| &rule.details)),
            });
        }
        is_new
    }

    /// What is said of the group a rule names. `VPC/NAME` says which VPC's it is.
    fn referenced(&self, rule: &schema::Rule<'_>) -> ReferencedGroup {
        let mut referenced = rule.referenced_group.clone();
        let path = rule.peer.and_then(|peer| match peer.value {
            schema::Peer::Group(path) => Some(path),
            _ => None,
        });
        if let Some(found) = path.and_then(|path| self.scope.common.registry.inside(kind::SECURITY_GROUP.prefix, path))
        {
            referenced.vpc_id = referenced.vpc_id.or_else(|| found.vpc_id.map(str::to_owned));
        }
        referenced
    }

    /// Whom a rule speaks of, and what that counts as. A reference to a group counts for both families.
    fn peer(
        &self,
        given: Spanned<schema::Peer<'_>>,
        rule: &schema::Rule<'_>,
        problems: &mut Problems,
    ) -> Option<(Peer, ByFamily)> {
        let Spanned { value, span } = given;
        Some(match value {
            schema::Peer::Cidr(block) => (Peer::Cidr(block), ByFamily::of(Family::of(block), 1)),
            schema::Peer::PrefixList(name) => {
                let list = self
                    .scope
                    .common
                    .prefix_lists
                    .find(Spanned { value: name, span }, problems)?;
                (Peer::PrefixList(list.id.clone()), list.weight())
            }
            schema::Peer::Group(name) => {
                let peer = find_peer(self.scope, Spanned { value: name, span }, rule, problems)?;
                (peer, ByFamily { ipv4: 1, ipv6: 1 })
            }
        })
    }
}

/// The id of the group of a name or an id; a problem if there is none.
pub(super) fn find(scope: &Scope<'_>, name: Spanned<&str>, problems: &mut Problems) -> Option<String> {
    let found = find_own(scope, name.value);
    if found.is_none() {
        let what = format!("VPC {} has no security group", quote(scope.name));
        let names = scope.security_groups.iter().map(|group| group.name.value);
        let names = names.chain([DEFAULT]);
        let otherwise = "add it below the VPC's security_groups";
        not_found(&what, name, "InvalidGroup.NotFound", names, otherwise, problems);
    }
    found
}

fn find_own(scope: &Scope<'_>, name: &str) -> Option<String> {
    if name == DEFAULT {
        return Some(find_default(scope));
    }
    let groups = || scope.security_groups.iter();
    let id = |group: &schema::SecurityGroup<'_>| group_id(scope, group.name.value, Some(group));
    let named = groups().find(|group| group.name.value == name).map(id);
    let by_id = || is_id(kind::SECURITY_GROUP.prefix, name).then(|| groups().map(id).find(|id| id == name));
    named.or_else(|| by_id().flatten())
}

/// The group that a rule names: one of the VPC, or `VPC/NAME`, or an id of somebody else's, which a rule may name whose
/// VPC is peered.
fn find_peer(scope: &Scope<'_>, name: Spanned<&str>, rule: &schema::Rule<'_>, problems: &mut Problems) -> Option<Peer> {
    let registry = scope.common.registry;
    let is_known = registry.has(name.value) || rule.referenced_group != ReferencedGroup::default();
    let own = find_own(scope, name.value);
    let other = || {
        registry
            .inside(kind::SECURITY_GROUP.prefix, name.value)
            .map(|found| found.id.to_owned())
    };
    let foreign = || (is_id(kind::SECURITY_GROUP.prefix, name.value) && is_known).then(|| name.value.to_owned());
    let id = own.or_else(other).or_else(foreign);
    id.or_else(|| find(scope, name, problems)).map(Peer::Group)
}

/// An id that comes from what a rule says, so that it stays when other rules come and go.
pub(in crate::document) fn rule_id(path: [&str; 2], is_egress: bool, selector: Selector, peer: &Peer) -> String {
    let peer = match peer {
        Peer::Cidr(block) => block.to_string(),
        Peer::PrefixList(id) | Peer::Group(id) => id.clone(),
    };
    let direction = if is_egress { "egress" } else { "ingress" };
    let [vpc, group] = path;
    id("sgr", &[vpc, group, direction, &format!("{selector} {peer}")])
}
