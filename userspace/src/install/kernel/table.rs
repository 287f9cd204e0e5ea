//! Tables in two banks: one that packets read, one that the next configuration is written into.

use crate::install::error::{Result, bpf};
use aya::Pod;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{HashMap, Map, MapData, MapError};
use groundplane_abi::balancer::{ListenerKey, PlacesKey, TargetKey};
use groundplane_abi::door::DoorKey;
use groundplane_abi::eni::{AddressKey, EniKey, MacKey, SubnetKey};
use groundplane_abi::internet::PublicKey;
use groundplane_abi::nacl::NaclKey;
use groundplane_abi::route::RouteKey;
use groundplane_abi::security_group::{GroupSetKey, PeerKey, ReferenceKey, SelectorKey};
use groundplane_abi::transit::AttachmentKey;
use groundplane_abi::vpc::VpcKey;
use groundplane_abi::{Bank, Ip4, Ip6};
use std::collections::BTreeMap;
use std::path::Path;

/// A key that names its bank.
pub(super) trait Banked: Pod + Ord {
    fn bank(&self) -> Bank;
    fn in_bank(self, bank: Bank) -> Self;
}

/// A key of a longest-prefix match.
pub(super) trait Prefixed: Banked {
    const FIXED_BITS: u32;
}

macro_rules! banked {
    ($($key:ty),+) => {$(
        impl Banked for $key {
            fn bank(&self) -> Bank {
                self.bank
            }

            fn in_bank(self, bank: Bank) -> Self {
                Self { bank, ..self }
            }
        }
    )+};
}

banked!(
    EniKey,
    ListenerKey,
    PlacesKey,
    TargetKey<Ip4>,
    TargetKey<Ip6>,
    SubnetKey,
    VpcKey,
    AttachmentKey,
    MacKey,
    NaclKey,
    GroupSetKey,
    ReferenceKey,
    SelectorKey,
    AddressKey<Ip4>,
    AddressKey<Ip6>,
    RouteKey<Ip4>,
    RouteKey<Ip6>,
    PublicKey<Ip4>,
    PublicKey<Ip6>,
    DoorKey<Ip6>,
    PeerKey<Ip4>,
    PeerKey<Ip6>
);

macro_rules! prefixed {
    ($($key:ty),+) => {$(
        impl Prefixed for $key {
            const FIXED_BITS: u32 = Self::FIXED_BITS;
        }
    )+};
}

prefixed!(
    SelectorKey,
    AddressKey<Ip4>,
    AddressKey<Ip6>,
    RouteKey<Ip4>,
    RouteKey<Ip6>,
    PublicKey<Ip4>,
    PublicKey<Ip6>,
    DoorKey<Ip6>,
    PeerKey<Ip4>,
    PeerKey<Ip6>
);

/// A table of rows that stand in banks, whatever kind of map it is.
pub(super) trait Table {
    type Key: Ord + Copy;
    type Value: PartialEq + Copy;

    fn name(&self) -> &'static str;
    fn bank_of(key: &Self::Key) -> Bank;
    fn moved(key: Self::Key, bank: Bank) -> Self::Key;
    fn rows(&self) -> std::result::Result<BTreeMap<Self::Key, Self::Value>, MapError>;
    fn put(&mut self, key: Self::Key, value: Self::Value) -> std::result::Result<(), MapError>;
    fn delete(&mut self, key: Self::Key) -> std::result::Result<(), MapError>;
}

/// The rows of both banks, as the plan writes them: with bank 0 in the keys.
pub(super) fn read_banks<T: Table>(table: &T) -> Result<[BTreeMap<T::Key, T::Value>; 2]> {
    let mut banks = [BTreeMap::new(), BTreeMap::new()];
    for (key, value) in bpf(table.rows(), || format!("read table {}", table.name()))? {
        if let Some(rows) = banks.get_mut(T::bank_of(&key).0 as usize) {
            rows.insert(T::moved(key, Bank(0)), value);
        }
    }
    Ok(banks)
}

