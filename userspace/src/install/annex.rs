//! Annexes: network namespaces of ours in which nobody lives, each with one device, whose other end is on the host and
//! runs a program. The cutter, the finisher and the service port are such.
//!
//! The same steps make one, repair it, and finish what was killed. The journal names everything before it is made.

use crate::install::error::{Error, Result};
use crate::install::guest::{self, in_namespace, set};
use crate::install::kernel::{Datapath, Hooked};
use crate::install::netlink::{Link, Netlink};
use crate::install::netns::{self, Identity};
use crate::install::state::State;
use crate::install::store::Store;
use crate::install::{link, names};
use groundplane_abi::control::Settings;
use groundplane_abi::{Device, Mac};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// An annex as the journal knows it: each thing named here may exist or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnexState {
    pub namespace: String,
    /// By which the namespace is known, once it is made.
    #[serde(default)]
    pub identity: Option<Identity>,
    /// The host side, by whose name its program's link is pinned as well.
    pub device: String,
    #[serde(default)]
    pub index: Option<u32>,
    pub alias: String,
}

/// What an annex is for, and how it differs from others.
pub(super) struct Purpose {
    /// What people call it.
    pub(super) name: &'static str,
    /// What its device in the namespace is called.
    pub(super) end: &'static str,
    pub(super) mac: Mac,
    /// The name of the namespace and of the host side.
    pub(super) named: fn(&Path) -> String,
    pub(super) attach: fn(&Datapath, Hooked<'_>) -> Result<()>,
    pub(super) is_attached: fn(&Datapath, &str) -> Result<bool>,
    /// Sets the host side to what else it is to be, again and again, and whether it is.
    pub(super) prepare: fn(&str) -> Result<()>,
    pub(super) is_prepared: fn(&str) -> Result<bool>,
    /// Tells the namespace's kernel what it is to do, again and again. Runs inside.
    pub(super) settle: fn() -> Result<()>,
    /// Where the journal has it.
    pub(super) noted: fn(&mut State) -> &mut Option<AnnexState>,
}

/// Where the datapath has the host side of an annex.
pub(super) type Place = fn(&mut Settings) -> &mut Device;

/// Whoever sees to an annex.
pub(super) struct Annex<'a> {
    pub(super) purpose: &'a Purpose,
    pub(super) store: &'a Store,
    pub(super) state: &'a mut State,
    pub(super) datapath: &'a Datapath,
    pub(super) netlink: &'a Netlink,
}

