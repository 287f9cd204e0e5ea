//! Which drop reasons these conversations can't have.

use groundplane_abi::DropReason;

/// Reasons that no packet of these conversations can have, and why.
pub(crate) const IMPOSSIBLE: [(DropReason, &str); 14] = [
    (
        DropReason::TOO_MANY_HOPS,
        "nothing here goes round in circles; the semantics suite writes the rows by hand",
    ),
    (DropReason::NO_ENI, "the plan leaves no row out"),
    (DropReason::NO_SUBNET, "the plan leaves no row out"),
    (DropReason::NO_NACL, "the plan leaves no row out"),
    (DropReason::NO_GROUP_SET, "the plan leaves no row out"),
    (DropReason::NO_SCRATCH, "the host has memory"),
    (
        DropReason::FLOW_TABLE_FULL,
        "a conversation is shorter than the table; the semantics suite fills it",
    ),
    (
        DropReason::CONNECTION_ALLOWANCE,
        "a conversation is shorter than the allowance; the semantics suite uses it up",
    ),
    (
        DropReason::FIRST_PACKET_ALLOWANCE,
        "a conversation is shorter than the allowance; the semantics suite uses it up",
    ),
    (
        DropReason::NAT_PORTS_EXHAUSTED,
        "a conversation is shorter than 55,000 connections; scenario S58 is as long",
    ),
    (
        DropReason::BALANCER_PORTS_EXHAUSTED,
        "a conversation is shorter than 55,000 connections; the model's own tests are as long",
    ),
    (DropReason::NO_UPLINK, "the host's twin has an uplink"),
    (DropReason::NO_FINISHER, "the host's twin finishes by itself"),
    (DropReason::HOST_PACKET, "the guard's, on the other hook"),
];
