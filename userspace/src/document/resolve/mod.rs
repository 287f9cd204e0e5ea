//! What the fields mean: references become ids, defaults become values (semantics 1.2), and what AWS would refuse is
//! refused with AWS's code.

mod instance;
mod route_table;
mod subnet;

use super::Guest;
use super::diagnostic::{Problem, Problems, Span, Spanned};
use super::ids::{Macs, id};
use super::schema;
use crate::resources::{NetworkAcl, NetworkAclEntry, Peer, Resources, RuleAction, SecurityGroup, SecurityGroupRule, Vpc};
use ipnet::Ipv4Net;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// How many of something there may be. AWS's quotas where it has one (semantics 29).
struct Limit {
    most: usize,
    what: &'static str,
    code: Option<&'static str>,
}

const VPCS: Limit = Limit {
    most: 200,
    what: "VPCs in a document",
    code: Some("VpcLimitExceeded"),
};
const SUBNETS: Limit = Limit {
    most: 200,
    what: "subnets in a VPC",
    code: Some("SubnetLimitExceeded"),
};
const ALL_SUBNETS: Limit = Limit {
    most: 4096,
    what: "subnets in a document",
    code: None,
};
const ROUTE_TABLES: Limit = Limit {
    most: 200,
    what: "route tables in a VPC",
    code: Some("RouteTableLimitExceeded"),
};
const ROUTES: Limit = Limit {
    most: 500,
    what: "routes in a table",
    code: Some("RouteLimitExceeded"),
};
const INSTANCES: Limit = Limit {
    most: 4096,
    what: "instances in a document",
    code: None,
};

/// Lengths of the prefix of a VPC's or a subnet's block.
const PREFIX_LENS: RangeInclusive<u8> = 16..=28;

/// Blocks no VPC may touch (semantics 2.1): link-local, loopback, "this network", multicast, reserved.
const EXCLUDED: [Ipv4Net; 5] = [
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
    Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// What comes of the document, on a host with these namespaces if the host is known. It is complete only if no error
/// was reported.
pub(super) fn resolve(
    vpcs: &[schema::Vpc<'_>],
    namespaces: Option<&[String]>,
    problems: &mut Problems,
) -> (Resources, Vec<Guest>) {
    let mut out = Output::default();
    for vpc in at_most(&VPCS, 0, vpcs, |vpc| vpc.name.span, problems) {
        resolve_vpc(vpc, namespaces, &mut out, problems);
    }
    let mut all = out.resources;
    all.vpcs.sort_by(|a, b| a.vpc_id.cmp(&b.vpc_id));
    all.subnets.sort_by(|a, b| a.subnet_id.cmp(&b.subnet_id));
    all.route_tables.sort_by(|a, b| a.route_table_id.cmp(&b.route_table_id));
    all.network_acls.sort_by(|a, b| a.network_acl_id.cmp(&b.network_acl_id));
    all.security_groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
    all.network_interfaces
        .sort_by(|a, b| a.network_interface_id.cmp(&b.network_interface_id));
    (all, out.guests)
}

/// What has been resolved so far, and what is unique in the whole document.
#[derive(Default)]
struct Output<'a> {
    resources: Resources,
    guests: Vec<Guest>,
    macs: Macs,
    /// The instance in each namespace and on each tap.
    places: HashMap<instance::Place<'a>, &'a str>,
}

/// A VPC while its objects are resolved.
struct Scope<'a> {
    name: &'a str,
    vpc_id: String,
    /// `None` if it is missing or wrong.
    block: Option<Ipv4Net>,
    subnets: &'a [schema::Subnet<'a>],
    instances: &'a [schema::Instance<'a>],
    /// Those that the host has, or `None` if the host isn't known.
    namespaces: Option<&'a [String]>,
}

impl Scope<'_> {
    fn id(&self, prefix: &str, name: &str) -> String {
        id(prefix, &[self.name, name])
    }
}

fn resolve_vpc<'a>(
    vpc: &'a schema::Vpc<'a>,
    namespaces: Option<&'a [String]>,
    out: &mut Output<'a>,
    problems: &mut Problems,
) {
    let scope = scope(vpc, namespaces, out, problems);
    let tables = at_most(&ROUTE_TABLES, 0, &vpc.route_tables, |table| table.name.span, problems);
    if let Some(cidr_block) = scope.block {
        let (vpc_id, name) = (scope.vpc_id.clone(), scope.name.to_owned());
        out.resources.vpcs.push(Vpc {
            vpc_id,
            name,
            cidr_block,
            secondary_cidr_blocks: Vec::new(),
            ipv6_cidr_blocks: Vec::new(),
        });
    }
    out.resources.network_acls.push(default_nacl(&scope));
    out.resources.security_groups.push(open_group(&scope));
    subnet::check(&scope, problems);
    instance::resolve(&scope, out, problems);
    let associations = route_table::resolve(&scope, tables, out, problems);
    subnet::resolve(&scope, &associations, out);
}

