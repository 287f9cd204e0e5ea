//! What lies behind the uplink of a lab's host.

use super::{Lab, eventually};
use anyhow::Result;

impl Lab {
    /// Makes a network behind the host: a device of the host with some addresses leads to a namespace with others, on
    /// its `eth0`, which knows nothing of anybody else.
    pub fn make_outside(&self, short: &str, device: &str, [host, outside]: [&[&str]; 2]) -> Result<()> {
        self.make_guest(short)?;
        let namespace = self.namespace(short);
        let pair = [
            "ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", &namespace,
        ];
        self.on_host(&pair)?.success()?;
        // An address that the kernel makes comes some time later.
        self.on_host(&["ip", "link", "set", device, "addrgenmode", "none"])?
            .success()?;
        for (place, device, addresses) in [("host", device, host), (short, "eth0", outside)] {
            for address in addresses {
                let add = ["ip", "address", "add", address, "dev", device];
                // Nobody else can have it, and asking around for it would take a second.
                let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
                self.run(place, &[&add, nodad].concat())?.success()?;
            }
            self.run(place, &["ip", "link", "set", device, "up"])?.success()?;
        }
        let shown = ["ip", "-br", "link", "show", device];
        eventually(|| Ok(self.on_host(&shown)?.success()?.stdout.contains(" UP ")))
    }
}
