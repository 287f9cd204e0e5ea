//! Drops while they happen: each with its cause, the names of whom it concerns, and the packet.

mod packet;
mod time;

pub use packet::Packet;
pub use time::moment;

use crate::install::engine::require_root;
use crate::install::error::{Error, Result};
use crate::install::kernel::{Datapath, Events};
use crate::install::netlink::Netlink;
use crate::install::state::{GuestState, State};
use crate::install::store;
use crate::rule::Rule;
use groundplane_abi::event::Event;
use groundplane_abi::nacl::direction;
use groundplane_abi::{Device, DropReason};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A packet that was dropped. Field names are part of the command's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drop {
    /// In RFC 3339, UTC.
    pub time: String,
    /// VPC and name of the instance at whose ENI it was dropped.
    pub instance: String,
    pub network_interface_id: String,
    /// Seen from that ENI.
    pub direction: &'static str,
    pub reason: String,
    pub number: u16,
    /// AWS's code for the reason, or "".
    pub code: &'static str,
    pub rule: Option<Rule>,
    /// VPC and name of the instance that sent it.
    pub sender: String,
    pub packet: Packet,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    Drop(Box<Drop>),
    /// This many drops more were not told of.
    Lost(u64),
    /// What was listened to has been taken down.
    Ended,
}

/// Listens to the drops of what is up.
#[derive(Debug)]
pub struct Monitor {
    state_dir: PathBuf,
    datapath: Datapath,
    events: Events,
    clock: time::Clock,
    state: State,
    guests: BTreeMap<Device, GuestState>,
    /// The generation that `guests` was read under.
    generation: u64,
    /// How many lost events have been told of, and when they were counted last.
    lost: u64,
    lost_told: Instant,
}

impl Monitor {
    /// Listens from now on. Nothing is up: an error.
    pub fn open(state_dir: &Path) -> Result<Self> {
        require_root()?;
        let state = store::read(state_dir)?.ok_or(Error::NothingUp)?;
        let datapath = Datapath::open(&state.pins)?;
        Ok(Self {
            state_dir: state_dir.to_owned(),
            events: datapath.events()?,
            clock: time::Clock::now()?,
            guests: guests(&state)?,
            generation: datapath.generation().0,
            datapath,
            state,
            lost: 0,
            lost_told: Instant::now(),
        })
    }

    /// What there is to tell within a moment: nothing, as a rule.
    pub fn listen(&mut self) -> Result<Vec<News>> {
        /// Others who listen can take the kernel's waking us, so it isn't relied upon.
        const MOMENT: u16 = 100;
        const SECOND: Duration = Duration::from_secs(1);
        self.events.wait(MOMENT)?;
        let mut news = Vec::new();
        while let Some(event) = self.events.next() {
            news.push(News::Drop(Box::new(self.explain(&event)?)));
        }
        if self.lost_told.elapsed() >= SECOND {
            let lost = self.events.lost()?;
            if lost > self.lost {
                news.push(News::Lost(lost - self.lost));
                self.lost = lost;
            }
            self.lost_told = Instant::now();
        }
        if news.is_empty() && self.has_ended()? {
            news.push(News::Ended);
        }
        Ok(news)
    }

    fn has_ended(&self) -> Result<bool> {
        let state = store::read(&self.state_dir)?;
        Ok(state.is_none_or(|state| state.pins != self.state.pins))
    }

    fn explain(&mut self, event: &Event) -> Result<Drop> {
        self.refresh(event)?;
        let at = self.guests.get(&event.at);
        let description = event.reason.describe();
        Ok(Drop {
            time: self.clock.text(event.time),
            instance: self.name(event.at),
            network_interface_id: at.map(|guest| guest.eni_id.clone()).unwrap_or_default(),
            direction: match u32::from(event.direction) {
                direction::INGRESS => "ingress",
                _ => "egress",
            },
            reason: event.reason.to_string(),
            number: event.reason.0,
            code: description.map_or("", |description| description.code),
            rule: at.and_then(|guest| Rule::of(guest, event.reason, event.rule)),
            sender: self.name(event.sender),
            packet: Packet::from(event),
        })
    }

