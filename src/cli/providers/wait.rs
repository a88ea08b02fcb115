//! Waiting for a provider: a progress line while it loads, then its outcome.

use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::view::{endpoints, overall, progress, source_line, sources, trust_command};
use super::{name, path};
use crate::cli::failure::Failure;
use crate::cli::human::now;
use crate::cli::listen_for_interrupt;
use crate::cli::session::Session;
use crate::cli::terminal::{Palette, harmless};

/// How often a provider is looked at.
const POLL: Duration = Duration::from_millis(400);

/// How long the gateway may take to act on what it was told: until then, what is shown may be from before.
const ACT: Duration = Duration::from_secs(30);

/// How long `add` without `--wait` looks for a first sign.
const FIRST_SIGN: Duration = Duration::from_secs(3);

/// Whether and how long to wait.
#[derive(Args, Clone, Copy, Debug)]
pub struct WaitArgs {
    /// Wait until the outcome is known, and show the progress. Fails when the outcome is bad.
    #[arg(long)]
    pub(in crate::cli) wait: bool,
    /// Give up waiting after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, requires = "wait")]
    pub(super) wait_timeout: u64,
}

impl WaitArgs {
    /// What is left of it after some time.
    pub(in crate::cli) fn less(self, spent: Duration) -> Self {
        Self { wait_timeout: self.wait_timeout.saturating_sub(spent.as_secs()), ..self }
    }
}

/// What is known of how a provider ends up.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// It goes on.
    Pending,
    /// Everything is live.
    Live,
    /// It will not get live by itself soon. Why, a line for each source.
    Bad(Vec<String>),
}

/// What the state of a provider means for who waits. `before` is the provider as it was before it was acted on.
fn outcome(provider: &Value, before: Option<&Value>) -> Outcome {
    let unchanged = before.is_some_and(|before| {
        sources(before).iter().map(|source| &source["sync"]).eq(sources(provider).iter().map(|source| &source["sync"]))
    });
    if unchanged {
        return Outcome::Pending;
    }
    match overall(provider) {
        "live" | "lagging" => Outcome::Live,
        "disabled" => Outcome::Bad(vec!["It is disabled.".to_owned()]),
        "removing" => Outcome::Bad(vec!["It is being removed.".to_owned()]),
        "unreachable" => {
            // Other sources may still be on their way; their outcome belongs to the answer.
            let on_its_way =
                |source: &&Value| matches!(source["sync"]["state"].as_str(), Some("connecting" | "loading") | None);
            if sources(provider).iter().any(|source| on_its_way(&source)) {
                return Outcome::Pending;
            }
            Outcome::Bad(reasons(provider))
        }
        _ => Outcome::Pending,
    }
}

/// Why sources are unreachable, a line each.
fn reasons(provider: &Value) -> Vec<String> {
    unreachable(provider)
        .map(|source| {
            let sync = &source["sync"];
            let endpoint = source["endpoint"].as_str().unwrap_or("-");
            match sync["message"].as_str().or(sync["reason"].as_str()) {
                // Most messages name the endpoint themselves.
                Some(why) if why.contains(endpoint) => why.to_owned(),
                Some(why) => format!("{endpoint}: {why}"),
                None => format!("{endpoint} cannot be reached."),
            }
        })
        .collect()
}

/// What can be done about it, in terms of commands.
fn advice(provider: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for source in unreachable(provider) {
        let sync = &source["sync"];
        if let Some(thumbprint) = sync["presented_thumbprint"].as_str() {
            if !sync["message"].as_str().is_some_and(|message| message.contains(thumbprint)) {
                lines.push(format!("Its certificate has the SHA-256 fingerprint {thumbprint}"));
            }
            lines.push(format!("If that is right, trust it: {}", trust_command(provider, thumbprint)));
        } else if sync["reason"] == "credentials_refused" {
            let shown = super::view::quoted(&name(provider));
            if provider["username"].is_string() {
                lines.push(format!("Give the right password: spandrel provider edit {shown} --new-password"));
                lines.push(format!("Or another user: spandrel provider edit {shown} --username NAME"));
            } else {
                lines.push(format!("Give user and password: spandrel provider edit {shown} --username NAME"));
            }
        }
    }
    lines.dedup();
    lines
}

fn unreachable(provider: &Value) -> impl Iterator<Item = &Value> {
    sources(provider).iter().filter(|source| source["sync"]["state"] == "unreachable")
}

async fn look(provider: &Value, session: &Session) -> Result<Value, Failure> {
    Ok(session.client.get(&path(provider), &[]).await?.body)
}

