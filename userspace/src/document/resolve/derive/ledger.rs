//! Which public address stands for which private one. A public address stands for one private address, and a private
//! address has one public (semantics 2.3).

use crate::document::diagnostic::{Problem, Span, quote};
use crate::document::ids::id;
use crate::resources::{Address, EniAssociation, NatGateway, NetworkInterface, Resources};
use std::collections::HashMap;
use std::net::Ipv4Addr;

pub(super) struct Ledger<'a> {
    enis: &'a mut [NetworkInterface],
    addresses: &'a mut [Address],
    /// Indices by id.
    eni_indices: HashMap<String, usize>,
    allocations: HashMap<String, usize>,
    /// Indices of Elastic IPs by what they are.
    public: HashMap<Ipv4Addr, usize>,
    /// By the id of its network interface.
    nat_names: HashMap<String, String>,
    /// The index of the network interface and the private address that a public one stands for.
    taken: HashMap<Ipv4Addr, (usize, Ipv4Addr)>,
}

/// A public address that is to stand for a private one.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// `None` is the primary one.
    pub(super) private: Option<Ipv4Addr>,
    /// `None` is what the Elastic IP is.
    pub(super) public: Option<Ipv4Addr>,
    pub(super) allocation: Option<String>,
    pub(super) association: Option<String>,
    /// `None` is the owner of an Elastic IP.
    pub(super) ip_owner: Option<String>,
}

/// Why it can't.
pub(super) struct Refusal {
    code: &'static str,
    message: String,
    help: &'static str,
    /// The field that is wrong.
    pub(super) field: &'static str,
}

impl Refusal {
    /// With the code and the field.
    pub(super) fn new((code, field): (&'static str, &'static str), message: String, help: &'static str) -> Self {
        Self {
            code,
            message,
            help,
            field,
        }
    }

    pub(super) fn at(self, span: Span) -> Problem {
        Problem::error(span, self.message).code(self.code).help(self.help)
    }
}

impl<'a> Ledger<'a> {
    pub(super) fn of(resources: &'a mut Resources, nats: &[NatGateway]) -> Self {
        let enis = &mut resources.network_interfaces;
        let ids = enis.iter().map(|eni| eni.network_interface_id.clone());
        let eni_indices = ids.zip(0..).collect();
        let ids = resources.addresses.iter().map(|address| address.allocation_id.clone());
        let allocations = ids.zip(0..).collect();
        let public = resources.addresses.iter().zip(0..);
        let public = public.filter_map(|(address, index)| Some((address.public_ip?, index)));
        Self {
            eni_indices,
            allocations,
            public: public.collect(),
            nat_names: nat_names(nats),
            taken: HashMap::new(),
            enis,
            addresses: &mut resources.addresses,
        }
    }

    pub(super) fn enis(&self) -> &[NetworkInterface] {
        self.enis
    }

    pub(super) fn addresses(&self) -> &[Address] {
        self.addresses
    }

    pub(super) fn eni(&self, id: &str) -> Option<usize> {
        self.eni_indices.get(id).copied()
    }

    /// Whether there is such an Elastic IP.
    pub(super) fn has(&self, allocation: &str) -> bool {
        self.allocations.contains_key(allocation)
    }

    /// The name of the Elastic IP that an address is.
    pub(super) fn elastic(&self, address: Ipv4Addr) -> Option<String> {
        let index = self.public.get(&address)?;
        Some(self.elastic_name(Some(*index)))
    }

    /// What stands for a private address.
    pub(super) fn association(&self, eni: usize, private: Ipv4Addr) -> Option<&EniAssociation> {
        let mut all = self.enis.get(eni)?.associations.iter();
        all.find(|one| one.private_ip_address == private)
    }

    /// Takes the associations of a network interface away.
    pub(super) fn take(&mut self, eni: usize) -> Vec<EniAssociation> {
        let eni = self.enis.get_mut(eni);
        eni.map(|eni| std::mem::take(&mut eni.associations)).unwrap_or_default()
    }

    /// Lets a public address stand for a private one of a network interface.
    pub(super) fn associate(&mut self, eni: usize, wanted: Wanted) -> Result<(), Refusal> {
        let Some(found) = self.enis.get(eni) else { return Ok(()) };
        let Some(private) = wanted.private.or(found.private_ip_addresses.first().copied()) else {
            return Ok(());
        };
        if !found.private_ip_addresses.contains(&private) {
            return Err(Refusal {
                code: "InvalidParameterValue",
                message: format!("{private} isn't an address of {}", self.holder(eni)),
                help: "choose one of its private addresses",
                field: "PrivateIpAddress",
            });
        }
        let (public, elastic) = self.public_of(&wanted)?;
        let known = self.association(eni, private);
        if let Some(other) = known.filter(|other| other.public_ip != public) {
            return Err(self.occupied(eni, other));
        }
        if let Some(&(other, _)) = self.taken.get(&public).filter(|other| **other != (eni, private)) {
            return Err(self.used(public, elastic, other));
        }
        self.taken.insert(public, (eni, private));
        self.put(eni, (private, public), elastic, wanted);
        Ok(())
    }

