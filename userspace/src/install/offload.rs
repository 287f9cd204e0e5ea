//! What devices are asked to do for the kernel: checksums and segmentation.

use crate::install::error::{Doing as _, Result};
use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};

/// `SIOCETHTOOL` of linux/sockios.h, and commands of linux/ethtool.h.
const ETHTOOL: libc::Ioctl = 0x8946;
const GET_CHECKSUMS: u32 = 0x16;
const SET_CHECKSUMS: u32 = 0x17;

/// The kernel's `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// The kernel's `struct ifreq`, as far as `SIOCETHTOOL` reads it.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    value: *mut c_void,
    rest: [u8; 16],
}

const _: () = assert!(size_of::<Request>() == size_of::<libc::ifreq>());

nix::ioctl_readwrite_bad!(ethtool, ETHTOOL, Request);

/// Has the kernel finish checksums itself before a device gets a packet, and with that segment what is larger than one:
/// no device does the latter that doesn't do the former (`netdev_fix_features`).
pub(super) fn turn_off(name: &str) -> Result<()> {
    let what = || format!("turn the checksums of interface {name} off");
    call(name, SET_CHECKSUMS, 0).map(|_| ()).doing(what)
}

/// Whether that is so.
pub(super) fn is_off(name: &str) -> Result<bool> {
    let what = || format!("look at the checksums of interface {name}");
    call(name, GET_CHECKSUMS, 0).map(|data| data == 0).doing(what)
}

fn call(name: &str, command: u32, data: u32) -> io::Result<u32> {
    let socket = nix::sys::socket::socket(
        nix::sys::socket::AddressFamily::Inet,
        nix::sys::socket::SockType::Datagram,
        nix::sys::socket::SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let mut value = Value { command, data };
    let mut request = Request {
        name: [0; libc::IFNAMSIZ],
        value: (&raw mut value).cast(),
        rest: [0; 16],
    };
    request
        .name
        .get_mut(..name.len())
        // One byte stays zero, as the kernel wants a C string.
        .filter(|place| place.len() < libc::IFNAMSIZ)
        .ok_or(io::ErrorKind::InvalidInput)?
        .copy_from_slice(name.as_bytes());
    let descriptor: c_int = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open; the request is of the size the kernel copies (asserted above), and points to a
    // value of the kind that both commands read and write. Both live until the call returns.
    unsafe { ethtool(descriptor, &raw mut request) }?;
    Ok(value.data)
}
