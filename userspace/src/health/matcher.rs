//! Which status codes mean that a target is well.

use std::ops::RangeInclusive;

/// Status codes, such as `200-399,404`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher(Vec<RangeInclusive<u16>>);

impl Matcher {
    /// Reads them; none if there is a part that is no code and no range of codes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code = |text: &str| text.trim().parse::<u16>().ok();
        let range = |part: &str| match part.split_once('-') {
            Some((first, last)) => Some(code(first)?..=code(last)?),
            None => code(part).map(|code| code..=code),
        };
        text.split(',').map(range).collect::<Option<_>>().map(Self)
    }

    #[must_use]
    pub fn matches(&self, code: u16) -> bool {
        self.0.iter().any(|range| range.contains(&code))
    }

    /// Whether it has codes of a range alone, and each of its own ranges has some.
    #[must_use]
    pub fn is_within(&self, codes: &RangeInclusive<u16>) -> bool {
        let is_in = |own: &RangeInclusive<u16>| codes.contains(own.start()) && codes.contains(own.end());
        self.0.iter().all(|own| !own.is_empty() && is_in(own))
    }
}

impl Default for Matcher {
    fn default() -> Self {
        Self(vec![200..=399])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_ranges_are_read() {
        let matcher = Matcher::parse("200-204, 301,404-404").expect("codes");
        for (code, matches) in [
            (199, false),
            (200, true),
            (204, true),
            (205, false),
            (301, true),
            (404, true),
        ] {
            assert_eq!(matcher.matches(code), matches, "{code}");
        }
        for text in ["", "200-", "ok", "200,,301", "70000", "200-300-400"] {
            assert_eq!(Matcher::parse(text), None, "{text}");
        }
        assert!(Matcher::default().matches(399) && !Matcher::default().matches(400));
    }

    #[test]
    fn a_range_has_all_codes_of_a_matcher_or_not() {
        let is_within = |text: &str| Matcher::parse(text).expect("codes").is_within(&(200..=599));
        for text in ["200", "599", "200-599", "200,204-404"] {
            assert!(is_within(text), "{text}");
        }
        for text in ["199", "600", "150-300", "500-600", "200,1000", "300-200"] {
            assert!(!is_within(text), "{text}");
        }
    }
}
