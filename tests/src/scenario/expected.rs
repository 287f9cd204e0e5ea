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
    pub const NO_ROUTE: &str = "NO_ROUTE_TO_DESTINATION";
    pub const BLACKHOLE: &str = "BAD_STATE_ROUTE";
    pub const NO_OWNER: &str = "X_LOCAL_NO_OWNER";
    pub const TOO_LARGE: &str = "X_MTU_EXCEEDED";
    pub const NO_PUBLIC_ADDRESS: &str = "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS";
    pub const PRIVATE_DESTINATION: &str = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS";
    pub const PRIVATE_SOURCE: &str = "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS";
    pub const SPOOFED: &str = "GATEWAY_REJECTS_SPOOFED_TRAFFIC";
    pub const PUBLIC_ACCESS_BLOCKED: &str = "VPC_BLOCK_PUBLIC_ACCESS_ENABLED";
    pub const EGRESS_ONLY: &str = "X_EIGW_NO_STATE";
    pub const NAT_PORTS: &str = "X_NAT_PORT_EXHAUSTED";
    pub const NAT_PROTOCOL: &str = "X_NAT_PROTOCOL";
    pub const NAT_FRAGMENT: &str = "X_NAT_FRAGMENT";
    pub const NAT_NO_MAPPING: &str = "X_NAT_NO_MAPPING";
    pub const NAT_IDLE: &str = "X_NAT_IDLE_RST";
    pub const NOT_THE_PEERS: &str = "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR";
    pub const TRANSIT_ZONE: &str = "TGW_ROUTE_AZ_RESTRICTION";
    pub const TRANSIT_NO_ASSOCIATION: &str = "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION";
    pub const TRANSIT_NO_ROUTE: &str = "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT";
    pub const TRANSIT_BLACKHOLE: &str = "X_TGW_BLACKHOLE";
    pub const NO_LISTENER: &str = "X_NLB_NO_LISTENER";
    pub const NO_TARGET: &str = "X_NLB_NO_TARGET";
    pub const UNKNOWN_FLOW: &str = "X_NLB_UNKNOWN_FLOW_RST";
    pub const HAIRPIN: &str = "ELBV2_SOURCE_ADDRESS_PRESERVATION";
    pub const INSPECTION_OPTIONS: &str = "X_GWLB_OPTIONS_MISMATCH";
    pub const INSPECTION_STALE: &str = "X_GWLB_STALE_FLOW";
    pub const ENDPOINT_STATE: &str = "X_ENDPOINT_NOT_AVAILABLE";
    pub const ENDPOINT_PROTOCOL: &str = "X_ENDPOINT_PROTOCOL";
    pub const GATEWAY_ENDPOINT_PROTOCOL: &str = "VPCE_GATEWAY_PROTOCOL_RESTRICTION";
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
        /// Whom the server sees, if it isn't the client itself.
        seen: Option<Seen>,
        /// In how many pieces a packet of its own arrives where a kernel makes them.
        fragments: usize,
    },
    Dropped(Dropped),
    /// An appliance gets it, and nobody hears of it any more.
    Kept(&'static str),
}

/// The address a client is seen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub address: &'static str,
    /// The port, or a ping's identifier, is the client's own.
    pub keeps_port: bool,
}

/// What the sender of a packet is told when it is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// That there is no such connection.
    Reset,
    /// What its path would have taken.
    Mtu(u16),
}

/// Where a drop is told of that no ENI is reached by.
pub const INTERNET: &str = "internet";

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
    pub told: Option<Told>,
}

/// "delivered to the guest and, for TCP, the handshake completes" (semantics 32.0).
#[must_use]
pub const fn accepted() -> Expected {
    Expected::Accepted {
        there: None,
        back: None,
        seen: None,
        fragments: 1,
    }
}

/// Nothing comes of it but that this appliance gets it.
#[must_use]
pub const fn kept_by(appliance: &'static str) -> Expected {
    Expected::Kept(appliance)
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

#[must_use]
pub const fn answer_dropped_leaving(at: &'static str, code: &'static str) -> Expected {
    dropped(at, true, code, true)
}

const fn dropped(at: &'static str, egress: bool, code: &'static str, is_answer: bool) -> Expected {
    Expected::Dropped(Dropped {
        at,
        egress,
        code,
        rule: None,
        is_answer,
        told: None,
    })
}

impl Expected {
    /// By way of a middlebox, both ways.
    #[must_use]
    pub fn through(self, middlebox: &'static str) -> Self {
        self.there_through(middlebox).back_through(middlebox)
    }

    /// By way of a middlebox; answers come directly, or otherwise.
    #[must_use]
    pub fn there_through(mut self, middlebox: &'static str) -> Self {
        if let Self::Accepted { there, .. } = &mut self {
            *there = Some(middlebox);
        }
        self
    }

    /// The answers come by way of a middlebox.
    #[must_use]
    pub fn back_through(mut self, middlebox: &'static str) -> Self {
        if let Self::Accepted { back, .. } = &mut self {
            *back = Some(middlebox);
        }
        self
    }

    /// The server sees the client's port at another address.
    #[must_use]
    pub fn seen_as(self, address: &'static str) -> Self {
        self.seen_by(Seen {
            address,
            keeps_port: true,
        })
    }

    /// The server sees an address that many clients share, and a port of its.
    #[must_use]
    pub fn seen_behind(self, address: &'static str) -> Self {
        self.seen_by(Seen {
            address,
            keeps_port: false,
        })
    }

    fn seen_by(mut self, by: Seen) -> Self {
        if let Self::Accepted { seen, .. } = &mut self {
            *seen = Some(by);
        }
        self
    }

    /// In so many pieces.
    #[must_use]
    pub fn in_fragments(mut self, number: usize) -> Self {
        if let Self::Accepted { fragments, .. } = &mut self {
            *fragments = number;
        }
        self
    }

    /// And the sender is told.
    #[must_use]
    pub fn telling(mut self, what: Told) -> Self {
        if let Self::Dropped(dropped) = &mut self {
            dropped.told = Some(what);
        }
        self
    }

    /// By this rule of the NACL.
    #[must_use]
    pub fn by_rule(self, rule: u16) -> Self {
        match self {
            Self::Dropped(dropped) => Self::Dropped(Dropped {
                rule: Some(rule),
                ..dropped
            }),
            other => other,
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
            Self::Kept(appliance) => write!(f, "it to be kept by {appliance}"),
            Self::Accepted {
                there,
                back,
                seen,
                fragments,
            } => {
                let way = |eni: &Option<&'static str>| eni.unwrap_or("nobody");
                let (there, back) = (way(there), way(back));
                write!(f, "it to be accepted, through {there} there and {back} back")?;
                if *fragments != 1 {
                    write!(f, ", in {fragments} fragments")?;
                }
                seen.map_or(Ok(()), |seen| write!(f, ", seen as {}", seen.address))
            }
            Self::Dropped(dropped) => {
                let what = if dropped.is_answer { "the answer" } else { "it" };
                let way = if dropped.egress { "leaving" } else { "arriving at" };
                write!(f, "{what} to be dropped {way} {} ({})", dropped.at, dropped.code)?;
                dropped.rule.map_or(Ok(()), |rule| write!(f, " by rule {rule}"))?;
                dropped
                    .told
                    .map_or(Ok(()), |told| write!(f, ", its sender told {told:?}"))
            }
        }
    }
}
