//! The texts that make one configuration, and which of them a place is in.
//!
//! All of them share one space of offsets, so that a span tells its source as well.

use super::diagnostic::{Problem, Problems, Span};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// How long all sources together may be, in bytes.
pub const MAX_LEN: usize = 64 << 20;

/// A text of a configuration, usually a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What problems call it.
    pub name: String,
    pub bytes: Arc<[u8]>,
}

impl Source {
    #[must_use]
    pub fn new(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }
}

/// Why there are no sources to be read.
#[derive(Debug, Error)]
pub enum LoadError {
    #[error("can't read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("there is no document in {}: none of its files ends with .yaml, .yml or .json", .0.display())]
    Empty(PathBuf),
}

/// Reads files; a directory stands for its *.yaml, *.yml and *.json in order of name. What is longer than a
/// configuration may be is cut off a byte later, so that it is seen to be too long, and nothing is read after it.
pub fn load(paths: &[impl AsRef<Path>]) -> Result<Vec<Source>, LoadError> {
    let mut sources = Vec::new();
    let mut room = MAX_LEN as u64 + 1;
    for path in paths {
        let path = path.as_ref();
        let files = if path.is_dir() {
            files_of(path)?
        } else {
            vec![path.to_owned()]
        };
        for path in files {
            let mut bytes = Vec::new();
            let read = File::open(&path).and_then(|file| file.take(room).read_to_end(&mut bytes));
            room -= read.map_err(|source| unreadable(&path, source))? as u64;
            sources.push(Source::new(path.display().to_string(), bytes));
        }
    }
    Ok(sources)
}

fn unreadable(path: &Path, source: io::Error) -> LoadError {
    let path = path.to_owned();
    LoadError::Unreadable { path, source }
}

fn files_of(directory: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let is_document = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "yml" | "json")) && path.is_file()
    };
    let paths: io::Result<Vec<_>> =
        std::fs::read_dir(directory).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    let mut paths = paths.map_err(|source| unreadable(directory, source))?;
    paths.retain(is_document);
    if paths.is_empty() {
        return Err(LoadError::Empty(directory.to_owned()));
    }
    paths.sort();
    Ok(paths)
}

/// The sources in the space of offsets, in which they lie in any order.
#[derive(Debug, Default)]
pub(super) struct SourceMap<'a> {
    /// In the order they are given in.
    files: Vec<SourceText<'a>>,
    /// Where each begins, and which one it is, in order of where they begin.
    bases: Vec<(usize, usize)>,
}

/// A source as far as it is text.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceText<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    /// The offset of its first byte.
    pub(super) base: usize,
}

/// A place in words. Line and column are counted from 1.
pub(super) struct Located<'a> {
    pub(super) file: &'a str,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) line_text: &'a str,
    pub(super) text: &'a str,
}

impl<'a> SourceMap<'a> {
    /// Lays the sources out from where each one begins. What can't be read is reported.
    pub(super) fn of(sources: &'a [Source], bases: &[usize], problems: &mut Problems) -> Self {
        let mut files = Vec::new();
        let mut len = 0;
        for (Source { name, bytes }, &base) in sources.iter().zip(bases) {
            len += bytes.len();
            let text = if len > MAX_LEN {
                let message = format!("the sources have more than {MAX_LEN} bytes in all");
                problems.report(Problem::error(Span::at(base), message));
                ""
            } else {
                text(bytes, base, problems)
            };
            files.push(SourceText { name, text, base });
        }
        let mut bases: Vec<_> = bases.iter().copied().zip(0..).collect();
        bases.sort_unstable();
        Self { files, bases }
    }

    fn index(&self, span: Span) -> Option<usize> {
        let after = self.bases.partition_point(|(base, _)| *base <= span.start);
        self.bases.get(after.checked_sub(1)?).map(|(_, index)| *index)
    }

    /// Where a place is among all: by its source, and then by where it is there.
    pub(super) fn order(&self, span: Span) -> (Option<usize>, Span) {
        (self.index(span), span)
    }

    /// In the order they are given in.
    pub(super) fn files(&self) -> impl Iterator<Item = SourceText<'a>> {
        self.files.iter().copied()
    }

    /// The source that a place is in.
    pub(super) fn file(&self, span: Span) -> Option<SourceText<'a>> {
        self.files.get(self.index(span)?).copied()
    }

    pub(super) fn locate(&self, span: Span) -> Option<Located<'a>> {
        let SourceText { name, text, base } = self.file(span)?;
        let (start, end) = (span.start - base, span.end - base);
        let before = text.get(..start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let first_line = |text: Option<&'a str>| text.and_then(|text| text.lines().next()).unwrap_or_default();
        Some(Located {
            file: name,
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            line_text: first_line(text.get(line_start..)),
            text: first_line(text.get(start..end)),
        })
    }
}

/// The bytes as text, as far as they are.
fn text<'a>(bytes: &'a [u8], base: usize, problems: &mut Problems) -> &'a str {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error,
    };
    let end = error.valid_up_to();
    let problem = Problem::error(Span::at(base + end), "not text in UTF-8");
    problems.report(problem.help("save the file as UTF-8"));
    let valid = bytes.get(..end).and_then(|valid| std::str::from_utf8(valid).ok());
    valid.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stands_for_its_documents_in_order_of_name() {
        let directory = std::env::temp_dir().join(format!("groundplane-sources-{}", std::process::id()));
        std::fs::create_dir(&directory).expect("a directory");
        assert!(matches!(load(&[&directory]), Err(LoadError::Empty(_))));
        for name in ["b.yml", "a.yaml", "c.json", "notes.txt"] {
            std::fs::write(directory.join(name), name).expect("a file");
        }
        let sources = load(&[&directory, &directory.join("notes.txt")]).expect("sources");
        let texts: Vec<_> = sources.iter().map(|source| &*source.bytes).collect();
        assert_eq!(texts, [&b"a.yaml"[..], b"b.yml", b"c.json", b"notes.txt"]);
        assert!(
            sources
                .iter()
                .all(|source| Path::new(&source.name).starts_with(&directory))
        );
        let missing = load(&[directory.join("d.yaml")]).expect_err("no such file").to_string();
        assert_eq!(missing, format!("can't read {}", directory.join("d.yaml").display()));
        std::fs::remove_dir_all(&directory).expect("the directory");
    }

    #[test]
    fn a_place_is_told_with_the_source_it_is_in() {
        let sources = [
            Source::new(
                "a", *b"x: 1
",
            ),
            Source::new("b", *b""),
            Source::new("c", "y:\n  ä: z".as_bytes()),
        ];
        let map = SourceMap::of(&sources, &[0, 6, 7], &mut Problems::default());
        let told = |start| {
            let Located {
                file,
                line,
                column,
                text,
                ..
            } = map.locate(Span { start, end: start + 1 }).expect("a source");
            format!("{file}:{line}:{column} {text}")
        };
        assert_eq!(told(0), "a:1:1 x");
        assert_eq!(told(5), "a:2:1 ");
        assert_eq!(told(6), "b:1:1 ");
        assert_eq!(told(7), "c:1:1 y");
        assert_eq!(told(14), "c:2:4 :");
    }
}
