//! A socket buffer, or a driver's buffer, as a frame: the only pointer arithmetic on packets in the repository.

use aya_ebpf::bindings::bpf_adj_room_mode::BPF_ADJ_ROOM_MAC;
use aya_ebpf::bindings::{
    __sk_buff, BPF_F_ADJ_ROOM_DECAP_L3_IPV6, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4, BPF_F_ADJ_ROOM_ENCAP_L4_UDP,
    BPF_F_ADJ_ROOM_FIXED_GSO, BPF_F_MARK_MANGLED_0, BPF_F_PSEUDO_HDR, xdp_md,
};
use aya_ebpf::helpers::{
    bpf_l4_csum_replace, bpf_skb_adjust_room, bpf_skb_change_proto, bpf_skb_change_tail, bpf_skb_pull_data,
};
use groundplane_abi::{Device, Ip as _, Ip4, Ip6};
use groundplane_datapath::Frame;

/// No header the datapath looks at starts further in; a constant bound is what the verifier wants of an offset.
const MAX_OFFSET: u32 = 255;

/// How either kind of frame is read, given the place of its bytes.
macro_rules! reading {
    () => {
        #[inline(always)]
        fn load<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
            let start = self.bytes(offset, N)?;
            // SAFETY: `bytes` compared the end of the range with the end of the packet.
            Some(unsafe { start.cast::<[u8; N]>().read_unaligned() })
        }

        #[inline(always)]
        fn head<const N: usize>(&self) -> Option<[u64; N]> {
            let start = self.bytes(0, N * 8)?.cast::<u64>();
            // SAFETY: as in `load`. Word by word, because of one copy of all the compiler makes byte loads.
            Some(core::array::from_fn(|word| unsafe {
                start.add(word).read_unaligned()
            }))
        }

        #[inline(always)]
        fn words<const N: usize>(&self, offset: u32) -> Option<[u32; N]> {
            let start = self.bytes(offset, N * 4)?.cast::<u32>();
            // SAFETY: as in `load`. Word by word, as in `head`.
            Some(core::array::from_fn(|word| unsafe {
                start.add(word).read_unaligned()
            }))
        }
    };
}

pub(crate) struct SkbFrame {
    skb: *mut __sk_buff,
}

impl SkbFrame {
    pub(crate) const fn new(skb: *mut __sk_buff) -> Self {
        Self { skb }
    }

    pub(crate) const fn context(&self) -> *mut __sk_buff {
        self.skb
    }

    /// Notes for the programs that go on with the packet what it came in by: its device, the outside, or a component.
    /// In any case, since whoever had the packet before may have left anything there.
    pub(crate) fn note_port(&self, port: Device) {
        // SAFETY: the program's context; the verifier checks every access to it.
        unsafe { (*self.skb).cb[4] = port.0 };
        self.note_returned([0; 2]);
    }

    /// Notes which appliance has given the packet back, and with which cookie.
    pub(crate) fn note_returned(&self, [appliance, cookie]: [u32; 2]) {
        // SAFETY: as above.
        unsafe {
            (*self.skb).cb[2] = appliance;
            (*self.skb).cb[3] = cookie;
        }
    }

    /// What was noted last.
    pub(crate) fn port(&self) -> Device {
        // SAFETY: as above.
        Device(unsafe { (*self.skb).cb[4] })
    }

    pub(crate) fn skb_len(&self) -> u32 {
        // SAFETY: as above.
        unsafe { (*self.skb).len }
    }

    pub(crate) fn mark(&self) -> u32 {
        // SAFETY: as above.
        unsafe { (*self.skb).mark }
    }

    pub(crate) fn set_mark(&self, mark: u32) {
        // SAFETY: as above.
        unsafe { (*self.skb).mark = mark };
    }

    /// Leaves out device, kind and drop reason where a test run finds them.
    #[inline(always)]
    pub(crate) fn leave_note(&self, [out, kind, reason]: [u32; 3]) {
        // SAFETY: as above.
        unsafe {
            (*self.skb).cb[0] = out;
            (*self.skb).cb[1] = kind;
            (*self.skb).cb[2] = reason;
        }
    }

    /// The place of `len` bytes at `offset`, if the linear part of the packet has them.
    #[inline(always)]
    fn bytes(&self, offset: u32, len: usize) -> Option<*mut u8> {
        if offset > MAX_OFFSET {
            return None;
        }
        // SAFETY: as above. The kernel replaces both loads by pointers.
        let (data, end) = unsafe { ((*self.skb).data as usize, (*self.skb).data_end as usize) };
        let start = data + offset as usize;
        (start + len <= end).then_some(start as *mut u8)
    }
}

impl Frame for SkbFrame {
    #[inline(always)]
    fn device(&self) -> Device {
        // SAFETY: as above.
        Device(unsafe { (*self.skb).ifindex })
    }

    #[inline(always)]
    fn len(&self) -> u32 {
        self.skb_len()
    }

    #[inline(always)]
    fn has_vlan_tag(&self) -> bool {
        // SAFETY: as above.
        unsafe { (*self.skb).vlan_present != 0 }
    }

    #[inline(always)]
    fn segment_len(&self) -> u32 {
        // SAFETY: as above.
        unsafe { (*self.skb).gso_size }
    }

    #[inline(always)]
    fn resize(&mut self, len: u32) -> Option<()> {
        // SAFETY: as above; the helper takes the context and any length.
        let failed = unsafe { bpf_skb_change_tail(self.skb, len, 0) };
        (failed == 0).then_some(())
    }

