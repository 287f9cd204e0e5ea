//! Plans to a running host: network namespaces, devices, programs, tables. The only module that touches the host.

mod annex;
mod arrangement;
pub mod bpffs;
mod change;
pub mod deployment;
mod down;
pub mod engine;
pub mod error;
mod files;
pub mod finisher;
pub mod guest;
mod history;
pub mod kernel;
pub mod link;
mod make;
pub mod names;
pub mod netlink;
pub mod netns;
mod offload;
pub mod progress;
mod resolver;
pub mod service;
pub mod state;
pub mod store;
mod survey;
pub mod tap;
pub mod uplink;

pub use annex::AnnexState;
pub use deployment::Deployment;
pub use down::{down, probe_directory};
pub use engine::{Adopted, Applied, ApplyOptions, Candidate, Engine, EngineOptions, Outcome, Rebound, Whereabouts};
pub use error::{Error, Result};
pub use history::{Manifest, ManifestFile, past, written};
pub use kernel::{Client, Clients, Datapath, LoadOptions};
pub use progress::{Progress, Quiet, Watched};
pub use service::Aliases;
