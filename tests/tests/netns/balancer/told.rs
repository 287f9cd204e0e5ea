//! Targets that are told of their clients by PROXY protocol, version 2 (semantics 13.7, S81), with real sockets: by an
//! agent.

use super::{ENDPOINT, NODE, PATIENCE, document};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Agent, Lab, eventually};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::spawn;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Nobody asks about the second server, which is told to be away.
fn telling() -> String {
    let kept = "{ Key: preserve_client_ip.enabled, Value: \"false\" }";
    let told = format!("{kept}, {{ Key: proxy_protocol_v2.enabled, Value: \"true\" }}");
    document("available", "unhealthy", false).replace(kept, &told)
}

fn begin(text: &str) -> Result<(Lab, Agent)> {
    let lab = Lab::new()?;
    let document = lab.document(text)?;
    let agent = lab.agent(&["--network", &document.to_string_lossy()])?;
    Ok((lab, agent))
}

/// What stands in front of a stream, and as whom its sender is seen.
#[derive(Debug)]
struct Told {
    seen_as: SocketAddr,
    command: u8,
    rest: Vec<u8>,
}

impl Told {
    fn read(stream: &mut TcpStream) -> Result<Self> {
        let mut head = [0; 16];
        stream.read_exact(&mut head)?;
        let (signature, head) = head.split_at(SIGNATURE.len());
        ensure!(signature == SIGNATURE, "{signature:?}");
        let mut rest = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
        stream.read_exact(&mut rest)?;
        Ok(Self {
            seen_as: stream.peer_addr()?,
            command: head[0],
            rest,
        })
    }

    /// Who has spoken to whom, and what follows.
    fn pair(&self) -> Result<(SocketAddrV4, SocketAddrV4, &[u8])> {
        let (pair, more) = self.rest.split_first_chunk::<12>().context("two addresses")?;
        let [a, b, c, d, e, f, g, h, ports @ ..] = *pair;
        let [client, node] = [[a, b, c, d], [e, f, g, h]];
        let [p, q, r, s] = ports;
        Ok((
            SocketAddrV4::new(client.into(), u16::from_be_bytes([p, q])),
            SocketAddrV4::new(node.into(), u16::from_be_bytes([r, s])),
            more,
        ))
    }
}

/// A target that says what it is told, and repeats what it hears until there is no more.
fn serve(lab: &Lab) -> Result<Receiver<Told>> {
    let listener = lab.inside("web1", || Ok(TcpListener::bind("10.0.1.60:80")?))?;
    let (say, told) = channel();
    spawn(move || {
        for stream in listener.incoming() {
            let (Ok(stream), say) = (stream, say.clone()) else {
                return;
            };
            spawn(move || answer(stream, &say));
        }
    });
    Ok(told)
}

fn answer(mut stream: TcpStream, say: &Sender<Told>) -> Result<()> {
    say.send(Told::read(&mut stream)?)?;
    let mut other = stream.try_clone()?;
    std::io::copy(&mut stream, &mut other)?;
    Ok(other.shutdown(Shutdown::Write)?)
}

fn connect(lab: &Lab, from: &str, to: &str) -> Result<TcpStream> {
    let address: SocketAddr = format!("{to}:80").parse()?;
    let stream = lab.inside(from, || Ok(TcpStream::connect_timeout(&address, PATIENCE)?))?;
    stream.set_read_timeout(Some(PATIENCE * 5))?;
    Ok(stream)
}

/// The next that is not the load balancer's own.
fn next(told: &Receiver<Told>) -> Result<Told> {
    loop {
        let told = told.recv_timeout(PATIENCE)?;
        if told.command != 0x20 {
            return Ok(told);
        }
        ensure!(told.rest.is_empty(), "{told:?}");
    }
}

