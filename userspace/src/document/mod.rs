//! The document people write, a small YAML with names, to resources. Pure, and every problem at once with its place.
//!
//! Three steps, none of which stops at a problem: `tree` reads YAML, `schema` the fields, `resolve` what they mean.

mod cache;
mod check;
mod diagnostic;
mod dump;
mod family;
mod fields;
pub(crate) mod ids;
mod integration;
mod json;
mod json_schema;
mod names;
mod notation;
mod places;
mod quotas;
mod resolve;
mod schema;
mod source;
#[cfg(test)]
mod tests;
mod tree;
mod uplink;

pub(crate) use ids::{id as derived_id, mac as derived_mac};
pub(crate) use resolve::derived;

pub use cache::Cache;
pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity};
pub use integration::{CONNECTIONS, Integration, IntegrationTarget, Listen};
pub use json_schema::json_schema;
pub use source::{LoadError, MAX_LEN, Source, load};
pub use uplink::{Announce, HOST_ADDRESS, HOST_IPV6_ADDRESS, Uplink, UplinkKind, Xdp};

use crate::resources::Resources;

/// What a configuration means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub resources: Resources,
    /// In the order of the sources.
    pub guests: Vec<Guest>,
    /// One at most.
    pub uplinks: Vec<Uplink>,
    pub integrations: Vec<Integration>,
    /// What AWS would accept as well, but hardly does what it is meant to do.
    pub warnings: Diagnostics,
}

/// Who is behind an ENI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The instance's name.
    pub name: String,
    pub network_interface_id: String,
    pub attachment: Attachment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// A network namespace, which is there before if it is to be adopted, and is made otherwise.
    Namespace { name: String, adopt: bool },
    /// A tap device, which is made; who opens it is the guest.
    Tap { device: String },
    /// A device that is there, and leads to a guest that is somebody else's business.
    Device { device: String },
}

/// What the host has that a configuration may want to take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Network namespaces by name.
    pub namespaces: Vec<String>,
    /// Network devices by name, outside of all namespaces.
    pub devices: Vec<String>,
}

/// Reads a configuration of one source.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Resolved, Diagnostics> {
    read(&[Source::new(name, bytes)], None)
}

/// What was read, with warnings taken for errors.
pub fn strict(read: Result<Resolved, Diagnostics>) -> Result<Resolved, Diagnostics> {
    match read {
        Ok(resolved) if resolved.warnings.problems.is_empty() => Ok(resolved),
        Ok(Resolved { warnings, .. }) => Err(warnings.strict()),
        Err(problems) => Err(problems.strict()),
    }
}

/// Reads a configuration: the objects of all sources together, for this host if it is known.
pub fn read(sources: &[Source], host: Option<&Host>) -> Result<Resolved, Diagnostics> {
    Cache::default().read(sources, host)
}
