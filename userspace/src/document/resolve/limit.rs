//! How many of something there may be where AWS has no quota: what a host's tables have room for.

use crate::document::quotas::Limit;
use groundplane_abi::uplink::UPLINK_SLOTS;

pub(super) const ALL_SUBNETS: Limit = limit(4096, "subnets in a document", None);
pub(super) const INSTANCES: Limit = limit(4096, "instances in a document", None);
pub(super) const UPLINKS: Limit = limit(UPLINK_SLOTS as usize, "uplinks in a document", None);
/// Each is a socket that the agent listens at.
pub(super) const INTEGRATIONS: Limit = limit(256, "integrations in a document", None);
pub(super) const DESTINATIONS: Limit = limit(1024, "destinations of an uplink", None);
pub(super) const ADDRESSES: Limit = limit(
    50,
    "addresses and prefixes of one family of an instance",
    Some("PrivateIpAddressLimitExceeded"),
);

const fn limit(most: usize, what: &'static str, code: Option<&'static str>) -> Limit {
    Limit {
        most,
        what,
        code,
        raised_by: None,
    }
}
