//! Drop reasons are append-only: a number once given means the same thing for ever.
//!
//! The list beside the code is what was given out. Who adds a reason adds its line there; who changes or removes one
//! has to touch a file whose first line says not to.

use super::{File, Problem};

const CODE: &str = "ebpf/abi/src/drop_reason.rs";
const LIST: &str = "ebpf/abi/drop_reasons.txt";

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let find = |path: &str| files.iter().find(|file| file.path == path);
    let (Some(code), Some(list)) = (find(CODE), find(LIST)) else {
        let path = format!("{CODE} and {LIST}");
        return vec![Problem {
            path,
            line: 0,
            what: "both are needed, and one is missing".to_owned(),
        }];
    };
    compare(code, list)
}

fn compare(code: &File, list: &File) -> Vec<Problem> {
    let given: Vec<String> = list
        .text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let coded: Vec<String> = code.text.lines().filter_map(reason).collect();
    let mut problems = Vec::new();
    if coded.is_empty() {
        problems.push(Problem::new(
            code,
            0,
            "no drop reason is found, so this check has to be adapted",
        ));
    }
    for (index, line) in given.iter().enumerate() {
        let now = coded.get(index).map_or("nothing", String::as_str);
        if now != line {
            problems.push(Problem::new(
                code,
                0,
                format!("drop reason `{line}` was given out, and now there is {now}"),
            ));
        }
    }
    for line in coded.iter().skip(given.len()) {
        problems.push(Problem::new(
            list,
            0,
            format!("a new drop reason: add the line `{line}`"),
        ));
    }
    problems
}

/// `7 VlanTagged` from a row of the table in the code.
fn reason(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let number: u16 = words.next()?.parse().ok()?;
    let constant = words.next()?;
    let name = words.next()?.strip_prefix('"')?.strip_suffix('"')?;
    constant
        .chars()
        .all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_')
        .then_some(())?;
    Some(format!("{number} {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE_TEXT: &str = "reasons! {\n    1  TRUNCATED \"Truncated\" \"parse\" \"\" \"ends\"\n    \
                             2  NO_IPV6 \"NoIpv6\" \"parse\" \"\" \"six\"\n}\n";

    fn problems(code: &str, list: &str) -> Vec<String> {
        let code = File {
            path: CODE.to_owned(),
            text: code.to_owned(),
        };
        let list = File {
            path: LIST.to_owned(),
            text: list.to_owned(),
        };
        compare(&code, &list).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn what_was_given_out_stays() {
        assert_eq!(problems(CODE_TEXT, "# no touching\n1 Truncated\n2 NoIpv6\n"), [""; 0]);
        assert!(problems(CODE_TEXT, "1 Truncated\n2 NoIpv4\n")[0].contains("`2 NoIpv4` was given out"));
        assert!(problems(CODE_TEXT, "1 Truncated\n2 NoIpv6\n3 Gone\n")[0].contains("now there is nothing"));
    }

    #[test]
    fn a_new_reason_goes_on_the_list() {
        assert_eq!(
            problems(CODE_TEXT, "1 Truncated\n"),
            ["a new drop reason: add the line `2 NoIpv6`"]
        );
    }

    #[test]
    fn a_table_that_cannot_be_read_is_a_problem() {
        assert_eq!(problems("", "").len(), 1);
    }
}
