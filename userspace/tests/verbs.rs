//! Verbs that need neither root nor anything up, as people and scripts call them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/two-vpcs.yaml");

fn groundplane(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_groundplane"))
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn said(arguments: &[&str]) -> String {
    let output = groundplane(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&said(arguments)).expect("JSON")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

/// A directory of this test alone, which goes when the test ends.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("groundplane-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the directory is made");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path of text")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).expect("the file is written");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn completions_of_every_shell_know_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let script = said(&["completions", shell]);
        for verb in ["validate", "plan", "apply", "rollback", "flush", "doctor"] {
            assert!(script.contains(verb), "{shell} lacks {verb}");
        }
    }
    assert_eq!(groundplane(&["completions", "csh"]).status.code(), Some(64));
}

#[test]
fn the_schema_is_that_of_the_documentation() {
    const SCHEMA: &str = include_str!("../../docs/document.schema.json");
    assert!(
        said(&["schema"]) == SCHEMA,
        "run `groundplane schema > docs/document.schema.json`"
    );
}

#[test]
fn there_is_a_manual_page_for_the_command_and_for_each_verb() {
    let page = said(&["man"]);
    assert!(page.contains(".TH groundplane 1"), "{page}");
    assert!(page.contains("Exit codes"), "{page}");
    let directory = Directory::new("man");
    said(&["man", "--directory", directory.path()]);
    let page = |name: &str| std::fs::read_to_string(Path::new(directory.path()).join(name)).expect("a page");
    assert!(page("groundplane-flush.1").contains("dry\\-run"));
    assert!(page("groundplane.1").contains("groundplane\\-plan(1)"));
}

#[test]
fn objects_are_printed_as_awss_command_line_prints_them() {
    let subnets = json(&["get", "subnets", "--from", EXAMPLE]);
    assert_eq!(subnets["Subnets"].as_array().map(Vec::len), Some(4));
    for name in ["blue/web", "subnets"] {
        let one = groundplane(&["get", "subnet", name, "--from", EXAMPLE]);
        let expected = if name == "blue/web" { 0 } else { 1 };
        assert_eq!(one.status.code(), Some(expected), "{name}");
    }
    let id = subnets["Subnets"][0]["SubnetId"].as_str().expect("an id");
    let by_id = json(&["get", "subnets", id, "--from", EXAMPLE]);
    assert_eq!(by_id["Subnets"], serde_json::json!([subnets["Subnets"][0]]));
}

#[test]
fn kinds_have_the_names_people_give_them() {
    for kind in ["network-interfaces", "network_interface", "enis", "instances"] {
        let found = json(&["get", kind, "--from", EXAMPLE]);
        assert_eq!(found["NetworkInterfaces"].as_array().map(Vec::len), Some(5), "{kind}");
    }
    let unknown = groundplane(&["get", "subways", "--from", EXAMPLE]);
    assert_eq!(unknown.status.code(), Some(64));
    assert!(text(&unknown.stderr).contains("`groundplane show` lists them"));
}

#[test]
fn tables_for_people_have_a_line_for_each_object() {
    let shown = said(&["show", "subnets", "--from", EXAMPLE]);
    assert_eq!(shown.lines().count(), 5, "{shown}");
    assert!(shown.starts_with(" VPC "), "{shown}");
    let kinds = said(&["show", "--from", EXAMPLE]);
    assert!(
        kinds.contains("route-tables") && kinds.contains("describe-nat-gateways"),
        "{kinds}"
    );
    let json = json(&["show", "subnets", "--from", EXAMPLE, "--output", "json"]);
    assert_eq!(json, self::json(&["get", "subnets", "--from", EXAMPLE]));
}

#[test]
fn an_export_is_one_object_or_a_file_for_each_call() {
    let all = json(&["export", "--format", "aws", EXAMPLE]);
    assert_eq!(all["Vpcs"].as_array().map(Vec::len), Some(2));
    let directory = Directory::new("export");
    said(&["export", "--format", "aws", "--directory", directory.path(), EXAMPLE]);
    let again = json(&["export", "--format", "aws", directory.path()]);
    assert_eq!(again, all);
}

#[test]
fn a_dump_becomes_a_document_that_means_the_same() {
    let directory = Directory::new("import");
    said(&["export", "--format", "aws", "--directory", directory.path(), EXAMPLE]);
    let document = said(&["import", directory.path()]);
    assert!(document.contains("CidrBlock: 10.0.0.0/16"), "{document}");
    let again = Directory::new("imported");
    again.write("vpc.yaml", &document);
    let [before, after] = [EXAMPLE, again.path()].map(|path| json(&["export", "--format", "aws", path]));
    assert_eq!(before, after);
    let exported = said(&["export", EXAMPLE]);
    assert!(
        exported.contains("namespace: blue-web-1"),
        "guests are part of a document: {exported}"
    );
    let mixed = groundplane(&["export", "--directory", "x", EXAMPLE]);
    assert_eq!(mixed.status.code(), Some(64));
}

#[test]
fn all_documents_of_a_directory_are_one_configuration() {
    let directory = Directory::new("documents");
    directory.write("a.yaml", "vpcs: { a: { CidrBlock: 10.0.0.0/16 } }\n");
    directory.write("b.yml", "vpcs: { b: { CidrBlock: 10.0.0.0/16 } }\n");
    directory.write("notes.txt", "none of it\n");
    let summary = said(&["validate", directory.path()]);
    assert!(summary.starts_with("2 files are right: 2 VPCs, "), "{summary}");
    directory.write("c.yaml", "vpcs: { a: { CidrBlock: 10.1.0.0/16 } }\n");
    let twice = groundplane(&["validate", directory.path()]);
    assert_eq!(twice.status.code(), Some(4));
    assert!(
        text(&twice.stdout).starts_with("3 files are wrong: 1 problem"),
        "{}",
        text(&twice.stdout)
    );
}

#[test]
fn strictly_a_warning_is_an_error() {
    let directory = Directory::new("strict");
    directory.write(
        "a.yaml",
        "vpcs:
  a:
    CidrBlock: 10.0.0.0/16
    subnets: { s: { CidrBlock: 10.0.1.0/24 } }
    instances: { i: { subnet: s, namespace: n } }
    route_tables: { t: { routes: [{ DestinationCidrBlock: 10.0.1.0/24, instance: i }] } }
",
    );
    assert_eq!(groundplane(&["validate", directory.path()]).status.code(), Some(0));
    let strict = groundplane(&["validate", "--strict", directory.path()]);
    assert_eq!(strict.status.code(), Some(4));
    assert!(text(&strict.stderr).starts_with("error"), "{}", text(&strict.stderr));
}

#[test]
fn failures_are_json_for_programs() {
    let output = groundplane(&["get", "vpcs", "nobody", "--from", EXAMPLE, "--output", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let error: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(error, serde_json::json!({ "error": "no VPC is called \"nobody\"" }));
}

#[test]
fn a_flush_of_nothing_in_particular_is_a_wrong_command_line() {
    for arguments in [
        &["flush"][..],
        &["flush", "--dry-run"],
        &["flows", "--src", "10.0.0"],
        &["top", "--interval", "0"],
    ] {
        assert_eq!(groundplane(arguments).status.code(), Some(64), "{arguments:?}");
    }
}
