//! Where a guest is: which namespace or tap, and that nobody else is there.

use super::{Output, Scope};
use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::names;
use crate::document::schema::{self, Instance};

/// In the namespace of that name, or behind the device of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place<'a> {
    Namespace(&'a str),
    Device(&'a str),
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
        schema::Attachment::Tap { device } => (Place::Device(device), "tap", device),
        schema::Attachment::Device { device } => (Place::Device(device), "device", device),
    };
    match place {
        Place::Namespace(name) => names::check_namespace(name, span, problems),
        Place::Device(device) => names::check_device(device, kind, span, problems),
    }
    check_adopted(
        scope,
        Spanned {
            value: attachment,
            span,
        },
        problems,
    );
    if let Some(other) = out.taken.insert(place, instance.name.value) {
        let message = format!("{kind} {} is instance {}'s", quote(name), quote(other));
        problems.report(Problem::error(span, message).help(format!("give each instance a {kind} of its own")));
    }
}

/// Checks that the host, if it is known, has what is to be adopted.
fn check_adopted(scope: &Scope<'_>, attachment: Spanned<schema::Attachment<'_>>, problems: &mut Problems) {
    let Spanned { value, span } = attachment;
    let Some(host) = scope.common.host else {
        return;
    };
    // What can't be a name has been reported.
    let (message, help) = match value {
        schema::Attachment::Namespace { name, adopt: true }
            if names::is_namespace(name) && !host.namespaces.iter().any(|namespace| namespace == name) =>
        {
            let help = format!("make it with `ip netns add {name}`, or remove adopt to have it made");
            (format!("this host has no network namespace {}", quote(name)), help)
        }
        schema::Attachment::Device { device }
            if names::is_device(device) && !host.devices.iter().any(|other| other == device) =>
        {
            let help = "make it before, or have a namespace or a tap made in its place".to_owned();
            (format!("this host has no network device {}", quote(device)), help)
        }
        _ => return,
    };
    problems.report(Problem::error(span, message).help(help));
}
