//! What stands in front of a stream: version 2 of the PROXY protocol, as its specification of HAProxy's has it (section
//! 2.2).

use std::net::SocketAddrV4;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, and that the stream is somebody else's, or one's own.
const PROXY: u8 = 0x21;
const OWN: u8 = 0x20;
const TCP_OVER_IPV4: u8 = 0x11;
/// `PP2_TYPE_AWS`, and its `PP2_SUBTYPE_AWS_VPCE_ID` (semantics 13.7).
const AWS: u8 = 0xea;
const ENDPOINT_ID: u8 = 1;

/// Of a stream that is nobody's: what a load balancer itself asks.
pub(crate) const LOCAL: [u8; 16] = {
    let mut header = [0; 16];
    let mut place = 0;
    while place < SIGNATURE.len() {
        header[place] = SIGNATURE[place];
        place += 1;
    }
    header[SIGNATURE.len()] = OWN;
    header
};

/// Of the stream of a client that has spoken to a node, or to the endpoint of this id in front of it.
pub(super) fn header(client: SocketAddrV4, node: SocketAddrV4, endpoint: Option<&str>) -> Vec<u8> {
    let mut rest = Vec::new();
    rest.extend(client.ip().octets());
    rest.extend(node.ip().octets());
    rest.extend(client.port().to_be_bytes());
    rest.extend(node.port().to_be_bytes());
    // An id of a length that can't be told is none of AWS's.
    if let Some((id, len)) = endpoint.and_then(|id| Some((id, u16::try_from(id.len()).ok()?.checked_add(1)?))) {
        rest.push(AWS);
        rest.extend(len.to_be_bytes());
        rest.push(ENDPOINT_ID);
        rest.extend(id.bytes());
    }
    let len = u16::try_from(rest.len()).unwrap_or(u16::MAX);
    let mut header = SIGNATURE.to_vec();
    header.extend([PROXY, TCP_OVER_IPV4]);
    header.extend(len.to_be_bytes());
    header.extend(rest);
    header
}
