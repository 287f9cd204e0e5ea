//! Integrations: which link each goes by, to whom, and that no two want one socket. What API Gateway would refuse is
//! refused with its words.

use super::{limit, not_found};
use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::integration::{Integration, IntegrationTarget, Listen};
use crate::document::places::Found;
use crate::document::schema;
use crate::resources::{Listener, Resources, RestVpcLink};
use std::collections::HashMap;

const REFUSED: &str = "BadRequestException";
const NOT_FOUND: &str = "NotFoundException";

/// A link of either kind.
#[derive(Clone, Copy)]
enum Link<'a> {
    Http(&'a str),
    Rest(&'a RestVpcLink),
}

pub(super) fn resolve(given: &[schema::Integration<'_>], all: &Resources, problems: &mut Problems) -> Vec<Integration> {
    let given = limit::INTEGRATIONS.apply(0, given, |one| one.name.span, problems);
    check_sockets(given, problems);
    let resolved = given.iter().filter_map(|one| {
        let link = link(all, one.vpc_link?, problems)?;
        let target = target(all, link, one.target.as_ref()?, problems)?;
        Some(Integration {
            name: one.name.value.to_owned(),
            vpc_link: link.id().to_owned(),
            target,
            listen: one.listen.as_ref()?.value.clone(),
            connections: one.connections,
        })
    });
    resolved.collect()
}

/// Where each is.
pub(super) fn found(given: &[schema::Integration<'_>]) -> Found {
    let mut found = Found::default();
    for one in given {
        found.add("integrations", &Integration::place_of(one.name.value), one.name.span);
    }
    found
}

fn check_sockets(given: &[schema::Integration<'_>], problems: &mut Problems) {
    let mut seen: HashMap<&Listen, _> = HashMap::new();
    for Spanned { value, span } in given.iter().filter_map(|one| one.listen.as_ref()) {
        if let Some(other) = seen.insert(value, *span) {
            let message = format!("another integration listens at {value} already");
            let problem = Problem::error(*span, message).other(other);
            problems.report(problem.help("give each a port or a path of its own"));
        }
    }
}

impl<'a> Link<'a> {
    fn id(self) -> &'a str {
        match self {
            Self::Http(id) => id,
            Self::Rest(link) => &link.id,
        }
    }
}

/// By its name, or by its id.
fn link<'a>(all: &'a Resources, name: Spanned<&str>, problems: &mut Problems) -> Option<Link<'a>> {
    let is_it = |own: &str, id: &str| own == name.value || id == name.value;
    let http = all.vpc_links.iter().filter(|it| is_it(&it.name, &it.vpc_link_id));
    let http = http.map(|it| Link::Http(&it.vpc_link_id));
    let rest = all
        .rest_vpc_links
        .iter()
        .filter(|it| is_it(&it.name, &it.id))
        .map(Link::Rest);
    let mut found = http.chain(rest);
    let first = found.next();
    if first.is_none() {
        let names = all.vpc_links.iter().map(|it| &*it.name);
        let names = names.chain(all.rest_vpc_links.iter().map(|it| &*it.name));
        let help = "add it to vpc_links or rest_vpc_links";
        not_found("there is no VPC link", name, NOT_FOUND, names, help, problems);
    } else if found.next().is_some() {
        let message = format!("several VPC links are called {}", quote(name.value));
        let problem = Problem::error(name.span, message).code(REFUSED);
        problems.report(problem.help("write the id of one of them"));
        return None;
    }
    first
}

fn target(
    all: &Resources,
    link: Link<'_>,
    given: &Spanned<schema::IntegrationTarget<'_>>,
    problems: &mut Problems,
) -> Option<IntegrationTarget> {
    let span = given.span;
    match &given.value {
        schema::IntegrationTarget::Listener(name) => {
            let name = Spanned { value: *name, span };
            listener(all, link, name, problems).map(|it| IntegrationTarget::Listener(it.listener_arn.clone()))
        }
        schema::IntegrationTarget::Addresses(_) if matches!(link, Link::Rest(_)) => {
            let message = "a VPC link of a REST API leads to its load balancer alone";
            let problem = Problem::error(span, message).code(REFUSED);
            problems
                .report(problem.help("write listener: and one of the load balancer's, or take a link of vpc_links"));
            None
        }
        schema::IntegrationTarget::Addresses(addresses) => Some(IntegrationTarget::Addresses(addresses.clone())),
    }
}

/// One that takes TCP, of the link's own load balancer if it has one.
fn listener<'a>(
    all: &'a Resources,
    link: Link<'_>,
    name: Spanned<&str>,
    problems: &mut Problems,
) -> Option<&'a Listener> {
    let mut listeners = all.listeners.iter();
    let found = listeners.find(|it| it.name == name.value || it.listener_arn == name.value);
    let Some(found) = found else {
        let names = all.listeners.iter().map(|it| &*it.name);
        let help = "name one of the section listeners";
        not_found("there is no listener", name, NOT_FOUND, names, help, problems);
        return None;
    };
    let balancer = all
        .load_balancers
        .iter()
        .find(|it| Some(&it.load_balancer_arn) == found.load_balancer_arn.as_ref());
    let refusal = match link {
        _ if !found.takes_tcp() => "takes no TCP, which is what an integration speaks",
        _ if balancer.is_none_or(|it| !it.is_network()) => "isn't a Network Load Balancer's",
        Link::Rest(link) if found.load_balancer_arn.as_ref() != link.target_arns.first() => {
            "is another load balancer's than the one that the VPC link leads to"
        }
        _ => return Some(found),
    };
    let message = format!("listener {} {refusal}", quote(name.value));
    let problem = Problem::error(name.span, message).code(REFUSED);
    problems.report(problem.help("name a listener with Protocol: TCP of a load balancer that the link reaches"));
    None
}