    #[inline(always)]
    fn change_version(&mut self, version: u8) -> Option<()> {
        let protocol = if version == 4 { Ip4::ETHERTYPE } else { Ip6::ETHERTYPE };
        // SAFETY: as above; the helper takes the context and either number.
        let failed = unsafe { bpf_skb_change_proto(self.skb, protocol.to_be(), 0) };
        (failed == 0).then_some(())
    }

    #[inline(always)]
    fn enclose(&mut self, len: u32) -> Option<()> {
        let flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
        // SAFETY: as above; the helper takes the context and any length.
        let failed = unsafe { bpf_skb_adjust_room(self.skb, len as i32, BPF_ADJ_ROOM_MAC, u64::from(flags)) };
        (failed == 0).then_some(())
    }

    /// Of IPv6 the kernel takes them off from Linux 6.3 on.
    #[inline(always)]
    fn disclose(&mut self, len: u32, version: u8) -> Option<()> {
        let flags = if version == 6 {
            BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_DECAP_L3_IPV6
        } else {
            BPF_F_ADJ_ROOM_FIXED_GSO
        };
        // SAFETY: as above.
        let failed = unsafe { bpf_skb_adjust_room(self.skb, -(len as i32), BPF_ADJ_ROOM_MAC, u64::from(flags)) };
        (failed == 0).then_some(())
    }

    #[inline(always)]
    fn returned(&self) -> [u32; 2] {
        // SAFETY: as above.
        unsafe { [(*self.skb).cb[2], (*self.skb).cb[3]] }
    }

    #[inline(always)]
    fn pull(&mut self, len: u32) {
        let wanted = if len < self.skb_len() { len } else { self.skb_len() };
        // SAFETY: as above; the helper takes the context and any length.
        unsafe {
            if (*self.skb).data_end - (*self.skb).data < wanted {
                bpf_skb_pull_data(self.skb, wanted);
            }
        }
    }

    reading!();

    #[inline(always)]
    fn store_words<const N: usize>(&mut self, offset: u32, words: [u32; N]) -> Option<()> {
        let start = self.bytes(offset, N * 4)?.cast::<u32>();
        let mut word = 0;
        while word < N {
            // SAFETY: as in `load`.
            unsafe { start.add(word).write_unaligned(words[word]) };
            word += 1;
        }
        Some(())
    }

    #[inline(always)]
    fn store<const N: usize>(&mut self, offset: u32, bytes: [u8; N]) -> Option<()> {
        let start = self.bytes(offset, N)?;
        // SAFETY: as in `load`.
        unsafe { start.cast::<[u8; N]>().write_unaligned(bytes) };
        Some(())
    }

    #[inline(always)]
    fn adjust_checksum(&mut self, offset: u32, difference: u32, is_pseudo: bool, is_optional: bool) -> Option<()> {
        let pseudo = if is_pseudo { BPF_F_PSEUDO_HDR } else { 0 };
        let optional = if is_optional { BPF_F_MARK_MANGLED_0 } else { 0 };
        // Of a size of 0 the helper takes the second number as a difference.
        // SAFETY: as above; the helper takes the context and any offset.
        let failed =
            unsafe { bpf_l4_csum_replace(self.skb, offset, 0, u64::from(difference), u64::from(pseudo | optional)) };
        (failed == 0).then_some(())
    }
}

/// A frame that the driver has just received, to be read only.
pub(crate) struct XdpFrame {
    data: *const u8,
    end: *const u8,
}

impl XdpFrame {
    #[inline(always)]
    pub(crate) fn new(context: *mut xdp_md) -> Self {
        // SAFETY: the program's context; the kernel replaces both loads by pointers.
        let (data, end) = unsafe { ((*context).data as usize, (*context).data_end as usize) };
        Self {
            data: data as *const u8,
            end: end as *const u8,
        }
    }

    #[inline(always)]
    fn bytes(&self, offset: u32, len: usize) -> Option<*const u8> {
        if offset > MAX_OFFSET {
            return None;
        }
        let start = self.data as usize + offset as usize;
        (start + len <= self.end as usize).then_some(start as *const u8)
    }
}

impl Frame for XdpFrame {
    /// The filter asks nobody's.
    #[inline(always)]
    fn device(&self) -> Device {
        Device::NONE
    }

    /// Of its first buffer. What is longer than that is no packet the filter is sure of.
    #[inline(always)]
    fn len(&self) -> u32 {
        (self.end as usize - self.data as usize) as u32
    }

    /// A tag that the device has taken off is out of sight here.
    #[inline(always)]
    fn has_vlan_tag(&self) -> bool {
        false
    }

    /// Nothing has been put together yet.
    #[inline(always)]
    fn segment_len(&self) -> u32 {
        0
    }

    fn change_version(&mut self, _: u8) -> Option<()> {
        None
    }

    #[inline(always)]
    fn resize(&mut self, _: u32) -> Option<()> {
        None
    }

    #[inline(always)]
    fn pull(&mut self, _: u32) {}

    reading!();

    #[inline(always)]
    fn store_words<const N: usize>(&mut self, _: u32, _: [u32; N]) -> Option<()> {
        None
    }

    #[inline(always)]
    fn store<const N: usize>(&mut self, _: u32, _: [u8; N]) -> Option<()> {
        None
    }

    #[inline(always)]
    fn adjust_checksum(&mut self, _: u32, _: u32, _: bool, _: bool) -> Option<()> {
        None
    }
}
