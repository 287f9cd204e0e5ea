//! What tcpdump sees.

use super::{Background, Lab, eventually};
use anyhow::Result;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A capture of what passes the `eth0` of a guest.
#[derive(Debug)]
pub struct Capture {
    tcpdump: Background,
    file: PathBuf,
}

impl Capture {
    /// Begins when it is there.
    pub fn start(lab: &Lab, guest: &str, filter: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = lab.dir().join(format!("seen-{number}.pcap"));
        let path = file.to_string_lossy().into_owned();
        let command = ["tcpdump", "--immediate-mode", "-U", "-i", "eth0", "-w", &path, filter];
        let tcpdump = lab.start(guest, &command)?;
        // The file's header is written when packets are being looked at.
        eventually(|| Ok(fs::metadata(&file).is_ok_and(|it| it.len() >= 24)))?;
        Ok(Self { tcpdump, file })
    }

    /// What was seen, in tcpdump's words.
    pub fn read(self, lab: &Lab) -> Result<String> {
        self.tcpdump.stop()?;
        Ok(lab
            .run("host", &["tcpdump", "-nvvr", &self.file.to_string_lossy()])?
            .success()?
            .stdout)
    }
}
