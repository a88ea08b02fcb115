//! The table: printed, and written into `docs/BENCHMARKS.md` between its marks.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;

use super::machine;
use super::process::workspace;

/// Where the table is.
pub const PATH: &str = "docs/BENCHMARKS.md";
const BEGIN: &str = "<!-- bench inventory: begin -->";
const END: &str = "<!-- bench inventory: end -->";

/// One line of the table.
pub struct Row {
    /// What was measured.
    pub what: String,
    /// How much it is.
    pub measured: String,
    /// What is asked for; empty for what is only told beside it.
    pub bound: String,
    /// Whether the bound holds.
    pub met: Option<bool>,
    /// What sets the limit.
    pub limit: &'static str,
}

/// What was measured until now.
pub struct Report {
    load: String,
    part: String,
    rows: Vec<(String, Row)>,
}

impl Report {
    /// Nothing yet.
    pub fn begin() -> Self {
        Self { load: machine::load(), part: String::new(), rows: Vec::new() }
    }

    /// The rows that follow are of this part.
    pub fn part(&mut self, name: &str) {
        name.clone_into(&mut self.part);
    }

    /// A figure with its bound.
    pub fn row(&mut self, what: &str, measured: String, bound: &str, met: bool, limit: &'static str) {
        self.add(Row { what: what.to_owned(), measured, bound: bound.to_owned(), met: Some(met), limit });
    }

    /// A figure that is told beside others.
    pub fn note(&mut self, what: &str, measured: String) {
        self.add(Row { what: what.to_owned(), measured, bound: String::new(), met: None, limit: "" });
    }

    fn add(&mut self, row: Row) {
        let bound = if row.bound.is_empty() { String::new() } else { format!(" (bound: {})", row.bound) };
        let verdict = match row.met {
            Some(true) => " ✓",
            Some(false) => " ✗ missed",
            None => "",
        };
        println!("  {}: {}{bound}{verdict}", row.what, row.measured);
        self.rows.push((self.part.clone(), row));
    }

    /// The table with the machine above it.
    pub fn text(&self) -> String {
        let mut out = format!(
            "Measured on: {}. Load average at the start: {}.\n\n\
             | what | measured | bound | met | `./dev bench inventory` | what limits it |\n|---|---|---|---|---|---|\n",
            machine::describe(),
            self.load
        );
        for (part, row) in &self.rows {
            let met = match row.met {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "",
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                out,
                "| {} | {} | {} | {met} | `--only {part}` | {} |",
                row.what, row.measured, row.bound, row.limit
            );
        }
        out
    }

    /// Puts the table into the page.
    pub fn write(&self) -> anyhow::Result<PathBuf> {
        let path = workspace().join(PATH);
        let page = std::fs::read_to_string(&path).with_context(|| format!("{PATH} cannot be read"))?;
        let (before, rest) = page.split_once(BEGIN).with_context(|| format!("{PATH} has no {BEGIN}"))?;
        let (_, after) = rest.split_once(END).with_context(|| format!("{PATH} has no {END}"))?;
        std::fs::write(&path, format!("{before}{BEGIN}\n{}{END}{after}", self.text()))?;
        Ok(path)
    }
}

/// Seconds with two digits after the point.
pub fn seconds(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

/// KiB as MiB.
pub fn mebibytes(kib: u64) -> String {
    format!("{} MiB", kib.div_ceil(1024))
}
