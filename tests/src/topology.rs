//! Resources and bindings in a few words: subnets of both families, a middlebox, groups, a second VPC with the same
//! CIDR, gateways.
//!
//! Everything is deterministic. Ids and devices count up from the first object; MAC addresses count up within a VPC,
//! so that two VPCs built alike have the same addresses on both layers, and nothing but their ENIs' devices tells
//! their packets apart.

mod gateway;
mod gateway_balancer;
mod interface;
mod load_balancer;
mod rule;
mod samples;
mod shorthand;
mod table;
mod transit;
mod vpc_link;

pub use interface::Guest;
pub use rule::{Rule, all, icmp, icmpv6, protocol, tcp, udp};
pub use samples::{OUTSIDE, S3, S3_ADDRESS};
pub use shorthand::{address, anywhere, anywhere6, nacl_rule, nacl_rule6, net, open_nacl};

use groundplane::document::Integration;
use groundplane::plan::Bindings;
use groundplane::resources::{NetworkAcl, PrefixList, Resources, SecurityGroup, Subnet, Vpc};
use ipnet::IpNet;
use shorthand::{net4, net6};

/// Resources being put together, and the devices their ENIs hang on. Objects are named by what they are called here;
/// names are unique in a topology. A wrong name or CIDR is a mistake in the test, so it panics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    pub resources: Resources,
    pub bindings: Bindings,
    /// What the host's own processes reach, by name.
    pub integrations: Vec<Integration>,
    made: u64,
    /// Where in their lists the VPC and the subnet are that new objects go to.
    vpc: usize,
    subnet: usize,
}

/// What an ENI's groups admit, of both families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    pub ingress: bool,
    pub egress: bool,
}

impl Groups {
    pub const OPEN: Self = Self {
        ingress: true,
        egress: true,
    };
    /// Nothing new comes in.
    pub const OUTBOUND: Self = Self {
        ingress: false,
        egress: true,
    };
    /// Nothing new goes out.
    pub const INBOUND: Self = Self {
        ingress: true,
        egress: false,
    };
    pub const CLOSED: Self = Self {
        ingress: false,
        egress: false,
    };
    pub const ALL: [Self; 4] = [Self::OPEN, Self::OUTBOUND, Self::INBOUND, Self::CLOSED];

    fn name(self, vpc: &str) -> String {
        let kind = match (self.ingress, self.egress) {
            (true, true) => "open",
            (false, true) => "outbound",
            (true, false) => "inbound",
            (false, false) => "closed",
        };
        format!("{vpc}-{kind}")
    }

    fn rules(self) -> Vec<Rule> {
        let mut rules = Vec::new();
        for everywhere in ["0.0.0.0/0", "::/0"] {
            if self.ingress {
                rules.push(all().from(everywhere));
            }
            if self.egress {
                rules.push(all().to(everywhere));
            }
        }
        rules
    }
}

impl Topology {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A VPC. What follows is in it. Its four groups admit what [`Groups`] says.
    pub fn vpc(&mut self, name: &str, cidr: &str) -> &mut Self {
        let vpc_id = self.id("vpc");
        self.resources.vpcs.push(Vpc {
            vpc_id,
            name: name.to_owned(),
            cidr_block: net4(cidr),
            secondary_cidr_blocks: Vec::new(),
            ipv6_cidr_blocks: Vec::new(),
            ..Vpc::default()
        });
        self.vpc = self.resources.vpcs.len() - 1;
        for groups in Groups::ALL {
            self.group(&groups.name(name), groups.rules());
        }
        self
    }

    /// One more block of the VPC, of either family: local routes to it stand in every table at once (semantics 2.1).
    pub fn block(&mut self, cidr: &str) -> &mut Self {
        let block = net(cidr);
        let vpc = &mut self.resources.vpcs[self.vpc];
        match block {
            IpNet::V4(block) => vpc.secondary_cidr_blocks.push(block),
            IpNet::V6(block) => vpc.ipv6_cidr_blocks.push(block),
        }
        let vpc_id = vpc.vpc_id.clone();
        for table in &mut self.resources.route_tables {
            if table.vpc_id == vpc_id {
                table.routes.make_mut().push(shorthand::local_route(block));
            }
        }
        self
    }

    /// Another account for a VPC.
    pub fn account(&mut self, vpc: &str, account: &str) -> &mut Self {
        let mut vpcs = self.resources.vpcs.iter_mut();
        let found = vpcs.find(|it| it.name == vpc);
        found.unwrap_or_else(|| panic!("no VPC {vpc}")).details.owner_id = account.to_owned();
        self
    }

