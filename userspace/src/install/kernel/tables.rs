//! The tables whose rows stand in banks: those a plan fills.

use super::table::{Banked, Changes, Exact, Longest, Prefixed, Table, delete, put, read_banks};
use crate::install::error::Result;
use crate::plan::{FamilyRows, Plan};
use groundplane_abi::eni::{AddressKey, EniEntry, EniKey, MacKey, SubnetEntry, SubnetKey};
use groundplane_abi::nacl::{NaclEntry, NaclKey};
use groundplane_abi::route::{RouteEntry, RouteKey};
use groundplane_abi::security_group::{GroupSetEntry, GroupSetKey, PeerKey, ReferenceKey, RuleBits, SelectorKey};
use groundplane_abi::{Bank, Device, Ip, Ip4, Ip6, map};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug)]
pub(super) struct BankedTables {
    pub(super) enis: Exact<EniKey, EniEntry>,
    subnets: Exact<SubnetKey, SubnetEntry>,
    macs: Exact<MacKey, Device>,
    group_sets: Exact<GroupSetKey, GroupSetEntry>,
    references: Exact<ReferenceKey, RuleBits>,
    selectors: Longest<SelectorKey, RuleBits>,
    ip4: FamilyTables<Ip4>,
    ip6: FamilyTables<Ip6>,
}

#[derive(Debug)]
struct FamilyTables<I: Ip>
where
    AddressKey<I>: Prefixed,
    RouteKey<I>: Prefixed,
    PeerKey<I>: Prefixed,
    NaclEntry<I>: aya::Pod,
{
    addresses: Longest<AddressKey<I>, Device>,
    routes: Longest<RouteKey<I>, RouteEntry>,
    nacls: Exact<NaclKey, NaclEntry<I>>,
    peers: Longest<PeerKey<I>, RuleBits>,
}

impl BankedTables {
    pub(super) fn open(pins: &Path) -> Result<Self> {
        use map::{ip4, ip6};
        Ok(Self {
            enis: Exact::open(pins, map::ENIS)?,
            subnets: Exact::open(pins, map::SUBNETS)?,
            macs: Exact::open(pins, map::MACS)?,
            group_sets: Exact::open(pins, map::GROUP_SETS)?,
            references: Exact::open(pins, map::REFERENCES)?,
            selectors: Longest::open(pins, map::SELECTORS)?,
            ip4: FamilyTables::open(pins, [ip4::ADDRESSES, ip4::ROUTES, ip4::NACLS, ip4::PEERS])?,
            ip6: FamilyTables::open(pins, [ip6::ADDRESSES, ip6::ROUTES, ip6::NACLS, ip6::PEERS])?,
        })
    }

    /// What both banks hold. Names of VPCs are not in them.
    pub(super) fn read(&self) -> Result<[Plan; 2]> {
        let [enis0, enis1] = read_banks(&self.enis)?;
        let [subnets0, subnets1] = read_banks(&self.subnets)?;
        let [macs0, macs1] = read_banks(&self.macs)?;
        let [group_sets0, group_sets1] = read_banks(&self.group_sets)?;
        let [references0, references1] = read_banks(&self.references)?;
        let [selectors0, selectors1] = read_banks(&self.selectors)?;
        let [ip4_0, ip4_1] = self.ip4.read()?;
        let [ip6_0, ip6_1] = self.ip6.read()?;
        let plan = |enis, subnets, macs, group_sets, references, selectors, ip4, ip6| Plan {
            enis,
            subnets,
            macs,
            group_sets,
            references,
            selectors,
            ip4,
            ip6,
            scopes: BTreeMap::new(),
        };
        Ok([
            plan(
                enis0,
                subnets0,
                macs0,
                group_sets0,
                references0,
                selectors0,
                ip4_0,
                ip6_0,
            ),
            plan(
                enis1,
                subnets1,
                macs1,
                group_sets1,
                references1,
                selectors1,
                ip4_1,
                ip6_1,
            ),
        ])
    }

    /// Brings a bank from one plan to another, each pair being a part of both, and says how many rows that took. All stale
    /// rows go first, so that a table which fits the new plan is never too small for the way there, and so that a row which
    /// passes from one part to another stays.
    pub(super) fn write(&mut self, bank: Bank, parts: &[(&Plan, &Plan)]) -> Result<usize> {
        Ok(self.step(bank, parts, Step::Delete)? + self.step(bank, parts, Step::Put)?)
    }

    fn step(&mut self, bank: Bank, parts: &[(&Plan, &Plan)], step: Step) -> Result<usize> {
        let mut rows = step.take(&mut self.enis, bank, each(parts, |plan| &plan.enis))?;
        rows += step.take(&mut self.subnets, bank, each(parts, |plan| &plan.subnets))?;
        rows += step.take(&mut self.macs, bank, each(parts, |plan| &plan.macs))?;
        rows += step.take(&mut self.group_sets, bank, each(parts, |plan| &plan.group_sets))?;
        rows += step.take(&mut self.references, bank, each(parts, |plan| &plan.references))?;
        rows += step.take(&mut self.selectors, bank, each(parts, |plan| &plan.selectors))?;
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
    NaclKey: Banked,
    NaclEntry<I>: aya::Pod + PartialEq,
{
    fn open(pins: &Path, [addresses, routes, nacls, peers]: [&'static str; 4]) -> Result<Self> {
        Ok(Self {
            addresses: Longest::open(pins, addresses)?,
            routes: Longest::open(pins, routes)?,
            nacls: Exact::open(pins, nacls)?,
            peers: Longest::open(pins, peers)?,
        })
    }

    fn read(&self) -> Result<[FamilyRows<I>; 2]> {
        let [addresses0, addresses1] = read_banks(&self.addresses)?;
        let [routes0, routes1] = read_banks(&self.routes)?;
        let [nacls0, nacls1] = read_banks(&self.nacls)?;
        let [peers0, peers1] = read_banks(&self.peers)?;
        let rows = |addresses, routes, nacls, peers| FamilyRows {
            addresses,
            routes,
            nacls,
            peers,
        };
        Ok([
            rows(addresses0, routes0, nacls0, peers0),
            rows(addresses1, routes1, nacls1, peers1),
        ])
    }

    fn step(&mut self, bank: Bank, parts: &[(&FamilyRows<I>, &FamilyRows<I>)], step: Step) -> Result<usize> {
        let mut rows = step.take(&mut self.addresses, bank, each(parts, |rows| &rows.addresses))?;
        rows += step.take(&mut self.routes, bank, each(parts, |rows| &rows.routes))?;
        rows += step.take(&mut self.nacls, bank, each(parts, |rows| &rows.nacls))?;
        rows += step.take(&mut self.peers, bank, each(parts, |rows| &rows.peers))?;
        Ok(rows)
    }
}
