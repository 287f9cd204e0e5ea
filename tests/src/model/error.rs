//! ICMP errors (semantics 7.6): not related to the connection they speak of, unless nobody has state of it or it is
//! automatically tracked.

use super::Pass;
use super::gate::Asked;
use super::header::Selector;
use super::security_group::{self, Question};
use super::tracking::{Direction, Tuple};
use super::walk::Moment;
use super::world::Eni;
use std::net::IpAddr;

/// Why an ENI lets an error pass that no rule admits, if it does. It quotes the packet it speaks of.
///
/// "only if (a) the flow is automatically tracked, or (b) the flow is untracked".
pub(super) fn passes(moment: Moment<'_>, eni: Eni, direction: Direction, error: &Asked<'_>) -> Option<Pass> {
    let (model, header) = (moment.model, error.header);
    let quoted = header.quoted.as_ref()?;
    // Where the error arrives the quoted packet has left, where it leaves the quoted packet has arrived.
    let (left, own) = match direction {
        Direction::Ingress => (*quoted, header.dst),
        Direction::Egress => (quoted.answered(), header.src),
    };
    // It speaks of a packet that this end neither sent nor got.
    if left.src != own {
        return None;
    }
    let is_automatic_here =
        model.interface(eni).interface_type.is_automatically_tracked() && matches!(left.protocol, 6 | 17);
    if error.automatic || model.is_automatic(eni, &left, moment.now) {
        return Some(Pass::ErrorAboutAutomatic);
    }
    if model.knows(eni, &left, 0, moment.now) {
        return is_automatic_here.then_some(Pass::ErrorAboutAutomatic);
    }
    // Which packet was first nobody knows any more, so either may have been.
    let arrived = left.answered();
    let untracked =
        is_untracked(moment, eni, true, left.dst, &left) || is_untracked(moment, eni, false, left.dst, &arrived);
    untracked.then_some(Pass::ErrorAboutUntracked)
}

fn is_untracked(moment: Moment<'_>, eni: Eni, egress: bool, remote: IpAddr, tuple: &Tuple) -> bool {
    let question = Question {
        egress,
        remote,
        far: None,
        protocol: tuple.protocol,
        selector: Selector::of(tuple),
    };
    security_group::admits(moment.world(), eni, &question).is_some_and(|admitted| !admitted.tracked)
}
