//! Resources written down again: as AWS's command line prints them, or as the document people write.

mod aws;
mod yaml;

pub use aws::{Answer, aws, aws_answers};
pub(crate) use aws::{objects, written};
#[cfg(test)]
pub(crate) use yaml::tests;
pub use yaml::yaml;
