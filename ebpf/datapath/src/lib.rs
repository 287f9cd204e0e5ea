//! What VPC semantics do to a packet.
#![no_std]
#![forbid(unsafe_code)]

pub mod frame;
pub mod tables;

pub use frame::Frame;
pub use tables::{FlowTable, Tables};
