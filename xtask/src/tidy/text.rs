//! What no text file may contain.

use super::{File, Problem};

/// Notes to oneself, written in pieces so that this file doesn't contain them.
const NOTES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("dbg", "!(")];
/// Folders of one person's machine.
const FOLDERS: [&str; 4] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
];

pub(super) fn check(file: &File) -> Vec<Problem> {
    if file.path.starts_with("LICENSE") || file.path == "Cargo.lock" {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if let Some(note) = NOTES.iter().find(|note| line.contains(*note)) {
            problems.push(Problem::new(
                file,
                index + 1,
                format!("`{note}`: do it or open an issue"),
            ));
        }
        if let Some(folder) = FOLDERS.iter().find(|folder| has_absolute_path(line, folder)) {
            problems.push(Problem::new(
                file,
                index + 1,
                format!("`{folder}…` is a folder of somebody's machine"),
            ));
        }
    }
    problems
}

/// Whether a path starts with the folder. Inside of a longer path (`target/work/`) it is somebody else's business.
fn has_absolute_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        before.is_none_or(|char| !(char.is_alphanumeric() || "._-~}*/".contains(char)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let file = File {
            path: "README.md".to_owned(),
            text: text.to_owned(),
        };
        check(&file).into_iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn notes_to_oneself_are_found() {
        assert_eq!(lines(&format!("fine\n// {}: later\n{}x)", NOTES[0], NOTES[2])), [2, 3]);
    }

    #[test]
    fn only_paths_that_start_at_a_persons_folder_are_found() {
        assert_eq!(lines(&format!("see {}me/notes", FOLDERS[0])), [1]);
        assert_eq!(lines(&format!("{}x", FOLDERS[2])), [1]);
        assert_eq!(
            lines(&format!("target{}x and $HOME{}x", FOLDERS[2], FOLDERS[1])),
            [0_usize; 0]
        );
    }
}
