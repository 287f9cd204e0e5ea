//! Transit gateways: what is attached to them (semantics 18). Their route tables stand among all others.

use crate::{AttachmentId, Bank, RouteTableId, ScopeId, SubnetId, VpcId};
use bytemuck::{Pod, Zeroable};

/// Key of the table of attachments.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct AttachmentKey {
    pub bank: Bank,
    pub attachment: AttachmentId,
}

/// Zones an attachment may have a subnet in.
pub const ZONES: u32 = 8;

/// A VPC's attachment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct AttachmentEntry {
    pub attachment: Attachment,
    /// In order of the zones' names.
    pub subnets: [AttachmentSubnet; ZONES as usize],
}

/// What is to be known of an attachment beside its subnets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Attachment {
    pub vpc: VpcId,
    /// The transit gateway's table that routes what comes from the VPC; 0 if it is associated with none.
    pub table: RouteTableId,
    /// How many of the subnets count.
    pub len: u16,
    /// [`attachment_flag`] bits.
    pub flags: u16,
    /// The scope of the transit gateway.
    pub scope: ScopeId,
    pub reserved: u16,
}

/// The subnet of a zone that the attachment's ENI is in.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct AttachmentSubnet {
    pub subnet: SubnetId,
    pub zone: u32,
}

pub mod attachment_flag {
    /// Security groups may be referred to across it: its own option and the transit gateway's are on.
    pub const REFERENCES: u16 = 1;
    /// `ApplianceModeSupport`.
    pub const APPLIANCE_MODE: u16 = 2;
}

plain!(
    AttachmentKey = 8,
    AttachmentSubnet = 8,
    Attachment = 16,
    AttachmentEntry = 80
);
