//! What the conversations have reached, and how often at least they must.

use super::reasons::IMPOSSIBLE;
use groundplane_abi::DropReason;
use groundplane_tests::twin::{Heard, Path};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    delivered: u64,
    answered: u64,
    relayed: u64,
    changes: u64,
    dropped: BTreeMap<DropReason, u64>,
    paths: BTreeMap<Path, u64>,
}

impl Coverage {
    pub(crate) fn heard(&mut self, heard: &Heard, path: Option<Path>) {
        match heard {
            Heard::Delivered { .. } => self.delivered += 1,
            Heard::Answered(_) => self.answered += 1,
            Heard::Dropped(reason) => *self.dropped.entry(*reason).or_default() += 1,
        }
        if let Some(path) = path {
            *self.paths.entry(path).or_default() += 1;
        }
    }

    pub(crate) fn relayed(&mut self) {
        self.relayed += 1;
    }

    pub(crate) fn changed(&mut self) {
        self.changes += 1;
    }

    pub(crate) fn packets(&self) -> u64 {
        self.delivered + self.answered + self.dropped.values().sum::<u64>()
    }

    /// Everything that can happen has happened once in a thousand packets.
    pub(crate) fn check_floors(&self) {
        let floor = self.packets() / 1000;
        let low: Vec<_> = self.rows().into_iter().filter(|(_, times)| *times < floor).collect();
        assert!(low.is_empty(), "reached less than {floor} times: {low:?}");
        let impossible = self.dropped.keys().filter(|reason| is_impossible(**reason));
        assert_eq!(impossible.count(), 0, "something impossible has happened");
    }

    fn rows(&self) -> Vec<(String, u64)> {
        const PATHS: [Path; 8] = [
            Path::Fast,
            Path::Resumed,
            Path::Restamped,
            Path::Promoted,
            Path::Installed,
            Path::Expired,
            Path::Replaced,
            Path::Alone,
        ];
        let mut rows = vec![
            ("delivered".to_owned(), self.delivered),
            ("answered".to_owned(), self.answered),
            ("passed on by a middlebox".to_owned(), self.relayed),
            ("configuration changed".to_owned(), self.changes),
        ];
        rows.extend(PATHS.map(|path| {
            (
                format!("path {path:?}"),
                self.paths.get(&path).copied().unwrap_or_default(),
            )
        }));
        let reasons = DropReason::ALL.iter().map(|described| described.reason);
        let possible = reasons.filter(|reason| !is_impossible(*reason));
        rows.extend(possible.map(|reason| {
            (
                format!("dropped {reason}"),
                self.dropped.get(&reason).copied().unwrap_or_default(),
            )
        }));
        rows
    }
}

fn is_impossible(reason: DropReason) -> bool {
    IMPOSSIBLE.iter().any(|(impossible, _)| *impossible == reason)
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>9} packets", self.packets())?;
        for (what, times) in self.rows() {
            writeln!(f, "{times:>9} {what}")?;
        }
        for (reason, why) in IMPOSSIBLE {
            writeln!(f, "{:>9} dropped {reason}: {why}", "-")?;
        }
        Ok(())
    }
}
