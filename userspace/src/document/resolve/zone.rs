//! Regions and availability zones.

use super::Scope;
use crate::document::diagnostic::{Problem, Problems, quote};
use crate::document::schema;

pub(super) const DEFAULT_REGION: &str = "us-east-1";

/// The name and the id of a subnet's zone.
pub(super) fn of(scope: &Scope<'_>, subnet: &schema::Subnet<'_>, problems: &mut Problems) -> (String, String) {
    let zone = match subnet.availability_zone {
        Some(zone) => {
            if !zone.value.starts_with(scope.region) || zone.value == scope.region {
                let message = format!("{} isn't a zone of {}", quote(zone.value), scope.region);
                let help = format!("write one such as {}a, or another region in the VPC", scope.region);
                let problem = Problem::error(zone.span, message).code("InvalidParameterValue");
                problems.report(problem.help(help));
            }
            zone.value.to_owned()
        }
        None => first(scope.region),
    };
    let id = match subnet.availability_zone_id {
        Some(id) => id.value.to_owned(),
        None => zone_id(scope.region, &zone),
    };
    (zone, id)
}

/// The zone of a subnet that says none.
pub(super) fn first(region: &str) -> String {
    format!("{region}a")
}

/// The id that a zone has in the first of accounts: `us-east-1b` is `use1-az2`.
pub(in crate::document) fn zone_id(region: &str, zone: &str) -> String {
    let letter = zone.strip_prefix(region).and_then(|rest| rest.bytes().next());
    let number = letter
        .filter(u8::is_ascii_lowercase)
        .map_or(1, |letter| letter - b'a' + 1);
    format!("{}-az{number}", short(region))
}

/// `eu-central-1` is `euc1`, `ap-southeast-2` is `apse2`.
fn short(region: &str) -> String {
    let part = |(index, part): (usize, &str)| match part {
        _ if index == 0 => part.to_owned(),
        "north" | "south" | "east" | "west" | "central" => part.chars().take(1).collect(),
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        "southeast" => "se".to_owned(),
        "southwest" => "sw".to_owned(),
        "gov" => "g".to_owned(),
        other => other.to_owned(),
    };
    region.split('-').enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_the_id_aws_gives_it() {
        assert_eq!(zone_id("us-east-1", "us-east-1b"), "use1-az2");
        assert_eq!(zone_id("eu-central-1", "eu-central-1a"), "euc1-az1");
        assert_eq!(zone_id("ap-southeast-2", "ap-southeast-2c"), "apse2-az3");
        assert_eq!(zone_id("us-gov-west-1", "us-gov-west-1a"), "usgw1-az1");
    }
}
