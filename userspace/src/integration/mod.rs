//! Integrations: what a process of the host reaches by a VPC link (semantics 17). Here the agent is the service that
//! API Gateway is at AWS.
//!
//! [`hop`] says by which network interfaces and to which addresses connections go, or why none does, without a socket
//! of its own; [`crate::splice`] carries them, and [`report`] tells of both.

mod hop;
mod report;
#[cfg(test)]
mod tests;

pub use hop::{Hop, Refusal, hops};
pub use report::{DescribedIntegration, Found, IntegrationReport};
