//! Asks two hosts the same questions before their speed is compared: who reaches whom, and who doesn't.

use crate::sides::{DB, ENDPOINT, NODE, OUTSIDE, Side};
use anyhow::{Context as _, Result, ensure};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// Longer than an answer takes, even on a busy machine, if there is one.
const PATIENCE: Duration = Duration::from_millis(250);

const WEB: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 10);
const APP: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 10);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Protocol {
    Tcp,
    Udp,
}

/// Who asks whom at which address, and whether an answer comes.
type Question = (&'static str, &'static str, Ipv4Addr, Protocol, u16, bool);

use Protocol::{Tcp, Udp};

const QUESTIONS: &[Question] = &[
    ("web", "db", DB, Tcp, 5201, true),
    ("web", "db", DB, Tcp, 7000, true),
    ("web", "db", DB, Udp, 9000, true),
    // No group admits the port; a group does and a NACL denies it.
    ("web", "db", DB, Tcp, 5299, false),
    ("web", "db", DB, Tcp, 7001, false),
    ("web", "db", DB, Udp, 9001, false),
    ("db", "web", WEB, Tcp, 5201, false),
    ("db", "app", APP, Udp, 9000, false),
    ("web", "db", NODE, Tcp, 5201, true),
    ("web", "db", NODE, Udp, 9000, true),
    ("web", "db", NODE, Tcp, 7000, false),
    ("buyer", "db", ENDPOINT, Tcp, 5201, true),
    ("buyer", "db", ENDPOINT, Udp, 9000, true),
    ("buyer", "db", ENDPOINT, Tcp, 7000, false),
    // No route leads from one VPC into the other, and none from the outside.
    ("buyer", "db", DB, Tcp, 5201, false),
    ("db", "buyer", Ipv4Addr::new(10, 1, 1, 10), Tcp, 5201, false),
    ("app", "outside", OUTSIDE, Tcp, 5201, true),
    ("app", "outside", OUTSIDE, Udp, 9000, true),
    ("web", "outside", OUTSIDE, Tcp, 5201, false),
    ("outside", "app", Ipv4Addr::new(203, 0, 113, 200), Tcp, 5201, false),
];

/// All questions to all sides, each of which has to give the same answers.
pub(crate) fn probe(sides: &[&Side]) -> Result<()> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = sides.iter().map(|side| scope.spawn(|| ask_all(side))).collect();
        let mut answers = asked.into_iter().map(|thread| thread.join());
        answers.try_for_each(|answer| answer.map_err(|_| anyhow::anyhow!("asking has panicked"))?)
    })
}

fn ask_all(side: &Side) -> Result<()> {
    for (from, to, address, protocol, port, is_answered) in QUESTIONS.iter().copied() {
        let question = || format!("{}: {from} asks {to} at {address}, {protocol:?} port {port}", side.name);
        let answered = match protocol {
            Tcp => tcp(side, (from, to), (address, port).into()),
            Udp => udp(side, (from, to), (address, port).into()),
        };
        let answered = answered.with_context(question)?;
        ensure!(answered == is_answered, "{}: answered {answered}", question());
    }
    Ok(())
}

/// A socket stays in the namespace it was made in, whoever uses it.
fn tcp(side: &Side, (from, to): (&str, &str), address: SocketAddr) -> Result<bool> {
    let lab = &side.lab;
    let listener = lab.inside(to, || Ok(TcpListener::bind(("0.0.0.0", address.port()))?))?;
    let stream = lab.inside(from, || Ok(TcpStream::connect_timeout(&address, PATIENCE)));
    let Ok(mut stream) = stream? else { return Ok(false) };
    let (mut accepted, _) = listener.accept()?;
    accepted.write_all(b"!")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream.read_exact(&mut [0]).is_ok())
}

fn udp(side: &Side, (from, to): (&str, &str), address: SocketAddr) -> Result<bool> {
    let lab = &side.lab;
    let bind = |port: u16| {
        move || {
            let socket = UdpSocket::bind(("0.0.0.0", port))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok(socket)
        }
    };
    let (server, client) = (lab.inside(to, bind(address.port()))?, lab.inside(from, bind(0))?);
    client.send_to(b"?", address)?;
    let Ok((_, client_seen)) = server.recv_from(&mut [0]) else {
        return Ok(false);
    };
    server.send_to(b"!", client_seen)?;
    Ok(client.recv_from(&mut [0]).is_ok())
}
