//! `groundplane flows`: live connections.

use super::Outcome;
use super::exit::Ended;
use super::output::{Format, Output};
use super::table::{Column, table};
use clap::Args;
use groundplane::flows::{self, Connections, Flow, FlowSelector};
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// As text, show so many and count the others
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
}

/// Which connections are meant: those to which everything that is said applies.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// One end is this ENI: an instance's name, VPC/NAME, or the ENI's id
    #[arg(long, value_name = "NAME")]
    eni: Option<String>,
    /// One end is in this security group: its name, VPC/NAME, or its id
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// tcp, udp, icmp, icmpv6 or a number
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol)]
    protocol: Option<u8>,
    /// Who opened it: an address or a block
    #[arg(long, value_name = "CIDR", value_parser = block)]
    src: Option<IpNet>,
    /// Whom it was opened to: an address or a block
    #[arg(long, value_name = "CIDR", value_parser = block)]
    dst: Option<IpNet>,
    /// The port it was opened to
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

impl Selection {
    pub(super) fn selector(&self) -> FlowSelector {
        FlowSelector {
            eni: self.eni.clone(),
            group: self.group.clone(),
            protocol: self.protocol,
            source: self.src,
            destination: self.dst,
            port: self.port,
        }
    }
}

fn protocol(name: &str) -> Result<u8, String> {
    flows::protocol(name).ok_or_else(|| "no protocol has this name".to_owned())
}

fn block(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse::<IpNet>().map(|block| block.trunc()))
        .map_err(|_| "neither an address nor a block".to_owned())
}

pub(super) fn run(arguments: &Arguments, state_dir: &Path, output: &Output) -> Ended {
    let connections = Connections::open(state_dir)?;
    let selector = arguments.selection.selector();
    if output.format() == Format::Json {
        return lines(&connections, &selector, output);
    }
    let (mut shown, mut count) = (Vec::new(), 0_u64);
    connections.each(&selector, |flow| {
        count += 1;
        if shown.len() < arguments.limit {
            shown.push(flow);
        }
        ControlFlow::Continue(())
    })?;
    output.text(&text(&shown, count))?;
    Ok(Outcome::Done)
}

/// An object a line, as the tables are read: however many there are, none waits for the others.
fn lines(connections: &Connections, selector: &FlowSelector, output: &Output) -> Ended {
    let mut failure = Ok(());
    connections.each(selector, |flow| match output.line("", &flow) {
        Ok(true) => ControlFlow::Continue(()),
        Ok(false) => ControlFlow::Break(()),
        Err(error) => {
            failure = Err(error);
            ControlFlow::Break(())
        }
    })?;
    failure?;
    Ok(Outcome::Done)
}

fn text(shown: &[Flow], count: u64) -> String {
    if shown.is_empty() {
        return match count {
            0 => "No connection.".to_owned(),
            _ => format!("{count} connections."),
        };
    }
    let more = count - shown.len() as u64;
    let more = match more {
        0 => String::new(),
        _ => format!("\n\n{more} more; --limit shows them, or --output json, an object a line."),
    };
    format!("{}{more}", flow_table(shown))
}

/// A line for each connection.
pub(super) fn flow_table(flows: &[Flow]) -> String {
    use Column::{Number, Text};
    let columns = [
        Text("FROM"),
        Text("TO"),
        Text("PROTOCOL"),
        Text("SOURCE"),
        Text("DESTINATION"),
        Text("STATE"),
        Text("TRACKED"),
        Number("AGE"),
        Number("IDLE"),
        Number("PACKETS"),
        Number("BYTES"),
    ];
    let rows = flows.iter().map(|flow| {
        let (source, destination) = flow.ends();
        [
            flow.from.instance.clone(),
            flow.to.instance.clone(),
            flow.protocol.clone(),
            source,
            destination,
            flow.state.to_string(),
            flow.tracked.to_string(),
            duration(flow.age_seconds),
            duration(flow.idle_seconds),
            (flow.packets + flow.reply_packets).to_string(),
            (flow.bytes + flow.reply_bytes).to_string(),
        ]
    });
    table(&columns, rows)
}

/// Seconds in the two largest units.
pub(super) fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{minutes:02}m"),
        _ => format!("{days}d{hours:02}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_block_of_its_own_and_bits_behind_a_prefix_are_cleared() {
        assert_eq!(block("10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(block("2001:db8::1").unwrap().to_string(), "2001:db8::1/128");
        assert_eq!(block("10.0.1.7/24").unwrap().to_string(), "10.0.1.0/24");
        assert!(block("10.0.0").is_err());
    }

    #[test]
    fn a_duration_has_two_units_at_most() {
        let texts = [0, 59, 61, 3600, 86_399, 432_000].map(duration);
        assert_eq!(texts, ["0s", "59s", "1m01s", "1h00m", "23h59m", "5d00h"]);
    }
}
