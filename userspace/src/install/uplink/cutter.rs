//! The cutter: a network namespace of which the kernel does nothing but forward what comes in by its only device, out by the
//! same one. What is larger than an uplink takes goes there and comes back in fragments, its checksum finished; a program can
//! do neither. It has no address, asks for no neighbour and is no hop, for the datapath has raised the TTL before.
//!
//! It is seen to with the uplinks, by the same comparison. Without it they lead out all the same.

use super::{UplinkState, Uplinks};
use crate::install::error::{Error, Result};
use crate::install::guest::{in_namespace, set};
use crate::install::kernel::{Datapath, Hooked};
use crate::install::netlink::{Link, Netlink};
use crate::install::netns::{self, Identity};
use crate::install::{link, names};
use groundplane_abi::{Device, Mac};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What AWS lets through an internet gateway (semantics 23).
const MTU: u32 = 1500;
/// What the device in the namespace is called.
const END: &str = "cutter";

/// The cutter as the journal knows it: each thing named here may exist or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutterState {
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

impl CutterState {
    /// Of which nothing is made yet.
    fn new(state_dir: &Path) -> Self {
        let name = names::cutter(state_dir);
        Self {
            namespace: name.clone(),
            identity: None,
            device: name,
            index: None,
            alias: names::alias("cutter"),
        }
    }

    /// Whether the namespace found under its name is the one that was made. Until that is noted down the name tells.
    fn is_made_as(&self, found: Identity) -> bool {
        self.identity.is_none_or(|identity| identity == found)
    }

