//! The tables whose rows stand in banks: those a plan fills.

use super::table::{Banked, Exact, Longest, Prefixed, read_bank, write_bank};
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

    pub(super) fn read(&self, bank: Bank) -> Result<Plan> {
        Ok(Plan {
            enis: read_bank(&self.enis, bank)?,
            subnets: read_bank(&self.subnets, bank)?,
            macs: read_bank(&self.macs, bank)?,
            group_sets: read_bank(&self.group_sets, bank)?,
            references: read_bank(&self.references, bank)?,
            selectors: read_bank(&self.selectors, bank)?,
            ip4: self.ip4.read(bank)?,
            ip6: self.ip6.read(bank)?,
            scopes: BTreeMap::new(),
        })
    }

    pub(super) fn write(&mut self, bank: Bank, plan: &Plan) -> Result<()> {
        write_bank(&mut self.enis, bank, &plan.enis)?;
        write_bank(&mut self.subnets, bank, &plan.subnets)?;
        write_bank(&mut self.macs, bank, &plan.macs)?;
        write_bank(&mut self.group_sets, bank, &plan.group_sets)?;
        write_bank(&mut self.references, bank, &plan.references)?;
        write_bank(&mut self.selectors, bank, &plan.selectors)?;
        self.ip4.write(bank, &plan.ip4)?;
        self.ip6.write(bank, &plan.ip6)
    }
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

    fn read(&self, bank: Bank) -> Result<FamilyRows<I>> {
        Ok(FamilyRows {
            addresses: read_bank(&self.addresses, bank)?,
            routes: read_bank(&self.routes, bank)?,
            nacls: read_bank(&self.nacls, bank)?,
            peers: read_bank(&self.peers, bank)?,
        })
    }

    fn write(&mut self, bank: Bank, rows: &FamilyRows<I>) -> Result<()> {
        write_bank(&mut self.addresses, bank, &rows.addresses)?;
        write_bank(&mut self.routes, bank, &rows.routes)?;
        write_bank(&mut self.nacls, bank, &rows.nacls)?;
        write_bank(&mut self.peers, bank, &rows.peers)
    }
}
