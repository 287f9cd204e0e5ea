//! How many of something there may be. AWS's quotas where it has one (semantics 29).

use crate::document::diagnostic::{Problem, Problems, Span};

pub(super) struct Limit {
    pub(super) most: usize,
    pub(super) what: &'static str,
    pub(super) code: Option<&'static str>,
}

pub(super) const VPCS: Limit = Limit {
    most: 200,
    what: "VPCs in a document",
    code: Some("VpcLimitExceeded"),
};
pub(super) const PREFIX_LISTS: Limit = Limit {
    most: 100,
    what: "prefix lists in a document",
    code: None,
};
pub(super) const CIDR_BLOCKS: Limit = Limit {
    most: 5,
    what: "IPv4 blocks in a VPC",
    code: Some("CidrLimitExceeded"),
};
pub(super) const IPV6_CIDR_BLOCKS: Limit = Limit {
    most: 5,
    what: "IPv6 blocks in a VPC",
    code: Some("CidrLimitExceeded"),
};
pub(super) const SUBNETS: Limit = Limit {
    most: 200,
    what: "subnets in a VPC",
    code: Some("SubnetLimitExceeded"),
};
pub(super) const ALL_SUBNETS: Limit = Limit {
    most: 4096,
    what: "subnets in a document",
    code: None,
};
pub(super) const ROUTE_TABLES: Limit = Limit {
    most: 200,
    what: "route tables in a VPC",
    code: Some("RouteTableLimitExceeded"),
};
pub(super) const ROUTES: Limit = Limit {
    most: 500,
    what: "routes of one family in a table",
    code: Some("RouteLimitExceeded"),
};
pub(super) const NETWORK_ACLS: Limit = Limit {
    most: 200,
    what: "network ACLs in a VPC",
    code: Some("NetworkAclLimitExceeded"),
};
pub(super) const NETWORK_ACL_ENTRIES: Limit = Limit {
    most: 40,
    what: "entries of one family and direction in a network ACL",
    code: Some("NetworkAclEntryLimitExceeded"),
};
pub(super) const SECURITY_GROUPS: Limit = Limit {
    most: 2500,
    what: "security groups in a document",
    code: Some("SecurityGroupLimitExceeded"),
};
pub(super) const SECURITY_GROUP_RULES: Limit = Limit {
    most: 60,
    what: "rules of one family and direction in a security group",
    code: Some("RulesPerSecurityGroupLimitExceeded"),
};
pub(super) const SECURITY_GROUPS_OF_AN_ENI: Limit = Limit {
    most: 16,
    what: "security groups of an instance",
    code: Some("SecurityGroupsPerInterfaceLimitExceeded"),
};
pub(super) const INSTANCES: Limit = Limit {
    most: 4096,
    what: "instances in a document",
    code: None,
};
pub(super) const ADDRESSES: Limit = Limit {
    most: 50,
    what: "addresses and prefixes of one family of an instance",
    code: Some("PrivateIpAddressLimitExceeded"),
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
        problems.report(problem.code(self.code));
    }
}

/// Numbers that are counted for each family apart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ByFamily {
    pub(super) ipv4: usize,
    pub(super) ipv6: usize,
}

impl ByFamily {
    pub(super) fn of(is_ipv4: bool, count: usize) -> Self {
        let (ipv4, ipv6) = if is_ipv4 { (count, 0) } else { (0, count) };
        Self { ipv4, ipv6 }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.ipv4 += other.ipv4;
        self.ipv6 += other.ipv6;
    }

    pub(super) fn most(self) -> usize {
        self.ipv4.max(self.ipv6)
    }
}