impl Annex<'_> {
    /// Its host side, which is made or repaired if need be, and what it lacked.
    pub(super) fn ensure(&mut self) -> Result<(Device, Option<String>)> {
        let noted = (self.purpose.noted)(self.state).clone();
        let was_there = noted.as_ref().is_some_and(|annex| annex.index.is_some());
        let found = match &noted {
            Some(annex) => annex
                .find(self.purpose, self.netlink)?
                .map(|ours| (annex.clone(), ours)),
            None => None,
        };
        let is_new = found.is_none();
        let (annex, ours) = match found {
            Some(found) => found,
            None => self.make(noted)?,
        };
        let was_bare = self.attach(&annex, is_new)?;
        annex.configure(self.purpose, self.netlink, &ours)?;
        let whole = || format!("the {} was not whole and is again", self.purpose.name);
        let finding = (was_there && (is_new || was_bare)).then(whole);
        Ok((ours.device(&annex.device)?, finding))
    }

    /// Makes it, in the place of what is left of it, which is of no use to anybody. Each thing is noted down before.
    fn make(&mut self, noted: Option<AnnexState>) -> Result<(AnnexState, Link)> {
        if let Some(noted) = &noted {
            noted.remove(&self.state.pins)?;
        }
        let mut annex = AnnexState::new(self.purpose, self.store.directory());
        annex.check_free(self.netlink)?;
        self.note(Some(annex.clone()))?;
        annex.identity = Some(netns::create(&annex.namespace)?);
        self.note(Some(annex.clone()))?;
        let AnnexState {
            device,
            alias,
            namespace,
            ..
        } = &annex;
        let Purpose { end, mac, .. } = self.purpose;
        let ours = link::create_veth(self.netlink, device, alias, namespace, end, *mac)?;
        annex.index = Some(ours.index);
        self.note(Some(annex.clone()))?;
        Ok((annex, ours))
    }

    /// Attaches its program, if it isn't attached. Whether it wasn't.
    fn attach(&self, annex: &AnnexState, is_new: bool) -> Result<bool> {
        if !is_new && (self.purpose.is_attached)(self.datapath, &annex.device)? {
            return Ok(false);
        }
        Datapath::detach(&self.state.pins, std::iter::once(&*annex.device))?;
        let hooked = Hooked {
            device: &annex.device,
            pin: &annex.device,
        };
        (self.purpose.attach)(self.datapath, hooked)?;
        Ok(true)
    }

    /// Makes it what it is to be, and tells the datapath where it is. Says what was not as the journal says.
    pub(super) fn settle(mut self, place: Place, is_needed: bool) -> Result<Option<String>> {
        let (device, finding) = if is_needed { self.ensure()? } else { Default::default() };
        let mut settings = self.datapath.settings()?;
        let told = place(&mut settings);
        if *told != device {
            *told = device;
            self.datapath.set_settings(settings)?;
        }
        if !is_needed {
            self.remove()?;
        }
        Ok(finding)
    }

    /// Removes it, if there is one.
    pub(super) fn remove(&mut self) -> Result<()> {
        let Some(noted) = (self.purpose.noted)(self.state).clone() else {
            return Ok(());
        };
        noted.remove(&self.state.pins)?;
        self.note(None)
    }

    fn note(&mut self, annex: Option<AnnexState>) -> Result<()> {
        *(self.purpose.noted)(self.state) = annex;
        self.store.write(self.state)
    }
}

impl AnnexState {
    /// Of which nothing is made yet.
    fn new(purpose: &Purpose, state_dir: &Path) -> Self {
        let name = (purpose.named)(state_dir);
        Self {
            namespace: name.clone(),
            identity: None,
            device: name,
            index: None,
            alias: names::alias(purpose.end),
        }
    }

    /// Whether the namespace found under its name is the one that was made. Until that is noted down the name tells.
    fn is_made_as(&self, found: Identity) -> bool {
        self.identity.is_none_or(|identity| identity == found)
    }

    /// Its host side, if all of it is there as it was made.
    fn find(&self, purpose: &Purpose, netlink: &Netlink) -> Result<Option<Link>> {
        let (Some(index), Some(identity)) = (self.index, self.identity) else {
            return Ok(None);
        };
        let ours = netlink.find(&self.device)?;
        let is_ours = |found: &Link| found.index == index && found.alias.as_ref() == Some(&self.alias);
        let Some(ours) = ours.filter(is_ours) else {
            return Ok(None);
        };
        if netns::identity(&self.namespace)? != Some(identity) {
            return Ok(None);
        }
        let end = in_namespace(&self.namespace, || Netlink::open()?.find(purpose.end))?;
        Ok(end.is_some_and(|end| end.mac == Some(purpose.mac)).then_some(ours))
    }

    /// Checks that nobody else has its names.
    fn check_free(&self, netlink: &Netlink) -> Result<()> {
        if netns::is_namespace(&self.namespace)? {
            return Err(Error::NamespaceTaken(self.namespace.clone()));
        }
        match netlink.find(&self.device)? {
            Some(found) => Err(Error::DeviceTaken {
                device: found.name,
                alias: found.alias,
            }),
            None => Ok(()),
        }
    }

