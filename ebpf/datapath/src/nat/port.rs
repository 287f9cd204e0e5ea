//! Which address and port of a NAT gateway a connection gets (semantics 10.2, 10.4).

use crate::TablesOf;
use crate::family::Family;
use crate::packet::Packet;
use crate::walk::Walk;
use groundplane_abi::eni::EniKey;
use groundplane_abi::flow::FlowKey;
use groundplane_abi::nat::{MAPPINGS, NAT_ADDRESSES};
use groundplane_abi::{Device, Port};

/// How many ports of an address are tried. With 55,000 mappings of 64,512 all are taken three times in 100,000.
const PROBES: u32 = 64;
const FIRST_PORT: u32 = 1024;
const PORTS: u32 = 64_512;

/// Looks for an address and a port of the gateway at which the walk is; leaves in the mapping what the packet becomes.
///
/// Which ones are tried depends on the packet and on a secret of the host (RFC 6056, algorithm 3): nobody outside can
/// tell the next port, and the same packet finds the same one.
pub fn find_port<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>) -> bool {
    let nat = walk.at;
    // The same addresses and ports may be of guests of many VPCs, which an endpoint or a transit gateway leads here.
    let seed = seed(tables.secret() ^ u64::from(walk.near_device.0), &walk.packet);
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

/// Whether nobody has the address and port that a packet would leave with. Both families have the same, and IPv4 knows
/// of all. Apart, for the stack's sake, as is the next.
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
pub(super) fn nat_address<I: Family, T: TablesOf<I>>(
    tables: &T,
    walk: &Walk<I>,
    device: Device,
    index: u32,
) -> Option<I> {
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
pub(crate) fn seed<I: Family>(secret: u64, packet: &Packet<I>) -> u64 {
    let addresses = u64::from(I::sum(packet.src)) << 32 | u64::from(I::sum(packet.dst));
    let ports = u64::from(packet.src_port.get()) << 32 | u64::from(packet.dst_port.get());
    let first = (secret ^ addresses).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let second = (first ^ first >> 32 ^ ports ^ u64::from(packet.protocol) << 48).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    second ^ second >> 29 ^ secret.rotate_left(32)
}

/// The finalizer of SplitMix64: neighbouring numbers become unrelated ones.
#[inline(always)]
pub(crate) fn mixed(number: u64) -> u32 {
    let a = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ a >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (b >> 32) as u32
}
