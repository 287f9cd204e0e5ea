//! Verbs that look, on a real host.

use super::{TWO_VPCS, ping, two_vpcs};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Lab, Output, eventually};
use serde_json::Value;

#[test]
fn what_is_in_force_is_shown_in_tables_and_printed_as_aws_does() -> Result<()> {
    let lab = two_vpcs()?;
    let shown = lab.groundplane(&["show", "subnets"])?.success()?.stdout;
    ensure!(shown.lines().count() == 4 && shown.contains("10.0.2.0/24"), "{shown}");
    let one = lab.groundplane(&["show", "route-table", "red/main"])?.success()?.stdout;
    ensure!(one.contains("10.0.0.0/16") && one.contains("local"), "{one}");
    let got = lab.groundplane(&["get", "subnets", "blue/front"])?.success()?.json()?;
    ensure!(got["Subnets"].as_array().map(Vec::len) == Some(1), "{got:#}");
    ensure!(got["Subnets"][0]["CidrBlock"] == "10.0.1.0/24", "{got:#}");
    let both = lab.groundplane(&["get", "subnets", "front"])?.success()?.json()?;
    ensure!(both["Subnets"].as_array().map(Vec::len) == Some(2), "{both:#}");
    let all = lab.groundplane(&["export", "--format", "aws"])?.success()?.json()?;
    ensure!(all["NetworkInterfaces"].as_array().map(Vec::len) == Some(5), "{all:#}");
    let nobody = lab.groundplane(&["get", "subnets", "nowhere"])?;
    ensure!(
        nobody.code == Some(1) && nobody.stderr.contains("no subnet is called"),
        "{nobody}"
    );
    Ok(())
}

