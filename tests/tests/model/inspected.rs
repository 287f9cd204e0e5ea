//! Conversations by Gateway Load Balancers, with appliances that return what they get, drop it, or return something
//! else: model and datapath on the host say the same of every packet here, too.
//!
//! They are made while they are played, like those by other load balancers.

mod appliance;
mod speech;
mod world;

use super::abroad::{Reach, Room};
use appliance::Appliances;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use speech::Heap;

/// Packets, pauses and changes of a conversation.
const STEPS: usize = 300;
/// A packet passes an appliance, and what comes of that no more than another one.
const RETURNS: usize = 3;

/// Plays a conversation. The error tells what happened up to the first packet that model and datapath disagree about.
pub(crate) fn listen(seed: u64, index: u64, reach: &mut Reach) -> Result<(), String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ index.rotate_left(32));
    let mut topology = world::topology(&mut random);
    let mut room = Room::new(topology.clone());
    let mut heap = Heap::new(&topology);
    let mut appliances = Appliances::new(&topology);
    for _ in 0..STEPS {
        match random.random_range(0..100) {
            0..6 => room.wait(speech::pause(&mut random)),
            6..9 => {
                room.note(world::change(&mut topology, &mut random));
                room.configure(&topology);
                reach.changed();
            }
            _ => {
                let next = match appliances.belated(&mut random) {
                    Some(belated) => belated,
                    None => heap.next(&mut random),
                };
                say(next, (&mut room, &mut appliances, &mut heap), &mut random, reach)?;
            }
        }
    }
    Ok(())
}

/// A packet, and what an appliance makes of it.
fn say(
    (mut from, mut frame): (groundplane_abi::Device, Vec<u8>),
    (room, appliances, heap): (&mut Room, &mut Appliances, &mut Heap),
    random: &mut ChaCha8Rng,
    reach: &mut Reach,
) -> Result<(), String> {
    for _ in 0..=RETURNS {
        let arrived = room.packet(from, &frame, reach);
        let Some((at, got)) = arrived.map_err(|wrong| room.tell(&wrong))? else {
            return Ok(());
        };
        if !appliances.are_on(at) {
            heap.arrived(at, &got);
            return Ok(());
        }
        let Some(returned) = appliances.take(at, &got, random) else {
            return Ok(());
        };
        (from, frame) = returned;
    }
    Ok(())
}
