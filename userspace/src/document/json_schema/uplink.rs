//! Uplinks.

use super::word::{list, object, one_of, word};
use serde_json::{Value, json};

pub(super) fn schema() -> Value {
    let mut schema = object(
        &[
            ("kind", one_of("A link to the host itself.", &["host"])),
            (
                "address",
                word("The host's, as guests see it; 198.18.0.1 unless it is said."),
            ),
            (
                "ipv6_address",
                word("The host's, as guests see it; 2001:2::1 unless it is said."),
            ),
            ("device", word("A device that is there, behind which the internet is.")),
            (
                "announce",
                one_of(
                    "Whether public addresses are answered for by ARP and neighbour discovery, or routed here; arp unless it \
                     is said.",
                    &["arp", "route"],
                ),
            ),
            (
                "xdp",
                one_of(
                    "Whether what certainly is dropped is dropped by an XDP program: by the device's driver, or by the kernel \
                     for drivers that can't; off unless it is said.",
                    &["off", "native", "generic"],
                ),
            ),
            (
                "destinations",
                list(
                    "What leaves by this device; unless it is said, what leaves by no other.",
                    &word("A block of either family."),
                ),
            ),
        ],
        &[],
    );
    let host = json!({ "required": ["kind"], "not": any_of(&["device", "announce", "xdp", "destinations"]) });
    let device = json!({ "required": ["device"], "not": any_of(&["kind", "address", "ipv6_address"]) });
    schema["oneOf"] = json!([host, device]);
    schema
}

fn any_of(names: &[&str]) -> Value {
    let required: Vec<_> = names.iter().map(|name| json!({ "required": [name] })).collect();
    json!({ "anyOf": required })
}