#[test]
fn tables_are_shown_with_their_rows_and_what_they_have_room_for() -> Result<()> {
    let lab = two_vpcs()?;
    ping(&lab, "web", "10.0.2.10")?;
    let tables = lab
        .groundplane(&["show", "tables", "--output", "json"])?
        .success()?
        .json()?;
    let table = |name: &str| -> Result<Value> {
        let mut tables = tables.as_array().context("a list")?.iter();
        Ok(tables
            .find(|table| table["table"] == name)
            .context("the table")?
            .clone())
    };
    let enis = table("ENIS")?;
    ensure!(enis["rows"].as_u64().is_some_and(|rows| rows >= 5), "{enis:#}");
    ensure!(enis["capacity"].as_u64() > enis["rows"].as_u64(), "{enis:#}");
    ensure!(
        table("FLOWS4")?["memory_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 1 << 20)
    );
    ensure!(table("ADDRESSES4")?["rows"].as_u64().is_some_and(|rows| rows >= 5));
    ensure!(table("DROPS")?["rows"].as_u64().is_some());
    Ok(())
}

#[test]
fn generations_are_listed_the_newest_first() -> Result<()> {
    let lab = two_vpcs()?;
    lab.up(&TWO_VPCS.replace("10.0.1.11", "10.0.1.12"))?;
    let listed = lab
        .groundplane(&["show", "generations", "--output", "json"])?
        .success()?
        .json()?;
    let numbers: Vec<_> = listed
        .as_array()
        .context("a list")?
        .iter()
        .map(|it| it["generation"].as_u64())
        .collect();
    ensure!(numbers.len() == 2 && numbers[0] > numbers[1], "{listed:#}");
    Ok(())
}

#[test]
fn top_shows_who_sends() -> Result<()> {
    let lab = two_vpcs()?;
    let _pings = lab.start("web", &["ping", "-i", "0.05", "10.0.2.10"])?;
    let rates = lab
        .groundplane(&["top", "--once", "--interval", "1", "--output", "json"])?
        .success()?
        .json()?;
    let busiest = &rates["enis"][0];
    ensure!(
        ["red/web", "red/db"].contains(&busiest["instance"].as_str().unwrap_or_default()),
        "{rates:#}"
    );
    let rate = busiest["packets_per_second"].as_f64().context("a rate")?;
    ensure!((5.0..40.0).contains(&rate), "{rate} packets a second");
    let words = ["top", "--flows", "--once", "--interval", "1", "--output", "json"];
    let rates = lab.groundplane(&words)?.success()?.json()?;
    ensure!(rates["flows"][0]["protocol"] == "icmp", "{rates:#}");
    Ok(())
}

#[test]
fn doctor_finds_a_host_that_is_up_healthy_and_leaves_nothing() -> Result<()> {
    let lab = two_vpcs()?;
    let report = lab.groundplane(&["doctor", "--output", "json"])?;
    ensure!(report.code == Some(0), "{report}");
    let report = report.json()?;
    let checks = report["checks"].as_array().context("checks")?;
    for name in ["kernel", "tcx", "programs", "journal", "tables", "ENIs"] {
        let check = checks
            .iter()
            .find(|check| check["name"] == name)
            .with_context(|| format!("no {name}"))?;
        ensure!(check["health"] == "ok", "{check:#}");
    }
    // Another test's doctor may be trying its own.
    eventually(|| {
        let left = std::fs::read_dir("/sys/fs/bpf")?.flatten();
        let mut left = left.map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(!left.any(|name| name.starts_with("groundplane-doctor")))
    })
    .context("the tried programs are left")
}

#[test]
fn doctor_says_what_is_wrong_and_ends_with_1() -> Result<()> {
    let lab = two_vpcs()?;
    let device = super::device(&lab.status()?, "db")?;
    lab.on_host(&["ip", "link", "delete", &device])?.success()?;
    let report = lab.groundplane(&["doctor"])?;
    ensure!(report.code == Some(1), "{report}");
    ensure!(
        report.stdout.contains("FAIL ENIs") && report.stdout.contains("red/db"),
        "{report}"
    );
    Ok(())
}

#[test]
fn without_anything_up_what_looks_at_it_says_so() -> Result<()> {
    let lab = Lab::new()?;
    for words in [
        &["show", "subnets"][..],
        &["get", "vpcs"],
        &["flows"],
        &["top", "--once"],
        &["show", "tables"],
        &["rollback"],
    ] {
        let output = lab.groundplane(words)?;
        ensure!(output.code == Some(1), "{words:?}: {output}");
        ensure!(output.stderr.starts_with("error: "), "{words:?}: {output}");
    }
    Ok(())
}

#[test]
fn with_an_agent_the_same_verbs_give_the_same_answers() -> Result<()> {
    let lab = Lab::new()?;
    let agent = lab.agent(&["--network", &lab.document(TWO_VPCS)?.to_string_lossy()])?;
    let socket = agent.socket().to_string_lossy().into_owned();
    let changed = TWO_VPCS.replace("10.0.1.11", "10.0.1.12");
    let run = |words: &[&str], text: &str| -> Result<Output> {
        let path = lab.document(text)?.to_string_lossy().into_owned();
        lab.groundplane(&[words, &["--socket", &socket, &path]].concat())
    };
    let same = run(&["plan"], TWO_VPCS)?;
    ensure!(
        same.code == Some(0) && same.stdout == "Nothing would change.\n",
        "{same}"
    );
    let plan = run(&["plan"], &changed)?;
    ensure!(
        plan.code == Some(2) && plan.stdout.contains("~ network interface red/web2"),
        "{plan}"
    );
    let broken = run(&["apply"], &TWO_VPCS.replace("10.0.2.0/24", "10.0.2.0/31"))?;
    ensure!(
        broken.code == Some(4) && broken.stderr.contains("vpc.yaml:7:"),
        "{broken}"
    );
    let applied = run(&["apply", "--output", "json"], &changed)?.success()?.json()?;
    ensure!(applied["outcome"] == "changed" && applied["stayed"] == 5, "{applied:#}");
    ping(&lab, "web", "10.0.1.12")?;
    let back = lab
        .groundplane(&["rollback", "--cut", "--socket", &socket, "--output", "json"])?
        .success()?
        .json()?;
    ensure!(back["cut"] == 0, "{back:#}");
    ping(&lab, "web", "10.0.1.11")?;
    let down = lab.groundplane(&["down", "--socket", &socket])?.success()?.stdout;
    ensure!(down.starts_with("Down;"), "{down}");
    let again = lab.groundplane(&["down", "--socket", &socket])?.success()?.stdout;
    ensure!(again.starts_with("Nothing is up"), "{again}");
    agent.stop()
}

#[test]
fn an_agent_that_was_asked_for_and_does_not_answer_is_missed() -> Result<()> {
    let lab = two_vpcs()?;
    let socket = lab.dir().join("nobody.sock").to_string_lossy().into_owned();
    let path = lab.document(TWO_VPCS)?.to_string_lossy().into_owned();
    let output = lab.groundplane(&["plan", "--socket", &socket, &path])?;
    ensure!(
        output.code == Some(1) && output.stderr.contains("no agent listens"),
        "{output}"
    );
    Ok(())
}
