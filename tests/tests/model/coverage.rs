//! What the conversations have reached, and how often at least they must.

use super::abroad::{BALANCER_REASONS, INSPECTION_REASONS, LINK_REASONS, REASONS};
use super::reasons::IMPOSSIBLE;
use groundplane_abi::DropReason;
use groundplane_tests::model::{Pass, Way};
use groundplane_tests::packet::ethertype;
use groundplane_tests::twin::{Heard, Path};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    delivered: [u64; 2],
    answered: [u64; 2],
    relayed: u64,
    by_note: u64,
    changes: u64,
    dropped: BTreeMap<DropReason, u64>,
    paths: BTreeMap<Path, u64>,
    passes: BTreeMap<Pass, u64>,
}

fn add_all<K: Ord>(sums: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
    for (key, times) in more {
        *sums.entry(key).or_default() += times;
    }
}

/// The family of a frame that was delivered or answered.
fn family(frame: &[u8]) -> usize {
    usize::from(frame.get(12..14) == Some(&ethertype::IPV6.to_be_bytes()))
}

impl Coverage {
    pub(crate) fn heard(&mut self, heard: &Heard, path: Option<Path>) {
        match heard {
            Heard::Delivered { frame, .. } => self.delivered[family(frame)] += 1,
            Heard::Answered(frame) => self.answered[family(frame)] += 1,
            Heard::Left(_) | Heard::Passed => {}
            Heard::Dropped(reason) | Heard::Refused { reason, .. } => *self.dropped.entry(*reason).or_default() += 1,
        }
        if let Some(path) = path {
            *self.paths.entry(path).or_default() += 1;
        }
    }

    pub(crate) fn passed(&mut self, way: &Way) {
        for pass in way.passes.into_iter().flatten() {
            *self.passes.entry(pass).or_default() += 1;
        }
        self.by_note += u64::from(way.by_note);
    }

    /// This and what others have reached.
    pub(crate) fn and(mut self, other: Self) -> Self {
        for family in 0..2 {
            self.delivered[family] += other.delivered[family];
            self.answered[family] += other.answered[family];
        }
        self.relayed += other.relayed;
        self.by_note += other.by_note;
        self.changes += other.changes;
        add_all(&mut self.dropped, other.dropped);
        add_all(&mut self.paths, other.paths);
        add_all(&mut self.passes, other.passes);
        self
    }

    pub(crate) fn relayed(&mut self) {
        self.relayed += 1;
    }

    pub(crate) fn changed(&mut self) {
        self.changes += 1;
    }

    pub(crate) fn packets(&self) -> u64 {
        let arrived: u64 = self.delivered.iter().chain(&self.answered).sum();
        arrived + self.dropped.values().sum::<u64>()
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
        const PASSES: [Pass; 6] = [
            Pass::State,
            Pass::Cidr,
            Pass::PrefixList,
            Pass::Reference,
            Pass::ErrorAboutAutomatic,
            Pass::ErrorAboutUntracked,
        ];
        let mut rows = vec![
            ("delivered, IPv4".to_owned(), self.delivered[0]),
            ("delivered, IPv6".to_owned(), self.delivered[1]),
            ("answered, IPv4".to_owned(), self.answered[0]),
            ("answered, IPv6".to_owned(), self.answered[1]),
            ("passed on by a middlebox".to_owned(), self.relayed),
            ("fragment delivered by a note".to_owned(), self.by_note),
            ("configuration changed".to_owned(), self.changes),
        ];
        let times = |times: Option<&u64>| times.copied().unwrap_or_default();
        rows.extend(PATHS.map(|path| (format!("path {path:?}"), times(self.paths.get(&path)))));
        rows.extend(PASSES.map(|pass| (format!("gate {pass:?}"), times(self.passes.get(&pass)))));
        let reasons = DropReason::ALL.iter().map(|described| described.reason);
        let possible = reasons.filter(|reason| !is_impossible(*reason));
        rows.extend(possible.map(|reason| (format!("dropped {reason}"), times(self.dropped.get(&reason)))));
        rows
    }
}

fn is_impossible(reason: DropReason) -> bool {
    IMPOSSIBLE.iter().any(|(impossible, _)| *impossible == reason)
        || REASONS.contains(&reason)
        || BALANCER_REASONS.contains(&reason)
        || INSPECTION_REASONS.contains(&reason)
        || LINK_REASONS.contains(&reason)
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
