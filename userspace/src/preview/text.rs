//! The preview as people read it.

use super::identity::words;
use super::{Action, Change, Field, Preview};
use crate::cut::{Consequence, Consequences, NAMED};
use serde_json::Value;
use std::fmt::{self, Write as _};

/// A value longer than this is shown by its beginning.
const LONG: usize = 100;

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl Preview {
    /// All of it, with colours for terminals.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let mut text = Text {
            text: String::new(),
            colours,
            preview: self,
        };
        for change in &self.changes {
            text.change(change);
        }
        if !self.changes.is_empty() {
            text.text.push('\n');
        }
        text.tables();
        text.connections(&self.connections);
        text.text.push_str(&self.summary());
        text.text
    }

    /// What would change, in a line.
    #[must_use]
    pub fn summary(&self) -> String {
        if self.is_empty() {
            return "Nothing would change.".to_owned();
        }
        let [create, change, delete] =
            [Action::Create, Action::Change, Action::Delete].map(|action| self.count(action));
        format!("{create} to create, {change} to change, {delete} to delete.")
    }
}

struct Text<'a> {
    text: String,
    colours: bool,
    preview: &'a Preview,
}

impl Text<'_> {
    fn change(&mut self, change: &Change) {
        let Change {
            action, kind, name, id, ..
        } = change;
        let block = change.object.as_ref().and_then(block).unwrap_or_default();
        self.line(2, *action, &format!("{kind} {name} ({id}){block}"));
        for Field { path, before, after } in &change.fields {
            let (action, text) = match (before, after) {
                (Some(before), Some(after)) => {
                    let (before, after) = (self.brief(before), self.brief(after));
                    (Action::Change, format!("{path}: {before} → {after}"))
                }
                (None, after) => (Action::Create, self.named(path, after.as_ref())),
                (before, None) => (Action::Delete, self.named(path, before.as_ref())),
            };
            self.line(6, action, &text);
        }
    }

    fn named(&self, path: &str, value: Option<&Value>) -> String {
        match value.map(|value| self.brief(value)) {
            // The path of such an element says all of it.
            Some(brief) if !brief.is_empty() && !path.ends_with(&format!("[{brief}]")) => format!("{path}: {brief}"),
            _ => path.to_owned(),
        }
    }

    fn line(&mut self, indent: usize, action: Action, text: &str) {
        let (sign, colour) = match action {
            Action::Create => ('+', 32),
            Action::Change => ('~', 33),
            Action::Delete => ('-', 31),
        };
        // Writing to a string can't fail; likewise below.
        let _ = if self.colours {
            writeln!(self.text, "{:indent$}\x1b[{colour}m{sign}\x1b[0m {text}", "")
        } else {
            writeln!(self.text, "{:indent$}{sign} {text}", "")
        };
    }

    /// A value in a few words, ids with the names of what they are of.
    fn brief(&self, value: &Value) -> String {
        let text = match value {
            Value::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| format!("{name} {}", self.brief(value)));
                fields.collect::<Vec<_>>().join(", ")
            }
            Value::Array(list) => {
                let list: Vec<_> = list.iter().map(|value| self.brief(value)).collect();
                format!("[{}]", list.join("; "))
            }
            scalar => {
                let word = words(scalar);
                self.preview
                    .names
                    .get(&word)
                    .map_or(word.clone(), |name| format!("{name} ({word})"))
            }
        };
        match text.char_indices().nth(LONG) {
            Some((end, _)) => format!("{} …", &text[..end]),
            None => text,
        }
    }

    fn tables(&mut self) {
        let changed = |it: &&super::TableSize| it.rows_before != it.rows_after;
        let sizes: Vec<_> = self.preview.tables.iter().filter(changed).collect();
        if sizes.is_empty() {
            return;
        }
        self.text.push_str("Rows of tables:\n");
        for size in sizes {
            let room = size.capacity.map(|room| format!(" of {room}")).unwrap_or_default();
            let (before, after) = (size.rows_before, size.rows_after);
            let _ = writeln!(self.text, "  {} {before} → {after}{room}", size.table);
        }
        self.text.push('\n');
    }

    fn connections(&mut self, consequences: &Consequences) {
        let Consequences {
            looked_at,
            go_on_unless_cut,
            end,
            connections,
        } = consequences;
        if go_on_unless_cut + end == 0 {
            return;
        }
        let _ = writeln!(
            self.text,
            "Of {looked_at} live connections, {end} would end, and {go_on_unless_cut} would not be admitted but go on \
             unless they are cut:"
        );
        for consequence in connections.iter().take(NAMED) {
            let _ = writeln!(self.text, "  {}", connection(consequence));
        }
        let more = (go_on_unless_cut + end).saturating_sub(connections.len().min(NAMED) as u64);
        if more > 0 {
            let _ = writeln!(self.text, "  and {more} more");
        }
        self.text.push('\n');
    }
}

