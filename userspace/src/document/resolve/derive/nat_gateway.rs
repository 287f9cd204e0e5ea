//! NAT gateways: the network interface of each, and its addresses (semantics 10.1).

use super::Given;
use super::interface::{free, names};
use crate::document::check::is_there;
use crate::document::diagnostic::{Problem, Problems, Span, quote};
use crate::document::ids::id;
use crate::document::places::Places;
use crate::document::resolve::address::{Addresses, Home, Owner, Refusal};
use crate::resources::{
    EniAttachment, InterfaceType, NatGateway, NatGatewayAddress, NetworkInterface, Resources, Subnet,
};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

pub(super) fn complete(resources: &mut Resources, given: &Given<'_>, places: &mut Places<'_>, problems: &mut Problems) {
    settle(resources);
    let outcomes = outcomes(resources, given, places, problems);
    let mut adopted = HashSet::new();
    for Outcome { nat, addresses, eni } in outcomes {
        let Some(nat) = resources.nat_gateways.get_mut(nat) else {
            continue;
        };
        let eni_id = match eni {
            Eni::There(id) => {
                adopted.insert(id.clone());
                id
            }
            Eni::Made(eni) => {
                let id = eni.network_interface_id.clone();
                places.alias("network_interfaces", &id, &nat.nat_gateway_id);
                resources.network_interfaces.push(*eni);
                id
            }
        };
        nat.nat_gateway_addresses = addresses;
        for address in nat.nat_gateway_addresses.iter_mut().filter(|it| is_live(it)) {
            address.network_interface_id = Some(eni_id.clone());
        }
    }
    for eni in &mut resources.network_interfaces {
        if adopted.contains(&eni.network_interface_id) {
            eni.source_dest_check = false;
            eni.requester_managed = true;
        }
    }
}

/// The VPC of each, and whether it has a way out at all. AWS lets one fail that hasn't, after the call has succeeded.
fn settle(resources: &mut Resources) {
    let gateways = resources.internet_gateways.iter();
    let attached: HashSet<&str> = gateways
        .flat_map(|gateway| super::attached(&gateway.attachments))
        .collect();
    let subnets: HashMap<&str, &Subnet> = resources.subnets.iter().map(|it| (&*it.subnet_id, it)).collect();
    let vpcs: HashSet<&str> = resources.vpcs.iter().map(|vpc| &*vpc.vpc_id).collect();
    for nat in &mut resources.nat_gateways {
        let subnet = nat.subnet_id.as_deref().and_then(|id| subnets.get(id));
        if nat.vpc_id.is_none() {
            nat.vpc_id = subnet.map(|subnet| subnet.vpc_id.clone());
        }
        let vpc = subnet.map(|subnet| &*subnet.vpc_id).or(nat.vpc_id.as_deref());
        let Some(vpc) = vpc.filter(|vpc| vpcs.contains(vpc) && !attached.contains(vpc)) else {
            continue;
        };
        if nat.state.is_none() && !is_private(nat) {
            nat.failure_message = Some(format!("Network {vpc} has no Internet gateway attached"));
            nat.failure_code = Some("Gateway.NotAttached".to_owned());
            nat.state = Some("failed".to_owned());
        }
    }
}

fn is_private(nat: &NatGateway) -> bool {
    nat.connectivity_type.as_deref() == Some("private")
}

/// Whether an address is the gateway's at all.
pub(super) fn is_live(address: &NatGatewayAddress) -> bool {
    address.status.as_deref() != Some("failed")
}

/// What a NAT gateway gets.
struct Outcome {
    /// By index.
    nat: usize,
    addresses: Vec<NatGatewayAddress>,
    eni: Eni,
}

enum Eni {
    There(String),
    Made(Box<NetworkInterface>),
}

/// A zonal NAT gateway that is there, on its way to what it gets.
struct Work<'a> {
    index: usize,
    nat: &'a NatGateway,
    subnet: &'a Subnet,
    eni: Option<&'a NetworkInterface>,
    addresses: Vec<NatGatewayAddress>,
}

fn outcomes(resources: &Resources, given: &Given<'_>, places: &Places<'_>, problems: &mut Problems) -> Vec<Outcome> {
    let mut all = works(resources);
    if all.is_empty() {
        return Vec::new();
    }
    let mut free = free(resources, all.iter().map(|work| work.subnet));
    let mut owners = HashMap::new();
    for work in &mut all {
        if let Some(eni) = work.eni {
            let teller = Teller { nat: work.nat, places };
            teller.check(eni, work.subnet, given, &mut owners, problems);
            work.adopt(eni, &teller, problems);
        } else if let Some(addresses) = free.get_mut(&*work.subnet.subnet_id) {
            work.choose(addresses, places, problems);
        }
    }
    // Whoever chooses none comes after all who do.
    for work in all.iter_mut().filter(|work| work.eni.is_none()) {
        if let Some(addresses) = free.get_mut(&*work.subnet.subnet_id) {
            work.get_free(addresses, places, problems);
        }
    }
    let names = names(resources);
    all.into_iter().map(|work| work.outcome(&names)).collect()
}

