//! NAT gateways (semantics 10).
//!
//! What comes from inside gets an address of the gateway and a port of that address, and goes on from the gateway's
//! subnet. The pair is taken by a row that can be inserted once, so two connections never share one; the row says whose
//! it is, and finds the client again by whatever way an answer comes. It lives as long as the flow entries of its connection
//! say: nothing else sees every packet.

use crate::conntrack::{self, Pulse, idle};
use crate::family::Family;
use crate::packet::{Packet, packet_flag};
use crate::scratch::Scratch;
use crate::stages::Stages;
use crate::walk::{NO_GATE, Walk, route};
use crate::{TablesOf, eni, nat64, reclaim};
use groundplane_abi::eni::{AddressKey, EniKey};
use groundplane_abi::flow::{FlowKey, state, tcp_seen};
use groundplane_abi::nacl::direction;
use groundplane_abi::nat::{MAPPINGS, NAT_ADDRESSES};
use groundplane_abi::route::Target;
use groundplane_abi::vpc::VpcKey;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, GroupSetId, Ip, Port};

/// Semantics 10.5.
const IDLE: u16 = 350;
/// Semantics 10.7.
const MTU: u16 = 8500;

/// NAT gateways that a packet passes on its way, at most.
const MOST: usize = 2;
/// How many ports of an address are tried. With 55,000 mappings of 64,512 all are taken three times in 100,000.
const PROBES: u32 = 64;
const FIRST_PORT: u32 = 1024;
const PORTS: u32 = 64_512;

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
    /// Of answers, as they arrive at the gateway.
    pub answer: FlowKey<I>,
    /// Of packets from inside, as they arrive there.
    pub forward: FlowKey<I>,
}

impl<I: Family> Mapping<I> {
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

/// From inside to the gateway that the walk is about to arrive at, and on from its subnet.
pub fn out<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let nat = walk.arrival;
    if I::VERSION == 6 && !I::leads_to_ip4(walk.packet.dst) {
        return Err(DropReason::UNUSABLE_TARGET);
    }
    arrive(stages, walk, nat)?;
    walk.refuser = nat_address(stages, walk, nat, 0).ok_or(DropReason::NO_ENI)?;
    let is_error = walk.packet.has(packet_flag::QUOTES);
    if !is_error && !is_carried::<I>(&walk.packet) {
        return Err(DropReason::NAT_PROTOCOL);
    }
    pass(walk)?;
    if I::VERSION == 6 && walk.packet.has(packet_flag::FRAGMENT | packet_flag::OPTIONS) {
        return Err(DropReason::NAT64_CONTENT);
    }
    hop(walk);
    if is_error {
        walk.mapping.key = walk.quoted.reversed(nat.of_mapping());
    } else {
        walk.mapping.key = walk.packet.key(nat.of_mapping());
    }
    let key = walk.mapping.key;
    if !is_mapped(stages, walk, &key) || is_succeeded(walk) {
        if is_error {
            return Err(DropReason::NAT_NO_MAPPING);
        }
        if walk.packet.protocol == protocol::TCP && !walk.packet.opens() {
            return Err(DropReason::NAT_IDLE_RESET);
        }
        map(stages, walk, nat)?;
    }
    let becomes = walk.mapping.becomes;
    if is_error {
        walk.packet.src = becomes.src();
        walk.quoted = becomes.reversed(Device::NONE);
    } else {
        walk.packet.src = becomes.src();
        if walk.packet.protocol == I::ICMP {
            walk.packet.dst_port = becomes.dst_port();
        } else {
            walk.packet.src_port = becomes.src_port();
        }
    }
    if I::VERSION == 6 {
        walk.is_clamped = 1;
        walk.narrow(nat64::MTU);
        carry(walk, nat);
        return Ok(());
    }
    go_on(stages, walk)
}

/// Here the packet becomes one of the other family (see [`nat64`]).
#[inline(always)]
fn carry<I: Family>(walk: &mut Walk<I>, nat: Device) {
    walk.far_device = nat;
    walk.far_gate = NO_GATE;
    walk.is_carried = 1;
    walk.is_elsewhere = 1;
    walk.component = IDLE;
}

/// From the ENI of a gateway, where the packet was one of the other family. An answer, in IPv6, finds its client there as
/// any other does.
pub fn send<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let nat = walk.near_device;
    eni::load_near(stages, walk)?;
    walk.far_device = nat;
    walk.source = Device::NONE;
    walk.direction = direction::INGRESS;
    if I::VERSION == 6 {
        return Ok(());
    }
    walk.is_elsewhere = 1;
    walk.component = IDLE;
    walk.identity = GroupSetId::NONE;
    reserve(stages, walk, nat)?;
    walk.direction = direction::EGRESS;
    eni::find_owner(stages, walk)
}

