//! Shorter grace periods, for as long as many of them are waited for.

use std::fs;
use std::path::{Path, PathBuf};

/// The kernel's switch (Documentation/admin-guide/kernel-parameters.txt, rcupdate.rcu_expedited).
const SWITCH: &str = "/sys/kernel/rcu_expedited";

/// Below this many the usual grace periods, 12 ms each, are worth less than the disturbance of other cores.
const MANY: usize = 8;

/// While this lives, the kernel hurries with its grace periods.
///
/// Only a switch that was off is turned on. A mark among the pins, which a boot clears like the switch, says that it is
/// us who turned it on: if a process is killed meanwhile, the next one turns it off.
#[derive(Debug)]
pub(super) struct Expedited {
    mark: PathBuf,
}

impl Expedited {
    /// If there are many grace periods to wait for, and if the kernel lets us: where the switch can't be written,
    /// attaching takes longer and works as well.
    pub(super) fn for_many(pins: &Path, count: usize) -> Option<Self> {
        Self::turn_off_if_left_on(pins);
        let is_off = fs::read_to_string(SWITCH).is_ok_and(|text| text.trim() == "0");
        if count < MANY || !is_off {
            return None;
        }
        let mark = mark(pins);
        fs::create_dir(&mark).ok()?;
        // From here on, whatever happens, the switch is turned off and the mark removed.
        let expedited = Self { mark };
        fs::write(SWITCH, "1").ok()?;
        Some(expedited)
    }

    /// Does what somebody who was killed couldn't do.
    pub(super) fn turn_off_if_left_on(pins: &Path) {
        let mark = mark(pins);
        if mark.exists() {
            drop(Self { mark });
        }
    }
}

impl Drop for Expedited {
    fn drop(&mut self) {
        // What could be written a moment ago can be written now, and should it fail there is nobody to tell.
        let _ = fs::write(SWITCH, "0");
        let _ = fs::remove_dir(&self.mark);
    }
}

fn mark(pins: &Path) -> PathBuf {
    pins.join("expedited")
}
