//! The agent: what is up outlives it, and who asks it gets an answer.

mod api;
mod come_and_go;
mod restart;
mod service;
mod systemd;

pub(crate) use systemd::bounding_set;

use anyhow::Result;
use groundplane_tests::netns::{Agent, Lab};
use serde_json::{Value, json};

/// Two guests; one may be asked on port 80 and pinged.
const LAB: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
    security_groups:
      open:
        ingress:
          - { IpProtocol: '-1', CidrIpv4: 10.0.0.0/16 }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, groups: [open], namespace: $web }
      db: { subnet: front, PrivateIpAddress: 10.0.1.20, groups: [open], namespace: $db }
";

/// The same with a third guest.
fn with_third() -> String {
    format!("{LAB}      new: {{ subnet: front, PrivateIpAddress: 10.0.1.30, groups: [open], namespace: $new }}\n")
}

/// A lab whose agent has put the document in force.
fn lab_with_agent() -> Result<(Lab, Agent)> {
    let lab = Lab::new()?;
    let document = lab.document(LAB)?;
    let agent = lab.agent(&["--network", &document.to_string_lossy()])?;
    Ok((lab, agent))
}

/// A request with this document.
fn asking_for(lab: &Lab, text: &str) -> Result<Value> {
    let text = std::fs::read_to_string(lab.document(text)?)?;
    Ok(json!({ "sources": [{ "name": "vpc.yaml", "text": text }] }))
}
