//! Where the host's own processes reach what is behind VPC links: a fact of the host, as uplinks are. To AWS the
//! service is API Gateway, whose integrations name a link and a target; here it is whoever connects to a socket.

use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;

/// A socket, and what is behind it by a VPC link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    pub name: String,
    /// The link's id.
    pub vpc_link: String,
    pub target: IntegrationTarget,
    pub listen: Listen,
    /// How many connections there may be at a time.
    pub connections: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntegrationTarget {
    /// A listener of a load balancer, by its ARN.
    Listener(String),
    /// One, or those that are registered with a service.
    Addresses(Vec<SocketAddrV4>),
}

/// What processes of the host connect to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listen {
    /// Of the loopback device.
    Tcp(SocketAddr),
    /// Which nobody but root may connect to, unless somebody says otherwise of the file.
    Unix(PathBuf),
}

/// How many connections an integration has at a time unless the document says otherwise, and at most.
pub const CONNECTIONS: u32 = 1024;
pub(crate) const MOST_CONNECTIONS: u32 = 16_384;

impl Integration {
    /// What the place of one with this name is known by. No object has such an id.
    pub(super) fn place_of(name: &str) -> String {
        format!("integration {name}")
    }

    pub(super) fn place(&self) -> String {
        Self::place_of(&self.name)
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}
