//! Interface endpoints (semantics 14.4).

use super::Gateway;
use super::fault::Fault;
use super::gate::{Asked, pass_groups};
use super::load_balancer::{self, Entrance};
use super::reason::Reason;
use super::tracking::Direction;
use super::walk::{Moment, Spot, Walk};
use super::world::{Eni, World};

/// "MTU 8500, larger packets dropped, no ICMP frag-needed".
const MTU: usize = 8500;
const TCP: u8 = 6;
const UDP: u8 = 17;

fn told(at: Eni, reason: Reason) -> Fault {
    Fault::at(Spot::Eni(at), Direction::Ingress, reason)
}

/// A packet has reached the ENI of an endpoint, and goes on in the provider's VPC.
pub(super) fn pass(moment: Moment<'_>, walk: &mut Walk, endpoint: Eni) -> Result<(), Fault> {
    let world = moment.world();
    if !load_balancer::is_about_known(moment, endpoint, &walk.header) {
        let asked = pass_groups(moment, endpoint, Direction::Ingress, &Asked::by(walk));
        asked.map_err(|reason| told(endpoint, reason))?;
    }
    carries(world, walk, (endpoint, endpoint))?;
    let node = world.node_behind(endpoint);
    let node = node.ok_or_else(|| told(endpoint, Reason::EndpointHasNoNode))?;
    walk.gateways.push(Gateway::Endpoint);
    let entrance = Entrance {
        door: endpoint,
        node,
        asks_groups: world.has_groups(node) && world.is_enforced(node),
    };
    load_balancer::go_there(moment, walk, entrance)
}

/// "The reply is reversed by state." What doesn't pass is told of where it is, at the node.
pub(super) fn pass_back(moment: Moment<'_>, walk: &mut Walk, (node, endpoint): (Eni, Eni)) -> Result<(), Fault> {
    carries(moment.world(), walk, (node, endpoint))?;
    walk.gateways.push(Gateway::EndpointBack);
    Ok(())
}

/// "state Available? protocol TCP or UDP? size <= 8500?"
fn carries(world: &World, walk: &mut Walk, (at, endpoint): (Eni, Eni)) -> Result<(), Fault> {
    if !world.is_available(endpoint) {
        return Err(told(at, Reason::EndpointIsNotAvailable));
    }
    if !matches!(walk.header.protocol, TCP | UDP) {
        return Err(told(at, Reason::EndpointDoesNotCarryIt));
    }
    if walk.header.ip_len > MTU {
        return Err(told(at, Reason::LargerThanTheEndpointTakes));
    }
    // "MSS is clamped": to what a NAT gateway, of the same MTU, clamps it to.
    walk.clamps = true;
    Ok(())
}
