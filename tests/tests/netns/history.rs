//! What was in force before, and what becomes of it.

use super::{no_ping, ping};
use anyhow::{Context as _, Result, ensure};
use groundplane_tests::netns::Lab;
use serde_json::Value;
use std::fs;

/// Two guests, of which the second is somebody else's container; and who may ping it.
fn document(from: &str) -> String {
    format!(
        "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: {{ CidrBlock: 10.0.1.0/24 }}
    security_groups:
      pinged:
        ingress: [{{ IpProtocol: icmp, FromPort: -1, ToPort: -1, CidrIpv4: {from} }}]
    instances:
      web: {{ subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web }}
      db: {{ subnet: front, PrivateIpAddress: 10.0.1.11, groups: [pinged], namespace: $db, adopt: true }}
"
    )
}

const OPEN: &str = "10.0.0.0/16";
const CLOSED: &str = "192.0.2.0/24";

/// A lab in which the group is open and then closed, so that there is a configuration before.
fn closed() -> Result<Lab> {
    let lab = Lab::new()?;
    lab.make_guest("db")?;
    lab.up(&document(OPEN))?;
    ping(&lab, "web", "10.0.1.11")?;
    lab.up(&document(CLOSED))?;
    no_ping(&lab, "web", "10.0.1.11")?;
    Ok(lab)
}

fn generations(lab: &Lab) -> Result<usize> {
    let shown: Value = lab
        .groundplane(&["show", "generations", "--output", "json"])?
        .success()?
        .json()?;
    Ok(shown.as_array().context("generations are listed")?.len())
}

#[test]
fn the_configuration_before_is_the_one_before_however_often_guests_have_come_and_gone() -> Result<()> {
    let lab = closed()?;
    for _ in 0..3 {
        lab.remove_guest("db")?;
        lab.make_guest("db")?;
        lab.up(&document(CLOSED))?;
    }
    ensure!(generations(&lab)? == 2, "guests that come and go make no configuration");
    lab.groundplane(&["rollback"])?.success()?;
    ping(&lab, "web", "10.0.1.11")?;
    lab.groundplane(&["rollback"])?.success()?;
    no_ping(&lab, "web", "10.0.1.11")
}

#[test]
fn a_guest_that_has_gone_does_not_hold_up_a_change_of_something_else() -> Result<()> {
    let lab = closed()?;
    lab.remove_guest("db")?;
    lab.up(&document(OPEN))?;
    lab.make_guest("db")?;
    lab.up(&document(OPEN))?;
    ping(&lab, "web", "10.0.1.11")
}

/// As if a newer program refused what an older one has taken.
#[test]
fn what_is_in_force_and_can_not_be_read_any_more_stays_in_force_until_something_else_is_applied() -> Result<()> {
    let lab = closed()?;
    for document in fs::read_dir(lab.state_dir().join("documents"))? {
        fs::write(document?.path(), "vpcs: [what is this?]")?;
    }
    let said = lab.groundplane(&["rollback"])?;
    ensure!(said.code == Some(1), "{said:?}");
    no_ping(&lab, "web", "10.0.1.11")?;
    lab.up(&document(OPEN))?;
    ping(&lab, "web", "10.0.1.11")?;
    lab.down()
}

#[test]
fn what_is_up_is_not_taken_down_for_other_pins() -> Result<()> {
    let lab = closed()?;
    let path = lab.document(&document(OPEN))?;
    let mut other = lab.pin_dir().into_os_string();
    other.push("-other");
    let (path, other) = (
        path.to_string_lossy().into_owned(),
        other.to_string_lossy().into_owned(),
    );
    let said = lab.groundplane(&["apply", &path, "--pin-dir", &other])?;
    ensure!(
        said.code == Some(1) && said.stderr.contains("take it down before"),
        "{said:?}"
    );
    no_ping(&lab, "web", "10.0.1.11")
}
