//! What an appliance could send to be taken for somebody else: several datagrams as one, of which the first alone is
//! looked at before they are told apart.

use super::{HEALTHY, NO_REBALANCE, PATIENCE, WEB, document, is_dropped_somewhere};
use crate::gateways::lab_of;
use anyhow::{Result, ensure};
use groundplane_tests::appliance::GENEVE;
use groundplane_tests::netns::Lab;
use nix::sys::socket::{setsockopt, sockopt};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

/// Where in a datagram the network identifier stands, and the number of the endpoint.
const NETWORK: std::ops::Range<usize> = 4..7;
const ENDPOINT: std::ops::Range<usize> = 17..20;
/// The victim has the same address in its VPC as the node in its own.
const NODE: (&str, u16) = ("10.0.1.50", GENEVE);

fn listen(lab: &Lab, place: &str, port: u16) -> Result<UdpSocket> {
    let socket = lab.inside(place, || Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Sends datagrams of one length as one that the kernel is to take apart.
fn send_as_one(socket: &UdpSocket, datagrams: [&[u8]; 3]) -> Result<()> {
    setsockopt(socket, sockopt::UdpGsoSegment, &i32::try_from(datagrams[0].len())?)?;
    let whole = datagrams.concat();
    ensure!(socket.send_to(&whole, NODE)? == whole.len());
    Ok(())
}

/// What a socket gets until it gets nothing for some time.
fn all(socket: &UdpSocket) -> Result<Vec<Vec<u8>>> {
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    let (mut got, mut buffer) = (Vec::new(), [0; 2048]);
    while let Ok(len) = socket.recv(&mut buffer) {
        got.push(buffer[..len].to_vec());
    }
    Ok(got)
}

#[test]
fn datagrams_sent_as_one_are_each_judged_by_what_it_is() -> Result<()> {
    // One appliance, so that it gets everything.
    let text = document(NO_REBALANCE, HEALTHY).replace(&format!("      - {{ Target: {{ Id: fw2 }}{HEALTHY} }}\n"), "");
    let lab = lab_of(&text)?;
    let (appliance, server) = (listen(&lab, "fw1", GENEVE)?, listen(&lab, "web", 7000)?);
    let victim = listen(&lab, "victim", GENEVE)?;
    let client = listen(&lab, "outside", 5000)?;
    client.send_to(b"let me in", (WEB, 7000))?;
    let mut buffer = [0; 2048];
    let (len, _) = appliance.recv_from(&mut buffer)?;
    let given = &buffer[..len];

    send_as_one(&appliance, [given, given, given])?;
    let got = all(&server)?;
    ensure!(
        got.len() == 3 && got.iter().all(|it| it == b"let me in"),
        "{got:?} {}",
        lab.groundplane(&["status"])?
    );

    // It says of itself that it comes from the endpoint, which needs no cookie, and is for whoever has the node's
    // address there.
    let mut forged = given.to_vec();
    forged[NETWORK].copy_from_slice(&given[ENDPOINT]);
    send_as_one(&appliance, [given, &forged, given])?;
    let stolen = all(&victim)?;
    ensure!(stolen.is_empty(), "the victim gets {stolen:?}");
    let got = all(&server)?;
    ensure!(got.len() == 2, "{got:?}");
    is_dropped_somewhere(&lab, "GeneveMismatch")?;
    lab.down()
}
