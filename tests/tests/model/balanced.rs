//! Conversations by load balancers and endpoints, while targets come and go: model and datapath on the host say the
//! same of every packet here, too.
//!
//! They are made while they are played, like those across gateways, since what is answered depends on the targets and
//! ports that nodes have chosen.

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
    let mut heap = Heap::new(&topology);
    let mut is_changed = false;
    for _ in 0..STEPS {
        match random.random_range(0..100) {
            0..8 => {
                let time = speech::pause(is_changed, &mut random);
                room.wait(time);
                heap.paused(time);
            }
            8..11 => {
                world::change(&mut topology, &mut random);
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
    Ok(())
}
