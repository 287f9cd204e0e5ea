//! Elastic IPs and the addresses that AWS lends: what they are, and whose (semantics 2.3).

use super::Given;
use super::ledger::{Ledger, Refusal, Wanted};
use super::nat_gateway::is_live;
use super::pool::{self, Pool};
use crate::document::check::is_there;
use crate::document::diagnostic::{Problem, Problems, Span, quote};
use crate::document::places::Places;
use crate::document::resolve::public::{self, Wish};
use crate::resources::{Address, NatGateway, NetworkInterface, Resources};
use std::collections::HashMap;
use std::net::Ipv4Addr;

pub(super) fn complete(resources: &mut Resources, given: &Given<'_>, places: &Places<'_>, problems: &mut Problems) {
    let mut pool = Pool::of(resources, given);
    allocate(resources, given, &mut pool, places, problems);
    check(resources, given, places, problems);
    let mut nats = std::mem::take(&mut resources.nat_gateways);
    let mut ledger = Ledger::of(resources, &nats);
    written_in_full(&mut ledger, places, problems);
    elastic(&mut ledger, places, problems);
    let (lent, chosen): (Vec<&Wish>, Vec<&Wish>) =
        (given.wishes.iter()).partition(|wish| matches!(wish.what, public::Wanted::AnyLent));
    wished(&mut ledger, chosen, places, problems);
    for index in super::by_name(&nats, |nat| (&nat.name, &nat.nat_gateway_id)) {
        if let Some(nat) = nats.get_mut(index) {
            of_nat_gateway(&mut ledger, nat, places, problems);
        }
    }
    lend(&mut ledger, lent, &mut pool, problems);
    ledger.finish();
    resources.nat_gateways = nats;
}

/// Gives each Elastic IP that says nothing an address.
fn allocate(
    resources: &mut Resources,
    given: &Given<'_>,
    pool: &mut Pool,
    places: &Places<'_>,
    problems: &mut Problems,
) {
    for index in super::by_name(&resources.addresses, |one| (&one.name, &one.allocation_id)) {
        let address = resources.addresses.get_mut(index);
        let without = |one: &&mut Address| one.public_ip.is_none() && !given.dumped.contains(&one.allocation_id);
        let Some(address) = address.filter(without) else {
            continue;
        };
        address.public_ip = pool.take();
        if address.public_ip.is_none() {
            problems.report(pool::exhausted(places.field(&address.allocation_id, &[])));
        }
    }
}

/// That what the world is to see can be seen by it, and that each address is allocated once.
fn check(resources: &Resources, given: &Given<'_>, places: &Places<'_>, problems: &mut Problems) {
    let mut refuse = |ip: Ipv4Addr, span: &dyn Fn() -> Span| {
        if !pool::is_public(ip) {
            let message = format!("{ip} isn't a public address");
            let problem = Problem::error(span(), message).code("InvalidParameterValue");
            problems.report(problem.help("choose one out of 203.0.113.0/24, or leave it out to get one"));
        }
    };
    for address in &resources.addresses {
        let span = || places.field(&address.allocation_id, &["PublicIp"]);
        address.public_ip.into_iter().for_each(|ip| refuse(ip, &span));
    }
    for eni in &resources.network_interfaces {
        for (index, association) in eni.associations.iter().enumerate() {
            let span = || association_place(places, eni, index);
            refuse(association.public_ip, &span);
        }
    }
    for wish in &given.wishes {
        if let public::Wanted::Lent(ip) = wish.what {
            refuse(ip, &|| wish.span);
        }
    }
    let mut allocated: HashMap<Ipv4Addr, &Address> = HashMap::new();
    for index in super::by_name(&resources.addresses, |one| (&one.name, &one.allocation_id)) {
        let Some(address) = resources.addresses.get(index) else {
            continue;
        };
        if let Some(other) = address.public_ip.and_then(|ip| allocated.insert(ip, address)) {
            let message = format!("Elastic IP {} is the same address", quote(&other.name));
            let span = places.field(&address.allocation_id, &["PublicIp"]);
            let problem = Problem::error(span, message).code("InvalidParameterValue");
            problems.report(problem.help("choose another one"));
        }
    }
}

