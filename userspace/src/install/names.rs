//! The names of what is made, chosen so that whoever meets it knows whose it is.

use std::path::Path;

/// The guest's end of a veth pair.
pub const GUEST_DEVICE: &str = "eth0";

const ALIAS: &str = "groundplane:";

/// Name of the host side of an ENI: `gp` and twelve hexadecimal digits, within the kernel's 15 bytes.
///
/// The deployment's state directory goes into it, so that two deployments of one document, such as a test beside the
/// host's own, don't meet. An ENI that is made anew while its old device is still there needs another name: `attempt`
/// counts them.
#[must_use]
pub fn host_device(state_dir: &Path, eni_id: &str, attempt: u8) -> String {
    let deployment = fnv1a(FNV_OFFSET, state_dir.as_os_str().as_encoded_bytes());
    // A byte no path holds ends the first part.
    let first = fnv1a(fnv1a(deployment, &[0]), eni_id.as_bytes());
    // Nor does an id hold this one.
    let hash = (0..attempt).fold(first, |hash, _| fnv1a(hash, b"+"));
    format!("gp{:012x}", hash >> 16)
}

/// The names of what is made for an uplink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UplinkNames {
    /// Our end of a link to the host, and what is pinned for any uplink. No ENI's host side is called so: `u` and `h`
    /// are no hexadecimal digits.
    pub ours: String,
    /// The host's end.
    pub hosts: String,
    /// The table in the host's packet filter.
    pub table: String,
}

/// Names for an uplink, which like those of host sides are the deployment's own.
#[must_use]
pub fn uplink(state_dir: &Path, name: &str) -> UplinkNames {
    let deployment = fnv1a(FNV_OFFSET, state_dir.as_os_str().as_encoded_bytes());
    let hash = fnv1a(fnv1a(deployment, b"\0uplink/"), name.as_bytes()) >> 20;
    UplinkNames {
        ours: format!("gpu{hash:011x}"),
        hosts: format!("gph{hash:011x}"),
        table: format!("groundplane_{hash:011x}"),
    }
}

/// The name of the cutter's namespace and of its host side. `x` is no hexadecimal digit either.
#[must_use]
pub fn cutter(state_dir: &Path) -> String {
    let deployment = fnv1a(FNV_OFFSET, state_dir.as_os_str().as_encoded_bytes());
    format!("gpx{:011x}", fnv1a(deployment, b"\0cutter") >> 20)
}

/// The same for the service port. Nor is `s`.
#[must_use]
pub fn service(state_dir: &Path) -> String {
    let deployment = fnv1a(FNV_OFFSET, state_dir.as_os_str().as_encoded_bytes());
    format!("gps{:011x}", fnv1a(deployment, b"\0service") >> 20)
}

/// The same for the finisher. Nor is `y`.
#[must_use]
pub fn finisher(state_dir: &Path) -> String {
    let deployment = fnv1a(FNV_OFFSET, state_dir.as_os_str().as_encoded_bytes());
    format!("gpy{:011x}", fnv1a(deployment, b"\0finisher") >> 20)
}

/// The alias by which `down` knows a device for one that `up` made.
#[must_use]
pub fn alias(eni_id: &str) -> String {
    format!("{ALIAS}{eni_id}")
}

/// A short number for a text, the same in every version: it tells whether a document is the one that is up.
#[must_use]
pub fn fingerprint(text: &str) -> String {
    format!("{:016x}", fnv1a(FNV_OFFSET, text.as_bytes()))
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a. The standard library's hashers may change between its versions, and these names must not.
fn fnv1a(seed: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_name_fits_the_kernel_and_never_changes() {
        let name = host_device(Path::new("/var/lib/groundplane"), "eni-0123456789abcdef0", 0);
        assert_eq!(name, "gpdea1c1869d3e");
        assert!(name.len() <= 15);
    }

    #[test]
    fn deployments_and_enis_have_devices_of_their_own() {
        let names = [("/a", "eni-1"), ("/a", "eni-2"), ("/b", "eni-1"), ("/aeni", "-1")]
            .map(|(dir, eni)| host_device(Path::new(dir), eni, 0));
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name}");
        }
        let again = |attempt| host_device(Path::new("/a"), "eni-1", attempt);
        assert!(again(0) != again(1) && again(1) != again(2) && again(0) != again(2));
    }

    #[test]
    fn uplinks_have_names_of_their_own_that_never_change() {
        let names = uplink(Path::new("/var/lib/groundplane"), "host");
        assert_eq!(names.ours, "gpu576e4b094a5");
        assert_eq!(names.hosts, "gph576e4b094a5");
        assert_eq!(names.table, "groundplane_576e4b094a5");
        assert!(names.ours.len() <= 15);
        let others = [("/var/lib/groundplane", "wan"), ("/tmp/state", "host")];
        for (state_dir, name) in others {
            assert_ne!(uplink(Path::new(state_dir), name), names);
        }
    }

    #[test]
    fn a_deployment_has_annexes_of_its_own() {
        let (host, other) = (Path::new("/var/lib/groundplane"), Path::new("/tmp/state"));
        for (prefix, name, others) in [
            ("gpx", cutter(host), cutter(other)),
            ("gps", service(host), service(other)),
            ("gpy", finisher(host), finisher(other)),
        ] {
            assert!(name.starts_with(prefix) && name.len() <= 15, "{name}");
            assert_ne!(name, others);
        }
    }

    #[test]
    fn fnv_is_fnv() {
        // The published test vector for "foobar".
        assert_eq!(fingerprint("foobar"), "85944171f73967e8");
    }
}
