//! An appliance behind a Gateway Load Balancer, to try one out: it sends back what it gets, answers health checks, and
//! says every second how much that was. `--drop` lets nothing through, `--change-cookie` sends everything back with
//! another flow's cookie.

use anyhow::Result;
use clap::Parser;
use groundplane_tests::appliance::{Appliance, Manner};
use std::io::Write as _;
use std::thread::sleep;
use std::time::Duration;

#[derive(Debug, Parser)]
struct Arguments {
    /// Send nothing back
    #[arg(long, conflicts_with = "change_cookie")]
    drop: bool,
    /// Send everything back with another flow's cookie
    #[arg(long)]
    change_cookie: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let appliance = Appliance::start()?;
    appliance.behave(match arguments {
        Arguments { drop: true, .. } => Manner::Drop,
        Arguments {
            change_cookie: true, ..
        } => Manner::ChangeCookie,
        Arguments { .. } => Manner::Return,
    });
    let mut told = (0, 0);
    loop {
        let (got, returned) = appliance.counts();
        if (got, returned) != told {
            writeln!(std::io::stdout(), "{got} packets, {returned} of them sent back")?;
            told = (got, returned);
        }
        sleep(Duration::from_secs(1));
    }
}
