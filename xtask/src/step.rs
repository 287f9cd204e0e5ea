//! What people see while a command works: what is done, and how long it took.

use std::fmt;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

/// Does something under a line that says what, and says afterwards how long it took or that it failed.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let start = Instant::now();
    eprintln!("{} {what}", paint(Colour::Bold, "==>"));
    let result = work();
    let took = Seconds(start.elapsed());
    match &result {
        Ok(_) => eprintln!("    {} in {took}", paint(Colour::Green, "done")),
        Err(_) => eprintln!("    {} after {took}: {what}", paint(Colour::Red, "failed")),
    }
    result
}

/// A line below a step.
pub(crate) fn note(text: impl fmt::Display) {
    eprintln!("    {text}");
}

#[derive(Clone, Copy)]
pub(crate) enum Colour {
    Bold,
    Red,
    Green,
    Yellow,
}

/// Colours the text if people are looking at it.
pub(crate) fn paint(colour: Colour, text: &str) -> String {
    if !stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some() {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Bold => 1,
        Colour::Red => 31,
        Colour::Green => 32,
        Colour::Yellow => 33,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// A duration as people say it: `0.3 s`, `2 min 5 s`.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds < 60 {
            return write!(f, "{:.1} s", self.0.as_secs_f64());
        }
        write!(f, "{} min {} s", seconds / 60, seconds % 60)
    }
}
