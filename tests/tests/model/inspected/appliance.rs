//! What appliances do with what they get.

use groundplane_abi::Device;
use groundplane_tests::packet::ROUTER;
use groundplane_tests::topology::Topology;
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

pub(super) const APPLIANCES: [&str; 4] = ["fw-1", "fw-2", "fw-3", "fw-4"];
/// Where in a frame what an appliance gets says it.
const OUTER: Range<usize> = 26..34;
const SOURCE: Range<usize> = 26..30;
const GENEVE: usize = 14 + 20 + 8;
const ENDPOINT: usize = GENEVE + 8 + 11;
const ATTACHMENT: usize = GENEVE + 8 + 12 + 11;
const COOKIE: usize = GENEVE + 8 + 12 + 12 + 7;
const INNER: usize = GENEVE + 40;
/// A frame of Ethernet has no less.
const SHORTEST: usize = 60;
/// So many are kept back.
const MOST: usize = 16;

pub(super) struct Appliances {
    /// With their MAC and IP addresses.
    guests: Vec<(Device, [u8; 6], [u8; 4])>,
    /// What is yet to be returned.
    kept: Vec<(Device, Vec<u8>)>,
    /// What was returned last, of which options are taken for other packets.
    last: Vec<u8>,
}

impl Appliances {
    pub(super) fn new(topology: &Topology) -> Self {
        let guests = APPLIANCES.map(|name| topology.guest(name));
        Self {
            guests: guests.map(|guest| (guest.device, guest.mac, guest.ip)).into(),
            kept: Vec::new(),
            last: Vec::new(),
        }
    }

    pub(super) fn are_on(&self, device: Device) -> bool {
        self.guests.iter().any(|(other, ..)| *other == device)
    }

    /// Something that was kept back, mostly for longer than the sender waits.
    pub(super) fn belated(&mut self, random: &mut ChaCha8Rng) -> Option<(Device, Vec<u8>)> {
        let is_now = !self.kept.is_empty() && random.random_bool(0.1);
        is_now.then(|| self.kept.swap_remove(random.random_range(0..self.kept.len())))
    }

    /// Who sends what back, if that is now.
    pub(super) fn take(&mut self, at: Device, got: &[u8], random: &mut ChaCha8Rng) -> Option<(Device, Vec<u8>)> {
        let mut returned = self.returned(at, got);
        if returned.len() <= INNER {
            // Nothing that a load balancer has sent.
            return None;
        }
        match random.random_range(0..40) {
            0 => return None,
            1 if self.kept.len() < MOST => {
                self.kept.push((at, returned));
                return None;
            }
            2 => returned[COOKIE] ^= 1,
            3 => returned[*[ENDPOINT, ATTACHMENT].choose(random).expect("some")] ^= 1,
            4 if !self.last.is_empty() => {
                // The options of another flow, or of the same one.
                returned[GENEVE..INNER].copy_from_slice(&self.last[GENEVE..INNER]);
            }
            // The reserved byte behind the first type says that the option is another one.
            5 => returned[GENEVE + 8 + 2] ^= 7,
            6 => returned.truncate(random.random_range(SHORTEST..INNER + 8)),
            7 => return Some(self.by_another(got, random)),
            _ => self.last.clone_from(&returned),
        }
        lengths(&mut returned);
        Some((at, returned))
    }

    /// The same with the addresses swapped.
    fn returned(&self, at: Device, got: &[u8]) -> Vec<u8> {
        let mut returned = got.to_vec();
        let guest = self.guests.iter().find(|(device, ..)| *device == at);
        let (_, mac, _) = guest.expect("it is an appliance");
        returned[..6].copy_from_slice(&ROUTER);
        returned[6..12].copy_from_slice(mac);
        returned[OUTER].rotate_left(4);
        returned
    }

    /// One that hasn't got it sends it from its own address.
    fn by_another(&self, got: &[u8], random: &mut ChaCha8Rng) -> (Device, Vec<u8>) {
        let guest = self.guests.choose(random).expect("some");
        let mut returned = self.returned(guest.0, got);
        returned[SOURCE].copy_from_slice(&guest.2);
        lengths(&mut returned);
        (guest.0, returned)
    }
}

/// What the outer headers say of the length.
fn lengths(frame: &mut [u8]) {
    let total = u16::try_from(frame.len() - 14).expect("it was a packet");
    if total < 28 {
        return;
    }
    frame[16..18].copy_from_slice(&total.to_be_bytes());
    frame[38..40].copy_from_slice(&(total - 20).to_be_bytes());
    frame[24..26].fill(0);
    let sum = groundplane_tests::packet::checksum(&frame[14..34]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
}
