//! The document people write, a small YAML with names, to resources. Pure, and every problem at once with its place.
//!
//! Three steps, none of which stops at a problem: `tree` reads YAML, `schema` the fields, `resolve` what they mean.

mod diagnostic;
mod family;
mod fields;
mod ids;
mod names;
mod notation;
mod quotas;
mod resolve;
mod schema;
#[cfg(test)]
mod tests;
mod tree;

pub use diagnostic::{Diagnostic, Diagnostics, Severity};

use crate::resources::Resources;
use diagnostic::{Problem, Problems, Span};

/// The longest document, in bytes.
pub const MAX_LEN: usize = 1 << 20;

/// What a document means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub resources: Resources,
    /// In the order of the document.
    pub guests: Vec<Guest>,
    /// What AWS would accept as well, but hardly does what it is meant to do.
    pub warnings: Diagnostics,
}

/// Who is behind an ENI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The instance's name.
    pub name: String,
    pub network_interface_id: String,
    pub attachment: Attachment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// A network namespace, which is there before if it is to be adopted, and is made otherwise.
    Namespace { name: String, adopt: bool },
    /// A tap device, which is made; who opens it is the guest.
    Tap { device: String },
}

/// Reads a document. The file's name is only for the messages.
pub fn parse(file_name: &str, bytes: &[u8]) -> Result<Resolved, Diagnostics> {
    read(file_name, bytes, None)
}

/// Reads a document for a host that has these network namespaces: one to be adopted must be among them.
pub fn parse_for_host(file_name: &str, bytes: &[u8], namespaces: &[String]) -> Result<Resolved, Diagnostics> {
    read(file_name, bytes, Some(namespaces))
}

fn read(file_name: &str, bytes: &[u8], namespaces: Option<&[String]>) -> Result<Resolved, Diagnostics> {
    let mut problems = Problems::default();
    let text = match readable(bytes) {
        Ok(text) => text,
        Err((text, problem)) => {
            problems.report(problem);
            return Err(problems.into_diagnostics(file_name, text));
        }
    };
    let resolved = tree::read(text, &mut problems).map(|root| {
        let document = schema::read(&root, &mut problems);
        resolve::resolve(&document, namespaces, &mut problems)
    });
    match resolved {
        Some((resources, guests)) if problems.errors() == 0 => Ok(Resolved {
            resources,
            guests,
            warnings: problems.into_diagnostics(file_name, text),
        }),
        _ => Err(problems.into_diagnostics(file_name, text)),
    }
}

/// The bytes as text, or as much of them as is text and what is wrong after it.
fn readable(bytes: &[u8]) -> Result<&str, (&str, Problem)> {
    if bytes.len() > MAX_LEN {
        let message = format!("the document has {} bytes, more than {MAX_LEN}", bytes.len());
        return Err(("", Problem::error(Span::default(), message)));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let end = error.valid_up_to();
        let text = bytes
            .get(..end)
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default();
        (
            text,
            Problem::error(Span { start: end, end }, "not text in UTF-8").help("save the file as UTF-8"),
        )
    })
}
