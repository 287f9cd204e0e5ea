//! Whether targets of load balancers are well (semantics 13.5).
//!
//! [`subject`] says who is to be looked after and by whom, [`check`] what comes of what was seen, both without a clock
//! or a socket of their own; [`probe`] sees, [`checker`] is the thread on which that happens, and [`report`] tells of
//! it in the words of `describe-target-health`.
//!
//! What a document says of a target stands. What is found out is neither in a document nor in the history: it is laid
//! over the resources whenever they are compiled ([`with_health`]).

mod check;
mod checker;
mod matcher;
mod probe;
mod report;
mod settings;
mod subject;
mod tls;

pub use check::{Cause, Check, Health, Outcome};
pub use checker::{Board, Charge, Checker};
pub use matcher::Matcher;
pub use report::{DescribedTarget, Found, TargetHealthReport};
pub use settings::{Protocol, Settings};
pub use subject::{Standing, Subject, TargetId, subjects, with_health};
