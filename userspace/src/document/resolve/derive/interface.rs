//! The network interfaces that load balancers, endpoints and VPC links have in their subnets: one that is there
//! already, or else made as AWS makes it.

use super::Given;
use crate::document::diagnostic::{Problem, Problems, Span, quote};
use crate::document::ids::id;
use crate::document::places::Places;
use crate::document::resolve::address::{Addresses, Home, Owner, Refusal};
use crate::document::resolve::reserved::Reserved;
use crate::resources::{Details, EniAttachment, InterfaceType, NetworkInterface, Resources, Subnet};
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network interface that an object wants in a subnet.
pub(super) struct Want<'a> {
    pub(super) owner: Owner<'a>,
    /// The object's id.
    pub(super) id: &'a str,
    pub(super) subnet: &'a Subnet,
    pub(super) interface_type: InterfaceType,
    /// As AWS describes it.
    pub(super) description: String,
    pub(super) groups: Vec<String>,
    /// The id that the object says it has.
    pub(super) named: Option<&'a str>,
    pub(super) ipv4: Option<Ipv4Addr>,
    pub(super) ipv6: Option<Ipv6Addr>,
    pub(super) has_ipv6: bool,
    /// The way to what the object says of it, and the fields with the addresses there.
    pub(super) at: Vec<String>,
    pub(super) fields: [&'static str; 2],
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) network_interface_id: String,
    pub(super) ipv4: Option<Ipv4Addr>,
    pub(super) ipv6: Option<Ipv6Addr>,
    made: Option<Box<NetworkInterface>>,
}

/// By the ids of the object and of the subnet.
pub(super) type Seats = BTreeMap<(String, String), Seat>;

/// Finds or makes the network interfaces; those that are made are among the resources afterwards.
pub(super) fn seat(
    wants: Vec<Want<'_>>,
    resources: &Resources,
    given: &Given<'_>,
    places: &Places<'_>,
    problems: &mut Problems,
) -> Seats {
    let mut works = works(wants, resources);
    let mut free = free(resources, works.iter().map(|work| work.want.subnet));
    let mut owners = HashMap::new();
    for work in &mut works {
        if let Some(eni) = work.eni {
            work.check(eni, given, &mut owners, places, problems);
            work.adopt(eni, places, problems);
        } else if let Some(addresses) = free.get_mut(&*work.want.subnet.subnet_id) {
            work.choose(addresses, places, problems);
        }
    }
    // Whoever chooses none comes after all who do.
    for work in works.iter_mut().filter(|work| work.eni.is_none()) {
        if let Some(addresses) = free.get_mut(&*work.want.subnet.subnet_id) {
            work.get_free(addresses, places, problems);
        }
    }
    let mut names = names(resources);
    let seats = works.into_iter().map(|work| work.seat(&mut names));
    seats.collect()
}

/// Puts those that were made among the resources, and makes those that were there AWS's own.
pub(super) fn settle(resources: &mut Resources, seats: &mut Seats, places: &mut Places<'_>) {
    for ((owner, _), seat) in seats.iter_mut() {
        if let Some(eni) = seat.made.take() {
            places.alias("network_interfaces", &eni.network_interface_id, owner);
            resources.network_interfaces.push(*eni);
        }
    }
    let seated: HashSet<&str> = seats.values().map(|seat| &*seat.network_interface_id).collect();
    for eni in &mut resources.network_interfaces {
        if seated.contains(&*eni.network_interface_id) {
            eni.requester_managed = true;
            // A node sends what clients have sent, and so does what an appliance has let through. An interface endpoint
            // sends by its own address alone, whatever a dump says.
            eni.source_dest_check &=
                !eni.interface_type.is_node() && eni.interface_type != InterfaceType::GatewayLoadBalancerEndpoint;
        }
    }
}

/// Which addresses are free in some subnets.
pub(super) fn free<'a>(
    resources: &'a Resources,
    subnets: impl Iterator<Item = &'a Subnet>,
) -> HashMap<&'a str, Addresses<'a>> {
    let mut free: HashMap<&str, Addresses<'_>> = subnets
        .map(|subnet| (&*subnet.subnet_id, Addresses::default()))
        .collect();
    for eni in &resources.network_interfaces {
        let Some(addresses) = free.get_mut(&*eni.subnet_id) else {
            continue;
        };
        let owner = Owner::instance(&eni.name);
        let ipv4 = eni.private_ip_addresses.iter().map(|ip| IpNet::V4((*ip).into()));
        let ipv6 = eni.ipv6_addresses.iter().map(|ip| IpNet::V6((*ip).into()));
        let prefixes = eni.ipv4_prefixes.iter().copied().map(IpNet::V4);
        let prefixes = prefixes.chain(eni.ipv6_prefixes.iter().copied().map(IpNet::V6));
        let all = ipv4.chain(ipv6).chain(prefixes);
        all.for_each(|block| addresses.note(block, owner));
    }
    let reserved = Reserved::of(resources);
    for (subnet, addresses) in &mut free {
        let blocks = reserved.of_subnet(subnet).iter();
        blocks.for_each(|block| addresses.reserve(*block));
    }
    free
}