fn works(resources: &Resources) -> Vec<Work<'_>> {
    let subnets: HashMap<&str, &Subnet> = resources.subnets.iter().map(|it| (&*it.subnet_id, it)).collect();
    let enis = resources.network_interfaces.iter();
    let enis: HashMap<&str, &NetworkInterface> = enis.map(|eni| (&*eni.network_interface_id, eni)).collect();
    let order = super::by_name(&resources.nat_gateways, |nat| (&nat.name, &nat.nat_gateway_id));
    let work = |index: usize| {
        let nat = resources.nat_gateways.get(index)?;
        let subnet = *subnets.get(nat.subnet_id.as_deref()?)?;
        let mut addresses = nat.nat_gateway_addresses.clone();
        if addresses.is_empty() && is_private(nat) {
            addresses.push(NatGatewayAddress::default());
        }
        is_there(nat.state.as_deref()).then(|| Work {
            index,
            nat,
            subnet,
            eni: eni_of(nat, &enis, resources),
            addresses,
        })
    };
    order.into_iter().filter_map(work).collect()
}

/// The network interface that is known already: the one it names, the one it would get, or the one with its addresses.
fn eni_of<'a>(
    nat: &NatGateway,
    enis: &HashMap<&str, &'a NetworkInterface>,
    resources: &'a Resources,
) -> Option<&'a NetworkInterface> {
    let live = || nat.nat_gateway_addresses.iter().filter(|it| is_live(it));
    let named = live().find_map(|address| enis.get(address.network_interface_id.as_deref()?));
    if let Some(eni) = named.or_else(|| enis.get(&*eni_id(nat))) {
        return Some(eni);
    }
    let has_one = |eni: &&NetworkInterface| {
        let mut addresses = live().filter_map(|address| address.private_ip);
        eni.interface_type == InterfaceType::NatGateway
            && Some(&eni.subnet_id) == nat.subnet_id.as_ref()
            && addresses.any(|address| eni.private_ip_addresses.contains(&address))
    };
    resources.network_interfaces.iter().find(has_one)
}

/// No VPC has an empty name, so no instance's id comes from the same path.
fn eni_id(nat: &NatGateway) -> String {
    id("eni", &["", &nat.nat_gateway_id])
}

impl<'a> Work<'a> {
    fn live(&mut self) -> impl Iterator<Item = (usize, &mut NatGatewayAddress)> {
        self.addresses.iter_mut().enumerate().filter(|(_, it)| is_live(it))
    }

