//! A table of our own in the host's packet filter: what comes by a link to the host and goes on to elsewhere gets the
//! host's own addresses, which are all that anybody there can answer to.

use super::state::HostLink;
use super::tool::{self, Said};
use crate::install::error::{Error, Result};
use std::path::PathBuf;

pub(crate) const NFT: &str = "nft";

/// The table, in the place of one of its name.
fn table(link: &HostLink) -> String {
    let HostLink { table, end, .. } = link;
    format!(
        "{}table inet {table} {{
\tchain postrouting {{
\t\ttype nat hook postrouting priority 100; policy accept;
\t\tiifname \"{end}\" oifname != {{ \"{end}\", \"lo\" }} masquerade
\t}}
}}
",
        no_table(table)
    )
}

/// Removes a table, whether it is there or not.
fn no_table(table: &str) -> String {
    format!("add table inet {table}\ndelete table inet {table}\n")
}

/// Whether the tool is there, and this kernel can do what it will be asked for.
pub(super) fn check(link: &HostLink) -> Result<()> {
    tool::run(&nft()?, &["--check", "--file", "-"], &table(link))?
        .done("see whether nftables can masquerade")
        .map(drop)
}

/// Makes the table, if it isn't there.
pub(super) fn ensure(link: &HostLink) -> Result<()> {
    let found = say(&format!("list table inet {}\n", link.table))?;
    if found.is_done && found.out.contains("masquerade") && found.out.contains(&link.end) {
        return Ok(());
    }
    say(&table(link))?
        .done(&format!("make the nftables table {}", link.table))
        .map(drop)
}

pub(super) fn remove(link: &HostLink) -> Result<()> {
    say(&no_table(&link.table))?
        .done(&format!("remove the nftables table {}", link.table))
        .map(drop)
}

/// Chains by their table that drop what is handed on unless a rule of theirs accepts it; but for those of iptables and
/// firewalld, in which rules of ours are.
pub(crate) fn dropping() -> Result<Vec<String>> {
    let chains = say("list chains\n")?.done("list the chains of nftables")?;
    let (mut table, mut chain) = ("", "");
    let mut found = Vec::new();
    for line in chains.lines().map(str::trim) {
        let name = |kind: &str| line.strip_prefix(kind).and_then(|rest| rest.split(" {").next());
        if let Some(name) = name("table ") {
            table = name;
        } else if let Some(name) = name("chain ") {
            chain = name;
        } else if line.contains("hook forward") && line.contains("policy drop") && !is_known(table, chain) {
            found.push(format!("{table} {chain}"));
        }
    }
    Ok(found)
}

fn is_known(table: &str, chain: &str) -> bool {
    chain == "FORWARD" || table == "inet firewalld"
}

/// Says something to nftables. Handles are told, by which rules are deleted.
pub(super) fn say(text: &str) -> Result<Said> {
    tool::run(&nft()?, &["--handle", "--file", "-"], text)
}

fn nft() -> Result<PathBuf> {
    tool::find(NFT).ok_or(Error::ToolMissing {
        tool: NFT,
        package: "nftables",
    })
}
