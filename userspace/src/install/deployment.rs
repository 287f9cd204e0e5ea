//! What is to be brought up, and whether the host has room for it.

use crate::document::{Attachment, Guest, Resolved};
use crate::install::error::{Error, Result};
use crate::install::link::{self, GuestAddress};
use crate::install::names;
use crate::install::netlink::Netlink;
use crate::install::netns;
use crate::install::state::{GuestState, Place, State};
use crate::plan::{self, Binding, Bindings, GuestKind, Plan};
use crate::resources::{NetworkInterface, Resources, Subnet};
use groundplane_abi::{Device, Mac};
use std::collections::BTreeSet;
use std::path::Path;

/// Resources and the guests their ENIs belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    pub resources: Resources,
    /// One for every ENI.
    pub guests: Vec<Guest>,
}

/// What a guest's end is configured with.
#[derive(Clone, Copy, Debug)]
pub(super) struct GuestConfiguration {
    pub(super) mac: Mac,
    pub(super) address: GuestAddress,
    /// Whether it passes on packets that are not its own, which `SourceDestCheck` off is for.
    pub(super) forwards: bool,
}

impl From<Resolved> for Deployment {
    fn from(
        Resolved {
            resources,
            guests,
            warnings: _,
        }: Resolved,
    ) -> Self {
        Self { resources, guests }
    }
}

impl Deployment {
    /// Tells deployments apart.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        names::fingerprint(&format!("{self:?}"))
    }

    /// The rows for these devices.
    pub(super) fn compile(&self, bindings: &Bindings) -> Result<Plan> {
        plan::compile(&self.resources, bindings).map_err(Error::Plan)
    }

    /// What will be made for each ENI, in the order of the document.
    pub(crate) fn guest_states(&self, state_dir: &Path) -> Result<Vec<GuestState>> {
        self.guests
            .iter()
            .map(|guest| self.guest_state(guest, state_dir))
            .collect()
    }

    fn guest_state(&self, guest: &Guest, state_dir: &Path) -> Result<GuestState> {
        let eni_id = &guest.network_interface_id;
        let eni = self.network_interface(eni_id)?;
        let vpc = self.resources.vpcs.iter().find(|vpc| vpc.vpc_id == eni.vpc_id);
        let address = eni.private_ip_addresses.first();
        let (device, place) = match guest.attachment.clone() {
            Attachment::Tap { device } => (device, Place::Tap),
            Attachment::Namespace { name: namespace, adopt } => {
                let device = names::host_device(state_dir, eni_id);
                let place = if adopt {
                    Place::Adopted { namespace }
                } else {
                    Place::Made { namespace, inode: None }
                };
                (device, place)
            }
        };
        Ok(GuestState {
            eni_id: eni_id.clone(),
            name: guest.name.clone(),
            vpc: vpc.ok_or_else(|| Error::Missing(eni.vpc_id.clone()))?.name.clone(),
            subnet: self.subnet(eni)?.name.clone(),
            address: *address.ok_or_else(|| Error::NoAddress(eni_id.clone()))?,
            mac_address: eni.mac_address.to_string(),
            device,
            alias: names::alias(eni_id),
            place,
        })
    }

    /// What the guest's end of an ENI is configured with.
    pub(super) fn configuration(&self, guest: &GuestState) -> Result<GuestConfiguration> {
        let eni = self.network_interface(&guest.eni_id)?;
        let subnet = self.subnet(eni)?.cidr_block;
        let address = GuestAddress {
            address: guest.address,
            subnet,
        };
        Ok(GuestConfiguration {
            mac: eni.mac_address,
            address,
            forwards: !eni.source_dest_check,
        })
    }

    fn network_interface(&self, id: &str) -> Result<&NetworkInterface> {
        let mut enis = self.resources.network_interfaces.iter();
        enis.find(|eni| eni.network_interface_id == id)
            .ok_or_else(|| Error::Missing(id.to_owned()))
    }

    fn subnet(&self, eni: &NetworkInterface) -> Result<&Subnet> {
        let mut subnets = self.resources.subnets.iter();
        let subnet = subnets.find(|subnet| subnet.subnet_id == eni.subnet_id);
        subnet.ok_or_else(|| Error::Missing(eni.subnet_id.clone()))
    }

    /// Everything that stands in the way, found before anything is changed. `old` is what will be taken down first.
    pub(super) fn check(&self, guests: &[GuestState], pins: &Path, old: Option<&State>) -> Result<()> {
        let mut errors = self.check_plan(guests).err().into_iter().collect::<Vec<_>>();
        if pins.exists() && old.is_none_or(|old| old.pins != pins) {
            errors.push(Error::PinsTaken(pins.to_owned()));
        }
        let netlink = Netlink::open()?;
        let mut namespaces = BTreeSet::new();
        for guest in guests {
            if let Some(namespace) = guest.place.namespace() {
                if !namespaces.insert(namespace) {
                    errors.push(Error::NamespaceTwice(namespace.to_owned()));
                }
                errors.extend(check_namespace(&guest.place, namespace, old).err());
            }
            errors.extend(check_device(&netlink, guest, old).err());
        }
        Error::collect(errors)
    }

    /// Compiles the plan for devices that don't exist yet, so that nothing is made in vain.
    fn check_plan(&self, guests: &[GuestState]) -> Result<()> {
        let bind = |(guest, index): (&GuestState, u32)| {
            (
                guest.eni_id.clone(),
                Binding {
                    device: Device(index),
                    kind: kind(&guest.place),
                },
            )
        };
        self.compile(&guests.iter().zip(1..).map(bind).collect()).map(drop)
    }
}

