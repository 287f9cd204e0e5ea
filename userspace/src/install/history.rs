//! What was put in force, as it was written: documents by the hash of what they hold, and for each generation a small
//! manifest that names them.
//!
//! A manifest is written before its generation is put in force, and is then only announced; whether it came to be is
//! what the kernel's generation says. So a killed run leaves either the old configuration or the new one, and which of
//! them is never guessed.

use crate::document::Source;
use crate::install::error::{Doing as _, Error, Result};
use crate::install::files::{self, entries};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many configurations are kept, the one in force among them.
pub(super) const KEPT: usize = 10;

const IN_FORCE: &str = "json";
const ANNOUNCED: &str = "announced";

/// A configuration that is or was in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub generation: u64,
    /// When it was put in force, in seconds since 1970.
    pub time: u64,
    pub files: Vec<ManifestFile>,
    /// The generation whose configuration this one has taken up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_to: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    pub name: String,
    pub hash: String,
}

/// The configurations of a state directory.
#[derive(Debug)]
pub(super) struct History {
    directory: PathBuf,
    /// In order of generation; all of them have been in force.
    manifests: BTreeMap<u64, Manifest>,
    announced: Option<Manifest>,
    /// Hashes of documents that have been read or written, so that an unchanged file isn't hashed again.
    hashes: BTreeMap<String, (Source, String)>,
}

impl History {
    /// Reads the manifests of a directory. One that was announced is settled by the generation the kernel has, which is
    /// none after a reboot.
    pub(super) fn open(state_dir: &Path) -> Result<Self> {
        let mut history = Self {
            directory: state_dir.to_owned(),
            manifests: BTreeMap::new(),
            announced: None,
            hashes: BTreeMap::new(),
        };
        for path in entries(&history.generations())? {
            let extension = path.extension().and_then(|it| it.to_str());
            if !matches!(extension, Some(IN_FORCE | ANNOUNCED)) {
                continue;
            }
            let text = std::fs::read(&path).doing(|| format!("read {}", path.display()))?;
            let read = serde_json::from_slice(&text).map_err(io::Error::from);
            let manifest: Manifest = read.doing(|| format!("read {}", path.display()))?;
            if extension == Some(IN_FORCE) {
                history.manifests.insert(manifest.generation, manifest);
            } else if history
                .announced
                .as_ref()
                .is_none_or(|it| it.generation < manifest.generation)
            {
                history.announced = Some(manifest);
            }
        }
        Ok(history)
    }

