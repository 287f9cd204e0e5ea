//! Installs nginx as a program, not as a service of this machine.

use crate::command::{find, program, read};
use crate::step::note;
use anyhow::Result;
use std::path::Path;

/// Does the installation with nginx's service masked, so that Debian doesn't start it on port 80, and leaves the
/// service disabled. A machine that has nginx already keeps it as it is.
pub(crate) fn kept_off(install: impl FnOnce() -> Result<()>) -> Result<()> {
    // Without systemd, Debian starts nothing by itself.
    let ours = find("nginx").is_none() && Path::new("/run/systemd/system").exists();
    if !ours {
        return install();
    }
    note("nginx's own service stays off: only guests run it");
    // `--runtime`: a mask that we couldn't take away is gone at the next boot.
    read(program("systemctl").args(["mask", "--runtime", "nginx.service"]))?;
    let result = install();
    read(program("systemctl").args(["unmask", "--runtime", "nginx.service"]))?;
    if result.is_ok() && find("nginx").is_some() {
        read(program("systemctl").args(["disable", "nginx.service"]))?;
    }
    result
}
