//! Ending connections before their time, the way the kernel ends those that have been idle for too long.

use super::programs::Programs;
use super::table::open;
use crate::install::error::{Result, bpf};
use aya::Pod;
use aya::maps::{HashMap, MapData, MapError};
use aya::programs::{TestRun as _, TestRunOptions};
use groundplane_abi::flow::{FlowEntry, FlowKey, Retirement};
use groundplane_abi::{Ip, Ip4, Ip6, map, program};
use std::path::Path;

/// An address family, as far as ending its connections goes.
pub trait Family: Ip {
    const PROGRAM: &'static str;
    const EMBRYOS: &'static str;

    /// The program's frame for a connection.
    fn frame(connection: &Connection<Self>) -> Vec<u8>;
}

/// A connection that somebody has seen in the tables: the keys of its two entries, and the stamp of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection<I: Ip> {
    pub key: FlowKey<I>,
    pub twin: FlowKey<I>,
    pub stamp: u64,
}

impl<I: Ip> From<&FlowEntry<I>> for Connection<I> {
    fn from(entry: &FlowEntry<I>) -> Self {
        Self {
            key: entry.key,
            twin: entry.twin_key(),
            stamp: entry.stamp,
        }
    }
}

macro_rules! families {
    ($($ip:ty, $program:ident, $module:ident;)+) => {$(
        impl Family for $ip {
            const PROGRAM: &'static str = program::$program;
            const EMBRYOS: &'static str = map::$module::EMBRYOS;

            fn frame(connection: &Connection<Self>) -> Vec<u8> {
                let retirement = Retirement {
                    key: connection.key,
                    stamp: connection.stamp,
                    ..Retirement::<Self>::default()
                };
                bytemuck::bytes_of(&retirement).to_vec()
            }
        }
    )+};
}

families! {
    Ip4, RETIRE_IP4, ip4;
    Ip6, RETIRE_IP6, ip6;
}

/// Ends connections and says how many of them there still were. Another one that has come in the place of one of them
/// is left alone. What was half open is forgotten as well.
pub(super) fn retire<I: Family>(pins: &Path, programs: &Programs, connections: &[Connection<I>]) -> Result<usize>
where
    FlowKey<I>: Pod,
    FlowEntry<I>: Pod,
{
    let program = programs.program(I::PROGRAM)?;
    let mut embryos: HashMap<MapData, FlowKey<I>, FlowEntry<I>> = open(pins, I::EMBRYOS)?;
    let mut ended = 0;
    for connection in connections {
        let frame = I::frame(connection);
        let options = TestRunOptions {
            data_in: Some(&frame),
            ..TestRunOptions::new()
        };
        let result = bpf(program.test_run(options), || format!("run {}", I::PROGRAM))?;
        let mut found = result.return_value != 0;
        for key in [connection.key, connection.twin] {
            found |= forget(&mut embryos, &key)?;
        }
        ended += usize::from(found);
    }
    Ok(ended)
}

/// Nobody is charged for an embryo, so that it can be deleted from outside.
fn forget<I: Family>(embryos: &mut HashMap<MapData, FlowKey<I>, FlowEntry<I>>, key: &FlowKey<I>) -> Result<bool>
where
    FlowKey<I>: Pod,
    FlowEntry<I>: Pod,
{
    match embryos.remove(key) {
        Ok(()) => Ok(true),
        Err(MapError::KeyNotFound) => Ok(false),
        Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => bpf(Err(error), || format!("delete from table {}", I::EMBRYOS)),
    }
}