/// Deletes from a bank what is not wanted any more, and says how many rows that was.
pub(super) fn delete<'p, T: Table>(table: &mut T, bank: Bank, changes: Changes<'p, T>) -> Result<usize>
where
    T::Key: 'p,
    T::Value: 'p,
{
    let mut deleted = 0;
    for (old, new) in changes {
        for key in old.keys().filter(|key| !new.contains_key(key)) {
            bpf(table.delete(T::moved(*key, bank)), || {
                format!("delete from table {}", table.name())
            })?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

/// Writes to a bank what is wanted and isn't there, and says how many rows that was. What is right already is not
/// touched.
pub(super) fn put<'p, T: Table>(table: &mut T, bank: Bank, changes: Changes<'p, T>) -> Result<usize>
where
    T::Key: 'p,
    T::Value: 'p,
{
    let mut put = 0;
    for (old, new) in changes {
        for (key, value) in new.iter().filter(|(key, value)| old.get(key) != Some(value)) {
            bpf(table.put(T::moved(*key, bank), *value), || {
                format!("write to table {}", table.name())
            })?;
            put += 1;
        }
    }
    Ok(put)
}

type Rows<'p, T> = &'p BTreeMap<<T as Table>::Key, <T as Table>::Value>;

/// What a bank has of a part of the plan, and what it is to have.
pub(super) type Changes<'p, T> = Vec<(Rows<'p, T>, Rows<'p, T>)>;

/// Rows found by their whole key.
#[derive(Debug)]
pub(super) struct Exact<K: Pod, V: Pod> {
    name: &'static str,
    map: HashMap<MapData, K, V>,
}

/// Rows found by the longest prefix; the second half of the key is the prefix's length.
#[derive(Debug)]
pub(super) struct Longest<K: Pod, V: Pod> {
    name: &'static str,
    map: LpmTrie<MapData, K, V>,
}

impl<K: Pod, V: Pod> Exact<K, V> {
    pub(super) fn open(pins: &Path, name: &'static str) -> Result<Self> {
        Ok(Self {
            name,
            map: open(pins, name)?,
        })
    }

    /// The row of a key, which names its bank.
    pub(super) fn get(&self, key: K) -> Result<Option<V>> {
        match self.map.get(&key, 0) {
            Err(MapError::KeyNotFound) => Ok(None),
            other => bpf(other, || format!("read table {}", self.name)).map(Some),
        }
    }
}

impl<K: Pod, V: Pod> Longest<K, V> {
    pub(super) fn open(pins: &Path, name: &'static str) -> Result<Self> {
        Ok(Self {
            name,
            map: open(pins, name)?,
        })
    }
}

/// A pinned map, as the type it is used as.
pub(super) fn open<T>(pins: &Path, name: &str) -> Result<T>
where
    T: TryFrom<Map, Error = MapError>,
{
    let path = pins.join(name);
    let what = || format!("open {}", path.display());
    let data = bpf(MapData::from_pin(&path), what)?;
    bpf(bpf(Map::from_map_data(data), what)?.try_into(), what)
}

impl<K: Banked, V: Pod + PartialEq> Table for Exact<K, V> {
    type Key = K;
    type Value = V;

    fn name(&self) -> &'static str {
        self.name
    }

    fn bank_of(key: &K) -> Bank {
        key.bank()
    }

    fn moved(key: K, bank: Bank) -> K {
        key.in_bank(bank)
    }

    fn rows(&self) -> std::result::Result<BTreeMap<K, V>, MapError> {
        self.map.iter().collect()
    }

    fn put(&mut self, key: K, value: V) -> std::result::Result<(), MapError> {
        self.map.insert(key, value, 0)
    }

    fn delete(&mut self, key: K) -> std::result::Result<(), MapError> {
        self.map.remove(&key)
    }
}

impl<K: Prefixed, V: Pod + PartialEq> Table for Longest<K, V> {
    type Key = (K, u8);
    type Value = V;

    fn name(&self) -> &'static str {
        self.name
    }

    fn bank_of(key: &Self::Key) -> Bank {
        key.0.bank()
    }

    fn moved((key, prefix_len): Self::Key, bank: Bank) -> Self::Key {
        (key.in_bank(bank), prefix_len)
    }

    fn rows(&self) -> std::result::Result<BTreeMap<Self::Key, V>, MapError> {
        let row = |(key, value): (Key<K>, V)| {
            // Nothing shorter than the fixed part is ever written; a foreign row would show as a length of 0.
            let prefix_len = key.prefix_len().saturating_sub(K::FIXED_BITS);
            ((key.data(), u8::try_from(prefix_len).unwrap_or(u8::MAX)), value)
        };
        self.map.iter().map(|found| found.map(row)).collect()
    }

    fn put(&mut self, key: Self::Key, value: V) -> std::result::Result<(), MapError> {
        self.map.insert(&prefix(key), value, 0)
    }

    fn delete(&mut self, key: Self::Key) -> std::result::Result<(), MapError> {
        self.map.remove(&prefix(key))
    }
}

