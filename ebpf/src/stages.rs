//! The stages as global BPF functions, for each family.
//!
//! Only this form is global in the object's BTF, and a global function is verified once, whatever calls it how often:
//! eight hops with the way back stay far below the verifier's limit. The price is that the verifier knows nothing of
//! the arguments, so each wrapper checks its pointer.

use crate::frame::SkbFrame;
use crate::maps::{Kernel, Maps as _};
use aya_ebpf::bindings::__sk_buff;
use groundplane_abi::flow::FlowKey;
use groundplane_abi::{DropReason, Ip4, Ip6, Mac};
use groundplane_datapath::flow;
use groundplane_datapath::packet::{Packet, packet_flag};
use groundplane_datapath::scratch::{Scratch, resumed};
use groundplane_datapath::walk::{self, Walk};
use groundplane_datapath::{
    Answer, Family, Stages, balancer, commit, eni, gateway_balancer, gateway_endpoint, internet, nacl, nat, parse,
    peering, reclaim, refuse, security_group, transit, translate, uplink,
};

/// What a stage gives, as the number that a global function returns.
trait Number {
    fn number(self) -> u32;
}

impl Number for Result<(), DropReason> {
    #[inline(always)]
    fn number(self) -> u32 {
        match self {
            Ok(()) => 0,
            Err(reason) => u32::from(reason.0),
        }
    }
}

impl Number for u8 {
    #[inline(always)]
    fn number(self) -> u32 {
        u32::from(self)
    }
}

impl Number for u32 {
    #[inline(always)]
    fn number(self) -> u32 {
        self
    }
}

impl Number for bool {
    #[inline(always)]
    fn number(self) -> u32 {
        u32::from(self)
    }
}

impl Number for () {
    #[inline(always)]
    fn number(self) -> u32 {
        0
    }
}

/// The wrapper of a stage, and nothing but the call of the stage in it.
macro_rules! wrapper {
    ($name:ident, $argument:ty, $stage:path, $without:expr) => {
        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $name(argument: *mut $argument) -> u32 {
            // SAFETY: the verifier checked at the call that the pointer is null or to a whole value in the per-CPU
            // scratch, which nothing else on this CPU uses meanwhile.
            match unsafe { argument.as_mut() } {
                Some(argument) => $stage(&Kernel, argument).number(),
                None => $without,
            }
        }
    };
}

/// The slot of the uplink that a frame leaves by, for the few that have several: not in the code of the others.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn uplink_slot(skb: *mut __sk_buff) -> u32 {
    uplink::of_frame(&Kernel, &SkbFrame::new(skb))
}

const NO_SCRATCH: u32 = DropReason::NO_SCRATCH.0 as u32;

