//! Resources written down again: as AWS's command line prints them, or as the document people write.

mod aws;
mod yaml;

pub use aws::{Answer, aws, aws_answers};
pub(crate) use aws::{objects, written};
pub use yaml::yaml;
