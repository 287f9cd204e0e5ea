//! Where a guest is: which namespace or tap, and that nobody else is there.

use super::{Output, Scope};
use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::names;
use crate::document::schema::{self, Instance};

/// In the namespace of that name, or behind the tap of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place<'a> {
    Namespace(&'a str),
    Tap(&'a str),
}

/// Checks the name of the guest's place, that it is there if it must be, and that no other guest is.
pub(super) fn check<'a>(scope: &Scope<'a>, instance: &Instance<'a>, out: &mut Output<'a>, problems: &mut Problems) {
    let Some(Spanned {
        value: attachment,
        span,
    }) = instance.attachment
    else {
        return;
    };
    let (place, kind, name) = match attachment {
        schema::Attachment::Namespace { name, .. } => (Place::Namespace(name), "namespace", name),
        schema::Attachment::Tap { device } => (Place::Tap(device), "tap", device),
    };
    match place {
        Place::Namespace(name) => names::check_namespace(name, span, problems),
        Place::Tap(device) => names::check_tap(device, span, problems),
    }
    if let schema::Attachment::Namespace { name, adopt: true } = attachment {
        check_adopted(scope, Spanned { value: name, span }, problems);
    }
    if let Some(other) = out.taken.insert(place, instance.name.value) {
        let message = format!("{kind} {} is instance {}'s", quote(name), quote(other));
        problems.report(Problem::error(span, message).help(format!("give each instance a {kind} of its own")));
    }
}

/// Checks that the host has a namespace, if the host is known.
fn check_adopted(scope: &Scope<'_>, name: Spanned<&str>, problems: &mut Problems) {
    let Spanned { value: name, span } = name;
    let Some(host) = scope.common.host else {
        return;
    };
    // What can't be a namespace's name has been reported.
    if names::is_namespace(name) && !host.namespaces.iter().any(|namespace| namespace == name) {
        let message = format!("this host has no network namespace {}", quote(name));
        let help = format!("make it with `ip netns add {name}`, or remove adopt to have it made");
        problems.report(Problem::error(span, message).help(help));
    }
}
