//! The thread that looks at targets, inside of the service port's namespace.

use super::check::{Check, Health, Outcome};
use super::probe::probe;
use super::settings::Settings;
use super::subject::{Subject, TargetId};
use crate::install::{self, AnnexState, Resident};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::AbortHandle;

/// How many are looked at at the same time. Each takes a socket; the next one waits until one is done.
const AT_ONCE: usize = 256;

/// A target to be looked after, and by which address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub subject: Subject,
    pub alias: Ipv4Addr,
}

type Charges = Arc<BTreeMap<TargetId, Charge>>;

/// Whoever has targets looked after.
#[derive(Debug, Default)]
pub struct Checker {
    board: Board,
    round: Resident<Charges>,
}

/// What is known of targets: written by who looks, read by who asks.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    checks: Mutex<BTreeMap<TargetId, Check>>,
    /// Somebody has become unhealthy, or isn't any more.
    news: Notify,
}

impl Checker {
    #[must_use]
    pub fn new(board: Board) -> Self {
        Self {
            board,
            round: Resident::default(),
        }
    }

    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// Has these looked after from now on, by way of a service port. What is known of those who stay is kept.
    pub fn look_after(&mut self, port: Option<&AnnexState>, charges: Vec<Charge>) -> install::Result<()> {
        let named = charges
            .into_iter()
            .map(|charge| (charge.subject.target.clone(), charge));
        let charges: Charges = Arc::new(named.collect());
        self.board.keep(&charges);
        let board = self.board.clone();
        let charges = Some(charges).filter(|charges| !charges.is_empty());
        self.round
            .tell("health", port, charges, |told| look_after_all(told, board))
    }

    /// Whether it has to be told again: its thread has ended.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.round.has_ended()
    }
}

async fn look_after_all(mut told: watch::Receiver<Charges>, board: Board) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut running: BTreeMap<TargetId, (Charge, AbortHandle)> = BTreeMap::new();
    loop {
        let charges = Arc::clone(&told.borrow_and_update());
        running.retain(|target, (charge, task)| {
            let stays = charges.get(target) == Some(charge);
            if !stays {
                task.abort();
            }
            stays
        });
        for (target, charge) in &*charges {
            if !running.contains_key(target) {
                let task = tokio::spawn(look_after(charge.clone(), board.clone(), Arc::clone(&room)));
                running.insert(target.clone(), (charge.clone(), task.abort_handle()));
            }
        }
        if told.changed().await.is_err() {
            return;
        }
    }
}

/// Looks again and again, until what is known of the target isn't asked for any more.
async fn look_after(Charge { subject, alias }: Charge, board: Board, room: Arc<Semaphore>) {
    while let Some(due) = board.due(&subject.target) {
        tokio::time::sleep_until(due.into()).await;
        // A semaphore that is never closed always has room in the end.
        let Ok(place) = room.acquire().await else { return };
        board.begin(&subject);
        let outcome = probe(alias.into(), subject.address, &subject.settings).await;
        drop(place);
        board.note(&subject, outcome);
    }
}

impl Board {
    /// What is known of a target; nothing of one that isn't looked after.
    #[must_use]
    pub fn health(&self, target: &TargetId) -> Option<Health> {
        self.checks().get(target).map(Check::health)
    }

    /// Those that are unhealthy.
    #[must_use]
    pub fn unhealthy(&self) -> BTreeSet<TargetId> {
        let checks = self.checks();
        let unhealthy = checks.iter().filter(|(_, check)| is_unhealthy(check));
        unhealthy.map(|(target, _)| target.clone()).collect()
    }

    /// Waits until somebody has become unhealthy, or isn't any more.
    pub async fn news(&self) {
        self.0.news.notified().await;
    }

    /// Forgets all but these. Those that are new are looked at within an interval, each at a moment of its own.
    fn keep(&self, charges: &BTreeMap<TargetId, Charge>) {
        let mut checks = self.checks();
        let before = checks.len();
        let mut forgets_unhealthy = false;
        checks.retain(|target, check| {
            let stays = charges.contains_key(target);
            forgets_unhealthy |= !stays && is_unhealthy(check);
            stays
        });
        let (now, random) = (Instant::now(), RandomState::new());
        for (target, charge) in charges {
            let first = || now + part(charge.subject.settings.interval, random.hash_one(target));
            checks.entry(target.clone()).or_insert_with(|| Check::new(first()));
        }
        tracing::debug!(before, now = checks.len(), "targets to be looked after");
        if forgets_unhealthy {
            self.0.news.notify_one();
        }
    }

    /// On which these stand. For tests.
    #[cfg(test)]
    pub(super) fn of(subjects: &[Subject]) -> Self {
        let board = Self::default();
        let charge = |subject: &Subject| Charge {
            subject: subject.clone(),
            alias: Ipv4Addr::UNSPECIFIED,
        };
        let charges = subjects.iter().map(charge);
        board.keep(&charges.map(|charge| (charge.subject.target.clone(), charge)).collect());
        board
    }

