//! What has become of a packet, held against what is expected.

use crate::model::{self, At};
use crate::packet::Packet;
use crate::reasons;
use crate::scenario::Expected;
use crate::scenario::arrival::{Arrival, is_told_so};
use crate::scenario::expected::{Dropped, INTERNET};
use crate::topology::Topology;
use anyhow::{Result, bail, ensure};
use groundplane_abi::DropReason;

/// What became of one packet, where both agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrived(Arrival),
    Answered(Vec<u8>),
    /// And what its sender is told.
    Lost(Loss, Option<Vec<u8>>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) at: String,
    pub(super) egress: bool,
    pub(super) reason: DropReason,
    pub(super) rule: Option<u16>,
}

/// A drop of the model's, with the names of the topology.
pub(super) fn loss(topology: &Topology, drop: &model::Drop) -> Loss {
    let name = |id: &String| {
        let mut enis = topology.resources.network_interfaces.iter();
        let eni = enis.find(|eni| eni.network_interface_id == *id);
        eni.map_or_else(|| id.clone(), |eni| eni.name.clone())
    };
    Loss {
        at: match &drop.at {
            At::Eni(id) => name(id),
            At::Internet => INTERNET.to_owned(),
        },
        egress: drop.egress,
        reason: reasons::of(drop.reason),
        rule: drop.rule,
    }
}

/// A packet, and whether a client has sent it. `is_there`: it goes the way that the exchange began with, and is no
/// answer.
pub(super) fn expect(fate: &Fate, to: &str, sent: (&Packet, bool), expected: &Expected, is_there: bool) -> Result<()> {
    let (sent, by_client) = sent;
    match (expected, fate) {
        (Expected::Accepted { there, back, seen, .. }, Fate::Arrived(arrival)) => {
            arrival.ensure_came(to, if is_there { *there } else { *back })?;
            arrival.ensure_says(sent)?;
            if by_client {
                arrival.ensure_seen(sent, *seen)?;
            }
            Ok(())
        }
        (Expected::Kept(appliance), Fate::Arrived(arrival)) => arrival.ensure_came(appliance, None),
        (Expected::Dropped(dropped), Fate::Lost(loss, answer)) => {
            ensure!(is_told(dropped, loss), "{fate:?}");
            ensure!(
                is_told_so(dropped.told, sent, answer.as_deref())?,
                "its sender is told {answer:?}"
            );
            Ok(())
        }
        _ => bail!("{fate:?}"),
    }
}

fn is_told(dropped: &Dropped, loss: &Loss) -> bool {
    let same_rule = dropped.rule.is_none() || dropped.rule == loss.rule;
    (dropped.at, dropped.egress) == (&*loss.at, loss.egress) && dropped.is_told_by(loss.reason) && same_rule
}