/// Says as much as many windows hold, then that there is no more, and hears the same.
fn talk(stream: TcpStream) -> Result<()> {
    const LEN: usize = 8_000_000;
    let said: Vec<u8> = (0..LEN).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
    let (mut speaker, mut stream, spoken) = (stream.try_clone()?, stream, said.clone());
    let speaking = spawn(move || {
        speaker.write_all(&spoken)?;
        speaker.shutdown(Shutdown::Write)
    });
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard)?;
    speaking.join().map_err(|_| anyhow::anyhow!("it panicked"))??;
    ensure!(heard == said, "{} of {LEN} came back, or others", heard.len());
    Ok(())
}

#[test]
fn s81_a_target_is_told_the_client_and_the_endpoint() -> Result<()> {
    let (lab, agent) = begin(&telling())?;
    let told = serve(&lab)?;
    let shown = lab
        .groundplane(&["show", "vpc-endpoints", "--output", "json"])?
        .success()?;
    for (from, to, endpoint) in [
        ("client", ENDPOINT, true),
        ("far", ENDPOINT, true),
        ("neighbour", NODE, false),
    ] {
        let stream = connect(&lab, from, to)?;
        let SocketAddr::V4(own) = stream.local_addr()? else {
            anyhow::bail!("a client of IPv4");
        };
        let told = next(&told)?;
        let (client, node, more) = told.pair()?;
        ensure!(told.command == 0x21 && client == own, "{told:?}");
        ensure!(node.to_string() == format!("{NODE}:80"), "{told:?}");
        ensure!(told.seen_as.ip().to_string() == NODE, "{told:?}");
        if endpoint {
            let (head, id) = more.split_at(4);
            let id = String::from_utf8(id.to_vec())?;
            ensure!(head == [0xea, 0, u8::try_from(id.len() + 1)?, 1], "{told:?}");
            ensure!(
                id.starts_with("vpce-") && shown.stdout.contains(&id),
                "{id} of {}",
                shown.stdout
            );
        } else {
            ensure!(more.is_empty(), "{told:?}");
        }
        talk(stream)?;
    }
    agent.stop()?;
    lab.down()
}

#[test]
fn who_is_connected_stays_so_while_others_come_and_the_document_changes() -> Result<()> {
    let (lab, agent) = begin(&telling())?;
    let told = serve(&lab)?;
    let first = connect(&lab, "client", ENDPOINT)?;
    next(&told)?;
    let others = telling().replace(
        "neighbour: { subnet: a, PrivateIpAddress: 10.0.1.90",
        "neighbour: { subnet: a, PrivateIpAddress: 10.0.1.91",
    );
    let (document, socket) = (lab.document(&others)?, lab.socket());
    let arguments = [
        "apply",
        &document.to_string_lossy(),
        "--socket",
        &socket.to_string_lossy(),
    ];
    lab.groundplane(&arguments)?.success()?;
    talk(connect(&lab, "far", ENDPOINT)?)?;
    talk(first)?;
    agent.stop()?;
    lab.down()
}

#[test]
fn nginx_takes_the_header_and_tells_curl_who_it_is() -> Result<()> {
    let (lab, agent) = begin(&telling())?;
    let dir = lab.dir().display();
    let path = lab.dir().join("nginx.conf");
    let text = format!(
        "daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.log; events {{}}\n\
         http {{ access_log off; server {{ listen 80 proxy_protocol;\n\
         location / {{ return 200 '$proxy_protocol_addr by $remote_addr'; }} }} }}\n"
    );
    fs::write(&path, text)?;
    let nginx = lab.start(
        "web1",
        &["nginx", "-p", &dir.to_string(), "-c", &path.to_string_lossy()],
    )?;
    let url = format!("http://{ENDPOINT}/");
    let fetch = |from| lab.run(from, &["curl", "-sS", "--max-time", "3", &url]);
    eventually(|| Ok(fetch("client")?.success().is_ok()))?;
    for (from, address) in [("client", "10.0.1.10"), ("far", "10.0.2.10")] {
        let told = fetch(from)?.success()?.stdout;
        ensure!(told == format!("{address} by {NODE}"), "{told}");
    }
    // Nobody speaks in the place of a target without an agent.
    nginx.stop()?;
    agent.stop()?;
    ensure!(fetch("client")?.success().is_err());
    lab.down()
}
