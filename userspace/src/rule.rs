//! Which rule denied a packet, in words.

use crate::install::state::{GuestState, Named};
use groundplane_abi::DropReason;
use groundplane_abi::nacl::implicit_deny;
use serde::Serialize;
use std::fmt;

/// The rule, or the rules that none of which admitted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Of the subnet's network ACL: the entry as AWS shows it, which is `*` for the implicit deny of what no entry
    /// speaks of, and its number, in which the families' implicit denies differ.
    NetworkAcl {
        #[serde(flatten)]
        nacl: Named,
        entry: String,
        number: u16,
    },
    /// Groups only admit, so what none of an ENI's groups admits is denied implicitly.
    SecurityGroups(Vec<Named>),
}

impl Rule {
    /// What denied a packet at a guest's ENI, if a rule did.
    #[must_use]
    pub fn of(guest: &GuestState, reason: DropReason, number: u16) -> Option<Self> {
        match reason {
            DropReason::GROUP_EGRESS | DropReason::GROUP_INGRESS | DropReason::GROUP_REFERENCE_LOST => {
                Some(Self::SecurityGroups(guest.groups.clone()))
            }
            _ if number == 0 => None,
            _ => Some(Self::NetworkAcl {
                nacl: guest.network_acl.clone(),
                entry: entry(number),
                number,
            }),
        }
    }
}

/// An entry's number as AWS shows it.
fn entry(number: u16) -> String {
    if [4, 6].map(implicit_deny).contains(&number) {
        "*".to_owned()
    } else {
        number.to_string()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NetworkAcl { nacl, entry, number } => {
                let family = if *number == implicit_deny(6) { " (IPv6)" } else { "" };
                write!(f, "ACL {} entry {entry}{family}", nacl.name)
            }
            Self::SecurityGroups(groups) => write!(f, "implicit deny of {}", names(groups)),
        }
    }
}

/// Groups in words.
#[must_use]
pub fn names(groups: &[Named]) -> String {
    let names: Vec<_> = groups.iter().map(|group| &*group.name).collect();
    names.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::state::Place;
    use crate::install::state::tests::guest;

    fn words(reason: DropReason, number: u16) -> Option<String> {
        let mut guest = guest("web", Place::Tap);
        guest.groups.push(Named {
            id: "sg-2".to_owned(),
            name: "admin".to_owned(),
        });
        Rule::of(&guest, reason, number).map(|rule| rule.to_string())
    }

    #[test]
    fn an_acl_entry_has_its_number_and_the_implicit_deny_a_star() {
        let denied = |number| words(DropReason::NACL_INGRESS, number);
        assert_eq!(denied(100).as_deref(), Some("ACL web entry 100"));
        assert_eq!(denied(32_767).as_deref(), Some("ACL web entry *"));
        assert_eq!(denied(32_768).as_deref(), Some("ACL web entry * (IPv6)"));
    }

    #[test]
    fn groups_deny_by_not_admitting_and_other_reasons_have_no_rule() {
        assert_eq!(
            words(DropReason::GROUP_INGRESS, 0).as_deref(),
            Some("implicit deny of web+admin")
        );
        assert_eq!(words(DropReason::NO_ROUTE, 0), None);
    }
}
