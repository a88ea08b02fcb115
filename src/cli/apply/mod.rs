//! `apply` and `diff`: one file that says what shall be.
//!
//! What is missing is made, what differs is edited, what the file does not name is left alone. Whether something differs is
//! the server's word: each document is sent as a dry run first, and an edit that changes nothing does nothing. So all of a
//! file is checked before the first change, passwords are compared where they are kept, and applying twice does nothing.
//!
//! A kind of document is a [`Kind`] in [`KINDS`]: its members, how they become the API's bodies and where the API's members
//! stand in the file. Nothing else knows one from the other.

mod file;
mod plan;
mod provider;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use serde_yaml_ng::Mapping;

use super::failure::{EXIT_CONFLICT, EXIT_FAILED, EXIT_USAGE, Failure};
use super::output::Format;
use super::providers::{WaitArgs, until_live};
use super::session::Session;
use super::terminal::{Tone, harmless};
use file::{Mistake, Step, Text};
use plan::{Action, Plan};
use read::{Bodies, Reader, Wish, Wishes};

/// A kind of document.
struct Kind {
    /// Its word in the file.
    word: &'static str,
    /// Its word elsewhere: `provider/lab`.
    noun: &'static str,
    /// Where it is in the API: listed, made and, below it, edited; the last two also as a dry run.
    collection: &'static str,
    /// The members that a document may have.
    members: &'static [&'static str],
    /// Words that people write for a member.
    hints: &'static [(&'static str, &'static str)],
    /// The API's members that a file can set, in the order in which they are told.
    shown: &'static [&'static str],
    /// Makes the API's bodies of a document.
    read: fn(&mut Reader<'_>, name: &str) -> Bodies,
    /// Where in a document a member of the API stands.
    place: fn(member: &str, document: &Mapping) -> Vec<Step>,
    /// A member of what the API shows, in the form of the file.
    value: fn(shown: &Value, member: &str) -> Value,
    /// A test of what would be there; `None` where there is nothing to test.
    test: fn(after: &Value, changed: &[String], patch: &Value) -> Option<Test>,
    /// Whether `--wait` has something to wait for.
    waits: fn(shown: &Value) -> bool,
}

/// A connection test: where it is asked for, and with what. No `Debug`: it may hold a password.
struct Test {
    path: &'static str,
    body: Value,
}

/// Every kind of document. A list of them is applied in the file's order.
static KINDS: &[Kind] = &[provider::KIND];

/// Below `apply --help`.
pub(crate) const APPLY_HELP: &str = "\
A document is `kind: Provider` with a name and what shall be of it; members
that are left out stay as they are, and null clears. Passwords need not be in
the file: password_env names a variable, password_file a file. The whole file
is checked, and new connections are tested, before the first change.

Examples:
  spandrel apply -f first-run.yaml --wait
  spandrel diff -f first-run.yaml
  cat *.yaml | spandrel apply -f - -o json

A file to begin with:
  kind: Provider
  name: vc-1
  platform: vsphere
  endpoints: [vcenter.example]
  username: reader@vsphere.local
  password_env: VCENTER_PASSWORD";

/// Below `diff --help`.
pub(crate) const DIFF_HELP: &str = "\
Nothing is changed. The exit code is 0 when nothing would change, 1 when
something would, and above 1 when it cannot be told.

Examples:
  spandrel diff -f first-run.yaml
  spandrel diff -f first-run.yaml || spandrel apply -f first-run.yaml";

/// Options of `apply`.
#[derive(Args, Clone, Debug)]
pub struct ApplyArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Do not test connections first.
    #[arg(long)]
    no_test: bool,
    #[command(flatten)]
    wait: WaitArgs,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Options of `diff`.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    #[command(flatten)]
    file: FileArgs,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// The file.
#[derive(Args, Clone, Debug)]
struct FileArgs {
    /// YAML or JSON: several documents, or a list of them. `-` is standard input.
    #[arg(long, short, value_name = "FILE")]
    file: PathBuf,
}

/// How a document ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Created,
    Changed,
    Unchanged,
    Failed,
    NotDone,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Outcome::Created => "created",
            Outcome::Changed => "changed",
            Outcome::Unchanged => "unchanged",
            Outcome::Failed => "failed",
            Outcome::NotDone => "not_done",
        }
    }

    const fn tone(self) -> Tone {
        match self {
            Outcome::Created => Tone::Good,
            Outcome::Changed => Tone::Warning,
            Outcome::Unchanged | Outcome::NotDone => Tone::Quiet,
            Outcome::Failed => Tone::Bad,
        }
    }
}

