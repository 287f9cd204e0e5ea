//! What a host has: its devices and its namespaces, found with few questions whatever their number.

use crate::install::error::Result;
use crate::install::netlink::{Link, Netlink};
use crate::install::netns;
use crate::install::state::{GuestState, Place};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Survey {
    links: BTreeMap<String, Link>,
    /// Inodes by name.
    namespaces: BTreeMap<String, u64>,
}

impl Survey {
    pub(super) fn take(netlink: &Netlink) -> Result<Self> {
        let mut namespaces = BTreeMap::new();
        for name in netns::list()? {
            // One that goes just now is gone, and who was killed while making or removing one has left a mere file.
            if netns::is_namespace(&name)?
                && let Some(inode) = netns::inode(&name)?
            {
                namespaces.insert(name, inode);
            }
        }
        Ok(Self {
            links: netlink.links()?,
            namespaces,
        })
    }

    pub(super) fn link(&self, device: &str) -> Option<&Link> {
        self.links.get(device)
    }

    pub(super) fn inode(&self, namespace: &str) -> Option<u64> {
        self.namespaces.get(namespace).copied()
    }

    /// The host side of a guest, if it is the one the journal speaks of, wherever its namespace's name is by now.
    pub(super) fn host_side(&self, guest: &GuestState) -> Option<&Link> {
        let link = self.link(&guest.device)?;
        let is_ours = match guest.place {
            Place::Device { .. } => true,
            _ => link.alias.as_ref() == Some(&guest.alias),
        };
        let is_known = guest.index.is_none_or(|index| index == link.index);
        let is_elsewhere = match &guest.place {
            Place::Made { namespace, inode } | Place::Adopted { namespace, inode } => self
                .inode(namespace)
                .is_some_and(|found| inode.is_some_and(|inode| inode != found)),
            Place::Tap | Place::Device { .. } => false,
        };
        (is_ours && is_known && !is_elsewhere && !guest.is_absent()).then_some(link)
    }

    /// Whether everything of a guest is there, as far as the programs aren't asked for.
    pub(super) fn stands(&self, guest: &GuestState) -> bool {
        let place = guest
            .place
            .namespace()
            .is_none_or(|namespace| self.inode(namespace).is_some());
        place && self.host_side(guest).is_some()
    }
}
