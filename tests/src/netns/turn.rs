//! Whose turn it is, where tests run at the same time: those that others would disturb run alone.

use std::collections::HashMap;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

/// How many turns each thread has taken, and how many threads want to be alone, or are.
#[derive(Default)]
struct Turns {
    taken: HashMap<ThreadId, usize>,
    alone: usize,
}

static TURNS: LazyLock<Mutex<Turns>> = LazyLock::new(Mutex::default);
static CHANGED: Condvar = Condvar::new();

/// As long as it is there, the thread that took it has its turn.
#[derive(Debug)]
pub struct Turn {
    thread: ThreadId,
    alone: bool,
}

/// Waits until no other test has a [`Lab`](super::Lab), and keeps others from making one. For a test that counts what a
/// busy machine loses.
#[must_use]
pub fn alone() -> Turn {
    let thread = std::thread::current().id();
    let mut turns = lock();
    turns.alone += 1;
    while turns.taken.keys().any(|other| *other != thread) {
        turns = CHANGED.wait(turns).unwrap_or_else(PoisonError::into_inner);
    }
    take(turns, thread, true)
}

/// Waits until nobody is or wants to be alone. A thread that has its turn may take more.
pub(super) fn together() -> Turn {
    let thread = std::thread::current().id();
    let mut turns = lock();
    while turns.alone > 0 && !turns.taken.contains_key(&thread) {
        turns = CHANGED.wait(turns).unwrap_or_else(PoisonError::into_inner);
    }
    take(turns, thread, false)
}

fn take(mut turns: MutexGuard<'_, Turns>, thread: ThreadId, alone: bool) -> Turn {
    *turns.taken.entry(thread).or_default() += 1;
    Turn { thread, alone }
}

fn lock() -> MutexGuard<'static, Turns> {
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = lock();
        turns.alone -= usize::from(self.alone);
        if let Some(taken) = turns.taken.get_mut(&self.thread) {
            *taken -= 1;
            if *taken == 0 {
                turns.taken.remove(&self.thread);
            }
        }
        CHANGED.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn whoever_wants_to_be_alone_waits_for_all_others_and_they_for_it() {
        let moment = Duration::from_millis(50);
        let (first, second) = (together(), together());
        let (tell, told) = mpsc::channel();
        let tell_of_another = tell.clone();
        std::thread::spawn(move || {
            let turn = alone();
            let more = together();
            tell.send("alone").expect("somebody listens");
            std::thread::sleep(Duration::from_millis(100));
            tell.send("not alone any more").expect("somebody listens");
            drop((turn, more));
        });
        assert!(told.recv_timeout(moment).is_err(), "this thread has two turns");
        drop(first);
        assert!(told.recv_timeout(moment).is_err(), "this thread has a turn");
        std::thread::spawn(move || {
            let _turn = together();
            tell_of_another.send("another").expect("somebody listens");
        });
        assert!(
            told.recv_timeout(moment).is_err(),
            "another one doesn't come in between"
        );
        drop(second);
        assert_eq!(
            told.iter().collect::<Vec<_>>(),
            ["alone", "not alone any more", "another"]
        );
    }
}
