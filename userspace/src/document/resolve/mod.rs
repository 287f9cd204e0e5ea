//! What the fields mean: references become ids, defaults become values (semantics 1.2), and what AWS would refuse is
//! refused with AWS's code.

mod address;
mod instance;
mod limit;
mod middlebox;
mod network_acl;
mod object;
mod place;
mod prefix_list;
mod registry;
mod route_table;
mod security_group;
mod selector;
mod subnet;
mod target;
mod vpc;
mod zone;

use super::check::{self, Context};
use super::diagnostic::{Problem, Problems, Spanned, quote};
use super::ids::{Macs, id};
use super::names;
use super::places::Places;
use super::quotas::{Limit, Quota, Quotas};
use super::schema;
use super::schema::{Kind, kind};
use super::{Guest, Host};
use crate::resources::{Details, Resources, Vpc};
use prefix_list::PrefixLists;
use registry::{Index, Registry};
use std::collections::HashMap;
use vpc::Blocks;

/// What comes of the document, on this host if it is known. It is complete only if no error was reported.
pub(super) fn resolve(
    document: &schema::Document<'_>,
    host: Option<&Host>,
    places: Places<'_>,
    problems: &mut Problems,
) -> (Resources, Vec<Guest>) {
    let mut out = Output {
        resources: Resources::default(),
        guests: Vec::new(),
        macs: Macs::default(),
        taken: HashMap::new(),
        places,
    };
    let lists = prefix_list::resolve(document, account(document), &mut out, problems);
    let region = document.region.map_or(zone::DEFAULT_REGION, |region| region.value);
    let indices: Vec<_> = document.vpcs.iter().map(Index::of).collect();
    let object_ids = document
        .objects
        .iter()
        .map(|it| object::object_id(it, region, account(document)));
    let object_ids: Vec<_> = object_ids.collect();
    let mut registry = Registry::default();
    indices.iter().for_each(|index| registry.add_vpc(index));
    for (object, id) in document.objects.iter().zip(&object_ids) {
        let kind = object.kind;
        let prefix = if kind.prefix.is_empty() {
            kind.section
        } else {
            kind.prefix
        };
        registry.add(prefix, None, object.name.value, id, None);
    }
    let common = Common {
        region,
        account: account(document),
        registry: &registry,
        quotas: &document.quotas,
        prefix_lists: &lists,
        host,
    };
    for vpc in common
        .quotas
        .limit(Quota::Vpcs)
        .apply(0, &document.vpcs, |vpc| vpc.name.span, problems)
    {
        resolve_vpc(vpc, &common, &mut out, problems);
    }
    object::resolve(&document.objects, &common, &mut out, problems);
    out.resources.sort();
    check::configuration(&Context::new(&out.resources, &document.quotas, &out.places), problems);
    (out.resources, out.guests)
}

/// The account of everything that says none.
fn account<'a>(document: &schema::Document<'a>) -> &'a str {
    document.account.map_or("000000000000", |account| account.value)
}

/// What has been resolved so far, and what is unique in the whole document.
struct Output<'a> {
    resources: Resources,
    guests: Vec<Guest>,
    macs: Macs,
    /// The instance in each namespace and on each tap.
    taken: HashMap<place::Place<'a>, &'a str>,
    places: Places<'a>,
}

/// A VPC while its objects are resolved.
struct Scope<'a> {
    name: &'a str,
    vpc_id: String,
    region: &'a str,
    account: &'a str,
    blocks: Blocks,
    subnets: &'a [schema::Subnet<'a>],
    security_groups: &'a [schema::SecurityGroup<'a>],
    instances: &'a [schema::Instance<'a>],
    common: &'a Common<'a>,
}

/// What is the same for all VPCs.
struct Common<'a> {
    /// Of those that don't say it themselves; likewise below.
    region: &'a str,
    account: &'a str,
    registry: &'a Registry<'a>,
    quotas: &'a Quotas,
    prefix_lists: &'a PrefixLists<'a>,
    /// `None` if it isn't known.
    host: Option<&'a Host>,
}

impl Scope<'_> {
    /// The id of an object of the VPC: the one it is given, or else one that comes from its name.
    fn id(&self, kind: Kind, name: &str, given: Option<&schema::Details<'_>>) -> String {
        match given {
            Some(details) => object_id(kind, details, &[self.name, name]),
            None => id(kind.prefix, &[self.name, name]),
        }
    }

    fn limit(&self, quota: Quota) -> Limit {
        self.common.quotas.limit(quota)
    }

    fn details(&self, given: Option<&schema::Details<'_>>) -> Details {
        details(given, self.account)
    }
}

fn object_id(kind: Kind, given: &schema::Details<'_>, path: &[&str]) -> String {
    given.id.map_or_else(|| id(kind.prefix, path), |id| id.value.to_owned())
}

