//! Networks behind others: what lies behind the uplink of a lab's host.

use super::{Lab, eventually};
use anyhow::Result;

impl Lab {
    /// Makes a network behind somebody: a device of theirs with some addresses leads to a new namespace with others, on
    /// its `eth0`, which knows nothing of anybody else.
    pub fn make_behind(
        &self,
        (near, device): (&str, &str),
        far: &str,
        [near_addresses, far_addresses]: [&[&str]; 2],
    ) -> Result<()> {
        self.make_guest(far)?;
        let namespace = self.namespace(far);
        // An address that the kernel makes comes some time later.
        let pair = format!(
            "ip link add {device} type veth peer name eth0 netns {namespace} && ip link set {device} addrgenmode none"
        );
        self.run(near, &["sh", "-ec", &pair])?.success()?;
        for (place, device, addresses) in [(near, device, near_addresses), (far, "eth0", far_addresses)] {
            // Nobody else can have an address, and asking around for it would take a second.
            let add = |address: &&str| {
                let nodad = if address.contains(':') { "nodad" } else { "" };
                format!("ip address add {address} dev {device} {nodad}\n")
            };
            let commands: String = addresses.iter().map(add).collect();
            let commands = format!("{commands}ip link set {device} up");
            self.run(place, &["sh", "-ec", &commands])?.success()?;
        }
        let shown = ["ip", "-br", "link", "show", device];
        eventually(|| Ok(self.run(near, &shown)?.success()?.stdout.contains(" UP ")))
    }
}
