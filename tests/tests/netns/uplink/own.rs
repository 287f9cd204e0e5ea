//! What is the host's own on a device that is an uplink: connections that last, questions and answers, a web server.
//! All of it goes on, byte for byte, while the device becomes an uplink, is changed, flooded and left alone again.

use super::apply;
use super::xdp::{DOCUMENT, lab, with};
use anyhow::{Context, Result, anyhow, ensure};
use groundplane_tests::netns::{Lab, eventually};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep, spawn};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer takes several fragments.
const LENGTHS: [usize; 5] = [12, 60, 512, 1400, 5000];
const PAGE: usize = 300_000;

/// How often each of them has got what it should.
#[derive(Debug, Default)]
struct Rounds {
    stream: AtomicU64,
    questions: AtomicU64,
    pages: AtomicU64,
    /// Questions that had to be asked again.
    repeated: AtomicU64,
    over: AtomicBool,
}

impl Rounds {
    fn all(&self) -> [u64; 3] {
        [&self.stream, &self.questions, &self.pages].map(|rounds| rounds.load(Ordering::Relaxed))
    }

    fn go_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// Waits until everybody has got something that was asked for after this was called.
    fn pass(&self) -> Result<()> {
        let before = self.all();
        let is_on = |(now, before): (u64, u64)| now > before + 2;
        eventually(|| Ok(self.all().into_iter().zip(before).all(is_on))).context("somebody gets no answers any more")
    }
}

/// Bytes that tell which round they are of and where they stand in it.
fn bytes(round: u64, len: usize) -> Vec<u8> {
    let mixed = |at: u64| (round.wrapping_mul(0x9e37_79b9) ^ at).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 56;
    (0..len as u64).map(|at| mixed(at).to_le_bytes()[0]).collect()
}

/// As somebody who is logged in: a few bytes, many bytes, and each of them comes back.
fn stream(lab: &Lab, rounds: &Rounds) -> Result<()> {
    let listener = lab.inside("host", || Ok(TcpListener::bind("192.0.2.1:22")?))?;
    let server = spawn(move || -> Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut answers = stream.try_clone()?;
        std::io::copy(&mut stream, &mut answers)?;
        Ok(())
    });
    let address = "192.0.2.1:22".parse()?;
    let mut client = lab.inside("outside", || Ok(TcpStream::connect_timeout(&address, PATIENCE)?))?;
    client.set_read_timeout(Some(PATIENCE))?;
    for round in 0.. {
        let said = bytes(round, LENGTHS[(round % 5) as usize] * 8);
        client.write_all(&said)?;
        let mut heard = vec![0; said.len()];
        client
            .read_exact(&mut heard)
            .with_context(|| format!("round {round}"))?;
        ensure!(said == heard, "other bytes in round {round}");
        rounds.stream.fetch_add(1, Ordering::Relaxed);
        if !rounds.go_on() {
            break;
        }
        sleep(Duration::from_millis(1));
    }
    drop(client);
    server.join().map_err(|_| anyhow!("the server panicked"))?
}

/// As a name server that the host runs: a datagram asks, another one answers. What is lost is asked again.
fn questions(lab: &Lab, rounds: &Rounds) -> Result<()> {
    let server = lab.inside("host", || Ok(UdpSocket::bind("192.0.2.1:53")?))?;
    server.set_read_timeout(Some(Duration::from_millis(100)))?;
    let client = lab.inside("outside", || Ok(UdpSocket::bind("192.0.2.7:0")?))?;
    client.connect("192.0.2.1:53")?;
    // What takes longer is lost, and not late on a machine that has stood still.
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    scope(|scope| -> Result<()> {
        let serving = scope.spawn(|| answer(&server, rounds));
        for round in 0.. {
            let expected = bytes(round, LENGTHS[(round % 5) as usize]);
            let mut heard = vec![0; 8_192];
            let mut tries = 0;
            loop {
                client.send(&round.to_be_bytes())?;
                match client.recv(&mut heard) {
                    Ok(len) if heard.get(..len) == Some(&*expected) => break,
                    // The answer to what was asked a second time.
                    Ok(_) if rounds.repeated.load(Ordering::Relaxed) > 0 => {}
                    Ok(len) => anyhow::bail!("round {round}: another answer, of {len} bytes"),
                    Err(_) => {
                        rounds.repeated.fetch_add(1, Ordering::Relaxed);
                        tries += 1;
                        ensure!(tries < 10, "round {round}: no answer");
                    }
                }
            }
            rounds.questions.fetch_add(1, Ordering::Relaxed);
            if !rounds.go_on() {
                break;
            }
            sleep(Duration::from_millis(1));
        }
        serving.join().map_err(|_| anyhow!("the server panicked"))?
    })
}

