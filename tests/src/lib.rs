//! What the suites are made of: packets, topologies, conversations, the reference model, namespaces.

pub mod appliance;
pub mod conversation;
pub mod flood;
pub mod fuzz;
pub mod kernel;
pub mod knock;
pub mod large;
pub mod model;
pub mod netns;
pub mod packet;
pub mod reasons;
pub mod scenario;
pub mod topology;
pub mod twin;
pub mod variant;
