//! The tables whose rows stand in banks: those a plan fills.

use super::slots::Slots;
use super::table::{Banked, Changes, Exact, Longest, Prefixed, Table, delete, put, read_banks};
use crate::install::error::Result;
use crate::plan::{FamilyRows, Plan};
use groundplane_abi::balancer::{
    EndpointEntry, ListenerEntry, ListenerKey, PlacesEntry, PlacesKey, TargetEntry, TargetKey,
};
use groundplane_abi::door::{DoorEntry, DoorKey};
use groundplane_abi::eni::{AddressEntry, AddressKey, EniEntry, EniKey, MacKey, SubnetEntry, SubnetKey};
use groundplane_abi::internet::{PublicEntry, PublicKey};
use groundplane_abi::nacl::{NaclEntry, NaclKey};
use groundplane_abi::nat::NatEntry;
use groundplane_abi::route::{RouteEntry, RouteKey};
use groundplane_abi::security_group::{GroupSetEntry, GroupSetKey, PeerKey, ReferenceKey, RuleBits, SelectorKey};
use groundplane_abi::transit::{AttachmentEntry, AttachmentKey};
use groundplane_abi::vpc::{VpcEntry, VpcKey};
use groundplane_abi::{Bank, Device, Ip, Ip4, Ip6, map};
use std::path::Path;

#[derive(Debug)]
pub(super) struct BankedTables {
    pub(super) enis: Exact<EniKey, EniEntry>,
    subnets: Exact<SubnetKey, SubnetEntry>,
    vpcs: Exact<VpcKey, VpcEntry>,
    attachments: Exact<AttachmentKey, AttachmentEntry>,
    endpoints: Exact<EniKey, EndpointEntry>,
    macs: Exact<MacKey, Device>,
    group_sets: Exact<GroupSetKey, GroupSetEntry>,
    references: Exact<ReferenceKey, RuleBits>,
    selectors: Longest<SelectorKey, RuleBits>,
    doors4: Slots,
    doors6: Longest<DoorKey<Ip6>, DoorEntry>,
    ip4: FamilyTables<Ip4>,
    ip6: FamilyTables<Ip6>,
}

#[derive(Debug)]
struct FamilyTables<I: Ip>
where
    AddressKey<I>: Prefixed,
    RouteKey<I>: Prefixed,
    PeerKey<I>: Prefixed,
    PublicKey<I>: Prefixed,
    AddressEntry<I>: aya::Pod,
    PublicEntry<I>: aya::Pod,
    NatEntry<I>: aya::Pod,
    PlacesEntry<I>: aya::Pod,
    TargetKey<I>: aya::Pod,
    NaclEntry<I>: aya::Pod,
{
    addresses: Longest<AddressKey<I>, AddressEntry<I>>,
    routes: Longest<RouteKey<I>, RouteEntry>,
    publics: Longest<PublicKey<I>, PublicEntry<I>>,
    nats: Exact<EniKey, NatEntry<I>>,
    listeners: Exact<ListenerKey, ListenerEntry>,
    places: Exact<PlacesKey, PlacesEntry<I>>,
    targets: Exact<TargetKey<I>, TargetEntry>,
    nacls: Exact<NaclKey, NaclEntry<I>>,
    peers: Longest<PeerKey<I>, RuleBits>,
}

