//! Reading a configuration again, of which most is as it was: what has not changed is not looked at.
//!
//! Of a source, everything but its VPCs is kept as a tree; of each VPC, what it means and what that depends on. Nothing
//! is kept of a configuration with an error.

use super::diagnostic::{Diagnostics, Problems, Span};
use super::resolve::{self, Part, Whole};
use super::source::{Source, SourceMap};
use super::tree::{self, Node, Value};
use super::{Host, Resolved, dump, schema};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What was read the last time without an error.
#[derive(Debug, Default)]
pub struct Cache {
    /// By name.
    sources: HashMap<String, Kept>,
    /// By where their names are.
    parts: HashMap<Span, Arc<Part>>,
    /// Where the next source begins in the space of offsets. One that is kept stays where it is.
    next: usize,
}

#[derive(Clone, Debug)]
struct Kept {
    bytes: Arc<[u8]>,
    base: usize,
    /// Without its VPCs.
    root: Arc<Node>,
}

/// A source on its way.
struct Reading<'a> {
    source: &'a Source,
    base: usize,
    /// `None` if it can't be read, which has been reported, and of dumps, of which nothing is kept.
    root: Option<Arc<Node>>,
}

impl Cache {
    /// Reads a configuration as [`super::read`] does, in less time.
    pub fn read(&mut self, sources: &[Source], host: Option<&Host>) -> Result<Resolved, Diagnostics> {
        loop {
            match self.attempt(sources, host) {
                Ok(read) => return read,
                // What is left is kept for fewer sources, so this ends.
                Err(stale) => self.forget(&stale),
            }
        }
    }

    /// Reads a configuration, unless some of what is kept isn't right any more.
    fn attempt(&mut self, sources: &[Source], host: Option<&Host>) -> Result<Result<Resolved, Diagnostics>, Vec<Span>> {
        let mut problems = Problems::default();
        let mut reading = self.look_up(sources);
        let bases: Vec<_> = reading.iter().map(|reading| reading.base).collect();
        let map = SourceMap::of(sources, &bases, &mut problems);
        if problems.errors() > 0 {
            return Ok(Err(problems.into_diagnostics(&map)));
        }
        let (roots, dump, is_whole) = read_all(&mut reading, &map, &mut problems);
        let mut document = schema::read(&roots, &mut problems);
        document.objects.extend(dump.objects());
        // What is in a source that can't be read would be missed everywhere.
        if !is_whole {
            return Ok(Err(problems.into_diagnostics(&map)));
        }
        let kept = document.kept.iter().map(|vpc| vpc.span);
        let parts = kept.map(|span| self.parts.get(&span).cloned().ok_or(vec![span]));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let whole = resolve::resolve(&document, &parts, host, &map, &mut problems)?;
        drop(document);
        drop(roots);
        if problems.errors() > 0 {
            return Ok(Err(problems.into_diagnostics(&map)));
        }
        let Whole {
            mut resources,
            guests,
            uplinks,
            integrations,
            parts,
        } = whole;
        dump.said.complete(&mut resources);
        self.keep(reading, parts);
        Ok(Ok(Resolved {
            resources,
            guests,
            uplinks,
            integrations,
            warnings: problems.into_diagnostics(&map),
        }))
    }

    /// What is kept of each source, and where it begins.
    fn look_up<'a>(&mut self, sources: &'a [Source]) -> Vec<Reading<'a>> {
        let mut names = HashSet::new();
        let mut look_up = |source: &'a Source| {
            let kept = self.sources.get(&source.name).filter(|kept| kept.bytes == source.bytes);
            match kept.filter(|_| names.insert(&*source.name)) {
                Some(kept) => Reading {
                    source,
                    base: kept.base,
                    root: Some(kept.root.clone()),
                },
                None => {
                    let base = self.next;
                    // The end of a source is a place of its own.
                    self.next += source.bytes.len() + 1;
                    let root = None;
                    Reading { source, base, root }
                }
            }
        };
        sources.iter().map(&mut look_up).collect()
    }

    /// Forgets the sources that some places are in.
    fn forget(&mut self, places: &[Span]) {
        self.sources.retain(|_, kept| {
            let range = kept.base..kept.base + kept.bytes.len();
            !places.iter().any(|place| range.contains(&place.start))
        });
    }

    /// Keeps what was read in the place of what was kept before.
    fn keep(&mut self, reading: Vec<Reading<'_>>, parts: Vec<Arc<Part>>) {
        self.sources.clear();
        for Reading { source, base, root } in reading {
            let Some(mut root) = root else { continue };
            if let Some(root) = Arc::get_mut(&mut root) {
                without_vpcs(root);
            }
            let bytes = source.bytes.clone();
            self.sources.insert(source.name.clone(), Kept { bytes, base, root });
        }
        self.parts = parts.into_iter().map(|part| (part.span, part)).collect();
    }
}

/// The trees of all sources, of which dumps make one; and whether no source is missing.
fn read_all(
    reading: &mut [Reading<'_>],
    sources: &SourceMap<'_>,
    problems: &mut Problems,
) -> (Vec<Arc<Node>>, dump::Dump, bool) {
    let dumps = read_trees(reading, sources, problems);
    let written = reading.iter().filter_map(|reading| reading.root.clone());
    let mut roots: Vec<_> = written.collect();
    let is_whole = roots.len() + dumps.len() == reading.len();
    let dump = dump::read(dumps, problems);
    roots.extend(dump.document.clone().map(Arc::new));
    (roots, dump, is_whole)
}

/// Reads what isn't kept. What is a dump is returned with the name of its source.
fn read_trees<'a>(
    reading: &mut [Reading<'_>],
    sources: &SourceMap<'a>,
    problems: &mut Problems,
) -> Vec<(&'a str, Node)> {
    let mut dumps = Vec::new();
    for (reading, file) in reading.iter_mut().zip(sources.files()) {
        if reading.root.is_some() {
            continue;
        }
        match tree::read(file, problems) {
            Some(root) if dump::is_dump(file.text, &root) => dumps.push((file.name, root)),
            root => reading.root = root.map(Arc::new),
        }
    }
    dumps
}

/// Takes the VPCs out of a source, but for their names.
fn without_vpcs(root: &mut Node) {
    let Value::Mapping(sections) = &mut root.value else {
        return;
    };
    let vpcs = sections.iter_mut().filter(|section| section.key == "vpcs");
    for section in vpcs {
        if let Value::Mapping(vpcs) = &mut section.value.value {
            vpcs.iter_mut().for_each(|vpc| vpc.value.value = Value::Kept);
        }
    }
}
