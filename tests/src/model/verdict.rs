//! What becomes of a frame, and how it came to that.

use super::reason::Reason;

/// What becomes of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These bytes reach the guest of this ENI (its `NetworkInterfaceId`).
    Delivered {
        eni: String,
        frame: Vec<u8>,
    },
    /// These bytes go out by an uplink.
    Left(Vec<u8>),
    /// These bytes reach the service behind VPC links. Its MAC addresses are nobody's business.
    Served(Vec<u8>),
    /// These bytes go back to the guest that sent it: the platform's own answer.
    Answered(Vec<u8>),
    /// It goes no further, and these bytes tell the guest that sent it.
    Refused {
        drop: Drop,
        answer: Vec<u8>,
    },
    Dropped(Drop),
    /// It came from the outside and is for the host itself.
    Passed,
}

/// What was seen to become of a packet. From that it is learned what others than the specification choose.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The frame as it has come out, if it has.
    pub frame: Option<&'a [u8]>,
    /// Whether a drop is the one that was told of.
    pub is_told: &'a dyn Fn(&Drop) -> bool,
}

impl<'a> Seen<'a> {
    /// Nobody has looked.
    pub const NOTHING: Self = Self {
        frame: None,
        is_told: &|_| true,
    };

    #[must_use]
    pub const fn frame(frame: Option<&'a [u8]>) -> Self {
        Self { frame, ..Self::NOTHING }
    }
}

impl std::fmt::Debug for Seen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen")
            .field("frame", &self.frame)
            .finish_non_exhaustive()
    }
}

/// A drop and its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    pub reason: Reason,
    pub at: At,
    /// Leaving that ENI, not arriving at it.
    pub egress: bool,
    /// The number of the NACL rule that denied it.
    pub rule: Option<u16>,
}

/// Where a drop happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// Its `NetworkInterfaceId`.
    Eni(String),
    Internet,
}

/// Why the groups of an ENI let a packet pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// The ENI tracks the connection.
    State,
    /// A rule for a CIDR block.
    Cidr,
    PrefixList,
    /// A rule for the members of a group.
    Reference,
    ErrorAboutAutomatic,
    ErrorAboutUntracked,
}

/// How a packet came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// By what it left the one ENI, and came into the other.
    pub passes: [Option<Pass>; 2],
    /// It was a later fragment whose ports were known.
    pub by_note: bool,
    /// In the order in which it passed them.
    pub gateways: Vec<Gateway>,
    /// Its MSS was too high for them.
    pub clamped: bool,
}

/// What a packet passed, and in which direction where that makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gateway {
    Internet,
    InternetBack,
    /// Out by an internet gateway and in by one.
    Hairpin,
    /// By an internet gateway's route table to somebody else.
    EdgeTable,
    EgressOnly,
    EgressOnlyBack,
    Nat,
    NatBack,
    /// An ICMP error about a packet that was translated.
    NatError,
    /// To IPv4, and back from there.
    Nat64,
    Nat64Back,
    Nat64Error,
    /// Over the peering connection that a NAT gateway's packets had come by, without a route.
    ReturnToSender,
    Peering,
    PeeringBetweenRegions,
    Transit,
    TransitPeering,
    /// By a node to a target, which sees the node, or the client.
    Balanced,
    BalancedPreserved,
    /// A target's answer to the node's address, or to the client's.
    BalancedBack,
    BalancedBackPreserved,
    /// An ICMP error about a packet that has passed a node.
    BalancedError,
    /// By an interface endpoint to its node, and an answer from there.
    Endpoint,
    EndpointBack,
    /// By a Gateway Load Balancer endpoint to an appliance, and what comes back from there.
    Inspected,
    InspectedBack,
    /// By a gateway endpoint to a service outside, and an answer from there.
    GatewayEndpoint,
    GatewayEndpointBack,
    /// By a VPC link's ENI from the service, and an answer to it.
    Called,
    CalledBack,
}
