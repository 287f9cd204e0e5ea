//! Conversations by sockets and tools.

use super::drops::Drops;
use super::ear::{Heard, Whose};
use super::end::{self, Ends, Listener};
use super::{Namespaces, guests};
use crate::netns::{eventually, within};
use crate::packet::{Packet, flag};
use crate::scenario::arrival::is_told_so;
use crate::scenario::expected::Dropped;
use crate::scenario::{Act, Expected, Flow, Protocol};
use anyhow::{Context as _, Result, bail, ensure};
use std::time::Duration;

/// How long something may take that is to happen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long something is waited for that isn't to happen: shorter than TCP waits before it says a thing again. That the
/// drop is counted shows that there was something to be waited for.
const BRIEF: Duration = Duration::from_millis(100);

/// Who speaks first in an act.
fn opener(act: Act) -> Whose {
    match act {
        Act::Opens | Act::ClientSpeaks => Whose::Client,
        Act::ServerSpeaks | Act::ServerObjects => Whose::Server,
    }
}

impl Whose {
    /// Who it is, and whom it speaks to.
    fn names(self, flow: &Flow) -> (&str, &str) {
        match self {
            Self::Client => (&flow.client, &flow.server),
            Self::Server => (&flow.server, &flow.client),
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl Namespaces {
    pub(super) fn talk(&mut self, flow: &Flow, act: Act, expected: &Expected) -> Result<()> {
        let dropped = match expected {
            Expected::Dropped(dropped) => dropped,
            Expected::Accepted { .. } => {
                ensure!(self.act(flow, act, PATIENCE)?, "it isn't");
                return self.went_through(flow, act, expected);
            }
            Expected::Kept(appliance) => return self.is_kept(flow, act, appliance),
        };
        let before = Drops::of(&self.lab, &self.topology)?;
        ensure!(!self.act(flow, act, BRIEF)?, "it is accepted");
        self.is_counted(&before, dropped)?;
        let sender = opener(act);
        let receiver = sender.names(flow).1;
        let heard = self.heard(receiver)?;
        let is_heard = heard.iter().any(|heard| heard.is_of(flow, &self.topology, sender));
        ensure!(is_heard == dropped.is_answer, "{receiver} heard it: {is_heard}");
        // Whom the agent speaks for hears what it tells, and no packet.
        if self.topology.integration_named(&flow.client).is_some() {
            return Ok(());
        }
        // Whoever answers is who has heard.
        let (loser, heard) = match dropped.is_answer {
            true => (sender.other(), heard),
            false => (sender, Vec::new()),
        };
        let packet = match loser {
            Whose::Client => flow.from_client(&self.topology, flag::ACK),
            Whose::Server => flow.answer(self.seen_of(flow), flag::ACK),
        };
        self.is_told((loser.names(flow).0, heard), &packet, dropped)
    }

    /// An appliance hears it, the other side doesn't, and the one who says it is told nothing.
    fn is_kept(&mut self, flow: &Flow, act: Act, appliance: &str) -> Result<()> {
        ensure!(!self.act(flow, act, BRIEF)?, "it is accepted");
        let sender = opener(act);
        let (speaker, receiver) = sender.names(flow);
        let hears = |who: &str| -> Result<bool> {
            let heard = self.heard(who)?;
            Ok(heard.iter().any(|heard| heard.is_of(flow, &self.topology, sender)))
        };
        eventually(|| hears(appliance)).with_context(|| format!("{appliance} hears nothing"))?;
        ensure!(!hears(receiver)?, "{receiver} hears it");
        let told = self.heard(speaker)?;
        ensure!(!told.iter().any(Heard::is_refusal), "{speaker} is told {told:?}");
        Ok(())
    }

    /// Waits until a drop is counted that wasn't before.
    pub(super) fn is_counted(&self, before: &Drops, dropped: &Dropped) -> Result<()> {
        let now = || Drops::of(&self.lab, &self.topology);
        eventually(|| Ok(now()?.matching(dropped) > before.matching(dropped)))
            .with_context(|| format!("{dropped:?} isn't counted; {before:?} before, {:?} now", now()))
    }

    /// Checks what somebody, who has heard something already, is told of a packet that was dropped, or that nothing is.
    pub(super) fn is_told(
        &self,
        (sender, mut heard): (&str, Vec<Heard>),
        packet: &Packet,
        dropped: &Dropped,
    ) -> Result<()> {
        let mut hears = || -> Result<bool> {
            heard.extend(self.heard(sender)?);
            Ok(dropped.told.is_none() || heard.iter().any(Heard::is_refusal))
        };
        // It is counted before it is told.
        eventually(&mut hears).with_context(|| format!("{sender} isn't told {:?}", dropped.told))?;
        let refusals: Vec<_> = heard.iter().filter(|heard| heard.is_refusal()).collect();
        let mut is_right = dropped.told.is_none() == refusals.is_empty();
        for refusal in &refusals {
            is_right &= is_told_so(dropped.told, packet, Some(refusal.frame()))?;
        }
        ensure!(is_right, "{sender} is told {refusals:?}");
        Ok(())
    }

    /// Whether it happens within a time.
    fn act(&mut self, flow: &Flow, act: Act, patience: Duration) -> Result<bool> {
        match (flow.protocol, act) {
            (Protocol::Ping, _) => self.ping(flow, patience),
            (Protocol::Tcp, Act::Opens) => self.connect(flow, patience),
            (_, Act::Opens) => {
                let ends = self.ends(flow)?;
                Ok(ends.client_says(patience)? && ends.server_says(patience)?)
            }
            (_, Act::ClientSpeaks) => self.ends(flow)?.client_says(patience),
            (_, Act::ServerSpeaks) => self.ends(flow)?.server_says(patience),
            (_, Act::ServerObjects) => self.object(flow),
        }
    }

    fn ping(&self, flow: &Flow, patience: Duration) -> Result<bool> {
        let address = flow.server_address(&self.topology).to_string();
        let (wait, identifier) = (patience.as_secs_f32().to_string(), flow.client_port().to_string());
        let command = ["ping", "-q", "-c", "1", "-e", &identifier, "-W", &wait, &address];
        Ok(self.lab.run(&flow.client, &command)?.code == Some(0))
    }

    fn connect(&mut self, flow: &Flow, patience: Duration) -> Result<bool> {
        let address = flow.untranslated(&self.topology).server;
        let key = (flow.server.clone(), address, flow.server_port());
        if !self.listeners.contains_key(&key) {
            let listener = self
                .lab
                .inside(&flow.server, || Listener::start(address, flow.server_port()))?;
            self.listeners.insert(key.clone(), listener);
        }
        if let Some(integration) = self.topology.integration_named(&flow.client) {
            let listener = self.listeners.get(&key).context("it was just made")?;
            let client = self.lab.inside("host", || end::call(&integration.listen))?;
            let Ok(server) = listener.accept(patience) else {
                return Ok(false);
            };
            self.flows.insert(flow.number, Ends::of(client, server));
            return Ok(true);
        }
        let listener = self.listeners.get(&key).context("it was just made")?;
        let topology = &self.topology;
        let client = self
            .lab
            .inside(&flow.client, || end::connect(flow, topology, patience))?;
        let Some(client) = client else { return Ok(false) };
        let ends = Ends::of(client, listener.accept(PATIENCE)?);
        self.flows.insert(flow.number, ends);
        Ok(true)
    }

    /// By a raw packet, since kernels find a reason to say it only when they pass packets on.
    fn object(&self, flow: &Flow) -> Result<bool> {
        let packet = flow.objection(self.seen_of(flow)).build().split_off(14);
        self.lab.inside(&flow.server, || end::send_raw(&packet))?;
        let hears = || -> Result<bool> {
            let heard = self.heard(&flow.client)?;
            Ok(heard.iter().any(|heard| heard.is_objection(flow, &self.topology)))
        };
        Ok(within(Duration::from_secs(5), hears).is_ok())
    }

    /// The sockets of a flow; those of TCP are there since it was opened.
    fn ends(&mut self, flow: &Flow) -> Result<&mut Ends> {
        if !self.flows.contains_key(&flow.number) {
            let topology = &self.topology;
            let server = self.lab.inside(&flow.server, || end::server(flow, topology))?;
            let client = self.lab.inside(&flow.client, || end::client(flow, topology))?;
            self.flows.insert(flow.number, Ends::new(client, server));
        }
        self.flows.get_mut(&flow.number).context("it was just made")
    }

    fn seen_of(&self, flow: &Flow) -> crate::scenario::exchange::Seen {
        let seen = self.seen.get(&flow.number).copied();
        seen.unwrap_or_else(|| flow.untranslated(&self.topology))
    }

    /// Checks who has passed on the packets of an exchange that was accepted, that nobody else has got them, and whom
    /// the server has seen.
    fn went_through(&mut self, flow: &Flow, act: Act, expected: &Expected) -> Result<()> {
        let Expected::Accepted { there, back, seen, .. } = expected else {
            bail!("{expected} was accepted");
        };
        let sender = opener(act);
        let ways = match act {
            Act::Opens => vec![(sender, there), (sender.other(), back)],
            Act::ClientSpeaks | Act::ServerSpeaks | Act::ServerObjects => vec![(sender, there)],
        };
        let others = guests(&self.topology).map(|eni| &*eni.name);
        for other in others.filter(|other| *other != flow.client && *other != flow.server) {
            let heard = self.heard(other)?;
            for (sender, expected) in &ways {
                let passed = heard.iter().any(|heard| heard.is_of(flow, &self.topology, *sender));
                let is_expected = **expected == Some(other);
                ensure!(passed == is_expected, "{sender:?}'s packets passed {other}: {passed}");
            }
        }
        if sender == Whose::Client {
            let heard = self.heard(&flow.server)?;
            let mut its = heard.iter().filter(|it| it.is_of(flow, &self.topology, sender));
            let first = its.next().with_context(|| format!("{} heard nothing", flow.server))?;
            first.ensure_seen(&flow.from_client(&self.topology, 0), *seen)?;
            self.seen.insert(flow.number, first.seen(flow));
        }
        Ok(())
    }
}
