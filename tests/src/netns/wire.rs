//! A device of a lab, as whoever holds its cable sees it: every frame it gets, and frames out of it that no stack made.

use super::Lab;
use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, send, socket,
};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Wire(OwnedFd);

impl Lab {
    /// Listens at a device of a namespace.
    pub fn wire(&self, namespace: &str, device: &str) -> Result<Wire> {
        self.inside(namespace, || {
            let mut addresses = nix::ifaddrs::getifaddrs()?;
            let link = |address: &SockaddrStorage| address.as_link_addr().copied();
            let address = addresses
                .find_map(|found| {
                    found
                        .address
                        .as_ref()
                        .and_then(link)
                        .filter(|_| found.interface_name == device)
                })
                .with_context(|| format!("no device {device}"))?;
            let flags = SockFlag::SOCK_CLOEXEC;
            let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)?;
            bind(socket.as_raw_fd(), &address)?;
            Ok(Wire(socket))
        })
    }
}

impl Wire {
    /// Sends a frame out of the device.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        send(self.0.as_raw_fd(), frame, MsgFlags::empty())?;
        Ok(())
    }

    /// The first frame that is meant, within ten seconds.
    pub fn receive(&self, is_meant: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            let mut ready = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            if poll(&mut ready, 100_u16)? == 0 {
                continue;
            }
            let mut frame = vec![0; 65_536];
            let len = nix::unistd::read(&self.0, &mut frame)?;
            frame.truncate(len);
            if is_meant(&frame) {
                return Ok(frame);
            }
        }
        bail!("no such frame came")
    }
}
