//! `groundplane validate` as people and scripts call it.

use std::process::{Command, Output};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/two-vpcs.yaml");

fn groundplane(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_groundplane"))
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

/// A document of this test alone, which goes when the test ends.
struct Document(std::path::PathBuf);

impl Document {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("groundplane-{}-{name}.yaml", std::process::id()));
        std::fs::write(&path, text).expect("the document is written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path of text")
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_right_document_is_told_in_a_line_and_exits_0() {
    let output = groundplane(&["validate", EXAMPLE]);
    assert_eq!(output.status.code(), Some(0));
    let expected = format!(
        "{EXAMPLE} is right: 2 VPCs, 4 subnets, 2 route tables, 2 network ACLs, 2 security groups, \
         0 prefix lists, 5 network interfaces\n"
    );
    assert_eq!((text(&output.stdout), text(&output.stderr)), (&*expected, ""));
}

#[test]
fn a_wrong_document_is_explained_without_colours_in_a_pipe_and_exits_4() {
    let document = Document::new("wrong", "vpcs: { a: { CidrBlock: 10.0.0.0/8 }, b: {} }\n");
    let output = groundplane(&["validate", document.path()]);
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(
        text(&output.stdout),
        format!("{} is wrong: 2 problems\n", document.path())
    );
    let problems = text(&output.stderr);
    assert!(
        problems.starts_with("error[InvalidVpc.Range]: a VPC's block is a /16 to a /28"),
        "{problems}"
    );
    assert!(
        problems.contains(&format!("--> {}:1:25", document.path())),
        "{problems}"
    );
    assert!(!problems.contains('\x1b'), "{problems}");
}

#[test]
fn json_has_every_problem_with_its_place_and_code() {
    let document = Document::new("json", "vpcs: { a: { CidrBlock: 10.0.0.0/8 } }\n");
    let output = groundplane(&["--output", "json", "validate", document.path()]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(4), ""));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let expected = serde_json::json!({
        "valid": false,
        "files": [document.path()],
        "problems": [{
            "severity": "error",
            "file": document.path(),
            "line": 1,
            "column": 25,
            "code": "InvalidVpc.Range",
            "message": "a VPC's block is a /16 to a /28, this is a /8",
            "help": "choose another length",
        }],
        "omitted": 0,
    });
    assert_eq!(report, expected);
}

#[test]
fn json_says_what_a_right_document_has() {
    let output = groundplane(&["validate", EXAMPLE, "--output", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let counts = serde_json::json!({
        "vpcs": 2,
        "subnets": 4,
        "security_groups": 2,
        "network_acls": 2,
        "route_tables": 2,
        "prefix_lists": 0,
        "network_interfaces": 5,
    });
    assert_eq!((&report["valid"], &report["counts"]), (&true.into(), &counts));
}

#[test]
fn a_warning_is_told_and_exits_0() {
    let document = Document::new(
        "warning",
        "vpcs:
  a:
    CidrBlock: 10.0.0.0/16
    subnets: { s: { CidrBlock: 10.0.1.0/24 } }
    instances: { i: { subnet: s, namespace: n } }
    route_tables: { t: { routes: [{ DestinationCidrBlock: 10.0.1.0/24, instance: i }] } }
",
    );
    let output = groundplane(&["validate", document.path()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr).contains("warning[M28]: instance \"i\""),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_wrong_command_line_exits_64() {
    for arguments in [&["validate", "no-such-file"][..], &["validate"], &["vlidate", "x"], &[]] {
        let output = groundplane(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn whoever_stops_reading_is_told_nothing() {
    let document = Document::new("closed", "vpcs: { a: { CidrBlock: 10.0.0.0/16 } }\n");
    for format in ["text", "json"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_groundplane"));
        command
            .args(["--output", format, "validate", document.path()])
            .stdout(writer);
        let output = command.output().expect("groundplane runs");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    }
}
