//! What a host that forwards by itself is told, so that it enforces what a document says: an nftables ruleset, as
//! somebody would write it who knows nftables well. NACLs are chains that every packet passes; what is established
//! passes by one look at its state; groups judge what is new; gateways are the kernel's own translation.
//!
//! Of a document it takes what the bench's own has: a subnet for each instance, and IPv4. What it would have to leave
//! out it refuses. Source checks it does leave out, which makes the kernel's task no harder.

mod services;

use anyhow::{Context as _, Result, ensure};
use groundplane::document::Resolved;
use groundplane::resources::{
    NetworkAcl, NetworkInterface, Peer, Resources, RouteTarget, RuleAction, SecurityGroupRule, Subnet,
};
use ipnet::IpNet;
use services::Service;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

/// The device that leads outside.
pub(crate) const UPLINK: &str = "wan0";

/// The host side of a guest's veth pair.
pub(crate) fn device(guest: &str) -> String {
    format!("{guest}0")
}

/// The ruleset that does what a document says. A NACL that nobody has changed lets everything pass, and is left out.
pub(crate) fn ruleset(resolved: &Resolved) -> Result<String> {
    let mut rules = Ruleset {
        resources: &resolved.resources,
        text: "table ip bench {\n".to_owned(),
    };
    let guests = guests(resolved)?;
    for guest in &guests {
        if !rules.nacl(&guest.subnet.network_acl_id)?.is_default {
            rules.nacls(guest)?;
        }
        rules.groups(guest)?;
    }
    let services = rules.services()?;
    rules.balanced(&services)?;
    rules.forward(&guests)?;
    rules.translation(&guests, &services)?;
    Ok(rules.text + "}\n")
}

/// An instance, where it is, and by which device the host reaches it.
pub(crate) struct Guest<'a> {
    pub(crate) name: &'a str,
    pub(crate) device: String,
    pub(crate) eni: &'a NetworkInterface,
    pub(crate) subnet: &'a Subnet,
}

/// All instances of a document.
pub(crate) fn guests(resolved: &Resolved) -> Result<Vec<Guest<'_>>> {
    let resources = &resolved.resources;
    let guests = resolved.guests.iter().map(|guest| {
        let mut enis = resources.network_interfaces.iter();
        let eni = enis.find(|eni| eni.network_interface_id == guest.network_interface_id);
        let eni = eni.with_context(|| format!("{} has no network interface", guest.name))?;
        Ok(Guest {
            name: &guest.name,
            device: device(&guest.name),
            eni,
            subnet: subnet(resources, &eni.subnet_id)?,
        })
    });
    guests.collect()
}

fn subnet<'a>(resources: &'a Resources, id: &str) -> Result<&'a Subnet> {
    let found = resources.subnets.iter().find(|subnet| subnet.subnet_id == id);
    found.with_context(|| format!("no subnet {id}"))
}

struct Ruleset<'a> {
    resources: &'a Resources,
    text: String,
}

impl<'a> Ruleset<'a> {
    fn chain(&mut self, name: &str, rules: &[String]) {
        // Writing to a string can't fail.
        let _ = writeln!(self.text, "  chain {name} {{\n    {}\n  }}", rules.join("\n    "));
    }

    /// Those that a guest's packets pass on their way out of its subnet and into it.
    fn nacls(&mut self, guest: &Guest<'_>) -> Result<()> {
        let nacl = self.nacl(&guest.subnet.network_acl_id)?;
        for (egress, direction, side) in [(true, "out", "daddr"), (false, "in", "saddr")] {
            let mut entries: Vec<_> = nacl.entries.iter().filter(|entry| entry.egress == egress).collect();
            entries.sort_by_key(|entry| entry.rule_number);
            let mut rules = Vec::new();
            for entry in entries {
                let IpNet::V4(block) = entry.cidr_block else { continue };
                let peer = matching(side, block.into());
                let action = match entry.rule_action {
                    RuleAction::Allow => "return",
                    RuleAction::Deny => "drop",
                };
                rules.push(format!("{peer}{}{action}", ports(entry.protocol, entry.port_range)?));
            }
            rules.push("drop".to_owned());
            self.chain(&format!("nacl-{direction}-{}", guest.name), &rules);
        }
        Ok(())
    }

