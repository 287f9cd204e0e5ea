//! Who gets the packets of a route.

use super::{Scope, not_found};
use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::ids::is_id;
use crate::document::schema::{self, Target, TargetKind, kind};
use crate::resources::{RouteState, RouteTarget};
use std::collections::HashMap;

/// The VPC's network interfaces by name and by id.
pub(super) struct Targets<'a> {
    names: HashMap<&'a str, &'a schema::Instance<'a>>,
    ids: HashMap<String, &'a schema::Instance<'a>>,
}

impl<'a> Targets<'a> {
    pub(super) fn of(scope: &Scope<'a>) -> Self {
        let instances = scope.instances.iter();
        Self {
            names: instances
                .clone()
                .map(|instance| (instance.name.value, instance))
                .collect(),
            ids: instances.map(|instance| (eni_id(scope, instance), instance)).collect(),
        }
    }
}

pub(super) fn eni_id(scope: &Scope<'_>, instance: &schema::Instance<'_>) -> String {
    scope.id(kind::NETWORK_INTERFACE, instance.name.value, Some(&instance.details))
}

/// The target by its id. One that is gone may be nobody's, if the route says that it is a black hole.
pub(super) fn find(
    scope: &Scope<'_>,
    targets: &Targets<'_>,
    target: Spanned<Target<'_>>,
    state: RouteState,
    problems: &mut Problems,
) -> Option<RouteTarget> {
    let name = Spanned {
        value: target.value.name,
        span: target.span,
    };
    let (prefix, what, code, make): (_, _, _, fn(String) -> RouteTarget) = match target.value.kind {
        TargetKind::Instance => {
            return instance(scope, targets, name, state, problems).map(RouteTarget::NetworkInterface);
        }
        TargetKind::InternetGateway => {
            let code = "InvalidInternetGatewayID.NotFound";
            ("igw", "internet gateway", code, RouteTarget::Gateway)
        }
        TargetKind::VpnGateway => {
            let code = "InvalidGatewayID.NotFound";
            ("vgw", "virtual private gateway", code, RouteTarget::Gateway)
        }
        TargetKind::GatewayEndpoint => ("vpce", "VPC endpoint", ENDPOINT_NOT_FOUND, RouteTarget::Gateway),
        TargetKind::VpcEndpoint => ("vpce", "VPC endpoint", ENDPOINT_NOT_FOUND, RouteTarget::VpcEndpoint),
        TargetKind::NatGateway => ("nat", "NAT gateway", "NatGatewayNotFound", RouteTarget::NatGateway),
        TargetKind::EgressOnlyInternetGateway => {
            let make = RouteTarget::EgressOnlyInternetGateway;
            (
                "eigw",
                "egress-only internet gateway",
                "InvalidGatewayID.NotFound",
                make,
            )
        }
        TargetKind::VpcPeeringConnection => {
            let code = "InvalidVpcPeeringConnectionID.NotFound";
            ("pcx", "VPC peering connection", code, RouteTarget::VpcPeeringConnection)
        }
        TargetKind::TransitGateway => {
            let code = "InvalidTransitGatewayID.NotFound";
            ("tgw", "transit gateway", code, RouteTarget::TransitGateway)
        }
        TargetKind::LocalGateway => return Some(RouteTarget::LocalGateway(name.value.to_owned())),
        TargetKind::CarrierGateway => return Some(RouteTarget::CarrierGateway(name.value.to_owned())),
        TargetKind::CoreNetwork => return Some(RouteTarget::CoreNetwork(name.value.to_owned())),
    };
    object(scope, (prefix, what, code), name, problems).map(make)
}

const ENDPOINT_NOT_FOUND: &str = "InvalidVpcEndpointId.NotFound";

/// The id of an ENI of the VPC.
fn instance(
    scope: &Scope<'_>,
    targets: &Targets<'_>,
    instance: Spanned<&str>,
    state: RouteState,
    problems: &mut Problems,
) -> Option<String> {
    let Spanned { value: name, span } = instance;
    let found = targets.names.get(name).or_else(|| targets.ids.get(name));
    if found.is_none() && state != RouteState::Active && is_id(kind::NETWORK_INTERFACE.prefix, name) {
        return Some(name.to_owned());
    }
    let Some(target) = found else {
        let what = format!("VPC {} has no instance", quote(scope.name));
        let names = scope.instances.iter().map(|instance| instance.name.value);
        let otherwise = "add it below the VPC's instances";
        let code = "InvalidNetworkInterfaceID.NotFound";
        not_found(&what, instance, code, names, otherwise, problems);
        return None;
    };
    if target.source_dest_check {
        let message = format!(
            "instance {} gets packets for others, which its source/destination check drops",
            quote(name)
        );
        let problem = Problem::warning(span, message).number("M28");
        problems.report(problem.help("give the instance SourceDestCheck: false"));
    }
    Some(eni_id(scope, target))
}

/// The id of what isn't in the VPC. An id of the right form is taken as it is: whether there is such an object is asked
/// when all are known.
pub(super) fn object(
    scope: &Scope<'_>,
    (prefix, what, code): (&'static str, &str, &'static str),
    name: Spanned<&str>,
    problems: &mut Problems,
) -> Option<String> {
    if let Some(id) = scope.common.registry.outside(prefix, name.value) {
        return Some(id.to_owned());
    }
    if is_id(prefix, name.value) {
        return Some(name.value.to_owned());
    }
    let otherwise = "add it at the top of the document, in the section of its kind, or write its id";
    let names = scope.common.registry.names(prefix);
    not_found(&format!("there is no {what}"), name, code, names, otherwise, problems);
    None
}
