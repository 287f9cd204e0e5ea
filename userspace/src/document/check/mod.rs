//! What a configuration does that AWS takes and nobody means (semantics 31), each a warning with its number.
//!
//! Only what is right in every other way is looked at, so that one mistake isn't told twice.

mod network_acl;
mod security_group;
mod view;

use super::diagnostic::Problems;
use view::View;

/// Looks at a VPC whose objects are the last that were resolved.
pub(super) fn vpc(view: &View<'_>, problems: &mut Problems) {
    network_acl::check(view, problems);
    security_group::check(view, problems);
}

pub(super) use view::view;
