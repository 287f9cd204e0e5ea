//! What both sides of a map agree on.
//!
//! This is the only crate in which a type's layout matters. Every type here is plain data without padding (bytemuck's
//! derive refuses padding), and its size is asserted at compile time, so that the two sides can't drift apart.
//! [`LAYOUT_VERSION`] changes with any of it; the agent compares it with what is pinned and never guesses.
#![no_std]

/// Asserts a type's size and, on the userspace side, marks it as plain data for aya.
macro_rules! plain {
    ($($name:ty = $size:literal),+ $(,)?) => {$(
        const _: () = assert!(core::mem::size_of::<$name>() == $size);
        // SAFETY: the type derives `bytemuck::Pod`, which holds it to no padding and no invalid bit pattern. Safe code
        // can't implement aya's marker, because the marker lives in aya and says the same thing again.
        #[cfg(feature = "user")]
        unsafe impl aya::Pod for $name {}
    )+};
}

/// The same for the two versions of a generic type, which bytemuck can't derive. The size is written as the sum of the
/// sizes of the fields: equal to the type's, it leaves no room for padding.
macro_rules! plain_of {
    ($($name:ident<$ip:ty> = $size:expr),+ $(,)?) => {$(
        const _: () = assert!(core::mem::size_of::<$name<$ip>>() == $size);
        // SAFETY: every field is plain data, and there is no padding between them.
        unsafe impl bytemuck::Zeroable for $name<$ip> {}
        // SAFETY: as above.
        unsafe impl bytemuck::Pod for $name<$ip> {}
        // SAFETY: as above; aya's marker says the same thing again.
        #[cfg(feature = "user")]
        unsafe impl aya::Pod for $name<$ip> {}
    )+};
}

pub mod balancer;
pub mod control;
pub mod door;
pub mod drop_reason;
pub mod eni;
pub mod event;
pub mod flow;
pub mod fragment;
pub mod id;
pub mod internet;
pub mod ip;
pub mod nacl;
pub mod nat;
pub mod ring;
pub mod route;
pub mod security_group;
pub mod service;
pub mod transit;
pub mod uplink;
pub mod vpc;
pub mod wire;

pub use drop_reason::DropReason;
pub use id::{AttachmentId, Bank, Device, GroupSetId, NaclId, RouteTableId, ScopeId, SubnetId, TargetGroupId, VpcId};
pub use ip::Ip;
pub use wire::{Ip4, Ip6, Mac, Port};

/// Number of the layout of all tables together. Raise it with every change to a key, an entry or a table.
pub const LAYOUT_VERSION: u32 = 9;

/// Names of the maps, equal to the names of the statics in the BPF object. What holds addresses is there for each
/// family.
pub mod map {
    pub const GENERATION: &str = "GENERATION";
    pub const SETTINGS: &str = "SETTINGS";
    pub const SCOPES: &str = "SCOPES";
    pub const ENIS: &str = "ENIS";
    pub const SUBNETS: &str = "SUBNETS";
    pub const VPCS: &str = "VPCS";
    pub const ATTACHMENTS: &str = "ATTACHMENTS";
    pub const ENDPOINTS: &str = "ENDPOINTS";
    pub const UPLINKS: &str = "UPLINKS";
    pub const MACS: &str = "MACS";
    pub const GROUP_SETS: &str = "GROUP_SETS";
    pub const REFERENCES: &str = "REFERENCES";
    pub const SELECTORS: &str = "SELECTORS";
    pub const RING_HANDS: &str = "RING_HANDS";
    pub const DROPS: &str = "DROPS";
    pub const FILTER_DROPS: &str = "FILTER_DROPS";
    pub const ENI_TOTALS: &str = "ENI_TOTALS";
    pub const ENI_STATES: &str = "ENI_STATES";
    pub const EVENTS: &str = "EVENTS";
    pub const EVENT_LIMITS: &str = "EVENT_LIMITS";
    pub const STAMPS: &str = "STAMPS";
    pub const PROGRAMS: &str = "PROGRAMS";