    /// A subnet, with a route table and an open NACL of its own, both of its name. What follows is in it.
    pub fn subnet(&mut self, name: &str, cidr: &str) -> &mut Self {
        let route_table_id = self.new_table(name);
        let network_acl_id = self.id("acl");
        let vpc_id = self.resources.vpcs[self.vpc].vpc_id.clone();
        self.resources.network_acls.push(NetworkAcl {
            network_acl_id: network_acl_id.clone(),
            name: name.to_owned(),
            vpc_id: vpc_id.clone(),
            is_default: false,
            entries: open_nacl(),
            ..NetworkAcl::default()
        });
        let subnet_id = self.id("subnet");
        self.resources.subnets.push(Subnet {
            subnet_id,
            name: name.to_owned(),
            vpc_id,
            cidr_block: net4(cidr),
            ipv6_cidr_block: None,
            route_table_id,
            network_acl_id,
            ..Subnet::default()
        });
        self.subnet = self.resources.subnets.len() - 1;
        self
    }

    /// The subnet's IPv6 block.
    pub fn subnet6(&mut self, cidr: &str) -> &mut Self {
        self.resources.subnets[self.subnet].ipv6_cidr_block = Some(net6(cidr));
        self
    }

    /// The zone that a subnet is in.
    pub fn zone(&mut self, subnet: &str, zone: &str) -> &mut Self {
        let subnet = self.subnet_mut(subnet);
        subnet.availability_zone = zone.to_owned();
        // Everybody is of one account here, so a zone's name may be its id.
        subnet.availability_zone_id = zone.to_owned();
        self
    }

    /// What follows is in this subnet and its VPC.
    pub fn within(&mut self, subnet: &str) -> &mut Self {
        let position = |name: &str| {
            let found = self.resources.subnets.iter().position(|it| it.name == name);
            found.unwrap_or_else(|| panic!("no subnet {name}"))
        };
        let at = position(subnet);
        let vpc_id = &self.resources.subnets[at].vpc_id;
        let vpc = self.resources.vpcs.iter().position(|vpc| vpc.vpc_id == *vpc_id);
        self.vpc = vpc.expect("every subnet is in a VPC");
        self.subnet = at;
        self
    }

    /// A group of the VPC with these rules, or other rules of one that is there already. Groups and prefix lists that
    /// the rules name must be there, but for the group itself.
    pub fn group(&mut self, name: &str, rules: Vec<Rule>) -> &mut Self {
        let known = |topology: &Self| {
            let mut groups = topology.resources.security_groups.iter();
            groups.position(|group| group.group_name == name)
        };
        let at = known(self).unwrap_or_else(|| {
            let group = SecurityGroup {
                group_id: self.id("sg"),
                group_name: name.to_owned(),
                vpc_id: self.resources.vpcs[self.vpc].vpc_id.clone(),
                rules: Vec::new(),
                ..SecurityGroup::default()
            };
            self.resources.security_groups.push(group);
            self.resources.security_groups.len() - 1
        });
        let rules = rules
            .into_iter()
            .map(|rule| {
                let id = self.id("sgr");
                rule.resolve(id, self)
            })
            .collect();
        self.resources.security_groups[at].rules = rules;
        self
    }

    /// A prefix list with these entries, or other entries of one that is there already.
    pub fn prefix_list(&mut self, name: &str, entries: &[&str]) -> &mut Self {
        let entries: Vec<_> = entries.iter().map(|cidr| net(cidr)).collect();
        let mut lists = self.resources.prefix_lists.iter_mut();
        if let Some(list) = lists.find(|list| list.name == name) {
            list.entries = entries;
            return self;
        }
        let prefix_list_id = self.id("pl");
        self.resources.prefix_lists.push(PrefixList {
            prefix_list_id,
            name: name.to_owned(),
            max_entries: 10,
            entries,
            ..PrefixList::default()
        });
        self
    }

    fn group_id(&self, name: &str) -> String {
        let mut groups = self.resources.security_groups.iter();
        let found = groups.find(|group| group.group_name == name);
        found.unwrap_or_else(|| panic!("no group {name}")).group_id.clone()
    }

    fn prefix_list_id(&self, name: &str) -> String {
        let mut lists = self.resources.prefix_lists.iter();
        let found = lists.find(|list| list.name == name);
        found
            .unwrap_or_else(|| panic!("no prefix list {name}"))
            .prefix_list_id
            .clone()
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}-{:017x}", self.made)
    }
}
