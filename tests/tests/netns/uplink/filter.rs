//! Beside the packet filters of others.

use super::link::passes;
use super::{HOST, ends, inventory, is_as_it_was, outside, with};
use crate::agent::bounding_set;
use anyhow::{Result, ensure};
use groundplane_tests::netns::{Lab, eventually};

const THEIRS: &str = "
table inet theirs {
    chain input { type filter hook input priority 0; policy accept; tcp dport 9 drop; }
    chain post { type nat hook postrouting priority 100; oifname \"none\" masquerade; }
}
";

/// Docker's rules as far as they matter here.
const DOCKER: &str = "*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -i docker0 -j ACCEPT
COMMIT
";

/// Firewalld's chain likewise.
const FIREWALLD: &str = "
table inet firewalld {
    chain filter_FORWARD {
        type filter hook forward priority 10; policy accept;
        ct state established,related accept
        reject with icmpx admin-prohibited
    }
}
";

/// Has a tool of the host read something.
fn tell(lab: &Lab, tool: &str, text: &str) -> Result<()> {
    let path = lab.dir().join("rules");
    std::fs::write(&path, text)?;
    let command = format!("{tool} < {}", path.display());
    lab.on_host(&["sh", "-c", &command])?.success().map(drop)
}

fn rules(lab: &Lab) -> Result<String> {
    Ok(lab.on_host(&["nft", "list", "ruleset"])?.success()?.stdout)
}

/// Brings a link to the host up where there are such rules, up again and down.
fn beside(lab: &Lab) -> Result<()> {
    outside(lab)?;
    let before = inventory(lab)?;
    lab.up(&with(HOST))?;
    passes(lab)?;
    let there = inventory(lab)?;
    lab.up(&with(HOST))?;
    is_as_it_was(lab, &there)?;
    lab.down()?;
    is_as_it_was(lab, &before)
}

#[test]
fn tables_of_others_stay_as_they_are() -> Result<()> {
    let lab = Lab::new()?;
    tell(&lab, "nft -f -", THEIRS)?;
    beside(&lab)
}

#[test]
fn a_policy_to_drop_what_is_handed_on_lets_the_link_through() -> Result<()> {
    let lab = Lab::new()?;
    for tool in ["iptables-nft", "ip6tables-nft"] {
        lab.on_host(&[tool, "-P", "FORWARD", "DROP"])?.success()?;
    }
    beside(&lab)
}

#[test]
fn the_older_iptables_lets_the_link_through_as_well() -> Result<()> {
    let lab = Lab::new()?;
    lab.on_host(&["iptables-legacy", "-P", "FORWARD", "DROP"])?.success()?;
    outside(&lab)?;
    let saved = || Ok::<_, anyhow::Error>(lab.on_host(&["iptables-legacy", "-S"])?.success()?.stdout);
    let before = saved()?;
    lab.up(&with(HOST))?;
    passes(&lab)?;
    let there = saved()?;
    lab.up(&with(HOST))?;
    ensure!(saved()? == there && there != before, "{there}");
    lab.down()?;
    ensure!(saved()? == before, "{}", saved()?);
    Ok(())
}

#[test]
fn the_capabilities_of_the_unit_are_enough_for_an_uplink() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    for tool in ["iptables-nft", "iptables-legacy"] {
        lab.on_host(&[tool, "-P", "FORWARD", "DROP"])?.success()?;
    }
    let before = inventory(&lab)?;
    let document = lab.document(&with(HOST))?.to_string_lossy().into_owned();
    let through = ["setpriv", &bounding_set()?, "--inh-caps=-all", "--no-new-privs"];
    let agent = lab.agent_as(&through, &[], &["--network", &document])?;
    passes(&lab)?;
    ensure!(!agent.log().contains("ERROR"), "{}", agent.log());
    let socket = agent.socket().to_string_lossy().into_owned();
    lab.groundplane(&["down", "--socket", &socket])?.success()?;
    is_as_it_was(&lab, &before)?;
    agent.stop()
}

#[test]
fn docker_is_told_where_it_looks_for_its_users_rules() -> Result<()> {
    let lab = Lab::new()?;
    tell(&lab, "iptables-nft-restore", DOCKER)?;
    lab.up(&with(HOST))?;
    let (_, end) = ends(&lab)?;
    let rules = lab.on_host(&["iptables-nft", "-S", "DOCKER-USER"])?.success()?.stdout;
    ensure!(rules.matches(&end).count() == 2, "{rules}");
    lab.down()?;
    beside(&lab)
}

#[test]
fn firewalld_lets_the_link_through() -> Result<()> {
    let lab = Lab::new()?;
    tell(&lab, "nft -f -", FIREWALLD)?;
    beside(&lab)
}

#[test]
fn doctor_tells_of_what_an_uplink_lacks() -> Result<()> {
    let lab = Lab::new()?;
    let doctor = || Ok::<_, anyhow::Error>(lab.groundplane(&["doctor"])?.stdout);
    ensure!(!doctor()?.contains("uplink"), "there is none: {}", doctor()?);
    lab.up(&with(HOST))?;
    let (ours, end) = ends(&lab)?;
    let said = doctor()?;
    ensure!(
        said.contains(&format!("out by {ours}: guests reach the internet")),
        "{said}"
    );
    ensure!(!said.contains("packet filter") && !said.contains("FAIL"), "{said}");
    tell(&lab, "nft -f -", FIREWALLD)?;
    ensure!(doctor()?.contains(&format!("--add-interface={end}")), "{}", doctor()?);
    lab.up(&with(HOST))?;
    ensure!(!doctor()?.contains("--add-interface"), "{}", doctor()?);
    let dropping = "table inet mine { chain out { type filter hook forward priority 0; policy drop; }; }";
    tell(&lab, "nft -f -", dropping)?;
    ensure!(
        doctor()?.contains("inet mine out drops what it has no rule for"),
        "{}",
        doctor()?
    );
    lab.on_host(&["sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward"])?
        .success()?;
    ensure!(doctor()?.contains("net.ipv4.ip_forward is off"), "{}", doctor()?);
    lab.on_host(&["ip", "link", "delete", &end])?.success()?;
    let said = lab.groundplane(&["doctor"])?.failure()?.stdout;
    ensure!(said.contains("works: NO: the device is gone"), "{said}");
    lab.down()
}

#[test]
fn rules_that_somebody_has_thrown_away_are_there_again() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    lab.up(&with(HOST))?;
    let there = rules(&lab)?;
    // The agent looks around whenever it is idle, for a third of the time that systemd's watchdog waits for it.
    let agent = lab.agent_as(&[], &[("WATCHDOG_USEC", "300000")], &[])?;
    lab.on_host(&["nft", "flush", "ruleset"])?.success()?;
    eventually(|| Ok(rules(&lab)? == there))?;
    lab.on_host(&["iptables-nft", "-P", "FORWARD", "DROP"])?.success()?;
    let (_, end) = ends(&lab)?;
    let is_let_through = || {
        Ok(lab
            .on_host(&["iptables-nft", "-S", "FORWARD"])?
            .success()?
            .stdout
            .contains(&end))
    };
    eventually(is_let_through)?;
    passes(&lab)?;
    agent.stop()?;
    lab.down()
}