/// The mapping of what NAT64 sends: the other family has found the port, this one takes it. So nobody has it twice.
#[inline(always)]
fn reserve<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, nat: Device) -> Result<(), DropReason> {
    let is_error = walk.packet.has(packet_flag::QUOTES);
    let key = if is_error {
        walk.quoted.at(nat)
    } else {
        walk.packet.key(nat).reversed(nat)
    };
    if is_mapped(stages, walk, &key) {
        if is_own(&key, &walk.mapping.becomes) {
            return Ok(());
        }
        return Err(DropReason::NAT_PORTS_EXHAUSTED);
    }
    if is_error {
        return Err(DropReason::NAT_NO_MAPPING);
    }
    walk.wanted.mappings[0] = Mapping {
        answer: key,
        forward: walk.packet.key(nat.of_mapping()),
    };
    walk.wanted.len = 1;
    Ok(())
}

/// Whether what answers a mapping stays as it is: then the gateway itself has sent, for the other family.
#[inline(always)]
fn is_own<I: Family>(answer: &FlowKey<I>, becomes: &FlowKey<I>) -> bool {
    answer.dst().difference(becomes.dst()) == 0
}

/// Back to the client: the packet has arrived at the ENI of a gateway.
pub fn come_in<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let nat = walk.far_device;
    let key = answer_key(walk, nat);
    if !is_known(stages, walk, &key) {
        return Err(DropReason::NAT_NO_MAPPING);
    }
    // Nobody is told of what comes back.
    walk.refuser = I::default();
    // What comes from the other family has passed there.
    if !walk.near_device.is_component() {
        pass(walk)?;
        hop(walk);
    }
    if is_own(&key, &walk.mapping.becomes) {
        // It becomes larger.
        walk.narrow(MTU - nat64::LARGER);
        carry(walk, nat);
        return Ok(());
    }
    let becomes = walk.mapping.becomes;
    walk.packet.dst = becomes.dst();
    if walk.packet.has(packet_flag::QUOTES) {
        walk.quoted = becomes.reversed(Device::NONE);
    } else {
        walk.packet.dst_port = becomes.dst_port();
    }
    go_on(stages, walk)
}

/// Whether the packet answers a NAT gateway in a VPC that the place's is peered with: then it goes over the peering,
/// whatever the place's table says (semantics 10.6). Says so by the walk's peer.
pub fn answers<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> bool {
    let (bank, vpc) = (walk.generation.bank(), walk.vpc);
    let Some(vpc) = stages.vpc(&VpcKey { bank, vpc }) else {
        return false;
    };
    let Some(entry) = route(stages, walk, vpc.return_table, walk.packet.dst) else {
        return false;
    };
    let Ok(Target::Peering(peer, is_far)) = entry.target() else {
        return false;
    };
    let address = walk.packet.dst;
    let vpc = peer;
    let nat = stages
        .address(&AddressKey { bank, vpc, address })
        .map_or(Device::NONE, |row| row.device);
    let key = answer_key(walk, nat);
    walk.peer = peer;
    walk.is_far_peer = u32::from(is_far);
    nat.is_component() && is_known(stages, walk, &key)
}

/// Arrives at the ENI of a gateway: no group is asked, and its NACL only if the packet comes from another subnet.
#[inline(always)]
fn arrive<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, nat: Device) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    walk.far = stages.eni(&EniKey { bank, device: nat }).ok_or(DropReason::NO_ENI)?;
    walk.at = nat;
    walk.direction = direction::INGRESS;
    if walk.far.subnet != walk.place_id {
        eni::enter(stages, walk, walk.far.subnet)?;
        stages.judge_by_nacl(walk).check()?;
    }
    Ok(())
}

/// TCP, UDP, and questions of ICMP echo. What a later fragment is a part of nobody can tell.
#[inline(always)]
fn is_carried<I: Family>(packet: &Packet<I>) -> bool {
    match packet.protocol {
        protocol::TCP | protocol::UDP => true,
        icmp => {
            let may_be_asked = packet.has(packet_flag::LATER_FRAGMENT) || packet.src_port.0[0] == I::ECHO_REQUEST;
            icmp == I::ICMP && may_be_asked
        }
    }
}

