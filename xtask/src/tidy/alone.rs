//! Tests that run alone are listed by name, and the runner doesn't say so where a name is nobody's.

use super::{File, Problem};

const LIST: &str = ".config/nextest.toml";
const SUITE: &str = "tests/tests/netns";

/// Every test that the runner's list names has to be there.
pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let Some(list) = files.iter().find(|file| file.path == LIST) else {
        return Vec::new();
    };
    let is_missing = |(_, name): &(usize, &str)| !files.iter().any(|file| has_test(file, name));
    names(&list.text)
        .filter(is_missing)
        .map(|(line, name)| Problem::new(list, line, format!("no test is called {name}")))
        .collect()
}

/// The names of a list, with their lines.
fn names(list: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(list.lines());
    lines.filter_map(|(number, line)| {
        let (_, rest) = line.split_once("test(=")?;
        Some((number, rest.split_once(')')?.0))
    })
}

/// Whether a file is a test's, by its modules, and has a function of its name.
fn has_test(file: &File, name: &str) -> bool {
    let (modules, function) = name.rsplit_once("::").unwrap_or(("main", name));
    let stem = format!("{SUITE}/{}", modules.replace("::", "/"));
    let is_its = [format!("{stem}.rs"), format!("{stem}/mod.rs")].contains(&file.path);
    is_its && file.text.contains(&format!("fn {function}("))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    #[test]
    fn a_name_that_is_nobodys_is_found() {
        let list = file(
            LIST,
            "filter = \"\"\"\n  test(=flip::none_is_lost)\n  + test(=uplink::own::goes_on)\n  + test(/^large::/)\n\"\"\"\n",
        );
        let flip = file("tests/tests/netns/flip.rs", "#[test]\nfn none_is_lost() {}\n");
        let own = |name: &str| {
            file(
                "tests/tests/netns/uplink/own.rs",
                &format!("#[test]\nfn {name}() {{}}\n"),
            )
        };
        let mut files = vec![list, flip, own("goes_on")];
        assert!(check(&files).is_empty());
        files[2] = own("goes_on_and_on");
        let [problem] = &*check(&files) else {
            panic!("one of them is missing");
        };
        assert_eq!((&*problem.path, problem.line), (LIST, 3));
        assert_eq!(problem.what, "no test is called uplink::own::goes_on");
    }
}
