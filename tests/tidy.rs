//! The architecture's own test: what `docs/ARCHITECTURE.md` promises and no compiler checks.
//!
//! Each family of rules is a module with one `faults` function over plain values, used twice: on the real tree, where it
//! must find nothing, and on small bad samples, where it must find exactly what is wrong. A rule whose sample is not
//! refused is no rule.

#![allow(clippy::unwrap_used, reason = "a rule that cannot read the tree fails, as a test should")]

#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/lexer.rs"]
mod lexer;
#[path = "tidy/packages.rs"]
mod packages;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/tree.rs"]
mod tree;

/// Fails with one line per fault.
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n{} faults", faults.join("\n"), faults.len());
}
