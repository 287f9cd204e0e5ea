//! Uplinks on the host: the way between what is up and the internet.
//!
//! They are seen to once a configuration is in force: until then nobody has an address that leads there. What is to be
//! done for them comes from comparing what there is with what there should be, each time the host is taken over, so
//! that the same steps make, repair and change an uplink, and finish what was killed. The journal names everything
//! before it is made.

mod condition;
mod cutter;
mod filter;
mod firewall;
mod link;
mod nft;
mod owned;
mod setting;
mod state;
pub(crate) mod tool;

pub use condition::Condition;
pub(crate) use condition::condition;
pub(super) use condition::stand;
use condition::standing;
pub(crate) use cutter::is_whole;
pub(crate) use firewall::is_refused;
pub(crate) use nft::{NFT, dropping};
pub use setting::Setting;
pub(super) use state::are;
pub use state::{HostLink, UplinkPlace, UplinkState};

use crate::install::error::{Error, Result};
use crate::install::kernel::{Datapath, Hooked};
use crate::install::netlink::{Link, Netlink};
use crate::install::state::State;
use crate::install::store::Store;
use crate::plan::{Lead, UplinkRows};
use groundplane_abi::Device;
use groundplane_abi::uplink::{UplinkEntry, uplink_flag};
use link::Pair;
use std::path::Path;

/// Whoever sees to the uplinks.
pub(super) struct Uplinks<'a> {
    pub(super) store: &'a Store,
    pub(super) state: &'a mut State,
    pub(super) datapath: &'a Datapath,
    pub(super) netlink: &'a Netlink,
}

