//! The first oracle: the reference model and the datapath on the host say the same of every packet of generated
//! conversations: verdict, reason, destination and bytes.
//!
//! `GROUNDPLANE_PACKETS` sets how many packets at least, `GROUNDPLANE_SEED` under which seed; a failure names the
//! conversation and the step, and the seed with the conversation's index gives it again.

mod books;
mod coverage;
mod judge;
mod reasons;

use coverage::Coverage;
use groundplane_tests::conversation;
use std::io::Write;

const PACKETS: u64 = 1_000_000;
const SEED: u64 = 0x6770_0001;

fn number(variable: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(variable) else {
        return default;
    };
    text.parse()
        .unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}"))
}

#[test]
fn model_and_datapath_say_the_same_of_every_packet() {
    let (packets, seed) = (number("GROUNDPLANE_PACKETS", PACKETS), number("GROUNDPLANE_SEED", SEED));
    let first = number("GROUNDPLANE_CONVERSATION", 0);
    let mut coverage = Coverage::default();
    let mut index = first;
    while coverage.packets() < packets {
        let conversation = conversation::generate(seed, index);
        if let Err(disagreement) = judge::listen(&conversation, &mut coverage) {
            panic!("GROUNDPLANE_SEED={seed} GROUNDPLANE_CONVERSATION={index}: {disagreement}");
        }
        index += 1;
    }
    // Not `println`, which shows only when the test fails.
    writeln!(
        std::io::stdout(),
        "seed {seed}, conversations {first} to {}\n{coverage}",
        index - 1
    )
    .expect("it is printed");
    coverage.check_floors();
}