    /// Its host side, if all of it is there as it was made.
    fn find(&self, netlink: &Netlink) -> Result<Option<Link>> {
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
        let end = in_namespace(&self.namespace, || Netlink::open()?.find(END))?;
        Ok(end.is_some_and(|end| end.mac == Some(Mac::CUTTER)).then_some(ours))
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

    /// Sees to it that what comes in goes out again, and that the host's stack takes nothing at the host side. What a
    /// namespace is set to when it is made may be what the host is set to.
    fn configure(&self, netlink: &Netlink, ours: &Link) -> Result<()> {
        set(&ours.name, "ipv6", "disable_ipv6", "1")?;
        set(&ours.name, "ipv4", "rp_filter", "1")?;
        set(&ours.name, "ipv4", "forwarding", "0")?;
        in_namespace(&self.namespace, || {
            for device in ["all", END] {
                set(device, "ipv6", "disable_ipv6", "1")?;
                set(device, "ipv4", "rp_filter", "0")?;
                set(device, "ipv4", "send_redirects", "0")?;
                set(device, "ipv4", "forwarding", "1")?;
            }
            let netlink = Netlink::open()?;
            netlink.set_up_without_arp(END)?;
            netlink.set_only_route(&netlink.get(END)?, MTU)
        })?;
        if ours.up { Ok(()) } else { netlink.set_up(&ours.name) }
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

impl Uplinks<'_> {
    /// The cutter's host side, as far as one is needed, and what it lacked.
    pub(super) fn ensure_cutter(&mut self) -> Result<(Device, Option<String>)> {
        if !is_needed(&self.state.uplinks) {
            return Ok((Device::NONE, None));
        }
        let noted = self.state.cutter.clone();
        let was_there = noted.as_ref().is_some_and(|cutter| cutter.index.is_some());
        let found = match &noted {
            Some(cutter) => cutter.find(self.netlink)?.map(|ours| (cutter.clone(), ours)),
            None => None,
        };
        let is_new = found.is_none();
        let (cutter, ours) = match found {
            Some(found) => found,
            None => self.make_cutter(noted)?,
        };
        let was_bare = self.attach_cutter(&cutter, is_new)?;
        cutter.configure(self.netlink, &ours)?;
        let whole = || "the cutter was not whole and is again".to_owned();
        let finding = (was_there && (is_new || was_bare)).then(whole);
        Ok((ours.device(&cutter.device)?, finding))
    }

    /// Makes it, in the place of what is left of it, which is of no use to anybody. Each thing is noted down before.
    fn make_cutter(&mut self, noted: Option<CutterState>) -> Result<(CutterState, Link)> {
        if let Some(noted) = &noted {
            remove(&self.state.pins, Some(noted))?;
        }
        let mut cutter = CutterState::new(self.store.directory());
        cutter.check_free(self.netlink)?;
        self.note_cutter(Some(cutter.clone()))?;
        cutter.identity = Some(netns::create(&cutter.namespace)?);
        self.note_cutter(Some(cutter.clone()))?;
        let CutterState {
            device,
            alias,
            namespace,
            ..
        } = &cutter;
        let ours = link::create_veth(self.netlink, device, alias, namespace, END, Mac::CUTTER)?;
        cutter.index = Some(ours.index);
        self.note_cutter(Some(cutter.clone()))?;
        Ok((cutter, ours))
    }

    /// Attaches its program, if it isn't attached. Whether it wasn't.
    fn attach_cutter(&self, cutter: &CutterState, is_new: bool) -> Result<bool> {
        if !is_new && self.datapath.is_cutter(&cutter.device)? {
            return Ok(false);
        }
        Datapath::detach(&self.state.pins, std::iter::once(&*cutter.device))?;
        self.datapath.attach_cutter(Hooked {
            device: &cutter.device,
            pin: &cutter.device,
        })?;
        Ok(true)
    }

    /// Removes it once nothing is led there any more.
    pub(super) fn remove_idle_cutter(&mut self) -> Result<()> {
        if is_needed(&self.state.uplinks) || self.state.cutter.is_none() {
            return Ok(());
        }
        remove(&self.state.pins, self.state.cutter.as_ref())?;
        self.note_cutter(None)
    }

    fn note_cutter(&mut self, cutter: Option<CutterState>) -> Result<()> {
        self.state.cutter = cutter;
        self.store.write(self.state)
    }
}

/// Whether any packet of IPv4 leaves by these uplinks; those of IPv6 are never fragmented on their way.
fn is_needed(uplinks: &[UplinkState]) -> bool {
    uplinks.iter().any(UplinkState::owns_ipv4)
}

/// Checks that nobody else has the names of the cutter, if one is to be made.
pub(super) fn check(wanted: &[UplinkState], state_dir: &Path, netlink: &Netlink) -> Result<()> {
    if is_needed(wanted) {
        CutterState::new(state_dir).check_free(netlink)
    } else {
        Ok(())
    }
}

/// The number of the cutter's host side, if one is needed and it is whole. None means that there is something to be done.
pub(super) fn standing(
    uplinks: &[UplinkState],
    cutter: Option<&CutterState>,
    datapath: &Datapath,
    netlink: &Netlink,
) -> Result<Option<Device>> {
    match cutter {
        None if !is_needed(uplinks) => Ok(Some(Device::NONE)),
        Some(cutter) if is_needed(uplinks) && is_whole(cutter, datapath, netlink)? => Ok(cutter.index.map(Device)),
        _ => Ok(None),
    }
}

/// Whether it is there, up, and runs the program.
pub(crate) fn is_whole(cutter: &CutterState, datapath: &Datapath, netlink: &Netlink) -> Result<bool> {
    let Some(ours) = cutter.find(netlink)? else {
        return Ok(false);
    };
    let end = in_namespace(&cutter.namespace, || Netlink::open()?.get(END))?;
    Ok(ours.up && end.up && datapath.is_cutter(&cutter.device)?)
}

/// Removes it, of which nothing need be there. Everything is tried.
pub(in crate::install) fn remove(pins: &Path, cutter: Option<&CutterState>) -> Result<()> {
    let Some(cutter) = cutter else { return Ok(()) };
    let deleted = link::delete(&Netlink::open()?, &cutter.device, cutter.index, &cutter.alias, true);
    let detached = Datapath::detach(pins, std::iter::once(&*cutter.device));
    let removed = cutter.remove_namespace();
    Error::collect(
        [deleted, detached, removed]
            .into_iter()
            .filter_map(Result::err)
            .collect(),
    )
}
