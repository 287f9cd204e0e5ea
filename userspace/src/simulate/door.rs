//! Doors over a plan.

use super::Simulation;
use super::bank::longest;
use groundplane_abi::door::{DoorEntry, DoorKey};
use groundplane_abi::{Bank, Ip4, Ip6};
use groundplane_datapath::Doors;

impl Doors<Ip4> for Simulation {
    fn door<R>(&self, key: &DoorKey<Ip4>, ask: impl FnOnce(&DoorEntry) -> R) -> Option<R> {
        let (bank, address) = (Bank(0), key.address);
        self.bank(key.bank).plan.doors4.get(&DoorKey { bank, address }).map(ask)
    }
}

impl Doors<Ip6> for Simulation {
    fn door<R>(&self, key: &DoorKey<Ip6>, ask: impl FnOnce(&DoorEntry) -> R) -> Option<R> {
        let bank = self.bank(key.bank);
        let row = longest(&bank.plan.doors6, &bank.doors6, |prefix_len| DoorKey {
            bank: Bank(0),
            address: super::tables::network(key.address, prefix_len),
        });
        row.as_ref().map(ask)
    }
}