pub(super) fn kind(place: &Place) -> GuestKind {
    match place {
        Place::Tap => GuestKind::Tap,
        Place::Made { .. } | Place::Adopted { .. } => GuestKind::Veth,
    }
}

fn check_namespace(place: &Place, namespace: &str, old: Option<&State>) -> Result<()> {
    let found = netns::inode(namespace)?;
    let released = old.is_some_and(|old| old.begun_guests().any(|guest| is_made(&guest.place, namespace, found)));
    match place {
        Place::Made { .. } if found.is_some() && !released => Err(Error::NamespaceTaken(namespace.to_owned())),
        Place::Adopted { .. } if found.is_none() || released => Err(Error::NamespaceMissing(namespace.to_owned())),
        Place::Adopted { .. } if !has_guest_device(old, namespace) && link::guest_device_exists(namespace)? => {
            Err(Error::GuestDeviceTaken {
                namespace: namespace.to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// Whether the namespace found under a name is the one that was made.
pub(super) fn is_made(place: &Place, name: &str, found: Option<u64>) -> bool {
    match place {
        Place::Made { namespace, inode } => namespace == name && (inode.is_none() || *inode == found),
        Place::Adopted { .. } | Place::Tap => false,
    }
}

/// Whether the deployment to be taken down has a device in this namespace.
fn has_guest_device(old: Option<&State>, namespace: &str) -> bool {
    old.is_some_and(|old| {
        old.begun_guests()
            .any(|guest| guest.place.namespace() == Some(namespace))
    })
}

fn check_device(netlink: &Netlink, guest: &GuestState, old: Option<&State>) -> Result<()> {
    let Some(found) = netlink.find(&guest.device)? else {
        return Ok(());
    };
    let released = |known: &GuestState| {
        known.device == guest.device && found.alias.as_ref().is_none_or(|alias| *alias == known.alias)
    };
    if old.is_some_and(|old| old.begun_guests().any(released)) {
        return Ok(());
    }
    Err(Error::DeviceTaken {
        device: guest.device.clone(),
        alias: found.alias,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_ours_by_its_inode_not_by_its_name() {
        let made = |inode| Place::Made {
            namespace: "web".to_owned(),
            inode,
        };
        assert!(is_made(&made(Some(7)), "web", Some(7)));
        assert!(!is_made(&made(Some(7)), "web", Some(8)));
        assert!(!is_made(&made(Some(7)), "db", Some(7)));
        assert!(
            is_made(&made(None), "web", Some(8)),
            "killed before the inode was noted down"
        );
        assert!(!is_made(
            &Place::Adopted {
                namespace: "web".to_owned()
            },
            "web",
            Some(7)
        ));
    }
}