impl Uplinks<'_> {
    /// Makes the host's uplinks what they are to be. Says what was not as the journal says.
    pub(super) fn settle(&mut self, wanted: Vec<UplinkState>) -> Result<Vec<String>> {
        let before = self.state.uplinks.clone();
        let (next, gone) = state::arrange(wanted, &before);
        let noted: Vec<_> = next.iter().chain(&gone).cloned().collect();
        self.note(noted)?;
        let mut rows = self.datapath.uplinks()?;
        let mut entries: Vec<_> = next.iter().map(|uplink| standing(uplink, &rows)).collect();
        if next.is_empty() || !gone.is_empty() {
            // What left by those that go leaves by those that stay, as far as it is to.
            self.lead_out(&mut rows, &next, &entries)?;
            remove(&self.state.pins, &gone)?;
            self.note(next)?;
        }
        let (findings, mut errors) = self.ensure_all(&mut entries, &before);
        let uplinks = self.state.uplinks.clone();
        match self.lead_out(&mut rows, &uplinks, &entries) {
            Ok(()) => errors.extend(self.remove_idle_cutter().err()),
            Err(error) => errors.push(error),
        }
        Error::collect(errors)?;
        Ok(findings)
    }

    /// Sees to each uplink and to the cutter: what was not as the journal says, and what can't be seen to, which is no
    /// reason for the others not to lead out.
    fn ensure_all(&mut self, entries: &mut [UplinkEntry], before: &[UplinkState]) -> (Vec<String>, Vec<Error>) {
        let (mut findings, mut errors) = (Vec::new(), Vec::new());
        for (at, entry) in entries.iter_mut().enumerate() {
            match self.ensure(at, before) {
                Ok((seen, finding)) => {
                    *entry = seen;
                    findings.extend(finding);
                }
                Err(error) => errors.push(error),
            }
        }
        let (cutter, finding) = self.ensure_cutter().unwrap_or_else(|error| {
            errors.push(error);
            (Device::NONE, None)
        });
        findings.extend(finding);
        for entry in entries.iter_mut().filter(|entry| entry.device != Device::NONE) {
            entry.cutter = cutter;
        }
        (findings, errors)
    }

    /// Writes down which uplinks there may be from now on.
    fn note(&mut self, uplinks: Vec<UplinkState>) -> Result<()> {
        if self.state.uplinks == uplinks {
            return Ok(());
        }
        self.state.uplinks = uplinks;
        self.store.write(self.state)
    }

    /// The same for one of them.
    fn note_one(&mut self, at: usize, uplink: &UplinkState) -> Result<()> {
        match self.state.uplinks.get_mut(at) {
            Some(noted) if noted != uplink => noted.clone_from(uplink),
            _ => return Ok(()),
        }
        self.store.write(self.state)
    }

    /// What the datapath is to know of an uplink that is as it is to be, and what it lacked.
    fn ensure(&mut self, at: usize, before: &[UplinkState]) -> Result<(UplinkEntry, Option<String>)> {
        let Some(mut uplink) = self.state.uplinks.get(at).cloned() else {
            return Ok((UplinkEntry::default(), None));
        };
        match uplink.place.clone() {
            UplinkPlace::Host(link) => self.ensure_link(at, &mut uplink, &link),
            UplinkPlace::Device { answers_arp, .. } => {
                let had_filter = before
                    .iter()
                    .any(|it| it.device == uplink.device && it.xdp() == uplink.xdp());
                let (entry, finding, was_open) = self.ensure_device(at, &mut uplink, answers_arp)?;
                let reopened = || format!("uplink {} had lost its filter and has it again", uplink.name);
                Ok((entry, finding.or_else(|| (was_open && had_filter).then(reopened))))
            }
        }
    }

    /// Also says whether its filter was not as it is to be.
    fn ensure_device(
        &mut self,
        at: usize,
        uplink: &mut UplinkState,
        answers_arp: bool,
    ) -> Result<(UplinkEntry, Option<String>, bool)> {
        let before = uplink.index;
        let Some(found) = self.netlink.find(&uplink.device)? else {
            uplink.index = None;
            self.note_one(at, uplink)?;
            let gone = || format!("uplink {}: interface {} is gone", uplink.name, uplink.device);
            return Ok((UplinkEntry::default(), before.map(|_| gone()), false));
        };
        let mac = found.mac.ok_or_else(|| Error::NotEthernet(uplink.device.clone()))?;
        let was_bare = self.attach(uplink, &found)?;
        let was_open = self.filter(uplink)?;
        uplink.index = Some(found.index);
        self.note_one(at, uplink)?;
        let entry = UplinkEntry {
            device: found.device(&uplink.device)?,
            flags: if answers_arp { uplink_flag::ANSWERS_ARP } else { 0 },
            mac,
            ..UplinkEntry::default()
        };
        let is_news = before.is_some() && was_bare;
        let lost = || format!("uplink {} had lost its program and has it again", uplink.name);
        Ok((entry, is_news.then(lost), before.is_some() && was_open))
    }

    fn ensure_link(
        &mut self,
        at: usize,
        uplink: &mut UplinkState,
        link: &HostLink,
    ) -> Result<(UplinkEntry, Option<String>)> {
        let was_there = uplink.index.is_some();
        let (pair, is_new) = self.pair(uplink, link)?;
        uplink.index = Some(pair.ours.index);
        self.note_one(at, uplink)?;
        let was_bare = self.attach(uplink, &pair.ours)?;
        self.set_host(at, uplink)?;
        link::configure(self.netlink, &pair, uplink)?;
        link::lead(self.netlink, &pair, uplink, link)?;
        nft::ensure(link)?;
        firewall::admit(&link.end)?;
        let entry = UplinkEntry {
            device: pair.ours.device(&uplink.device)?,
            flags: uplink_flag::LINK,
            mac: HostLink::our_mac(),
            peer_mac: HostLink::hosts_mac(),
            ..UplinkEntry::default()
        };
        let is_news = was_there && (is_new || was_bare);
        let whole = || format!("uplink {} was not whole and is again", uplink.name);
        Ok((entry, is_news.then(whole)))
    }

    /// The link's pair, which is made if it isn't there, and whether it was.
    fn pair(&self, uplink: &mut UplinkState, link: &HostLink) -> Result<(Pair, bool)> {
        if let Some(pair) = link::find(self.netlink, uplink, link)? {
            return Ok((pair, false));
        }
        // What is left of it is of no use to anybody.
        super::link::delete(self.netlink, &uplink.device, uplink.index, &link.alias, true)?;
        if uplink.index.take().is_some() {
            super::link::delete(self.netlink, &uplink.device, None, &link.alias, false)?;
        }
        Ok((link::make(self.netlink, uplink, link)?, true))
    }

    /// Attaches the program, if it isn't attached. Whether it wasn't.
    fn attach(&self, uplink: &UplinkState, found: &Link) -> Result<bool> {
        if uplink.index == Some(found.index) && self.datapath.is_uplink(&uplink.device)? {
            return Ok(false);
        }
        // What is pinned there is attached to another device or to none, and would be taken for what is.
        Datapath::detach(&self.state.pins, std::iter::once(&*uplink.pin))?;
        self.datapath.attach_uplink(Hooked {
            device: &uplink.device,
            pin: &uplink.pin,
        })?;
        Ok(true)
    }

    /// Changes the host's settings, each of which is noted down before.
    fn set_host(&mut self, at: usize, uplink: &mut UplinkState) -> Result<()> {
        let advertised = match uplink.owns_ipv6() {
            true => self.advertised()?,
            false => Vec::new(),
        };
        let needed = setting::needed(uplink.owns_ipv4(), uplink.owns_ipv6(), &advertised)?;
        for setting in needed {
            if let Some(link) = uplink.host_mut()
                && !link.settings.iter().any(|noted| noted.path == setting.path)
            {
                link.settings.push(setting.clone());
                self.note_one(at, uplink)?;
            }
            setting.make()?;
        }
        Ok(())
    }

    /// The devices with routes that a router has advertised.
    fn advertised(&self) -> Result<Vec<String>> {
        let routes = self.netlink.routes()?;
        let advertised = routes.iter().filter(|route| route.is_advertised);
        let numbers: std::collections::BTreeSet<u32> = advertised.filter_map(|route| route.device).collect();
        let links = self.netlink.links()?.into_values();
        Ok(links
            .filter(|link| numbers.contains(&link.index))
            .map(|link| link.name)
            .collect())
    }

    /// Has packets leave by these uplinks, as far as there is an entry with a device.
    fn lead_out(&self, rows: &mut UplinkRows, uplinks: &[UplinkState], entries: &[UplinkEntry]) -> Result<()> {
        let leads = uplinks.iter().zip(entries).map(|(uplink, entry)| Lead {
            slot: uplink.slot,
            entry: *entry,
            destinations: uplink.destinations(),
        });
        let wanted = UplinkRows::of(&leads.collect::<Vec<_>>());
        if *rows != wanted {
            self.datapath.set_uplinks(rows, &wanted)?;
            *rows = wanted;
        }
        Ok(())
    }
}

