//! What the fields mean: references become ids, defaults become values (semantics 1.2), and what AWS would refuse is
//! refused with AWS's code.

mod address;
mod binding;
mod derive;
pub(crate) mod derived;
mod identity;
mod instance;
mod integration;
mod limit;
mod merge;
mod middlebox;
mod network_acl;
mod object;
mod part;
mod place;
mod prefix_list;
mod public;
mod registry;
mod reserved;
mod route_table;
mod security_group;
mod selector;
mod subnet;
mod target;
mod uplink;
mod vpc;
mod zone;

use super::diagnostic::{Problem, Problems, Span, Spanned, quote};
use super::ids::id;
use super::names;
use super::places::Found;
use super::quotas::{Limit, Quota, Quotas};
use super::schema;
use super::schema::Kind;
use super::source::SourceMap;
use super::{Guest, Host, Integration, Uplink};
use crate::resources::{Details, Resources};
use merge::Together;
pub(super) use part::Part;
use place::Taken;
use prefix_list::PrefixLists;
use public::Wish;
use registry::{Index, Registry};
use reserved::Reserved;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use vpc::Blocks;

/// What comes of the document, on this host if it is known. It is complete only if no error was reported. `kept` are
/// the VPCs that the document keeps. If some of them would be different now, their places are the answer.
pub(super) fn resolve(
    document: &schema::Document<'_>,
    kept: &[Arc<Part>],
    host: Option<&Host>,
    sources: &SourceMap<'_>,
    problems: &mut Problems,
) -> Result<Whole, Vec<Span>> {
    let context = Context::of(document);
    let mut out = Output::default();
    let lists = prefix_list::resolve(document, &context.account, &mut out, problems);
    let indices: Vec<_> = document.vpcs.iter().map(Index::of).collect();
    let ids = identity::ids(&document.objects, &context);
    let list_ids: Vec<_> = document.prefix_lists.iter().map(prefix_list::prefix_list_id).collect();
    let indices_of_all = indices.iter().chain(kept.iter().map(|part| &part.index));
    let registry = Registry::of(indices_of_all, document, &ids, &list_ids);
    object::resolve(&document.objects, &ids, &registry, &mut out, problems);
    // What these have asked for is no VPC's business.
    registry.take_answers();
    let common = Common {
        context: &context,
        registry: &registry,
        prefix_lists: &lists,
        reserved: &Reserved::of(&out.resources),
    };
    let stale = kept.iter().filter(|part| !part.holds(&common));
    let stale: Vec<_> = stale.map(|part| part.span).collect();
    if !stale.is_empty() {
        return Err(stale);
    }
    let new = document.vpcs.iter().zip(&indices);
    let new = new.map(|(vpc, index)| Arc::new(part::resolve(vpc, index.clone(), &common)));
    let mut parts: Vec<_> = kept.iter().cloned().chain(new).collect();
    parts.sort_by_key(|part| sources.order(part.span));
    let together = Together {
        context: &context,
        bindings: &document.bindings,
        uplinks: &document.uplinks,
        integrations: &document.integrations,
        host,
        sources,
    };
    Ok(merge::merge(parts, out, &together, problems))
}

/// What comes of a whole configuration.
pub(super) struct Whole {
    pub(super) resources: Resources,
    pub(super) guests: Vec<Guest>,
    pub(super) uplinks: Vec<Uplink>,
    pub(super) integrations: Vec<Integration>,
    /// Of each VPC.
    pub(super) parts: Vec<Arc<Part>>,
}

/// What is the same for all VPCs and stands nowhere in them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Context {
    /// Of those that don't say it themselves; likewise below.
    region: String,
    account: String,
    quotas: Quotas,
}

impl Context {
    fn of(document: &schema::Document<'_>) -> Self {
        Self {
            region: document
                .region
                .map_or(zone::DEFAULT_REGION, |region| region.value)
                .to_owned(),
            account: document
                .account
                .map_or(DEFAULT_ACCOUNT, |account| account.value)
                .to_owned(),
            quotas: document.quotas,
        }
    }
}

/// The account of everything that says none.
const DEFAULT_ACCOUNT: &str = "000000000000";

/// What has been resolved so far.
#[derive(Debug, Default)]
struct Output {
    resources: Resources,
    guests: Vec<Guest>,
    places: Found,
    /// Where the guests are.
    taken: Vec<Taken>,
    /// Network interfaces whose MAC address somebody chose.
    own_macs: HashSet<String>,
    /// The public addresses that instances want.
    wishes: Vec<Wish>,
    /// The ids of objects that are AWS's own words, which say all there is to say.
    dumped: HashSet<String>,
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

/// What the objects of a VPC may refer to.
struct Common<'a> {
    context: &'a Context,
    registry: &'a Registry<'a>,
    prefix_lists: &'a PrefixLists,
    reserved: &'a Reserved,
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
        self.common.context.quotas.limit(quota)
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
