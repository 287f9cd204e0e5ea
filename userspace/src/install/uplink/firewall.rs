//! Rules of others that packets of a link to the host have to pass: each of them has a place for what its user wants,
//! and there the link is let through.
//!
//! In nftables no table can accept what another one drops. So where iptables has a FORWARD chain, as with Docker, whose
//! policy is to drop, a rule stands at its beginning, or in `DOCKER-USER`, which Docker asks first and never changes;
//! and where firewalld has its chain, in that. Tables of the host's owner are left alone: `doctor` tells of those that
//! drop.

use super::nft;
use super::tool;
use crate::install::error::{Error, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

const COMMENT: &str = "groundplane";

/// The two ways through the host.
const WAYS: [(&str, &str); 2] = [("-i", "iifname"), ("-o", "oifname")];

/// Both versions of iptables for each family, which don't see each other's rules. Where there is one only, it goes by
/// the plain name.
const IPTABLES: [&str; 2] = ["iptables", "ip6tables"];
const VERSIONS: [&str; 2] = ["nft", "legacy"];

/// Lets packets through that come by a device of the host or leave by it, if they are not let through already.
pub(super) fn admit(end: &str) -> Result<()> {
    change_iptables(|saved| admission(saved, end))?;
    for (_, word) in WAYS {
        admit_in_firewalld(end, word)?;
    }
    Ok(())
}

/// Takes those rules away wherever they are.
pub(super) fn withdraw(end: &str) -> Result<()> {
    let mut errors = Vec::new();
    errors.extend(change_iptables(|saved| withdrawal(saved, end)).err());
    if let Some(chain) = firewalld()? {
        let rules = chain.lines().filter(|line| is_ours(line, end));
        let handles = rules
            .filter_map(|line| line.rsplit_once("# handle "))
            .map(|(_, handle)| handle.trim());
        let mut text = String::new();
        for handle in handles {
            // Writing to a string can't fail; likewise below.
            let _ = writeln!(text, "delete rule {FIREWALLD} handle {handle}");
        }
        if !text.is_empty() {
            errors.extend(nft::say(&text)?.done("remove the rules in firewalld's chain").err());
        }
    }
    Error::collect(errors)
}

const FIREWALLD: &str = "inet firewalld filter_FORWARD";

/// Firewalld's chain for what is handed on, if there is one.
fn firewalld() -> Result<Option<String>> {
    if tool::find(nft::NFT).is_none() {
        return Ok(None);
    }
    let said = nft::say(&format!("list chain {FIREWALLD}\n"))?;
    Ok(said.is_done.then_some(said.out))
}

fn admit_in_firewalld(end: &str, word: &str) -> Result<()> {
    let rule = format!("{word} \"{end}\" accept comment \"{COMMENT}\"");
    match firewalld()? {
        Some(chain) if !chain.contains(&rule) => {}
        _ => return Ok(()),
    }
    let said = nft::say(&format!("insert rule {FIREWALLD} {rule}\n"))?;
    // Newer versions own their table, and nobody else may change it. Then it is for the host's owner to say; `doctor`
    // tells.
    if said.error.contains("Operation not permitted") {
        return Ok(());
    }
    said.done("add a rule to firewalld's chain").map(drop)
}

/// Whether firewalld hasn't been told of a device, nor lets anybody tell it.
pub(crate) fn is_refused(end: &str) -> Result<bool> {
    Ok(firewalld()?.is_some_and(|chain| !chain.lines().any(|rule| is_ours(rule, end))))
}

fn is_ours(rule: &str, end: &str) -> bool {
    rule.contains(&format!("\"{end}\"")) && rule.contains(&format!("comment \"{COMMENT}\""))
}

/// A version of iptables: what prints its rules, and what changes them.
struct Iptables {
    save: PathBuf,
    restore: PathBuf,
}

/// All versions that have rules.
fn iptables() -> Vec<Iptables> {
    let tools = |name: &str| {
        Some(Iptables {
            save: tool::find(&format!("{name}-save"))?,
            restore: tool::find(&format!("{name}-restore"))?,
        })
    };
    let mut all = Vec::new();
    for family in IPTABLES {
        let versions = VERSIONS
            .iter()
            .filter(|version| **version != "legacy" || has_legacy(family));
        let found: Vec<_> = versions
            .filter_map(|version| tools(&format!("{family}-{version}")))
            .collect();
        if found.is_empty() {
            all.extend(tools(family));
        }
        all.extend(found);
    }
    all
}

/// Whether the older version is in use. Only to ask it for its rules would bring it into use.
fn has_legacy(family: &str) -> bool {
    let names = match family {
        "iptables" => "/proc/self/net/ip_tables_names",
        _ => "/proc/self/net/ip6_tables_names",
    };
    fs::read_to_string(names).is_ok_and(|names| names.lines().any(|name| name == "filter"))
}

/// Changes the rules of all versions by what there is to be changed of each.
fn change_iptables(changes: impl Fn(&str) -> Option<String>) -> Result<()> {
    let mut errors = Vec::new();
    for Iptables { save, restore } in iptables() {
        let changed = || -> Result<()> {
            let saved = tool::run(&save, &[], "")?.done(&format!("run {}", save.display()))?;
            let Some(changes) = changes(&saved) else {
                return Ok(());
            };
            let said = tool::run(&restore, &["--noflush", "--wait"], &changes)?;
            said.done(&format!("run {}", restore.display())).map(drop)
        };
        errors.extend(changed().err());
    }
    Error::collect(errors)
}

/// The lines of the table that packets are filtered by.
fn filter(saved: &str) -> impl Iterator<Item = &str> {
    let lines = saved.lines().skip_while(|line| *line != "*filter").skip(1);
    lines.take_while(|line| *line != "COMMIT")
}

fn has_chain(saved: &str, chain: &str) -> bool {
    filter(saved).any(|line| line.strip_prefix(':').and_then(|rest| rest.split(' ').next()) == Some(chain))
}

/// What is to be added to rules that were saved.
fn admission(saved: &str, end: &str) -> Option<String> {
    let chain = ["DOCKER-USER", "FORWARD"]
        .into_iter()
        .find(|chain| has_chain(saved, chain))?;
    let mut rules = String::new();
    for (option, _) in WAYS {
        let is_there =
            filter(saved).any(|line| line.contains(&format!(" {option} {end} ")) && line.ends_with(" -j ACCEPT"));
        if !is_there {
            let _ = writeln!(
                rules,
                "-I {chain} 1 {option} {end} -m comment --comment {COMMENT} -j ACCEPT"
            );
        }
    }
    (!rules.is_empty()).then(|| format!("*filter\n{rules}COMMIT\n"))
}

/// What is to be taken from rules that were saved.
fn withdrawal(saved: &str, end: &str) -> Option<String> {
    let mut rules = String::new();
    for line in filter(saved) {
        let is_ours = WAYS
            .iter()
            .any(|(option, _)| line.contains(&format!(" {option} {end} ")));
        if let Some(rule) = line.strip_prefix("-A ").filter(|_| is_ours) {
            let _ = writeln!(rules, "-D {rule}");
        }
    }
    (!rules.is_empty()).then(|| format!("*filter\n{rules}COMMIT\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: &str = "# Generated by iptables-save
*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
COMMIT
";
    const POLICY: &str = "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n";
    const IN: &str = "-i gph0 -m comment --comment groundplane -j ACCEPT";
    const OUT: &str = "-o gph0 -m comment --comment groundplane -j ACCEPT";

    #[test]
    fn rules_stand_where_docker_looks_for_its_users_or_else_first_of_all() {
        let rules = |chain: &str| format!("*filter\n-I {chain} 1 {IN}\n-I {chain} 1 {OUT}\nCOMMIT\n");
        assert_eq!(admission(DOCKER, "gph0"), Some(rules("DOCKER-USER")));
        assert_eq!(admission(POLICY, "gph0"), Some(rules("FORWARD")));
        for nothing in [
            "",
            "*nat\n:FORWARD ACCEPT [0:0]\nCOMMIT\n",
            "*filter\n:INPUT DROP [0:0]\nCOMMIT\n",
        ] {
            assert_eq!(admission(nothing, "gph0"), None, "{nothing}");
        }
    }

    #[test]
    fn a_rule_that_is_there_is_not_added_again_and_is_taken_from_wherever_it_is() {
        let with = |rules: &str| DOCKER.replace("-A FORWARD -j DOCKER-USER\n", rules);
        let both = with(&format!(
            "-A FORWARD {OUT}\n-A FORWARD -i eth0 -j DROP\n-A DOCKER-USER {IN}\n"
        ));
        assert_eq!(admission(&both, "gph0"), None);
        let taken = format!("*filter\n-D FORWARD {OUT}\n-D DOCKER-USER {IN}\nCOMMIT\n");
        assert_eq!(withdrawal(&both, "gph0"), Some(taken));
        let one = with(&format!("-A FORWARD {OUT}\n"));
        assert_eq!(
            admission(&one, "gph0"),
            Some(format!("*filter\n-I DOCKER-USER 1 {IN}\nCOMMIT\n"))
        );
        assert_eq!(withdrawal(DOCKER, "gph0"), None);
        assert_eq!(withdrawal(&both, "gph00"), None, "it is another device's");
    }
}
