//! What a VPC consists of, in AWS's own nouns.
//!
//! Field names are those of the EC2 API (semantics 1.3), in Rust's spelling; defaults (semantics 1.2) are explicit
//! here: every subnet has a route table and a NACL, every ENI has groups. `document` makes these values, `plan`
//! compiles them, and the reference model in the tests reads nothing else.

mod details;
mod network_acl;
mod network_interface;
mod prefix_list;
mod route_table;
mod security_group;
mod subnet;
mod vpc;
mod wire;

pub use details::{Details, Rest, Tags};
pub use network_acl::{NetworkAcl, NetworkAclEntry, RuleAction};
pub use network_interface::{
    Allowance, ConnectionTracking, EniAssociation, EniAttachment, InterfaceType, NetworkInterface,
};
pub use prefix_list::{AddressFamily, PrefixList};
pub use route_table::{Destination, Route, RouteOrigin, RouteState, RouteTable, RouteTarget};
pub use security_group::{Peer, ReferencedGroup, SecurityGroup, SecurityGroupRule};
pub use subnet::Subnet;
pub use vpc::Vpc;

use wire::wire;

/// All resources of one document, each list in order of id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub vpcs: Vec<Vpc>,
    pub subnets: Vec<Subnet>,
    pub route_tables: Vec<RouteTable>,
    pub network_acls: Vec<NetworkAcl>,
    pub security_groups: Vec<SecurityGroup>,
    pub prefix_lists: Vec<PrefixList>,
    pub network_interfaces: Vec<NetworkInterface>,
}
