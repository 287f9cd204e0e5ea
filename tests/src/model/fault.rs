//! Why a packet goes no further, and what its sender is told.

use super::reason::Reason;
use super::tracking::Direction;
use super::walk::Spot;
use std::net::Ipv4Addr;

/// Why a packet goes no further, and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) at: Spot,
    pub(super) direction: Direction,
    pub(super) reason: Reason,
    pub(super) rule: Option<u16>,
    /// What its sender is told.
    pub(super) answer: Option<Answer>,
}

/// What the platform answers to a packet that goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// 10.3: "NAT gateway is visible as a hop with its private IP".
    HopLimit { nat: Ipv4Addr },
    /// 23: the path's MTU.
    TooBig { mtu: usize, automatic: bool },
    /// 10.5: "NAT gateway answers with RST".
    Reset,
}

/// A NACL's rule that stops a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Denial {
    pub(super) reason: Reason,
    pub(super) rule: u16,
}

impl Fault {
    pub(super) fn at(at: Spot, direction: Direction, reason: Reason) -> Self {
        Self {
            at,
            direction,
            reason,
            rule: None,
            answer: None,
        }
    }

    pub(super) fn answered(self, answer: Answer) -> Self {
        Self {
            answer: Some(answer),
            ..self
        }
    }
}
