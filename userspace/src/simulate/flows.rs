//! A flow table like the kernel's hash: elements in place, the first free one reused at once.

use groundplane_abi::Ip;
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_datapath::FlowTable;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An element of one of the two tables, whoever's it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub(super) table: FlowTable,
    pub(super) element: usize,
}

#[derive(Debug)]
pub(super) struct Flows<I: Ip> {
    /// A deleted entry stays readable until its element is reused, as in the kernel.
    elements: Vec<FlowEntry<I>>,
    index: HashMap<FlowKey<I>, usize>,
    free: Vec<usize>,
    capacity: usize,
    /// When each element was used last, if the table evicts.
    uses: Option<Uses>,
}

/// Elements in order of use.
#[derive(Debug, Default)]
struct Uses {
    count: u64,
    order: BTreeSet<(u64, usize)>,
    last: HashMap<usize, u64>,
}

impl Uses {
    fn note(&mut self, element: usize) {
        self.count += 1;
        self.forget(element);
        self.order.insert((self.count, element));
        self.last.insert(element, self.count);
    }

    fn forget(&mut self, element: usize) {
        if let Some(last) = self.last.remove(&element) {
            self.order.remove(&(last, element));
        }
    }
}

impl<I: Ip> Flows<I> {
    pub(super) fn new(capacity: u32, evicts: bool) -> Self {
        Self {
            elements: Vec::new(),
            index: HashMap::new(),
            free: Vec::new(),
            capacity: capacity as usize,
            uses: evicts.then(Uses::default),
        }
    }

    pub(super) fn entries(&self) -> BTreeMap<FlowKey<I>, FlowEntry<I>> {
        self.index
            .iter()
            .map(|(key, element)| (*key, self.elements[*element]))
            .collect()
    }

    pub(super) fn find(&mut self, key: &FlowKey<I>) -> Option<usize> {
        let element = *self.index.get(key)?;
        if let Some(uses) = &mut self.uses {
            uses.note(element);
        }
        Some(element)
    }

    pub(super) fn at(&self, element: usize) -> &FlowEntry<I> {
        &self.elements[element]
    }

    pub(super) fn at_mut(&mut self, element: usize) -> &mut FlowEntry<I> {
        &mut self.elements[element]
    }

    pub(super) fn insert(&mut self, entry: &FlowEntry<I>) -> bool {
        if self.index.contains_key(&entry.key) {
            return false;
        }
        let Some(element) = self.take_element() else {
            return false;
        };
        self.elements[element] = *entry;
        self.index.insert(entry.key, element);
        if let Some(uses) = &mut self.uses {
            uses.note(element);
        }
        true
    }

    fn take_element(&mut self) -> Option<usize> {
        if let Some(element) = self.free.pop() {
            return Some(element);
        }
        if self.elements.len() < self.capacity {
            self.elements.push(FlowEntry::default());
            return Some(self.elements.len() - 1);
        }
        let oldest = self.uses.as_ref()?.order.first()?.1;
        let key = self.elements[oldest].key;
        self.remove(&key);
        self.free.pop()
    }

    pub(super) fn remove(&mut self, key: &FlowKey<I>) -> bool {
        let Some(element) = self.index.remove(key) else {
            return false;
        };
        if let Some(uses) = &mut self.uses {
            uses.forget(element);
        }
        self.free.push(element);
        true
    }
}
