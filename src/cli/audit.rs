//! `audit`: who did what; the same as JSON lines; whether the chain of hashes is whole.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::{EXIT_FAILED, Failure, told};
use super::human;
use super::names::pair;
use super::output::Format;
use super::pages::{Newest, fetch_at};
use super::session::Session;
use super::table::{Cell, print};
use super::terminal::Tone;
use crate::model::{AuditResult, Door};

pub(super) const HELP: &str = "\
Examples:
  spandrel audit
  spandrel audit --result denied --after 2026-01-31T12:00:00Z
  spandrel audit --actor admin --action provider.create,provider.delete -o json
  spandrel audit export > audit.jsonl
  spandrel audit verify

Without a command it lists the newest entries.";

const EXPORT_HELP: &str = "\
One JSON document a line, oldest first. `hash` is the SHA-256 of the line
without that member; docs/OPERATIONS.md has a program that verifies an export.

Examples:
  spandrel audit export > audit.jsonl
  spandrel audit export --actor admin | jq -c '[.at, .action, .result]'";

const VERIFY_HELP: &str = "\
Exit code 1 says that the chain is broken, or that it cannot be told.

Examples:
  spandrel audit verify
  spandrel audit verify -o json";

/// Options of `audit`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    newest: Newest,
    /// How to print them.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// What else can be done with the audit log.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Write the entries as JSON lines, oldest first.
    #[command(after_help = EXPORT_HELP)]
    Export(Box<ExportArgs>),
    /// Walk the whole chain of hashes.
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArgs),
}

/// Options of `audit export`.
#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    #[command(flatten)]
    filters: Filters,
}

/// Options of `audit verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Which entries. Several values are separated by commas.
#[derive(Args, Clone, Debug)]
struct Filters {
    /// Only of these users.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    actor: Vec<String>,
    /// Only these acts: `provider.create`, `login`.
    #[arg(long, value_name = "ACTIONS", value_delimiter = ',')]
    action: Vec<String>,
    /// Only what was asked of these kinds.
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    kind: Vec<String>,
    /// Only what was asked of these, by their ids.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    object: Vec<String>,
    /// Only with these results: done, denied, failed.
    #[arg(long, value_name = "RESULTS", value_delimiter = ',', value_parser = result)]
    result: Vec<String>,
    /// Only by these doors: api, portal, job, system.
    #[arg(long, value_name = "DOORS", value_delimiter = ',', value_parser = door)]
    door: Vec<String>,
    /// Only what concerns these tenants, by their ids.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    tenant: Vec<String>,
    /// Only of these requests.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    request: Vec<String>,
    /// Only what was written down then or later.
    #[arg(long, value_name = "TIME")]
    after: Option<DateTime<Utc>>,
    /// Only what was written down before.
    #[arg(long, value_name = "TIME")]
    before: Option<DateTime<Utc>>,
}

fn result(text: &str) -> Result<String, String> {
    word(AuditResult::parse(text.trim()).map(AuditResult::as_str), AuditResult::ALL)
}

fn door(text: &str) -> Result<String, String> {
    word(Door::parse(text.trim()).map(Door::as_str), Door::ALL)
}

fn word(found: Option<&'static str>, all: &[impl ToString]) -> Result<String, String> {
    found.map(str::to_owned).ok_or_else(|| {
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        format!("there are: {}", all.join(", "))
    })
}

impl Filters {
    fn query(&self) -> Vec<(String, String)> {
        let lists = [
            ("actor", &self.actor),
            ("action", &self.action),
            ("object_kind", &self.kind),
            ("object_id", &self.object),
            ("result", &self.result),
            ("door", &self.door),
            ("tenant_id", &self.tenant),
            ("request_id", &self.request),
        ];
        let given = lists.into_iter().filter(|(_, values)| !values.is_empty());
        let mut query: Vec<_> = given.map(|(name, values)| pair(name, values.join(","))).collect();
        query.extend(self.after.map(|time| pair("at.gte", time.to_rfc3339())));
        query.extend(self.before.map(|time| pair("at.lt", time.to_rfc3339())));
        query
    }
}

/// Runs the command.
pub(crate) async fn run(args: AuditArgs, session: &mut Session) -> Result<(), Failure> {
    match args.command {
        None => list(args, session).await,
        Some(AuditCommand::Export(export_args)) => export(&export_args, session).await,
        Some(AuditCommand::Verify(verify_args)) => verify(&verify_args, session).await,
    }
}