/// Makes it so.
pub(crate) async fn apply(args: ApplyArgs, session: &mut Session) -> Result<(), Failure> {
    let (text, wishes) = read_file(&args.file, session).await?;
    let plans = plan_all(&text, &wishes, session).await?;
    if !args.no_test {
        test_all(&text, &wishes, &plans, session).await?;
    }
    let mut told = Vec::new();
    let mut waiting = Vec::new();
    let mut failed = None;
    for (wish, plan) in wishes.iter().zip(plans) {
        if failed.is_some() {
            tell(wish, Outcome::NotDone, &Plan::default(), args.output, &mut told, session)?;
            continue;
        }
        match plan::act(wish, plan, session).await {
            Ok(done) => {
                let outcome = match done.action {
                    Action::Create => Outcome::Created,
                    Action::Change => Outcome::Changed,
                    Action::Nothing => Outcome::Unchanged,
                };
                tell(wish, outcome, &done, args.output, &mut told, session)?;
                if (wish.kind.waits)(&done.after) {
                    waiting.push(done);
                }
            }
            Err(failure) => {
                tell(wish, Outcome::Failed, &Plan::default(), args.output, &mut told, session)?;
                failed = Some(failure);
            }
        }
    }
    finish(told, args.output, session)?;
    if let Some(failure) = failed {
        session.terminal.note(&format!(
            "{} is not applied to its end. What is said above is done; apply it again when the error is mended, and it goes on.",
            harmless(&text.name)
        ));
        return Err(failure);
    }
    if args.wait.wait { wait_all(args.wait, &waiting, session).await } else { Ok(()) }
}

/// Says what applying would do. [`Failure::Differs`] when it would do something.
pub(crate) async fn diff(args: DiffArgs, session: &mut Session) -> Result<(), Failure> {
    let (text, wishes) = read_file(&args.file, session).await?;
    let plans = plan_all(&text, &wishes, session).await?;
    let mut told = Vec::new();
    for (wish, plan) in wishes.iter().zip(&plans) {
        match args.output {
            Format::Json | Format::Yaml => told.push(document(wish, plan.action.planned(), plan)),
            Format::Name if plan.action != Action::Nothing => session.terminal.line(&harmless(&wish.title()))?,
            Format::Table | Format::Wide if plan.action != Action::Nothing => {
                let lines = difference(wish, plan, session);
                session.terminal.line(&lines)?;
            }
            _ => {}
        }
    }
    finish(told, args.output, session)?;
    if plans.iter().any(|plan| plan.action != Action::Nothing) {
        return Err(Failure::Differs);
    }
    session.terminal.note("Nothing would change.");
    Ok(())
}

async fn read_file(args: &FileArgs, session: &mut Session) -> Result<(Text, Vec<Wish>), Failure> {
    let text = Text::read(&args.file).await?;
    match read::wishes(&text) {
        Ok(Wishes { wishes, warnings }) => {
            for warning in warnings {
                session.terminal.note(&format!("warning: {}", harmless(&warning)));
            }
            Ok((text, wishes))
        }
        Err(mistakes) => Err(refuse(&text, "cannot be applied", &mistakes, EXIT_USAGE, session)),
    }
}

/// Says what is wrong with a file, a line for each.
fn refuse(text: &Text, what: &str, mistakes: &[Mistake], code: u8, session: &mut Session) -> Failure {
    let palette = session.terminal.err_palette;
    let name = harmless(&text.name);
    session.terminal.note(&format!("{} {name} {what}. Nothing was changed.", palette.paint(Tone::Bad, "error:")));
    for Mistake { line, message } in mistakes {
        for (index, part) in message.lines().enumerate() {
            let place = if index == 0 { format!("{name}:{line}: ") } else { "  ".to_owned() };
            session.terminal.note(&format!("  {place}{}", harmless(part)));
        }
    }
    Failure::Said(code)
}

/// Asks the server of every document what it would do. When one is refused, all that is wrong is told.
async fn plan_all(text: &Text, wishes: &[Wish], session: &mut Session) -> Result<Vec<Plan>, Failure> {
    let mut listed: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let (mut plans, mut mistakes, mut code) = (Vec::new(), Vec::new(), EXIT_CONFLICT);
    for wish in wishes {
        if !listed.contains_key(wish.kind.collection) {
            listed.insert(wish.kind.collection, plan::list(wish.kind, session).await?);
        }
        match plan::plan(wish, &listed[wish.kind.collection], session).await {
            Ok(plan) => plans.push(plan),
            Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 409 | 422) => {
                if problem.exit_code() != EXIT_CONFLICT {
                    code = EXIT_USAGE;
                }
                let member = problem.field().unwrap_or_default();
                let (line, word) = wish.place(text, member);
                let mut message = problem.sentence().replace(&format!("`{member}`"), &format!("`{word}`"));
                let allowed = problem.allowed();
                if !allowed.is_empty() {
                    message.push_str(&format!("; there are: {}", allowed.join(", ")));
                }
                mistakes.push(Mistake { line, message: format!("{}: {message}", wish.title()) });
            }
            Err(Failure::Fixed { member }) => {
                let (line, word) = wish.place(text, member);
                let message =
                    format!("{}: `{word}` cannot be changed; remove it first, or give another name", wish.title());
                mistakes.push(Mistake { line, message });
                code = EXIT_USAGE;
            }
            Err(failure) => return Err(failure),
        }
    }
    if mistakes.is_empty() {
        return Ok(plans);
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    Err(refuse(text, "cannot be applied", &mistakes, code, session))
}

