//! VPC networks for plain Linux hosts, enforced in the kernel.

pub mod agent;
pub mod api;
pub mod cut;
pub mod doctor;
pub mod document;
pub mod export;
pub mod flows;
pub mod health;
pub mod herald;
pub mod install;
pub mod integration;
pub mod monitor;
pub mod object;
pub mod plan;
pub mod preview;
pub mod probe;
pub mod resources;
pub mod rule;
pub mod simulate;
pub mod splice;
pub mod status;
pub mod top;
