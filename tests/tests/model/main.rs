//! The first oracle: the reference model and the datapath on the host say the same of every packet of generated
//! conversations: verdict, reason, destination and bytes.
//!
//! `GROUNDPLANE_PACKETS` sets how many packets at least (a hundred million take a quarter of an hour in a release
//! build), `GROUNDPLANE_SEED` under which seed; a failure names the conversation and the step, and the seed with the
//! conversation's index, `GROUNDPLANE_CONVERSATION`, gives it again.

mod abroad;
mod balanced;
mod books;
mod coverage;
mod inspected;
mod judge;
mod linked;
mod reasons;

use abroad::Reach;
use coverage::Coverage;
use groundplane_tests::conversation;
use std::io::Write;
use std::ops::Range;
use std::thread;

const PACKETS: u64 = 1_000_000;
const SEED: u64 = 0x6770_0001;
/// Conversations between two looks at how many packets there were. Not dependent on the machine, so that the same seed
/// gives the same coverage everywhere.
const ROUND: u64 = 64;

fn number(variable: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(variable) else {
        return default;
    };
    text.parse()
        .unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}"))
}

/// Plays some conversations. The error is that of the first that model and datapath disagree about.
fn play(seed: u64, conversations: impl Iterator<Item = u64>) -> Result<Coverage, (u64, String)> {
    let mut coverage = Coverage::default();
    for index in conversations {
        let conversation = conversation::generate(seed, index);
        judge::listen(&conversation, &mut coverage).map_err(|disagreement| (index, disagreement))?;
    }
    Ok(coverage)
}

/// Plays conversations on all cores.
fn play_round(seed: u64, conversations: &Range<u64>) -> Result<Coverage, (u64, String)> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let played = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|core| scope.spawn(move || play(seed, conversations.clone().skip(core).step_by(cores))))
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join().expect("no test panics"));
        joined.collect::<Vec<_>>()
    });
    // The conversation with the lowest number tells of a disagreement, whichever thread was the first to find one.
    if let Some(first) = played.iter().filter_map(|part| part.as_ref().err()).min() {
        return Err(first.clone());
    }
    Ok(played.into_iter().flatten().fold(Coverage::default(), Coverage::and))
}

#[test]
fn model_and_datapath_say_the_same_of_every_packet() {
    let (packets, seed) = (number("GROUNDPLANE_PACKETS", PACKETS), number("GROUNDPLANE_SEED", SEED));
    let first = number("GROUNDPLANE_CONVERSATION", 0);
    let mut coverage = Coverage::default();
    let mut next = first;
    while coverage.packets() < packets {
        // A round is no longer than needed: so one conversation can be asked for.
        let conversations = next..next + ROUND.min(packets);
        match play_round(seed, &conversations) {
            Ok(played) => coverage = coverage.and(played),
            Err((index, disagreement)) => {
                panic!("GROUNDPLANE_SEED={seed} GROUNDPLANE_CONVERSATION={index}: {disagreement}")
            }
        }
        next = conversations.end;
    }
    // Not `println`, which shows only when the test fails.
    writeln!(
        std::io::stdout(),
        "seed {seed}, conversations {first} to {}\n{coverage}",
        next - 1
    )
    .expect("it is printed");
    coverage.check_floors();
}

#[test]
fn model_and_datapath_say_the_same_of_every_packet_across_gateways() {
    play_in_turn(Reach::across_gateways(), abroad::listen);
}

#[test]
fn model_and_datapath_say_the_same_of_every_packet_by_load_balancers() {
    play_in_turn(Reach::by_balancers(), balanced::listen);
}

#[test]
fn model_and_datapath_say_the_same_of_every_packet_by_appliances() {
    play_in_turn(Reach::by_appliances(), inspected::listen);
}

#[test]
fn model_and_datapath_say_the_same_of_every_packet_by_vpc_links() {
    play_in_turn(Reach::by_links(), linked::listen);
}

/// A quarter as many packets, under the same seed: these are played one after the other.
fn play_in_turn(mut reach: Reach, listen: impl Fn(u64, u64, &mut Reach) -> Result<(), String>) {
    let (packets, seed) = (
        number("GROUNDPLANE_PACKETS", PACKETS) / 4,
        number("GROUNDPLANE_SEED", SEED),
    );
    let first = number("GROUNDPLANE_CONVERSATION", 0);
    let mut next = first;
    while reach.packets() < packets {
        if let Err(disagreement) = listen(seed, next, &mut reach) {
            panic!("GROUNDPLANE_SEED={seed} GROUNDPLANE_CONVERSATION={next}: {disagreement}");
        }
        next += 1;
    }
    writeln!(
        std::io::stdout(),
        "seed {seed}, conversations {first} to {}\n{reach}",
        next - 1
    )
    .expect("it is printed");
    reach.check_floors();
}
