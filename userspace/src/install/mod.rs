//! Plans to a running host: network namespaces, devices, programs, tables. The only module that touches the host.

pub mod bpffs;
pub mod error;
pub mod kernel;
pub mod link;
pub mod names;
pub mod netlink;
pub mod netns;
pub mod tap;

pub use error::{Error, Result};
