//! Who is behind a device.

use super::Endpoint;
use crate::install::error::Result;
use crate::install::netlink::Netlink;
use crate::install::state::{GuestState, State};
use groundplane_abi::Device;
use std::collections::BTreeMap;

/// The guests of a deployment by their devices.
#[derive(Clone, Debug, Default)]
pub struct Who(BTreeMap<Device, GuestState>);

impl Who {
    /// Those of the journal whose devices are there.
    pub fn of(state: &State) -> Result<Self> {
        let netlink = Netlink::open()?;
        let mut guests = BTreeMap::new();
        for guest in state.all_guests() {
            if let Some(link) = netlink.find(&guest.device)? {
                guests.insert(Device(link.index), guest.clone());
            }
        }
        Ok(Self(guests))
    }

    /// The same devices with what other guests of the same ENIs are under.
    #[must_use]
    pub fn with(&self, guests: &[GuestState]) -> Self {
        let by_id: BTreeMap<_, _> = guests.iter().map(|guest| (&*guest.eni_id, guest)).collect();
        let known = |(device, guest): (&Device, &GuestState)| Some((*device, (*by_id.get(&*guest.eni_id)?).clone()));
        Self(self.0.iter().filter_map(known).collect())
    }

    #[must_use]
    pub fn guest(&self, device: Device) -> Option<&GuestState> {
        self.0.get(&device)
    }

    /// The devices of ENIs by their ids.
    #[must_use]
    pub fn by_id(&self) -> BTreeMap<&str, Device> {
        self.0.iter().map(|(device, guest)| (&*guest.eni_id, *device)).collect()
    }

    /// An end of a connection.
    #[must_use]
    pub fn endpoint(&self, device: Device) -> Endpoint {
        let known = |guest: &GuestState| Endpoint {
            instance: format!("{}/{}", guest.vpc, guest.name),
            network_interface_id: guest.eni_id.clone(),
        };
        self.guest(device).map_or_else(|| Endpoint::unknown(device), known)
    }

    /// The devices of the guests that are meant.
    pub(super) fn devices(&self, is_meant: impl Fn(&GuestState) -> bool) -> Vec<Device> {
        let meant = self.0.iter().filter(|(_, guest)| is_meant(guest));
        meant.map(|(device, _)| *device).collect()
    }

    #[cfg(test)]
    pub(crate) fn new(guests: impl IntoIterator<Item = (Device, GuestState)>) -> Self {
        Self(guests.into_iter().collect())
    }
}
