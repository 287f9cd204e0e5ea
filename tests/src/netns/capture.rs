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
    guest: String,
}

/// A frame by which a capture ends, of an ethertype that is left to everybody's own use. tcpdump that is stopped leaves
/// what it hasn't read yet.
const LAST: [u8; 60] = {
    let mut frame = [0; 60];
    (frame[12], frame[13]) = (0x88, 0xb5);
    frame
};
const LAST_FILTER: &str = "ether proto 0x88b5";
const LAST_SEEN: &str = "(0x88b5)";

impl Capture {
    /// Begins when it is there.
    pub fn start(lab: &Lab, guest: &str, filter: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = lab.dir().join(format!("seen-{number}.pcap"));
        let path = file.to_string_lossy().into_owned();
        let filter = format!("({filter}) or {LAST_FILTER}");
        let command = ["tcpdump", "--immediate-mode", "-U", "-i", "eth0", "-w", &path, &filter];
        let tcpdump = lab.start(guest, &command)?;
        // The file's header is written when packets are being looked at.
        eventually(|| Ok(fs::metadata(&file).is_ok_and(|it| it.len() >= 24)))?;
        Ok(Self {
            tcpdump,
            file,
            guest: guest.to_owned(),
        })
    }

    /// What was seen until now, in tcpdump's words.
    pub fn read(self, lab: &Lab) -> Result<String> {
        let wire = lab.wire(&self.guest, "eth0")?;
        let path = self.file.to_string_lossy();
        let mut seen = String::new();
        // A packet that is being written is an error of the reader's, and what comes while the buffer is full is lost.
        eventually(|| {
            wire.send(&LAST)?;
            seen = lab.run("host", &["tcpdump", "-nvvr", &path])?.stdout;
            Ok(seen.contains(LAST_SEEN))
        })?;
        self.tcpdump.stop()?;
        let lines = seen.split_inclusive('\n').take_while(|line| !line.contains(LAST_SEEN));
        Ok(lines.collect())
    }
}
