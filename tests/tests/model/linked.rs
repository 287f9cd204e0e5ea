//! Conversations by VPC links of both kinds: what the agent's sockets say to targets and hear from them, what guests
//! that nobody has spoken to send to the links' network interfaces, and what both have counted afterwards.
//!
//! They are made while they are played, since what is answered depends on the ports that stand for the service.

mod speech;
mod world;

use super::abroad::{Reach, Room};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use speech::Heap;

/// Packets, pauses and changes of a conversation.
const STEPS: usize = 300;

/// Plays a conversation. The error tells what happened up to the first packet that model and datapath disagree about.
pub(crate) fn listen(seed: u64, index: u64, reach: &mut Reach) -> Result<(), String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ index.rotate_left(32));
    let mut topology = world::topology(&mut random);
    let mut room = Room::new(topology.clone());
    let names = world::names(&topology);
    for name in &names {
        room.name(name.address, (&name.eni, name.device), name.target);
    }
    let mut heap = Heap::new(&topology, &names);
    let mut is_changed = false;
    for _ in 0..STEPS {
        match random.random_range(0..100) {
            0..5 => room.wait(speech::pause(is_changed, &mut random)),
            5..8 => {
                room.note(world::change(&mut topology, &mut random));
                room.configure(&topology);
                heap.changed();
                is_changed = true;
                reach.changed();
            }
            _ => {
                let (from, packet) = heap.next(&mut random);
                let arrived = room.packet(from, &packet.build(), reach);
                if let Some((at, frame)) = arrived.map_err(|wrong| room.tell(&wrong))? {
                    heap.arrived(at, &frame);
                }
            }
        }
    }
    room.check_books().map_err(|wrong| room.tell(&wrong))
}
