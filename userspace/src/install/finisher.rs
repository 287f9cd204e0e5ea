//! The finisher: an annex by way of which packets go to the appliances of Gateway Load Balancers and come back
//! (semantics 16.2). Its kernel does nothing but forward what comes in by its only device, out by the same one; and the
//! device that leads there can neither segment nor calculate checksums, so that both are done. A program can do
//! neither, and without them an appliance would get packets that no wire has seen, and take what it can't send.
//!
//! It is there while there are such load balancers.

use crate::install::annex::{self, AnnexState, Purpose};
use crate::install::deployment::Deployment;
use crate::install::error::Result;
use crate::install::kernel::Datapath;
use crate::install::names;
use crate::install::netlink::Netlink;
use crate::install::offload;
use crate::resources::InterfaceType;
use groundplane_abi::control::Settings;
use groundplane_abi::{Device, Mac};

/// Of the largest packet that an endpoint takes, with what is put around it (semantics 16.3).
const MTU: u32 = 8568;

pub(super) static FINISHER: Purpose = Purpose {
    name: "finisher",
    end: "finisher",
    mac: Mac::FINISHER,
    named: names::finisher,
    attach: Datapath::attach_finisher,
    is_attached: Datapath::is_finisher,
    prepare: offload::turn_off,
    is_prepared: offload::is_off,
    settle: || annex::forward(FINISHER.end, MTU),
    noted: |state| &mut state.finisher,
};

/// Where the datapath has it.
pub(super) fn told(settings: &mut Settings) -> &mut Device {
    &mut settings.finisher
}

/// Whether there is anybody who needs it.
pub(super) fn is_needed(deployment: &Deployment) -> bool {
    let mut enis = deployment.resources.network_interfaces.iter();
    enis.any(|eni| eni.interface_type == InterfaceType::GatewayLoadBalancerEndpoint)
}

/// Whether it is there, up, and runs the program.
pub(crate) fn is_whole(finisher: &AnnexState, datapath: &Datapath, netlink: &Netlink) -> Result<bool> {
    finisher.is_whole(&FINISHER, datapath, netlink)
}
