//! Why resources can't be compiled.

use groundplane_abi::nacl::NACL_RULES;
use groundplane_abi::security_group::GROUP_RULES;
use groundplane_abi::{Device, Mac};
use std::collections::BTreeSet;
use std::net::IpAddr;
use thiserror::Error;

/// Something in the resources or bindings that no row can express, with the ids of the objects it is about.
///
/// A document that `document` accepts has none of these. They guard the tables against everything else that makes
/// resources: a missing or mixed-up row must never be how anybody learns of a mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum PlanProblem {
    #[error("{id} is there twice")]
    DuplicateId { id: String },
    #[error("{object} names {reference}, which doesn't exist")]
    NotFound { object: String, reference: String },
    #[error("{object} names {reference}, which belongs to another VPC")]
    OtherVpc { object: String, reference: String },
    /// A device index that no flow key can hold, or 0.
    #[error("{network_interface_id} has device index {}, not one of 1 to {}", .device.0, Device::MAX.0)]
    UnusableDevice {
        network_interface_id: String,
        device: Device,
    },
    #[error("{} and {} have the same device index {}", .network_interface_ids[0], .network_interface_ids[1], .device.0)]
    SharedDevice {
        device: Device,
        network_interface_ids: [String; 2],
    },
    #[error("{network_interface_id} can't have {mac_address}: it is multicast, zero or the router's")]
    UnusableMac {
        network_interface_id: String,
        mac_address: Mac,
    },
    #[error("{} and {} have the same MAC address {mac_address} in one subnet", .network_interface_ids[0], .network_interface_ids[1])]
    SharedMac {
        mac_address: Mac,
        network_interface_ids: [String; 2],
    },
    #[error("{} and {} have the same address {address} in one VPC", .network_interface_ids[0], .network_interface_ids[1])]
    SharedAddress {
        address: IpAddr,
        network_interface_ids: [String; 2],
    },
    #[error("{network_interface_id} has no private address")]
    NoAddress { network_interface_id: String },
    #[error("{network_interface_id} has no security group")]
    NoGroup { network_interface_id: String },
    #[error("{network_interface_id} can't have a {timeout} timeout of {seconds} s, only {} to {}", .range.0, .range.1)]
    UnusableTimeout {
        network_interface_id: String,
        timeout: &'static str,
        seconds: u32,
        range: (u32, u32),
    },
    #[error("{route_table_id} has two routes to {destination}")]
    DuplicateRoute {
        route_table_id: String,
        destination: String,
    },
    #[error("{network_acl_id} has {rules} {} rules for IPv{version}, more than {NACL_RULES}", direction(*.egress))]
    TooManyNaclRules {
        network_acl_id: String,
        egress: bool,
        version: u8,
        rules: usize,
    },
    #[error("{network_acl_id} has two {} rules numbered {rule_number}", direction(*.egress))]
    DuplicateRuleNumber {
        network_acl_id: String,
        egress: bool,
        rule_number: u16,
    },
    /// TCP or UDP without ports, or ICMP without type and code.
    #[error("{network_acl_id}, {} rule {rule_number}: TCP and UDP need a port range, ICMP a type and a code", direction(*.egress))]
    IncompleteNaclRule {
        network_acl_id: String,
        egress: bool,
        rule_number: u16,
    },
    /// TCP or UDP without ports, ICMP without type and code, or a code of all types.
    #[error(
        "{group_id}, {security_group_rule_id}: TCP and UDP need a port range, ICMP a type and a code, and a code needs a type"
    )]
    IncompleteGroupRule {
        group_id: String,
        security_group_rule_id: String,
    },
    #[error("{} together have {rules} {} rules for IPv{version}, more than {GROUP_RULES}", .groups.join(" and "), direction(*.egress))]
    TooManyGroupRules {
        groups: Vec<String>,
        egress: bool,
        version: u8,
        rules: usize,
    },
    #[error("all rules of all groups together make {rows} rows of {table}, more than {capacity}")]
    TooManyRows {
        table: &'static str,
        rows: usize,
        capacity: usize,
    },
}

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
