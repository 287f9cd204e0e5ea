//! What becomes of an exchange.

use groundplane_abi::DropReason;
use std::fmt;

/// The codes of semantics 28 that these scenarios meet.
pub mod code {
    pub const SG_RULES: &str = "ENI_SG_RULES_MISMATCH";
    pub const SG_REFERENCES: &str = "SG_REFERENCES_NOT_PRESERVED";
    pub const SUBNET_ACL: &str = "SUBNET_ACL_RESTRICTION";
    pub const SOURCE_DEST_CHECK: &str = "ENI_SOURCE_DEST_CHECK_RESTRICTION";
    pub const L2_INVALID: &str = "X_L2_INVALID";
    pub const CANNOT_ROUTE: &str = "CANNOT_ROUTE";
    /// Nobody has a code for a link-local service that isn't there.
    pub const NONE: &str = "";
}

/// What becomes of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Every packet is delivered, and what belongs to a handshake completes it. Directly, or through a middlebox: those
    /// of the side that speaks first, and the answers.
    Accepted {
        there: Option<&'static str>,
        back: Option<&'static str>,
    },
    Dropped(Dropped),
}

/// A drop, as semantics 28 tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The ENI where it happens, leaving it or arriving at it.
    pub at: &'static str,
    pub egress: bool,
    pub code: &'static str,
    /// The number of the NACL rule, where the scenario says one.
    pub rule: Option<u16>,
    /// What opens the exchange is delivered; its answer is what is dropped.
    pub is_answer: bool,
}

/// "delivered to the guest and, for TCP, the handshake completes" (semantics 32.0).
#[must_use]
pub const fn accepted() -> Expected {
    Expected::Accepted {
        there: None,
        back: None,
    }
}

#[must_use]
pub const fn dropped_leaving(at: &'static str, code: &'static str) -> Expected {
    dropped(at, true, code, false)
}

#[must_use]
pub const fn dropped_arriving(at: &'static str, code: &'static str) -> Expected {
    dropped(at, false, code, false)
}

/// What opens the exchange arrives, its answer doesn't.
#[must_use]
pub const fn answer_dropped_arriving(at: &'static str, code: &'static str) -> Expected {
    dropped(at, false, code, true)
}

const fn dropped(at: &'static str, egress: bool, code: &'static str, is_answer: bool) -> Expected {
    Expected::Dropped(Dropped {
        at,
        egress,
        code,
        rule: None,
        is_answer,
    })
}

impl Expected {
    /// By way of a middlebox, both ways.
    #[must_use]
    pub fn through(self, middlebox: &'static str) -> Self {
        match self {
            Self::Accepted { .. } => Self::Accepted {
                there: Some(middlebox),
                back: Some(middlebox),
            },
            dropped => dropped,
        }
    }

    /// By way of a middlebox; answers come directly.
    #[must_use]
    pub fn there_through(self, middlebox: &'static str) -> Self {
        match self {
            Self::Accepted { back, .. } => Self::Accepted {
                there: Some(middlebox),
                back,
            },
            dropped => dropped,
        }
    }

    /// By this rule of the NACL.
    #[must_use]
    pub fn by_rule(self, rule: u16) -> Self {
        match self {
            Self::Dropped(dropped) => Self::Dropped(Dropped {
                rule: Some(rule),
                ..dropped
            }),
            accepted => accepted,
        }
    }
}

impl Dropped {
    /// Whether a reason of the datapath says the same, as far as a reason says it.
    #[must_use]
    pub fn is_told_by(&self, reason: DropReason) -> bool {
        let other_direction = if self.egress { "Ingress" } else { "Egress" };
        let told = reason.describe();
        told.is_some_and(|told| told.code == self.code && !told.name.ends_with(other_direction))
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { there, back } => {
                let way = |eni: &Option<&'static str>| eni.unwrap_or("nobody");
                write!(
                    f,
                    "it to be accepted, through {} there and {} back",
                    way(there),
                    way(back)
                )
            }
            Self::Dropped(dropped) => {
                let what = if dropped.is_answer { "the answer" } else { "it" };
                let way = if dropped.egress { "leaving" } else { "arriving at" };
                write!(f, "{what} to be dropped {way} {} ({})", dropped.at, dropped.code)?;
                dropped.rule.map_or(Ok(()), |rule| write!(f, " by rule {rule}"))
            }
        }
    }
}