fn connection(consequence: &Consequence) -> String {
    let (source, destination) = consequence.flow.ends();
    let Consequence {
        flow,
        goes_on_unless_cut,
        dropped_at,
        reason,
        rule,
        answers,
        ..
    } = consequence;
    let fate = if *goes_on_unless_cut { "unless cut" } else { "ends" };
    let answers = if *answers { ", its answers" } else { "" };
    let rule = if rule.is_empty() {
        String::new()
    } else {
        format!(", {rule}")
    };
    let (from, to) = (&flow.from.instance, &flow.to.instance);
    format!(
        "{from} → {to} {} {source} → {destination}: {fate}{answers}: {reason} at {dropped_at}{rule}",
        flow.protocol
    )
}

/// The block an object stands for, if it has one.
fn block(object: &Value) -> Option<String> {
    let fields = ["CidrBlock", "PrivateIpAddress"];
    let block = fields.iter().find_map(|field| object.get(field)?.as_str())?;
    Some(format!(" {block}"))
}

#[cfg(test)]
mod tests {
    use super::super::{Described, changes};
    use super::*;
    use serde_json::json;

    fn described(kind: usize, id: &str, fields: Value) -> Described {
        Described {
            order: (kind, id.to_owned()),
            kind: ["VPC", "route table"][kind].to_owned(),
            name: format!("blue/{id}"),
            fields: fields.as_object().cloned().unwrap_or_default(),
        }
    }

    fn preview(before: Vec<Described>, after: Vec<Described>) -> Preview {
        Preview {
            changes: changes(before, after),
            names: [("eni-1".to_owned(), "blue/firewall".to_owned())].into(),
            ..Preview::default()
        }
    }

    #[test]
    fn people_read_what_comes_what_goes_and_what_differs() {
        let table = |routes| described(1, "rtb-1", json!({ "Routes": routes }));
        let local = json!({"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"});
        let inspected = json!({"DestinationCidrBlock": "10.0.2.0/24", "NetworkInterfaceId": "eni-1"});
        let before = vec![
            table(json!([local])),
            described(0, "vpc-1", json!({"CidrBlock": "10.1.0.0/16"})),
        ];
        let after = vec![
            table(json!([inspected, local])),
            described(0, "vpc-2", json!({"CidrBlock": "10.2.0.0/16"})),
        ];
        let expected = "\
\x20 - VPC blue/vpc-1 (vpc-1) 10.1.0.0/16
  + VPC blue/vpc-2 (vpc-2) 10.2.0.0/16
  ~ route table blue/rtb-1 (rtb-1)
      + Routes[10.0.2.0/24]: DestinationCidrBlock 10.0.2.0/24, NetworkInterfaceId blue/firewall (eni-1)

1 to create, 1 to change, 1 to delete.";
        assert_eq!(preview(before, after).to_string(), expected);
    }

    #[test]
    fn the_same_again_changes_nothing() {
        let all = || vec![described(0, "vpc-1", json!({"CidrBlock": "10.1.0.0/16"}))];
        let preview = preview(all(), all());
        assert!(preview.is_empty());
        assert_eq!(preview.to_string(), "Nothing would change.");
    }

    #[test]
    fn colours_are_for_those_who_want_them() {
        let after = vec![described(0, "vpc-1", json!({}))];
        let preview = preview(Vec::new(), after);
        assert!(preview.render(true).starts_with("  \x1b[32m+\x1b[0m VPC"));
        assert!(!preview.render(false).contains('\x1b'));
    }
}
