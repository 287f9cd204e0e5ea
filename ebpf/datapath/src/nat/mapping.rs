//! The mappings of NAT gateways, load balancers and gateway endpoints: their rows, and how long they live (semantics
//! 10.5, 13.6).

use crate::conntrack::{self, Pulse, idle};
use crate::family::Family;
use crate::scratch::Scratch;
use crate::stages::Stages;
use crate::walk::Walk;
use crate::{FlowTable, TablesOf, reclaim};
use groundplane_abi::flow::{FlowKey, state};
use groundplane_abi::nat::MAPPINGS;
use groundplane_abi::{Device, DropReason, Ip, Port};

/// Components with mappings that a packet passes on its way, at most.
pub(crate) const MOST: usize = 2;

/// Mappings that a packet needs, in the order in which it passes their gateways.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct Wanted<I: Ip> {
    pub mappings: [Mapping<I>; MOST],
    pub len: u64,
}

/// The keys of a mapping's two rows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct Mapping<I: Ip> {
    /// Of answers, as they arrive at the component that has translated.
    pub answer: FlowKey<I>,
    /// Of the packets that they answer, as they arrive at the component that these were sent to: the same, or the
    /// endpoint in front of a load balancer's node.
    pub forward: FlowKey<I>,
}

impl<I: Family> Mapping<I> {
    /// What becomes of an answer, as if it came in by the component that it leaves.
    #[inline(always)]
    pub(super) fn answered(&self) -> FlowKey<I> {
        self.forward.reversed(self.forward.device().without_mapping())
    }

    /// Whether whoever answers sees the sender as it is. Then nobody has looked for a port that is free.
    #[inline(always)]
    fn preserves_sender(&self) -> bool {
        let (answer, forward) = (&self.answer, &self.forward);
        // The identifier of an echo stands in the same place in either direction.
        let port = if forward.protocol() == I::ICMP {
            forward.dst_port()
        } else {
            forward.src_port()
        };
        answer.dst().difference(forward.src()) == 0 && answer.dst_port() == port
    }

    /// Why it isn't made, if somebody has what it takes.
    #[inline(always)]
    fn refusal(&self) -> DropReason {
        if self.answer.device() == Device::GATEWAY_ENDPOINTS {
            DropReason::GATEWAY_ENDPOINT_TAKEN
        } else {
            DropReason::NAT_PORTS_EXHAUSTED
        }
    }

    /// The key that mappings of one address to one destination are counted by.
    #[inline(always)]
    pub(crate) fn count_key(&self) -> FlowKey<I> {
        let key = &self.answer;
        FlowKey::new(
            key.device(),
            key.protocol(),
            key.src(),
            key.dst(),
            key.src_port(),
            Port::NONE,
        )
    }
}

/// Tells the walk back what the walk there wants.
#[inline(always)]
pub(crate) fn expect<I: Family>(back: &mut Walk<I>, there: &Walk<I>) {
    if there.wanted.len != 0 {
        back.expected = there.wanted;
    }
}

/// Whether the mapping in the walk lives: its connection is one that the gateway has not forgotten, or it is so young
/// that its entry may have been evicted.
pub fn is_live<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>) -> bool {
    if walk.mapping.state != state::LIVE {
        return false;
    }
    let (flow, born) = (walk.mapping.flow, walk.mapping.born);
    if let Some(table) = conntrack::standing(tables, &flow, &mut walk.found) {
        let entry = &walk.found;
        if entry.born == born && entry.state != state::PROMOTED {
            return Pulse::take(tables, table, entry, walk.now).component_keeps(entry);
        }
        // One that is older than the mapping is about to be replaced by another core, which has just made the mapping.
        if (born.wrapping_sub(entry.born) as i32) <= 0 {
            return false;
        }
    }
    let age = (walk.now as u32).wrapping_sub(born);
    age <= idle::UNANSWERED * tables.ticks_per_second()
}

