//! Programs that are replaced under a stream of numbered packets.

use super::two_vpcs;
use anyhow::{Context as _, Result, anyhow, ensure};
use groundplane::install::LoadOptions;
use groundplane::install::kernel::{Datapath, Upgrade};
use groundplane::object::object;
use groundplane_tests::netns::Lab;
use groundplane_tests::variant;
use nix::sys::socket::{setsockopt, sockopt};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

const UPGRADES: usize = 10;
const PACKETS_PER_MILLISECOND: u64 = 100;
/// What the receiver's socket holds while its process waits for a core.
const BUFFER: usize = 256 << 20;

/// Sends numbered packets, so many in a millisecond, until it is over; says how many, and in which time.
fn count_up(lab: &Lab, over: &AtomicBool) -> Result<(u64, Duration)> {
    lab.inside("web", || {
        let socket = UdpSocket::bind("10.0.1.10:4000")?;
        socket.connect("10.0.2.10:5000")?;
        // Once there and back: what follows is of an established connection.
        socket.send(&u64::MAX.to_be_bytes())?;
        socket.recv(&mut [0; 8])?;
        let (began, mut sent) = (Instant::now(), 0_u64);
        while !over.load(Ordering::Relaxed) {
            let due = u64::try_from(began.elapsed().as_millis())? * PACKETS_PER_MILLISECOND;
            while sent < due {
                socket.send(&sent.to_be_bytes())?;
                sent += 1;
            }
            sleep(Duration::from_micros(200));
        }
        Ok((sent, began.elapsed()))
    })
}

/// Hears packets until it is over and there are no more, each of which must have the number after the one before; says
/// how many.
fn hear(socket: &UdpSocket, over: &AtomicBool) -> Result<u64> {
    let mut number = [0; 8];
    let (_, from) = socket.recv_from(&mut number)?;
    socket.send_to(&number, from)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut expected = 0;
    loop {
        // Asked first: what was sent before it was over is heard.
        let is_over = over.load(Ordering::Relaxed);
        if socket.recv(&mut number).is_err() {
            if is_over {
                return Ok(expected);
            }
            continue;
        }
        let heard = u64::from_be_bytes(number);
        ensure!(heard == expected, "number {heard} came where {expected} was due");
        expected += 1;
    }
}

#[test]
fn programs_are_replaced_under_a_hundred_thousand_packets_a_second_without_one_lost_or_overtaken() -> Result<()> {
    let lab = two_vpcs()?;
    let ours = object()?;
    let other = variant::of(ours)?;
    let mut datapath = Datapath::open(&lab.pin_dir())?;
    let socket = lab.inside("db", || Ok(UdpSocket::bind("10.0.2.10:5000")?))?;
    setsockopt(&socket, sockopt::RcvBufForce, &BUFFER)?;
    let (over, silent) = (AtomicBool::new(false), AtomicBool::new(false));
    let (sent, time, heard) = scope(|scope| -> Result<_> {
        let receiver = scope.spawn(|| hear(&socket, &silent));
        let sender = scope.spawn(|| count_up(&lab, &over));
        let upgraded = (0..UPGRADES).try_for_each(|turn| {
            sleep(Duration::from_millis(100));
            let object = if turn % 2 == 0 { &other } else { ours };
            let options = LoadOptions {
                object,
                ..LoadOptions::default()
            };
            let upgrade = datapath.upgrade(&options)?;
            ensure!(upgrade == Upgrade::Replaced { devices: 5 }, "{upgrade:?}");
            Ok(())
        });
        over.store(true, Ordering::Relaxed);
        let sent = sender.join();
        silent.store(true, Ordering::Relaxed);
        let (sent, time) = sent.map_err(|_| anyhow!("the sender panicked"))??;
        let heard = receiver.join().map_err(|_| anyhow!("the receiver panicked"))?;
        upgraded?;
        Ok((sent, time, heard?))
    })?;
    println!(
        "{UPGRADES} replacements under {:.0} packets a second",
        sent as f64 / time.as_secs_f64()
    );
    ensure!(heard == sent, "{heard} of {sent} arrived");
    let status = lab.status()?;
    let whole = status["enis"].as_array().context("status lists ENIs")?.iter();
    ensure!(whole.clone().all(|eni| eni["enforcement"] == "enforced"), "{status:#}");
    Ok(())
}
