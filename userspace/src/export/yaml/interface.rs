//! Network interfaces, with their guests.

use super::Writer;
use super::text::{Map, Yaml};
use crate::document::{Attachment, derived};
use crate::resources::{Allowance, ConnectionTracking, EniAssociation, InterfaceType, NetworkInterface, Vpc};

impl Writer<'_> {
    pub(super) fn interface(&self, vpc: &Vpc, eni: &NetworkInterface) -> Map {
        let mut map = Map::default();
        map.put("subnet", self.names.own(&eni.subnet_id));
        addresses(eni, &mut map);
        let default = self.all.security_groups.iter();
        let mut default = default.filter(|group| group.vpc_id == vpc.vpc_id && group.group_name == "default");
        let usual: Vec<_> = match eni.interface_type.is_without_groups() {
            true => Vec::new(),
            false => default.next().map(|group| group.group_id.clone()).into_iter().collect(),
        };
        let groups: Vec<Yaml> = eni.groups.iter().map(|id| self.names.own(id).into()).collect();
        map.put_if(eni.groups != usual, "groups", groups);
        map.put_if(!eni.source_dest_check, "SourceDestCheck", false);
        let interface_type = eni.interface_type;
        map.put_if(
            interface_type != InterfaceType::default(),
            "InterfaceType",
            interface_type.name(),
        );
        numbers(eni, &mut map);
        self.guest(eni, &mut map);
        map.put_if(
            eni.mac_address != derived::mac(&eni.network_interface_id),
            "MacAddress",
            eni.mac_address.to_string(),
        );
        map.put_if(!eni.description.is_empty(), "Description", &eni.description);
        if let Some(Ok(attachment)) = eni.attachment.as_ref().map(serde_json::to_value) {
            map.put("Attachment", Yaml::from(&attachment));
        }
        map.put_list("associations", eni.associations.iter().map(|it| self.association(it)));
        map.put_if(self.declines(eni), "AssociatePublicIpAddress", false);
        map.put_if(eni.deny_all_igw_traffic, "DenyAllIgwTraffic", true);
        map.put_if(eni.requester_managed, "RequesterManaged", true);
        if let Some(requester) = &eni.requester_id {
            map.put("RequesterId", requester);
        }
        let id = &eni.network_interface_id;
        let path = [self.names.own(&vpc.vpc_id), self.names.own(id)];
        let id = ("NetworkInterfaceId", &**id);
        self.details(&mut map, id, &path, &eni.name, &eni.details, &vpc.details.owner_id);
        map
    }

    /// Whether an instance has no public address although its subnet gives one to each.
    fn declines(&self, eni: &NetworkInterface) -> bool {
        let subnet = self.all.subnets.iter().find(|subnet| subnet.subnet_id == eni.subnet_id);
        let primary = eni.private_ip_addresses.first();
        let mut associations = eni.associations.iter();
        let is_launched = self.guests.contains_key(&*eni.network_interface_id);
        is_launched
            && eni.interface_type == InterfaceType::Interface
            && subnet.is_some_and(|subnet| subnet.map_public_ip_on_launch)
            && !associations.any(|it| Some(&it.private_ip_address) == primary)
    }

    fn association(&self, association: &EniAssociation) -> Map {
        let mut map = Map::default();
        map.put("PrivateIpAddress", association.private_ip_address.to_string());
        map.put("PublicIp", association.public_ip.to_string());
        if let Some(id) = &association.allocation_id {
            map.put("AllocationId", self.names.own(id));
        }
        let fields = [
            ("AssociationId", &association.association_id),
            ("IpOwnerId", &association.ip_owner_id),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                map.put(field, value);
            }
        }
        map
    }

    fn guest(&self, eni: &NetworkInterface, map: &mut Map) {
        let guest = self.guests.get(&*eni.network_interface_id);
        match guest.map(|guest| &guest.attachment) {
            Some(Attachment::Namespace { name, adopt }) => {
                map.put("namespace", name);
                map.put_if(*adopt, "adopt", true);
            }
            Some(Attachment::Tap { device }) => map.put("tap", device),
            Some(Attachment::Device { device }) => map.put("device", device),
            None => {}
        }
    }
}

fn addresses(eni: &NetworkInterface, map: &mut Map) {
    match &*eni.private_ip_addresses {
        [one] => map.put("PrivateIpAddress", one.to_string()),
        several => map.put_list("PrivateIpAddresses", several.iter().map(ToString::to_string)),
    }
    map.put_list("Ipv6Addresses", eni.ipv6_addresses.iter().map(ToString::to_string));
    map.put_list("Ipv4Prefixes", eni.ipv4_prefixes.iter().map(ToString::to_string));
    map.put_list("Ipv6Prefixes", eni.ipv6_prefixes.iter().map(ToString::to_string));
}

/// Timeouts and allowances that aren't as usual.
fn numbers(eni: &NetworkInterface, map: &mut Map) {
    let (ours, usual) = (eni.connection_tracking, ConnectionTracking::default());
    let mut tracking = Map::default();
    for (name, ours, usual) in [
        (
            "TcpEstablishedTimeout",
            ours.tcp_established_timeout,
            usual.tcp_established_timeout,
        ),
        ("UdpStreamTimeout", ours.udp_stream_timeout, usual.udp_stream_timeout),
        ("UdpTimeout", ours.udp_timeout, usual.udp_timeout),
    ] {
        tracking.put_if(ours != usual, name, i64::from(ours));
    }
    map.put_map("ConnectionTracking", tracking);
    let (ours, usual) = (eni.allowance, Allowance::default());
    let mut allowance = Map::default();
    for (name, ours, usual) in [
        ("connections", ours.connections, usual.connections),
        ("first_packets", ours.first_packets, usual.first_packets),
        (
            "first_packets_burst",
            ours.first_packets_burst,
            usual.first_packets_burst,
        ),
    ] {
        allowance.put_if(ours != usual, name, i64::from(ours));
    }
    map.put_map("allowance", allowance);
}