/// Checks what stands in the way of uplinks, before anything is changed for them.
pub(super) fn check(wanted: &[UplinkState], state: Option<&State>, store: &Store) -> Result<()> {
    let netlink = &Netlink::open()?;
    let before = state.map_or(&[][..], |state| &state.uplinks);
    let mut errors = Vec::new();
    if state.is_none_or(|state| state.cutter.is_none()) {
        errors.extend(cutter::check(wanted, store.directory(), netlink).err());
    }
    for uplink in wanted {
        match netlink.find(&uplink.device) {
            Ok(found) => errors.extend(check_device(uplink, found, before)),
            Err(error) => {
                errors.push(error);
                continue;
            }
        }
        errors.extend(filter::check(netlink, uplink, before).err());
    }
    // Each has the same blocks, and a link to the host stands alone.
    errors.extend(
        wanted
            .first()
            .into_iter()
            .flat_map(|uplink| link::check(netlink, uplink)),
    );
    Error::collect(errors)
}

/// What is wrong with what there is in the place of an uplink's device.
fn check_device(uplink: &UplinkState, found: Option<Link>, before: &[UplinkState]) -> Vec<Error> {
    match (&uplink.place, found) {
        (UplinkPlace::Host(link), found) => {
            // Of one that was killed while making it, the alias may be missing.
            let is_half_made = before.iter().any(|it| it.device == uplink.device && it.index.is_none());
            let is_another = |found: &Link| match &found.alias {
                Some(alias) => *alias != link.alias,
                None => !is_half_made,
            };
            let taken = found.filter(is_another).map(|found| Error::DeviceTaken {
                device: found.name,
                alias: found.alias,
            });
            taken.into_iter().chain(nft::check(link).err()).collect()
        }
        (UplinkPlace::Device { .. }, Some(found)) if found.mac.is_none() => vec![Error::NotEthernet(found.name)],
        // One that has gone while it was in force must not hold up a change of something else.
        (UplinkPlace::Device { .. }, None) if !before.iter().any(|before| before.device == uplink.device) => {
            vec![Error::DeviceMissing(uplink.device.clone())]
        }
        _ => Vec::new(),
    }
}

/// Removes what was made for uplinks, of which nothing need be there. Everything is tried.
pub(super) fn remove(pins: &Path, uplinks: &[UplinkState]) -> Result<()> {
    if uplinks.is_empty() {
        return Ok(());
    }
    let netlink = Netlink::open()?;
    let mut errors = Vec::new();
    for uplink in uplinks {
        if let Some(link) = uplink.host() {
            let deleted = super::link::delete(&netlink, &uplink.device, uplink.index, &link.alias, true);
            errors.extend(deleted.err());
            errors.extend(firewall::withdraw(&link.end).err());
            errors.extend(nft::remove(link).err());
            errors.extend(link.settings.iter().rev().filter_map(|setting| setting.restore().err()));
        }
        errors.extend(Datapath::detach(pins, std::iter::once(&*uplink.pin)).err());
    }
    Error::collect(errors)
}
