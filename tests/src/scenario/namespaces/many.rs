//! Many packets, of which each must arrive.

use super::{Namespaces, end};
use crate::netns::eventually;
use crate::packet::Packet;
use crate::scenario::Expected;
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::HashSet;

/// So many fit into what an ear keeps until it is asked.
const BATCH: usize = 64;

impl Namespaces {
    /// By a raw socket, while the receiver's kernel answers nothing. Each arrives under another port.
    pub(super) fn many(&mut self, from: &str, to: &str, packets: &[Packet], expected: &Expected) -> Result<()> {
        let Expected::Accepted { seen, .. } = expected else {
            bail!("of many packets all are accepted, or they are told of one by one");
        };
        self.is_silent(to, true)?;
        let mut ports = HashSet::new();
        for batch in packets.chunks(BATCH) {
            self.lab.inside(from, || send(batch))?;
            let due = ports.len() + batch.len();
            let sent = batch.first().context("a batch has packets")?;
            let arrived = eventually(|| {
                let heard = self.heard(to)?.into_iter();
                ports.extend(heard.filter(|heard| heard.is(sent, *seen)).map(|heard| heard.port()));
                Ok(ports.len() >= due)
            });
            arrived.with_context(|| format!("{to} hears {} of {due}", ports.len()))?;
        }
        ensure!(ports.len() == packets.len(), "{} ports", ports.len());
        self.is_silent(to, false)
    }

    /// What arrives is seen by an ear, and by nobody else.
    fn is_silent(&self, who: &str, on: bool) -> Result<()> {
        let rule = match on {
            true => {
                "add table inet silent; add chain inet silent heard { type filter hook prerouting priority raw; policy drop; }"
            }
            false => "delete table inet silent",
        };
        self.lab.run(who, &["nft", rule])?.success()?;
        Ok(())
    }
}

fn send(batch: &[Packet]) -> Result<()> {
    batch.iter().try_for_each(|packet| end::send_raw(&packet.build()[14..]))
}
