//! Whose public access is blocked (semantics 9.5): the Region of the options, and exclusions by ARN.

use crate::document::resolve::Context;
use crate::resources::Resources;

pub(super) fn complete(resources: &mut Resources, context: &Context) {
    for options in &mut resources.vpc_block_public_access_options {
        options.aws_region.get_or_insert_with(|| context.region.clone());
    }
    let arns: Vec<_> = resources
        .vpc_block_public_access_exclusions
        .iter()
        .map(|exclusion| arn(resources, exclusion.resource_arn.as_deref()?))
        .collect();
    for (exclusion, arn) in resources.vpc_block_public_access_exclusions.iter_mut().zip(arns) {
        exclusion.resource_arn = arn.or(exclusion.resource_arn.take());
    }
}

/// The ARN of the VPC or subnet with an id.
fn arn(resources: &Resources, id: &str) -> Option<String> {
    let subnet = resources.subnets.iter().find(|subnet| subnet.subnet_id == id);
    let vpc_id = subnet.map_or(id, |subnet| &subnet.vpc_id);
    let vpc = resources.vpcs.iter().find(|vpc| vpc.vpc_id == vpc_id)?;
    let (region, owner) = (&vpc.region, &vpc.details.owner_id);
    let kind = if subnet.is_some() { "subnet" } else { "vpc" };
    Some(format!("arn:aws:ec2:{region}:{owner}:{kind}/{id}"))
}
