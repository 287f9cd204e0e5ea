//! Where the journal of what is up is kept: read by anybody, written by whoever has the lock, replaced as a whole.

use crate::install::error::{Doing as _, Error, Result};
use crate::install::files;
use crate::install::progress::Progress;
use crate::install::state::{State, VERSION};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::Deserialize;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Where a host's own deployment is noted down.
pub const DEFAULT_DIRECTORY: &str = "/var/lib/groundplane";

/// How long somebody who wants the directory waits for whoever has it, and how often it is asked for.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// The directory the journal is in, locked, so that no two processes change the host at once.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    _lock: Flock<File>,
}

impl Store {
    /// Makes the directory if need be and locks it. Waits for whoever has it, but not for ever: an agent keeps it.
    pub fn lock(directory: &Path, progress: &dyn Progress) -> Result<Self> {
        let began = Instant::now();
        let mut told = false;
        loop {
            if let Some(store) = Self::try_lock(directory)? {
                return Ok(store);
            }
            if !told {
                progress.step("waiting for another groundplane to finish");
                told = true;
            }
            if progress.is_interrupted() {
                return Err(Error::Interrupted);
            }
            if began.elapsed() > PATIENCE {
                return Err(Error::InOtherHands(directory.to_owned()));
            }
            thread::sleep(PAUSE);
        }
    }

    /// The directory, unless somebody else has it.
    fn try_lock(directory: &Path) -> Result<Option<Self>> {
        files::make_directory(directory)?;
        let what = || format!("lock {}", directory.display());
        let file = File::open(directory).doing(what)?;
        let lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
            other => other.map_err(|(_, error)| error).doing(what)?,
        };
        // Whoever had it before may have removed the directory, and then this is a lock on nothing.
        let ours = lock.metadata().doing(what)?.ino();
        let is_there = std::fs::metadata(directory).is_ok_and(|found| found.ino() == ours);
        Ok(is_there.then(|| Self {
            directory: directory.to_owned(),
            _lock: lock,
        }))
    }

    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn read(&self) -> Result<Option<State>> {
        read(&self.directory)
    }

    /// Writes the journal: after this returns, it is on the disk wholly, and before, the old one is.
    pub fn write(&self, state: &State) -> Result<()> {
        let path = path(&self.directory);
        let text = serde_json::to_vec(state).map_err(io::Error::from);
        files::replace(&path, &text.doing(|| format!("write {}", path.display()))?)?;
        files::sync(&self.directory)
    }

    /// Removes the journal and one that somebody was killed while writing.
    pub fn remove(&self) -> Result<()> {
        let path = path(&self.directory);
        files::remove(&files::unfinished(&path))?;
        files::remove(&path)
    }
}

impl Drop for Store {
    /// A directory that nothing is in is taken away: whoever is up has a journal there. Whoever waits for the lock
    /// finds out and makes another.
    fn drop(&mut self) {
        // It fails if there is anything in it, which is as it should be.
        let _ = std::fs::remove_dir(&self.directory);
    }
}

/// The journal in a directory, if there is one. Needs no lock: it is replaced as a whole.
pub fn read(directory: &Path) -> Result<Option<State>> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let path = path(directory);
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.doing(|| format!("read {}", path.display()))?,
    };
    let what = || format!("read {}", path.display());
    let Versioned { version } = serde_json::from_slice(&text).map_err(io::Error::from).doing(what)?;
    if version != VERSION {
        return Err(Error::StateVersion { path, found: version });
    }
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(io::Error::from)
        .doing(what)
}

