//! Pools of addresses and what is kept back (semantics 2.2, 26).

use super::context::Context;
use crate::document::diagnostic::Problems;
use crate::resources::{IpamPool, SubnetCidrReservation};
use ipnet::IpNet;

/// How deep pools are inside of each other.
const DEPTH: usize = 10;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    for pool in &all.all.ipam_pools {
        nesting(all, pool, problems);
        allocations(all, pool, problems);
    }
    let reservations = all
        .all
        .subnet_ipv4_cidr_reservations
        .iter()
        .chain(&all.all.subnet_ipv6_cidr_reservations);
    for reservation in reservations {
        reserved(all, reservation, problems);
    }
}

fn nesting(all: &Context<'_>, pool: &IpamPool, problems: &mut Problems) {
    let id = &*pool.ipam_pool_id;
    let source = |pool: &IpamPool| {
        let source = pool.source_ipam_pool_id.clone()?;
        all.all.ipam_pools.iter().find(|one| one.ipam_pool_id == source)
    };
    let depth = std::iter::successors(Some(pool), |pool| source(pool))
        .take(DEPTH + 1)
        .count();
    if depth > DEPTH {
        let message = format!("the pool is more than {DEPTH} pools deep, or in itself");
        all.refuse(
            (id, &["SourceIpamPoolId"]),
            "InvalidParameterValue",
            message,
            "choose another source",
            problems,
        );
    }
    let lengths = [
        pool.allocation_min_netmask_length,
        pool.allocation_default_netmask_length,
        pool.allocation_max_netmask_length,
    ];
    let given: Vec<_> = lengths.into_iter().flatten().collect();
    if !given.is_sorted() {
        let message = "the lengths of allocations aren't in order: least, default, most";
        all.refuse(
            (id, &["AllocationMinNetmaskLength"]),
            "InvalidParameterCombination",
            message,
            "exchange them",
            problems,
        );
    }
}

/// Inside of the pool, and apart from each other.
fn allocations(all: &Context<'_>, pool: &IpamPool, problems: &mut Problems) {
    let id = &*pool.ipam_pool_id;
    let provisioned: Vec<IpNet> = pool.ipam_pool_cidrs.iter().filter_map(|cidr| cidr.cidr).collect();
    let mut earlier: Vec<IpNet> = Vec::new();
    for (index, allocation) in pool.ipam_pool_allocations.iter().enumerate() {
        let Some(block) = allocation.cidr else { continue };
        let field: &[&str] = &["IpamPoolAllocations", &index.to_string(), "Cidr"];
        if !provisioned.is_empty() && !provisioned.iter().any(|one| one.contains(&block)) {
            let message = format!("{block} isn't in the pool");
            all.refuse(
                (id, field),
                "InvalidParameterValue",
                message,
                "choose a block out of its IpamPoolCidrs",
                problems,
            );
        } else if let Some(other) = earlier
            .iter()
            .find(|other| other.contains(&block) || block.contains(*other))
        {
            let message = format!("{block} overlaps {other}, which is allocated already");
            all.refuse(
                (id, field),
                "InvalidParameterValue",
                message,
                "choose another block",
                problems,
            );
        }
        earlier.push(block);
    }
}

fn reserved(all: &Context<'_>, reservation: &SubnetCidrReservation, problems: &mut Problems) {
    let id = &*reservation.subnet_cidr_reservation_id;
    let subnet = reservation.subnet_id.as_deref().and_then(|id| all.subnet(id));
    if let (Some(subnet), Some(block)) = (subnet, reservation.cidr)
        && !super::route::blocks(subnet).any(|own| own.contains(&block))
    {
        let message = format!("{block} isn't in subnet {}", all.name(&subnet.subnet_id));
        all.refuse(
            (id, &["Cidr"]),
            "InvalidParameterValue",
            message,
            "reserve addresses of the subnet's block",
            problems,
        );
    }
    if let Some(kind) = reservation
        .reservation_type
        .as_deref()
        .filter(|kind| !matches!(*kind, "prefix" | "explicit"))
    {
        let message = format!("ReservationType is prefix or explicit, not {kind}");
        all.refuse(
            (id, &["ReservationType"]),
            "InvalidParameterValue",
            message,
            "choose one of the two",
            problems,
        );
    }
}