macro_rules! family {
    ($ip:ty, $walk:ident $leave:ident $group_egress:ident $group_ingress:ident $classify:ident $nacl:ident
     $internet_out:ident $internet_in:ident $endpoint_out:ident $endpoint_in:ident $answers_client:ident $nat_out:ident $nat_in:ident $nat_send:ident $balance:ident $probe:ident $answer_client:ident $choose:ident $connect:ident $forward:ident $return_to_node:ident $inspect:ident $check_returned:ident $wrap:ident $give_back:ident $answer_nat:ident $is_live:ident
     $find_port:ident $bind:ident $unbind:ident $cross:ident $transit:ident $refuse:ident $write_refusal:ident
     $translate:ident $clamp:ident $resume:ident $commit:ident $promote:ident $replace:ident $displace:ident
     $examine:ident $reclaim:ident $retire:ident $neighbor:ident $options:ident $quote:ident $parse:ident) => {
        wrapper!($walk, Walk<$ip>, walk::walk, NO_SCRATCH);
        wrapper!($leave, Walk<$ip>, eni::leave, NO_SCRATCH);
        wrapper!($group_egress, Walk<$ip>, security_group::egress, NO_SCRATCH);
        wrapper!($group_ingress, Walk<$ip>, security_group::ingress, NO_SCRATCH);
        wrapper!($classify, Walk<$ip>, security_group::classify, NO_SCRATCH);
        wrapper!($nacl, Walk<$ip>, nacl::evaluate, NO_SCRATCH);
        wrapper!($internet_out, Walk<$ip>, internet::out, NO_SCRATCH);
        wrapper!($internet_in, Walk<$ip>, internet::come_in, NO_SCRATCH);
        wrapper!($endpoint_out, Walk<$ip>, gateway_endpoint::out, NO_SCRATCH);
        wrapper!($endpoint_in, Walk<$ip>, gateway_endpoint::come_in, NO_SCRATCH);
        wrapper!($answers_client, Walk<$ip>, gateway_endpoint::answers, 0);
        wrapper!($nat_out, Walk<$ip>, nat::out, NO_SCRATCH);
        wrapper!($nat_in, Walk<$ip>, nat::come_in, NO_SCRATCH);
        wrapper!($nat_send, Walk<$ip>, nat::send, NO_SCRATCH);
        wrapper!($balance, Walk<$ip>, balancer::come_in, NO_SCRATCH);
        wrapper!($probe, Walk<$ip>, balancer::probe, NO_SCRATCH);
        wrapper!($answer_client, Walk<$ip>, balancer::answer_client, NO_SCRATCH);
        wrapper!($choose, Walk<$ip>, balancer::choose, NO_SCRATCH);
        wrapper!($connect, Walk<$ip>, balancer::connect, NO_SCRATCH);
        wrapper!($forward, Walk<$ip>, balancer::forward, NO_SCRATCH);
        wrapper!($return_to_node, Walk<$ip>, balancer::returns, 0);
        wrapper!($inspect, Walk<$ip>, gateway_balancer::come_in, NO_SCRATCH);
        wrapper!(
            $check_returned,
            Walk<$ip>,
            gateway_balancer::check_returned,
            NO_SCRATCH
        );
        wrapper!($answer_nat, Walk<$ip>, nat::answers, 0);
        wrapper!($is_live, Walk<$ip>, nat::is_live, 0);
        wrapper!($find_port, Walk<$ip>, nat::find_port, 0);
        wrapper!($bind, Scratch<$ip>, nat::bind, NO_SCRATCH);
        wrapper!($unbind, Walk<$ip>, nat::unbind, 0);
        wrapper!($cross, Walk<$ip>, peering::cross, NO_SCRATCH);
        wrapper!($transit, Walk<$ip>, transit::transit, NO_SCRATCH);
        wrapper!($refuse, Scratch<$ip>, refuse::refuse, 0);
        wrapper!($resume, Scratch<$ip>, flow::resume, resumed::NO);
        wrapper!($commit, Scratch<$ip>, commit::commit, NO_SCRATCH);
        wrapper!($promote, Scratch<$ip>, commit::promote, NO_SCRATCH);
        wrapper!($replace, Scratch<$ip>, commit::replace, 0);
        wrapper!($examine, Walk<$ip>, reclaim::examine, 0);
        wrapper!($reclaim, Walk<$ip>, reclaim::advance, 0);

        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $retire(key: *const FlowKey<$ip>, stamp: u32) -> u32 {
            // SAFETY: as in `wrapper`; the key may also be on the stack.
            unsafe { key.as_ref() }.map_or(0, |key| u32::from(reclaim::retire(&Kernel, key, stamp)))
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $displace(scratch: *mut Scratch<$ip>, by_twin: u32) -> u32 {
            // SAFETY: as in `wrapper`.
            if let Some(scratch) = unsafe { scratch.as_mut() } {
                commit::displace(&Kernel, scratch, by_twin != 0);
            }
            0
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $parse(skb: *mut __sk_buff, packet: *mut Packet<$ip>) -> u32 {
            // SAFETY: as in `wrapper`.
            match unsafe { packet.as_mut() } {
                Some(packet) => u32::from(parse::parse(&mut SkbFrame::new(skb), packet).0),
                None => NO_SCRATCH,
            }
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $write_refusal(skb: *mut __sk_buff, scratch: *const Scratch<$ip>) -> u32 {
            // SAFETY: as in `wrapper`.
            match unsafe { scratch.as_ref() } {
                Some(scratch) => refuse::write(&mut SkbFrame::new(skb), scratch).number(),
                None => NO_SCRATCH,
            }
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $translate(skb: *mut __sk_buff, scratch: *const Scratch<$ip>) -> u32 {
            // SAFETY: as in `wrapper`.
            match unsafe { scratch.as_ref() } {
                Some(scratch) => translate::translate(&mut SkbFrame::new(skb), scratch).number(),
                None => NO_SCRATCH,
            }
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $wrap(skb: *mut __sk_buff, scratch: *const Scratch<$ip>) -> u32 {
            // SAFETY: as in `wrapper`.
            match unsafe { scratch.as_ref() } {
                Some(scratch) => gateway_balancer::wrap(&Kernel, &mut SkbFrame::new(skb), scratch).number(),
                None => NO_SCRATCH,
            }
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $give_back(skb: *mut __sk_buff, scratch: *const Scratch<$ip>) -> u32 {
            // SAFETY: as in `wrapper`.
            match unsafe { scratch.as_ref() } {
                Some(scratch) => gateway_balancer::give_back(&mut SkbFrame::new(skb), scratch).number(),
                None => NO_SCRATCH,
            }
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $clamp(skb: *mut __sk_buff, packet: *const Packet<$ip>) -> u32 {
            // SAFETY: as in `wrapper`.
            match unsafe { packet.as_ref() } {
                Some(packet) => translate::clamp(&mut SkbFrame::new(skb), packet).number(),
                None => NO_SCRATCH,
            }
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $options(skb: *mut __sk_buff, header_len: u32) -> u32 {
            <$ip>::check_options(&SkbFrame::new(skb), header_len as u8).number()
        }

        /// The answer's MAC in the lower 48 bits, its kind and its rewriting above; or, with kind 0, why there is none.
        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $neighbor(skb: *mut __sk_buff, walk: *mut Walk<$ip>) -> u64 {
            // SAFETY: as in `wrapper`.
            let Some(walk) = (unsafe { walk.as_mut() }) else {
                return u64::from(NO_SCRATCH);
            };
            match <$ip>::answer_neighbor(&Kernel, &SkbFrame::new(skb), walk) {
                Ok(Answer {
                    mac: Mac([a, b, c, d, e, f]),
                    kind,
                    rewrite,
                }) => u64::from_le_bytes([a, b, c, d, e, f, kind, rewrite]),
                Err(reason) => u64::from(reason.0),
            }
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $quote(skb: *mut __sk_buff, walk: *mut Walk<$ip>) -> u32 {
            // SAFETY: as in `wrapper`.
            if let Some(walk) = unsafe { walk.as_mut() }
                && let Some(quoted) = parse::parse_quote(&SkbFrame::new(skb), walk.packet.header_len)
            {
                walk.quoted = quoted;
                walk.packet.flags |= packet_flag::QUOTES;
            }
            0
        }

        impl Stages<$ip> for Kernel {
            type Frame = SkbFrame;

            #[inline(always)]
            fn with_scratch<R>(&self, user: impl FnOnce(&mut Scratch<$ip>) -> R) -> Option<R> {
                // SAFETY: this CPU's slot. Programs on one CPU don't interleave: they run with softirqs off.
                <$ip>::scratch().map(|scratch| user(unsafe { &mut *scratch }))
            }

            #[inline(always)]
            fn parse(&self, frame: &mut SkbFrame, packet: &mut Packet<$ip>) -> DropReason {
                reason($parse(frame.context(), packet))
            }

            #[inline(always)]
            fn neighbor(&self, frame: &mut SkbFrame, walk: &mut Walk<$ip>) -> Result<Answer, DropReason> {
                let answer = $neighbor(frame.context(), walk);
                let [a, b, c, d, e, f, kind, rewrite] = answer.to_le_bytes();
                if kind == 0 {
                    return Err(reason(answer as u32));
                }
                let mac = Mac([a, b, c, d, e, f]);
                Ok(Answer { mac, kind, rewrite })
            }

            #[inline(always)]
            fn options(&self, frame: &mut SkbFrame, header_len: u8) -> DropReason {
                reason($options(frame.context(), u32::from(header_len)))
            }

            #[inline(always)]
            fn quote(&self, frame: &mut SkbFrame, walk: &mut Walk<$ip>) {
                $quote(frame.context(), walk);
            }

            #[inline(always)]
            fn internet_out(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($internet_out(walk))
            }

            #[inline(always)]
            fn internet_in(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($internet_in(walk))
            }

            #[inline(always)]
            fn gateway_endpoint_out(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($endpoint_out(walk))
            }

            #[inline(always)]
            fn gateway_endpoint_in(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($endpoint_in(walk))
            }

            #[inline(always)]
            fn answers_client(&self, walk: &mut Walk<$ip>) -> bool {
                $answers_client(walk) != 0
            }

            #[inline(always)]
            fn nat_out(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($nat_out(walk))
            }

            #[inline(always)]
            fn nat_in(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($nat_in(walk))
            }

            #[inline(always)]
            fn nat_send(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($nat_send(walk))
            }

            #[inline(always)]
            fn balance(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($balance(walk))
            }

            #[inline(always)]
            fn probe(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($probe(walk))
            }

            #[inline(always)]
            fn answer_client(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($answer_client(walk))
            }

            #[inline(always)]
            fn choose(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($choose(walk))
            }

            #[inline(always)]
            fn connect(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($connect(walk))
            }

            #[inline(always)]
            fn forward(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($forward(walk))
            }

            #[inline(always)]
            fn return_to_node(&self, walk: &mut Walk<$ip>) -> bool {
                $return_to_node(walk) != 0
            }

            #[inline(always)]
            fn inspect(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($inspect(walk))
            }

            #[inline(always)]
            fn check_returned(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($check_returned(walk))
            }

            #[inline(always)]
            fn cross(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($cross(walk))
            }

            #[inline(always)]
            fn transit(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($transit(walk))
            }

            #[inline(always)]
            fn answer_nat(&self, walk: &mut Walk<$ip>) -> bool {
                $answer_nat(walk) != 0
            }

            #[inline(always)]
            fn is_live(&self, walk: &mut Walk<$ip>) -> bool {
                $is_live(walk) != 0
            }

            #[inline(always)]
            fn find_port(&self, walk: &mut Walk<$ip>) -> bool {
                $find_port(walk) != 0
            }

            #[inline(always)]
            fn bind(&self, scratch: &mut Scratch<$ip>) -> DropReason {
                reason($bind(scratch))
            }

            #[inline(always)]
            fn unbind(&self, walk: &mut Walk<$ip>) {
                $unbind(walk);
            }

            #[inline(always)]
            fn refuse(&self, scratch: &mut Scratch<$ip>) -> u32 {
                $refuse(scratch)
            }

            #[inline(always)]
            fn write_refusal(&self, frame: &mut SkbFrame, scratch: &Scratch<$ip>) -> DropReason {
                reason($write_refusal(frame.context(), scratch))
            }

            #[inline(always)]
            fn translate(&self, frame: &mut SkbFrame, scratch: &Scratch<$ip>) -> DropReason {
                reason($translate(frame.context(), scratch))
            }

            #[inline(always)]
            fn wrap(&self, frame: &mut SkbFrame, scratch: &Scratch<$ip>) -> DropReason {
                reason($wrap(frame.context(), scratch))
            }

            #[inline(always)]
            fn give_back(&self, frame: &mut SkbFrame, scratch: &Scratch<$ip>) -> DropReason {
                reason($give_back(frame.context(), scratch))
            }

            #[inline(always)]
            fn clamp(&self, frame: &mut SkbFrame, packet: &Packet<$ip>) -> DropReason {
                reason($clamp(frame.context(), packet))
            }

            #[inline(always)]
            fn resume(&self, scratch: &mut Scratch<$ip>) -> u32 {
                $resume(scratch)
            }

            #[inline(always)]
            fn walk(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($walk(walk))
            }

            #[inline(always)]
            fn leave(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($leave(walk))
            }

            #[inline(always)]
            fn group_egress(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($group_egress(walk))
            }

            #[inline(always)]
            fn group_ingress(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($group_ingress(walk))
            }

            #[inline(always)]
            fn classify(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($classify(walk))
            }

            #[inline(always)]
            fn judge_by_nacl(&self, walk: &mut Walk<$ip>) -> DropReason {
                reason($nacl(walk))
            }

            #[inline(always)]
            fn commit(&self, scratch: &mut Scratch<$ip>) -> DropReason {
                reason($commit(scratch))
            }

            #[inline(always)]
            fn promote(&self, scratch: &mut Scratch<$ip>) -> DropReason {
                reason($promote(scratch))
            }

            #[inline(always)]
            fn replace(&self, scratch: &mut Scratch<$ip>) {
                $replace(scratch);
            }

            #[inline(always)]
            fn displace(&self, scratch: &mut Scratch<$ip>, by_twin: bool) {
                $displace(scratch, u32::from(by_twin));
            }

            #[inline(always)]
            fn examine(&self, walk: &mut Walk<$ip>) -> bool {
                $examine(walk) != 0
            }

            #[inline(always)]
            fn retire(&self, key: &FlowKey<$ip>, stamp: u32) -> bool {
                $retire(key, stamp) != 0
            }

            #[inline(always)]
            fn reclaim(&self, walk: &mut Walk<$ip>) {
                $reclaim(walk);
            }
        }
    };
}

family!(
    Ip4, walk4 leave4 group_egress4 group_ingress4 classify4 nacl4
    internet_out4 internet_in4 endpoint_out4 endpoint_in4 answers_client4 nat_out4 nat_in4 nat_send4 balance4 probe4 answer_client4 choose4 connect4 forward4 return_to_node4 inspect4 check_returned4 wrap4 give_back4 answer_nat4 is_live4 find_port4 bind4 unbind4 cross4
    transit4 refuse4 write_refusal4 translate4 clamp4 resume4 commit4 promote4 replace4 displace4
    examine4 reclaim4 retire4 neighbor4 options4 quote4 parse4
);
family!(
    Ip6, walk6 leave6 group_egress6 group_ingress6 classify6 nacl6
    internet_out6 internet_in6 endpoint_out6 endpoint_in6 answers_client6 nat_out6 nat_in6 nat_send6 balance6 probe6 answer_client6 choose6 connect6 forward6 return_to_node6 inspect6 check_returned6 wrap6 give_back6 answer_nat6 is_live6 find_port6 bind6 unbind6 cross6
    transit6 refuse6 write_refusal6 translate6 clamp6 resume6 commit6 promote6 replace6 displace6
    examine6 reclaim6 retire6 neighbor6 options6 quote6 parse6
);

#[inline(always)]
fn reason(number: u32) -> DropReason {
    DropReason(number as u16)
}
