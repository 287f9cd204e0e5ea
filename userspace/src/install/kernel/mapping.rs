//! How many mappings the addresses of NAT gateways have, as the datapath counts them.

use super::table::open;
use super::{Datapath, batch};
use crate::install::error::Result;
use aya::maps::{HashMap, IterableMap as _, MapData};
use groundplane_abi::flow::FlowKey;
use groundplane_abi::{Ip4, map};
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;

impl Datapath {
    /// The mappings of each address of a NAT gateway to each destination, of both families: by the key that their
    /// answers have, without the port. The numbers are of different moments.
    pub fn mapping_counts(&self) -> Result<Vec<(FlowKey<Ip4>, u64)>> {
        let name = map::ip4::BINDING_COUNTS;
        let table: HashMap<MapData, FlowKey<Ip4>, u64> = open(&self.pins, name)?;
        let mut counts = Vec::new();
        _ = batch::each(table.map().fd().as_fd(), name, |key, count| {
            counts.push((*key, *count));
            ControlFlow::Continue(())
        })?;
        Ok(counts)
    }
}
