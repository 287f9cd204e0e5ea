//! Other configurations, and agents that come and go.

use super::{HOST, VPC, apply, ends, inventory, is_as_it_was, outside, routes, uplink, with};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Lab, eventually};

fn index(lab: &Lab, device: &str) -> Result<u64> {
    let links = lab.on_host(&["ip", "-j", "link", "show", device])?.success()?.json()?;
    links[0]["ifindex"].as_u64().context("a device has a number")
}

#[test]
fn other_public_addresses_have_other_routes_on_the_same_link() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(&with(HOST))?;
    let (ours, _) = ends(&lab)?;
    let number = index(&lab, &ours)?;
    apply(&lab, &with(HOST).replace("203.0.113.11", "203.0.113.12"))?;
    let blocks = ["203.0.113.10", "203.0.113.12", "2001:db8:a::/56"];
    ensure!(routes(&lab)? == blocks, "{:?}", routes(&lab)?);
    let route = "route_tables:\n      main: { routes: [{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }] }";
    let detached = with(HOST).replace("State: available", "State: detached");
    ensure!(detached.contains(route));
    apply(&lab, &detached.replace(route, "route_tables: {}"))?;
    ensure!(routes(&lab)? == ["203.0.113.10", "203.0.113.11"], "{:?}", routes(&lab)?);
    ensure!(index(&lab, &ours)? == number);
    lab.groundplane(&["rollback"])?.success()?;
    ensure!(routes(&lab)? == blocks, "{:?}", routes(&lab)?);
    lab.down()
}

#[test]
fn an_uplink_that_is_not_in_the_document_any_more_is_gone() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    lab.up(VPC)?;
    let before = inventory(&lab)?;
    apply(&lab, &with(HOST))?;
    ensure!(uplink(&lab)?["condition"] == "up");
    apply(&lab, VPC)?;
    is_as_it_was(&lab, &before)?;
    apply(&lab, &with("uplinks: { wan: { device: wan0 } }\n"))?;
    ensure!(uplink(&lab)?["device"] == "wan0");
    apply(&lab, &with(HOST))?;
    ensure!(uplink(&lab)?["kind"] == "host");
    apply(&lab, VPC)?;
    is_as_it_was(&lab, &before)?;
    lab.down()
}

#[test]
fn an_agent_takes_the_uplink_over_and_repairs_what_is_broken() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(&with(HOST))?;
    let there = inventory(&lab)?;
    let (ours, end) = ends(&lab)?;
    let agent = lab.agent(&[])?;
    is_as_it_was(&lab, &there)?;
    agent.kill()?;
    let agent = lab.agent(&[])?;
    is_as_it_was(&lab, &there)?;
    lab.on_host(&["ip", "link", "delete", &ours])?.success()?;
    let is_whole = || Ok(uplink(&lab)?["condition"] == "up" && routes(&lab)?.len() == 3);
    eventually(is_whole)?;
    lab.on_host(&["ip", "link", "set", &end, "down"])?.success()?;
    eventually(is_whole)?;
    agent.kill()?;
    lab.on_host(&["ip", "link", "delete", &end])?.success()?;
    ensure!(!is_whole()?);
    lab.up(&with(HOST))?;
    ensure!(is_whole()?);
    lab.down()
}

#[test]
fn programs_that_are_gone_are_loaded_again_and_the_uplink_has_its_own() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(&with(HOST))?;
    std::fs::remove_dir_all(lab.pin_dir())?;
    eventually(|| Ok(lab.status()?["condition"] == "not_loaded"))?;
    lab.up(&with(HOST))?;
    ensure!(uplink(&lab)?["condition"] == "up", "{:#}", uplink(&lab)?);
    lab.down()
}

#[test]
fn a_plan_shows_an_uplink_and_an_export_has_it() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(VPC)?;
    let path = lab.document(&with(HOST))?.to_string_lossy().into_owned();
    let plan = lab.groundplane(&["plan", &path, "--output", "json"])?.json()?;
    let change = &plan["changes"][0];
    ensure!(change["kind"] == "uplink" && change["action"] == "create", "{plan:#}");
    lab.up(&with(HOST))?;
    let written = lab.groundplane(&["export"])?.success()?.stdout;
    ensure!(written.contains("uplinks:\n  out: { kind: host }\n"), "{written}");
    lab.down()
}