/// The names of the network interfaces of each VPC.
pub(super) fn names(resources: &Resources) -> HashSet<(String, String)> {
    let enis = resources.network_interfaces.iter();
    enis.map(|eni| (eni.vpc_id.clone(), eni.name.clone())).collect()
}

/// A want on its way to what it gets.
struct Work<'a> {
    want: Want<'a>,
    own_id: String,
    eni: Option<&'a NetworkInterface>,
}

/// In order of name, so that what is chosen doesn't depend on the order in a document. Who names a subnet twice has
/// been told.
fn works<'a>(mut wants: Vec<Want<'a>>, resources: &'a Resources) -> Vec<Work<'a>> {
    wants.sort_by_key(|want| (want.owner.kind, want.owner.name, want.id, &*want.subnet.subnet_id));
    wants.dedup_by_key(|want| (want.id, &*want.subnet.subnet_id));
    let enis = resources.network_interfaces.iter();
    let enis: HashMap<&str, &NetworkInterface> = enis.map(|eni| (&*eni.network_interface_id, eni)).collect();
    let works = wants.into_iter().map(|want| {
        // No VPC has an empty name, so no instance's id comes from the same path.
        let own_id = id("eni", &["", want.id, &want.subnet.subnet_id]);
        let known = want.named.and_then(|id| enis.get(id)).or_else(|| enis.get(&*own_id));
        let eni = known.copied().or_else(|| {
            let mut all = resources.network_interfaces.iter();
            all.find(|eni| want.is_met_by(eni))
        });
        Work { want, own_id, eni }
    });
    works.collect()
}

impl Want<'_> {
    /// Whether a network interface that nobody names is the one.
    fn is_met_by(&self, eni: &NetworkInterface) -> bool {
        let has_address = self.ipv4.is_some_and(|ip| eni.private_ip_addresses.contains(&ip));
        eni.interface_type == self.interface_type
            && eni.subnet_id == self.subnet.subnet_id
            && (has_address || eni.description == self.description)
    }

    fn home(&self) -> Home {
        Home::of_subnet(self.subnet)
    }

    fn refuse(&self, fault: String, places: &Places<'_>, problems: &mut Problems) {
        let problem = Problem::error(self.span(None, places), fault).code("InvalidParameterValue");
        problems.report(problem.help("leave the network interface out to have it made"));
    }

    fn tell(&self, field: Option<usize>, refusal: Refusal, places: &Places<'_>, problems: &mut Problems) {
        problems.report(refusal.at(self.span(field, places)));
    }

    /// At one of the addresses, or at what is said of the subnet.
    fn span(&self, field: Option<usize>, places: &Places<'_>) -> Span {
        let field = field.and_then(|index| self.fields.get(index)).copied();
        let path: Vec<&str> = self.at.iter().map(String::as_str).chain(field).collect();
        places.field(self.id, &path)
    }
}

impl<'a> Work<'a> {
    /// Whether a network interface that is there can be the one.
    fn check(
        &self,
        eni: &'a NetworkInterface,
        given: &Given<'_>,
        owners: &mut HashMap<&'a str, Owner<'a>>,
        places: &Places<'_>,
        problems: &mut Problems,
    ) {
        let (want, name) = (&self.want, quote(&eni.name));
        let is_guest = |guest: &crate::document::Guest| guest.network_interface_id == eni.network_interface_id;
        let sorted = |groups: &[String]| {
            let mut groups = groups.to_vec();
            groups.sort();
            groups
        };
        let fault = if eni.interface_type != want.interface_type {
            format!("{name} isn't a network interface of a {}", want.owner.kind)
        } else if eni.subnet_id != want.subnet.subnet_id {
            format!("{name} isn't in subnet {}", quote(&want.subnet.name))
        } else if sorted(&eni.groups) != sorted(&want.groups) {
            format!("{name} is in other security groups than {}", want.owner)
        } else if given.guests.iter().any(is_guest) {
            format!(
                "{name} is a {}'s network interface, and nobody can be behind it",
                want.owner.kind
            )
        } else if let Some(other) = owners.insert(&eni.network_interface_id, want.owner) {
            format!("{name} is {other}'s already")
        } else {
            return;
        };
        want.refuse(fault, places, problems);
    }