fn prefix<K: Prefixed>((key, prefix_len): (K, u8)) -> Key<K> {
    Key::new(K::FIXED_BITS + u32::from(prefix_len), key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::{Device, Ip4, VpcId};

    /// A table in memory.
    #[derive(Default)]
    struct Rows(BTreeMap<EniKey, u32>, usize);

    impl Table for Rows {
        type Key = EniKey;
        type Value = u32;

        fn name(&self) -> &'static str {
            "ROWS"
        }

        fn bank_of(key: &EniKey) -> Bank {
            key.bank
        }

        fn moved(key: EniKey, bank: Bank) -> EniKey {
            key.in_bank(bank)
        }

        fn rows(&self) -> std::result::Result<BTreeMap<EniKey, u32>, MapError> {
            Ok(self.0.clone())
        }

        fn put(&mut self, key: EniKey, value: u32) -> std::result::Result<(), MapError> {
            self.1 += 1;
            self.0.insert(key, value);
            Ok(())
        }

        fn delete(&mut self, key: EniKey) -> std::result::Result<(), MapError> {
            self.1 += 1;
            self.0.remove(&key).map(|_| ()).ok_or(MapError::KeyNotFound)
        }
    }

    fn key(bank: u32, device: u32) -> EniKey {
        EniKey {
            bank: Bank(bank),
            device: Device(device),
        }
    }

    #[test]
    fn a_bank_gets_exactly_the_rows_wanted_and_the_other_keeps_its_own() {
        let mut table = Rows(
            BTreeMap::from([(key(0, 1), 10), (key(1, 1), 11), (key(1, 2), 12), (key(1, 3), 13)]),
            0,
        );
        let wanted = BTreeMap::from([(key(0, 1), 11), (key(0, 2), 99), (key(0, 4), 14)]);
        let [_, present] = read_banks(&table).unwrap();
        delete(&mut table, Bank(1), vec![(&present, &wanted)]).unwrap();
        put(&mut table, Bank(1), vec![(&present, &wanted)]).unwrap();
        assert_eq!(read_banks(&table).unwrap(), [BTreeMap::from([(key(0, 1), 10)]), wanted]);
        assert_eq!(
            table.1, 3,
            "one row deleted, one replaced, one added, and the right one left alone"
        );
    }

    #[test]
    fn a_row_that_passes_from_one_part_to_another_stays() {
        let mut table = Rows(BTreeMap::from([(key(1, 1), 11)]), 0);
        let (has, none) = (BTreeMap::from([(key(0, 1), 11)]), BTreeMap::new());
        for changes in [vec![(&has, &none), (&none, &has)], vec![(&none, &has), (&has, &none)]] {
            delete(&mut table, Bank(1), changes.clone()).unwrap();
            put(&mut table, Bank(1), changes).unwrap();
            assert_eq!(read_banks(&table).unwrap(), [none.clone(), has.clone()]);
        }
    }

    #[test]
    fn a_prefix_counts_the_bits_before_the_address() {
        let address = AddressKey {
            bank: Bank(1),
            vpc: VpcId(2),
            address: Ip4([10, 0, 0, 1]),
        };
        assert_eq!(prefix((address, 32)).prefix_len(), 96);
        assert_eq!(prefix((address, 28)).prefix_len(), 92);
    }
}
