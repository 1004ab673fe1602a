//! `docs/benchmarks.md` and its pictures, from the figures of a run. Pure: the same figures give the same page.

use std::fmt::Write as _;

use super::{
    PERCENT,
    chart::{Line, Panel, picture},
    goals::{goals, idle_memory},
    report::{Growth, Measured, Report, median},
};
use crate::reference::Document;

/// Where the figures are.
pub const FIGURES: &str = "docs/benchmarks.json";

/// The page and what it shows.
#[must_use]
pub fn documents(report: &Report) -> Vec<Document> {
    vec![
        Document { path: "docs/benchmarks.md", text: page(report) },
        Document { path: "docs/benchmarks-growth.svg", text: picture(&panels(&report.growth)) },
    ]
}

fn page(report: &Report) -> String {
    let mut page = format!(
        "<!-- Generated from `{FIGURES}` by `cargo xtask bless`, and the figures by `cargo xtask bench`. Changes made here \
         are lost. -->\n\n# Benchmarks\n\n"
    );
    let _ = writeln!(page, "{}\n\n## Goals\n", introduction(report));
    page += "| figure | goal | measured | |\n| --- | --- | --- | --- |\n";
    for goal in goals() {
        let (value, verdict) = match goal.measured(report) {
            Some(value) => (goal.shown(value), if goal.is_met_by(value) { "met" } else { "**missed**" }),
            None => ("not measured".to_owned(), ""),
        };
        let _ = writeln!(page, "| {} | {} | {value} | {verdict} |", goal.figure, goal.shown_bound());
    }
    page += "\n## Throughput\n\n";
    page += THROUGHPUT;
    page += "\n\n| contender | rule | isolation | of native | answers/s | memory |\n| --- | --- | --- | --- | --- | --- |\n";
    for one in &report.contenders {
        page += &throughput(report, one);
    }
    for missing in &report.missing {
        let _ = writeln!(page, "\n{} did not take part: {}.", missing.name, missing.why.trim_end_matches('.'));
    }
    for failing in report.contenders.iter().filter(|one| one.failed > 0) {
        let _ = writeln!(page, "\n{} answers of {} were failures.", failing.failed, failing.name);
    }
    page += "\n## Latency\n\n";
    page += LATENCY;
    page += "\n\n| contender | rule |";
    PERCENT.iter().for_each(|percent| page += &format!(" at {percent} % |"));
    page += "\n| --- | --- | --- | --- | --- | --- |\n";
    for one in &report.contenders {
        page += &latency(one);
    }
    if !report.growth.is_empty() {
        page += &growth(report);
    }
    page + TRIED
}

const THROUGHPUT: &str = "\
Each connection asks as soon as it is answered. *of native* is the throughput in terms of the native handler's of the same
rule in the same round: the median of all rounds, and the lowest and the highest. The memory is what is resident after all
load; the engine of Berth keeps what was touched by instances for those to come.";

const LATENCY: &str = "\
Requests are sent at a constant rate, a share of what the contender answered under full load, whether answers come or not.
A time counts from when its request was to be sent, so that who stalls pays for all that waited. Microseconds: half of the
requests / 99 of 100 / 999 of 1000 were answered within; each the median of all rounds.";

const GROWTH: &str = "\
The example by-model in Rust, ten policies to a tenant, all asked in turn; up to 1000 each is a component of its own, beyond
that several are the same. *cold* is a start at which every component is compiled, *warm* one that finds them compiled; both
run every check of every policy and end when all serve. *each* is what every policy but the first adds to the idle server's
memory beyond its compiled code.
*new* and *back* are times from the rename of a component to its first decision, of a version never seen before and of one
that has been compiled; the server is asked about a thousand times a second meanwhile.";

const TRIED: &str = include_str!("tried.md");

fn introduction(report: &Report) -> String {
    let (machine, effort) = (&report.machine, &report.effort);
    format!(
        "One run of `cargo xtask bench` on {} processors ({}), {} GiB of memory, Linux {}, {}. Server and load share the \
         processors, so ratios tell more than absolute figures. All contenders got the same bodies of DPS on {} \
         connections and gave the same answers, which was checked. They took turns: {} rounds of {} s each for throughput, \
         {} of {} s at each rate for latency. Berth is `berth serve` as `cargo xtask dist` makes it, \
         compiled by what it was seen to do with these bodies, with its defaults, everything on: keys, limits, checks of \
         answers, metrics, log; each decision has an instance of its own. The native handler is axum with the rule compiled in \
         and nothing else, built likewise; wasmtime and the host of Extism are built by cargo as releases, and Node and OPA \
         are as their makers publish them. Node and OPA pick the first hub that will do, the others rank them as the SDK does; \
         the bodies leave one. What Berth spends the time of a decision on is shown by `cargo xtask profile`.",
        machine.processors,
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        machine.rustc,
        effort.connections,
        effort.rounds,
        effort.seconds,
        effort.latency_rounds,
        effort.latency_seconds,
    )
}