    /// Sees to it that the namespace does what it is for, and that the host's stack takes nothing at the host side.
    /// What a namespace is set to when it is made may be what the host is set to.
    fn configure(&self, purpose: &Purpose, netlink: &Netlink, ours: &Link) -> Result<()> {
        set(&ours.name, "ipv6", "disable_ipv6", "1")?;
        set(&ours.name, "ipv4", "rp_filter", "1")?;
        set(&ours.name, "ipv4", "forwarding", "0")?;
        (purpose.prepare)(&ours.name)?;
        in_namespace(&self.namespace, || {
            for device in ["all", purpose.end] {
                set(device, "ipv6", "disable_ipv6", "1")?;
                set(device, "ipv4", "rp_filter", "0")?;
            }
            (purpose.settle)()
        })?;
        if ours.up {
            return Ok(());
        }
        netlink.set_up(&ours.name)?;
        guest::wake(&self.namespace, purpose.end);
        Ok(())
    }

    /// Whether it is there, up, and runs the program.
    pub(super) fn is_whole(&self, purpose: &Purpose, datapath: &Datapath, netlink: &Netlink) -> Result<bool> {
        let Some(ours) = self.find(purpose, netlink)? else {
            return Ok(false);
        };
        let end = in_namespace(&self.namespace, || Netlink::open()?.get(purpose.end))?;
        let is_prepared = (purpose.is_prepared)(&self.device)?;
        Ok(ours.up && end.up && is_prepared && (purpose.is_attached)(datapath, &self.device)?)
    }

    /// Removes it, of which nothing need be there. Everything is tried.
    pub(super) fn remove(&self, pins: &Path) -> Result<()> {
        let deleted = link::delete(&Netlink::open()?, &self.device, self.index, &self.alias, true);
        let detached = Datapath::detach(pins, std::iter::once(&*self.device));
        let removed = self.remove_namespace();
        Error::collect(
            [deleted, detached, removed]
                .into_iter()
                .filter_map(Result::err)
                .collect(),
        )
    }

    fn remove_namespace(&self) -> Result<()> {
        match netns::identity(&self.namespace)? {
            // Who is killed while making or removing a namespace leaves a file that stands for none.
            Some(found) if self.is_made_as(found) || !netns::is_namespace(&self.namespace)? => {
                netns::remove(&self.namespace)
            }
            _ => Ok(()),
        }
    }
}

/// Of a host side that is to be nothing else.
pub(super) fn needs_nothing(_: &str) -> Result<()> {
    Ok(())
}

pub(super) fn is_as_made(_: &str) -> Result<bool> {
    Ok(true)
}

/// Inside: what comes in by the only device is to go out by it again, up to a size.
pub(super) fn forward(end: &str, mtu: u32) -> Result<()> {
    for device in ["all", end] {
        set(device, "ipv4", "send_redirects", "0")?;
        set(device, "ipv4", "forwarding", "1")?;
    }
    let netlink = Netlink::open()?;
    netlink.set_up_without_arp(end)?;
    netlink.set_only_route(&netlink.get(end)?, mtu)
}

/// Whether an annex that the datapath is told of is as it is to be, and where it was told.
pub(super) fn stands(
    purpose: &Purpose,
    place: Place,
    (is_needed, annex): (bool, Option<&AnnexState>),
    datapath: &Datapath,
    netlink: &Netlink,
) -> Result<bool> {
    let standing = standing(purpose, is_needed, annex, datapath, netlink)?;
    Ok(standing == Some(*place(&mut datapath.settings()?)))
}

/// Checks that nobody else has the names of an annex that is to be made.
pub(super) fn check(purpose: &Purpose, state_dir: &Path, netlink: &Netlink) -> Result<()> {
    AnnexState::new(purpose, state_dir).check_free(netlink)
}

/// The number of an annex's host side: [`Device::NONE`] if none is needed or there, and none at all if there is
/// something to be done.
pub(super) fn standing(
    purpose: &Purpose,
    is_needed: bool,
    annex: Option<&AnnexState>,
    datapath: &Datapath,
    netlink: &Netlink,
) -> Result<Option<Device>> {
    match annex {
        None if !is_needed => Ok(Some(Device::NONE)),
        Some(annex) if is_needed && annex.is_whole(purpose, datapath, netlink)? => Ok(annex.index.map(Device)),
        _ => Ok(None),
    }
}
