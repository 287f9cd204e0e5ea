//! What is there once for each address family.

use super::Plan;
use crate::resources::{EniAssociation, NetworkInterface};
use groundplane_abi::balancer::{ListenerEntry, ListenerKey, PlacesEntry, PlacesKey, TargetEntry, TargetKey};
use groundplane_abi::eni::{AddressEntry, AddressKey, EniKey};
use groundplane_abi::internet::{PublicEntry, PublicKey};
use groundplane_abi::nacl::{NaclEntry, NaclKey};
use groundplane_abi::nat::NatEntry;
use groundplane_abi::route::{RouteEntry, RouteKey};
use groundplane_abi::security_group::{PeerKey, RuleBits};
use groundplane_abi::{Ip, Ip4, Ip6};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// The rows of the tables that hold addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilyRows<I: Ip> {
    /// Key and length of the address's prefix.
    pub addresses: BTreeMap<(AddressKey<I>, u8), AddressEntry<I>>,
    /// Key and length of the destination's prefix.
    pub routes: BTreeMap<(RouteKey<I>, u8), RouteEntry>,
    /// Key and length of the address's prefix.
    pub publics: BTreeMap<(PublicKey<I>, u8), PublicEntry<I>>,
    pub nats: BTreeMap<EniKey, NatEntry<I>>,
    pub listeners: BTreeMap<ListenerKey, ListenerEntry>,
    pub places: BTreeMap<PlacesKey, PlacesEntry<I>>,
    pub targets: BTreeMap<TargetKey<I>, TargetEntry>,
    pub nacls: BTreeMap<NaclKey, NaclEntry<I>>,
    /// Key and length of the address's prefix.
    pub peers: BTreeMap<(PeerKey<I>, u8), RuleBits>,
}

impl<I: Ip> FamilyRows<I> {
    pub(super) fn extend(&mut self, other: &Self) {
        self.addresses.extend(&other.addresses);
        self.routes.extend(&other.routes);
        self.publics.extend(&other.publics);
        self.nats.extend(&other.nats);
        self.listeners.extend(&other.listeners);
        self.places.extend(&other.places);
        self.targets.extend(&other.targets);
        self.nacls.extend(&other.nacls);
        self.peers.extend(&other.peers);
    }
}

/// An address family, as a plan needs it: how its blocks are written, and where it has its rows.
pub trait Family: Ip {
    /// A block of this family as its first address and its length; host bits are cleared.
    fn block(block: IpNet) -> Option<(Self, u8)>;
    /// The public address of an address of an ENI; unspecified if it has none.
    fn public(eni: &NetworkInterface, block: (Self, u8)) -> Self;
    fn rows(plan: &Plan) -> &FamilyRows<Self>;
    fn rows_mut(plan: &mut Plan) -> &mut FamilyRows<Self>;
}

impl Family for Ip4 {
    fn block(block: IpNet) -> Option<(Self, u8)> {
        match block {
            IpNet::V4(block) => Some((block.network().into(), block.prefix_len())),
            IpNet::V6(_) => None,
        }
    }

    fn public(eni: &NetworkInterface, (address, prefix_len): (Self, u8)) -> Self {
        let is_it =
            |it: &&EniAssociation| u32::from(prefix_len) == Self::BITS && Self::from(it.private_ip_address) == address;
        let association = eni.associations.iter().find(is_it);
        association.map_or(Self::UNSPECIFIED, |it| it.public_ip.into())
    }

    fn rows(plan: &Plan) -> &FamilyRows<Self> {
        &plan.ip4
    }

    fn rows_mut(plan: &mut Plan) -> &mut FamilyRows<Self> {
        &mut plan.ip4
    }
}

impl Family for Ip6 {
    fn block(block: IpNet) -> Option<(Self, u8)> {
        match block {
            IpNet::V4(_) => None,
            IpNet::V6(block) => Some((block.network().into(), block.prefix_len())),
        }
    }

    /// An address of IPv6 stands for itself.
    fn public(_: &NetworkInterface, _: (Self, u8)) -> Self {
        Self::default()
    }

    fn rows(plan: &Plan) -> &FamilyRows<Self> {
        &plan.ip6
    }

    fn rows_mut(plan: &mut Plan) -> &mut FamilyRows<Self> {
        &mut plan.ip6
    }
}
