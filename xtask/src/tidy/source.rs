//! What Rust files may contain, and how long they should be.

use super::{File, Problem};

/// The only files with `unsafe`, and why each needs it.
const UNSAFE_ALLOWED: &[(&str, &str)] = &[
    ("ebpf/abi/src/lib.rs", "marks plain types for aya"),
    ("ebpf/src/atomic.rs", "atomic instructions"),
    ("ebpf/src/frame.rs", "the kernel's packet helpers"),
    ("ebpf/src/main.rs", "global functions and the license section"),
    ("ebpf/src/maps.rs", "values of maps by pointer"),
    ("ebpf/src/maps/door.rs", "values of maps by pointer"),
    ("ebpf/src/maps/family.rs", "values of maps by pointer"),
    ("ebpf/src/stages.rs", "global functions, which get pointers"),
    ("tests/src/bin/bench/program.rs", "marks a plain type for aya"),
    ("userspace/src/install/kernel/batch.rs", "a call the libraries lack"),
    (
        "userspace/src/install/kernel/events.rs",
        "a ring buffer shared with the kernel",
    ),
    (
        "userspace/src/install/kernel/generation.rs",
        "a word shared with the kernel",
    ),
    ("userspace/src/install/offload.rs", "a call the libraries lack"),
    ("userspace/src/install/tap.rs", "the kernel's calls for taps"),
    ("userspace/src/probe/process.rs", "what happens between fork and exec"),
];
/// Rooms that must compile for the kernel.
const WITHOUT_STD: [&str; 2] = ["ebpf/abi/src/", "ebpf/datapath/src/"];

const LONG_FILE: usize = 400;
const LONG_FUNCTION: usize = 40;

pub(super) fn check(file: &File) -> Vec<Problem> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let may_be_unsafe = UNSAFE_ALLOWED.iter().any(|(path, _)| *path == file.path);
    let no_std = WITHOUT_STD.iter().any(|room| file.path.starts_with(room)) && !is_test_file(&file.path);
    let mut problems = Vec::new();
    let mut in_tests = false;
    for (index, line) in file.text.lines().enumerate() {
        let code = code_of(line);
        in_tests |= code.trim() == "#[cfg(test)]";
        if !may_be_unsafe && has_word(&code, "unsafe") {
            problems.push(Problem::new(
                file,
                index + 1,
                "`unsafe` outside of the files that may have it",
            ));
        }
        if no_std && !in_tests && has_word(&code, "std") {
            problems.push(Problem::new(
                file,
                index + 1,
                "`std` in a crate that must compile for the kernel",
            ));
        }
    }
    problems
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Files and functions longer than a reader likes.
pub(super) fn sizes(file: &File) -> Vec<Problem> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let lines: Vec<&str> = file.text.lines().collect();
    let mut problems = Vec::new();
    if lines.len() > LONG_FILE {
        problems.push(Problem::new(file, 0, format!("{} lines", lines.len())));
    }
    for (start, line) in lines.iter().enumerate().filter(|(_, line)| is_function(line)) {
        // rustfmt puts the closing brace under the `fn`.
        let indent = line.len() - line.trim_start().len();
        let closing = format!("{}}}", " ".repeat(indent));
        let length = lines
            .iter()
            .skip(start)
            .position(|line| **line == closing)
            .map_or(1, |end| end + 1);
        if length > LONG_FUNCTION {
            problems.push(Problem::new(file, start + 1, format!("a function of {length} lines")));
        }
    }
    problems
}

fn is_function(line: &str) -> bool {
    let line = line.trim_start();
    let is_one_liner = line.ends_with('}') || line.ends_with(';');
    !is_one_liner && !line.starts_with("//") && has_word(line, "fn") && line.contains('(')
}

/// The line without its comment and without what stands in quotes.
fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' if quoted => drop(chars.next()),
            '"' => quoted = !quoted,
            '/' if !quoted && chars.peek() == Some(&'/') => break,
            _ if quoted => {}
            _ => code.push(char),
        }
    }
    code
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|char: char| !(char.is_alphanumeric() || char == '_'))
        .any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&file(path, text))
            .into_iter()
            .map(|problem| problem.line)
            .collect()
    }

    #[test]
    fn unsafe_is_found_outside_of_the_allowed_files_only() {
        let text = "//! unsafe in a comment\n#![forbid(unsafe_code)]\nlet x = \"unsafe\";\n    unsafe { go() }\n";
        assert_eq!(lines("userspace/src/lib.rs", text), [4]);
        assert_eq!(lines("ebpf/src/maps.rs", text), [0_usize; 0]);
        assert_eq!(lines("userspace/src/lib.rs", "#[unsafe(no_mangle)]"), [1]);
    }

    #[test]
    fn std_is_found_in_kernel_rooms_outside_of_tests() {
        let text = "use core::fmt;\nuse std::vec::Vec;\n#[cfg(test)]\nmod tests {\n    use std::vec::Vec;\n}\n";
        assert_eq!(lines("ebpf/datapath/src/parse.rs", text), [2]);
        assert_eq!(lines("ebpf/datapath/src/parse/tests.rs", text), [0_usize; 0]);
        assert_eq!(lines("userspace/src/lib.rs", text), [0_usize; 0]);
    }

    #[test]
    fn the_allowed_files_are_in_order_and_say_why() {
        assert!(UNSAFE_ALLOWED.is_sorted_by(|(a, _), (b, _)| a < b));
        assert!(UNSAFE_ALLOWED.iter().all(|(_, why)| !why.is_empty()));
    }

    #[test]
    fn long_functions_and_files_are_seen() {
        let body = "        x();\n".repeat(LONG_FUNCTION - 2);
        let fits = format!("impl X {{\n    fn f() {{\n{body}    }}\n}}\n");
        assert_eq!(sizes(&file("a.rs", &fits)), []);
        let long = format!("impl X {{\n    fn f() {{\n        y();\n{body}    }}\n}}\n");
        assert_eq!(
            sizes(&file("a.rs", &long))
                .iter()
                .map(|problem| problem.line)
                .collect::<Vec<_>>(),
            [2]
        );
        assert_eq!(sizes(&file("a.rs", &"x\n".repeat(LONG_FILE + 1))).len(), 1);
    }
}
