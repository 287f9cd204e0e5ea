//! The unit under a real systemd, which is the first process of namespaces of its own and sees nothing of this host's
//! services: all of the hardening at once, and what becomes of guests when the service is killed and stopped.

use super::LAB;
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Lab, binary};
use std::fs;
use std::path::{Path, PathBuf};

/// Makes the host that systemd runs on. Everything it writes to is in memory, and goes when it ends.
const HOST: &str = r#"
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/netns
mount -t tmpfs tmpfs /etc/systemd/system
mount -t tmpfs tmpfs /var/lib
mount -t bpf bpf /sys/fs/bpf
cp "$1"/groundplane.service "$1"/check.service "$1"/all.target /etc/systemd/system/
exec env container=test /lib/systemd/systemd --system --unit=all.target --log-target=null --show-status=no
"#;

const TARGET: &str = "[Unit]\nDefaultDependencies=no\nWants=groundplane.service check.service\n";

/// Runs the script below once the agent is ready. As with any service that comes after it.
const CHECK: &str = "
[Unit]
DefaultDependencies=no
After=groundplane.service
[Service]
Type=oneshot
ExecStart=/bin/sh DIRECTORY/check.sh
StandardOutput=file:DIRECTORY/told
StandardError=file:DIRECTORY/wrong
";

/// Tells a line for each thing that is as it should be.
const SCRIPT: &str = r#"
reaches() { ip netns exec $WEB ping -c 1 -W 2 10.0.1.20 > /dev/null && echo "$1"; }
told() { systemctl show -P "$1" groundplane; }
reaches 'guests reach each other when the service has started'
systemctl reload groundplane && reaches 'it reloads'
kill -9 "$(told MainPID)"
reaches 'guests reach each other when it is killed'
for i in $(seq 100); do
    # In this order: systemd may not have heard yet that it was killed, and then calls it active.
    test "$(told NRestarts)" != 0 && test "$(told ActiveState)" = active && break
    sleep 0.1
done
test "$(told NRestarts)" = 1 && reaches 'it is started again'
systemctl stop groundplane && test "$(told Result)" = success && reaches 'guests reach each other when it is stopped'
systemctl start groundplane && curl -sS --unix-socket /run/groundplane/api.sock http://x/v1/down -d '' | grep -q was_up
test -z "$(ls /run/netns)" && test ! -e /sys/fs/bpf/groundplane && echo 'everything is taken down'
systemctl poweroff -f
"#;

/// The unit, with this binary and this document.
fn unit(document: &Path) -> Result<String> {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/groundplane.service");
    let start = format!("{} agent --network {}", binary()?.display(), document.display());
    Ok(fs::read_to_string(unit)?.replace("/usr/bin/groundplane agent", &start))
}

fn write(lab: &Lab, document: &Path) -> Result<PathBuf> {
    let directory = lab.dir().to_owned();
    let here = directory.to_string_lossy();
    let script = SCRIPT.replace("$WEB", &lab.namespace("web"));
    let files = [
        ("host.sh", HOST.to_owned()),
        ("all.target", TARGET.to_owned()),
        ("check.service", CHECK.replace("DIRECTORY", &here)),
        ("check.sh", script),
        ("groundplane.service", unit(document)?),
    ];
    for (name, text) in files {
        fs::write(directory.join(name), text)?;
    }
    Ok(directory)
}

#[test]
fn the_unit_works_under_systemd_and_guests_outlive_the_service() -> Result<()> {
    let lab = Lab::new()?;
    let document = lab.document(LAB)?;
    let directory = write(&lab, &document)?;
    let (host, files) = (directory.join("host.sh"), directory.to_string_lossy());
    let host = host.to_string_lossy();
    let run = [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--cgroup",
        "--net",
        "--mount-proc",
        "--kill-child",
        "sh",
        &host,
        &files,
    ];
    // Powering off ends the namespaces' first process by a signal.
    let ended = lab.on_host(&run)?;
    let told = fs::read_to_string(directory.join("told")).with_context(|| format!("systemd didn't start: {ended}"))?;
    let wrong = fs::read_to_string(directory.join("wrong")).unwrap_or_default();
    let expected = [
        "guests reach each other when the service has started",
        "it reloads",
        "guests reach each other when it is killed",
        "it is started again",
        "guests reach each other when it is stopped",
        "everything is taken down",
    ];
    ensure!(told.lines().eq(expected), "{told}\n{wrong}\n{ended}");
    Ok(())
}
