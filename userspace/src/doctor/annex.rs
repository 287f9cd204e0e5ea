//! Namespaces of ours in which nobody lives: the cutter, the service port and the finisher.

use super::Check;
use crate::install::kernel::Datapath;
use crate::install::netlink::Netlink;
use crate::install::state::State;
use crate::install::{AnnexState, Result, finisher, service};

type IsWhole = fn(&AnnexState, &Datapath, &Netlink) -> Result<bool>;

/// Of the service port, if there is one.
pub(super) fn service_port(state: &State) -> Option<Check> {
    check(
        ("service port", state.service.as_ref()?, service::is_whole),
        state,
        "an agent can check the health of load balancers' targets",
        "no agent can check the health of load balancers' targets, which stay as they were found",
    )
}

/// Of the finisher, if there is one.
pub(super) fn finisher(state: &State) -> Option<Check> {
    check(
        ("finisher", state.finisher.as_ref()?, finisher::is_whole),
        state,
        "packets go to the appliances of Gateway Load Balancers and come back",
        "nothing goes to the appliances of Gateway Load Balancers: it is dropped as NoFinisher",
    )
}

/// What keeps it from being told is told of the tables.
pub(super) fn check(
    (name, annex, is_whole): (&'static str, &AnnexState, IsWhole),
    state: &State,
    means: &str,
    lacks: &str,
) -> Option<Check> {
    let (datapath, netlink) = (Datapath::open(&state.pins).ok()?, Netlink::open().ok()?);
    let found = annex.device.clone();
    Some(match is_whole(annex, &datapath, &netlink) {
        Ok(true) => Check::ok(name, found, means),
        told => Check::failure(
            name,
            told.map_or_else(
                |error| error.to_string(),
                |_| format!("{found} is gone, or a part of it"),
            ),
            lacks,
            "groundplane up with the same documents makes it again",
        ),
    })
}