/// What holds in either direction.
#[inline(always)]
fn pass<I: Family>(walk: &mut Walk<I>) -> Result<(), DropReason> {
    let packet = &walk.packet;
    let is_cut = packet.has(packet_flag::FRAGMENT) && packet.protocol != protocol::UDP;
    // Without its ports nobody can tell whose it is.
    if is_cut || packet.has(packet_flag::LATER_FRAGMENT) {
        return Err(DropReason::NAT_FRAGMENT);
    }
    if packet.ttl <= 1 {
        return Err(DropReason::HOP_LIMIT);
    }
    Ok(())
}

/// Goes on from the gateway's ENI.
#[inline(always)]
fn go_on<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    walk.is_clamped = 1;
    walk.narrow(MTU);
    walk.left = walk.at;
    walk.direction = direction::EGRESS;
    walk.identity = GroupSetId::NONE;
    walk.is_elsewhere = 1;
    walk.component = IDLE;
    walk.arrival = Device::NONE;
    eni::find_owner(stages, walk)
}

/// A gateway is a hop.
#[inline(always)]
fn hop<I: Family>(walk: &mut Walk<I>) {
    walk.packet.ttl = walk.packet.ttl.wrapping_sub(1);
    walk.hops = walk.hops.wrapping_add(1);
}

/// The key by which an answer, or an error about what the gateway has sent, finds its mapping.
#[inline(always)]
fn answer_key<I: Family>(walk: &Walk<I>, nat: Device) -> FlowKey<I> {
    if walk.packet.has(packet_flag::QUOTES) {
        walk.quoted.reversed(nat)
    } else {
        walk.packet.key(nat)
    }
}

/// Whether an answer's mapping lives, or is wanted by what it answers. Leaves it in the walk.
#[inline(always)]
fn is_known<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, key: &FlowKey<I>) -> bool {
    let mut place = 0;
    while place < MOST {
        let wanted = walk.expected.mappings[place];
        if (place as u64) < walk.expected.len && wanted.answer == *key {
            walk.mapping.becomes = wanted.forward.reversed(key.device());
            return true;
        }
        place += 1;
    }
    is_mapped(stages, walk, key)
}

/// Whether there is a mapping that lives. Leaves it in the walk.
#[inline(always)]
fn is_mapped<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, key: &FlowKey<I>) -> bool {
    stages.binding(key, &mut walk.mapping) && stages.is_live(walk)
}

/// Whether the mapping in the walk lives: its connection is one that the gateway has not forgotten, or it is so young that
/// its entry may have been evicted.
pub fn is_live<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>) -> bool {
    if walk.mapping.state != state::LIVE {
        return false;
    }
    let (flow, born) = (walk.mapping.flow, walk.mapping.born);
    if let Some(table) = conntrack::standing(tables, &flow, &mut walk.found) {
        let entry = &walk.found;
        if entry.born != born || entry.state == state::PROMOTED {
            return false;
        }
        return Pulse::take(tables, table, entry, walk.now).component_keeps(entry);
    }
    let age = (walk.now as u32).wrapping_sub(born);
    age <= idle::UNANSWERED * tables.ticks_per_second()
}

/// Whether the packet opens a connection where that of the mapping in the walk is closing. It gets a port of its own: the
/// mapping says whose it is, and goes with that one.
#[inline(always)]
fn is_succeeded<I: Family>(walk: &Walk<I>) -> bool {
    let is_closing = tcp_seen::is_closing(tcp_seen::by_component(walk.found.tcp));
    walk.packet.opens() && is_closing && walk.found.key == walk.mapping.flow
}

/// Finds a free port for a packet from inside, and leaves the mapping in the walk.
#[inline(always)]
fn map<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, nat: Device) -> Result<(), DropReason> {
    if walk.wanted.len >= MOST as u64 {
        return Err(DropReason::TOO_MANY_HOPS);
    }
    if !stages.find_port(walk) {
        return Err(DropReason::NAT_PORTS_EXHAUSTED);
    }
    // The port was found for the packet as it leaves.
    let mapping = Mapping {
        answer: walk.mapping.becomes.reversed(nat),
        forward: walk.mapping.key,
    };
    let place = if walk.wanted.len == 0 { 0 } else { 1 };
    walk.wanted.mappings[place] = mapping;
    walk.wanted.len += 1;
    Ok(())
}

/// Looks for an address and a port of the gateway at which the walk is; leaves in the mapping what the packet becomes.
///
/// Which ones are tried depends on the packet and on a secret of the host (RFC 6056, algorithm 3): nobody outside can
/// tell the next port, and the same packet finds the same one.
pub fn find_port<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>) -> bool {
    let nat = walk.at;
    let seed = seed(tables.secret(), &walk.packet);
    if !find_address(tables, walk, nat, seed as u32) {
        return false;
    }
    let address = walk.mapping.becomes.src();
    for probe in 0..PROBES {
        let port = FIRST_PORT + mixed(seed.wrapping_add(u64::from(probe))) % PORTS;
        walk.mapping.becomes = mapped(&walk.packet, nat, address, Port::new(port as u16));
        if is_free(tables, &walk.mapping.becomes) {
            return true;
        }
    }
    false
}