impl BankedTables {
    pub(super) fn open(pins: &Path) -> Result<Self> {
        use map::{ip4, ip6};
        Ok(Self {
            enis: Exact::open(pins, map::ENIS)?,
            subnets: Exact::open(pins, map::SUBNETS)?,
            vpcs: Exact::open(pins, map::VPCS)?,
            attachments: Exact::open(pins, map::ATTACHMENTS)?,
            endpoints: Exact::open(pins, map::ENDPOINTS)?,
            macs: Exact::open(pins, map::MACS)?,
            group_sets: Exact::open(pins, map::GROUP_SETS)?,
            references: Exact::open(pins, map::REFERENCES)?,
            selectors: Longest::open(pins, map::SELECTORS)?,
            doors4: Slots::open(pins, ip4::DOORS)?,
            doors6: Longest::open(pins, ip6::DOORS)?,
            ip4: FamilyTables::open(
                pins,
                [
                    ip4::ADDRESSES,
                    ip4::ROUTES,
                    ip4::PUBLICS,
                    ip4::NATS,
                    ip4::LISTENERS,
                    ip4::PLACES,
                    ip4::TARGETS,
                    ip4::NACLS,
                    ip4::PEERS,
                ],
            )?,
            ip6: FamilyTables::open(
                pins,
                [
                    ip6::ADDRESSES,
                    ip6::ROUTES,
                    ip6::PUBLICS,
                    ip6::NATS,
                    ip6::LISTENERS,
                    ip6::PLACES,
                    ip6::TARGETS,
                    ip6::NACLS,
                    ip6::PEERS,
                ],
            )?,
        })
    }

    /// What both banks hold. Names of VPCs are not in them.
    pub(super) fn read(&self) -> Result<[Plan; 2]> {
        let [mut zero, mut one] = [Plan::default(), Plan::default()];
        [zero.enis, one.enis] = read_banks(&self.enis)?;
        [zero.subnets, one.subnets] = read_banks(&self.subnets)?;
        [zero.vpcs, one.vpcs] = read_banks(&self.vpcs)?;
        [zero.attachments, one.attachments] = read_banks(&self.attachments)?;
        [zero.endpoints, one.endpoints] = read_banks(&self.endpoints)?;
        [zero.macs, one.macs] = read_banks(&self.macs)?;
        [zero.group_sets, one.group_sets] = read_banks(&self.group_sets)?;
        [zero.references, one.references] = read_banks(&self.references)?;
        [zero.selectors, one.selectors] = read_banks(&self.selectors)?;
        [zero.doors4, one.doors4] = read_banks(&self.doors4)?;
        [zero.doors6, one.doors6] = read_banks(&self.doors6)?;
        [zero.ip4, one.ip4] = self.ip4.read()?;
        [zero.ip6, one.ip6] = self.ip6.read()?;
        Ok([zero, one])
    }

    /// The primary address of the component whose ENI has a number.
    pub(super) fn component_address(&self, device: Device, bank: Bank) -> Result<Option<Ip4>> {
        let nat = self.ip4.nats.get(EniKey { bank, device })?;
        Ok(nat.and_then(|nat| nat.addresses.first().copied()))
    }

    /// Brings a bank from one plan to another, each pair being a part of both, and says how many rows that took. All
    /// stale rows go first, so that a table which fits the new plan is never too small for the way there, and so that a
    /// row which passes from one part to another stays.
    pub(super) fn write(&mut self, bank: Bank, parts: &[(&Plan, &Plan)]) -> Result<usize> {
        Ok(self.step(bank, parts, Step::Delete)? + self.step(bank, parts, Step::Put)?)
    }

    fn step(&mut self, bank: Bank, parts: &[(&Plan, &Plan)], step: Step) -> Result<usize> {
        let mut rows = step.take(&mut self.enis, bank, each(parts, |plan| &plan.enis))?;
        rows += step.take(&mut self.subnets, bank, each(parts, |plan| &plan.subnets))?;
        rows += step.take(&mut self.vpcs, bank, each(parts, |plan| &plan.vpcs))?;
        rows += step.take(&mut self.attachments, bank, each(parts, |plan| &plan.attachments))?;
        rows += step.take(&mut self.endpoints, bank, each(parts, |plan| &plan.endpoints))?;
        rows += step.take(&mut self.macs, bank, each(parts, |plan| &plan.macs))?;
        rows += step.take(&mut self.group_sets, bank, each(parts, |plan| &plan.group_sets))?;
        rows += step.take(&mut self.references, bank, each(parts, |plan| &plan.references))?;
        rows += step.take(&mut self.selectors, bank, each(parts, |plan| &plan.selectors))?;
        rows += step.take(&mut self.doors4, bank, each(parts, |plan| &plan.doors4))?;
        rows += step.take(&mut self.doors6, bank, each(parts, |plan| &plan.doors6))?;
        rows += self.ip4.step(bank, &each(parts, |plan| &plan.ip4), step)?;
        rows += self.ip6.step(bank, &each(parts, |plan| &plan.ip6), step)?;
        Ok(rows)
    }
}