/// The provider before an edit, to wait for what becomes of it. An edit that changed nothing has no outcome of its own: then
/// what is shown holds already.
pub(super) fn edited<'a>(before: &'a Value, after: &Value) -> Option<&'a Value> {
    Some(before).filter(|before| before["generation"] != after["generation"])
}

/// Waits if it was asked for.
pub(super) async fn if_asked(
    args: WaitArgs,
    provider: &Value,
    before: Option<&Value>,
    session: &mut Session,
) -> Result<(), Failure> {
    if args.wait { until_live(args, provider, before, session).await } else { Ok(()) }
}

/// Waits until a provider is live, or until it is known that it will not be.
pub(in crate::cli) async fn until_live(
    args: WaitArgs,
    provider: &Value,
    before: Option<&Value>,
    session: &mut Session,
) -> Result<(), Failure> {
    listen_for_interrupt();
    let started = Instant::now();
    let mut line = Line::new(session.terminal.err_is_terminal);
    loop {
        let seen = look(provider, session).await?;
        let before = before.filter(|_| started.elapsed() < ACT);
        match outcome(&seen, before) {
            Outcome::Live => {
                line.end();
                let count: usize = sources(&seen).len();
                let of = if count > 1 { format!(" with its {count} endpoints") } else { String::new() };
                session.terminal.note(&format!(
                    "{} is live{of}, after {:.1} s.",
                    name(&seen),
                    started.elapsed().as_secs_f32()
                ));
                return Ok(());
            }
            Outcome::Bad(why) => {
                line.end();
                return Err(Failure::Because {
                    what: format!("{} is not live.", name(&seen)),
                    why: why.join("\n"),
                    mend: Some(advice(&seen).join("\n")),
                });
            }
            Outcome::Pending => {
                if let Some(text) = line.show(&seen) {
                    session.terminal.note(&text);
                }
            }
        }
        if started.elapsed() >= Duration::from_secs(args.wait_timeout) {
            line.end();
            return Err(Failure::failed_mend(
                format!("{} is not live after {} s.", name(&seen), args.wait_timeout),
                format!(
                    "It goes on by itself. `spandrel provider get {}` shows how far it is.",
                    super::view::quoted(&name(&seen))
                ),
            ));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until a provider is gone.
pub(super) async fn until_gone(args: WaitArgs, provider: &Value, session: &mut Session) -> Result<(), Failure> {
    listen_for_interrupt();
    let started = Instant::now();
    let mut line = Line::new(session.terminal.err_is_terminal);
    loop {
        match look(provider, session).await {
            Err(Failure::Problem(problem)) if problem.status == 404 => {
                line.end();
                return Ok(());
            }
            Err(failure) => return Err(failure),
            Ok(seen) => {
                if let Some(text) = line.show(&seen) {
                    session.terminal.note(&text);
                }
            }
        }
        if started.elapsed() >= Duration::from_secs(args.wait_timeout) {
            line.end();
            return Err(Failure::failed(format!(
                "{} is still being removed after {} s.",
                name(provider),
                args.wait_timeout
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Looks for the first sign of a provider that was just added, so that a certificate that is not trusted is told at once.
pub(super) async fn first_sign(provider: &Value, session: &mut Session) -> Result<Value, Failure> {
    let started = Instant::now();
    loop {
        let seen = look(provider, session).await?;
        if overall(&seen) != "connecting" || started.elapsed() >= FIRST_SIGN {
            return Ok(seen);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The progress line: drawn in place at a terminal, a line for each change of state elsewhere.
struct Line {
    bar: Option<ProgressBar>,
    told: String,
}

impl Line {
    fn new(is_terminal: bool) -> Self {
        let bar = is_terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, told: String::new() }
    }

    /// Shows how far it is. Gives the line to print where nothing can be drawn.
    fn show(&mut self, provider: &Value) -> Option<String> {
        let state = overall(provider);
        match &self.bar {
            Some(bar) => {
                // Before anything is drawn in the new form.
                bar.set_message(format!("{} is {state}{}", name(provider), several(provider)));
                match progress(provider) {
                    Some((loaded, Some(expected))) => {
                        bar.set_style(style("{spinner} {msg} [{bar:30}] {pos} of {len}"));
                        bar.set_length(expected.max(loaded));
                        bar.set_position(loaded);
                    }
                    Some((loaded, None)) => {
                        bar.set_style(style("{spinner} {msg} {pos} objects"));
                        bar.set_position(loaded);
                    }
                    None => bar.set_style(style("{spinner} {msg}")),
                }
                None
            }
            None => {
                let text = format!("{} is {state}{}", name(provider), several(provider));
                (text != self.told).then(|| {
                    self.told.clone_from(&text);
                    text
                })
            }
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Ctrl-C leaves no half line behind.
impl Drop for Line {
    fn drop(&mut self) {
        self.end();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()).progress_chars("━╸ ")
}

/// With several endpoints: how many of them are live.
fn several(provider: &Value) -> String {
    let all = sources(provider);
    if all.len() < 2 {
        return String::new();
    }
    let live = all.iter().filter(|source| source["sync"]["state"] == "live").count();
    format!(" ({live} of {} endpoints live)", all.len())
}

/// What `add` says when it does not wait.
pub(super) fn tell_first_sign(provider: &Value, session: &mut Session) {
    let shown = super::view::quoted(&name(provider));
    match overall(provider) {
        "unreachable" => {
            session.terminal.note(&format!("It is added, but {} cannot be reached:", harmless(&endpoints(provider))));
            for line in reasons(provider).into_iter().chain(advice(provider)) {
                session.terminal.note(&format!("  {}", harmless(&line)));
            }
        }
        _ => {
            let now = now();
            let plain = Palette { coloured: session.terminal.err_palette.coloured };
            for source in sources(provider) {
                let endpoint = harmless(source["endpoint"].as_str().unwrap_or("-"));
                session.terminal.note(&format!("  {endpoint}  {}", source_line(source, plain, now)));
            }
            session.terminal.note(&format!("`spandrel provider get {shown}` shows how far it is."));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn provider(states: &[&str]) -> Value {
        let sources: Vec<Value> = states
            .iter()
            .map(|state| json!({"endpoint": "vc:1", "sync": {"state": state, "since": "2026-11-26T10:00:00Z"}}))
            .collect();
        json!({"id": "p", "name": "lab", "enabled": true, "sources": sources})
    }

    #[test]
    fn the_outcome_is_known_when_every_source_has_one() {
        assert_eq!(outcome(&provider(&["live", "live"]), None), Outcome::Live);
        assert_eq!(outcome(&provider(&["lagging"]), None), Outcome::Live);
        assert_eq!(outcome(&provider(&["loading"]), None), Outcome::Pending);
        assert_eq!(outcome(&provider(&[]), None), Outcome::Pending);
        assert_eq!(outcome(&provider(&["unreachable", "loading"]), None), Outcome::Pending);
        assert!(matches!(outcome(&provider(&["unreachable", "live"]), None), Outcome::Bad(why) if why.len() == 1));
    }

    #[test]
    fn what_was_so_before_is_no_outcome() {
        let before = provider(&["unreachable"]);
        assert_eq!(outcome(&before, Some(&before)), Outcome::Pending);
        let mut after = before.clone();
        after["sources"][0]["sync"]["since"] = json!("2026-11-26T10:00:09Z");
        assert!(matches!(outcome(&after, Some(&before)), Outcome::Bad(_)));
    }

    #[test]
    fn a_refused_password_comes_with_the_command_that_gives_another() {
        let mut provider = provider(&["unreachable"]);
        provider["sources"][0]["sync"]["reason"] = json!("credentials_refused");
        assert_eq!(advice(&provider), ["Give user and password: spandrel provider edit lab --username NAME"]);
        provider["username"] = json!("reader");
        assert_eq!(advice(&provider)[0], "Give the right password: spandrel provider edit lab --new-password");
    }

    #[test]
    fn an_untrusted_certificate_comes_with_the_command_that_trusts_it() {
        let mut provider = provider(&["unreachable"]);
        provider["sources"][0]["sync"]["message"] = json!("Its certificate is not trusted.");
        provider["sources"][0]["sync"]["presented_thumbprint"] = json!("AB:CD");
        assert_eq!(reasons(&provider), ["vc:1: Its certificate is not trusted."]);
        let command = "If that is right, trust it: spandrel provider trust lab --thumbprint AB:CD";
        assert_eq!(advice(&provider), ["Its certificate has the SHA-256 fingerprint AB:CD", command]);
        // What the message says already is not said again.
        provider["sources"][0]["sync"]["message"] = json!("the certificate AB:CD of vc:1 is not trusted");
        assert_eq!(reasons(&provider), ["the certificate AB:CD of vc:1 is not trusted"]);
        assert_eq!(advice(&provider), [command]);
    }
}
