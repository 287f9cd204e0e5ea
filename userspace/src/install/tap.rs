//! Taps: devices whose other end is a file descriptor of a virtual machine.

use crate::install::error::{Doing as _, Result};
use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;

const CLONE_DEVICE: &str = "/dev/net/tun";

/// The kernel's `struct ifreq`, as far as `TUNSETIFF` reads it.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    flags: u16,
    rest: [u8; 22],
}

nix::ioctl_write_ptr_bad!(tunsetiff, libc::TUNSETIFF, Request);
nix::ioctl_write_int_bad!(tunsetpersist, libc::TUNSETPERSIST);

/// Makes a tap that stays when the file that made it is closed. Virtual machine monitors open it by its name.
pub fn create(name: &str) -> Result<()> {
    persist(name).doing(|| format!("make tap {name}"))
}

/// Opens a tap that exists, as a virtual machine monitor does: reads are frames the guest receives, writes are frames
/// it sends. No header precedes a frame.
pub fn open(name: &str) -> Result<File> {
    attach(name).doing(|| format!("open tap {name}"))
}

fn persist(name: &str) -> io::Result<()> {
    let file = attach(name)?;
    // SAFETY: the descriptor is open and a tap's; the argument is a number, so the kernel reads no memory of ours.
    unsafe { tunsetpersist(file.as_raw_fd(), c_int::from(true)) }?;
    Ok(())
}

fn attach(name: &str) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(CLONE_DEVICE)?;
    let request = Request::new(name).ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: the descriptor is open, and the pointer is to a value of the size the kernel copies (40 bytes, asserted
    // below), which lives until the call returns.
    unsafe { tunsetiff(file.as_raw_fd(), &raw const request) }?;
    Ok(file)
}

impl Request {
    fn new(name: &str) -> Option<Self> {
        let mut padded = [0; libc::IFNAMSIZ];
        // One byte stays zero, as the kernel wants a C string.
        padded
            .get_mut(..name.len())
            .filter(|place| place.len() < libc::IFNAMSIZ)?
            .copy_from_slice(name.as_bytes());
        let flags = u16::try_from(libc::IFF_TAP | libc::IFF_NO_PI).ok()?;
        Some(Self {
            name: padded,
            flags,
            rest: [0; 22],
        })
    }
}

const _: () = assert!(size_of::<Request>() == size_of::<libc::ifreq>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_fit_is_refused() {
        assert!(Request::new("gp0123456789012").is_some());
        assert!(Request::new("gp01234567890123").is_none());
    }
}
