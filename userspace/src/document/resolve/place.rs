//! Where a guest is: which namespace or tap, and that nobody else is there.

use crate::document::diagnostic::{Problem, Problems, Span, Spanned, quote};
use crate::document::schema;
use crate::document::{Attachment, Guest, Host, names};
use std::collections::{HashMap, HashSet};

/// Where the guest of an instance is, and where that is written.
#[derive(Debug)]
pub(super) struct Taken {
    attachment: Attachment,
    span: Span,
    /// The instance's name.
    instance: String,
}

impl Taken {
    /// A guest's place as it is written, if its name can be one.
    pub(super) fn of(instance: &str, given: Spanned<schema::Attachment<'_>>, problems: &mut Problems) -> Self {
        let Spanned { value, span } = given;
        let attachment = match value {
            schema::Attachment::Namespace { name, adopt } => Attachment::Namespace {
                name: name.to_owned(),
                adopt,
            },
            schema::Attachment::Tap { device } => Attachment::Tap {
                device: device.to_owned(),
            },
            schema::Attachment::Device { device } => Attachment::Device {
                device: device.to_owned(),
            },
        };
        check(&attachment, span, problems);
        let instance = instance.to_owned();
        Self {
            attachment,
            span,
            instance,
        }
    }

    /// The device that is or becomes the guest's host side, where its name is known.
    pub(super) fn device(&self) -> Option<&str> {
        match &self.attachment {
            Attachment::Tap { device } | Attachment::Device { device } => Some(device),
            Attachment::Namespace { .. } => None,
        }
    }

    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    pub(super) fn guest(&self, name: &str, network_interface_id: &str) -> Guest {
        Guest {
            name: name.to_owned(),
            network_interface_id: network_interface_id.to_owned(),
            attachment: self.attachment.clone(),
        }
    }
}

/// Checks the name of the guest's place.
fn check(attachment: &Attachment, span: Span, problems: &mut Problems) {
    let (kind, name) = kind_and_name(attachment);
    match attachment {
        Attachment::Namespace { .. } => names::check_namespace(name, span, problems),
        Attachment::Tap { .. } | Attachment::Device { .. } => names::check_device(name, kind, span, problems),
    }
}

fn kind_and_name(attachment: &Attachment) -> (&'static str, &str) {
    match attachment {
        Attachment::Namespace { name, .. } => ("namespace", name),
        Attachment::Tap { device } => ("tap", device),
        Attachment::Device { device } => ("device", device),
    }
}

/// Checks that no two guests are in one place, and that what is to be adopted is there, if the host is known.
pub(super) fn check_all<'a>(all: impl Iterator<Item = &'a Taken>, host: Option<&Host>, problems: &mut Problems) {
    let mut owners = HashMap::new();
    let namespaces: Option<HashSet<&str>> = host.map(|host| host.namespaces.iter().map(String::as_str).collect());
    let devices: Option<HashSet<&str>> = host.map(|host| host.devices.iter().map(String::as_str).collect());
    for taken in all {
        let (kind, name) = kind_and_name(&taken.attachment);
        let is_namespace = kind == "namespace";
        if let Some(other) = owners.insert((is_namespace, name), &taken.instance) {
            let message = format!("{kind} {} is instance {}'s", quote(name), quote(other));
            let help = format!("give each instance a {kind} of its own");
            problems.report(Problem::error(taken.span, message).help(help));
        }
        let there = if is_namespace { &namespaces } else { &devices };
        if there.as_ref().is_some_and(|there| !there.contains(name)) {
            check_adopted(taken, problems);
        }
    }
}

/// Says that the host hasn't what is to be adopted. What can't be a name has been reported.
fn check_adopted(taken: &Taken, problems: &mut Problems) {
    let (message, help) = match &taken.attachment {
        Attachment::Namespace { name, adopt: true } if names::is_namespace(name) => {
            let help = format!("make it with `ip netns add {name}`, or remove adopt to have it made");
            (format!("this host has no network namespace {}", quote(name)), help)
        }
        Attachment::Device { device } if names::is_device(device) => {
            let help = "make it before, or have a namespace or a tap made in its place".to_owned();
            (format!("this host has no network device {}", quote(device)), help)
        }
        _ => return,
    };
    problems.report(Problem::error(taken.span, message).help(help));
}
