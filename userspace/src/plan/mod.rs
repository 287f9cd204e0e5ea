//! Resources to the exact rows of every table. Pure: the same resources and bindings give the same plan.

use groundplane_abi::eni::{AddressKey, EniEntry, EniKey, MacKey, SubnetEntry, SubnetKey};
use groundplane_abi::nacl::{NaclEntry, NaclKey};
use groundplane_abi::route::{RouteEntry, RouteKey};
use groundplane_abi::security_group::{GroupSetEntry, GroupSetKey};
use groundplane_abi::{Device, ScopeId};
use std::collections::BTreeMap;

/// Which Linux device an ENI hangs on. Devices exist before the plan is made, since their indices stand in its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    pub device: Device,
    pub kind: GuestKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestKind {
    Veth,
    Tap,
}

/// Bindings by `NetworkInterfaceId`.
pub type Bindings = BTreeMap<String, Binding>;

/// The rows of every table of rules, routes and addresses. The bank in each key is 0; install and the host twin put in
/// the bank they write to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub enis: BTreeMap<EniKey, EniEntry>,
    pub subnets: BTreeMap<SubnetKey, SubnetEntry>,
    /// Key and length of the address's prefix.
    pub addresses: BTreeMap<(AddressKey, u8), Device>,
    pub macs: BTreeMap<MacKey, Device>,
    /// Key and length of the destination's prefix.
    pub routes: BTreeMap<(RouteKey, u8), RouteEntry>,
    pub nacls: BTreeMap<NaclKey, NaclEntry>,
    pub group_sets: BTreeMap<GroupSetKey, GroupSetEntry>,
    /// Scope of each VPC, by `VpcId`.
    pub scopes: BTreeMap<String, ScopeId>,
}
