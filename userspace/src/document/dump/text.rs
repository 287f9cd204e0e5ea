//! JSON as a tree in which every value knows its place: the same tree that YAML makes.
//!
//! YAML's reader would take most of it, but not all escapes, and it is slow on the long lists of dumps.

use crate::document::diagnostic::{Problem, Problems, Span, quote};
use crate::document::source::SourceText;
use crate::document::tree::{Entry, Node, Value};
use std::collections::HashSet;

/// Collections inside each other; AWS prints nine.
const DEPTH: usize = 32;

/// Whether a text means to be JSON: no YAML that people write begins like that.
pub(in crate::document) fn is_json(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let after = |open| text.strip_prefix(open).map(str::trim_start);
    let begins = |rest: Option<&str>, marks: &[char]| rest.is_some_and(|rest| rest.starts_with(marks));
    begins(after('{'), &['"']) || begins(after('['), &['{'])
}

/// Reads a text. What isn't JSON is reported, and what comes after it isn't read.
pub(in crate::document) fn read(source: SourceText<'_>, problems: &mut Problems) -> Option<Node> {
    let mut reader = Reader {
        source,
        at: 0,
        depth: 0,
        problems,
    };
    if source.text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    let root = reader.document();
    if let Err(Fault { at, message }) = root {
        let span = Span::at(source.base + at);
        problems.report(Problem::error(span, format!("not JSON: {message}")));
        return None;
    }
    root.ok()
}

/// Where the text stops being JSON, and why.
struct Fault {
    at: usize,
    message: String,
}

