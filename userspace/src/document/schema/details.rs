//! What an object has whatever it is: its id, and what AWS says of it that no packet depends on.

use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::fields::{Field, Fields};
use crate::document::ids;
use crate::resources::{Rest, Tags};

#[derive(Clone, Debug, Default)]
pub(in crate::document) struct Details<'a> {
    /// `None` if it comes from the object's name.
    pub(in crate::document) id: Option<Spanned<&'a str>>,
    /// What people call it, where that isn't its name in the configuration.
    pub(in crate::document) label: Option<&'a str>,
    /// `None` if it is that of the VPC, or else of the configuration.
    pub(in crate::document) account: Option<Spanned<&'a str>>,
    pub(in crate::document) tags: Tags,
    pub(in crate::document) rest: Rest,
}

/// A kind of object with an id of its own.
#[derive(Clone, Copy, Debug)]
pub(in crate::document) struct Kind {
    /// The field of the id.
    pub(in crate::document) id: &'static str,
    pub(in crate::document) prefix: &'static str,
    /// AWS's code for an id that isn't one.
    pub(in crate::document) malformed: &'static str,
}

impl Kind {
    const fn new(id: &'static str, prefix: &'static str, malformed: &'static str) -> Self {
        Self { id, prefix, malformed }
    }
}

/// The kinds that packets depend on.
pub(in crate::document) mod kind {
    use super::Kind;

    pub(in crate::document) const VPC: Kind = Kind::new("VpcId", "vpc", "InvalidVpcID.Malformed");
    pub(in crate::document) const SUBNET: Kind = Kind::new("SubnetId", "subnet", "InvalidSubnetID.Malformed");
    pub(in crate::document) const ROUTE_TABLE: Kind = Kind::new("RouteTableId", "rtb", "InvalidRouteTableID.Malformed");
    pub(in crate::document) const NETWORK_ACL: Kind = Kind::new("NetworkAclId", "acl", "InvalidNetworkAclID.Malformed");
    pub(in crate::document) const SECURITY_GROUP: Kind = Kind::new("GroupId", "sg", "InvalidGroupId.Malformed");
    pub(in crate::document) const SECURITY_GROUP_RULE: Kind =
        Kind::new("SecurityGroupRuleId", "sgr", "InvalidSecurityGroupRuleId.Malformed");
    pub(in crate::document) const PREFIX_LIST: Kind = Kind::new("PrefixListId", "pl", "InvalidPrefixListID.Malformed");
    pub(in crate::document) const NETWORK_INTERFACE: Kind =
        Kind::new("NetworkInterfaceId", "eni", "InvalidNetworkInterfaceID.Malformed");
}

/// Takes them out of an object's fields.
pub(super) fn read<'a>(fields: &mut Fields<'a>, kind: Kind, problems: &mut Problems) -> Details<'a> {
    Details {
        id: id(fields, kind, problems),
        label: fields.any_text("Name", problems),
        account: account(fields, problems),
        tags: fields.tags(problems),
        rest: fields.rest(problems),
    }
}

fn id<'a>(fields: &mut Fields<'a>, kind: Kind, problems: &mut Problems) -> Option<Spanned<&'a str>> {
    let given = fields.text(kind.id, problems).known()?;
    if ids::is_id(kind.prefix, given.value) {
        return Some(given);
    }
    let Kind { id, prefix, malformed } = kind;
    let message = format!("{} is no {id}", quote(given.value));
    let help = format!("write {prefix}- and 17 of the digits 0 to 9 and a to f, or leave it out to get one");
    problems.report(Problem::error(given.span, message).code(malformed).help(help));
    None
}

/// The number of an account.
pub(super) fn account<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<Spanned<&'a str>> {
    let Field::Is(given) = fields.text("account", problems) else {
        return None;
    };
    let is_number = given.value.len() == 12 && given.value.bytes().all(|byte| byte.is_ascii_digit());
    if is_number || given.value == "AWS" {
        return Some(given);
    }
    let message = format!("account must be 12 digits, or AWS, this is {}", quote(given.value));
    problems.report(Problem::error(given.span, message).code("InvalidParameterValue"));
    None
}