    fn teller<'p>(&self, places: &'p Places<'p>) -> Teller<'a, 'p> {
        Teller { nat: self.nat, places }
    }

    /// Takes the addresses of a network interface that is there.
    fn adopt(&mut self, eni: &NetworkInterface, teller: &Teller<'_, '_>, problems: &mut Problems) {
        let name = quote(&eni.name);
        let said: Vec<_> = self.live().filter_map(|(_, address)| address.private_ip).collect();
        let mut left = eni
            .private_ip_addresses
            .iter()
            .filter(|address| !said.contains(address));
        for (index, address) in self.live() {
            let fault = match address.private_ip {
                Some(own) if eni.private_ip_addresses.contains(&own) => continue,
                Some(own) => format!("{own} isn't an address of {name}"),
                None => {
                    address.private_ip = left.next().copied();
                    if address.private_ip.is_some() {
                        continue;
                    }
                    format!("{name} has fewer addresses than the NAT gateway")
                }
            };
            let help = "write the addresses of the network interface, or leave it out to have it made";
            teller.refuse(
                Some((index, "PrivateIp")),
                "InvalidParameterValue",
                fault,
                help,
                problems,
            );
        }
    }

    fn choose(&mut self, addresses: &mut Addresses<'a>, places: &Places<'_>, problems: &mut Problems) {
        let (owner, teller) = (self.owner(), self.teller(places));
        let home = Home::of_subnet(self.subnet);
        for (index, address) in self.live() {
            let Some(private) = address.private_ip else { continue };
            for refusal in addresses.choose(private, home, owner) {
                teller.tell(Some((index, "PrivateIp")), refusal, problems);
            }
        }
    }

    fn get_free(&mut self, addresses: &mut Addresses<'a>, places: &Places<'_>, problems: &mut Problems) {
        let (owner, teller) = (self.owner(), self.teller(places));
        let Some(block) = Home::of_subnet(self.subnet).ipv4 else {
            return;
        };
        for (_, address) in self.live().filter(|(_, address)| address.private_ip.is_none()) {
            match addresses.lowest_free(block, owner) {
                Ok(IpAddr::V4(free)) => address.private_ip = Some(free),
                Ok(IpAddr::V6(_)) => {}
                Err(refusal) => return teller.tell(None, refusal, problems),
            }
        }
    }

    fn owner(&self) -> Owner<'a> {
        Owner {
            kind: "NAT gateway",
            name: &self.nat.name,
        }
    }

    fn outcome(self, names: &HashSet<(String, String)>) -> Outcome {
        let eni = match self.eni {
            Some(eni) => Eni::There(eni.network_interface_id.clone()),
            None => Eni::Made(Box::new(self.made(names))),
        };
        Outcome {
            nat: self.index,
            addresses: self.addresses,
            eni,
        }
    }

    /// The network interface as AWS makes it.
    fn made(&self, names: &HashSet<(String, String)>) -> NetworkInterface {
        let Self { nat, subnet, .. } = self;
        let given = nat
            .nat_gateway_addresses
            .iter()
            .find_map(|it| it.network_interface_id.clone());
        let is_taken = names.contains(&(subnet.vpc_id.clone(), nat.name.clone()));
        let name = if is_taken { &nat.nat_gateway_id } else { &nat.name };
        NetworkInterface {
            network_interface_id: given.unwrap_or_else(|| eni_id(nat)),
            name: name.clone(),
            vpc_id: subnet.vpc_id.clone(),
            subnet_id: subnet.subnet_id.clone(),
            private_ip_addresses: self.private_ips(),
            source_dest_check: false,
            interface_type: InterfaceType::NatGateway,
            description: format!("Interface for NAT Gateway {}", nat.nat_gateway_id),
            attachment: Some(EniAttachment {
                attachment_id: Some(id("ela-attach", &["", &nat.nat_gateway_id])),
                instance_owner_id: Some("amazon-aws".to_owned()),
                device_index: Some(1),
                status: Some("attached".to_owned()),
                delete_on_termination: Some(false),
                ..EniAttachment::default()
            }),
            requester_managed: true,
            details: crate::resources::Details {
                owner_id: subnet.details.owner_id.clone(),
                ..crate::resources::Details::default()
            },
            ..NetworkInterface::default()
        }
    }

    /// The primary one first.
    fn private_ips(&self) -> Vec<Ipv4Addr> {
        let mut live: Vec<_> = self.addresses.iter().filter(|it| is_live(it)).collect();
        live.sort_by_key(|address| address.is_primary != Some(true));
        live.into_iter().filter_map(|address| address.private_ip).collect()
    }
}

/// Tells what is wrong with a NAT gateway.
struct Teller<'a, 'p> {
    nat: &'a NatGateway,
    places: &'p Places<'p>,
}

impl<'a> Teller<'a, '_> {
    /// At a field of one of the addresses, or of the gateway.
    fn tell(&self, field: Option<(usize, &str)>, refusal: Refusal, problems: &mut Problems) {
        problems.report(refusal.at(self.span(field)));
    }

    fn refuse(
        &self,
        field: Option<(usize, &str)>,
        code: &'static str,
        message: String,
        help: &str,
        problems: &mut Problems,
    ) {
        problems.report(Problem::error(self.span(field), message).code(code).help(help));
    }

    fn span(&self, field: Option<(usize, &str)>) -> Span {
        let id = &self.nat.nat_gateway_id;
        match field {
            Some((index, field)) => {
                let path = ["NatGatewayAddresses", &index.to_string(), field];
                self.places.field(id, &path)
            }
            None => self.places.field(id, &["SubnetId"]),
        }
    }

    /// Whether a network interface can be the gateway's.
    fn check(
        &self,
        eni: &'a NetworkInterface,
        subnet: &Subnet,
        given: &Given<'_>,
        owners: &mut HashMap<&'a str, &'a str>,
        problems: &mut Problems,
    ) {
        let name = quote(&eni.name);
        let is_guest = |guest: &crate::document::Guest| guest.network_interface_id == eni.network_interface_id;
        let fault = if eni.interface_type != InterfaceType::NatGateway {
            format!("{name} isn't a network interface of a NAT gateway")
        } else if eni.subnet_id != subnet.subnet_id {
            format!("{name} isn't in the NAT gateway's subnet")
        } else if !eni.groups.is_empty() {
            format!("{name} is in security groups, which a NAT gateway's network interface never is")
        } else if given.guests.iter().any(is_guest) {
            format!("{name} is a NAT gateway's network interface, and nobody can be behind it")
        } else if let Some(other) = owners.insert(&eni.network_interface_id, &self.nat.name) {
            format!("{name} is NAT gateway {}'s already", quote(other))
        } else {
            return;
        };
        let help = "leave the network interface out to have it made";
        self.refuse(
            Some((0, "NetworkInterfaceId")),
            "InvalidParameterValue",
            fault,
            help,
            problems,
        );
    }
}
