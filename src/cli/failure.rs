//! Why a command failed, what is printed of it, and which exit code it gives.

use std::fmt::Write as _;

use super::problem::Problem;
use super::terminal::{Palette, Tone, harmless};

/// All went well.
pub const EXIT_OK: u8 = 0;
/// The command failed, for a reason without a code of its own.
pub const EXIT_FAILED: u8 = 1;
/// `diff`: something would change. What else would be 1 is 2 there, as with other programs of that name.
pub const EXIT_DIFFERS: u8 = 1;
/// The command line is wrong: an unknown option, filter or value, or a name that several objects have.
pub const EXIT_USAGE: u8 = 2;
/// Nobody is signed in, or who is signed in may not do this.
pub const EXIT_DENIED: u8 = 3;
/// What was asked for does not exist, or is not visible.
pub const EXIT_NOT_FOUND: u8 = 4;
/// It exists already, or it was changed meanwhile.
pub const EXIT_CONFLICT: u8 = 5;
/// The server does not answer, is not trusted, or is not ready.
pub const EXIT_UNREACHABLE: u8 = 6;
/// Ctrl-C.
pub const EXIT_INTERRUPTED: u8 = 130;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server answered with a problem.
    Problem(Box<Problem>),
    /// The server was not reached.
    Unreachable { server: String, why: String, mend: Option<String> },
    /// There is no token for the server.
    NotSignedIn { server: String },
    /// Nothing has this name or id.
    NotFound { what: String, mend: Option<String> },
    /// The command line is wrong.
    Usage { what: String, mend: Option<String> },
    /// It failed, and why is a story of its own.
    Because { what: String, why: String, mend: Option<String> },
    /// Any other failure.
    Failed { what: String, mend: Option<String> },
    /// A file asks for another value of what cannot be changed; the API's word for it.
    Fixed { member: &'static str },
    /// `diff` found that something would change, which is an answer.
    Differs,
    /// Everything that has to be said was said; only the code is left.
    Said(u8),
    /// The reader of our output went away, which is its right.
    PipeClosed,
}

impl Failure {
    /// A failure without advice.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Failure::Failed { what: what.into(), mend: None }
    }

    /// A failure with advice.
    pub(crate) fn failed_mend(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Failure::Failed { what: what.into(), mend: Some(mend.into()) }
    }

    /// A wrong command line.
    pub(crate) fn usage(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Failure::Usage { what: what.into(), mend: Some(mend.into()) }
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Problem(problem) => problem.exit_code(),
            Failure::Unreachable { .. } => EXIT_UNREACHABLE,
            Failure::NotSignedIn { .. } => EXIT_DENIED,
            Failure::NotFound { .. } => EXIT_NOT_FOUND,
            Failure::Usage { .. } => EXIT_USAGE,
            Failure::Fixed { .. } => EXIT_USAGE,
            Failure::Failed { .. } | Failure::Because { .. } => EXIT_FAILED,
            Failure::Differs => EXIT_DIFFERS,
            Failure::Said(code) => *code,
            Failure::PipeClosed => EXIT_OK,
        }
    }

    /// What is printed to standard error; `None` when nothing is to be said.
    pub(crate) fn message(&self, palette: Palette) -> Option<String> {
        match self {
            Failure::Problem(problem) => Some(problem.message(palette)),
            Failure::Unreachable { server, why, mend } => Some(told(
                palette,
                &format!("The server at {server} cannot be reached."),
                &[("why", Some(why.as_str())), ("mend", mend.as_deref())],
            )),
            Failure::NotSignedIn { server } => Some(told(
                palette,
                &format!("You are not signed in at {server}."),
                &[("mend", Some(&format!("Run `spandrel login --server {server}`, or set SPANDREL_TOKEN.")))],
            )),
            Failure::Because { what, why, mend } => {
                Some(told(palette, what, &[("why", Some(why.as_str())), ("mend", mend.as_deref())]))
            }
            Failure::NotFound { what, mend } | Failure::Usage { what, mend } | Failure::Failed { what, mend } => {
                Some(told(palette, what, &[("mend", mend.as_deref())]))
            }
            Failure::Fixed { member } => Some(told(palette, &format!("`{member}` cannot be changed."), &[])),
            Failure::Differs | Failure::Said(_) | Failure::PipeClosed => None,
        }
    }
}

/// The form of every error: a sentence, then what belongs to it, one line each.
pub(crate) fn told(palette: Palette, what: &str, details: &[(&str, Option<&str>)]) -> String {
    let mut text = format!("{} {}", palette.paint(Tone::Bad, "error:"), harmless(what));
    for (label, detail) in details {
        let Some(detail) = detail.filter(|detail| !detail.is_empty()) else { continue };
        for (index, line) in detail.lines().enumerate() {
            let label = if index == 0 { format!("{label}:") } else { String::new() };
            let _ = write!(text, "\n  {} {}", palette.paint(Tone::Quiet, &format!("{label:<8}")), harmless(line));
        }
    }
    text
}
