//! Draws what grows against what: an SVG that a browser shows as it is, on light and on dark ground.

use crate::report::{Curve, Line};
use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
/// Of the part with the lines in it: what is left, right, above and below.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 90.0;

/// Told apart by those who don't see red and green apart, too.
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"];

/// The whole file.
pub(crate) fn draw(curve: &Curve) -> String {
    let scale = Scale::of(curve);
    let mut svg = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(
        svg,
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' \
         font-family='sans-serif' font-size='12' fill='#777777'>"
    );
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    let _ = writeln!(
        svg,
        "<text x='{middle}' y='24' text-anchor='middle' font-size='15'>{}</text>",
        escaped(&curve.title)
    );
    draw_axes(&mut svg, curve, &scale);
    for ((number, line), colour) in (0..).zip(&curve.lines).zip(COLOURS.iter().cycle()) {
        draw_line(&mut svg, line, &scale, colour);
        let (x, y) = (
            LEFT + f64::from(number % 2) * 265.0,
            HEIGHT - 32.0 + f64::from(number / 2) * 16.0,
        );
        let _ = writeln!(
            svg,
            "<rect x='{x}' y='{}' width='12' height='4' fill='{colour}'/><text x='{}' y='{y}'>{}</text>",
            y - 6.0,
            x + 18.0,
            escaped(&line.label)
        );
    }
    svg + "</svg>\n"
}

/// Where on the page a point lies: sizes by their logarithm, figures from zero on, since half as high is to mean half.
struct Scale {
    smallest: f64,
    largest: f64,
    highest: f64,
}

impl Scale {
    fn of(curve: &Curve) -> Self {
        let points = || curve.lines.iter().flat_map(|line| &line.points);
        let sizes = || points().map(|(size, _)| *size);
        let highest = points().map(|(_, figure)| *figure).fold(0.0, f64::max);
        let step = step_of(highest);
        Self {
            smallest: sizes().fold(f64::INFINITY, f64::min),
            largest: sizes().fold(0.0, f64::max),
            highest: (highest * 1.1 / step).ceil() * step,
        }
    }

    fn x(&self, size: f64) -> f64 {
        let decades = (self.largest / self.smallest).log10().max(f64::MIN_POSITIVE);
        LEFT + (size / self.smallest).log10() / decades * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, figure: f64) -> f64 {
        HEIGHT - BOTTOM - figure / self.highest * (HEIGHT - TOP - BOTTOM)
    }
}

/// A round number that about five of make so much.
fn step_of(highest: f64) -> f64 {
    let decade = 10_f64.powf((highest / 5.0).max(f64::MIN_POSITIVE).log10().floor());
    let rounds = [1.0, 2.0, 5.0, 10.0].map(|round| round * decade);
    rounds.into_iter().find(|step| step * 5.0 >= highest).unwrap_or(1.0)
}

fn draw_axes(svg: &mut String, curve: &Curve, scale: &Scale) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let step = step_of(scale.highest / 1.1);
    let mut figure = 0.0;
    while figure <= scale.highest {
        let y = scale.y(figure);
        let _ = writeln!(
            svg,
            "<path d='M{LEFT} {y:.1}H{right}' stroke='#777777' stroke-opacity='0.3'/>\
             <text x='{}' y='{:.1}' text-anchor='end'>{}</text>",
            LEFT - 8.0,
            y + 4.0,
            thousands(figure)
        );
        figure += step;
    }
    let sizes = curve.lines.iter().flat_map(|line| &line.points).map(|(size, _)| *size);
    let mut sizes: Vec<f64> = sizes.collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    for size in sizes {
        let _ = writeln!(
            svg,
            "<text x='{:.1}' y='{}' text-anchor='middle'>{}</text>",
            scale.x(size),
            bottom + 18.0,
            thousands(size)
        );
    }
    let _ = writeln!(
        svg,
        "<text x='{}' y='{}' text-anchor='middle'>{}</text>\
         <text x='16' y='{TOP}' transform='rotate(-90 16 {TOP})' text-anchor='end'>{}</text>",
        (LEFT + right) / 2.0,
        bottom + 36.0,
        escaped(&curve.size),
        escaped(&curve.unit)
    );
}

fn draw_line(svg: &mut String, line: &Line, scale: &Scale, colour: &str) {
    let places: Vec<_> = line
        .points
        .iter()
        .map(|(size, figure)| (scale.x(*size), scale.y(*figure)))
        .collect();
    let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        svg,
        "<polyline points='{}' fill='none' stroke='{colour}' stroke-width='2'/>",
        path.join(" ")
    );
    for (x, y) in places {
        let _ = writeln!(svg, "<circle cx='{x:.1}' cy='{y:.1}' r='3' fill='{colour}'/>");
    }
}

/// A number as people read it.
fn thousands(number: f64) -> String {
    if number > 0.0 && number < 1.0 {
        return format!("{number:.2}");
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_from_zero_and_sizes_by_their_logarithm() {
        let line = Line {
            label: "a < b".to_owned(),
            points: vec![(1.0, 50.0), (100.0, 100.0)],
        };
        let curve = Curve {
            name: "example".to_owned(),
            title: "Example".to_owned(),
            size: "rules".to_owned(),
            unit: "ns".to_owned(),
            lines: vec![line],
        };
        let scale = Scale::of(&curve);
        assert_eq!((scale.x(1.0), scale.x(100.0)), (LEFT, WIDTH - RIGHT));
        assert_eq!(scale.x(10.0), (LEFT + WIDTH - RIGHT) / 2.0);
        assert_eq!(scale.y(0.0), HEIGHT - BOTTOM);
        assert_eq!(scale.highest, 120.0);
        let svg = draw(&curve);
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn numbers_are_read_by_threes() {
        assert_eq!(thousands(1_000_000.0), "1,000,000");
        assert_eq!(thousands(100.0), "100");
        assert_eq!(thousands(0.5), "0.50");
        assert_eq!(thousands(0.0), "0");
    }
}
