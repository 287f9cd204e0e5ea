//! How many of something there may be. AWS's quotas where it has one (semantics 29).

use crate::document::diagnostic::{Problem, Problems, Span};
use crate::document::quotas::Quotas;

#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) most: usize,
    pub(super) what: &'static str,
    pub(super) code: Option<&'static str>,
    /// The quota that raises it.
    pub(super) raised_by: Option<&'static str>,
}

pub(super) const VPCS: Limit = Limit {
    most: 200,
    what: "VPCs in a document",
    code: Some("VpcLimitExceeded"),
    raised_by: None,
};
pub(super) const PREFIX_LISTS: Limit = Limit {
    most: 100,
    what: "prefix lists in a document",
    code: None,
    raised_by: None,
};
pub(super) const fn cidr_blocks(quotas: &Quotas) -> Limit {
    Limit {
        most: quotas.cidr_blocks_per_vpc,
        what: "IPv4 blocks in a VPC",
        code: Some("CidrLimitExceeded"),
        raised_by: Some("cidr_blocks_per_vpc"),
    }
}

pub(super) const fn ipv6_cidr_blocks(quotas: &Quotas) -> Limit {
    Limit {
        most: quotas.ipv6_cidr_blocks_per_vpc,
        what: "IPv6 blocks in a VPC",
        code: Some("CidrLimitExceeded"),
        raised_by: Some("ipv6_cidr_blocks_per_vpc"),
    }
}

pub(super) const SUBNETS: Limit = Limit {
    most: 200,
    what: "subnets in a VPC",
    code: Some("SubnetLimitExceeded"),
    raised_by: None,
};
pub(super) const ALL_SUBNETS: Limit = Limit {
    most: 4096,
    what: "subnets in a document",
    code: None,
    raised_by: None,
};
pub(super) const ROUTE_TABLES: Limit = Limit {
    most: 200,
    what: "route tables in a VPC",
    code: Some("RouteTableLimitExceeded"),
    raised_by: None,
};
pub(super) const fn routes(quotas: &Quotas) -> Limit {
    Limit {
        most: quotas.routes_per_route_table,
        what: "routes of one family in a table",
        code: Some("RouteLimitExceeded"),
        raised_by: Some("routes_per_route_table"),
    }
}

pub(super) const NETWORK_ACLS: Limit = Limit {
    most: 200,
    what: "network ACLs in a VPC",
    code: Some("NetworkAclLimitExceeded"),
    raised_by: None,
};
pub(super) const fn network_acl_entries(quotas: &Quotas) -> Limit {
    Limit {
        most: quotas.rules_per_network_acl,
        what: "entries of one family and direction in a network ACL",
        code: Some("NetworkAclEntryLimitExceeded"),
        raised_by: Some("rules_per_network_acl"),
    }
}

pub(super) const SECURITY_GROUPS: Limit = Limit {
    most: 2500,
    what: "security groups in a document",
    code: Some("SecurityGroupLimitExceeded"),
    raised_by: None,
};
pub(super) const fn security_group_rules(quotas: &Quotas) -> Limit {
    Limit {
        most: quotas.rules_per_security_group,
        what: "rules of one family and direction in a security group",
        code: Some("RulesPerSecurityGroupLimitExceeded"),
        raised_by: Some("rules_per_security_group"),
    }
}

pub(super) const fn groups_of_an_eni(quotas: &Quotas) -> Limit {
    Limit {
        most: quotas.security_groups_per_network_interface,
        what: "security groups of an instance",
        code: Some("SecurityGroupsPerInterfaceLimitExceeded"),
        raised_by: Some("security_groups_per_network_interface"),
    }
}

pub(super) const INSTANCES: Limit = Limit {
    most: 4096,
    what: "instances in a document",
    code: None,
    raised_by: None,
};
pub(super) const ADDRESSES: Limit = Limit {
    most: 50,
    what: "addresses and prefixes of one family of an instance",
    code: Some("PrivateIpAddressLimitExceeded"),
    raised_by: None,
};

impl Limit {
    /// As many of the objects as there may be beside those so far, and a problem at the first one too many.
    pub(super) fn apply<'a, T>(
        &self,
        so_far: usize,
        objects: &'a [T],
        span: impl Fn(&T) -> Span,
        problems: &mut Problems,
    ) -> &'a [T] {
        let room = self.most.saturating_sub(so_far);
        let Some(first_too_many) = objects.get(room) else {
            return objects;
        };
        self.exceeded(span(first_too_many), problems);
        objects.get(..room).unwrap_or_default()
    }

    /// Checks a number that isn't that of objects in a list.
    pub(super) fn check(&self, count: usize, span: Span, problems: &mut Problems) {
        if count > self.most {
            self.exceeded(span, problems);
        }
    }

    fn exceeded(&self, span: Span, problems: &mut Problems) {
        let problem = Problem::error(span, format!("more than {} {}", self.most, self.what));
        let problem = problem.code(self.code);
        problems.report(match self.raised_by {
            Some(quota) => problem.help(format!(
                "AWS raises this quota on request, here {quota} does below quotas"
            )),
            None => problem,
        });
    }
}
