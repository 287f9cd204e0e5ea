//! Managed prefix lists (semantics 12).

use super::{Output, details, label, not_found, object_id};
use crate::document::diagnostic::{Problem, Problems, Span, Spanned, quote};
use crate::document::family::{ByFamily, Family};
use crate::document::quotas::{Limit, Quota};
use crate::document::schema::{self, kind};
use crate::resources::{AddressFamily, PrefixList};
use ipnet::IpNet;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A list as those see it who name it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List {
    name: String,
    pub(super) id: String,
    family: Family,
    max_entries: usize,
    pub(super) entries: Vec<IpNet>,
}

/// A configuration's lists by name and by id.
#[derive(Debug)]
pub(super) struct PrefixLists {
    lists: HashMap<String, Arc<List>>,
    /// What objects of the VPC that is being resolved have asked for.
    asked: RefCell<HashSet<String>>,
}

/// What was asked for, and which list it was.
#[derive(Debug)]
pub(super) struct AskedLists(Vec<(String, Option<Arc<List>>)>);

/// Makes the lists.
pub(super) fn resolve(
    document: &schema::Document<'_>,
    account: &str,
    out: &mut Output,
    problems: &mut Problems,
) -> PrefixLists {
    let limit = document.quotas.limit(Quota::PrefixLists);
    let lists = limit.apply(0, &document.prefix_lists, |list| list.name.span, problems);
    for list in lists {
        check(list, problems);
        let name = list.name.value;
        let prefix_list_id = prefix_list_id(list);
        out.places.add("prefix_lists", &prefix_list_id, list.name.span);
        out.resources.prefix_lists.push(PrefixList {
            prefix_list_id,
            name: label(name, Some(&list.details)),
            address_family: match family(list) {
                Family::Ipv4 => AddressFamily::Ipv4,
                Family::Ipv6 => AddressFamily::Ipv6,
            },
            max_entries: u32::try_from(max_entries(list)).unwrap_or(u32::MAX),
            entries: list.entries.iter().map(|entry| entry.value).collect(),
            descriptions: list.descriptions.clone(),
            version: list.version,
            details: details(Some(&list.details), account),
        });
    }
    let lists: Vec<_> = lists.iter().map(|list| Arc::new(List::of(list))).collect();
    let by_name = lists.iter().map(|list| (list.name.clone(), list.clone()));
    let by_id = lists.iter().map(|list| (list.id.clone(), list.clone()));
    PrefixLists {
        lists: by_id.chain(by_name).collect(),
        asked: RefCell::default(),
    }
}

pub(super) fn prefix_list_id(list: &schema::PrefixList<'_>) -> String {
    object_id(kind::PREFIX_LIST, &list.details, &[list.name.value])
}

fn check(list: &schema::PrefixList<'_>, problems: &mut Problems) {
    let mut refuse = |span, message: String, help: &str| {
        let problem = Problem::error(span, message).code("InvalidParameterValue");
        problems.report(problem.help(help));
    };
    let is_own = list.details.account.is_some_and(|account| account.value == "AWS");
    if list.name.value.starts_with("com.amazonaws") && !is_own {
        let message = "names that start with com.amazonaws are AWS's own".to_owned();
        refuse(list.name.span, message, "give the list another name");
    }
    let most = max_entries(list);
    if let Some(first_too_many) = list.entries.get(most) {
        let message = format!("the list has more than its {most} MaxEntries");
        refuse(first_too_many.span, message, "raise MaxEntries");
    }
    let mut seen = HashSet::new();
    for &Spanned { value, span } in &list.entries {
        if Family::of(value) != family(list) {
            let message = format!("{value} isn't of the list's family");
            refuse(span, message, "make a list for each family");
        }
        if !seen.insert(value) {
            refuse(span, format!("{value} is in the list already"), "remove one of the two");
        }
    }
}

/// The family a list states, or else that of its first entry.
fn family(list: &schema::PrefixList<'_>) -> Family {
    let of_entries = list.entries.first().map(|first| Family::of(first.value));
    list.family.or(of_entries).unwrap_or(Family::Ipv4)
}

/// What a reference to the list counts as. A list that doesn't say it has been reported.
fn max_entries(list: &schema::PrefixList<'_>) -> usize {
    let stated = list.max_entries.and_then(|most| usize::try_from(most.value).ok());
    stated.unwrap_or(list.entries.len())
}

impl List {
    fn of(list: &schema::PrefixList<'_>) -> Self {
        Self {
            name: list.name.value.to_owned(),
            id: prefix_list_id(list),
            family: family(list),
            max_entries: max_entries(list),
            entries: list.entries.iter().map(|entry| entry.value).collect(),
        }
    }

    /// What a reference to it counts as.
    pub(super) fn weight(&self) -> ByFamily {
        ByFamily::of(self.family, self.max_entries)
    }
}

impl PrefixLists {
    fn get(&self, name: &str) -> Option<&Arc<List>> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.lists.get(name)
    }

    /// What was asked for since the last time.
    pub(super) fn take_asked(&self) -> AskedLists {
        let asked = self.asked.take();
        let lists = asked.into_iter().map(|name| {
            let list = self.lists.get(&name).cloned();
            (name, list)
        });
        AskedLists(lists.collect())
    }

    /// Whether all that was asked for is as it was.
    pub(super) fn still_have(&self, asked: &AskedLists) -> bool {
        let mut asked = asked.0.iter();
        asked.all(|(name, list)| self.lists.get(name) == list.as_ref())
    }

    /// Checks what something counts as that names these lists among others, each of which counts as its `MaxEntries`.
    pub(super) fn check_weight<'n>(
        &self,
        limit: Limit,
        weight: ByFamily,
        names: impl Iterator<Item = &'n str>,
        span: Span,
        problems: &mut Problems,
    ) {
        if weight.most() <= limit.most {
            return;
        }
        let spare = |list: &&Arc<List>| list.max_entries.saturating_sub(list.entries.len());
        let lists = names.filter_map(|name| self.get(name));
        let problem = limit.exceeded(span);
        problems.report(match lists.max_by_key(spare).filter(|list| spare(list) > 0) {
            Some(list) => problem.number("M70").help(format!(
                "prefix list {} counts as its {} MaxEntries and not as its {} entries: lower MaxEntries",
                quote(&list.name),
                list.max_entries,
                list.entries.len()
            )),
            None => problem,
        });
    }

    /// The entries of the list of a name; none if there is no such list, which is reported by `find`.
    pub(super) fn entries(&self, name: &str) -> &[IpNet] {
        self.get(name).map(|list| &*list.entries).unwrap_or_default()
    }

    /// The list of a name; a problem if there is none.
    pub(super) fn find(&self, name: Spanned<&str>, problems: &mut Problems) -> Option<&List> {
        let found = self.get(name.value);
        if found.is_none() {
            let what = "there is no prefix list";
            let otherwise = "add it below prefix_lists, at the top of the document";
            let names = self.lists.values().map(|list| &*list.name);
            not_found(what, name, "InvalidPrefixListID.NotFound", names, otherwise, problems);
        }
        found.map(|list| &**list)
    }
}
