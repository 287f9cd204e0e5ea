//! Resources written down again, as AWS's command line prints them.

mod aws;

pub use aws::{Answer, aws, aws_answers};
pub(crate) use aws::{objects, written};
