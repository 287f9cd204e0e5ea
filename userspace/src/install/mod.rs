//! Plans to a running host: network namespaces, devices, programs, tables. The only module that touches the host.

pub mod bpffs;
pub mod deployment;
pub mod error;
pub mod kernel;
pub mod link;
pub mod names;
pub mod netlink;
pub mod netns;
pub mod state;
pub mod tap;
pub mod up;

pub use deployment::Deployment;
pub use error::{Error, Result};
pub use kernel::{Datapath, LoadOptions};
pub use up::{Outcome, UpOptions, down, up};
