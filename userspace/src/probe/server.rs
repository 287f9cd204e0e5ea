//! The servers that guests run while they are probed.

use super::process::{start, stop, wait_for_listener};
use crate::install::error::{Doing as _, Result};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;

/// Ports that an adopted namespace hardly uses itself.
pub(super) const HTTP_PORT: u16 = 18_080;
pub(super) const STREAM_PORT: u16 = 15_201;

/// Servers, stopped when this is dropped; their files are removed with them.
#[derive(Debug)]
pub(super) struct Servers {
    directory: PathBuf,
    children: Vec<Child>,
}

impl Servers {
    pub(super) fn new(directory: PathBuf) -> Result<Self> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        made.doing(|| format!("make {}", directory.display()))?;
        Ok(Self {
            directory,
            children: Vec::new(),
        })
    }

    /// An nginx that answers every request with one line: who it is. By that line, guests of the same address are
    /// told apart.
    pub(super) fn start_nginx(&mut self, namespace: &str, identity: &str) -> Result<()> {
        let home = self.directory.join(namespace);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&home);
        made.doing(|| format!("make {}", home.display()))?;
        let configuration = home.join("nginx.conf");
        let written = std::fs::write(&configuration, nginx_configuration(&home, identity));
        written.doing(|| format!("write {}", configuration.display()))?;
        let (home, configuration) = (home.display().to_string(), configuration.display().to_string());
        let log = format!("{home}/error.log");
        let words = ["nginx", "-p", &home, "-c", &configuration, "-e", &log].map(str::to_owned);
        self.children.push(start(namespace, &words)?);
        wait_for_listener(namespace, HTTP_PORT)
    }

    /// An iperf3 that serves one client after another.
    pub(super) fn start_iperf3(&mut self, namespace: &str) -> Result<()> {
        let words = ["iperf3", "-s", "-p", &STREAM_PORT.to_string()].map(str::to_owned);
        self.children.push(start(namespace, &words)?);
        wait_for_listener(namespace, STREAM_PORT)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.children.iter_mut().for_each(stop);
        // What stays behind, `down` removes.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// One process, in the foreground, that writes to its own directory alone.
fn nginx_configuration(home: &Path, identity: &str) -> String {
    let home = home.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path \"{home}/{kind}\";\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid \"{home}/nginx.pid\";\nevents {{ worker_connections 64; }}\n\
         http {{\n    access_log off;\n    default_type text/plain;\n{temporary}    \
         server {{ listen {HTTP_PORT}; location / {{ return 200 \"{identity}\\n\"; }} }}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_stays_in_its_directory_and_says_who_it_is() {
        let text = nginx_configuration(Path::new("/run/a b"), "blue/web-1");
        assert!(text.contains("pid \"/run/a b/nginx.pid\";"));
        assert!(text.contains("client_body_temp_path \"/run/a b/client_body\";"));
        assert!(text.contains(r#"return 200 "blue/web-1\n";"#));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