/// Tests every connection that would be made differently. When one fails, all that failed is told.
async fn test_all(text: &Text, wishes: &[Wish], plans: &[Plan], session: &mut Session) -> Result<(), Failure> {
    let client = &session.client;
    let tests =
        wishes.iter().zip(plans).filter(|(_, plan)| plan.action != Action::Nothing).filter_map(|(wish, plan)| {
            let Test { path, body } = (wish.kind.test)(&plan.after, &plan.changed, &wish.patch)?;
            Some(async move { (wish, client.call(reqwest::Method::POST, path, &[], Some(&body), None).await) })
        });
    let mut mistakes = Vec::new();
    for (wish, report) in futures::future::join_all(tests).await {
        let report = report?.body;
        let checks = report["checks"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(check) = checks.iter().find(|check| check["passed"] == false) else { continue };
        let word = |name: &str| check[name].as_str().unwrap_or("-").to_owned();
        let mut message =
            format!("{}: the connection test failed at `{}`: {}", wish.title(), word("name"), word("message"));
        if let Some(fingerprint) = report["presented_thumbprint"].as_str() {
            message.push_str(&format!(
                "\nIf that is the right certificate, write into the document:\nfingerprint: {fingerprint}"
            ));
        }
        mistakes.push(Mistake { line: wish.document.line, message });
    }
    if mistakes.is_empty() {
        return Ok(());
    }
    let failure = refuse(text, "is not applied", &mistakes, EXIT_FAILED, session);
    session.terminal.note("  With --no-test it is applied all the same, and connected to as soon as that works.");
    Err(failure)
}

/// Says how a document ended up: at once for people, at the end for programs.
fn tell(
    wish: &Wish,
    outcome: Outcome,
    done: &Plan,
    format: Format,
    told: &mut Vec<Value>,
    session: &mut Session,
) -> Result<(), Failure> {
    match format {
        Format::Json | Format::Yaml => {
            told.push(document(wish, outcome.word(), done));
            Ok(())
        }
        Format::Name => session.terminal.line(&harmless(&wish.title())),
        Format::Table | Format::Wide => {
            let changed = if outcome == Outcome::Changed { format!(" ({})", words(wish, done)) } else { String::new() };
            let word = session.terminal.palette.paint(outcome.tone(), &outcome.word().replace('_', " "));
            session.terminal.line(&format!("{} {word}{changed}", harmless(&wish.title())))
        }
    }
}

fn finish(told: Vec<Value>, format: Format, session: &mut Session) -> Result<(), Failure> {
    match format {
        Format::Json | Format::Yaml => {
            let text = format.structured(&json!({"items": told}))?;
            session.terminal.line(&text)
        }
        _ => Ok(()),
    }
}

/// A member of the API in the file's word.
fn word(wish: &Wish, member: &str) -> String {
    match (wish.kind.place)(member, &wish.document.members).into_iter().next() {
        Some(Step::Member(word)) => word,
        _ => member.to_owned(),
    }
}

/// What changed, in the file's words.
fn words(wish: &Wish, plan: &Plan) -> String {
    plan.changed.iter().map(|member| word(wish, member)).collect::<Vec<_>>().join(", ")
}

/// A document's outcome for programs.
fn document(wish: &Wish, action: &str, plan: &Plan) -> Value {
    let changes: Vec<Value> = plan
        .changed
        .iter()
        .map(|member| {
            let value = |shown: &Value| (wish.kind.value)(shown, member);
            json!({"field": member, "from": value(&plan.before), "to": value(&plan.after)})
        })
        .collect();
    // The id of a dry run is no one's.
    let id = if action == "create" { &Value::Null } else { &plan.after["id"] };
    json!({"kind": wish.kind.word, "name": wish.name, "id": id, "action": action, "changes": changes})
}

/// What would change, for people.
fn difference(wish: &Wish, plan: &Plan, session: &Session) -> String {
    let palette = session.terminal.palette;
    let title = harmless(&wish.title());
    let mut lines = vec![match plan.action {
        Action::Create => format!("{title} would be created"),
        _ => format!("{title} would be changed"),
    }];
    for member in &plan.changed {
        let word = word(wish, member);
        for (sign, tone, shown) in [("-", Tone::Bad, &plan.before), ("+", Tone::Good, &plan.after)] {
            let value = (wish.kind.value)(shown, member);
            if !is_nothing(&value) {
                lines.push(palette.paint(tone, &format!("  {sign} {word}: {}", harmless(&flat(&value)))));
            }
        }
    }
    lines.join("\n")
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(flat).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Waits for all: they connect at the same time, so that each is looked at after the other.
async fn wait_all(args: WaitArgs, waiting: &[Plan], session: &mut Session) -> Result<(), Failure> {
    let begun = std::time::Instant::now();
    let mut first = None;
    for plan in waiting {
        let before = (plan.action == Action::Change).then_some(&plan.before);
        if let Err(failure) = until_live(args.less(begun.elapsed()), &plan.after, before, session).await {
            // Each is told; the exit code is that of the first.
            match first {
                None => first = Some(failure),
                Some(_) => {
                    let message = failure.message(session.terminal.err_palette);
                    session.terminal.note(&message.unwrap_or_default());
                }
            }
        }
    }
    first.map_or(Ok(()), Err)
}