async fn list(args: AuditArgs, session: &mut Session) -> Result<(), Failure> {
    let listing = fetch_at(&session.client, "/v1/audit", &args.filters.query(), args.newest.limit()).await?;
    if matches!(args.output, Format::Json | Format::Yaml) {
        let text = args.output.structured(&json!({"items": listing.items}))?;
        return session.terminal.line(&text);
    }
    if listing.items.is_empty() {
        session.terminal.note("Nothing is written down that fits.");
        return Ok(());
    }
    let wide = args.output == Format::Wide;
    let rows = listing.items.iter().map(|item| row(item, wide)).collect();
    let all = [
        ("SEQ", wide),
        ("WHEN", true),
        ("WHO", true),
        ("ACTION", true),
        ("RESULT", true),
        ("STATUS", wide),
        ("OBJECT", true),
        ("FROM", true),
        ("DOOR", wide),
        ("REQUEST", wide),
    ];
    let headers: Vec<String> = all.iter().filter(|(_, shown)| *shown).map(|(name, _)| (*name).to_owned()).collect();
    print(&mut session.terminal, &headers, rows, true, !wide)?;
    if listing.more {
        session.terminal.note(Newest::OLDER);
    }
    Ok(())
}

fn row(item: &Value, wide: bool) -> Vec<Cell> {
    let text = |member: &str| item[member].as_str().filter(|text| !text.is_empty());
    let cell = |member: &str| text(member).map_or_else(Cell::none, Cell::text);
    let who = match (text("actor"), text("on_behalf_of")) {
        (Some(actor), Some(other)) => Cell::text(&format!("{actor} for {other}")),
        (Some(actor), None) => Cell::text(actor),
        _ => Cell::none(),
    };
    let tone = match text("result") {
        Some("denied") => Tone::Bad,
        Some("failed") => Tone::Warning,
        _ => Tone::Plain,
    };
    let mut row = vec![
        text("at").map_or_else(Cell::none, |at| Cell::text(&human::moment(at))),
        who,
        cell("action"),
        Cell::toned(text("result").unwrap_or("-"), tone),
        text("object_name").or(text("object_id")).map_or_else(Cell::none, Cell::text),
        cell("address"),
    ];
    if wide {
        let number =
            |member: &str| item[member].as_u64().map_or_else(Cell::none, |number| Cell::number(number.to_string()));
        row.insert(4, number("status"));
        row.insert(0, number("seq"));
        row.extend([cell("door"), cell("request_id")]);
    }
    row
}

/// Writes the lines as they come: a long log needs no memory.
async fn export(args: &ExportArgs, session: &mut Session) -> Result<(), Failure> {
    let mut response = session.client.stream("/v1/audit/export", &args.filters.query()).await?;
    while let Some(chunk) = response.chunk().await.map_err(|error| session.client.unreachable(&error))? {
        session.terminal.raw(&chunk)?;
    }
    Ok(())
}

async fn verify(args: &VerifyArgs, session: &mut Session) -> Result<(), Failure> {
    let check = session.client.get("/v1/audit/verify", &[]).await?.body;
    let sound = check["sound"] == true;
    if matches!(args.output, Format::Json | Format::Yaml) {
        let text = args.output.structured(&check)?;
        session.terminal.line(&text)?;
        return if sound { Ok(()) } else { Err(Failure::Said(EXIT_FAILED)) };
    }
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let (entries, last) = (number(&check["entries"]), number(&check["last_seq"]));
    if sound {
        let first = number(&check["dropped_through"]) + 1;
        let text = match entries {
            0 => "There is no entry; nothing is missing.".to_owned(),
            _ => format!("All {entries} entries are sound: {first} to {last}."),
        };
        return session.terminal.line(&text);
    }
    let why = match check["broken"]["fault"].as_str() {
        Some("content") => "Its content is not what was written down.",
        Some("link") => "It does not follow from the entry before it.",
        Some("missing") => "It is missing, though later ones are there.",
        Some("cut_off") => "It is missing, and all after it.",
        other => other.unwrap_or("-"),
    };
    let what = format!("The audit log is broken at entry {} of {last}.", number(&check["broken"]["seq"]));
    let sound = format!("{entries} entries before it");
    let mend = "Compare with what was exported or forwarded, and find out who can write to the database.";
    let details = [("why", Some(why)), ("sound", Some(sound.as_str())), ("mend", Some(mend))];
    let text = told(session.terminal.err_palette, &what, &details);
    session.terminal.note(&text);
    Err(Failure::Said(EXIT_FAILED))
}