    macro_rules! of_family {
        ($family:literal, $module:ident) => {
            /// The maps of one family.
            pub mod $module {
                pub const ADDRESSES: &str = concat!("ADDRESSES", $family);
                pub const ROUTES: &str = concat!("ROUTES", $family);
                pub const UPLINK_ROUTES: &str = concat!("UPLINK_ROUTES", $family);
                pub const NATS: &str = concat!("NATS", $family);
                pub const LISTENERS: &str = concat!("LISTENERS", $family);
                pub const PLACES: &str = concat!("PLACES", $family);
                pub const TARGETS: &str = concat!("TARGETS", $family);
                pub const ALIASES: &str = concat!("ALIASES", $family);
                pub const PUBLICS: &str = concat!("PUBLICS", $family);
                pub const DOORS: &str = concat!("DOORS", $family);
                pub const NACLS: &str = concat!("NACLS", $family);
                pub const PEERS: &str = concat!("PEERS", $family);
                pub const FLOWS: &str = concat!("FLOWS", $family);
                pub const EMBRYOS: &str = concat!("EMBRYOS", $family);
                pub const BINDINGS: &str = concat!("BINDINGS", $family);
                pub const BINDING_COUNTS: &str = concat!("BINDING_COUNTS", $family);
                pub const RING: &str = concat!("RING", $family);
                pub const FRAGMENTS: &str = concat!("FRAGMENTS", $family);
                pub const OUTBOX: &str = concat!("OUTBOX", $family);
                pub const SCRATCH: &str = concat!("SCRATCH", $family);

                pub const ALL: [&str; 18] = [
                    ADDRESSES,
                    ROUTES,
                    UPLINK_ROUTES,
                    NATS,
                    LISTENERS,
                    PLACES,
                    TARGETS,
                    ALIASES,
                    PUBLICS,
                    DOORS,
                    NACLS,
                    PEERS,
                    FLOWS,
                    EMBRYOS,
                    BINDINGS,
                    BINDING_COUNTS,
                    RING,
                    FRAGMENTS,
                ];
            }
        };
    }

    of_family!("4", ip4);
    of_family!("6", ip6);

    const SHARED: [&str; 21] = [
        GENERATION,
        SETTINGS,
        SCOPES,
        ENIS,
        SUBNETS,
        VPCS,
        ATTACHMENTS,
        ENDPOINTS,
        UPLINKS,
        MACS,
        GROUP_SETS,
        REFERENCES,
        SELECTORS,
        RING_HANDS,
        DROPS,
        FILTER_DROPS,
        ENI_TOTALS,
        ENI_STATES,
        EVENTS,
        EVENT_LIMITS,
        STAMPS,
    ];

    /// What belongs to the programs that were loaded together: what they call, and what they hand each other while a
    /// packet is judged. Other programs, which take their place, bring their own.
    pub const OF_PROGRAMS: [&str; 5] = [PROGRAMS, ip4::OUTBOX, ip4::SCRATCH, ip6::OUTBOX, ip6::SCRATCH];

    /// Every other map. All are pinned and outlive the agent and its programs.
    pub fn all() -> impl Iterator<Item = &'static str> {
        SHARED.into_iter().chain(ip4::ALL).chain(ip6::ALL)
    }
}

/// Names of the programs.
pub mod program {
    /// tcx ingress of an ENI's host side: a packet leaves a guest.
    pub const ENI_EGRESS: &str = "eni_egress";
    /// tcx egress of an ENI's host side: nothing reaches a guest but what the datapath delivers.
    pub const ENI_GUARD: &str = "eni_guard";
    /// tcx ingress of an uplink: a packet from outside, if it is for an address of ours.
    pub const UPLINK_INGRESS: &str = "uplink_ingress";
    /// XDP on an uplink, before all else: what `uplink_ingress` would drop for certain.
    pub const UPLINK_FILTER: &str = "uplink_filter";
    /// The same for generic XDP.
    pub const UPLINK_GENERIC: &str = "uplink_generic";
    /// tcx ingress of the service port's host side: the agent speaks with a guest.
    pub const SERVICE_INGRESS: &str = "service_ingress";
    /// tcx ingress of the cutter's host side: a packet comes back in fragments.
    pub const CUTTER_INGRESS: &str = "cutter_ingress";
    /// tcx ingress of the finisher's host side: a packet goes on to an appliance, or one has come back from there.
    pub const FINISHER_INGRESS: &str = "finisher_ingress";

    /// The parts of `eni_egress` that the fast path isn't. Each goes on in the next by a tail call: that gives it a
    /// stack of its own and keeps every program far below the verifier's limits.
    pub const STAGES: [&str; 5] = ["judge_ip4", "judge_ip6", "commit_ip4", "commit_ip6", "nat64"];

    /// Not attached but run by the agent, each for one connection of its family: ends it.
    pub const RETIRE_IP4: &str = "retire_ip4";
    pub const RETIRE_IP6: &str = "retire_ip6";

    /// Slots of the program array, in the order of [`STAGES`].
    pub mod slot {
        pub const JUDGE_IP4: u32 = 0;
        pub const JUDGE_IP6: u32 = 1;
        pub const COMMIT_IP4: u32 = 2;
        pub const COMMIT_IP6: u32 = 3;
        /// Back to the fast path, as a packet of the other family.
        pub const NAT64: u32 = 4;
        pub const COUNT: u32 = 5;
    }
}