    /// Takes the addresses of a network interface that is there.
    fn adopt(&mut self, eni: &NetworkInterface, places: &Places<'_>, problems: &mut Problems) {
        let said: [Option<IpAddr>; 2] = [self.want.ipv4.map(Into::into), self.want.ipv6.map(Into::into)];
        for (field, address) in said.into_iter().enumerate() {
            if let Some(address) = address.filter(|address| !eni.has(*address)) {
                let message = format!("{address} isn't an address of {}", quote(&eni.name));
                let problem = Problem::error(self.want.span(Some(field), places), message);
                let help = "write the address of the network interface, or leave it out to have it made";
                problems.report(problem.code("InvalidParameterValue").help(help));
            }
        }
        let want = &mut self.want;
        want.ipv4 = want.ipv4.or(eni.private_ip_addresses.first().copied());
        want.ipv6 = want.ipv6.or(eni.ipv6_addresses.first().copied());
    }

    fn choose(&self, addresses: &mut Addresses<'a>, places: &Places<'_>, problems: &mut Problems) {
        let want = &self.want;
        let said: [Option<IpAddr>; 2] = [want.ipv4.map(Into::into), want.ipv6.map(Into::into)];
        for (field, address) in said.into_iter().enumerate() {
            let refusals = address.map(|address| addresses.choose(address, want.home(), want.owner));
            for refusal in refusals.into_iter().flatten() {
                want.tell(Some(field), refusal, places, problems);
            }
        }
    }

    fn get_free(&mut self, addresses: &mut Addresses<'a>, places: &Places<'_>, problems: &mut Problems) {
        let (home, want) = (self.want.home(), &mut self.want);
        let ipv4 = home.ipv4.filter(|_| want.ipv4.is_none());
        let ipv6 = home.ipv6.filter(|_| want.has_ipv6 && want.ipv6.is_none());
        for block in [ipv4, ipv6].into_iter().flatten() {
            match addresses.lowest_free(block, want.owner) {
                Ok(IpAddr::V4(free)) => want.ipv4 = Some(free),
                Ok(IpAddr::V6(free)) => want.ipv6 = Some(free),
                Err(refusal) => return want.tell(None, refusal, places, problems),
            }
        }
    }

    fn seat(self, names: &mut HashSet<(String, String)>) -> ((String, String), Seat) {
        let key = (self.want.id.to_owned(), self.want.subnet.subnet_id.clone());
        let made = self.eni.is_none().then(|| Box::new(self.made(names)));
        let eni = self.eni.or(made.as_deref());
        let seat = Seat {
            network_interface_id: eni.map(|eni| eni.network_interface_id.clone()).unwrap_or_default(),
            ipv4: self.want.ipv4,
            ipv6: self.want.ipv6,
            made,
        };
        (key, seat)
    }

    /// The network interface as AWS makes it.
    fn made(&self, names: &mut HashSet<(String, String)>) -> NetworkInterface {
        let Self { want, own_id, .. } = self;
        let subnet = want.subnet;
        let name = format!("{}-{}", want.owner.name, subnet.availability_zone);
        let is_free = names.insert((subnet.vpc_id.clone(), name.clone()));
        NetworkInterface {
            network_interface_id: want.named.unwrap_or(own_id).to_owned(),
            name: if is_free { name } else { own_id.clone() },
            vpc_id: subnet.vpc_id.clone(),
            subnet_id: subnet.subnet_id.clone(),
            private_ip_addresses: want.ipv4.into_iter().collect(),
            ipv6_addresses: want.ipv6.into_iter().collect(),
            groups: want.groups.clone(),
            source_dest_check: false,
            interface_type: want.interface_type,
            description: want.description.clone(),
            attachment: Some(EniAttachment {
                attachment_id: Some(id("ela-attach", &["", want.id, &subnet.subnet_id])),
                instance_owner_id: Some("amazon-aws".to_owned()),
                device_index: Some(1),
                status: Some("attached".to_owned()),
                delete_on_termination: Some(false),
                ..EniAttachment::default()
            }),
            // Neither internet gateway lets IPv6 of an endpoint through (semantics 14.4).
            deny_all_igw_traffic: want.interface_type == InterfaceType::VpcEndpoint && want.ipv6.is_some(),
            requester_managed: true,
            details: Details {
                owner_id: subnet.details.owner_id.clone(),
                ..Details::default()
            },
            ..NetworkInterface::default()
        }
    }
}
