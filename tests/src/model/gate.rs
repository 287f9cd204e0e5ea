//! The groups of one ENI (semantics 4.2 step 3, 4.3 step 3): what it tracks passes, everything else needs a rule.

use super::header::Header;
use super::reason::Reason;
use super::security_group::{self, Question};
use super::tracking::Direction;
use super::walk::{Moment, Walk};
use super::world::Eni;
use super::{Model, Pass, Passage, error};

/// A packet, and what the way it has come says of it.
pub(super) struct Asked<'a> {
    pub(super) header: &'a Header,
    pub(super) identity: Option<Eni>,
    pub(super) automatic: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn by(walk: &'a Walk) -> Self {
        Self {
            header: &walk.header,
            identity: walk.identity,
            // What the ENI itself remembers counts: a gateway may remember longer.
            automatic: false,
        }
    }
}

pub(super) fn pass_groups(
    moment: Moment<'_>,
    eni: Eni,
    direction: Direction,
    asked: &Asked<'_>,
) -> Result<Passage, Reason> {
    let (model, header) = (moment.model, asked.header);
    // A connection is known at an ENI by its packets as they leave there.
    let tuple = match direction {
        Direction::Egress => header.tuple(),
        Direction::Ingress => header.tuple().answered(),
    };
    let question = ask(direction, asked);
    let admitted = security_group::admits(&model.world, eni, &question);
    let alone = header.stands_alone();
    let by_rule = admitted.map(|admitted| admitted.by);
    let by_quote = || error::passes(moment, eni, direction, asked);
    let by = if !alone && model.knows(eni, &tuple, header.tcp_flags, moment.now) {
        Some(Pass::State)
    } else {
        by_rule.or_else(by_quote)
    };
    Ok(Passage {
        eni,
        direction,
        tuple,
        by: by.ok_or_else(|| refusal(model, eni, &question))?,
        is_remembered: !alone,
        tracked: admitted.map(|admitted| admitted.tracked),
    })
}

/// 6.3: who is far is told by the address on the way out, by the packet's identity on the way in.
fn ask(direction: Direction, asked: &Asked<'_>) -> Question {
    let (egress, header) = (direction == Direction::Egress, asked.header);
    Question {
        egress,
        remote: if egress { header.dst } else { header.src },
        far: asked.identity.filter(|_| !egress),
        protocol: header.protocol,
        selector: header.selector,
    }
}

/// Why no rule admits it.
fn refusal(model: &Model, eni: Eni, question: &Question) -> Reason {
    if question.egress {
        Reason::NoEgressRule
    } else if question.far.is_none() && security_group::would_admit_member(&model.world, eni, question) {
        Reason::GroupReferenceLost
    } else {
        Reason::NoIngressRule
    }
}
