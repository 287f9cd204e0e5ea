//! VPC networks for plain Linux hosts, enforced in the kernel.

pub mod plan;
pub mod resources;
