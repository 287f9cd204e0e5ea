//! Resources to the exact rows of every table. Pure: the same resources and bindings give the same plan.
//!
//! One file for each noun, named like its counterpart in the tables' layout and in the datapath.

mod balancer;
mod door;
mod eni;
mod family;
mod gateway;
mod internet;
mod limits;
mod lookup;
mod nacl;
mod nat;
mod number;
mod objects;
mod parts;
mod peering;
mod prefix;
mod problem;
mod route;
mod scope;
mod security_group;
#[cfg(test)]
mod tests;
mod transit;
mod uplink;

pub use family::{Family, FamilyRows};
pub use lookup::devices;
pub(crate) use number::fnv1a;
pub use parts::{Compiled, Parts, merged};
pub use problem::PlanProblem;
pub use scope::changed_scopes;
pub use uplink::{Lead, UplinkRows};

use crate::resources::Resources;
use groundplane_abi::balancer::EndpointEntry;
use groundplane_abi::door::{DoorEntry, DoorKey};
use groundplane_abi::eni::{EniEntry, EniKey, MacKey, SubnetEntry, SubnetKey};
use groundplane_abi::security_group::{GroupSetEntry, GroupSetKey, ReferenceKey, RuleBits, SelectorKey};
use groundplane_abi::transit::{AttachmentEntry, AttachmentKey};
use groundplane_abi::vpc::{VpcEntry, VpcKey};
use groundplane_abi::{Device, Ip4, Ip6, ScopeId};
use std::collections::BTreeMap;
use std::sync::Arc;

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
    pub vpcs: BTreeMap<VpcKey, VpcEntry>,
    pub attachments: BTreeMap<AttachmentKey, AttachmentEntry>,
    pub endpoints: BTreeMap<EniKey, EndpointEntry>,
    pub macs: BTreeMap<MacKey, Device>,
    pub group_sets: BTreeMap<GroupSetKey, GroupSetEntry>,
    pub references: BTreeMap<ReferenceKey, RuleBits>,
    /// Key and length of the selector's prefix.
    pub selectors: BTreeMap<(SelectorKey, u8), RuleBits>,
    /// What the filter in front of an uplink asks.
    pub doors4: BTreeMap<DoorKey<Ip4>, DoorEntry>,
    /// Key and length of the address's prefix.
    pub doors6: BTreeMap<(DoorKey<Ip6>, u8), DoorEntry>,
    pub ip4: FamilyRows<Ip4>,
    pub ip6: FamilyRows<Ip6>,
    /// Scope of each VPC and transit gateway, by its id.
    pub scopes: BTreeMap<String, ScopeId>,
}

/// Compiles resources into rows, or says everything that keeps them from being compiled.
///
/// The order of the lists in the resources doesn't matter.
pub fn compile(resources: &Resources, bindings: &Bindings) -> Result<Plan, Vec<PlanProblem>> {
    let compiled = Compiled::default().next(Arc::new(resources.clone()), bindings)?;
    Ok(compiled.plan())
}

impl Plan {
    /// Takes the rows of another plan over.
    fn extend(&mut self, other: &Self) {
        self.enis.extend(&other.enis);
        self.subnets.extend(&other.subnets);
        self.vpcs.extend(&other.vpcs);
        self.attachments.extend(&other.attachments);
        self.endpoints.extend(&other.endpoints);
        self.macs.extend(&other.macs);
        self.group_sets.extend(&other.group_sets);
        self.references.extend(&other.references);
        self.selectors.extend(&other.selectors);
        self.doors4.extend(&other.doors4);
        self.doors6.extend(&other.doors6);
        self.ip4.extend(&other.ip4);
        self.ip6.extend(&other.ip6);
        self.scopes
            .extend(other.scopes.iter().map(|(id, scope)| (id.clone(), *scope)));
    }
}
