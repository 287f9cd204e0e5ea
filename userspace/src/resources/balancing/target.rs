//! The targets of a target group: where they are, and what they take (semantics 13.2, 13.4, 13.5).

use crate::resources::wire::says;
use crate::resources::{
    LoadBalancer, NetworkInterface, Resources, Subnet, Target, TargetGroup, TargetHealthDescription,
};
use std::net::IpAddr;

/// Where a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetPlace<'a> {
    pub address: IpAddr,
    pub port: u16,
    pub zone: TargetZone<'a>,
    pub takes: TargetUse,
    /// The ENI of the group's VPC that has the address.
    pub interface: Option<&'a NetworkInterface>,
}

/// The zone of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetZone<'a> {
    /// A target outside of the VPC's subnets is in every zone.
    All,
    /// By name, such as `eu-central-1a`.
    One(&'a str),
}

impl TargetZone<'_> {
    #[must_use]
    pub fn is_in(self, zone: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(own) => own == zone,
        }
    }
}

/// What a target takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetUse {
    /// New flows.
    All,
    /// The flows it has.
    Known,
    /// None, as long as another target takes new flows.
    Unhealthy,
    Nothing,
}

impl TargetUse {
    fn of(state: Option<&str>) -> Self {
        match state.map(str::to_lowercase).as_deref() {
            None | Some("healthy" | "initial") => Self::All,
            Some("draining" | "unhealthy.draining") => Self::Known,
            Some("unhealthy") => Self::Unhealthy,
            Some(_) => Self::Nothing,
        }
    }
}

impl Resources {
    /// The targets of a group that are somewhere, in the order they are written.
    pub fn targets<'a>(&'a self, group: &'a TargetGroup) -> impl Iterator<Item = TargetPlace<'a>> {
        let registered = group.target_health_descriptions.iter();
        registered.filter_map(|target| self.target(group, target))
    }

    /// Where a registered target is.
    #[must_use]
    pub fn target<'a>(
        &'a self,
        group: &'a TargetGroup,
        described: &'a TargetHealthDescription,
    ) -> Option<TargetPlace<'a>> {
        let target = &described.target;
        let interface = self.target_interface(group, target);
        let address = match target.id.parse() {
            Ok(address) => address,
            Err(_) => primary(group, interface?)?,
        };
        Some(TargetPlace {
            address,
            port: target.port.or(group.port)?,
            zone: self.zone_of(group, target, address, interface),
            takes: TargetUse::of(described.target_health.state.as_deref()),
            interface,
        })
    }

    /// The ENI that is a target: the primary one of an instance, or the one with the address. In a document, an
    /// instance is its network interface.
    #[must_use]
    pub fn target_interface(&self, group: &TargetGroup, target: &Target) -> Option<&NetworkInterface> {
        let address: Option<IpAddr> = target.id.parse().ok();
        let is_it = |eni: &&NetworkInterface| match address {
            Some(address) => eni.has(address),
            None => eni.network_interface_id == target.id || is_primary_of(eni, &target.id),
        };
        let vpc = group.vpc_id.as_deref()?;
        let mut of_vpc = self.network_interfaces.iter().filter(|eni| eni.vpc_id == vpc);
        of_vpc.find(is_it)
    }

    fn zone_of<'a>(
        &'a self,
        group: &TargetGroup,
        target: &'a Target,
        address: IpAddr,
        interface: Option<&NetworkInterface>,
    ) -> TargetZone<'a> {
        match target.availability_zone.as_deref() {
            Some("all") => return TargetZone::All,
            Some(zone) => return TargetZone::One(zone),
            None => {}
        }
        let is_its = |subnet: &&Subnet| match interface {
            Some(eni) => subnet.subnet_id == eni.subnet_id,
            None => Some(&subnet.vpc_id) == group.vpc_id.as_ref() && contains(subnet, address),
        };
        let found = self.subnets.iter().find(is_its);
        found.map_or(TargetZone::All, |subnet| TargetZone::One(&subnet.availability_zone))
    }

    /// The names of the zones that a load balancer is in.
    pub fn zones_of<'a>(&'a self, balancer: &'a LoadBalancer) -> impl Iterator<Item = &'a str> {
        let subnets = balancer
            .availability_zones
            .iter()
            .filter_map(|zone| zone.subnet_id.as_deref());
        subnets.filter_map(|id| {
            let subnet = self.subnets.iter().find(|subnet| subnet.subnet_id == id)?;
            Some(&*subnet.availability_zone)
        })
    }

    /// The targets that take new flows from a load balancer's node in a zone: those in scope that are usable; if none
    /// is in any of its zones, the unhealthy ones.
    #[must_use]
    pub fn takers<'a>(
        &'a self,
        balancer: &'a LoadBalancer,
        zone: &str,
        group: &'a TargetGroup,
    ) -> Vec<TargetPlace<'a>> {
        let enabled: Vec<_> = self.zones_of(balancer).collect();
        let is_enabled = |target: &TargetPlace<'_>| enabled.iter().any(|zone| target.zone.is_in(zone));
        let mut targets: Vec<_> = self.targets(group).filter(is_enabled).collect();
        let any = targets.iter().any(|target| target.takes == TargetUse::All);
        let takes = if any { TargetUse::All } else { TargetUse::Unhealthy };
        let is_cross_zone = group.is_cross_zone(balancer);
        targets.retain(|target| target.takes == takes && (is_cross_zone || target.zone.is_in(zone)));
        targets
    }
}

/// Whether an ENI is the primary one of an instance.
fn is_primary_of(eni: &NetworkInterface, instance: &str) -> bool {
    let attachment = eni.attachment.as_ref();
    attachment
        .is_some_and(|it| it.instance_id.as_deref() == Some(instance) && matches!(it.device_index, None | Some(0)))
}

/// The address by which an instance is a target.
fn primary(group: &TargetGroup, eni: &NetworkInterface) -> Option<IpAddr> {
    if says(group.ip_address_type.as_deref(), "ipv6") {
        return eni.ipv6_addresses.first().copied().map(IpAddr::V6);
    }
    eni.private_ip_addresses.first().copied().map(IpAddr::V4)
}

fn contains(subnet: &Subnet, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => subnet.cidr_block.contains(&address),
        IpAddr::V6(address) => subnet.ipv6_cidr_block.is_some_and(|block| block.contains(&address)),
    }
}