    /// Reads the names anew if the configuration has changed, or if somebody is unknown.
    fn refresh(&mut self, event: &Event) -> Result<()> {
        let generation = self.datapath.generation().0;
        let is_known = self.guests.contains_key(&event.at) || event.at > Device::MAX;
        if generation == self.generation && is_known {
            return Ok(());
        }
        if let Some(state) = store::read(&self.state_dir)? {
            // Who is gone keeps its name: what it sent last may still be told of.
            self.guests.extend(guests(&state)?);
            self.state = state;
        }
        self.generation = generation;
        Ok(())
    }

    fn name(&self, device: Device) -> String {
        match self.guests.get(&device) {
            Some(guest) => format!("{}/{}", guest.vpc, guest.name),
            None => match self.datapath.gateway(device) {
                Ok(Some(name)) => name,
                _ => format!("device {}", device.0),
            },
        }
    }
}

/// The guests by device.
fn guests(state: &State) -> Result<BTreeMap<Device, GuestState>> {
    let netlink = Netlink::open()?;
    let mut guests = BTreeMap::new();
    for guest in state.all_guests() {
        if let Some(link) = netlink.find(&guest.device)? {
            guests.insert(Device(link.index), guest.clone());
        }
    }
    Ok(guests)
}

/// Which drops somebody wants to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// An instance's name, with its VPC's before it or without, or the ENI's id.
    pub eni: Option<String>,
    pub reason: Option<DropReason>,
}

impl Filter {
    #[must_use]
    pub fn admits(&self, drop: &Drop) -> bool {
        let is_eni = |wanted: &String| {
            let name = drop.instance.split_once('/').map_or("", |(_, name)| name);
            [&*drop.instance, name, &drop.network_interface_id].contains(&&**wanted)
        };
        self.eni.as_ref().is_none_or(is_eni) && self.reason.is_none_or(|reason| reason.0 == drop.number)
    }
}

/// The reason with a name, if there is one.
#[must_use]
pub fn reason(name: &str) -> Option<DropReason> {
    let mut all = DropReason::ALL.iter();
    all.find(|reason| reason.name.eq_ignore_ascii_case(name))
        .map(|found| found.reason)
}

impl fmt::Display for Drop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            time,
            instance,
            direction,
            reason,
            ..
        } = self;
        write!(f, "{time} {instance} {direction} {reason}")?;
        if !self.code.is_empty() {
            write!(f, " ({})", self.code)?;
        }
        if let Some(rule) = &self.rule {
            write!(f, " [{rule}]")?;
        }
        write!(f, " {}", self.packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::Port;

    fn drop() -> Drop {
        let event = Event {
            version: 4,
            protocol: 6,
            src_port: Port::new(40_000),
            dst_port: Port::new(22),
            len: 74,
            ..Event::default()
        };
        Drop {
            time: "2026-01-02T03:04:05.678Z".to_owned(),
            instance: "blue/web".to_owned(),
            network_interface_id: "eni-1".to_owned(),
            direction: "ingress",
            reason: "NaclIngress".to_owned(),
            number: DropReason::NACL_INGRESS.0,
            code: "SUBNET_ACL_RESTRICTION",
            rule: None,
            sender: "blue/db".to_owned(),
            packet: Packet::from(&event),
        }
    }

    #[test]
    fn a_drop_is_one_line_with_its_cause() {
        assert_eq!(
            drop().to_string(),
            "2026-01-02T03:04:05.678Z blue/web ingress NaclIngress (SUBNET_ACL_RESTRICTION) \
             tcp 0.0.0.0:40000 > 0.0.0.0:22 len 74"
        );
    }

    #[test]
    fn a_filter_knows_an_eni_by_each_of_its_names_and_a_reason_by_its_own() {
        let eni = |name: &str| Filter {
            eni: Some(name.to_owned()),
            reason: None,
        };
        for name in ["web", "blue/web", "eni-1"] {
            assert!(eni(name).admits(&drop()), "{name}");
        }
        for name in ["db", "blue", "green/web"] {
            assert!(!eni(name).admits(&drop()), "{name}");
        }
        let by_reason = |name| Filter {
            eni: None,
            reason: reason(name),
        };
        assert!(by_reason("naclingress").admits(&drop()));
        assert!(!by_reason("NoRoute").admits(&drop()));
        assert_eq!(reason("Nonsense"), None);
    }
}
