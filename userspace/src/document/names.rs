//! What names may look like, and which one was probably meant.

use super::diagnostic::{Problem, Problems, Span, quote};

/// Names stand in file names, in paths of sysctls and in people's shells, so they are plain and not long.
const NAME_LEN: usize = 64;
/// The kernel's IFNAMSIZ without the terminating zero.
const DEVICE_LEN: usize = 15;

/// Checks the name of a VPC, a subnet, an instance or a route table.
pub(super) fn check_name(name: &str, span: Span, problems: &mut Problems) {
    if !is_name(name) {
        let message = format!("{} can't be a name", quote(name));
        let help = "a name has 1 to 64 of the letters a to z and A to Z, digits, '-', '_' and '.', \
                    and starts with a letter, a digit or '_'";
        problems.report(Problem::error(span, message).help(help));
    }
}

pub(super) fn is_name(name: &str) -> bool {
    is_plain(name, NAME_LEN, "-_.")
}

/// Checks the name of a network namespace, which is a file name.
pub(super) fn check_namespace(name: &str, span: Span, problems: &mut Problems) {
    if !is_namespace(name) {
        let message = format!("{} can't be the name of a namespace", quote(name));
        let help = "a namespace's name has 1 to 64 of the letters a to z and A to Z, digits, '-' and '_', \
                    and doesn't start with '-'";
        problems.report(Problem::error(span, message).help(help));
    }
}

pub(super) fn is_namespace(name: &str) -> bool {
    is_plain(name, NAME_LEN, "-_")
}

/// Checks the name of a tap or another device.
pub(super) fn check_device(name: &str, kind: &str, span: Span, problems: &mut Problems) {
    if !is_device(name) {
        let kind = if kind == "tap" { "tap device" } else { kind };
        let message = format!("{} can't be the name of a {kind}", quote(name));
        let help = "a device's name has 1 to 15 of the letters a to z and A to Z, digits, '-', '_' and '.', \
                    starts with a letter, a digit or '_', and is none of all, default and lo";
        problems.report(Problem::error(span, message).help(help));
    }
}

/// The three names are no devices to sysctl, or somebody else's.
pub(super) fn is_device(name: &str) -> bool {
    is_plain(name, DEVICE_LEN, "-_.") && !matches!(name, "all" | "default" | "lo")
}

fn is_plain(name: &str, len: usize, marks: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    starts_well && name.len() <= len && name.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}

/// The candidate that was probably meant. Nothing is searched for once the list of problems is full.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
    problems: &Problems,
) -> Option<&'a str> {
    /// Looking at more would take longer than it helps.
    const LOOKED_AT: usize = 250;
    if problems.is_full() || name.len() > NAME_LEN {
        return None;
    }
    let name = name.to_lowercase();
    let tolerated = name.chars().count() / 3 + 1;
    let distance = |candidate: &'a str| {
        let distance = strsim::osa_distance(&name, &candidate.to_lowercase());
        (distance <= tolerated).then_some((distance, candidate))
    };
    let candidates = candidates.filter(|candidate| candidate.len().abs_diff(name.len()) <= tolerated);
    candidates
        .take(LOOKED_AT)
        .filter_map(distance)
        .min()
        .map(|(_, candidate)| candidate)
}
