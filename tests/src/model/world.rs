//! Resources by number instead of by name, since a name is asked for several times a packet.

mod gateway;
mod gateway_balancer;
mod load_balancer;

pub(super) use gateway::{VpcAttachment, zone};
pub(super) use gateway_balancer::{Inspection, Stickiness};
pub(super) use load_balancer::{Service, Target};

use groundplane::resources::{
    InterfaceType, NetworkAclEntry, NetworkInterface, PrefixList, Resources, RouteTable, SecurityGroupRule, Subnet, Vpc,
};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// An ENI's number, which it keeps from one configuration to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Eni(usize);

/// Where in their lists the VPCs and subnets of the configuration in force are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct VpcAt(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SubnetAt(usize);

#[derive(Clone, Debug, Default)]
pub(super) struct World {
    resources: Resources,
    numbers: HashMap<String, Eni>,
    /// By ENI: where in their lists it and what it belongs to are.
    places: Vec<Option<Places>>,
    /// By subnet: what else it has.
    subnets: Vec<Around>,
    /// By NACL: its inbound and its outbound list, lowest number first.
    acls: Vec<[Vec<NetworkAclEntry>; 2]>,
    /// The load balancers of nodes, and the endpoints of ENIs, by where they are in their lists.
    nodes: BTreeMap<Eni, usize>,
    endpoints: BTreeMap<Eni, usize>,
}

#[derive(Clone, Debug)]
struct Places {
    eni: usize,
    vpc: VpcAt,
    subnet: SubnetAt,
    groups: Vec<usize>,
}

/// What a subnet is in, and what it uses.
#[derive(Clone, Debug)]
struct Around {
    vpc: VpcAt,
    table: usize,
    acl: usize,
}

fn place<T>(list: &[T], is: impl FnMut(&T) -> bool) -> usize {
    list.iter()
        .position(is)
        .expect("the test's resources refer to what is there")
}

impl World {
    pub(super) fn configure(&mut self, resources: Resources) {
        self.places.iter_mut().for_each(|places| *places = None);
        for (at, eni) in resources.network_interfaces.iter().enumerate() {
            let next = Eni(self.numbers.len());
            let number = *self.numbers.entry(eni.network_interface_id.clone()).or_insert(next);
            if number == next {
                self.places.push(None);
            }
            self.places[number.0] = Some(Places::find(&resources, at));
        }
        self.acls = resources
            .network_acls
            .iter()
            .map(|acl| {
                [false, true].map(|egress| {
                    let entries = acl.entries.iter().filter(|entry| entry.egress == egress);
                    let mut entries: Vec<_> = entries.cloned().collect();
                    entries.sort_by_key(|entry| entry.rule_number);
                    entries
                })
            })
            .collect();
        let around = |subnet| Around::find(&resources, subnet);
        self.subnets = resources.subnets.iter().map(around).collect();
        self.resources = resources;
        self.nodes = self.find_nodes();
        self.endpoints = self.find_endpoints();
    }

    pub(super) fn eni_named(&self, id: &str) -> Eni {
        *self.numbers.get(id).expect("the test names ENIs that are there")
    }

    pub(super) fn enis(&self) -> impl Iterator<Item = Eni> {
        (0..self.places.len())
            .map(Eni)
            .filter(|eni| self.places[eni.0].is_some())
    }

    fn places(&self, eni: Eni) -> &Places {
        self.places[eni.0].as_ref().expect("the ENI is still there")
    }

    pub(super) fn interface(&self, eni: Eni) -> &NetworkInterface {
        &self.resources.network_interfaces[self.places(eni).eni]
    }

    pub(super) fn has_eni(&self, eni: Eni) -> bool {
        self.places[eni.0].is_some()
    }

    /// The ENI of an id, if it is there.
    pub(super) fn eni_of_id(&self, id: &str) -> Option<Eni> {
        self.numbers.get(id).copied().filter(|eni| self.has_eni(*eni))
    }

    pub(super) fn is_nat_gateway(&self, eni: Eni) -> bool {
        self.interface(eni).interface_type == InterfaceType::NatGateway
    }

