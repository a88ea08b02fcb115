//! `provider history NAME`: what the sync states were.

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};

use super::NameArgs;
use super::view::sources;
use crate::cli::failure::Failure;
use crate::cli::human;
use crate::cli::names::{self, pair};
use crate::cli::output::Format;
use crate::cli::pages::{Newest, fetch_at};
use crate::cli::session::Session;
use crate::cli::table::{Cell, print};
use crate::model::SourceState;

pub(super) const HELP: &str = "\
Examples:
  spandrel provider history lab
  spandrel provider history lab --state unreachable,lagging
  spandrel provider history kvm --endpoint qemu+ssh://one/system --all
  spandrel provider history lab --after 2026-01-31T12:00:00Z -o json

A state is there some seconds after it came about. What changed too often is
put together: CHANGES says how many it was.";

/// Which states of which provider.
#[derive(Args, Clone, Debug)]
pub struct HistoryArgs {
    #[command(flatten)]
    provider: NameArgs,
    /// Only of this endpoint, by its address or the source's id.
    #[arg(long, value_name = "ADDRESS|ID")]
    endpoint: Option<String>,
    /// Only these states, separated by commas.
    #[arg(long, value_name = "STATES", value_delimiter = ',', value_parser = state)]
    state: Vec<String>,
    /// Only what began then or later.
    #[arg(long, value_name = "TIME")]
    after: Option<DateTime<Utc>>,
    /// Only what began before.
    #[arg(long, value_name = "TIME")]
    before: Option<DateTime<Utc>>,
    #[command(flatten)]
    newest: Newest,
    /// How to print them.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

fn state(text: &str) -> Result<String, String> {
    let known = SourceState::parse(text.trim()).map(|state| state.as_str().to_owned());
    known.ok_or_else(|| {
        let all: Vec<&str> = SourceState::ALL.iter().map(|state| state.as_str()).collect();
        format!("there are: {}", all.join(", "))
    })
}

/// Runs the command.
pub(super) async fn run(args: HistoryArgs, session: &mut Session) -> Result<(), Failure> {
    let provider = names::provider(&session.client, &args.provider.provider).await?;
    let mut query = Vec::new();
    if let Some(text) = &args.endpoint {
        query.push(pair("source_id", source(&provider, text)?));
    }
    if !args.state.is_empty() {
        query.push(pair("state", args.state.join(",")));
    }
    query.extend(args.after.map(|time| pair("since.gte", time.to_rfc3339())));
    query.extend(args.before.map(|time| pair("since.lt", time.to_rfc3339())));
    let listing =
        fetch_at(&session.client, &format!("{}/history", super::path(&provider)), &query, args.newest.limit()).await?;
    if matches!(args.output, Format::Json | Format::Yaml) {
        let text = args.output.structured(&json!({"items": listing.items}))?;
        return session.terminal.line(&text);
    }
    if listing.items.is_empty() {
        session.terminal.note(&format!("Nothing of {} is written down that fits.", super::name(&provider)));
        return Ok(());
    }
    let wide = args.output == Format::Wide;
    let several = wide || sources(&provider).len() > 1;
    let together = wide || listing.items.iter().any(|item| item["changes"].as_u64().is_some_and(|count| count > 1));
    let now = human::now();
    let rows = listing.items.iter().map(|item| row(item, &provider, (several, together), now)).collect();
    let all = [
        ("SINCE", true),
        ("LASTED", true),
        ("STATE", true),
        ("ENDPOINT", several),
        ("CHANGES", together),
        ("REASON", true),
        ("MESSAGE", true),
    ];
    let headers: Vec<String> = all.iter().filter(|(_, shown)| *shown).map(|(name, _)| (*name).to_owned()).collect();
    print(&mut session.terminal, &headers, rows, true, !wide)?;
    if listing.more {
        session.terminal.note(Newest::OLDER);
    }
    Ok(())
}

/// The source with this address or id.
fn source<'a>(provider: &'a Value, text: &str) -> Result<&'a str, Failure> {
    let found = sources(provider).iter().find(|source| source["endpoint"] == text || source["id"] == text);
    found.and_then(|source| source["id"].as_str()).ok_or_else(|| Failure::NotFound {
        what: format!("{} has no endpoint `{text}`.", super::name(provider)),
        mend: Some(format!("It has: {}.", super::view::endpoints(provider))),
    })
}

fn row(item: &Value, provider: &Value, (several, together): (bool, bool), now: DateTime<Utc>) -> Vec<Cell> {
    let text = |member: &str| item[member].as_str();
    let time = |member: &str| text(member).and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let since = time("since").unwrap_or(now);
    let lasted = human::age(since, time("until").unwrap_or(now)).replace("now", "<1s");
    let lasted = if item["until"].is_null() { format!("{lasted} so far") } else { lasted };
    let mut row = vec![Cell::text(&human::moment(&since.to_rfc3339())), Cell::text(&lasted)];
    row.push(text("state").map_or_else(Cell::none, Cell::state));
    if several {
        let of = sources(provider).iter().find(|source| source["id"] == item["source_id"]);
        row.push(of.and_then(|source| source["endpoint"].as_str()).map_or_else(Cell::none, Cell::text));
    }
    if together {
        row.push(Cell::number(item["changes"].to_string()));
    }
    row.push(text("reason").map_or_else(Cell::none, Cell::text));
    row.push(text("message").map_or_else(Cell::none, Cell::text));
    row
}
