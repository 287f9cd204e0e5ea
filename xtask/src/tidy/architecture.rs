//! The texts a newcomer reads first exist and know every crate.

use super::{File, Problem};

const TEXTS: [&str; 2] = ["README.md", "ARCHITECTURE.md"];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let find = |path: &str| files.iter().find(|file| file.path == path);
    let mut problems: Vec<Problem> = TEXTS
        .iter()
        .filter(|path| find(path).is_none())
        .map(|path| Problem {
            path: (*path).to_owned(),
            line: 0,
            what: "missing".to_owned(),
        })
        .collect();
    if let Some(architecture) = find("ARCHITECTURE.md") {
        let crates = files
            .iter()
            .filter(|file| file.path.ends_with("Cargo.toml"))
            .filter_map(package);
        let unmentioned = crates.filter(|name| !architecture.text.contains(&format!("`{name}`")));
        problems.extend(unmentioned.map(|name| Problem::new(architecture, 0, format!("says nothing about `{name}`"))));
    }
    problems
}

/// The package's name in a Cargo.toml; the workspace's own has none.
fn package(file: &File) -> Option<&str> {
    let line = file
        .text
        .lines()
        .skip_while(|line| *line != "[package]")
        .find(|line| line.starts_with("name = "))?;
    line.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    #[test]
    fn every_crate_is_mentioned() {
        let mut files = vec![
            file("Cargo.toml", "[workspace]\nmembers = []\n"),
            file("xtask/Cargo.toml", "[package]\nname = \"xtask\"\n"),
            file("README.md", ""),
            file("ARCHITECTURE.md", "`xtask` does it"),
        ];
        assert_eq!(check(&files), []);
        files.push(file("new/Cargo.toml", "[package]\nname = \"groundplane-new\"\n"));
        assert_eq!(check(&files)[0].what, "says nothing about `groundplane-new`");
    }

    #[test]
    fn both_texts_exist() {
        assert_eq!(check(&[]).len(), 2);
    }
}
