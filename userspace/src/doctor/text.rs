//! The report as people read it.

use super::{Check, Health, Report};
use std::fmt::{self, Write as _};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl Report {
    /// A line for each check, and below those that aren't as they should be what to do; with colours for terminals.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let width = self.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for check in &self.checks {
            let Check {
                name,
                found,
                meaning,
                advice,
                health,
            } = check;
            // Writing to a string can't fail; likewise below.
            let _ = writeln!(text, "{} {name:width$}  {found}: {meaning}", health.sign(colours));
            if let Some(advice) = advice {
                let _ = writeln!(text, "     {:width$}  → {advice}", "");
            }
        }
        text + &self.summary()
    }

    fn summary(&self) -> String {
        let count = |health| self.checks.iter().filter(|check| check.health == health).count();
        match (count(Health::Failure), count(Health::Warning)) {
            (0, 0) => "\nEverything is as it should be.".to_owned(),
            (0, warnings) => format!("\nEverything that is needed is there; {warnings} could be better."),
            (failures, _) => format!("\n{failures} of what is needed is missing or wrong."),
        }
    }
}

impl Health {
    fn sign(self, colours: bool) -> String {
        let (sign, colour) = match self {
            Self::Ok => (" ok ", 32),
            Self::Warning => ("warn", 33),
            Self::Failure => ("FAIL", 31),
        };
        if colours {
            format!("\x1b[{colour}m{sign}\x1b[0m")
        } else {
            sign.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        let checks = vec![
            Check::ok("JIT", "on", "programs run as machine code"),
            Check::failure("kernel", "Linux 5.10", "too old", "run a newer one"),
        ];
        let report = Report { healthy: false, checks };
        let expected = "\u{20}ok  JIT     on: programs run as machine code
FAIL kernel  Linux 5.10: too old
             → run a newer one

1 of what is needed is missing or wrong.";
        assert_eq!(report.to_string(), expected);
        assert!(report.render(true).contains("\x1b[31mFAIL\x1b[0m"));
    }
}
