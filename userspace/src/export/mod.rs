//! Resources written down again, as AWS's command line prints them.

mod aws;

pub(crate) use aws::written;
pub use aws::{Answer, aws, aws_answers};
