//! What has to be set for the host to hand packets on, and setting it back.

use crate::install::error::{Doing as _, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One of the kernel's settings that is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub path: PathBuf,
    pub before: String,
    pub wanted: String,
}

impl Setting {
    /// What there is to be changed; none if it is so already, or the kernel has no such setting.
    fn of(path: PathBuf, wanted: &str) -> Result<Option<Self>> {
        let before = read(&path)?.filter(|found| found != wanted);
        Ok(before.map(|before| Self {
            path,
            before,
            wanted: wanted.to_owned(),
        }))
    }

    pub(super) fn make(&self) -> Result<()> {
        write(&self.path, &self.wanted)
    }

    /// Sets it back, unless somebody else has set it to something else meanwhile.
    pub(super) fn restore(&self) -> Result<()> {
        match read(&self.path)? {
            Some(found) if found == self.wanted => write(&self.path, &self.before),
            _ => Ok(()),
        }
    }

    #[cfg(test)]
    pub(super) fn test() -> Self {
        Self {
            path: PathBuf::from("/proc/sys/net/ipv4/ip_forward"),
            before: "0".to_owned(),
            wanted: "1".to_owned(),
        }
    }
}

/// What must be set for the host to hand on packets of these families. `advertised` are devices with routes that a
/// router has advertised: a kernel that forwards takes no more of them unless it is told to.
pub(super) fn needed(ipv4: bool, ipv6: bool, advertised: &[String]) -> Result<Vec<Setting>> {
    const NET: &str = "/proc/sys/net";
    let mut needed = Vec::new();
    if ipv4 {
        needed.extend(Setting::of(Path::new(NET).join("ipv4/ip_forward"), "1")?);
    }
    let all = Path::new(NET).join("ipv6/conf/all/forwarding");
    if ipv6 && let Some(forwarding) = Setting::of(all, "1")? {
        for device in advertised {
            let path = Path::new(NET).join("ipv6/conf").join(device).join("accept_ra");
            needed.extend(Setting::of(path, "2")?.filter(|setting| setting.before == "1"));
        }
        needed.push(forwarding);
    }
    Ok(needed)
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other
            .map(|text| Some(text.trim().to_owned()))
            .doing(|| format!("read {}", path.display())),
    }
}

fn write(path: &Path, value: &str) -> Result<()> {
    fs::write(path, value).doing(|| format!("set {} to {value}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_set_back_unless_somebody_else_has_set_it() {
        let path = std::env::temp_dir().join(format!("groundplane-setting-{}", std::process::id()));
        fs::write(&path, "0\n").unwrap();
        let setting = Setting::of(path.clone(), "1").unwrap().unwrap();
        setting.make().unwrap();
        assert_eq!(Setting::of(path.clone(), "1").unwrap(), None, "it is so already");
        setting.restore().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "0");
        fs::write(&path, "2\n").unwrap();
        setting.restore().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "2\n");
        fs::remove_file(&path).unwrap();
        setting.restore().unwrap();
        assert_eq!(Setting::of(path, "1").unwrap(), None, "there is no such setting");
    }
}
