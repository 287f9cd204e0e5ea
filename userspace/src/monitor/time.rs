//! The kernel's moments as people write them.

use crate::install::error::{Doing as _, Result};
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// What the wall's clock shows when the kernel's is at zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    boot: Duration,
}

impl Clock {
    pub(super) fn now() -> Result<Self> {
        let read = |clock| {
            let time = clock_gettime(clock).doing(|| "read the clock".to_owned())?;
            Ok(Duration::from(time))
        };
        let (wall, kernel) = (read(ClockId::CLOCK_REALTIME)?, read(ClockId::CLOCK_MONOTONIC)?);
        Ok(Self {
            boot: wall.saturating_sub(kernel),
        })
    }

    /// A moment of the kernel's, in RFC 3339, UTC, to the millisecond.
    pub(super) fn text(self, nanoseconds: u64) -> String {
        let time = self.boot + Duration::from_nanos(nanoseconds);
        format!("{}.{:03}Z", to_the_second(time.as_secs()), time.subsec_millis())
    }
}

/// A moment in seconds since 1970, in RFC 3339, UTC.
#[must_use]
pub fn moment(seconds: u64) -> String {
    to_the_second(seconds) + "Z"
}

fn to_the_second(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Year, month and day that many days after 1970 began. Years are counted from March, so that a leap day is the last of
/// its year.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    // From the first of March of the year 0.
    let days = days + 719_468;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // Months from March on have 31, 30, 31, 30, 31 days, and again.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + 400 * era + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (19_723, (2024, 1, 1)),
            (20_819, (2027, 1, 1)),
        ] {
            assert_eq!(date(days), expected);
        }
    }

    #[test]
    fn a_moment_is_told_to_the_millisecond() {
        let clock = Clock {
            boot: Duration::from_secs(1_700_000_000),
        };
        assert_eq!(clock.text(1_234_567_890), "2023-11-14T22:13:21.234Z");
    }
}
