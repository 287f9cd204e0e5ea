//! What is to be brought up.

use crate::document::{Attachment, Guest, Integration, Resolved, Uplink};
use crate::install::error::{Error, Result};
use crate::install::guest::Addressing;
use crate::install::names;
use crate::install::state::{GuestState, Named, Place};
use crate::plan::{Binding, GuestKind};
use crate::resources::{NetworkAcl, NetworkInterface, Resources, SecurityGroup, Subnet, Vpc, VpcLink};
use groundplane_abi::Device;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Resources and the guests their ENIs belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    pub resources: Arc<Resources>,
    /// One for every ENI.
    pub guests: Vec<Guest>,
    pub uplinks: Vec<Uplink>,
    pub integrations: Vec<Integration>,
}

impl From<Resolved> for Deployment {
    fn from(
        Resolved {
            resources,
            guests,
            uplinks,
            integrations,
            warnings: _,
        }: Resolved,
    ) -> Self {
        Self {
            resources: Arc::new(resources),
            guests,
            uplinks,
            integrations,
        }
    }
}

impl Deployment {
    /// What API Gateway lets nobody change once it is made (semantics 17.2): where a VPC link is.
    pub(crate) fn check_follows(&self, before: &Self) -> Result<()> {
        let place =
            |link: &VpcLink| [link.subnet_ids.clone(), link.security_group_ids.clone()].map(BTreeSet::from_iter);
        let is_moved = |link: &&VpcLink| {
            let mut old = before.resources.vpc_links.iter();
            let old = old.find(|old| old.vpc_link_id == link.vpc_link_id);
            old.is_some_and(|old| place(old) != place(link))
        };
        let moved = self.resources.vpc_links.iter().filter(is_moved);
        Error::collect(moved.map(|link| Error::ImmutableLink(link.name.clone())).collect())
    }

    /// What is to be there for each ENI, in the order of the document. Pins are given when it is made.
    pub(crate) fn guest_states(&self) -> Result<Vec<GuestState>> {
        let lookup = Lookup::of(&self.resources);
        self.guests.iter().map(|guest| lookup.guest_state(guest)).collect()
    }
}

/// Objects by their ids.
struct Lookup<'a> {
    vpcs: BTreeMap<&'a str, &'a Vpc>,
    subnets: BTreeMap<&'a str, &'a Subnet>,
    network_acls: BTreeMap<&'a str, &'a NetworkAcl>,
    groups: BTreeMap<&'a str, &'a SecurityGroup>,
    enis: BTreeMap<&'a str, &'a NetworkInterface>,
}

impl<'a> Lookup<'a> {
    fn of(all: &'a Resources) -> Self {
        Self {
            vpcs: all.vpcs.iter().map(|it| (&*it.vpc_id, it)).collect(),
            subnets: all.subnets.iter().map(|it| (&*it.subnet_id, it)).collect(),
            network_acls: all.network_acls.iter().map(|it| (&*it.network_acl_id, it)).collect(),
            groups: all.security_groups.iter().map(|it| (&*it.group_id, it)).collect(),
            enis: all
                .network_interfaces
                .iter()
                .map(|it| (&*it.network_interface_id, it))
                .collect(),
        }
    }

    fn guest_state(&self, guest: &Guest) -> Result<GuestState> {
        let eni_id = &guest.network_interface_id;
        let eni = found(&self.enis, eni_id)?;
        let vpc = found(&self.vpcs, &eni.vpc_id)?;
        let subnet = found(&self.subnets, &eni.subnet_id)?;
        let nacl = found(&self.network_acls, &subnet.network_acl_id)?;
        let group = |id: &String| Ok(named(id, &found(&self.groups, id)?.group_name));
        let address = eni.private_ip_addresses.first();
        let (device, place) = place(&guest.attachment);
        let resolver = matches!(place, Place::Made { .. }).then(|| resolver(vpc.cidr_block));
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
            index: None,
            resolver,
            alias: names::alias(eni_id),
            pin: String::new(),
            place,
            renaming: None,
            nameless: false,
        })
    }
}

/// Base plus two of the VPC's primary block (semantics 2.2).
fn resolver(block: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(block.network()).saturating_add(2))
}

/// A guest's device, as the plan is told of it.
pub(super) fn binding(guest: &GuestState, device: Device) -> Binding {
    let kind = match guest.place {
        Place::Tap => GuestKind::Tap,
        Place::Made { .. } | Place::Adopted { .. } | Place::Device { .. } => GuestKind::Veth,
    };
    Binding { device, kind }
}

/// The host side's name, as far as the document gives one, and the place.
fn place(attachment: &Attachment) -> (String, Place) {
    match attachment.clone() {
        Attachment::Tap { device } => (device, Place::Tap),
        Attachment::Device { device } => (device, Place::Device { before: None }),
        Attachment::Namespace {
            name: namespace,
            adopt: true,
        } => (String::new(), Place::Adopted { namespace, inode: None }),
        Attachment::Namespace {
            name: namespace,
            adopt: false,
        } => (
            String::new(),
            Place::Made {
                namespace,
                inode: None,
                since: None,
            },
        ),
    }
}

fn named(id: &str, name: &str) -> Named {
    Named {
        id: id.to_owned(),
        name: name.to_owned(),
    }
}

/// The object with an id.
fn found<'a, T>(objects: &BTreeMap<&str, &'a T>, id: &str) -> Result<&'a T> {
    objects.get(id).copied().ok_or_else(|| Error::Missing(id.to_owned()))
}
