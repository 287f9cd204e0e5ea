//! Which connections are meant.

use super::Who;
use crate::install::kernel::Stored;
use crate::install::state::GuestState;
use groundplane_abi::Device;
use groundplane_abi::flow::FlowEntry;
use groundplane_abi::wire::protocol::{TCP, UDP};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What somebody asks for; what isn't said admits all. Addresses and ports are those of the packet that opened the
/// connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlowSelector {
    /// One end is this ENI: an instance's name, with its VPC's before it or without, or the ENI's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eni: Option<String>,
    /// One end is in this security group: its name, with the VPC's before it or without, or its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<IpNet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<IpNet>,
    /// The destination port of TCP or UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// A name that nobody has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error("no ENI in force is called {0:?}")]
    Eni(String),
    #[error("no ENI in force is in a security group {0:?}")]
    Group(String),
}

/// A selector whose names have become devices.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    /// Each is a condition: one of the connection's ends is one of these.
    ends: Vec<BTreeSet<Device>>,
    protocol: Option<u8>,
    source: Option<IpNet>,
    destination: Option<IpNet>,
    port: Option<u16>,
}

impl FlowSelector {
    /// Whether it means every connection there is.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    pub fn matcher(&self, who: &Who) -> Result<Matcher, Unknown> {
        let mut ends = Vec::new();
        if let Some(name) = &self.eni {
            let devices = who.devices(|guest| is_called(guest, name));
            ends.push(found(devices, || Unknown::Eni(name.clone()))?);
        }
        if let Some(name) = &self.group {
            let devices = who.devices(|guest| is_in_group(guest, name));
            ends.push(found(devices, || Unknown::Group(name.clone()))?);
        }
        Ok(Matcher {
            ends,
            protocol: self.protocol,
            source: self.source,
            destination: self.destination,
            port: self.port,
        })
    }
}

fn found(devices: Vec<Device>, unknown: impl FnOnce() -> Unknown) -> Result<BTreeSet<Device>, Unknown> {
    if devices.is_empty() {
        return Err(unknown());
    }
    Ok(devices.into_iter().collect())
}

fn is_called(guest: &GuestState, name: &str) -> bool {
    guest.eni_id == name || is_named(&guest.vpc, &guest.name, name)
}

fn is_in_group(guest: &GuestState, name: &str) -> bool {
    let mut groups = guest.groups.iter();
    groups.any(|group| group.id == name || is_named(&guest.vpc, &group.name, name))
}

/// Whether an object of a VPC is called so, with the VPC's name before it or without.
fn is_named(vpc: &str, name: &str, wanted: &str) -> bool {
    wanted == name || wanted.split_once('/') == Some((vpc, name))
}

impl Matcher {
    /// Whether the connection of an entry is meant; the entry is that of its opener.
    #[must_use]
    pub fn admits<I: Stored>(&self, entry: &FlowEntry<I>) -> bool {
        let key = &entry.key;
        let ends = [key.device(), entry.action.delivery.out];
        let has_ports = matches!(key.protocol(), TCP | UDP);
        let is_in =
            |block: Option<IpNet>, address: I| block.is_none_or(|block| block.contains::<&IpAddr>(&address.into()));
        self.ends
            .iter()
            .all(|wanted| ends.iter().any(|end| wanted.contains(end)))
            && self.protocol.is_none_or(|wanted| wanted == key.protocol())
            && is_in(self.source, key.src())
            && is_in(self.destination, key.dst())
            && self
                .port
                .is_none_or(|wanted| has_ports && wanted == u16::from_be_bytes(key.dst_port().0))
    }
}

/// The number of a protocol that is named or numbered.
#[must_use]
pub fn protocol(name: &str) -> Option<u8> {
    match name {
        "icmp" => Some(1),
        "tcp" => Some(TCP),
        "udp" => Some(UDP),
        "icmpv6" => Some(58),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::state::Place;
    use crate::install::state::tests::guest;
    use groundplane_abi::flow::{Action, Delivery, FlowKey};
    use groundplane_abi::{Ip4, Port};

    fn who() -> Who {
        let devices = (1..).map(Device);
        Who::new(devices.zip(["web", "db", "app"].map(|name| guest(name, Place::Tap))))
    }

    /// From `web` to `db`.
    fn entry(protocol: u8) -> FlowEntry<Ip4> {
        let (src, dst) = (Ip4([10, 0, 0, 4]), Ip4([10, 0, 1, 4]));
        let delivery = Delivery {
            out: Device(2),
            ..Delivery::default()
        };
        FlowEntry {
            key: FlowKey::new(Device(1), protocol, src, dst, Port::new(40_000), Port::new(443)),
            action: Action { delivery, src, dst },
            ..FlowEntry::default()
        }
    }

    fn admits(selector: FlowSelector, protocol: u8) -> bool {
        selector.matcher(&who()).unwrap().admits(&entry(protocol))
    }

    #[test]
    fn either_end_of_a_connection_may_be_the_eni_or_the_member_that_is_meant() {
        for (name, is_an_end) in [("web", true), ("blue/db", true), ("eni-web", true), ("app", false)] {
            let eni = FlowSelector {
                eni: Some(name.to_owned()),
                ..FlowSelector::default()
            };
            assert_eq!(admits(eni, TCP), is_an_end, "{name}");
        }
        for (name, has_a_member) in [("web", true), ("sg-db", true), ("blue/app", false)] {
            let group = FlowSelector {
                group: Some(name.to_owned()),
                ..FlowSelector::default()
            };
            assert_eq!(admits(group, TCP), has_a_member, "{name}");
        }
    }

    #[test]
    fn a_name_that_nobody_has_is_said_instead_of_matching_nothing() {
        let eni = FlowSelector {
            eni: Some("green/web".to_owned()),
            ..FlowSelector::default()
        };
        let error = eni.matcher(&who()).unwrap_err();
        assert_eq!(error, Unknown::Eni("green/web".to_owned()));
        let group = FlowSelector {
            group: Some("sg-nobody".to_owned()),
            ..FlowSelector::default()
        };
        assert!(matches!(group.matcher(&who()), Err(Unknown::Group(_))));
    }

    #[test]
    fn everything_that_is_said_has_to_apply() {
        let block = |text: &str| Some(text.parse().unwrap());
        let selector = FlowSelector {
            eni: Some("web".to_owned()),
            group: Some("db".to_owned()),
            protocol: Some(TCP),
            source: block("10.0.0.0/24"),
            destination: block("10.0.1.4/32"),
            port: Some(443),
        };
        assert!(admits(selector.clone(), TCP));
        assert!(!admits(selector.clone(), UDP));
        for other in [
            FlowSelector {
                source: block("10.0.1.0/24"),
                ..selector.clone()
            },
            FlowSelector {
                destination: block("2001:db8::/32"),
                ..selector.clone()
            },
            FlowSelector {
                port: Some(40_000),
                ..selector.clone()
            },
            FlowSelector {
                group: Some("app".to_owned()),
                ..selector
            },
        ] {
            assert!(!admits(other.clone(), TCP), "{other:?}");
        }
    }

    #[test]
    fn what_has_no_ports_is_opened_to_none() {
        let port = FlowSelector {
            port: Some(443),
            ..FlowSelector::default()
        };
        assert!(admits(port.clone(), UDP) && !admits(port, 1));
    }

    #[test]
    fn protocols_have_names_and_numbers() {
        let numbers = ["tcp", "udp", "icmp", "icmpv6", "47", "256", "tpc"].map(protocol);
        assert_eq!(numbers, [Some(6), Some(17), Some(1), Some(58), Some(47), None, None]);
    }
}
