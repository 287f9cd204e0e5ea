//! The public addresses of an instance, as far as it says something of them (semantics 2.3).

use super::{Scope, subnet, target};
use crate::document::diagnostic::{Problems, Span, Spanned};
use crate::document::schema::{self, Instance};
use crate::resources::{EniAssociation, InterfaceType};
use std::net::Ipv4Addr;

/// What an ENI wants to stand for its primary address. Whether it can is seen when all VPCs are known.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) network_interface_id: String,
    pub(super) what: Wanted,
    /// Where that is said, or else the instance.
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// By the allocation's id.
    ElasticIp(String),
    /// This one, lent by AWS.
    Lent(Ipv4Addr),
    /// One that is free, lent by AWS, unless there is another one.
    AnyLent,
}

/// The public address that an instance in a subnet wants, if it wants one.
pub(super) fn wish(
    scope: &Scope<'_>,
    (instance, subnet): (&Instance<'_>, &schema::Subnet<'_>),
    network_interface_id: &str,
    problems: &mut Problems,
) -> Option<Wish> {
    let given = &instance.public;
    let (what, span) = if let Some(name) = given.elastic_ip {
        (Wanted::ElasticIp(allocation(scope, name, problems)?), name.span)
    } else if let Some(Spanned { value, span }) = given.public_ip {
        (Wanted::Lent(value), span)
    } else {
        let launched = instance.is_launched && instance.interface_type == InterfaceType::Interface;
        let lends = given.associate.unwrap_or(launched && subnet::maps_public_ips(subnet));
        (lends.then_some(Wanted::AnyLent)?, instance.name.span)
    };
    Some(Wish {
        network_interface_id: network_interface_id.to_owned(),
        what,
        span,
    })
}

/// Those that are written in full.
pub(super) fn associations(scope: &Scope<'_>, instance: &Instance<'_>, problems: &mut Problems) -> Vec<EniAssociation> {
    let mut association = |given: &schema::Association<'_>| EniAssociation {
        private_ip_address: given.private_ip_address,
        public_ip: given.public_ip,
        allocation_id: given.allocation.and_then(|name| allocation(scope, name, problems)),
        association_id: given.association_id.map(str::to_owned),
        ip_owner_id: given.ip_owner_id.map(str::to_owned),
    };
    instance.associations.iter().map(&mut association).collect()
}

/// The id of an Elastic IP.
fn allocation(scope: &Scope<'_>, name: Spanned<&str>, problems: &mut Problems) -> Option<String> {
    let code = "InvalidAllocationID.NotFound";
    target::object(scope, ("eipalloc", "Elastic IP", code), name, problems)
}