fn answer(server: &UdpSocket, rounds: &Rounds) -> Result<()> {
    let mut question = [0; 8];
    while rounds.go_on() {
        // Nobody has asked for a while.
        let Ok((_, client)) = server.recv_from(&mut question) else {
            continue;
        };
        let round = u64::from_be_bytes(question);
        server.send_to(&bytes(round, LENGTHS[(round % 5) as usize]), client)?;
    }
    Ok(())
}

/// As a web server that the host runs, with a connection for each page.
fn pages(lab: &Lab, rounds: &Rounds) -> Result<()> {
    let listener = lab.inside("host", || Ok(TcpListener::bind("192.0.2.1:80")?))?;
    let server = spawn(move || -> Result<()> {
        loop {
            let (mut stream, _) = listener.accept()?;
            let mut question = [0; 8];
            stream.read_exact(&mut question)?;
            let round = u64::from_be_bytes(question);
            stream.write_all(&bytes(round, PAGE))?;
            if round == u64::MAX {
                return Ok(());
            }
        }
    });
    let address = "192.0.2.1:80".parse()?;
    let ask = |round: u64| -> Result<()> {
        let mut client = lab.inside("outside", || Ok(TcpStream::connect_timeout(&address, PATIENCE)?))?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.write_all(&round.to_be_bytes())?;
        let mut page = Vec::new();
        client.read_to_end(&mut page)?;
        ensure!(page == bytes(round, PAGE), "page {round} is another one");
        Ok(())
    };
    for round in 0.. {
        ask(round).with_context(|| format!("page {round}"))?;
        rounds.pages.fetch_add(1, Ordering::Relaxed);
        if !rounds.go_on() {
            break;
        }
        sleep(Duration::from_millis(5));
    }
    ask(u64::MAX)?;
    server.join().map_err(|_| anyhow!("the server panicked"))?
}

/// First packets of all kinds, to addresses of ours that are open, shut, and nobody's.
fn flood(lab: &Lab) -> Result<()> {
    for arguments in [
        ["-S", "-p", "80", "203.0.113.10"],
        ["-S", "-p", "81", "203.0.113.10"],
        ["--udp", "-p", "53", "203.0.113.10"],
        ["-S", "-p", "80", "203.0.113.11"],
    ] {
        let mut command = vec!["hping3", "-q", "-i", "u100", "-c", "2000", "--rand-source"];
        command.extend(arguments);
        // It ends with an error since nobody answers.
        let _said = lab.run("outside", &command)?;
    }
    Ok(())
}

/// Does something while all of it goes on, and says how many questions had to be asked again.
fn meanwhile(lab: &Lab, work: impl FnOnce(&Rounds) -> Result<()>) -> Result<u64> {
    let rounds = Rounds::default();
    scope(|scope| {
        let talking = [
            scope.spawn(|| stream(lab, &rounds)),
            scope.spawn(|| questions(lab, &rounds)),
            scope.spawn(|| pages(lab, &rounds)),
        ];
        let worked = rounds.pass().and_then(|()| work(&rounds));
        rounds.over.store(true, Ordering::Relaxed);
        let talked = talking.map(|talk| talk.join().map_err(|_| anyhow!("somebody panicked"))?);
        talked.into_iter().collect::<Result<Vec<()>>>()?;
        worked
    })?;
    Ok(rounds.repeated.load(Ordering::Relaxed))
}

/// One life of an uplink.
fn live(lab: &Lab, rounds: &Rounds, modes: [&str; 2]) -> Result<()> {
    lab.up(&with(modes[0]))?;
    rounds.pass()?;
    flood(lab)?;
    rounds.pass()?;
    apply(lab, &with(modes[1]).replace("203.0.113.11", "203.0.113.12"))?;
    rounds.pass()?;
    flood(lab)?;
    apply(lab, DOCUMENT)?;
    rounds.pass()?;
    apply(lab, &with(modes[0]))?;
    rounds.pass()?;
    lab.down()?;
    rounds.pass()
}

#[test]
fn what_is_the_hosts_own_notices_nothing_of_an_uplink() -> Result<()> {
    let lab = lab()?;
    let repeated = meanwhile(&lab, |rounds| live(&lab, rounds, ["off", "off"]))?;
    ensure!(repeated == 0, "{repeated} questions were lost");
    Ok(())
}

/// A device that begins to run a program natively may lose what it is just receiving.
#[test]
fn what_is_the_hosts_own_goes_on_behind_a_filter() -> Result<()> {
    let lab = lab()?;
    let repeated = meanwhile(&lab, |rounds| live(&lab, rounds, ["native", "generic"]))?;
    println!("{repeated} questions were asked again");
    ensure!(repeated <= 6, "{repeated} questions were lost");
    Ok(())
}