#[derive(Clone, Copy)]
enum Step {
    Delete,
    Put,
}

impl Step {
    fn take<'p, T: Table>(self, table: &mut T, bank: Bank, changes: Changes<'p, T>) -> Result<usize>
    where
        T::Key: 'p,
        T::Value: 'p,
    {
        match self {
            Self::Delete => delete(table, bank, changes),
            Self::Put => put(table, bank, changes),
        }
    }
}

/// The same of both plans of each pair.
fn each<'p, P, R>(parts: &[(&'p P, &'p P)], rows: impl Fn(&'p P) -> &'p R) -> Vec<(&'p R, &'p R)> {
    parts.iter().map(|(old, new)| (rows(old), rows(new))).collect()
}

impl<I: Ip> FamilyTables<I>
where
    AddressKey<I>: Prefixed,
    RouteKey<I>: Prefixed,
    PeerKey<I>: Prefixed,
    PublicKey<I>: Prefixed,
    AddressEntry<I>: aya::Pod,
    PublicEntry<I>: aya::Pod,
    NatEntry<I>: aya::Pod,
    PlacesEntry<I>: aya::Pod,
    TargetKey<I>: Banked,
    NaclKey: Banked,
    NaclEntry<I>: aya::Pod + PartialEq,
{
    fn open(pins: &Path, names: [&'static str; 9]) -> Result<Self> {
        let [
            addresses,
            routes,
            publics,
            nats,
            listeners,
            places,
            targets,
            nacls,
            peers,
        ] = names;
        Ok(Self {
            addresses: Longest::open(pins, addresses)?,
            routes: Longest::open(pins, routes)?,
            publics: Longest::open(pins, publics)?,
            nats: Exact::open(pins, nats)?,
            listeners: Exact::open(pins, listeners)?,
            places: Exact::open(pins, places)?,
            targets: Exact::open(pins, targets)?,
            nacls: Exact::open(pins, nacls)?,
            peers: Longest::open(pins, peers)?,
        })
    }

    fn read(&self) -> Result<[FamilyRows<I>; 2]> {
        let [mut zero, mut one] = [FamilyRows::default(), FamilyRows::default()];
        [zero.addresses, one.addresses] = read_banks(&self.addresses)?;
        [zero.routes, one.routes] = read_banks(&self.routes)?;
        [zero.publics, one.publics] = read_banks(&self.publics)?;
        [zero.nats, one.nats] = read_banks(&self.nats)?;
        [zero.listeners, one.listeners] = read_banks(&self.listeners)?;
        [zero.places, one.places] = read_banks(&self.places)?;
        [zero.targets, one.targets] = read_banks(&self.targets)?;
        [zero.nacls, one.nacls] = read_banks(&self.nacls)?;
        [zero.peers, one.peers] = read_banks(&self.peers)?;
        Ok([zero, one])
    }

    fn step(&mut self, bank: Bank, parts: &[(&FamilyRows<I>, &FamilyRows<I>)], step: Step) -> Result<usize> {
        let mut rows = step.take(&mut self.addresses, bank, each(parts, |rows| &rows.addresses))?;
        rows += step.take(&mut self.routes, bank, each(parts, |rows| &rows.routes))?;
        rows += step.take(&mut self.publics, bank, each(parts, |rows| &rows.publics))?;
        rows += step.take(&mut self.nats, bank, each(parts, |rows| &rows.nats))?;
        rows += step.take(&mut self.listeners, bank, each(parts, |rows| &rows.listeners))?;
        rows += step.take(&mut self.places, bank, each(parts, |rows| &rows.places))?;
        rows += step.take(&mut self.targets, bank, each(parts, |rows| &rows.targets))?;
        rows += step.take(&mut self.nacls, bank, each(parts, |rows| &rows.nacls))?;
        rows += step.take(&mut self.peers, bank, each(parts, |rows| &rows.peers))?;
        Ok(rows)
    }
}
