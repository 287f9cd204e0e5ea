//! Changing what is up into what is wanted: new guests are made beside the old ones, one store puts the next
//! configuration in force, then the gone ones are removed.
//!
//! Until that store nothing is taken from anybody, and an error is undone. After it there is only forward. The journal
//! says before each step what may be there after it, so that a killed run is finished or removed by the next.

use crate::install::arrangement::{Arrangement, Member};
use crate::install::deployment::binding;
use crate::install::down::remove_guests;
use crate::install::error::{Error, Result};
use crate::install::guest;
use crate::install::history::History;
use crate::install::kernel::{Datapath, Hooked};
use crate::install::link;
use crate::install::names::GUEST_DEVICE;
use crate::install::netlink::{Link, Netlink};
use crate::install::netns;
use crate::install::progress::Progress;
use crate::install::state::{GuestState, Place, Renaming, Stage, State};
use crate::install::store::Store;
use crate::install::up::Wanted;
use crate::plan::{Bindings, Parts};
use groundplane_abi::control::Generation;
use std::sync::Arc;

/// A change under way.
pub(super) struct Changing<'a> {
    pub(super) wanted: &'a Wanted<'a>,
    pub(super) progress: &'a dyn Progress,
    pub(super) store: &'a Store,
    pub(super) history: &'a mut History,
    pub(super) state: &'a mut State,
    /// Whether an earlier change was left half done, so that guests may lack what the journal says they have.
    pub(super) resumed: bool,
}

