//! Curves as a picture: SVG by hand, since four small panels need no library.

use std::fmt::Write as _;

/// One panel: how something grows with the number of policies.
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) lines: Vec<Line>,
}

/// A curve with its name.
pub(super) struct Line {
    pub(super) name: &'static str,
    /// Number of policies, and the value.
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 220.0;
/// Left of the plot, above it, right of it, below it.
const MARGINS: [f64; 4] = [56.0, 30.0, 16.0, 28.0];
/// Told apart by those who see few colours as well.
const COLOURS: [&str; 2] = ["#0072b2", "#d55e00"];
/// Lines across, from zero to the highest.
const STEPS: u32 = 4;

/// Panels, two in a row.
pub(super) fn picture(panels: &[Panel]) -> String {
    let (width, height) = (2.0 * WIDTH, HEIGHT * (panels.len() as f64 / 2.0).ceil());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (number, panel) in panels.iter().enumerate() {
        let (x, y) = ((number % 2) as f64 * WIDTH, (number / 2) as f64 * HEIGHT);
        let _ = writeln!(svg, "<g transform=\"translate({x:.0} {y:.0})\">\n{}</g>", drawn(panel));
    }
    svg.push_str("</svg>\n");
    svg
}

fn drawn(panel: &Panel) -> String {
    let [left, above, right, below] = MARGINS;
    let (width, height) = (WIDTH - left - right, HEIGHT - above - below);
    let all = || panel.lines.iter().flat_map(|line| &line.points);
    let most = all().map(|(policies, _)| policies.log10()).fold(0.1, f64::max);
    let top = round_up(all().map(|(_, value)| *value).fold(0.0, f64::max));
    let at =
        |policies: f64, value: f64| (left + policies.log10() / most * width, above + height - value / top * height);
    let mut svg = format!("<text x=\"{left:.0}\" y=\"16\" font-weight=\"bold\">{}</text>\n", panel.title);
    for step in 0..=STEPS {
        let value = top * f64::from(step) / f64::from(STEPS);
        let (x, y) = at(1.0, value);
        let end = x + width;
        let _ = writeln!(svg, "<path d=\"M{x:.1} {y:.1}H{end:.1}\" stroke=\"#ddd\"/>");
        let (x, y, value) = (x - 6.0, y + 4.0, short(value));
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{value}</text>");
    }
    for (number, line) in panel.lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let points: Vec<_> = line.points.iter().map(|(policies, value)| at(*policies, *value)).collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let _ = writeln!(svg, "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>", path.join("L"));
        for (x, y) in &points {
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        let (x, name) = (WIDTH - right - 70.0 * (panel.lines.len() - 1 - number) as f64, line.name);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"16\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>");
    }
    let first = panel.lines.first().map(|line| line.points.as_slice()).unwrap_or_default();
    for (policies, _) in first {
        let ((x, y), label) = (at(*policies, 0.0), short(*policies));
        let y = y + 16.0;
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{label}</text>");
    }
    svg
}

/// The next number that divides well.
fn round_up(value: f64) -> f64 {
    let scale = 10_f64.powf(value.max(1e-9).log10().floor());
    let steps = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
    scale * steps.into_iter().find(|step| *step * scale >= value).unwrap_or(10.0)
}

fn short(value: f64) -> String {
    if value >= 1e4 {
        format!("{}k", short(value / 1e3))
    } else {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}
