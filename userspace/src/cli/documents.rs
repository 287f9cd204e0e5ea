//! Documents that a command line names.

use groundplane::document::{self, Diagnostics, LoadError, Resolved, Source};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Documents {
    /// Documents, or dumps of AWS's command line; a directory stands for its *.yaml, *.yml and *.json
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Refuse what is warned of
    #[arg(long)]
    pub(super) strict: bool,
}

impl Documents {
    pub(super) fn load(&self) -> Result<Vec<Source>, LoadError> {
        document::load(&self.paths)
    }

    /// What was read, if it is good enough.
    pub(super) fn check(&self, read: Result<Resolved, Diagnostics>) -> Result<Resolved, Diagnostics> {
        if self.strict { document::strict(read) } else { read }
    }
}