impl Changing<'_> {
    /// Everything up to and with the configuration's being put in force. Whoever is told of an error here undoes it.
    pub(super) fn put_in_force(&mut self, arrangement: Arrangement, datapath: &mut Datapath) -> Result<()> {
        let mut members = arrangement.members;
        self.state.stage = Stage::Changing;
        for member in &members {
            self.announce(member);
        }
        self.store.write(self.state)?;
        let mut bindings = Bindings::new();
        for member in &mut members {
            self.check_interrupted()?;
            let link = match &member.before {
                Some(before) => self.widen(before, &member.guest)?,
                None => self.make(&mut member.guest, datapath)?,
            };
            let binding = binding(&member.guest, link.device(&member.guest.device)?);
            bindings.insert(member.guest.eni_id.clone(), binding);
        }
        self.check_interrupted()?;
        self.progress.step("putting the configuration in force");
        let plan = self.wanted.deployment.compile(&bindings)?;
        let next = datapath.next_generation(Generation(self.history.last_generation()));
        self.history
            .announce(next.0, self.wanted.sources, self.wanted.rollback_to)?;
        datapath.apply_parts(&Parts::from([(String::new(), Arc::new(plan))]), next)?;
        self.state.guests = members.into_iter().map(in_force).collect();
        self.state.passing = arrangement.gone;
        Ok(())
    }

    /// Notes down what a guest that stays may be told from now on.
    fn announce(&mut self, member: &Member) {
        let mut guests = self.state.guests.iter_mut();
        if let Some(before) = &member.before
            && let Some(noted) = guests.find(|noted| noted.eni_id == before.eni_id)
        {
            noted.addressing = before.addressing.union(&member.guest.addressing);
            noted.forwards = before.forwards || member.guest.forwards;
        }
    }

    /// Makes a guest. Its host side stays down, so that nothing leaves it yet.
    fn make(&mut self, guest: &mut GuestState, datapath: &Datapath) -> Result<Link> {
        self.progress.step(&format!("making {}", guest.name));
        self.state.passing.push(guest.clone());
        self.store.write(self.state)?;
        if let Place::Made { namespace, inode } = &mut guest.place {
            *inode = Some(netns::create(namespace)?);
            // Written down with the next step. Until then the name tells that it is ours, for it was free.
            if let Some(noted) = self.state.passing.last_mut() {
                noted.place = guest.place.clone();
            }
        }
        let link = match guest.place.namespace() {
            None => link::create_tap(&guest.device, &guest.alias)?,
            Some(namespace) => {
                let mac = self.wanted.deployment.mac(&guest.eni_id)?;
                link::create_veth(&guest.device, &guest.alias, namespace, guest.guest_device(), mac)?
            }
        };
        let host_side = Hooked {
            device: &guest.device,
            pin: &guest.pin,
        };
        datapath.attach(&[host_side])?;
        if let Some(namespace) = guest.place.namespace() {
            guest::configure(namespace, guest.guest_device(), &guest.addressing)?;
        }
        // An adopted namespace keeps its own settings, whoever made it.
        if let Place::Made { namespace, .. } = &guest.place {
            guest::enable_loopback(namespace)?;
            if guest.forwards {
                guest::set_forwarding(namespace, true)?;
            }
        }
        Ok(link)
    }

    /// Takes back what [`Self::put_in_force`] did before it failed: `before` is the journal as it was.
    pub(super) fn undo(&mut self, before: State) -> Result<()> {
        let mut errors = Vec::new();
        errors.extend(self.history.withdraw().err());
        for noted in &self.state.guests {
            let guest = before.guests.iter().find(|guest| guest.eni_id == noted.eni_id);
            errors.extend(guest.and_then(|guest| self.narrow(noted, guest).err()));
        }
        errors.extend(remove_guests(&self.state.pins, &self.state.passing, true).err());
        if errors.is_empty() {
            *self.state = before;
            errors.extend(self.store.write(self.state).err());
        }
        Error::collect(errors)
    }

    /// Everything after the configuration's being put in force: guests come up, and what is gone is removed.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.history.confirm()?;
        self.store.write(self.state)?;
        let wanted = self.wanted.deployment.guest_states()?;
        let netlink = Netlink::open()?;
        for (guest, wanted) in self.state.guests.iter().zip(&wanted) {
            netlink.set_up(&guest.device)?;
            self.narrow(guest, wanted)?;
        }
        for (noted, wanted) in self.state.guests.iter_mut().zip(wanted) {
            noted.addressing = wanted.addressing;
            noted.forwards = wanted.forwards;
        }
        settle(self.store, self.state)?;
        self.state.stage = Stage::Up;
        self.store.write(self.state)
    }

    /// Gives a guest that stays what it lacks.
    fn widen(&self, before: &GuestState, wanted: &GuestState) -> Result<Link> {
        if let Some(namespace) = wanted.place.namespace()
            && (self.resumed || before.addressing != wanted.addressing)
        {
            guest::widen(namespace, &wanted.addressing)?;
        }
        if let Place::Made { namespace, .. } = &wanted.place
            && wanted.forwards
            && (self.resumed || !before.forwards)
        {
            guest::set_forwarding(namespace, true)?;
        }
        Netlink::open()?.get(&wanted.device)
    }

    /// Takes from a guest that stays what it is not to have any more.
    fn narrow(&self, before: &GuestState, wanted: &GuestState) -> Result<()> {
        if let Some(namespace) = before.place.namespace()
            && (self.resumed || before.addressing != wanted.addressing)
        {
            guest::narrow(namespace, &before.addressing, &wanted.addressing)?;
        }
        if let Place::Made { namespace, .. } = &before.place
            && before.forwards
            && !wanted.forwards
        {
            guest::set_forwarding(namespace, false)?;
        }
        Ok(())
    }

    fn check_interrupted(&self) -> Result<()> {
        if self.progress.is_interrupted() {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// A member as the journal knows it from the moment its configuration is in force: one that stays may still have what
/// it had.
fn in_force(member: Member) -> GuestState {
    let Member { mut guest, before } = member;
    if let Some(before) = before {
        guest.addressing = before.addressing.union(&guest.addressing);
        guest.forwards |= before.forwards;
    }
    guest
}

/// Removes who is gone, or was never in force, and gives the names that become free to who waits for them.
pub(super) fn settle(store: &Store, state: &mut State) -> Result<()> {
    if !state.passing.is_empty() {
        remove_guests(&state.pins, &state.passing, true)?;
        state.passing.clear();
        store.write(state)?;
    }
    for index in 0..state.guests.len() {
        let Some(guest) = state.guests.get_mut(index).filter(|guest| guest.renaming.is_some()) else {
            continue;
        };
        guest.take_name();
        store.write(state)?;
        if let Some(guest) = state.guests.get_mut(index) {
            rename(guest)?;
            guest.renaming = None;
        }
        store.write(state)?;
    }
    Ok(())
}

/// Gives a guest its name, if it doesn't have it yet.
fn rename(guest: &GuestState) -> Result<()> {
    let Some(Renaming::From(before)) = &guest.renaming else {
        return Ok(());
    };
    match &guest.place {
        Place::Made { namespace, .. } => netns::rename(before, namespace),
        Place::Adopted { namespace } => guest::rename(namespace, before, GUEST_DEVICE),
        Place::Tap => {
            let netlink = Netlink::open()?;
            match netlink.find(before)? {
                Some(link) => netlink.rename(&link, &guest.device),
                None => Ok(()),
            }
        }
    }
}
