//! The inventory's figures: `./dev bench inventory` → `docs/BENCHMARKS.md`.
//!
//! Runs the gateway as an operator does, against the simulated vCenter, and measures it from outside: times by the clock,
//! processor time and memory as the kernel counts them for the process. Where a figure is a ratio, what it is compared with
//! is measured in the same run. The parts that need a process of their own (a raw client, a bare server) are this program
//! again, called with the part's name.

#![allow(missing_docs, reason = "a program has no readers of its documentation")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to the person who started it")]

mod authorization;
mod bare;
mod baseline;
mod changes;
mod first_load;
mod fleet;
mod gateway;
mod machine;
mod process;
mod providers;
mod reads;
mod report;
mod restart;
mod simulator;
mod stream;
mod watchers;

use std::time::Duration;

use anyhow::{Context as _, bail};

use self::report::Report;

/// What is measured, and how large.
pub struct Plan {
    /// Sizes so small that the figures say nothing, to see that all of it works.
    pub quick: bool,
    /// Machines of the first load and of what follows it.
    pub machines: usize,
    /// Machines of the large inventory.
    pub many_machines: usize,
}

impl Plan {
    fn new(quick: bool) -> Self {
        let of = |quick_size, full_size| if quick { quick_size } else { full_size };
        Self { quick, machines: of(2_000, 40_000), many_machines: of(5_000, 100_000) }
    }

    /// How long something is measured.
    pub fn seconds(&self, full: u64) -> Duration {
        if self.quick { Duration::from_secs(full.div_ceil(10)) } else { Duration::from_secs(full) }
    }
}

/// The parts, in their order.
const PARTS: &[&str] = &["first-load", "changes", "watchers", "restart", "authorization", "reads", "providers"];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.first().map(String::as_str) {
        Some("raw-client") => runtime.block_on(baseline::raw_client()),
        Some("decoding-client") => runtime.block_on(baseline::decoding_client()),
        Some("bare-server") => runtime.block_on(bare::serve()),
        _ => runtime.block_on(measure(&arguments)),
    }
}

async fn measure(arguments: &[String]) -> anyhow::Result<()> {
    let mut quick = false;
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--only" => {
                let names = rest.next().context("--only needs the names of parts, separated by commas")?;
                parts.extend(names.split(','));
            }
            other => bail!("{other} is not known; there are --quick and --only {}", PARTS.join(",")),
        }
    }
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(part)) {
        bail!("there is no part {unknown}; there are: {}", PARTS.join(", "));
    }
    let whole = parts.is_empty() && !quick;
    let plan = Plan::new(quick);
    let mut report = Report::begin();
    for part in PARTS.iter().filter(|part| parts.is_empty() || parts.contains(part)) {
        println!("· {part}");
        report.part(part);
        match *part {
            "first-load" => first_load::measure(&plan, &mut report).await?,
            "changes" => changes::measure(&plan, &mut report).await?,
            "watchers" => watchers::measure(&plan, &mut report).await?,
            "restart" => restart::measure(&plan, &mut report).await?,
            "authorization" => authorization::measure(&plan, &mut report)?,
            "reads" => reads::measure(&plan, &mut report).await?,
            "providers" => providers::measure(&plan, &mut report).await?,
            _ => {}
        }
    }
    println!("\n{}", report.text());
    if whole {
        let path = report.write()?;
        println!("written to {}", path.display());
    } else {
        println!("only a whole run at full size is written to {}", report::PATH);
    }
    Ok(())
}
