//! What a request and its answer take, and what a connection does that is opened for one byte and closed: against bare
//! redirects, against the kernel's forwarding, and against that with rules that do the same.
//!
//! All of it on one core. Of requests, one thread is both ends: what it sends the kernel delivers at once, so nobody is
//! waited for and nobody woken, which takes longer than the way. Connections a client opens and a server accepts, each
//! a thread, as it is where they are two programs.

use crate::Options;
use crate::core;
use crate::probe::probe;
use crate::report::{Bar, Row};
use crate::sample::Sample;
use crate::sides::{DB, DOCUMENT, Side};
use anyhow::{Context as _, Result};
use groundplane::install::link;
use socket2::{Domain, Socket, Type};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

const PORT: u16 = 7_000;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let (ours, bare) = (Side::ours(DOCUMENT)?, Side::bare(&options.programs, link::MTU)?);
    let (kernel, rules) = (Side::kernel()?, Side::nftables()?);
    probe(&[&ours, &rules])?;
    let sides = [&ours, &bare, &kernel, &rules];
    let names = sides.map(|side| side.name);
    let mut ends = Vec::new();
    for side in sides {
        ends.push(Ends::new(side)?);
    }
    let number = if options.quick { 1_000 } else { 5_000 };
    let answered = in_turns(options, &ends, |ends| ends.exchange(number))?;
    let opened = in_turns(options, &ends, |ends| ends.open(number / 2))?;
    let none = Bar::None;
    let requests = "request and answer of a byte, both ends included";
    let connections = "connections opened, used for a byte and closed";
    let mut rows = compare(requests, "µs", &answered, &names, [none; 3])?;
    let opened = opened.map(|rounds| rounds.into_iter().map(|taken| 1e3 / taken).collect());
    let bars = [Bar::AtLeast(0.93), none, Bar::AtLeast(1.1)];
    rows.extend(compare(connections, "k/s", &opened, &names, bars)?);
    Ok(rows)
}

/// The microseconds that each takes, round by round. The first round warms up.
fn in_turns(options: &Options, ends: &[Ends<'_>], measure: impl Fn(&Ends<'_>) -> Result<f64>) -> Result<[Vec<f64>; 4]> {
    let mut figures = [const { Vec::new() }; 4];
    for round in 0..=options.rounds() {
        for (ends, figures) in ends.iter().zip(&mut figures) {
            let taken = measure(ends)?;
            if round > 0 {
                figures.push(taken);
            }
        }
    }
    Ok(figures)
}

/// The first against each of the others.
fn compare(what: &str, unit: &str, figures: &[Vec<f64>; 4], names: &[&str; 4], bars: [Bar; 3]) -> Result<Vec<Row>> {
    let [ours, others @ ..] = figures;
    let ours = Sample::of(ours.clone())?;
    let others = others.iter().zip(&names[1..]).zip(bars);
    let rows = others.map(|((theirs, name), bar)| {
        let theirs = Sample::of(theirs.clone())?;
        Row::new(what.to_owned(), unit, ours.clone(), (*name, theirs), bar)
    });
    rows.collect()
}

/// A client's namespace, and a server that listens in another.
struct Ends<'a> {
    side: &'a Side,
    listener: TcpListener,
    /// A connection that is used again and again.
    client: TcpStream,
    server: TcpStream,
}

impl<'a> Ends<'a> {
    fn new(side: &'a Side) -> Result<Self> {
        let listener = side
            .lab
            .inside("db", || Ok(TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))?))?;
        // As many as there are, so that none is needed again while the last connection from it is remembered.
        side.lab.inside("web", || {
            Ok(std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535")?)
        })?;
        let client = side.lab.inside("web", || Ok(TcpStream::connect((DB, PORT))?));
        let client = client.with_context(|| format!("{}: the server isn't reached", side.name))?;
        let (server, _) = listener.accept()?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        Ok(Self {
            side,
            listener,
            client,
            server,
        })
    }

    /// The microseconds of each of so many requests and their answers.
    fn exchange(&self, number: u32) -> Result<f64> {
        let work = || {
            let (mut client, mut server) = (&self.client, &self.server);
            for _ in 0..number {
                client.write_all(b"?")?;
                server.read_exact(&mut [0])?;
                server.write_all(b"!")?;
                client.read_exact(&mut [0])?;
            }
            Ok(())
        };
        let ((), taken) = self.side.lab.inside("web", || core::taken(work))?;
        Ok(taken.as_secs_f64() * 1e6 / f64::from(number))
    }

    /// The microseconds of each of so many connections.
    fn open(&self, number: u32) -> Result<f64> {
        let server = SocketAddr::from((DB, PORT)).into();
        let serve = || {
            for _ in 0..number {
                let (mut accepted, _) = self.listener.accept()?;
                accepted.read_exact(&mut [0])?;
            }
            Ok(())
        };
        let ask = || {
            for _ in 0..number {
                let client = Socket::new(Domain::IPV4, Type::STREAM, None)?;
                client.connect(&server)?;
                (&client).write_all(b"?")?;
                // The server closes first, so that the client's port is free at once.
                (&client).read_to_end(&mut Vec::new())?;
            }
            Ok(())
        };
        let lab = &self.side.lab;
        let (asked, served) = std::thread::scope(|scope| {
            let server = scope.spawn(|| core::taken(serve));
            let asked = lab.inside("web", || core::taken(ask));
            (asked, server.join())
        });
        let served = served.map_err(|_| anyhow::anyhow!("the server has panicked"))?;
        let taken = asked?.1 + served?.1;
        Ok(taken.as_secs_f64() * 1e6 / f64::from(number))
    }
}
