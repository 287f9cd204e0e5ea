//! Why resources can't be compiled.

use groundplane_abi::nacl::NACL_RULES;
use groundplane_abi::{Device, Mac};
use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;

/// Something in the resources or bindings that no row can express, with the ids of the objects it is about.
///
/// A document that `document` accepts has none of these. They guard the tables against everything else that makes
/// resources: a missing or mixed-up row must never be how anybody learns of a mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlanProblem {
    DuplicateId {
        id: String,
    },
    /// `object` names something that isn't there.
    NotFound {
        object: String,
        reference: String,
    },
    /// `object` names something that belongs to another VPC.
    OtherVpc {
        object: String,
        reference: String,
    },
    /// An ENI without a device.
    Unbound {
        network_interface_id: String,
    },
    /// A device index that no flow key can hold, or 0.
    UnusableDevice {
        network_interface_id: String,
        device: Device,
    },
    SharedDevice {
        device: Device,
        network_interface_ids: [String; 2],
    },
    UnusableMac {
        network_interface_id: String,
        mac_address: Mac,
    },
    /// Two ENIs of one subnet with one MAC address.
    SharedMac {
        mac_address: Mac,
        network_interface_ids: [String; 2],
    },
    /// Two ENIs of one VPC with one address.
    SharedAddress {
        address: Ipv4Addr,
        network_interface_ids: [String; 2],
    },
    NoAddress {
        network_interface_id: String,
    },
    NoGroup {
        network_interface_id: String,
    },
    DuplicateRoute {
        route_table_id: String,
        destination_cidr_block: String,
    },
    TooManyNaclRules {
        network_acl_id: String,
        egress: bool,
        rules: usize,
    },
    DuplicateRuleNumber {
        network_acl_id: String,
        egress: bool,
        rule_number: u16,
    },
    /// TCP or UDP without ports, or ICMP without type and code.
    IncompleteNaclRule {
        network_acl_id: String,
        egress: bool,
        rule_number: u16,
    },
    UnsupportedGroupRule {
        group_id: String,
        rule: String,
    },
}

impl fmt::Display for PlanProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateId { id } => write!(f, "{id} is there twice"),
            Self::NotFound { object, reference } => write!(f, "{object} names {reference}, which doesn't exist"),
            Self::OtherVpc { object, reference } => {
                write!(f, "{object} names {reference}, which belongs to another VPC")
            }
            Self::Unbound { network_interface_id } => write!(f, "{network_interface_id} has no device"),
            Self::UnusableDevice {
                network_interface_id,
                device,
            } => {
                write!(
                    f,
                    "{network_interface_id} has device index {}, not one of 1 to {}",
                    device.0,
                    Device::MAX.0
                )
            }
            Self::SharedDevice {
                device,
                network_interface_ids: [a, b],
            } => {
                write!(f, "{a} and {b} have the same device index {}", device.0)
            }
            Self::UnusableMac {
                network_interface_id,
                mac_address,
            } => write!(
                f,
                "{network_interface_id} can't have {mac_address}: it is multicast, zero or the router's"
            ),
            Self::SharedMac {
                mac_address,
                network_interface_ids: [a, b],
            } => {
                write!(f, "{a} and {b} have the same MAC address {mac_address} in one subnet")
            }
            Self::SharedAddress {
                address,
                network_interface_ids: [a, b],
            } => {
                write!(f, "{a} and {b} have the same address {address} in one VPC")
            }
            Self::NoAddress { network_interface_id } => write!(f, "{network_interface_id} has no private address"),
            Self::NoGroup { network_interface_id } => write!(f, "{network_interface_id} has no security group"),
            Self::DuplicateRoute {
                route_table_id,
                destination_cidr_block,
            } => {
                write!(f, "{route_table_id} has two routes to {destination_cidr_block}")
            }
            Self::TooManyNaclRules {
                network_acl_id,
                egress,
                rules,
            } => {
                write!(
                    f,
                    "{network_acl_id} has {rules} {} rules, more than {NACL_RULES}",
                    direction(*egress)
                )
            }
            Self::DuplicateRuleNumber {
                network_acl_id,
                egress,
                rule_number,
            } => {
                write!(
                    f,
                    "{network_acl_id} has two {} rules numbered {rule_number}",
                    direction(*egress)
                )
            }
            Self::IncompleteNaclRule {
                network_acl_id,
                egress,
                rule_number,
            } => write!(
                f,
                "{network_acl_id}, {} rule {rule_number}: TCP and UDP need a port range, ICMP a type and a code",
                direction(*egress)
            ),
            Self::UnsupportedGroupRule { group_id, rule } => write!(
                f,
                "{group_id}: {rule} isn't supported yet, only rules for all protocols and 0.0.0.0/0 are"
            ),
        }
    }
}

impl std::error::Error for PlanProblem {}

fn direction(egress: bool) -> &'static str {
    if egress { "egress" } else { "ingress" }
}

/// Problems found so far, each once and in an order that doesn't depend on the order of the resources.
#[derive(Debug, Default)]
pub(super) struct Problems(BTreeSet<PlanProblem>);

impl Problems {
    pub(super) fn report(&mut self, problem: PlanProblem) {
        self.0.insert(problem);
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, Vec<PlanProblem>> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self.0.into_iter().collect())
        }
    }
}
