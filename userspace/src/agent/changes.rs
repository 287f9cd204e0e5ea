//! Guests that come and go: whenever devices or the names of network namespaces change, the engine looks whether one of
//! its guests is concerned.

use crate::install::netns;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::socket::{AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket};
use nix::unistd::read;
use std::fs::DirBuilder;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::thread::sleep;
use std::time::Duration;

/// Changes come in groups: a namespace is a file before it is a namespace, a pair has two devices.
const SETTLES: Duration = Duration::from_millis(50);

/// A name may stand for nothing yet after that; when what it stands for is mounted, nobody is told.
const SETTLES_AT_LAST: Duration = Duration::from_millis(400);

/// What the kernel says of devices in the agent's own namespace, and of the names of others.
#[derive(Debug)]
pub(super) struct Changes {
    links: OwnedFd,
    names: OwnedFd,
}

impl Changes {
    /// Hears of every change from now on.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self {
            links: links()?,
            names: names()?,
        })
    }

    /// Has somebody look at each group of changes, on a thread of its own, until they have seen enough.
    pub(super) fn watch(self, mut look: impl FnMut() -> ControlFlow<()> + Send + 'static) -> io::Result<()> {
        let watch = move || {
            while let Ok(Group { names }) = self.next() {
                let mut goes_on = look();
                if names && goes_on.is_continue() {
                    sleep(SETTLES_AT_LAST);
                    goes_on = look();
                }
                if goes_on.is_break() {
                    return;
                }
            }
            tracing::error!("guests that come and go aren't heard of any more");
        };
        std::thread::Builder::new()
            .name("changes".to_owned())
            .spawn(watch)
            .map(drop)
    }

    /// Waits for changes, and until there are no more for a moment.
    fn next(&self) -> io::Result<Group> {
        loop {
            let mut waits = [&self.links, &self.names].map(|from| PollFd::new(from.as_fd(), PollFlags::POLLIN));
            match poll(&mut waits, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            sleep(SETTLES);
            let (names, links) = (drain(&self.names)?, drain(&self.links)?);
            if names || links {
                return Ok(Group { names });
            }
        }
    }
}

/// Changes that came together.
struct Group {
    /// Whether names of namespaces are among them.
    names: bool,
}

/// A socket on which the kernel tells of devices. What it tells isn't read: the engine looks itself, and so it is no
/// matter if something doesn't fit.
fn links() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
    let groups = libc::RTMGRP_LINK.unsigned_abs();
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    Ok(socket)
}

fn names() -> io::Result<OwnedFd> {
    // There may be none yet, and then nobody has made the directory.
    DirBuilder::new().recursive(true).mode(0o755).create(netns::DIRECTORY)?;
    let names = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    let changes = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE;
    names.add_watch(netns::DIRECTORY, changes)?;
    Ok(names.into())
}

/// Reads whatever there is. Whether there was anything.
fn drain(from: &OwnedFd) -> io::Result<bool> {
    let mut buffer = [0; 1 << 15];
    let mut any = false;
    loop {
        match read(from, &mut buffer) {
            Ok(0) | Err(Errno::EAGAIN) => break,
            // What didn't fit is a change as well.
            Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => any = true,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(any)
}
