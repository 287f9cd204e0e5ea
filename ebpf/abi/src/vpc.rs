//! VPCs, as far as what enters and leaves them depends on them.

use crate::{Bank, Device, RouteTableId, VpcId};
use bytemuck::{Pod, Zeroable};

/// Key of the table of VPCs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct VpcKey {
    pub bank: Bank,
    pub vpc: VpcId,
}

/// A VPC.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct VpcEntry {
    /// The route table of the internet gateway; 0 if it has none (semantics 5.5).
    pub edge_table: RouteTableId,
    /// Where answers to NAT gateways of peered VPCs go, whatever the tables of the subnets say (semantics 10.6): a
    /// table of routes to the addresses of those; 0 if there are none.
    pub return_table: RouteTableId,
    /// By which the VPC's own answers are recognised that are no ENI's: of load balancers' targets whose clients'
    /// addresses are preserved, and to clients of gateway endpoints. None if it has neither load balancers nor gateway
    /// endpoints.
    pub returns: Device,
    /// [`vpc_flag`] bits.
    pub flags: u16,
    /// The scope of the VPC.
    pub scope: crate::ScopeId,
}

pub mod vpc_flag {
    /// An internet gateway is attached.
    pub const INTERNET_GATEWAY: u16 = 1;
    /// There is a gateway endpoint that can be used.
    pub const GATEWAY_ENDPOINT: u16 = 2;
}

plain!(VpcKey = 8, VpcEntry = 16);
