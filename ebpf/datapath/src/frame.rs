//! The bytes of a packet, wherever they are.

use groundplane_abi::Device;

/// A frame as it came in at an ENI's host side: Ethernet header first.
///
/// Offsets are small and lengths constant, so that the kernel's implementation is one comparison with the end of the
/// packet and the host's one slice.
#[expect(
    clippy::len_without_is_empty,
    reason = "an empty frame is one of many that are too short"
)]
pub trait Frame {
    /// The device it came in by. Of what comes from outside this is one of the uplinks'.
    fn device(&self) -> Device;

    /// Length of the whole frame in bytes, which for a frame with segmentation offload may be 64 KiB.
    fn len(&self) -> u32;

    /// A VLAN tag that the kernel moved from the bytes into the packet's metadata.
    fn has_vlan_tag(&self) -> bool;

    /// How much payload each packet has that segmentation will make of the frame; 0 if it stays whole.
    fn segment_len(&self) -> u32;

    /// Makes the frame shorter or longer at its end, with zeros.
    fn resize(&mut self, len: u32) -> Option<()>;

    /// Makes room for the header of an IP packet of the other version, in the place of this one's, and moves what
    /// stands before. What the frame says of its version is up to the caller.
    fn change_version(&mut self, version: u8) -> Option<()>;

    /// Makes room behind the Ethernet header for the headers of a packet of UDP over IPv4, of so many bytes, whose
    /// content the rest becomes. What is to be in them, and the Ethernet header, is up to the caller. Nothing, if it is
    /// a frame that is only looked at.
    fn enclose(&mut self, _len: u32) -> Option<()> {
        None
    }

    /// Takes such headers off. The packet inside is one of this IP version.
    fn disclose(&mut self, _len: u32, _version: u8) -> Option<()> {
        None
    }

    /// What [`crate::geneve`] has noted of the packet for the next program, if it comes from an appliance.
    fn returned(&self) -> [u32; 2] {
        [0; 2]
    }

    /// Sees to it that headers up to `len` bytes can be loaded, as far as the frame is that long. The kernel may keep
    /// them in fragments of the packet buffer, where [`Frame::load`] doesn't look.
    fn pull(&mut self, len: u32);

    /// The bytes at `offset`, or nothing if the frame ends before.
    ///
    /// At a variable offset at least two: of a single byte the compiler makes `start < end`, from which the verifier
    /// learns nothing if the start is variable (`find_good_pkt_pointers` in kernel/bpf/verifier.c).
    fn load<const N: usize>(&self, offset: u32) -> Option<[u8; N]>;

    /// The first `N` times eight bytes as numbers, or nothing if the frame (its part that can be loaded) is shorter.
    /// One comparison for all of them, and whole words: this is what the fast path reads.
    fn head<const N: usize>(&self) -> Option<[u64; N]>;

    /// `N` times four bytes at `offset`, as they stand in a little-endian machine's words.
    fn words<const N: usize>(&self, offset: u32) -> Option<[u32; N]>;

    /// Writes such words.
    fn store_words<const N: usize>(&mut self, offset: u32, words: [u32; N]) -> Option<()>;

    /// Adds the difference between old and new words ([`crate::checksum`]) to a TCP, UDP or ICMP checksum at `offset`.
    ///
    /// The kernel may have left a checksum to be finished by the device; then it holds the pseudo header's sum alone,
    /// and only what changes of that, `is_pseudo`, may be added. A checksum of zero that `is_optional` stays.
    fn adjust_checksum(&mut self, offset: u32, difference: u32, is_pseudo: bool, is_optional: bool) -> Option<()>;

    /// Writes the bytes at `offset`, or nothing at all if the frame ends before.
    fn store<const N: usize>(&mut self, offset: u32, bytes: [u8; N]) -> Option<()>;
}