fn throughput(report: &Report, one: &Measured) -> String {
    let ceiling = report.find(&format!("native-{}", one.rule));
    let ratios = ceiling.map(|ceiling| one.ratios_to(ceiling)).unwrap_or_default();
    let (low, high) = extent(&ratios);
    let (slow, fast) = extent(&one.throughput);
    format!(
        "| {} {} | {} | {} | **{:.3}** ({low:.3}–{high:.3}) | {:.0} ({slow:.0}–{fast:.0}) | {} |\n",
        one.name,
        one.version,
        one.rule,
        one.isolation,
        median(&ratios),
        median(&one.throughput),
        mib(one.memory)
    )
}

fn latency(one: &Measured) -> String {
    let mut row = format!("| {} | {} |", one.name, one.rule);
    for percent in PERCENT {
        match one.at(percent) {
            Some(at) => {
                let [half, most, nearly] = [&at.p50, &at.p99, &at.p999].map(|values| median(values));
                row += &format!(" {half:.0} / {most:.0} / {nearly:.0} |");
            }
            None => row += " |",
        }
    }
    row + "\n"
}

fn growth(report: &Report) -> String {
    let mut text = format!("\n## Growth\n\n{GROWTH}\n\n![Curves of the table below](benchmarks-growth.svg)\n\n");
    text += "| policies | answers/s | of one | cold start | warm start | idle memory | each | new | back |\n";
    text += "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for growth in &report.growth {
        let each = idle_memory(report, growth);
        let kib = |value: f64| format!("{value:.0} KiB");
        text += &format!(
            "| {} | {:.0} | {:.2} | {} | {} | {} | {} | {:.0} ms | {:.0} ms |\n",
            growth.policies,
            median(&growth.throughput),
            median(&relative(&report.growth, growth)),
            growth.cold_ms.map_or("–".to_owned(), seconds),
            seconds(growth.warm_ms),
            mib(growth.idle_memory),
            each.map_or("–".to_owned(), kib),
            median(&growth.new_ms),
            median(&growth.back_ms),
        );
    }
    for failing in report.growth.iter().filter(|growth| growth.failed > 0) {
        text += &format!("\n{} answers with {} policies were failures.\n", failing.failed, failing.policies);
    }
    if let Some(first) = report.growth.first() {
        let [component, code] = [first.component, first.code].map(|bytes| bytes as f64 / 1024.0);
        text += &format!("\nThe component has {component:.0} KiB, and its compiled code {code:.0} KiB.\n");
    }
    if let Some(reload) = &report.reload {
        let component = reload.component as f64 / 1024.0;
        let [new, back] = [&reload.new_ms, &reload.back_ms].map(|times| median(times));
        text +=
            &format!("\nOf by-suffix, which has {component:.0} KiB, *new* is {new:.0} ms and *back* {back:.0} ms.\n");
    }
    text
}

/// Throughput in terms of that with the fewest policies, by round.
fn relative(all: &[Growth], one: &Growth) -> Vec<f64> {
    let fewest = all.first().map(|first| first.throughput.as_slice()).unwrap_or_default();
    one.throughput.iter().zip(fewest).map(|(own, first)| own / first).collect()
}

fn panels(all: &[Growth]) -> Vec<Panel> {
    let some = |name, value: &dyn Fn(&Growth) -> Option<f64>| Line {
        name,
        points: all.iter().filter_map(|growth| Some((growth.policies as f64, value(growth)?))).collect(),
    };
    let line = |name, value: &dyn Fn(&Growth) -> f64| some(name, &|growth| Some(value(growth)));
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    vec![
        Panel {
            title: "throughput in terms of one policy's",
            lines: vec![line("", &|growth| median(&relative(all, growth)))],
        },
        Panel {
            title: "memory, MiB",
            lines: vec![line("idle", &|one| mib(one.idle_memory)), line("after load", &|one| mib(one.memory))],
        },
        Panel {
            title: "start, s",
            lines: vec![
                line("warm", &|one| one.warm_ms / 1000.0),
                some("cold", &|one| one.cold_ms.map(|ms| ms / 1000.0)),
            ],
        },
        Panel {
            title: "rename to first decision, ms",
            lines: vec![line("new", &|one| median(&one.new_ms)), line("back", &|one| median(&one.back_ms))],
        },
    ]
}

/// The lowest and the highest.
fn extent(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, 0.0), |(low, high), value| (low.min(*value), high.max(*value)))
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", (bytes + (1 << 19)) >> 20)
}

fn seconds(ms: f64) -> String {
    format!("{:.2} s", ms / 1000.0)
}