fn scope<'a>(
    vpc: &'a schema::Vpc<'a>,
    namespaces: Option<&'a [String]>,
    out: &Output<'_>,
    problems: &mut Problems,
) -> Scope<'a> {
    let name = vpc.name.value;
    let subnets = at_most(&SUBNETS, 0, &vpc.subnets, |subnet| subnet.name.span, problems);
    let so_far = out.resources.subnets.len();
    let subnets = at_most(&ALL_SUBNETS, so_far, subnets, |subnet| subnet.name.span, problems);
    let so_far = out.resources.network_interfaces.len();
    let instances = at_most(
        &INSTANCES,
        so_far,
        &vpc.instances,
        |instance| instance.name.span,
        problems,
    );
    let block = vpc.cidr_block.filter(|block| check_block(block, problems));
    let (vpc_id, block) = (id("vpc", &[name]), block.map(|block| block.value));
    Scope {
        name,
        vpc_id,
        block,
        subnets,
        instances,
        namespaces,
    }
}

/// As many of the objects as there may be beside those so far, and a problem at the first one too many.
fn at_most<'a, T>(
    limit: &Limit,
    so_far: usize,
    objects: &'a [T],
    span: impl Fn(&T) -> Span,
    problems: &mut Problems,
) -> &'a [T] {
    let room = limit.most.saturating_sub(so_far);
    let Some(first_too_many) = objects.get(room) else {
        return objects;
    };
    let problem = Problem::error(span(first_too_many), format!("more than {} {}", limit.most, limit.what));
    problems.report(problem.code(limit.code));
    objects.get(..room).unwrap_or_default()
}

fn check_block(block: &Spanned<Ipv4Net>, problems: &mut Problems) -> bool {
    let Spanned { value, span } = *block;
    if !PREFIX_LENS.contains(&value.prefix_len()) {
        let message = format!("a VPC's block is a /16 to a /28, this is a /{}", value.prefix_len());
        problems.report(
            Problem::error(span, message)
                .code("InvalidVpc.Range")
                .help("choose another length"),
        );
        return false;
    }
    if let Some(excluded) = EXCLUDED
        .iter()
        .find(|&excluded| excluded.contains(&value) || value.contains(excluded))
    {
        let message = format!("{value} lies in {excluded}, which no VPC may use");
        let help = "choose a block out of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16";
        problems.report(Problem::error(span, message).code("InvalidVpc.Range").help(help));
        return false;
    }
    true
}

const EVERYWHERE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);

/// What every VPC comes with: rule 100 allows everything in both directions.
fn default_nacl(scope: &Scope<'_>) -> NetworkAcl {
    let entry = |egress| NetworkAclEntry {
        rule_number: 100,
        egress,
        protocol: None,
        rule_action: RuleAction::Allow,
        cidr_block: EVERYWHERE.into(),
        port_range: None,
        icmp_type_code: None,
    };
    NetworkAcl {
        network_acl_id: default_nacl_id(scope),
        name: "default".to_owned(),
        vpc_id: scope.vpc_id.clone(),
        is_default: true,
        entries: vec![entry(true), entry(false)],
    }
}

fn default_nacl_id(scope: &Scope<'_>) -> String {
    scope.id("acl", "default")
}

/// The group every instance is in, as long as the language has no groups.
fn open_group(scope: &Scope<'_>) -> SecurityGroup {
    let rule = |is_egress| SecurityGroupRule {
        security_group_rule_id: scope.id("sgr", if is_egress { "open-egress" } else { "open-ingress" }),
        is_egress,
        ip_protocol: None,
        port_range: None,
        icmp_type_code: None,
        peer: Peer::Cidr(EVERYWHERE.into()),
    };
    SecurityGroup {
        group_id: open_group_id(scope),
        group_name: "open".to_owned(),
        vpc_id: scope.vpc_id.clone(),
        rules: vec![rule(false), rule(true)],
    }
}

fn open_group_id(scope: &Scope<'_>) -> String {
    scope.id("sg", "open")
}