/// Takes the ports that were found for a packet, and for its answer if that passes gateways of its own.
pub fn bind<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> Result<(), DropReason> {
    let (entry, twin) = (&scratch.entry, &scratch.twin);
    bind_one(stages, &mut scratch.there, (&entry.key, entry.born))?;
    bind_one(stages, &mut scratch.back, (&twin.key, twin.born))
}

#[inline(always)]
fn bind_one<I: Family, S: Stages<I>>(
    stages: &S,
    walk: &mut Walk<I>,
    (flow, born): (&FlowKey<I>, u32),
) -> Result<(), DropReason> {
    let mut place = 0;
    while place < MOST {
        if place as u64 >= walk.wanted.len {
            break;
        }
        let wanted = walk.wanted.mappings[place];
        if wanted.preserves_sender() {
            give_way(stages, walk, &wanted);
        }
        if !insert(stages, walk, &wanted, (flow, born)) {
            return Err(wanted.refusal());
        }
        if wanted.answer.device() == Device::GATEWAY_ENDPOINTS {
            take_over(stages, walk, &wanted, flow);
        }
        place += 1;
    }
    walk.wanted.len = 0;
    Ok(())
}

/// One mapping. If a later one fails, this one has no connection and is forgotten after a minute.
#[inline(never)]
fn insert<I: Family, S: Stages<I>>(
    stages: &S,
    walk: &mut Walk<I>,
    wanted: &Mapping<I>,
    (flow, born): (&FlowKey<I>, u32),
) -> bool {
    let count_key = wanted.count_key();
    if !stages.charge_mapping(&count_key, MAPPINGS) {
        return false;
    }
    let nat = wanted.answer.device();
    let stamp = stages.new_stamp();
    let binding = &mut walk.mapping;
    binding.key = wanted.answer;
    binding.becomes = wanted.answered();
    binding.flow = *flow;
    binding.born = born;
    binding.state = state::LIVE;
    binding.stamp = stamp;
    binding.stamp_end = stamp;
    if !stages.insert_binding(binding, false) {
        stages.discharge_mapping(&count_key);
        return false;
    }
    // In the place of one whose mapping is dead, if there is one. Without it a packet that is judged anew gets another
    // port, so it isn't needed as the other row is.
    binding.key = wanted.forward;
    binding.becomes = wanted.answer.reversed(nat);
    stages.insert_binding(binding, true);
    reclaim::push(stages, &wanted.answer.at(nat.of_mapping()), stamp as u32, walk.now);
    true
}

/// Takes out the mapping that has the place of one whose sender keeps its address and port: an older one of the same
/// sender, or one that doesn't live.
#[inline(never)]
fn give_way<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, wanted: &Mapping<I>) {
    if !stages.binding(&wanted.answer, &mut walk.mapping) {
        return;
    }
    if walk.mapping.becomes == wanted.answered() || !stages.is_live(walk) {
        stages.unbind(walk);
    }
}

/// Takes out what stands in the way of answers from outside: the pair of another ENI's connection that the row was
/// before, which no row speaks of any more.
#[inline(never)]
fn take_over<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, wanted: &Mapping<I>, flow: &FlowKey<I>) {
    let key = wanted.answer.at(Device::INTERNET);
    let is_there = conntrack::copy(stages, FlowTable::Main, &key, &mut walk.found);
    if is_there && walk.found.twin_device != flow.device() {
        stages.retire(&key, walk.found.stamp as u32);
    }
}

/// Takes the mapping in the walk out, for whoever has found that it doesn't live.
pub fn unbind<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) {
    let (answer, becomes, stamp) = (walk.mapping.key, walk.mapping.becomes, walk.mapping.stamp);
    if !stages.remove_binding(&answer, stamp) {
        return;
    }
    let mapping = Mapping {
        answer,
        forward: becomes.reversed(becomes.device().of_mapping()),
    };
    stages.discharge_mapping(&mapping.count_key());
    // The two rows of a mapping have one stamp.
    stages.remove_binding(&mapping.forward, stamp);
}