fn path(directory: &Path) -> PathBuf {
    directory.join("state.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::progress::Quiet;
    use crate::install::state::tests::{adopted, guest, made};
    use crate::install::state::{Place, Stage};
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Mutex;
    use std::sync::mpsc::Sender;

    /// A directory of this test's own, removed afterwards.
    struct Directory(PathBuf);

    impl Directory {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("groundplane-state-{test}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn state() -> State {
        State {
            guests: vec![
                guest("web", made("web", Some(4_026_532_281))),
                guest("db", adopted("db")),
            ],
            passing: vec![guest("vm", Place::Tap)],
            ..State::new(PathBuf::from("/sys/fs/bpf/groundplane")).unwrap()
        }
    }

    #[test]
    fn what_is_written_is_read_again_by_root_alone() {
        let directory = Directory::new("roundtrip");
        let store = Store::lock(&directory.0, &Quiet).unwrap();
        assert_eq!(store.read().unwrap(), None);
        let written = State {
            stage: Stage::Up,
            ..state()
        };
        store.write(&state()).unwrap();
        store.write(&written).unwrap();
        assert_eq!(read(&directory.0).unwrap(), Some(written));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory.0), mode(&path(&directory.0))), (0o700, 0o600));
        assert!(!files::unfinished(&path(&directory.0)).exists());
    }

    #[test]
    fn removing_the_journal_leaves_a_directory_only_if_it_holds_something_else() {
        let directory = Directory::new("remove");
        let store = Store::lock(&directory.0, &Quiet).unwrap();
        store.write(&state()).unwrap();
        std::fs::write(directory.0.join("notes"), "mine").unwrap();
        store.remove().unwrap();
        drop(store);
        assert!(directory.0.join("notes").exists());
        std::fs::remove_file(directory.0.join("notes")).unwrap();
        drop(Store::lock(&directory.0, &Quiet).unwrap());
        assert!(!directory.0.exists());
    }

    #[test]
    fn who_is_killed_while_writing_the_journal_leaves_nothing_that_stays() {
        let directory = Directory::new("killed");
        let store = Store::lock(&directory.0, &Quiet).unwrap();
        std::fs::write(files::unfinished(&path(&directory.0)), r#"{"version": 3, "boot"#).unwrap();
        store.remove().unwrap();
        drop(store);
        assert!(!directory.0.exists());
    }

    /// Tells that somebody waits.
    struct Waits(Mutex<Sender<()>>);

    impl Progress for Waits {
        fn step(&self, _what: &str) {
            self.0.lock().unwrap().send(()).unwrap();
        }
    }

    /// Somebody who doesn't want to wait.
    struct Hurried;

    impl Progress for Hurried {
        fn step(&self, _what: &str) {}

        fn is_interrupted(&self) -> bool {
            true
        }
    }

    #[test]
    fn who_waits_may_stop_waiting() {
        let directory = Directory::new("hurried");
        let _first = Store::lock(&directory.0, &Quiet).unwrap();
        assert!(matches!(Store::lock(&directory.0, &Hurried), Err(Error::Interrupted)));
    }

    #[test]
    fn a_second_process_waits_for_the_first_and_finds_a_directory_that_exists() {
        let directory = Directory::new("lock");
        let first = Store::lock(&directory.0, &Quiet).unwrap();
        let (waits, waiting) = std::sync::mpsc::channel();
        let path = directory.0.clone();
        let second = thread::spawn(move || Store::lock(&path, &Waits(Mutex::new(waits))).unwrap());
        waiting.recv().unwrap();
        first.remove().unwrap();
        drop(first);
        let second = second.join().unwrap();
        second.write(&state()).unwrap();
        assert!(second.read().unwrap().is_some());
    }

    #[test]
    fn a_journal_of_another_version_is_refused_and_damage_is_an_error() {
        let directory = Directory::new("version");
        std::fs::create_dir_all(&directory.0).unwrap();
        std::fs::write(path(&directory.0), r#"{"version": 99}"#).unwrap();
        assert!(matches!(read(&directory.0), Err(Error::StateVersion { found: 99, .. })));
        std::fs::write(path(&directory.0), r#"{"version": 3, "boot"#).unwrap();
        assert!(read(&directory.0).is_err());
    }
}