fn association_place(places: &Places<'_>, eni: &NetworkInterface, index: usize) -> Span {
    let path = ["associations", &index.to_string(), "PublicIp"];
    places.field(&eni.network_interface_id, &path)
}

/// What the network interfaces say themselves.
fn written_in_full(ledger: &mut Ledger<'_>, places: &Places<'_>, problems: &mut Problems) {
    for eni in 0..ledger.enis().len() {
        for (index, association) in ledger.take(eni).into_iter().enumerate() {
            let owner = association.ip_owner_id.clone();
            let done = ledger.associate(
                eni,
                Wanted {
                    private: Some(association.private_ip_address),
                    public: Some(association.public_ip),
                    allocation: association.allocation_id,
                    association: association.association_id,
                    ip_owner: owner,
                },
            );
            if let (Err(refusal), Some(eni)) = (done, ledger.enis().get(eni)) {
                problems.report(refusal.at(association_place(places, eni, index)));
            }
        }
    }
}

/// What the Elastic IPs say.
fn elastic(ledger: &mut Ledger<'_>, places: &Places<'_>, problems: &mut Problems) {
    for index in super::by_name(ledger.addresses(), |one| (&one.name, &one.allocation_id)) {
        let Some(address) = ledger.addresses().get(index).cloned() else {
            continue;
        };
        let mut report = |refusal: Refusal| {
            let span = places.field(&address.allocation_id, &[refusal.field]);
            problems.report(refusal.at(span));
        };
        match holder(ledger, &address) {
            Ok(Some(eni)) => {
                let done = ledger.associate(
                    eni,
                    Wanted {
                        private: address.private_ip_address,
                        public: address.public_ip,
                        allocation: Some(address.allocation_id.clone()),
                        association: address.association_id.clone(),
                        ip_owner: None,
                    },
                );
                done.unwrap_or_else(report);
            }
            Ok(None) => {}
            Err(refusal) => report(refusal),
        }
    }
}

/// The network interface that an Elastic IP says it is for. What is nobody's id is told by another check.
fn holder(ledger: &Ledger<'_>, address: &Address) -> Result<Option<usize>, Refusal> {
    if let Some(id) = &address.network_interface_id {
        return Ok(ledger.eni(id));
    }
    let Some(instance) = &address.instance_id else {
        let help = "name the network interface in NetworkInterfaceId, too";
        return match address.private_ip_address {
            Some(private) => Err(Refusal::new(
                ("MissingParameter", "PrivateIpAddress"),
                format!("several VPCs may have {private}"),
                help,
            )),
            None => Ok(None),
        };
    };
    // In a document, an instance is its network interface.
    if let Some(eni) = ledger.eni(instance) {
        return Ok(Some(eni));
    }
    let is_primary = |eni: &NetworkInterface| {
        let attachment = eni.attachment.as_ref();
        attachment
            .is_some_and(|it| it.instance_id.as_ref() == Some(instance) && matches!(it.device_index, None | Some(0)))
    };
    let found = ledger.enis().iter().position(is_primary);
    found.map(Some).ok_or_else(|| {
        Refusal::new(
            ("InvalidInstanceID.NotFound", "InstanceId"),
            format!("no network interface is instance {}'s", quote(instance)),
            "name an instance, or a network interface in NetworkInterfaceId",
        )
    })
}

