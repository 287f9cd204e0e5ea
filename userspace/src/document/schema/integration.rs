//! An integration: a socket of the host, a VPC link, and a target.

use super::{fields, name, one_of};
use crate::document::diagnostic::{Problems, Spanned};
use crate::document::fields::{Field, Fields};
use crate::document::integration::{CONNECTIONS, Listen, MOST_CONNECTIONS};
use crate::document::notation::Notation;
use crate::document::tree::Entry;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub(in crate::document) struct Integration<'a> {
    pub(in crate::document) name: Spanned<&'a str>,
    /// `None` if it is missing or wrong, which has been reported; likewise below.
    pub(in crate::document) vpc_link: Option<Spanned<&'a str>>,
    pub(in crate::document) target: Option<Spanned<IntegrationTarget<'a>>>,
    pub(in crate::document) listen: Option<Spanned<Listen>>,
    pub(in crate::document) connections: u32,
}

#[derive(Clone, Debug)]
pub(in crate::document) enum IntegrationTarget<'a> {
    Listener(&'a str),
    Addresses(Vec<SocketAddrV4>),
}

impl Notation for SocketAddrV4 {
    const EXPECTED: &'static str = "an IPv4 address and a port such as 10.0.2.10:8080";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|address: &Self| address.port() != 0)
    }
}

impl Notation for Listen {
    const EXPECTED: &'static str =
        "a loopback address and a port such as 127.0.0.1:8080, or the path of a socket such as /run/orders.sock";

    fn read(text: &str) -> Option<Self> {
        /// What fits into an address of a Unix socket, with the zero after it.
        const PATH_LEN: usize = 107;
        if text.starts_with('/') {
            let is_file = !text.ends_with('/') && text.len() <= PATH_LEN && !text.contains('\0');
            return is_file.then(|| Self::Unix(PathBuf::from(text)));
        }
        let address: SocketAddr = text.parse().ok()?;
        (address.ip().is_loopback() && address.port() != 0).then_some(Self::Tcp(address))
    }
}

pub(super) fn read<'a>(entry: &'a Entry, problems: &mut Problems) -> Integration<'a> {
    let mut integration = Integration {
        name: name(entry),
        vpc_link: None,
        target: None,
        listen: None,
        connections: CONNECTIONS,
    };
    if let Some(mut fields) = fields(entry, "integration", problems) {
        let link = fields.text("vpc_link", problems);
        let help = "name a VPC link: one of vpc_links or of rest_vpc_links";
        integration.vpc_link = fields.required("vpc_link", help, link, problems);
        integration.target = target(&mut fields, problems);
        let listen = fields.value("listen", problems);
        let help = "write listen: 127.0.0.1:8080, or the path of a socket";
        integration.listen = fields.required("listen", help, listen, problems);
        let connections = fields.number("connections", 1..=i64::from(MOST_CONNECTIONS), problems);
        let connections = connections.known().map(|given| given.value);
        integration.connections = connections.and_then(|it| it.try_into().ok()).unwrap_or(CONNECTIONS);
        fields.finish(problems);
    }
    integration
}

/// One of three ways to say it.
fn target<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<Spanned<IntegrationTarget<'a>>> {
    let listener = fields.text("listener", problems).map(IntegrationTarget::Listener);
    let address = fields.value("address", problems);
    let address = address.map(|one| IntegrationTarget::Addresses(vec![one]));
    let instances = instances(fields, problems);
    let help = "write listener: and a load balancer's listener, address: 10.0.2.10:8080, or instances: with a list of addresses";
    let ways = [("listener", listener), ("address", address), ("instances", instances)];
    one_of(fields, "listener", help, ways, problems)
}

fn instances<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Field<Spanned<IntegrationTarget<'a>>> {
    let Some(span) = fields.place("instances") else {
        return Field::Missing;
    };
    let instances: Vec<Spanned<SocketAddrV4>> = fields.values("instances", problems);
    // None at all is as good as no field.
    if instances.is_empty() {
        return Field::Missing;
    }
    let value = IntegrationTarget::Addresses(instances.into_iter().map(|one| one.value).collect());
    Field::Is(Spanned { value, span })
}