    pub(super) fn is_link(&self, eni: Eni) -> bool {
        self.interface(eni).interface_type == InterfaceType::ApiGatewayManaged
    }

    pub(super) fn vpc(&self, vpc: VpcAt) -> &Vpc {
        &self.resources.vpcs[vpc.0]
    }

    pub(super) fn vpcs(&self) -> impl Iterator<Item = VpcAt> {
        (0..self.resources.vpcs.len()).map(VpcAt)
    }

    pub(super) fn vpc_of(&self, eni: Eni) -> VpcAt {
        self.places(eni).vpc
    }

    /// "inside the VPC's own CIDRs".
    pub(super) fn is_inside(&self, vpc: VpcAt, address: IpAddr) -> bool {
        self.vpc(vpc).blocks().any(|block| block.contains(&address))
    }

    pub(super) fn subnet(&self, subnet: SubnetAt) -> &Subnet {
        &self.resources.subnets[subnet.0]
    }

    pub(super) fn subnet_of(&self, eni: Eni) -> SubnetAt {
        self.places(eni).subnet
    }

    pub(super) fn vpc_around(&self, subnet: SubnetAt) -> VpcAt {
        self.subnets[subnet.0].vpc
    }

    pub(super) fn share_subnet(&self, eni: Eni, other: Eni) -> bool {
        self.subnet_of(eni) == self.subnet_of(other)
    }

    pub(super) fn table(&self, subnet: SubnetAt) -> &RouteTable {
        &self.resources.route_tables[self.subnets[subnet.0].table]
    }

    /// The list of the NACL of a subnet, lowest number first.
    pub(super) fn acl(&self, subnet: SubnetAt, egress: bool) -> &[NetworkAclEntry] {
        &self.acls[self.subnets[subnet.0].acl][usize::from(egress)]
    }

    /// The rules of all groups of an ENI in one direction.
    pub(super) fn rules(&self, eni: Eni, egress: bool) -> impl Iterator<Item = &SecurityGroupRule> {
        let groups = self.places(eni).groups.iter();
        let rules = groups.flat_map(|group| &self.resources.security_groups[*group].rules);
        rules.filter(move |rule| rule.is_egress == egress)
    }

    pub(super) fn is_member(&self, eni: Eni, group_id: &str) -> bool {
        self.interface(eni).groups.iter().any(|group| group == group_id)
    }

    pub(super) fn prefix_list(&self, id: &str) -> Option<&PrefixList> {
        self.resources
            .prefix_lists
            .iter()
            .find(|list| list.prefix_list_id == id)
    }

    /// The ENI of a VPC that has an address.
    pub(super) fn owner(&self, vpc: VpcAt, address: IpAddr) -> Option<Eni> {
        self.enis()
            .filter(|eni| self.vpc_of(*eni) == vpc)
            .find(|eni| self.interface(*eni).has(address))
    }

    /// The ENI of another one's subnet that has a MAC address.
    pub(super) fn mac_owner(&self, in_subnet_of: Eni, mac: [u8; 6]) -> Option<Eni> {
        self.enis()
            .filter(|eni| self.share_subnet(*eni, in_subnet_of))
            .find(|eni| self.interface(*eni).mac_address.0 == mac)
    }
}

impl Places {
    fn find(resources: &Resources, eni: usize) -> Self {
        let interface = &resources.network_interfaces[eni];
        let subnet = place(&resources.subnets, |it| it.subnet_id == interface.subnet_id);
        Self {
            eni,
            vpc: VpcAt(place(&resources.vpcs, |it| it.vpc_id == interface.vpc_id)),
            subnet: SubnetAt(subnet),
            groups: (0..resources.security_groups.len())
                .filter(|group| interface.groups.contains(&resources.security_groups[*group].group_id))
                .collect(),
        }
    }
}

impl Around {
    fn find(resources: &Resources, subnet: &Subnet) -> Self {
        Self {
            vpc: VpcAt(place(&resources.vpcs, |it| it.vpc_id == subnet.vpc_id)),
            table: place(&resources.route_tables, |it| it.route_table_id == subnet.route_table_id),
            acl: place(&resources.network_acls, |it| it.network_acl_id == subnet.network_acl_id),
        }
    }
}
