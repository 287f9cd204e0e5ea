//! A VPC by itself: what comes of it depends on its own text, and on the few things it refers to, which are noted down,
//! so that it is kept as long as they stay.

use super::prefix_list::AskedLists;
use super::registry::{Answers, Index};
use super::{Common, Context, Output, Scope, label, limit, middlebox, network_acl, object_id, route_table};
use super::{instance, security_group, subnet, target, vpc};
use crate::document::check;
use crate::document::diagnostic::{Problems, Span};
use crate::document::quotas::Quota;
use crate::document::schema::{self, kind};
use crate::resources::Vpc;
use ipnet::IpNet;

/// What comes of a VPC.
#[derive(Debug)]
pub(in crate::document) struct Part {
    /// Where the VPC's name is.
    pub(in crate::document) span: Span,
    pub(super) index: Index,
    pub(super) output: Output,
    pub(super) problems: Problems,
    /// Where the names of what is limited in all are.
    pub(super) subnets: Vec<Span>,
    pub(super) security_groups: Vec<Span>,
    pub(super) instances: Vec<Span>,
    context: Context,
    answers: Answers,
    prefix_lists: AskedLists,
    /// What is reserved in each of the subnets, by their ids.
    reserved: Vec<(String, Vec<IpNet>)>,
}

impl Part {
    /// Whether it would be the same among these others.
    pub(super) fn holds(&self, common: &Common<'_>) -> bool {
        self.context == *common.context
            && common.registry.still_answers(&self.answers)
            && common.prefix_lists.still_have(&self.prefix_lists)
            && self
                .reserved
                .iter()
                .all(|(id, was)| common.reserved.of_subnet(id) == was)
    }
}

/// Resolves a VPC by itself.
pub(super) fn resolve(given: &schema::Vpc<'_>, index: Index, common: &Common<'_>) -> Part {
    let mut problems = Problems::default();
    let mut output = Output::default();
    let scope = scope(given, common, &mut problems);
    objects(given, &scope, &mut output, &mut problems);
    if problems.errors() == 0
        && let Some(view) = check::view(given, &output.resources)
    {
        check::vpc(&view, &mut problems);
    }
    Part {
        span: given.name.span,
        index,
        output,
        problems,
        subnets: scope.subnets.iter().map(|subnet| subnet.name.span).collect(),
        security_groups: scope.security_groups.iter().map(|group| group.name.span).collect(),
        instances: scope.instances.iter().map(|instance| instance.name.span).collect(),
        context: common.context.clone(),
        answers: common.registry.take_answers(),
        prefix_lists: common.prefix_lists.take_asked(),
        reserved: reserved(&scope),
    }
}

fn reserved(scope: &Scope<'_>) -> Vec<(String, Vec<IpNet>)> {
    let ids = scope.subnets.iter().map(|subnet| subnet::subnet_id(scope, subnet));
    let reserved = |id: String| {
        let blocks = scope.common.reserved.of_subnet(&id).to_vec();
        (id, blocks)
    };
    ids.map(reserved).collect()
}

fn objects(given: &schema::Vpc<'_>, scope: &Scope<'_>, out: &mut Output, problems: &mut Problems) {
    out.places.add("vpcs", &scope.vpc_id, given.name.span);
    if let Some(cidr_block) = scope.blocks.primary {
        out.resources.vpcs.push(Vpc {
            vpc_id: scope.vpc_id.clone(),
            name: label(scope.name, Some(&given.details)),
            cidr_block,
            secondary_cidr_blocks: scope.blocks.secondary.clone(),
            ipv6_cidr_blocks: scope.blocks.ipv6.clone(),
            is_default: given.is_default,
            enable_dns_support: given.enable_dns_support,
            enable_dns_hostnames: given.enable_dns_hostnames.unwrap_or(given.is_default),
            dhcp_options_id: given.dhcp_options.and_then(|options| {
                let code = "InvalidDhcpOptionID.NotFound";
                target::object(scope, ("dopt", "DHCP option set", code), options, problems)
            }),
            region: scope.region.to_owned(),
            details: scope.details(Some(&given.details)),
        });
    }
    subnet::check(scope, problems);
    security_group::resolve(scope, out, problems);
    instance::resolve(scope, out, problems);
    let acls = network_acl::resolve(scope, &given.network_acls, out, problems);
    let tables = route_table::resolve(scope, &given.route_tables, out, problems);
    subnet::resolve(scope, &tables, &acls, out, problems);
    middlebox::warn(scope, &given.route_tables, &tables, problems);
}

fn scope<'a>(vpc: &'a schema::Vpc<'a>, common: &'a Common<'a>, problems: &mut Problems) -> Scope<'a> {
    let Common { context, .. } = common;
    let name = vpc.name.value;
    let limit = context.quotas.limit(Quota::Subnets);
    let subnets = limit.apply(0, &vpc.subnets, |subnet| subnet.name.span, problems);
    let limit = context.quotas.limit(Quota::SecurityGroups);
    let security_groups = limit.apply(0, &vpc.security_groups, |group| group.name.span, problems);
    let instances = limit::INSTANCES.apply(0, &vpc.instances, |instance| instance.name.span, problems);
    Scope {
        name,
        vpc_id: object_id(kind::VPC, &vpc.details, &[name]),
        region: vpc.region.map_or(&*context.region, |region| region.value),
        account: vpc.details.account.map_or(&*context.account, |account| account.value),
        blocks: vpc::blocks(vpc, &context.quotas, problems),
        subnets,
        security_groups,
        instances,
        common,
    }
}