struct Reader<'a> {
    source: SourceText<'a>,
    /// The offset of the next byte in the text.
    at: usize,
    depth: usize,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, Fault> {
        let root = self.value()?;
        match self.peek() {
            None => Ok(root),
            Some(_) => self.fault("there is something after the end"),
        }
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.source.text.as_bytes().get(self.at..).unwrap_or_default();
        let spaces = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += spaces.count();
        self.byte()
    }

    fn byte(&self) -> Option<u8> {
        self.source.text.as_bytes().get(self.at).copied()
    }

    /// Whether the next byte is this one; then it is taken.
    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        let (at, message) = (self.at, message.into());
        Err(Fault { at, message })
    }

    /// From an offset in the text to where the reader is.
    fn since(&self, start: usize) -> Span {
        let base = self.source.base;
        Span {
            start: base + start,
            end: base + self.at,
        }
    }

    fn value(&mut self) -> Result<Node, Fault> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => {
                let (text, span) = self.string()?;
                let value = Value::Scalar { text, plain: false };
                Ok(Node { span, value })
            }
            Some(_) => self.word(),
            None => self.fault("the text ends in the middle"),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, Fault>) -> Result<Node, Fault> {
        if self.depth == DEPTH {
            return self.fault(format!("more than {DEPTH} collections inside each other"));
        }
        let start = self.at;
        self.at += 1;
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        let span = self.since(start);
        Ok(Node { span, value })
    }

    fn list(&mut self) -> Result<Value, Fault> {
        let mut items = Vec::new();
        if self.takes(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.takes(b']') {
                return Ok(Value::List(items));
            }
            if !self.takes(b',') {
                return self.fault("a comma or ] is missing");
            }
        }
    }

    fn object(&mut self) -> Result<Value, Fault> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        if self.takes(b'}') {
            return Ok(Value::Mapping(entries));
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.fault("the name of a field, in quotation marks, is missing");
            }
            let (key, key_span) = self.string()?;
            if !self.takes(b':') {
                return self.fault("a colon is missing");
            }
            let value = self.value()?;
            if seen.insert(key.clone()) {
                entries.push(Entry { key, key_span, value });
            } else {
                let message = format!("{} is there twice", quote(&key));
                self.problems
                    .report(Problem::error(key_span, message).help("remove one of the two"));
            }
            if self.takes(b'}') {
                return Ok(Value::Mapping(entries));
            }
            if !self.takes(b',') {
                return self.fault("a comma or } is missing");
            }
        }
    }

    /// A number, or one of the three words.
    fn word(&mut self) -> Result<Node, Fault> {
        let rest = self.source.text.get(self.at..).unwrap_or_default();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
        let len = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let text = rest.get(..len).unwrap_or_default();
        if !matches!(text, "true" | "false" | "null") && !is_number(text) {
            return self.fault("this is no value");
        }
        let start = self.at;
        self.at += len;
        let (text, plain) = (text.to_owned(), true);
        let span = self.since(start);
        let value = Value::Scalar { text, plain };
        Ok(Node { span, value })
    }

    /// A text in quotation marks, the first of which is next.
    fn string(&mut self) -> Result<(String, Span), Fault> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.source.text.get(self.at..).unwrap_or_default();
            let Some(len) = rest.find(|c| matches!(c, '"' | '\\' | '\0'..='\u{1f}')) else {
                return self.fault("a quotation mark is missing");
            };
            text.push_str(rest.get(..len).unwrap_or_default());
            self.at += len;
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((text, self.since(start)));
                }
                Some(b'\\') => text.push(self.escape()?),
                _ => return self.fault("a control character must be escaped"),
            }
        }
    }

    /// A character that is written with a backslash, which is next.
    fn escape(&mut self) -> Result<char, Fault> {
        self.at += 1;
        let escaped = match self.byte() {
            Some(b'u') => return self.unicode(),
            Some(mark @ (b'"' | b'\\' | b'/')) => char::from(mark),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return self.fault("there is no such escape"),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// Four digits, or twice four with an escape between them for what doesn't fit into one.
    fn unicode(&mut self) -> Result<char, Fault> {
        let first = self.digits()?;
        let is_pair = (0xd800..0xdc00).contains(&first);
        let code = if is_pair && self.byte() == Some(b'\\') {
            self.at += 1;
            let second = self.digits()?;
            let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
            low.map(|low| 0x1_0000 + ((first - 0xd800) << 10) + low)
        } else {
            Some(first)
        };
        match code.and_then(char::from_u32) {
            Some(character) => Ok(character),
            None => self.fault("this is half a character"),
        }
    }

    fn digits(&mut self) -> Result<u32, Fault> {
        let rest = self.source.text.get(self.at..).unwrap_or_default();
        let digits = rest.strip_prefix('u').and_then(|rest| rest.get(..4));
        let is_hex = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match digits
            .filter(is_hex)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        {
            Some(code) => {
                self.at += 5;
                Ok(code)
            }
            None => self.fault("u is followed by four digits"),
        }
    }
}

/// JSON's numbers: no leading zero, no plus sign, digits around the point.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, part) = match mantissa.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (mantissa, None),
    };
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && part.is_none_or(digits) && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::json::json;
    use proptest::prelude::*;

    fn read_text(text: &str) -> (Option<Node>, Problems) {
        let mut problems = Problems::default();
        let source = SourceText {
            name: "dump",
            text,
            base: 0,
        };
        (read(source, &mut problems), problems)
    }

    /// Values of JSON, numbers written as they are read.
    fn values() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<u64>().prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn all_of_json_is_read_as_it_is_meant(value in values(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let (root, mut problems) = read_text(&text.unwrap());
            prop_assert_eq!(problems.errors(), 0);
            prop_assert_eq!(json(&root.expect("a tree"), &mut problems), value);
        }

        #[test]
        fn a_text_is_json_to_this_reader_and_to_any_other(text in r#"[{}\[\]",:\\ua0-9eE.+\-tn ]{0,12}"#) {
            let (root, problems) = read_text(&text);
            let twice = root.is_some() && problems.errors() > 0;
            let agrees = match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(_) => root.is_some(),
                // Numbers that are too large for it, which are in the tree as they are written.
                Err(error) => root.is_none() || error.to_string().contains("out of range"),
            };
            prop_assert!(agrees || twice, "{text}");
        }
    }

    #[test]
    fn characters_are_read_however_they_are_escaped() {
        let (root, problems) = read_text(r#"["\u0041\u00e4\ud83d\ude00\/\b\f\n\r\t\"\\"]"#);
        assert_eq!(problems.errors(), 0);
        let value = json(&root.unwrap(), &mut Problems::default());
        assert_eq!(value, serde_json::json!(["Aä😀/\u{8}\u{c}\n\r\t\"\\"]));
        for text in [
            r#"["\ud83d"]"#,
            r#"["\ude00"]"#,
            r#"["\ud83d\u0041"]"#,
            r#"["\u00g0"]"#,
            r#"["\x"]"#,
        ] {
            assert!(read_text(text).0.is_none(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read_text(&nested(DEPTH)).0.is_some());
        assert!(read_text(&nested(DEPTH + 1)).0.is_none());
        assert!(read_text(&"[".repeat(1_000_000)).0.is_none());
    }

    #[test]
    fn json_is_told_from_what_people_write() {
        for text in [" {\n \"Vpcs\": []}", "[ {\"Vpcs\": []} ]", "\u{feff}{\"a\": 1}"] {
            assert!(is_json(text), "{text}");
        }
        for text in ["", "{}", "[]", "vpcs:", "{vpcs: {}}", "[a]", "# {\"", "- {"] {
            assert!(!is_json(text), "{text}");
        }
    }
}
