//! A frame in memory.

use super::Simulation;
use groundplane_abi::{Device, Ip as _, Ip4, Ip6};
use groundplane_datapath::{Frame, checksum};

const ETHERNET_LEN: usize = 14;

/// A frame in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceFrame {
    pub bytes: Vec<u8>,
    /// A VLAN tag that the kernel would have moved to the metadata.
    pub vlan_tag: bool,
    /// The uplink that it came in by, if it comes from outside.
    pub device: Device,
    /// Of a packet that an appliance has given back: which one, and the cookie.
    pub returned: [u32; 2],
}

impl SliceFrame {
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            vlan_tag: false,
            device: Simulation::UPLINK.device,
            returned: [0; 2],
        }
    }
}

impl SliceFrame {
    /// Lowers the TTL of an IPv4 packet by one, as whoever forwards it does. Of anything else nothing is changed.
    pub fn lower_ttl(&mut self) {
        const TTL: u32 = 22;
        let Some([word]) = self.words::<1>(TTL) else { return };
        let lowered = word.wrapping_sub(1) & 0xff | word & 0xff00;
        let changed = checksum::difference(word & 0xffff, lowered);
        let checksum = checksum::adjusted((word >> 16) as u16, changed);
        _ = self.store_words(TTL, [lowered | u32::from(checksum) << 16]);
    }
}

impl Frame for SliceFrame {
    fn device(&self) -> Device {
        self.device
    }

    fn len(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn has_vlan_tag(&self) -> bool {
        self.vlan_tag
    }

    fn pull(&mut self, _len: u32) {}

    fn load<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        self.bytes.get(offset as usize..)?.first_chunk().copied()
    }

    fn head<const N: usize>(&self) -> Option<[u64; N]> {
        let (words, _) = self.bytes.as_chunks::<8>();
        words.first_chunk::<N>().map(|words| words.map(u64::from_le_bytes))
    }

    fn segment_len(&self) -> u32 {
        0
    }

    fn resize(&mut self, len: u32) -> Option<()> {
        self.bytes.resize(len as usize, 0);
        Some(())
    }

    fn change_version(&mut self, version: u8) -> Option<()> {
        let [old, new] = if version == 4 {
            [Ip6::HEADER_LEN, Ip4::HEADER_LEN]
        } else {
            [Ip4::HEADER_LEN, Ip6::HEADER_LEN]
        };
        let header = ETHERNET_LEN..ETHERNET_LEN + old as usize;
        self.bytes.get(header.clone())?;
        self.bytes.splice(header, vec![0; new as usize]);
        Some(())
    }

    fn enclose(&mut self, len: u32) -> Option<()> {
        self.bytes.get(ETHERNET_LEN..)?;
        self.bytes.splice(ETHERNET_LEN..ETHERNET_LEN, vec![0; len as usize]);
        Some(())
    }

    fn disclose(&mut self, len: u32, _version: u8) -> Option<()> {
        let headers = ETHERNET_LEN..ETHERNET_LEN + len as usize;
        self.bytes.get(headers.clone())?;
        self.bytes.drain(headers);
        Some(())
    }

    fn returned(&self) -> [u32; 2] {
        self.returned
    }

    fn words<const N: usize>(&self, offset: u32) -> Option<[u32; N]> {
        let (words, _) = self.bytes.get(offset as usize..)?.as_chunks::<4>();
        words.first_chunk::<N>().map(|words| words.map(u32::from_le_bytes))
    }

    fn store_words<const N: usize>(&mut self, offset: u32, words: [u32; N]) -> Option<()> {
        let (places, _) = self.bytes.get_mut(offset as usize..)?.as_chunks_mut::<4>();
        *places.first_chunk_mut::<N>()? = words.map(u32::to_le_bytes);
        Some(())
    }

    fn store<const N: usize>(&mut self, offset: u32, bytes: [u8; N]) -> Option<()> {
        *self.bytes.get_mut(offset as usize..)?.first_chunk_mut()? = bytes;
        Some(())
    }

    /// Here every checksum is finished.
    fn adjust_checksum(&mut self, offset: u32, difference: u32, _is_pseudo: bool, is_optional: bool) -> Option<()> {
        let place = self.bytes.get_mut(offset as usize..)?.first_chunk_mut::<2>()?;
        let old = u16::from_le_bytes(*place);
        if is_optional && old == 0 {
            return Some(());
        }
        let new = checksum::adjusted(old, difference);
        let new = if is_optional && new == 0 { u16::MAX } else { new };
        *place = new.to_le_bytes();
        Some(())
    }
}
