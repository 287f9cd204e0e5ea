//! VPCs and subnets.

use super::text::{Map, Yaml};
use super::{Writer, put_details};
use crate::document::derived;
use crate::resources::{Subnet, Vpc};

impl Writer<'_> {
    pub(super) fn vpc(&self, vpc: &Vpc) -> Map {
        let mut map = Map::default();
        let key = self.names.own(&vpc.vpc_id);
        map.put_if(derived::core_id("vpc", &[key]) != vpc.vpc_id, "VpcId", &vpc.vpc_id);
        map.put_if(vpc.name != key, "Name", &vpc.name);
        map.put_if(vpc.region != self.region, "region", &vpc.region);
        map.put("CidrBlock", vpc.cidr_block.to_string());
        map.put_list(
            "SecondaryCidrBlocks",
            vpc.secondary_cidr_blocks.iter().map(ToString::to_string),
        );
        let mut ipv6 = vpc.ipv6_cidr_blocks.iter().map(ToString::to_string);
        if let Some(first) = ipv6.next() {
            map.put("Ipv6CidrBlock", first);
        }
        map.put_list("SecondaryIpv6CidrBlocks", ipv6);
        map.put_if(vpc.is_default, "IsDefault", true);
        map.put_if(!vpc.enable_dns_support, "EnableDnsSupport", false);
        let hostnames = vpc.enable_dns_hostnames;
        map.put_if(hostnames != vpc.is_default, "EnableDnsHostnames", hostnames);
        if let Some(options) = &vpc.dhcp_options_id {
            map.put("dhcp_options", self.names.own(options));
        }
        put_details(&mut map, &vpc.details, self.account);
        self.sections(vpc, &mut map);
        map
    }

    fn sections(&self, vpc: &Vpc, map: &mut Map) {
        let all = self.all;
        let mut subnets = Map::default();
        for subnet in all.subnets.iter().filter(|it| it.vpc_id == vpc.vpc_id) {
            subnets.put(self.names.own(&subnet.subnet_id), self.subnet(vpc, subnet));
        }
        map.put_map("subnets", subnets);
        let mut groups = Map::default();
        for group in all.security_groups.iter().filter(|it| it.vpc_id == vpc.vpc_id) {
            let written = self.security_group(vpc, group);
            groups.put_if(
                group.group_name != "default" || written != Map::default(),
                self.names.own(&group.group_id),
                written,
            );
        }
        map.put_map("security_groups", groups);
        let mut acls = Map::default();
        for acl in all.network_acls.iter().filter(|it| it.vpc_id == vpc.vpc_id) {
            let written = self.network_acl(vpc, acl);
            acls.put_if(
                !acl.is_default || written != Map::default(),
                self.names.own(&acl.network_acl_id),
                written,
            );
        }
        map.put_map("network_acls", acls);
        let mut tables = Map::default();
        for table in all.route_tables.iter().filter(|it| it.vpc_id == vpc.vpc_id) {
            let key = self.names.own(&table.route_table_id);
            let written = self.route_table(vpc, table);
            tables.put_if(key != "main" || written != Map::default(), key, written);
        }
        map.put_map("route_tables", tables);
        self.interfaces(vpc, map);
    }

    fn interfaces(&self, vpc: &Vpc, map: &mut Map) {
        let (mut instances, mut interfaces) = (Map::default(), Map::default());
        for eni in self.all.network_interfaces.iter().filter(|it| it.vpc_id == vpc.vpc_id) {
            let section = match self.guests.contains_key(&*eni.network_interface_id) {
                true => &mut instances,
                false => &mut interfaces,
            };
            section.put(self.names.own(&eni.network_interface_id), self.interface(vpc, eni));
        }
        map.put_map("instances", instances);
        map.put_map("network_interfaces", interfaces);
    }

    fn subnet(&self, vpc: &Vpc, subnet: &Subnet) -> Map {
        let mut map = Map::default();
        map.put("CidrBlock", subnet.cidr_block.to_string());
        if let Some(block) = subnet.ipv6_cidr_block {
            map.put("Ipv6CidrBlock", block.to_string());
        }
        let zone = &subnet.availability_zone;
        map.put_if(*zone != derived::zone(&vpc.region), "AvailabilityZone", zone);
        let zone_id = derived::zone_id(&vpc.region, zone);
        map.put_if(
            subnet.availability_zone_id != zone_id,
            "AvailabilityZoneId",
            &subnet.availability_zone_id,
        );
        let map_public = subnet.map_public_ip_on_launch;
        map.put_if(map_public != subnet.default_for_az, "MapPublicIpOnLaunch", map_public);
        let assigned = subnet.assign_ipv6_address_on_creation;
        map.put_if(assigned, "AssignIpv6AddressOnCreation", true);
        map.put_if(subnet.enable_dns64, "EnableDns64", true);
        map.put_if(subnet.default_for_az, "DefaultForAz", true);
        let path = [self.names.own(&vpc.vpc_id), self.names.own(&subnet.subnet_id)];
        let id = ("SubnetId", &*subnet.subnet_id);
        self.details(
            &mut map,
            id,
            &path,
            &subnet.name,
            &subnet.details,
            &vpc.details.owner_id,
        );
        map
    }

    /// The names of a VPC's subnets for which something is so.
    pub(super) fn subnets(&self, vpc: &Vpc, is_so: impl Fn(&Subnet) -> bool) -> Vec<Yaml> {
        let subnets = self.all.subnets.iter();
        let subnets = subnets.filter(|subnet| subnet.vpc_id == vpc.vpc_id && is_so(subnet));
        subnets.map(|subnet| self.names.own(&subnet.subnet_id).into()).collect()
    }
}