/// What AWS says of an object in any case.
fn details(given: Option<&schema::Details<'_>>, account: &str) -> Details {
    let own = given.and_then(|details| details.account);
    Details {
        owner_id: own.map_or(account, |account| account.value).to_owned(),
        tags: given.map(|details| details.tags.clone()).unwrap_or_default(),
        rest: given.map(|details| details.rest.clone()).unwrap_or_default(),
    }
}

/// What people call an object.
fn label(name: &str, given: Option<&schema::Details<'_>>) -> String {
    let own = given.and_then(|details| details.label);
    own.unwrap_or(name).to_owned()
}

fn resolve_vpc<'a>(vpc: &'a schema::Vpc<'a>, common: &'a Common<'a>, out: &mut Output<'a>, problems: &mut Problems) {
    let errors = problems.errors();
    let scope = scope(vpc, common, out, problems);
    out.places.add(&scope.vpc_id, vpc.name.span);
    if let Some(cidr_block) = scope.blocks.primary {
        out.resources.vpcs.push(Vpc {
            vpc_id: scope.vpc_id.clone(),
            name: label(scope.name, Some(&vpc.details)),
            cidr_block,
            secondary_cidr_blocks: scope.blocks.secondary.clone(),
            ipv6_cidr_blocks: scope.blocks.ipv6.clone(),
            is_default: vpc.is_default,
            enable_dns_support: vpc.enable_dns_support,
            enable_dns_hostnames: vpc.enable_dns_hostnames.unwrap_or(vpc.is_default),
            dhcp_options_id: vpc.dhcp_options.and_then(|options| {
                let code = "InvalidDhcpOptionID.NotFound";
                target::object(&scope, ("dopt", "DHCP option set", code), options, problems)
            }),
            region: scope.region.to_owned(),
            details: scope.details(Some(&vpc.details)),
        });
    }
    subnet::check(&scope, problems);
    security_group::resolve(&scope, out, problems);
    instance::resolve(&scope, out, problems);
    let acls = network_acl::resolve(&scope, &vpc.network_acls, out, problems);
    let tables = route_table::resolve(&scope, &vpc.route_tables, out, problems);
    subnet::resolve(&scope, &tables, &acls, out, problems);
    middlebox::warn(&scope, &vpc.route_tables, &tables, problems);
    if problems.errors() == errors
        && let Some(view) = check::view(vpc, &out.resources)
    {
        check::vpc(&view, problems);
    }
}

fn scope<'a>(vpc: &'a schema::Vpc<'a>, common: &'a Common<'a>, out: &Output<'_>, problems: &mut Problems) -> Scope<'a> {
    let name = vpc.name.value;
    let subnets = common
        .quotas
        .limit(Quota::Subnets)
        .apply(0, &vpc.subnets, |subnet| subnet.name.span, problems);
    let so_far = out.resources.subnets.len();
    let subnets = limit::ALL_SUBNETS.apply(so_far, subnets, |subnet| subnet.name.span, problems);
    let so_far = out.resources.security_groups.len();
    let groups = &vpc.security_groups;
    let security_groups =
        common
            .quotas
            .limit(Quota::SecurityGroups)
            .apply(so_far, groups, |group| group.name.span, problems);
    let so_far = out.resources.network_interfaces.len();
    let instances = limit::INSTANCES.apply(so_far, &vpc.instances, |instance| instance.name.span, problems);
    Scope {
        name,
        vpc_id: object_id(kind::VPC, &vpc.details, &[name]),
        region: vpc.region.map_or(common.region, |region| region.value),
        account: vpc.details.account.map_or(common.account, |account| account.value),
        blocks: vpc::blocks(vpc, common.quotas, problems),
        subnets,
        security_groups,
        instances,
        common,
    }
}

/// Says that a name is nobody's, and whose was probably meant.
fn not_found<'n>(
    what: &str,
    name: Spanned<&str>,
    code: impl Into<Option<&'static str>>,
    names: impl Iterator<Item = &'n str>,
    otherwise: &str,
    problems: &mut Problems,
) {
    let help = match names::nearest(name.value, names, problems) {
        Some(name) => format!("did you mean {name}?"),
        None => otherwise.to_owned(),
    };
    let message = format!("{what} {}", quote(name.value));
    problems.report(Problem::error(name.span, message).code(code).help(help));
}

/// Gives a subnet to a route table or a network ACL, unless another one has it.
fn associate<'a>(
    scope: &Scope<'a>,
    subnet: Spanned<&str>,
    (kind, owner): (&str, &'a str),
    owners: &mut HashMap<&'a str, &'a str>,
    problems: &mut Problems,
) {
    let Some(found) = subnet::find(scope, subnet, problems) else {
        return;
    };
    if let Some(other) = owners.insert(found.name.value, owner) {
        let message = format!("subnet {} is in {kind} {} already", quote(subnet.value), quote(other));
        let help = format!("a subnet has one {kind}: remove it from one of the two");
        let problem = Problem::error(subnet.span, message).code("Resource.AlreadyAssociated");
        problems.report(problem.help(help));
    }
}
