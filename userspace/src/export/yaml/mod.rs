//! Resources as the document people write: names for ids where there are names, and nothing that goes without saying.

mod group;
mod integration;
mod interface;
mod names;
mod network;
mod object;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod uplink;

use crate::document::{Guest, Resolved, derived};
use crate::resources::{Details, PrefixList, Resources, kinds};
use names::Names;
use std::collections::{BTreeMap, HashMap};
use text::Map;

/// Writes a document that means these resources, guests, uplinks and integrations. The same ones always make the same
/// text.
#[must_use]
pub fn yaml(resolved: &Resolved) -> String {
    let Resolved {
        resources,
        guests,
        uplinks,
        integrations,
        warnings: _,
    } = resolved;
    let writer = Writer {
        all: resources,
        guests: guests
            .iter()
            .map(|guest| (&*guest.network_interface_id, guest))
            .collect(),
        names: Names::of(resources),
        usable: derived::Usable::of(resources),
        region: usual(resources.vpcs.iter().map(|vpc| &*vpc.region), derived::REGION),
        account: usual(
            resources.vpcs.iter().map(|vpc| &*vpc.details.owner_id),
            derived::ACCOUNT,
        ),
    };
    let mut document = writer.document();
    document.put_map("uplinks", uplink::uplinks(uplinks));
    document.put_map("integrations", integration::integrations(integrations));
    document.write()
}

struct Writer<'a> {
    all: &'a Resources,
    guests: HashMap<&'a str, &'a Guest>,
    names: Names<'a>,
    usable: derived::Usable,
    /// Of those that don't say it themselves; likewise below.
    region: &'a str,
    account: &'a str,
}

impl Writer<'_> {
    fn document(&self) -> Map {
        let mut document = Map::default();
        document.put_if(self.region != derived::REGION, "region", self.region);
        document.put_if(self.account != derived::ACCOUNT, "account", self.account);
        let mut vpcs = Map::default();
        for vpc in &self.all.vpcs {
            vpcs.put(self.names.own(&vpc.vpc_id), self.vpc(vpc));
        }
        // Without VPCs there is no document.
        document.put("vpcs", vpcs);
        let mut lists = Map::default();
        for list in &self.all.prefix_lists {
            lists.put(self.names.own(&list.prefix_list_id), self.prefix_list(list));
        }
        document.put_map("prefix_lists", lists);
        for kind in kinds().iter().filter(|kind| !kind.is_core) {
            document.put_map(kind.section, self.objects(kind));
        }
        document
    }

    /// What every object has, unless it goes without saying: `path` is what the id comes from otherwise.
    fn details(
        &self,
        map: &mut Map,
        (field, id): (&str, &str),
        path: &[&str],
        name: &str,
        details: &Details,
        account: &str,
    ) {
        let prefix = id.split_once('-').map_or(id, |(prefix, _)| prefix);
        map.put_if(derived::core_id(prefix, path) != id, field, id);
        let key = path.last().copied().unwrap_or_default();
        map.put_if(name != key, "Name", name);
        put_details(map, details, account);
    }

    fn prefix_list(&self, list: &PrefixList) -> Map {
        let mut map = Map::default();
        let key = self.names.own(&list.prefix_list_id);
        self.details(
            &mut map,
            ("PrefixListId", &list.prefix_list_id),
            &[key],
            &list.name,
            &list.details,
            self.account,
        );
        table::prefix_list(list, &mut map);
        map
    }
}

/// The account, tags and rest of an object, where they aren't as usual.
fn put_details(map: &mut Map, details: &Details, account: &str) {
    map.put_if(details.owner_id != account, "account", &details.owner_id);
    let mut tags = Map::default();
    for (key, value) in &details.tags {
        tags.put(key, value);
    }
    map.put_map("tags", tags);
    map.put_map("rest", Map::from(&details.rest));
}

/// The value that most have; of several the first in order.
fn usual<'a>(values: impl Iterator<Item = &'a str>, otherwise: &'a str) -> &'a str {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let most = counts.iter().rev().max_by_key(|(_, count)| **count);
    most.map_or(otherwise, |(value, _)| value)
}
