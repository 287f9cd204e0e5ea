//! What becomes of a target by what is seen of it, and when it is looked at next.

use super::settings::Settings;
use std::time::Instant;

/// What came of one look at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed(Cause),
}

/// Why a target is unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing came in time.
    Timeout,
    /// It answered with this status code.
    Code(u16),
    /// It refused, or what came is no answer.
    Broken,
}

/// What is known of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing was found out yet. Whether it is being looked at.
    Initial {
        begun: bool,
    },
    Healthy,
    Unhealthy(Cause),
}

/// A target under observation. It has no clock: whoever looks says when that is.
#[derive(Clone, Debug)]
pub struct Check {
    health: Health,
    /// Looks in a row that passed, and that failed.
    passed: u32,
    failed: u32,
    due: Instant,
}

impl Check {
    /// Of a target that is looked at for the first time then.
    #[must_use]
    pub const fn new(due: Instant) -> Self {
        Self {
            health: Health::Initial { begun: false },
            passed: 0,
            failed: 0,
            due,
        }
    }

    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// When to look next.
    #[must_use]
    pub const fn due(&self) -> Instant {
        self.due
    }

    /// A look begins. The next one is an interval later, however long this one takes.
    pub fn begin(&mut self, now: Instant, settings: &Settings) {
        self.due = now + settings.interval;
        if self.health == (Health::Initial { begun: false }) {
            self.health = Health::Initial { begun: true };
        }
    }

    /// Notes what came of it.
    pub fn note(&mut self, outcome: Outcome, settings: &Settings) {
        match outcome {
            Outcome::Passed => {
                (self.passed, self.failed) = (self.passed.saturating_add(1), 0);
                let is_well = match self.health {
                    // The first one makes a target usable.
                    Health::Initial { .. } | Health::Healthy => true,
                    Health::Unhealthy(_) => self.passed >= settings.healthy_threshold,
                };
                if is_well {
                    self.health = Health::Healthy;
                }
            }
            Outcome::Failed(cause) => {
                (self.passed, self.failed) = (0, self.failed.saturating_add(1));
                let was_unhealthy = matches!(self.health, Health::Unhealthy(_));
                if was_unhealthy || self.failed >= settings.unhealthy_threshold {
                    self.health = Health::Unhealthy(cause);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::TargetGroup;
    use std::time::Duration;

    fn settings() -> Settings {
        let group = TargetGroup {
            healthy_threshold_count: Some(3),
            unhealthy_threshold_count: Some(2),
            health_check_interval_seconds: Some(10),
            ..TargetGroup::default()
        };
        Settings::of(&group, 80)
    }

    const REFUSED: Outcome = Outcome::Failed(Cause::Broken);

    /// What a target is after each of these.
    fn course(outcomes: &[Outcome]) -> Vec<Health> {
        let (settings, mut check) = (settings(), Check::new(Instant::now()));
        let mut seen = Vec::new();
        for outcome in outcomes {
            check.begin(check.due(), &settings);
            check.note(*outcome, &settings);
            seen.push(check.health());
        }
        seen
    }

    #[test]
    fn the_first_look_that_passes_makes_a_target_healthy() {
        assert_eq!(course(&[Outcome::Passed]), [Health::Healthy]);
        assert_eq!(
            course(&[REFUSED, Outcome::Passed]),
            [Health::Initial { begun: true }, Health::Healthy]
        );
    }

    #[test]
    fn as_many_as_the_threshold_in_a_row_make_it_unhealthy_and_healthy_again() {
        let unhealthy = Health::Unhealthy(Cause::Broken);
        let outcomes = [
            Outcome::Passed,
            REFUSED,
            Outcome::Passed,
            REFUSED,
            REFUSED,
            Outcome::Passed,
            Outcome::Passed,
            REFUSED,
            Outcome::Passed,
            Outcome::Passed,
            Outcome::Passed,
        ];
        let mut wanted = vec![Health::Healthy; 4];
        wanted.extend([unhealthy; 6]);
        wanted.push(Health::Healthy);
        assert_eq!(course(&outcomes), wanted);
    }

    #[test]
    fn a_target_that_never_passed_becomes_unhealthy_by_the_same_threshold() {
        let unhealthy = Health::Unhealthy(Cause::Timeout);
        let outcome = Outcome::Failed(Cause::Timeout);
        assert_eq!(
            course(&[outcome, outcome]),
            [Health::Initial { begun: true }, unhealthy]
        );
    }

    #[test]
    fn the_cause_is_that_of_the_last_look() {
        let seen = course(&[REFUSED, REFUSED, Outcome::Failed(Cause::Code(503))]);
        assert_eq!(seen.last(), Some(&Health::Unhealthy(Cause::Code(503))));
    }

    #[test]
    fn looks_begin_an_interval_apart() {
        let (settings, start) = (settings(), Instant::now());
        let mut check = Check::new(start);
        assert_eq!(check.health(), Health::Initial { begun: false });
        check.begin(start, &settings);
        assert_eq!(check.health(), Health::Initial { begun: true });
        check.note(Outcome::Failed(Cause::Timeout), &settings);
        assert_eq!(check.due(), start + Duration::from_secs(10));
        // Who had to wait isn't hurried.
        let late = start + Duration::from_secs(14);
        check.begin(late, &settings);
        assert_eq!(check.due(), late + Duration::from_secs(10));
    }
}
