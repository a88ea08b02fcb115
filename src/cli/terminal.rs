//! Where the client writes: standard output for answers, standard error for everything else.
//!
//! Colour is used only for a terminal, or when it is asked for. What comes from a platform is never written as it is: a
//! machine may be named with an escape sequence.

use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::Table;

use super::failure::Failure;

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    /// For a terminal, unless NO_COLOR is set or CLICOLOR is 0.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a piece of text means, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Broken.
    Bad,
    /// Off, on purpose.
    Quiet,
    /// Not known.
    Unknown,
    /// A heading.
    Strong,
    /// Nothing special.
    Plain,
}

impl Tone {
    /// The meaning of a state word of any noun.
    pub(crate) fn of_state(word: &str) -> Self {
        match word {
            "running" | "connected" | "accessible" | "active" | "live" | "ok" => Tone::Good,
            "suspended" | "paused" | "maintenance" | "loading" | "connecting" | "lagging" | "removing" => Tone::Warning,
            "crashed" | "unreachable" | "not_responding" | "inaccessible" | "orphaned" | "invalid" | "disconnected"
            | "failed" => Tone::Bad,
            "stopped" | "disabled" | "inactive" => Tone::Quiet,
            "unknown" => Tone::Unknown,
            _ => Tone::Plain,
        }
    }

    const fn sgr(self) -> &'static str {
        match self {
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
            Tone::Quiet => "2",
            Tone::Unknown => "35",
            Tone::Strong => "1",
            Tone::Plain => "",
        }
    }
}

/// Colours texts, or leaves them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Palette {
    pub(crate) coloured: bool,
}

impl Palette {
    /// The text in the colour of its meaning.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if self.coloured && tone != Tone::Plain && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", tone.sgr())
        } else {
            text.to_owned()
        }
    }
}

/// What decides about colours, read from the environment once.
#[derive(Clone, Debug, Default)]
pub(crate) struct ColourEnvironment {
    no_color: bool,
    clicolor_off: bool,
    clicolor_force: bool,
    dumb: bool,
}

impl ColourEnvironment {
    fn read() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        Self {
            no_color: set("NO_COLOR").is_some(),
            clicolor_off: set("CLICOLOR").is_some_and(|value| value == "0"),
            clicolor_force: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb: set("TERM").is_some_and(|value| value == "dumb"),
        }
    }

    /// The flag wins over the environment; NO_COLOR wins over CLICOLOR_FORCE.
    fn decide(&self, choice: ColourChoice, is_terminal: bool) -> bool {
        match choice {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto if self.no_color => false,
            ColourChoice::Auto if self.clicolor_force => true,
            ColourChoice::Auto => is_terminal && !self.clicolor_off && !self.dumb,
        }
    }
}

/// The two outputs of the client.
pub(crate) struct Terminal {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// Colours of standard output.
    pub(crate) palette: Palette,
    /// Colours of standard error.
    pub(crate) err_palette: Palette,
    /// Whether standard error is a terminal: progress is drawn there.
    pub(crate) err_is_terminal: bool,
    /// Whether a person can be asked.
    pub(crate) can_ask: bool,
    /// Columns of the terminal that standard output is; `None` when it is none.
    pub(crate) width: Option<u16>,
    /// Whether line drawing characters can be shown.
    pub(crate) unicode: bool,
}

impl Terminal {
    /// The terminal, or whatever the outputs were redirected to.
    pub(crate) fn open(choice: ColourChoice) -> Self {
        let environment = ColourEnvironment::read();
        let out_is_terminal = io::stdout().is_terminal();
        let err_is_terminal = io::stderr().is_terminal();
        Self {
            // One write for each line or table, so that a reader of a pipe sees a change when it happens.
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            palette: Palette { coloured: environment.decide(choice, out_is_terminal) },
            err_palette: Palette { coloured: environment.decide(choice, err_is_terminal) },
            err_is_terminal,
            can_ask: io::stdin().is_terminal() && err_is_terminal,
            width: out_is_terminal.then(|| Table::new().width()).flatten(),
            unicode: unicode_locale(|name| env::var(name).ok()),
        }
    }

    #[cfg(test)]
    pub(crate) fn test(out: impl Write + 'static, err: impl Write + 'static) -> Self {
        let plain = Palette { coloured: false };
        Self {
            out: Box::new(out),
            err: Box::new(err),
            palette: plain,
            err_palette: plain,
            err_is_terminal: false,
            can_ask: false,
            width: None,
            unicode: true,
        }
    }

    /// Writes one line, or a text of several, to standard output.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.raw(format!("{text}\n").as_bytes())
    }

    /// Writes bytes to standard output as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).and_then(|()| self.out.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::PipeClosed,
            _ => Failure::failed(format!("The output cannot be written: {error}.")),
        })
    }

    /// Writes a line to standard error. That nobody reads it is no failure.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = self.err.write_all(format!("{text}\n").as_bytes()).and_then(|()| self.err.flush());
    }

    /// Writes to standard error without ending the line.
    pub(crate) fn ask(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
    }
}

/// Whether the locale says that characters beyond ASCII can be shown. Without any locale they can: most terminals do.
fn unicode_locale(variable: impl Fn(&str) -> Option<String>) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|value| !value.is_empty())).is_none_or(
        |locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8") || locale == "c" || locale == "posix"
        },
    )
}

/// The text with everything that could act on a terminal written out: control characters and marks that turn the direction.
pub(crate) fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        let acts = character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if acts {
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_colour(environment: &ColourEnvironment, choice: ColourChoice, is_terminal: bool, expected: bool) {
        assert_eq!(environment.decide(choice, is_terminal), expected);
    }

    #[test]
    fn colour_obeys_flag_environment_and_terminal() {
        let none = ColourEnvironment::default();
        let no_color = ColourEnvironment { no_color: true, clicolor_force: true, ..ColourEnvironment::default() };
        let off = ColourEnvironment { clicolor_off: true, ..ColourEnvironment::default() };
        let force = ColourEnvironment { clicolor_force: true, ..ColourEnvironment::default() };
        let dumb = ColourEnvironment { dumb: true, ..ColourEnvironment::default() };
        check_colour(&none, ColourChoice::Auto, true, true);
        check_colour(&none, ColourChoice::Auto, false, false);
        check_colour(&none, ColourChoice::Never, true, false);
        check_colour(&no_color, ColourChoice::Auto, true, false);
        check_colour(&no_color, ColourChoice::Always, false, true);
        check_colour(&off, ColourChoice::Auto, true, false);
        check_colour(&force, ColourChoice::Auto, false, true);
        check_colour(&dumb, ColourChoice::Auto, true, false);
    }

    #[test]
    fn names_cannot_act_on_the_terminal() {
        assert_eq!(harmless("web\x1b[2J\n"), "web\\u{1b}[2J\\u{a}");
        assert_eq!(harmless("a\u{202e}b\u{9b}31m"), "a\\u{202e}b\\u{9b}31m");
        assert_eq!(harmless("Übung 试验"), "Übung 试验");
    }

    #[test]
    fn the_locale_decides_about_line_drawing() {
        let locale = |value: &'static str| unicode_locale(move |name| (name == "LANG").then(|| value.to_owned()));
        assert!(locale("de_DE.UTF-8"));
        assert!(!locale("de_DE.ISO-8859-1"));
        assert!(unicode_locale(|_| None));
    }
}
