//! What the kernel says of itself in small files.

use std::fs;
use std::path::Path;

/// The first line of a file, if it can be read.
pub(super) fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.lines().next().unwrap_or_default().trim().to_owned())
}

pub(super) fn number(path: &str) -> Option<u64> {
    line(path)?.parse().ok()
}

pub(super) fn exists(path: &str) -> bool {
    Path::new(path).exists()
}

/// The value of a line such as `MemAvailable:  123 kB`, in its own unit.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

/// Bytes in the unit people read.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        0..0x40_0000 => format!("{} KiB", bytes >> 10),
        0x40_0000..0x1_0000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "MemTotal:       24 kB\nMemAvailable:   23 kB\n";
        assert_eq!(field(text, "MemAvailable"), Some(23));
        assert_eq!(field(text, "Mem"), None);
        assert_eq!(field(text, "MemFree"), None);
    }

    #[test]
    fn a_file_that_is_not_there_says_nothing() {
        assert_eq!(line("/proc/nothing"), None);
        assert_eq!(number("/proc/sys/kernel/osrelease"), None);
    }

    #[test]
    fn sizes_have_the_unit_people_read() {
        assert_eq!(
            [size(4096), size(64 << 20), size(16 << 30)],
            ["4 KiB", "64 MiB", "16 GiB"]
        );
    }
}