    fn nacl(&self, id: &str) -> Result<&'a NetworkAcl> {
        let mut nacls = self.resources.network_acls.iter();
        let found = nacls.find(|nacl| nacl.network_acl_id == id);
        found.with_context(|| format!("no NACL {id}"))
    }

    /// What a guest's groups say of new connections from it and to it.
    fn groups(&mut self, guest: &Guest<'_>) -> Result<()> {
        for (egress, direction, side) in [(true, "out", "daddr"), (false, "in", "saddr")] {
            let mut rules = self.rules_of(&guest.eni.groups, egress, side, None)?;
            rules.push("drop".to_owned());
            self.chain(&format!("groups-{direction}-{}", guest.name), &rules);
        }
        Ok(())
    }

    /// The rules of some groups, each of which returns what it admits. Those of one peer, if it is known already.
    fn rules_of(&self, groups: &[String], egress: bool, side: &str, peer: Option<Ipv4Addr>) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        let groups = self
            .resources
            .security_groups
            .iter()
            .filter(|group| groups.contains(&group.group_id));
        for rule in groups
            .flat_map(|group| &group.rules)
            .filter(|rule| rule.is_egress == egress)
        {
            let peers = self.peers(rule)?;
            let ports = ports(rule.ip_protocol, rule.port_range)?;
            for block in peers {
                match peer {
                    Some(peer) if block.contains(&IpAddr::V4(peer)) => texts.push(format!("{ports}return")),
                    Some(_) => {}
                    None => texts.push(format!("{}{ports}return", matching(side, block))),
                }
            }
        }
        Ok(texts)
    }

    /// The blocks of IPv4 that a rule speaks of; a group is its members' addresses.
    fn peers(&self, rule: &SecurityGroupRule) -> Result<Vec<IpNet>> {
        Ok(match &rule.peer {
            Peer::Cidr(block @ IpNet::V4(_)) => vec![*block],
            Peer::Cidr(IpNet::V6(_)) => Vec::new(),
            Peer::Group(group) => {
                let members = self
                    .resources
                    .network_interfaces
                    .iter()
                    .filter(|eni| eni.groups.contains(group));
                let addresses = members.flat_map(|eni| &eni.private_ip_addresses);
                addresses.map(|address| IpAddr::V4(*address).into()).collect()
            }
            Peer::PrefixList(list) => anyhow::bail!("prefix list {list} isn't understood here"),
        })
    }

    fn forward(&mut self, guests: &[Guest<'_>]) -> Result<()> {
        let jumps = |what: &str, guests: &[&Guest<'_>]| {
            let jumps = guests
                .iter()
                .map(|guest| format!("{} : jump {what}-{}", guest.device, guest.name));
            jumps.collect::<Vec<_>>().join(", ")
        };
        let all: Vec<_> = guests.iter().collect();
        let mut with_nacl = Vec::new();
        for guest in guests {
            if !self.nacl(&guest.subnet.network_acl_id)?.is_default {
                with_nacl.push(guest);
            }
        }
        let pairs = self.reachable(guests)?;
        let rules = [
            "type filter hook forward priority filter; policy drop;".to_owned(),
            "ct status dnat goto balanced".to_owned(),
            format!("iifname vmap {{ {} }}", jumps("nacl-out", &with_nacl)),
            format!("oifname vmap {{ {} }}", jumps("nacl-in", &with_nacl)),
            "ct state vmap { established : accept, related : accept, invalid : drop }".to_owned(),
            format!("iifname . oifname != {{ {} }} drop", pairs.join(", ")),
            format!("iifname vmap {{ {} }}", jumps("groups-out", &all)),
            format!("oifname vmap {{ {}, {UPLINK} : accept }}", jumps("groups-in", &all)),
            "accept".to_owned(),
        ];
        self.chain("forward", &rules);
        Ok(())
    }

    /// Between which devices routes lead: inside of a VPC, and out through a NAT gateway.
    fn reachable(&self, guests: &[Guest<'_>]) -> Result<Vec<String>> {
        let mut pairs = Vec::new();
        for from in guests {
            let others = guests
                .iter()
                .filter(|to| to.eni.vpc_id == from.eni.vpc_id && to.name != from.name);
            pairs.extend(others.map(|to| format!("{} . {}", from.device, to.device)));
            if self.nat_gateway(from.subnet)?.is_some() {
                pairs.push(format!("{} . {UPLINK}", from.device));
            }
        }
        Ok(pairs)
    }

    /// The public address of the NAT gateway that a subnet's table leads to.
    fn nat_gateway(&self, of: &Subnet) -> Result<Option<Ipv4Addr>> {
        let mut tables = self.resources.route_tables.iter();
        let table = tables
            .find(|table| table.route_table_id == of.route_table_id)
            .context("it has a table")?;
        let gateway = table.routes.iter().find_map(|route| match &route.target {
            RouteTarget::NatGateway(id) => Some(id),
            _ => None,
        });
        let Some(id) = gateway else { return Ok(None) };
        let mut gateways = self.resources.nat_gateways.iter();
        let gateway = gateways
            .find(|gateway| gateway.nat_gateway_id == *id)
            .context("there is the gateway")?;
        let own = gateway.subnet_id.as_deref().context("the gateway has a subnet")?;
        let nacl = self.nacl(&subnet(self.resources, own)?.network_acl_id)?;
        ensure!(nacl.is_default, "a NACL of a NAT gateway isn't understood here");
        let address = gateway
            .nat_gateway_addresses
            .first()
            .and_then(|address| address.public_ip);
        Ok(Some(address.context("the gateway has a public address")?))
    }

    fn translation(&mut self, guests: &[Guest<'_>], services: &[Service]) -> Result<()> {
        let mut rules = vec!["type nat hook prerouting priority dstnat;".to_owned()];
        for service in services {
            rules.push(format!(
                "ip daddr {} {} dport {} dnat to {}:{}",
                service.address, service.protocol, service.port, service.target, service.target_port
            ));
        }
        self.chain("to-services", &rules);
        let mut rules = vec!["type nat hook postrouting priority srcnat;".to_owned()];
        for service in services.iter().filter(|service| service.node.is_some()) {
            rules.push(format!(
                "ct status dnat ct original ip daddr {} {} dport {} masquerade",
                service.address, service.protocol, service.target_port
            ));
        }
        for guest in guests {
            if let Some(public) = self.nat_gateway(guest.subnet)? {
                rules.push(format!("iifname {} oifname {UPLINK} snat to {public}", guest.device));
            }
        }
        self.chain("from-nodes-and-gateways", &rules);
        Ok(())
    }
}

fn matching(side: &str, block: IpNet) -> String {
    if block.prefix_len() == 0 {
        String::new()
    } else {
        format!("ip {side} {block} ")
    }
}

fn ports(protocol: Option<u8>, range: Option<(u16, u16)>) -> Result<String> {
    let protocol = match protocol {
        None => return Ok(String::new()),
        Some(6) => "tcp",
        Some(17) => "udp",
        Some(other) => anyhow::bail!("rules of protocol {other} aren't understood here"),
    };
    Ok(match range {
        None => format!("meta l4proto {protocol} "),
        Some((from, to)) if from == to => format!("{protocol} dport {from} "),
        Some((from, to)) => format!("{protocol} dport {from}-{to} "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sides::DOCUMENT;
    use groundplane::document;

    #[test]
    fn the_ruleset_says_what_the_document_says() {
        let resolved = document::parse("shop.yaml", DOCUMENT.replace('$', "x-").as_bytes()).unwrap();
        let rules = ruleset(&resolved).unwrap();
        for expected in [
            // A NACL in its order, a group by its members' addresses, and what an endpoint's target sees.
            "chain nacl-in-db {\n    ip saddr 10.0.9.0/24 drop\n    tcp dport 7001 drop\n    ip saddr 10.0.0.0/8 return\n    drop",
            "ip saddr 10.0.1.10/32 tcp dport 7000-7001 return",
            "ip daddr 10.1.1.70 tcp dport 5201 dnat to 10.0.2.10:5201",
            "ct status dnat ct original ip daddr 10.1.1.70 tcp dport 5201 masquerade",
            "iifname app0 oifname wan0 snat to 203.0.113.200",
        ] {
            assert!(rules.contains(expected), "{expected} isn't in\n{rules}");
        }
        assert!(!rules.contains("nacl-in-app"), "nobody has changed that one");
    }
}
