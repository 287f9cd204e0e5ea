//! Plans to a running host: network namespaces, devices, programs, tables. The only module that touches the host.

mod arrangement;
pub mod bpffs;
mod change;
pub mod deployment;
mod down;
pub mod engine;
pub mod error;
mod files;
pub mod guest;
mod history;
pub mod kernel;
pub mod link;
pub mod names;
pub mod netlink;
pub mod netns;
pub mod progress;
pub mod state;
pub mod store;
pub mod tap;
pub mod up;

pub use deployment::Deployment;
pub use down::down;
pub use engine::{Adopted, Applied, ApplyOptions, Candidate, Engine, EngineOptions, Outcome};
pub use error::{Error, Result};
pub use history::{Manifest, ManifestFile};
pub use kernel::{Datapath, LoadOptions};
pub use progress::{Progress, Quiet, Watched};
