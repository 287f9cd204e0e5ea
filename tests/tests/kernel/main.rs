//! The second oracle: the program in the kernel does what the datapath does on the host, packet by packet and entry by
//! entry; and what only the kernel can show, two cores in the same table.
//!
//! Needs root and BPF, and fails where it has neither.

mod allowance;
mod balancer;
mod churn;
mod differential;
mod exhaustion;
mod filter;
mod flood;
mod gateways;
mod gone;
mod listing;
mod race;
mod retire;
mod room;
mod stress;
mod upgrade;
mod vpc_links;
