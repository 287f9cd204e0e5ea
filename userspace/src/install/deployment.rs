//! What is to be brought up.

use crate::document::{Attachment, Guest, Resolved};
use crate::install::error::{Error, Result};
use crate::install::guest::Addressing;
use crate::install::names;
use crate::install::state::{GuestState, Named, Place};
use crate::plan::{self, Binding, Bindings, GuestKind, Plan};
use crate::resources::Resources;
use groundplane_abi::{Device, Mac};

/// Resources and the guests their ENIs belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    pub resources: Resources,
    /// One for every ENI.
    pub guests: Vec<Guest>,
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
    /// The rows for these devices.
    pub(super) fn compile(&self, bindings: &Bindings) -> Result<Plan> {
        plan::compile(&self.resources, bindings).map_err(Error::Plan)
    }

    /// What is to be there for each ENI, in the order of the document. Pins are given when it is made.
    pub(crate) fn guest_states(&self) -> Result<Vec<GuestState>> {
        self.guests.iter().map(|guest| self.guest_state(guest)).collect()
    }

    fn guest_state(&self, guest: &Guest) -> Result<GuestState> {
        let eni_id = &guest.network_interface_id;
        let all = &self.resources;
        let eni = found(&all.network_interfaces, eni_id, |eni| &eni.network_interface_id)?;
        let vpc = found(&all.vpcs, &eni.vpc_id, |vpc| &vpc.vpc_id)?;
        let subnet = found(&all.subnets, &eni.subnet_id, |subnet| &subnet.subnet_id)?;
        let nacl = found(&all.network_acls, &subnet.network_acl_id, |nacl| &nacl.network_acl_id)?;
        let group = |id: &String| {
            let group = found(&all.security_groups, id, |group| &group.group_id)?;
            Ok(named(id, &group.group_name))
        };
        let address = eni.private_ip_addresses.first();
        let (device, place) = place(&guest.attachment)?;
        Ok(GuestState {
            eni_id: eni_id.clone(),
            name: guest.name.clone(),
            vpc: vpc.name.clone(),
            subnet: subnet.name.clone(),
            network_acl: named(&nacl.network_acl_id, &nacl.name),
            groups: eni.groups.iter().map(group).collect::<Result<_>>()?,
            address: *address.ok_or_else(|| Error::NoAddress(eni_id.clone()))?,
            addressing: Addressing::of(eni, subnet),
            forwards: !eni.source_dest_check,
            mac_address: eni.mac_address.to_string(),
            device,
            alias: names::alias(eni_id),
            pin: String::new(),
            place,
            renaming: None,
            nameless: false,
        })
    }

    /// The MAC address of an ENI.
    pub(super) fn mac(&self, eni_id: &str) -> Result<Mac> {
        let enis = &self.resources.network_interfaces;
        Ok(found(enis, eni_id, |eni| &eni.network_interface_id)?.mac_address)
    }

    /// Compiles the plan for devices that don't exist yet, so that nothing is made in vain.
    pub(super) fn check_plan(&self, guests: &[GuestState]) -> Result<Plan> {
        let bind = |(guest, index): (&GuestState, u32)| (guest.eni_id.clone(), binding(guest, Device(index)));
        self.compile(&guests.iter().zip(1..).map(bind).collect())
    }
}

/// A guest's device, as the plan is told of it.
pub(super) fn binding(guest: &GuestState, device: Device) -> Binding {
    let kind = match guest.place {
        Place::Tap => GuestKind::Tap,
        Place::Made { .. } | Place::Adopted { .. } => GuestKind::Veth,
    };
    Binding { device, kind }
}

/// The host side's name, as far as the document gives one, and the place.
fn place(attachment: &Attachment) -> Result<(String, Place)> {
    Ok(match attachment.clone() {
        Attachment::Tap { device } => (device, Place::Tap),
        Attachment::Namespace {
            name: namespace,
            adopt: true,
        } => (String::new(), Place::Adopted { namespace }),
        Attachment::Namespace {
            name: namespace,
            adopt: false,
        } => (String::new(), Place::Made { namespace, inode: None }),
        Attachment::Device { device } => return Err(Error::DeviceNotAdopted(device)),
    })
}

fn named(id: &str, name: &str) -> Named {
    Named {
        id: id.to_owned(),
        name: name.to_owned(),
    }
}

/// The object with an id.
fn found<'a, T>(objects: &'a [T], id: &str, id_of: impl Fn(&T) -> &String) -> Result<&'a T> {
    let mut objects = objects.iter();
    objects
        .find(|object| id_of(object) == id)
        .ok_or_else(|| Error::Missing(id.to_owned()))
}