    /// Of all that have been in force, the newest first.
    pub(super) fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values().rev()
    }

    pub(super) fn newest(&self) -> Option<&Manifest> {
        self.manifests().next()
    }

    /// Of the generation that the kernel has, also if that could not be noted down yet.
    pub(super) fn in_force(&self, generation: Option<u64>) -> Option<&Manifest> {
        let announced = self.announced.as_ref();
        announced
            .filter(|announced| generation == Some(announced.generation))
            .or_else(|| self.newest())
    }

    /// The highest generation that any manifest has.
    pub(super) fn last_generation(&self) -> u64 {
        let announced = self.announced.as_ref().map_or(0, |manifest| manifest.generation);
        self.newest().map_or(0, |manifest| manifest.generation).max(announced)
    }

    /// Finds out whether the announced manifest came to be, and says so.
    pub(super) fn settle(&mut self, generation: Option<u64>) -> Result<Option<bool>> {
        let Some(announced) = self.announced.as_ref().map(|manifest| manifest.generation) else {
            return Ok(None);
        };
        let came_to_be = generation == Some(announced);
        if came_to_be {
            self.confirm()?;
        } else {
            self.withdraw()?;
        }
        Ok(Some(came_to_be))
    }

    /// The sources that a manifest names.
    pub(super) fn sources(&mut self, manifest: &Manifest) -> Result<Vec<Source>> {
        let mut sources = Vec::new();
        for ManifestFile { name, hash } in &manifest.files {
            let path = self.documents().join(hash);
            let bytes = std::fs::read(&path).doing(|| format!("read {}", path.display()))?;
            if self::hash(&bytes) != *hash {
                return Err(Error::DamagedDocument(path));
            }
            let source = Source::new(name.clone(), bytes);
            self.hashes.insert(name.clone(), (source.clone(), hash.clone()));
            sources.push(source);
        }
        Ok(sources)
    }

    /// Writes down what is about to be put in force: documents that aren't there yet, then the manifest.
    pub(super) fn announce(&mut self, generation: u64, sources: &[Source], rollback_to: Option<u64>) -> Result<()> {
        for directory in [self.documents(), self.generations()] {
            files::make_directory(&directory)?;
        }
        self.withdraw()?;
        let mut named = Vec::new();
        let mut written = false;
        for source in sources {
            let hash = self.hash_of(source);
            let path = self.documents().join(&hash);
            if !path.exists() {
                files::replace(&path, &source.bytes)?;
                written = true;
            }
            named.push(ManifestFile {
                name: source.name.clone(),
                hash,
            });
        }
        if written {
            files::sync(&self.documents())?;
        }
        // Guests that come and go put the same configuration in force anew: it is still the one it was.
        let same = self.newest().filter(|newest| newest.files == named);
        let manifest = Manifest {
            generation,
            time: same.map_or_else(now, |newest| newest.time),
            rollback_to: same.map_or(rollback_to, |newest| newest.rollback_to),
            files: named,
        };
        let text = serde_json::to_vec(&manifest).map_err(io::Error::from);
        let path = self.path(generation, ANNOUNCED);
        files::replace(&path, &text.doing(|| format!("write {}", path.display()))?)?;
        files::sync(&self.generations())?;
        self.announced = Some(manifest);
        Ok(())
    }

    /// The announced configuration is in force: from now on also after a power cut. What is older than the last
    /// [`KEPT`] is forgotten.
    pub(super) fn confirm(&mut self) -> Result<()> {
        let Some(manifest) = self.announced.clone() else {
            return Ok(());
        };
        let (from, to) = (
            self.path(manifest.generation, ANNOUNCED),
            self.path(manifest.generation, IN_FORCE),
        );
        std::fs::rename(&from, &to).doing(|| format!("rename {}", from.display()))?;
        files::sync(&self.generations())?;
        self.announced = None;
        let same = self.newest().filter(|newest| newest.files == manifest.files);
        let replaced = same.map(|newest| newest.generation);
        self.manifests.insert(manifest.generation, manifest);
        if let Some(generation) = replaced {
            self.manifests.remove(&generation);
            files::remove(&self.path(generation, IN_FORCE))?;
        }
        self.forget()
    }

    /// The configuration that was in force before the newest; putting one in force again makes none.
    pub(super) fn before(&self) -> Option<&Manifest> {
        let newest = self.newest()?;
        self.manifests().find(|manifest| manifest.files != newest.files)
    }

    /// The announced configuration is not going to be in force.
    pub(super) fn withdraw(&mut self) -> Result<()> {
        let Some(manifest) = self.announced.take() else {
            return Ok(());
        };
        files::remove(&self.path(manifest.generation, ANNOUNCED))?;
        self.sweep()
    }

    fn forget(&mut self) -> Result<()> {
        if self.manifests.len() <= KEPT {
            return Ok(());
        }
        while self.manifests.len() > KEPT
            && let Some((generation, _)) = self.manifests.pop_first()
        {
            files::remove(&self.path(generation, IN_FORCE))?;
        }
        self.sweep()
    }

    /// Removes the documents that no manifest names.
    fn sweep(&mut self) -> Result<()> {
        let manifests = self.manifests.values().chain(&self.announced);
        let named: BTreeSet<_> = manifests
            .flat_map(|it| it.files.iter().map(|file| &*file.hash))
            .collect();
        for path in entries(&self.documents())? {
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_none_or(|name| !named.contains(name)) {
                files::remove(&path)?;
            }
        }
        Ok(())
    }

    fn hash_of(&mut self, source: &Source) -> String {
        if let Some((known, hash)) = self.hashes.get(&source.name)
            && known.bytes == source.bytes
        {
            return hash.clone();
        }
        let hash = hash(&source.bytes);
        self.hashes.insert(source.name.clone(), (source.clone(), hash.clone()));
        hash
    }

    fn documents(&self) -> PathBuf {
        documents(&self.directory)
    }

    fn generations(&self) -> PathBuf {
        generations(&self.directory)
    }

    fn path(&self, generation: u64, extension: &str) -> PathBuf {
        self.generations().join(format!("{generation}.{extension}"))
    }
}

/// The configuration in force as it was written; none if nothing is up. Needs no lock: what is read is replaced as a
/// whole.
pub fn written(state_dir: &Path) -> Result<Option<Vec<Source>>> {
    let mut history = History::open(state_dir)?;
    let newest = history.newest().cloned();
    newest.map(|manifest| history.sources(&manifest)).transpose()
}

/// Configurations that are or were in force, the newest first.
pub fn past(state_dir: &Path) -> Result<Vec<Manifest>> {
    Ok(History::open(state_dir)?.manifests().cloned().collect())
}

/// Removes all manifests and documents of a state directory.
pub(super) fn remove(state_dir: &Path) -> Result<()> {
    files::remove_all(&documents(state_dir))?;
    files::remove_all(&generations(state_dir))
}

fn documents(state_dir: &Path) -> PathBuf {
    state_dir.join("documents")
}

fn generations(state_dir: &Path) -> PathBuf {
    state_dir.join("generations")
}

fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}
