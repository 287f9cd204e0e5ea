//! Which packets a rule of a group or an entry of a network ACL is about, beside whose they are (semantics 6.2, 8.2).

use crate::document::diagnostic::{Problem, Problems, Span, Spanned};
use crate::document::family::{ByFamily, Family};
use crate::document::fields::Field;
use crate::document::notation::Protocol;
use crate::document::schema;
use std::fmt;

#[derive(Clone, Copy, Debug)]
pub(super) struct Selector {
    pub(super) protocol: Protocol,
    pub(super) port_range: Option<(u16, u16)>,
    pub(super) icmp_type_code: Option<IcmpTypeCode>,
}

/// Type and code, `None` for all.
pub(super) type IcmpTypeCode = (Option<u8>, Option<u8>);

impl Selector {
    pub(super) const ALL: Self = Self::of(Protocol(None));

    const fn of(protocol: Protocol) -> Self {
        Self {
            protocol,
            port_range: None,
            icmp_type_code: None,
        }
    }

    /// Each family has an ICMP of its own, which no packet of the other family has.
    pub(super) fn warn_of_other_family(&self, families: ByFamily, span: Span, problems: &mut Problems) {
        let (other, right) = match self.protocol {
            Protocol::ICMP if families.ipv4 == 0 => ("IPv6", "icmpv6"),
            Protocol::ICMPV6 if families.ipv6 == 0 => ("IPv4", "icmp"),
            _ => return,
        };
        let message = format!("no packet is ever matched: this is not the ICMP of {other}");
        let problem = Problem::warning(span, message).number("M61");
        problems.report(problem.help(format!("the ICMP of {other} is {right}")));
    }
}

/// The same text for the same packets, which ids of rules are made from.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |number: Option<u8>| number.map_or(-1, i16::from);
        write!(f, "{}", all(self.protocol.0))?;
        if let Some((from, to)) = self.port_range {
            write!(f, " {from}-{to}")?;
        }
        if let Some((kind, code)) = self.icmp_type_code {
            write!(f, " {}:{}", all(kind), all(code))?;
        }
        Ok(())
    }
}

/// Where a selector is read, and what it is called if something is wrong with it.
struct Reading<'p> {
    span: Span,
    malformed: &'static str,
    problems: &'p mut Problems,
}

/// What a group's rule is about. `None` if that can't be told, which has been reported.
pub(super) fn read(rule: &schema::Rule<'_>, problems: &mut Problems) -> Option<Selector> {
    let protocol = rule.protocol?.value;
    let mut reading = Reading {
        span: rule.span,
        malformed: "InvalidPermission.Malformed",
        problems,
    };
    let mut selector = Selector::of(protocol);
    match protocol {
        Protocol::TCP | Protocol::UDP => {
            let range = reading.both(rule)?;
            selector.port_range = Some(reading.ports(range)?);
        }
        // All of ICMPv6 may be said by saying nothing.
        Protocol::ICMPV6 if rule.from_port.is_missing() && rule.to_port.is_missing() => {
            selector.icmp_type_code = Some((None, None));
        }
        Protocol::ICMP | Protocol::ICMPV6 => {
            let type_code = reading.both(rule)?;
            selector.icmp_type_code = Some(reading.type_code(type_code)?);
        }
        _ => {
            let mut ignored = [rule.from_port, rule.to_port].into_iter().filter_map(Field::known);
            if let Some(ignored) = ignored.find(|port| port.value != -1) {
                reading.ignored(ignored.span);
            }
        }
    }
    Some(selector)
}

/// What an entry of a network ACL is about. What AWS ignores is kept as it was written, and worth a warning.
pub(super) fn read_entry(entry: &schema::NetworkAclEntry, problems: &mut Problems) -> Option<Selector> {
    let protocol = entry.protocol?.value;
    let family = Family::of(entry.cidr_block?.value);
    let needs_ports = matches!(protocol, Protocol::TCP | Protocol::UDP);
    let needs_type = protocol == Protocol::ICMP || protocol == Protocol::ICMPV6 && family == Family::Ipv6;
    let mut reading = Reading {
        span: entry.span,
        malformed: "InvalidParameterValue",
        problems,
    };
    if needs_ports && entry.port_range.is_missing() {
        reading.missing("PortRange");
    }
    if needs_type && entry.icmp_type_code.is_missing() {
        reading.missing("IcmpTypeCode");
    }
    let mut selector = Selector::of(protocol);
    if let Field::Is(range) = entry.port_range {
        selector.port_range = reading.ports(range);
        if !needs_ports {
            reading.ignored(range.span);
        }
    }
    if let Field::Is(type_code) = entry.icmp_type_code {
        selector.icmp_type_code = reading.type_code(type_code);
        if !needs_type {
            reading.ignored(type_code.span);
        }
    }
    let complete =
        (!needs_ports || selector.port_range.is_some()) && (!needs_type || selector.icmp_type_code.is_some());
    complete.then_some(selector)
}

impl Reading<'_> {
    /// `FromPort` and `ToPort`, which must be there.
    fn both(&mut self, rule: &schema::Rule<'_>) -> Option<Spanned<(i64, i64)>> {
        for (name, port) in [("FromPort", rule.from_port), ("ToPort", rule.to_port)] {
            if port.is_missing() {
                self.missing(name);
            }
        }
        let (from, to) = (rule.from_port.known()?, rule.to_port.known()?);
        Some(Spanned {
            value: (from.value, to.value),
            span: from.span,
        })
    }

    fn ports(&mut self, given: Spanned<(i64, i64)>) -> Option<(u16, u16)> {
        let Spanned {
            value: (from, to),
            span,
        } = given;
        match (u16::try_from(from), u16::try_from(to)) {
            (Ok(from), Ok(to)) if from <= to => Some((from, to)),
            _ => {
                let message = format!("{from} to {to} is no range of ports");
                self.refuse(span, message, "ports are 0 to 65535, the lower one first");
                None
            }
        }
    }

    fn type_code(&mut self, given: Spanned<(i64, i64)>) -> Option<IcmpTypeCode> {
        let Spanned {
            value: (kind, code),
            span,
        } = given;
        // -1 is all of them.
        let number = |number: i64| {
            if number == -1 {
                Some(None)
            } else {
                u8::try_from(number).ok().map(Some)
            }
        };
        match (number(kind), number(code)) {
            (Some(None), Some(Some(_))) => {
                let message = format!("all types of ICMP have no common code {code}");
                self.refuse(span, message, "with type -1 the code is -1 as well");
                None
            }
            (Some(kind), Some(code)) => Some((kind, code)),
            _ => {
                let message = format!("ICMP has no type {kind} with code {code}");
                self.refuse(span, message, "types and codes are 0 to 255, or -1 for all");
                None
            }
        }
    }

    fn missing(&mut self, field: &str) {
        let problem = Problem::error(self.span, format!("the protocol needs {field}"));
        self.problems
            .report(problem.code("MissingParameter").help(format!("add {field}")));
    }

    fn refuse(&mut self, span: Span, message: String, help: &str) {
        self.problems
            .report(Problem::error(span, message).code(self.malformed).help(help));
    }

    fn ignored(&mut self, span: Span) {
        let message = "the protocol has none of these, so they are ignored";
        let help = "remove them, or name the protocol they are meant for";
        self.problems
            .report(Problem::warning(span, message).number("M69").help(help));
    }
}