    /// What the world sees, and the index of the Elastic IP that it is.
    fn public_of(&self, wanted: &Wanted) -> Result<(Ipv4Addr, Option<usize>), Refusal> {
        let named = wanted.allocation.as_ref().and_then(|id| self.allocations.get(id));
        let elastic = named.or_else(|| self.public.get(&wanted.public?)).copied();
        let address = elastic.and_then(|index| self.addresses.get(index));
        match (address.and_then(|address| address.public_ip), wanted.public) {
            (Some(own), Some(other)) if own != other => Err(Refusal {
                code: "InvalidParameterValue",
                message: format!("Elastic IP {} is {own}, not {other}", self.elastic_name(elastic)),
                help: "leave PublicIp out, or write the address that it is",
                field: "PublicIp",
            }),
            (Some(public), _) | (None, Some(public)) => Ok((public, elastic)),
            (None, None) => {
                let id = wanted.allocation.as_deref().unwrap_or_default();
                Err(Refusal {
                    code: "InvalidAllocationID.NotFound",
                    message: format!("there is no Elastic IP {id}"),
                    help: "name one of this configuration, or add it",
                    field: "AllocationId",
                })
            }
        }
    }

    /// That something else stands for a private address.
    fn occupied(&self, eni: usize, other: &EniAssociation) -> Refusal {
        let elastic = other.allocation_id.as_ref().and_then(|id| self.allocations.get(id));
        let what = match elastic {
            Some(_) => format!("Elastic IP {}", self.elastic_name(elastic.copied())),
            None => format!("public address {}", other.public_ip),
        };
        Refusal {
            code: "Resource.AlreadyAssociated",
            message: format!("{} has {what} at that address already", self.holder(eni)),
            help: "an address has one public address: choose another address, or disassociate one",
            field: "NetworkInterfaceId",
        }
    }

    /// That a public address stands for something else.
    fn used(&self, public: Ipv4Addr, elastic: Option<usize>, other: usize) -> Refusal {
        let what = match elastic {
            Some(_) => format!("Elastic IP {}", self.elastic_name(elastic)),
            None => public.to_string(),
        };
        Refusal {
            code: "Resource.AlreadyAssociated",
            message: format!("{what} is {}'s already", self.holder(other)),
            help: "allocate another Elastic IP",
            field: "AllocationId",
        }
    }

    fn put(&mut self, eni: usize, (private, public): (Ipv4Addr, Ipv4Addr), elastic: Option<usize>, wanted: Wanted) {
        let Some(eni) = self.enis.get_mut(eni) else { return };
        let mut address = elastic.and_then(|index| self.addresses.get_mut(index));
        let allocation = address.as_ref().map(|address| address.allocation_id.clone());
        let allocation = allocation.or(wanted.allocation);
        let said = wanted
            .association
            .or(address.as_ref().and_then(|it| it.association_id.clone()));
        let known = eni
            .associations
            .iter()
            .position(|one| one.private_ip_address == private);
        let index = known.unwrap_or(eni.associations.len());
        if known.is_none() {
            eni.associations.push(EniAssociation {
                private_ip_address: private,
                public_ip: public,
                allocation_id: None,
                association_id: None,
                ip_owner_id: wanted.ip_owner.or(Some(eni.details.owner_id.clone())),
            });
        }
        let Some(association) = eni.associations.get_mut(index) else {
            return;
        };
        association.allocation_id = association.allocation_id.take().or(allocation.clone());
        // Only what is allocated has an association of its own.
        let own = || allocation.map(|allocation| id("eipassoc", &["", &allocation]));
        association.association_id = association.association_id.take().or(said).or_else(own);
        if let Some(address) = &mut address {
            address.network_interface_id = Some(eni.network_interface_id.clone());
            address.private_ip_address = Some(private);
            address.association_id = association.association_id.clone();
        }
    }

    /// Puts the associations in the order of the private addresses.
    pub(super) fn finish(self) {
        for eni in self.enis.iter_mut().filter(|eni| eni.associations.len() > 1) {
            let order = &eni.private_ip_addresses;
            let place = |one: &EniAssociation| order.iter().position(|address| *address == one.private_ip_address);
            eni.associations.sort_by_key(place);
        }
    }

    /// Who has a network interface, as people call it.
    fn holder(&self, eni: usize) -> String {
        let Some(eni) = self.enis.get(eni) else {
            return String::new();
        };
        match self.nat_names.get(&eni.network_interface_id) {
            Some(name) => format!("NAT gateway {}", quote(name)),
            None => quote(&eni.name),
        }
    }

    fn elastic_name(&self, index: Option<usize>) -> String {
        let address = index.and_then(|index| self.addresses.get(index));
        address.map(|address| quote(&address.name)).unwrap_or_default()
    }
}

fn nat_names(nats: &[NatGateway]) -> HashMap<String, String> {
    let names = nats.iter().flat_map(|nat| {
        let enis = nat.nat_gateway_addresses.iter();
        let enis = enis.filter_map(|address| address.network_interface_id.clone());
        enis.map(|eni| (eni, nat.name.clone()))
    });
    names.collect()
}
