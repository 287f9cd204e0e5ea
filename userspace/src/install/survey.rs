//! What a host has: its devices and its namespaces, found with few questions whatever their number.

use crate::install::error::Result;
use crate::install::netlink::{Link, Netlink};
use crate::install::netns::{self, Identity};
use crate::install::state::{GuestState, Place};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Survey {
    links: BTreeMap<String, Link>,
    /// Names by the number of the device.
    names: BTreeMap<u32, String>,
    namespaces: BTreeMap<String, Identity>,
}

impl Survey {
    pub(super) fn take(netlink: &Netlink) -> Result<Self> {
        let mut namespaces = BTreeMap::new();
        for name in netns::list()? {
            // One that goes just now is gone, and who was killed while making or removing one has left a mere file.
            if netns::is_namespace(&name)?
                && let Some(identity) = netns::identity(&name)?
            {
                namespaces.insert(name, identity);
            }
        }
        let links = netlink.links()?;
        Ok(Self {
            names: links.iter().map(|(name, link)| (link.index, name.clone())).collect(),
            links,
            namespaces,
        })
    }

    pub(super) fn link(&self, device: &str) -> Option<&Link> {
        self.links.get(device)
    }

    pub(super) fn namespace(&self, name: &str) -> Option<Identity> {
        self.namespaces.get(name).copied()
    }

    /// The host side that the journal speaks of, whatever its name is by now.
    pub(super) fn known(&self, guest: &GuestState) -> Option<&Link> {
        let link = match guest.index {
            Some(index) => self.link(self.names.get(&index)?)?,
            None if guest.nameless => return None,
            None => self.link(&guest.device)?,
        };
        let is_ours = match guest.place {
            Place::Device { .. } => true,
            _ => link.alias.as_ref() == Some(&guest.alias),
        };
        is_ours.then_some(link)
    }

    /// The host side of a guest, if it is the one the journal speaks of, wherever its namespace's name is by now.
    pub(super) fn host_side(&self, guest: &GuestState) -> Option<&Link> {
        let link = self.known(guest).filter(|link| link.name == guest.device)?;
        let is_elsewhere = match &guest.place {
            Place::Made { namespace, .. } => self
                .namespace(namespace)
                .is_some_and(|found| !guest.place.is_made_as(Some(found))),
            Place::Adopted { namespace, inode } => self
                .namespace(namespace)
                .is_some_and(|found| inode.is_some_and(|inode| inode != found.inode)),
            Place::Tap | Place::Device { .. } => false,
        };
        (!is_elsewhere).then_some(link)
    }

    /// Whether everything of a guest is there, as far as the programs aren't asked for.
    pub(super) fn stands(&self, guest: &GuestState) -> bool {
        let place = guest
            .place
            .namespace()
            .is_none_or(|namespace| self.namespace(namespace).is_some());
        place && self.host_side(guest).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::state::tests::guest;

    fn survey(links: &[(&str, u32, &str)]) -> Survey {
        let links = links.iter().map(|&(name, index, alias)| Link {
            index,
            name: name.to_owned(),
            alias: (!alias.is_empty()).then(|| alias.to_owned()),
            up: true,
            mac: None,
            native_xdp: None,
            generic_xdp: None,
        });
        let links: BTreeMap<_, _> = links.map(|link| (link.name.clone(), link)).collect();
        Survey {
            names: links.iter().map(|(name, link)| (link.index, name.clone())).collect(),
            links,
            namespaces: BTreeMap::new(),
        }
    }

    #[test]
    fn a_host_side_that_was_renamed_is_known_by_its_number_but_does_not_stand() {
        let vm = guest("vm", Place::Tap);
        let renamed = survey(&[("foo", 7, &vm.alias), ("gpvm", 8, "")]);
        assert_eq!(renamed.known(&vm).map(|link| &*link.name), Some("foo"));
        assert!(!renamed.stands(&vm));
        assert!(survey(&[("gpvm", 7, &vm.alias)]).stands(&vm));
    }

    #[test]
    fn whoever_has_the_name_or_the_number_of_a_host_side_alone_is_another() {
        let vm = guest("vm", Place::Tap);
        assert_eq!(survey(&[("gpvm", 8, &vm.alias)]).known(&vm), None);
        assert_eq!(survey(&[("gpvm", 7, "theirs")]).known(&vm), None);
        assert_eq!(survey(&[("gpvm", 7, "")]).known(&vm), None);
    }
}