/// Whether nobody has the address and port that a packet would leave with. Both families have the same, and IPv4 knows of
/// all. Apart, for the stack's sake, as is the next.
#[inline(never)]
fn is_free<I: Family, T: TablesOf<I>>(tables: &T, becomes: &FlowKey<I>) -> bool {
    let answer = becomes.reversed(becomes.device());
    !tables.has_binding(&answer) && (I::VERSION == 4 || !tables.is_port_taken(&I::in_ip4(&answer)))
}

/// How many mappings the address of a packet without a port has to its destination.
#[inline(never)]
fn mappings<I: Family, T: TablesOf<I>>(tables: &T, becomes: &FlowKey<I>) -> u64 {
    let answer = becomes.reversed(becomes.device());
    if I::VERSION == 4 {
        tables.mappings(&answer)
    } else {
        tables.mappings_in_ip4(&I::in_ip4(&answer))
    }
}

/// Looks for an address that has a mapping left for the packet's destination; leaves it in the mapping.
#[inline(never)]
fn find_address<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>, nat: Device, start: u32) -> bool {
    let bank = walk.generation.bank();
    let Some(len) = tables.nat_len(&EniKey { bank, device: nat }) else {
        return false;
    };
    // Any of them first; by multiplication, behind whose shift the verifier knows what a remainder hides from it.
    let first = (u64::from(start) * u64::from(len)) >> 32;
    for step in 0..NAT_ADDRESSES {
        if step >= len {
            break;
        }
        let next = first + u64::from(step);
        let index = if next >= u64::from(len) {
            next - u64::from(len)
        } else {
            next
        } as u32;
        let Some(address) = nat_address(tables, walk, nat, index) else {
            return false;
        };
        walk.mapping.becomes = mapped(&walk.packet, nat, address, Port::NONE);
        if mappings(tables, &walk.mapping.becomes) < u64::from(MAPPINGS) {
            return true;
        }
    }
    false
}

#[inline(always)]
fn nat_address<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>, device: Device, index: u32) -> Option<I> {
    let bank = walk.generation.bank();
    tables.nat_address(&EniKey { bank, device }, index)
}

/// The key of a packet from inside with the gateway's address and port.
#[inline(always)]
fn mapped<I: Family>(packet: &Packet<I>, nat: Device, address: I, port: Port) -> FlowKey<I> {
    let (src_port, dst_port) = if packet.protocol == I::ICMP {
        (packet.src_port, port)
    } else {
        (port, packet.dst_port)
    };
    FlowKey::new(nat, packet.protocol, address, packet.dst, src_port, dst_port)
}

/// A number that only who knows the secret can tell from the packet.
#[inline(always)]
fn seed<I: Family>(secret: u64, packet: &Packet<I>) -> u64 {
    let addresses = u64::from(I::sum(packet.src)) << 32 | u64::from(I::sum(packet.dst));
    let ports = u64::from(packet.src_port.get()) << 32 | u64::from(packet.dst_port.get());
    let first = (secret ^ addresses).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let second = (first ^ first >> 32 ^ ports ^ u64::from(packet.protocol) << 48).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    second ^ second >> 29 ^ secret.rotate_left(32)
}

/// The finalizer of SplitMix64: neighbouring numbers become unrelated ones.
#[inline(always)]
fn mixed(number: u64) -> u32 {
    let a = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ a >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (b >> 32) as u32
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
        if !insert(stages, walk, &wanted, (flow, born)) {
            return Err(DropReason::NAT_PORTS_EXHAUSTED);
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
    binding.becomes = wanted.forward.reversed(nat);
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

/// Takes the mapping in the walk out, for whoever has found that it doesn't live.
pub fn unbind<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) {
    let (answer, becomes, stamp) = (walk.mapping.key, walk.mapping.becomes, walk.mapping.stamp);
    if !stages.remove_binding(&answer, stamp) {
        return;
    }
    let nat = answer.device();
    let mapping = Mapping {
        answer,
        forward: becomes.reversed(nat.of_mapping()),
    };
    stages.discharge_mapping(&mapping.count_key());
    // The two rows of a mapping have one stamp.
    stages.remove_binding(&mapping.forward, stamp);
}
