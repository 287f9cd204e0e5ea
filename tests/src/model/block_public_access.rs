//! VPC Block Public Access (semantics 9.5).

use super::world::{SubnetAt, World};
use groundplane::resources::Vpc;

/// What is blocked for a subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Off,
    /// "only NAT gateway and EIGW flows pass".
    Ingress,
    /// "all IGW and EIGW traffic dropped".
    Bidirectional,
}

impl Mode {
    pub(super) fn blocks_everything(self) -> bool {
        self == Self::Bidirectional
    }

    pub(super) fn blocks_unsolicited(self) -> bool {
        self == Self::Ingress
    }
}

/// "Exclusions per VPC or subnet: allow-bidirectional, or allow-egress (only meaningful under bidirectional block)".
pub(super) fn mode(world: &World, subnet: SubnetAt) -> Mode {
    let vpc = world.vpc(world.vpc_around(subnet));
    let mode = accounts_mode(world, vpc);
    let exclusions = world.resources().vpc_block_public_access_exclusions.iter();
    let is_about = |arn: &String| arn.ends_with(&vpc.vpc_id) || arn.ends_with(&world.subnet(subnet).subnet_id);
    let over = ["delete-complete", "disable-complete", "create-failed"];
    let mine = exclusions.filter(|exclusion| {
        let is_in_force = exclusion
            .state
            .as_ref()
            .is_none_or(|state| !over.contains(&state.as_str()));
        is_in_force && exclusion.resource_arn.as_ref().is_some_and(is_about)
    });
    let modes: Vec<_> = mine
        .filter_map(|exclusion| exclusion.internet_gateway_exclusion_mode.as_deref())
        .collect();
    match mode {
        _ if modes.contains(&"allow-bidirectional") => Mode::Off,
        Mode::Bidirectional if modes.contains(&"allow-egress") => Mode::Ingress,
        mode => mode,
    }
}

/// "per account and Region".
fn accounts_mode(world: &World, vpc: &Vpc) -> Mode {
    let options = world.resources().vpc_block_public_access_options.iter();
    let owner = &vpc.details.owner_id;
    let mut mine = options.filter(|options| {
        let is_region = options.aws_region.as_ref().is_none_or(|region| *region == vpc.region);
        let is_account = owner.is_empty() || options.aws_account_id.is_empty() || options.aws_account_id == *owner;
        is_region && is_account
    });
    match mine
        .next()
        .and_then(|options| options.internet_gateway_block_mode.as_deref())
    {
        Some("block-bidirectional") => Mode::Bidirectional,
        Some("block-ingress") => Mode::Ingress,
        _ => Mode::Off,
    }
}
