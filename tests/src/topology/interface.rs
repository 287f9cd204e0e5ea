//! ENIs of a topology.

use super::{Groups, Topology, address, net};
use groundplane::plan::{Binding, GuestKind};
use groundplane::resources::{Allowance, ConnectionTracking, InterfaceType, NetworkInterface};
use groundplane_abi::{Device, Mac};
use ipnet::IpNet;
use std::net::IpAddr;

/// An ENI as a test needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guest {
    pub device: Device,
    pub mac: [u8; 6],
    /// The primary address.
    pub ip: [u8; 4],
    /// The first IPv6 address, if there is any.
    pub ip6: Option<[u8; 16]>,
}

impl Topology {
    /// An ENI on a veth, with open groups and its check on.
    pub fn eni(&mut self, name: &str, address: &str) -> &mut Self {
        let index = u32::try_from(self.bindings.len()).expect("few ENIs");
        let binding = Binding {
            device: Device(10 + index),
            kind: GuestKind::Veth,
        };
        let groups = vec![self.kind(&self.resources.subnets[self.subnet].vpc_id, Groups::OPEN)];
        let id = self.new_eni(name, address, groups);
        self.bindings.insert(id, binding);
        self
    }

    /// An ENI that belongs to something and not to a guest: in no groups, its check off, bound to nothing.
    pub(super) fn component(&mut self, name: &str, address: &str, interface_type: InterfaceType) -> &mut Self {
        self.new_eni(name, address, Vec::new());
        let eni = self.interface_mut(name);
        eni.interface_type = interface_type;
        eni.source_dest_check = false;
        eni.requester_managed = true;
        self
    }

    fn new_eni(&mut self, name: &str, address: &str, groups: Vec<String>) -> String {
        let subnet = &self.resources.subnets[self.subnet];
        let (vpc_id, subnet_id) = (subnet.vpc_id.clone(), subnet.subnet_id.clone());
        let enis = self.resources.network_interfaces.iter();
        let in_vpc = enis.filter(|eni| eni.vpc_id == vpc_id).count();
        let network_interface_id = self.id("eni");
        self.resources.network_interfaces.push(NetworkInterface {
            network_interface_id: network_interface_id.clone(),
            name: name.to_owned(),
            vpc_id,
            subnet_id,
            mac_address: Mac([2, 0xaa, 0, 0, 0, u8::try_from(in_vpc + 1).expect("few ENIs")]),
            private_ip_addresses: vec![address.parse().expect("an IPv4 address")],
            groups,
            ..NetworkInterface::default()
        });
        network_interface_id
    }

    /// An ENI with an address of each family.
    pub fn eni6(&mut self, name: &str, ipv4: &str, ipv6: &str) -> &mut Self {
        self.eni(name, ipv4).secondary_address(name, ipv6)
    }

    /// Puts the ENI on a tap.
    pub fn tap(&mut self, eni: &str) -> &mut Self {
        let id = self.interface(eni).network_interface_id.clone();
        self.bindings.get_mut(&id).expect("every ENI is bound").kind = GuestKind::Tap;
        self
    }

    /// One more address, of either family.
    pub fn secondary_address(&mut self, eni: &str, more: &str) -> &mut Self {
        let eni = self.interface_mut(eni);
        match address(more) {
            IpAddr::V4(address) => eni.private_ip_addresses.push(address),
            IpAddr::V6(address) => eni.ipv6_addresses.push(address),
        }
        self
    }

    /// A delegated prefix, of either family.
    pub fn prefix(&mut self, eni: &str, prefix: &str) -> &mut Self {
        let eni = self.interface_mut(eni);
        match net(prefix) {
            IpNet::V4(prefix) => eni.ipv4_prefixes.push(prefix),
            IpNet::V6(prefix) => eni.ipv6_prefixes.push(prefix),
        }
        self
    }

    pub fn source_dest_check(&mut self, eni: &str, on: bool) -> &mut Self {
        self.interface_mut(eni).source_dest_check = on;
        self
    }

    pub fn interface_type(&mut self, eni: &str, interface_type: InterfaceType) -> &mut Self {
        self.interface_mut(eni).interface_type = interface_type;
        self
    }

    pub fn tracking(&mut self, eni: &str, tracking: ConnectionTracking) -> &mut Self {
        self.interface_mut(eni).connection_tracking = tracking;
        self
    }

    pub fn allowance(&mut self, eni: &str, allowance: Allowance) -> &mut Self {
        self.interface_mut(eni).allowance = allowance;
        self
    }

    /// One of the VPC's four groups.
    pub fn groups(&mut self, eni: &str, groups: Groups) -> &mut Self {
        let vpc_id = self.interface(eni).vpc_id.clone();
        let group = self.kind(&vpc_id, groups);
        self.interface_mut(eni).groups = vec![group];
        self
    }

    /// Two groups, whose rules add up (semantics 6.1).
    pub fn two_groups(&mut self, eni: &str, groups: [Groups; 2]) -> &mut Self {
        let vpc_id = self.interface(eni).vpc_id.clone();
        let groups = groups.map(|groups| self.kind(&vpc_id, groups)).to_vec();
        self.interface_mut(eni).groups = groups;
        self
    }

    /// The groups of these names, and no other.
    pub fn in_groups(&mut self, eni: &str, names: &[&str]) -> &mut Self {
        let groups = names.iter().map(|name| self.group_id(name)).collect();
        self.interface_mut(eni).groups = groups;
        self
    }

    /// The ENI as a test needs it.
    #[must_use]
    pub fn guest(&self, eni: &str) -> Guest {
        let eni = self.interface(eni);
        let address = eni.private_ip_addresses.first().expect("an ENI has an address");
        Guest {
            device: self.bindings[&eni.network_interface_id].device,
            mac: eni.mac_address.0,
            ip: address.octets(),
            ip6: eni.ipv6_addresses.first().map(|address| address.octets()),
        }
    }

    #[must_use]
    pub fn interface(&self, name: &str) -> &NetworkInterface {
        let found = self.resources.network_interfaces.iter().find(|eni| eni.name == name);
        found.unwrap_or_else(|| panic!("no ENI {name}"))
    }

    /// The `NetworkInterfaceId` of the ENI on a device.
    #[must_use]
    pub fn eni_on(&self, device: Device) -> Option<&str> {
        let mut bindings = self.bindings.iter();
        let found = bindings.find(|(_, binding)| binding.device == device);
        found.map(|(id, _)| id.as_str())
    }

    pub(super) fn interface_mut(&mut self, name: &str) -> &mut NetworkInterface {
        let mut enis = self.resources.network_interfaces.iter_mut();
        let found = enis.find(|eni| eni.name == name);
        found.unwrap_or_else(|| panic!("no ENI {name}"))
    }

    fn kind(&self, vpc_id: &str, groups: Groups) -> String {
        let mut vpcs = self.resources.vpcs.iter();
        let vpc = vpcs.find(|vpc| vpc.vpc_id == vpc_id).expect("the VPC exists");
        self.group_id(&groups.name(&vpc.name))
    }
}
