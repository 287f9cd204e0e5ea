//! Whose resources a verb is about: those in force, or those of documents.

use super::exit::Stop;
use groundplane::document::{self, Resolved, Source};
use groundplane::install;
use groundplane::resources::{Kind, Resources, kinds};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct From {
    /// Of these documents instead of what is in force; needs no privileges
    #[arg(long, value_name = "PATH", num_args = 1..)]
    from: Vec<PathBuf>,
}

impl From {
    pub(super) const fn is_of_documents(&self) -> bool {
        !self.from.is_empty()
    }

    pub(super) fn read(&self, state_dir: &Path) -> Result<Resolved, Stop> {
        read(&self.from, state_dir)
    }
}

/// What documents mean; without any, those in force.
pub(super) fn read(paths: &[PathBuf], state_dir: &Path) -> Result<Resolved, Stop> {
    let sources: Vec<Source> = match paths {
        [] => {
            let written = install::written(state_dir)?;
            written.ok_or(install::Error::NothingUp)?
        }
        paths => document::load(paths)?,
    };
    document::read(&sources, None).map_err(Stop::refused)
}

/// The kind that somebody names: `subnets`, `subnet`, `network-interfaces`, or `enis`.
pub(super) fn kind(word: &str) -> Result<&'static Kind, Stop> {
    let wanted = word.replace('-', "_").to_lowercase();
    let wanted = match &*wanted {
        "eni" | "enis" | "instances" => "network_interfaces",
        "sg" | "sgs" => "security_groups",
        "acl" | "acls" => "network_acls",
        "pl" | "pls" => "prefix_lists",
        other => other,
    };
    let is_it = |kind: &&Kind| {
        let section = kind.section;
        section == wanted || section.strip_suffix('s') == Some(wanted) || section.strip_suffix("es") == Some(wanted)
    };
    let unknown = || Stop::Usage(format!("there is no kind {word:?}; `groundplane show` lists them"));
    kinds().iter().find(is_it).ok_or_else(unknown)
}

/// A VPC by its name; nothing if there is none.
pub(super) fn vpc_name<'a>(resources: &'a Resources, vpc_id: &'a str) -> &'a str {
    let mut vpcs = resources.vpcs.iter();
    vpcs.find(|vpc| vpc.vpc_id == vpc_id).map_or(vpc_id, |vpc| &vpc.name)
}
