//! Endpoint services: the load balancers that they are (semantics 14.2, 14.3).

use super::context::{Context, Field, says};
use super::listener::unknown;
use crate::document::diagnostic::Problems;
use crate::resources::VpcEndpointService;
use std::collections::HashMap;

/// A kind of load balancers that services are of.
struct Of {
    field: &'static str,
    kind: &'static str,
    name: &'static str,
}

const NETWORK: Of = Of {
    field: "NetworkLoadBalancerArns",
    kind: "network",
    name: "Network Load Balancer",
};

const GATEWAY: Of = Of {
    field: "GatewayLoadBalancerArns",
    kind: "gateway",
    name: "Gateway Load Balancer",
};

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    let mut served: HashMap<&str, &str> = HashMap::new();
    for service in &all.all.vpc_endpoint_services {
        let id = &*service.service_id;
        one_kind(all, service, problems);
        let is_gateway = service.network_load_balancer_arns.is_empty();
        let kind = if is_gateway { &GATEWAY } else { &NETWORK };
        for (index, arn) in service.load_balancer_arns().iter().enumerate() {
            let field: &[&str] = &[kind.field, &index.to_string()];
            balancer(all, (id, field), kind, arn, problems);
            if let Some(other) = served.insert(arn, id).filter(|_| !is_gateway) {
                let (arn, other) = (all.name(arn), all.name(other));
                let message = format!("load balancer {arn} is endpoint service {other}'s already");
                let help = "a load balancer serves one endpoint service: make another load balancer, which may have the same targets";
                all.refuse((id, field), "InvalidParameter", message, help, problems);
            }
        }
    }
}

/// A service is of load balancers of one kind.
fn one_kind(all: &Context<'_>, service: &VpcEndpointService, problems: &mut Problems) {
    let id = &*service.service_id;
    let networks = !service.network_load_balancer_arns.is_empty();
    let gateways = !service.gateway_load_balancer_arns.is_empty();
    let help =
        "name Network Load Balancers in NetworkLoadBalancerArns, or Gateway Load Balancers in GatewayLoadBalancerArns";
    if networks && gateways {
        let message = "an endpoint service has load balancers of one kind";
        let field: (&str, &[&str]) = (id, &["GatewayLoadBalancerArns"]);
        all.refuse(field, "InvalidParameterCombination", message, help, problems);
    } else if !networks && !gateways {
        let message = format!("endpoint service {} has no load balancer", all.name(id));
        all.refuse((id, &[]), "MissingParameter", message, help, problems);
    }
}

/// A load balancer of the configuration.
fn balancer(all: &Context<'_>, field: Field<'_>, wanted: &Of, arn: &str, problems: &mut Problems) {
    let balancers = &all.all.load_balancers;
    let Some(found) = balancers.iter().find(|one| one.load_balancer_arn == arn) else {
        let what = (arn, "load balancer", "LoadBalancerNotFound");
        return unknown(all, field, what, balancers.is_empty(), problems);
    };
    let kind = found.load_balancer_type.as_deref();
    if kind.is_some() && !says(kind, wanted.kind) {
        let message = format!("{} isn't a {}", all.name(arn), wanted.name);
        let help = format!("name one of Type: {}", wanted.kind);
        all.refuse(field, "InvalidParameter", message, &help, problems);
    }
}
