//! TCP streams by iperf3 between two namespaces of a lab.

use crate::Options;
use anyhow::{Context as _, Result};
use groundplane_tests::netns::{Background, Lab, eventually};
use std::net::Ipv4Addr;

/// Which end sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    FromClient,
    FromServer,
}

/// A namespace, and one in which iperf3 serves.
pub(crate) struct Stream<'a> {
    lab: &'a Lab,
    client: &'static str,
    address: String,
    /// None where another stream has it.
    _server: Option<Background>,
}

/// How much is carried: a sixth of a second at the rates of namespaces, beside which getting going is nothing.
const BYTES: &str = "384M";
const QUICK_BYTES: &str = "96M";

impl<'a> Stream<'a> {
    pub(crate) fn new(lab: &'a Lab, client: &'static str, (server, address): (&'static str, Ipv4Addr)) -> Result<Self> {
        let stream = Self {
            lab,
            client,
            address: address.to_string(),
            _server: Some(lab.start(server, &["iperf3", "--server"])?),
        };
        eventually(|| {
            Ok(!lab
                .run(server, &["ss", "-Hltn", "sport = :5201"])?
                .success()?
                .stdout
                .is_empty())
        })
        .with_context(|| format!("iperf3 doesn't listen in {server}"))?;
        Ok(stream)
    }

    /// One to the same server from another client, by another address.
    pub(crate) fn from(&self, client: &'static str, address: Ipv4Addr) -> Self {
        Self {
            lab: self.lab,
            client,
            address: address.to_string(),
            _server: None,
        }
    }

    /// One run of the client with so many streams: what the receiver has got.
    pub(crate) fn gbit_per_second(&self, direction: Direction, streams: u32, options: &Options) -> Result<f64> {
        let bytes = if options.quick { QUICK_BYTES } else { BYTES };
        let streams = streams.to_string();
        let mut command = vec!["iperf3", "--json", "--client", &self.address, "--bytes", bytes];
        command.extend(["--parallel", &streams]);
        if direction == Direction::FromServer {
            command.push("--reverse");
        }
        let result = self.lab.run(self.client, &command)?.success()?.json()?;
        let rate = result["end"]["sum_received"]["bits_per_second"].as_f64();
        Ok(rate.context("iperf3 doesn't say what was received")? / 1e9)
    }
}