/// What instances and nodes of load balancers choose for their primary addresses.
fn wished(ledger: &mut Ledger<'_>, wishes: Vec<&Wish>, places: &Places<'_>, problems: &mut Problems) {
    for wish in wishes {
        let Some(eni) = ledger.eni(&wish.network_interface_id) else {
            continue;
        };
        let wanted = match &wish.what {
            public::Wanted::ElasticIp(id) if is_wrong(ledger, id, places) => continue,
            public::Wanted::ElasticIp(id) => Wanted {
                allocation: Some(id.clone()),
                ..Wanted::default()
            },
            public::Wanted::Lent(address) => match ledger.elastic(*address) {
                Some(name) => {
                    let message = format!("{address} is Elastic IP {name}");
                    let problem = Problem::error(wish.span, message).code("InvalidParameterValue");
                    problems.report(problem.help("name it in elastic_ip instead"));
                    continue;
                }
                None => lent(*address),
            },
            public::Wanted::AnyLent => continue,
        };
        // A name that is nobody's has been told.
        if let Err(refusal) = ledger.associate(eni, wanted)
            && !problems.is_told(wish.span)
        {
            problems.report(refusal.at(wish.span));
        }
    }
}

/// Whether an Elastic IP is there and couldn't be read, which has been reported.
fn is_wrong(ledger: &Ledger<'_>, allocation: &str, places: &Places<'_>) -> bool {
    !ledger.has(allocation) && places.object(allocation).is_some()
}

/// An address that AWS lends for the primary one.
fn lent(address: Ipv4Addr) -> Wanted {
    Wanted {
        public: Some(address),
        ip_owner: Some("amazon".to_owned()),
        ..Wanted::default()
    }
}

/// Lends an address to each that gets one and has none.
fn lend(ledger: &mut Ledger<'_>, mut wishes: Vec<&Wish>, pool: &mut Pool, problems: &mut Problems) {
    let name = |wish: &&Wish| {
        let eni = ledger.eni(&wish.network_interface_id);
        let eni = eni.and_then(|eni| ledger.enis().get(eni));
        eni.map(|eni| (eni.name.clone(), eni.network_interface_id.clone()))
    };
    wishes.sort_by_cached_key(name);
    for wish in wishes {
        let Some(eni) = ledger.eni(&wish.network_interface_id) else {
            continue;
        };
        let primary = ledger
            .enis()
            .get(eni)
            .and_then(|eni| eni.private_ip_addresses.first().copied());
        if primary.is_none_or(|primary| ledger.association(eni, primary).is_some()) {
            continue;
        }
        let Some(free) = pool.take() else {
            problems.report(pool::exhausted(wish.span));
            continue;
        };
        if let Err(refusal) = ledger.associate(eni, lent(free)) {
            problems.report(refusal.at(wish.span));
        }
    }
}

/// The Elastic IPs of a NAT gateway, which private ones don't have.
fn of_nat_gateway(ledger: &mut Ledger<'_>, nat: &mut NatGateway, places: &Places<'_>, problems: &mut Problems) {
    let is_private = nat.connectivity_type.as_deref() == Some("private");
    if is_private || !is_there(nat.state.as_deref()) {
        return;
    }
    let addresses = nat.nat_gateway_addresses.iter_mut().enumerate();
    for (index, address) in addresses.filter(|(_, address)| is_live(address)) {
        if address
            .allocation_id
            .as_ref()
            .is_some_and(|id| is_wrong(ledger, id, places))
        {
            continue;
        }
        let eni = address.network_interface_id.as_deref().and_then(|id| ledger.eni(id));
        let (Some(eni), Some(private)) = (eni, address.private_ip) else {
            continue;
        };
        if address.allocation_id.is_some() || address.public_ip.is_some() {
            let known = ledger.association(eni, private).map(|known| known.public_ip);
            let done = ledger.associate(
                eni,
                Wanted {
                    private: Some(private),
                    public: address.public_ip.or(known),
                    allocation: address.allocation_id.clone(),
                    association: address.association_id.clone(),
                    ip_owner: None,
                },
            );
            if let Err(refusal) = done {
                let path = ["NatGatewayAddresses", &index.to_string(), "AllocationId"];
                problems.report(refusal.at(places.field(&nat.nat_gateway_id, &path)));
                continue;
            }
        }
        if let Some(association) = ledger.association(eni, private) {
            address.public_ip = Some(association.public_ip);
            address.allocation_id = association.allocation_id.clone();
            address.association_id = association.association_id.clone();
        }
    }
}