    fn due(&self, target: &TargetId) -> Option<Instant> {
        self.checks().get(target).map(Check::due)
    }

    pub(super) fn begin(&self, subject: &Subject) {
        self.change(subject, |check, settings| check.begin(Instant::now(), settings));
    }

    pub(super) fn note(&self, subject: &Subject, outcome: Outcome) {
        self.change(subject, |check, settings| check.note(outcome, settings));
    }

    fn change(&self, subject: &Subject, change: impl FnOnce(&mut Check, &Settings)) {
        let mut checks = self.checks();
        let Some(check) = checks.get_mut(&subject.target) else {
            return;
        };
        let (before, was_unhealthy) = (check.health(), is_unhealthy(check));
        change(check, &subject.settings);
        let after = check.health();
        if was_unhealthy != is_unhealthy(check) {
            self.0.news.notify_one();
        }
        drop(checks);
        tell(&subject.target, before, after);
    }

    fn checks(&self) -> MutexGuard<'_, BTreeMap<TargetId, Check>> {
        // Nothing that is written here can be half written.
        self.0.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn is_unhealthy(check: &Check) -> bool {
    matches!(check.health(), Health::Unhealthy(_))
}

fn tell(target: &TargetId, before: Health, after: Health) {
    let TargetId { group, id, port } = target;
    match (before, after) {
        (Health::Unhealthy(_), Health::Unhealthy(_)) => {}
        (_, Health::Unhealthy(cause)) => tracing::warn!(group, ?cause, "target {id}:{port} is unhealthy"),
        (Health::Unhealthy(_) | Health::Initial { .. }, Health::Healthy) => {
            tracing::info!(group, "target {id}:{port} is healthy");
        }
        _ => {}
    }
}

/// A part of an interval that a number stands for.
fn part(interval: Duration, number: u64) -> Duration {
    const PARTS: u32 = 1 << 16;
    // Below 2 to the 16th.
    let number = (number % u64::from(PARTS)) as u32;
    interval * number / PARTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::TargetGroup;
    use tokio::runtime::Builder;

    fn subject(id: &str) -> Subject {
        Subject {
            target: TargetId {
                group: "group".to_owned(),
                id: id.to_owned(),
                port: 80,
            },
            settings: Settings::of(&TargetGroup::default(), 80),
            node: "node".to_owned(),
            address: "10.0.0.4".parse().expect("an address"),
        }
    }

    fn charges(ids: &[&str]) -> BTreeMap<TargetId, Charge> {
        let charge = |id: &&str| Charge {
            subject: subject(id),
            alias: Ipv4Addr::new(100, 64, 1, 0),
        };
        let charges = ids.iter().map(charge);
        charges.map(|charge| (charge.subject.target.clone(), charge)).collect()
    }

    #[test]
    fn first_looks_are_spread_over_the_interval() {
        let interval = Duration::from_secs(30);
        assert_eq!(part(interval, 0), Duration::ZERO);
        assert_eq!(part(interval, 1 << 15), Duration::from_secs(15));
        assert!(part(interval, u64::MAX) < interval);
    }

    #[test]
    fn what_is_known_of_who_stays_is_kept() {
        let board = Board::default();
        board.keep(&charges(&["a", "b"]));
        for id in ["a", "b"] {
            board.note(&subject(id), Outcome::Failed(super::super::Cause::Timeout));
            board.note(&subject(id), Outcome::Failed(super::super::Cause::Timeout));
        }
        assert_eq!(board.unhealthy().len(), 2);
        board.keep(&charges(&["b", "c"]));
        assert_eq!(board.health(&subject("a").target), None);
        assert_eq!(board.unhealthy(), BTreeSet::from([subject("b").target]));
        assert_eq!(
            board.health(&subject("c").target),
            Some(Health::Initial { begun: false })
        );
        // Who comes again is new.
        board.keep(&charges(&["a"]));
        assert!(board.unhealthy().is_empty());
    }

    #[test]
    fn news_is_that_somebody_becomes_unhealthy_or_well_again() {
        let (board, subject) = (Board::default(), subject("a"));
        board.keep(&charges(&["a"]));
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let news = || {
            let waited = async { tokio::time::timeout(Duration::from_millis(10), board.news()).await };
            runtime.block_on(waited).is_ok()
        };
        let failed = Outcome::Failed(super::super::Cause::Timeout);
        for (outcome, is_news) in [
            (Outcome::Passed, false),
            (failed, false),
            (failed, true),
            (failed, false),
            (Outcome::Passed, false),
        ] {
            board.note(&subject, outcome);
            assert_eq!(news(), is_news, "{outcome:?}");
        }
        board.keep(&BTreeMap::new());
        assert!(news(), "an unhealthy one has gone");
    }
}
