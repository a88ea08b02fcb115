//! `quota …`: how much a tenant or a project may hold, and holds.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::document;
use super::lookup::place;
use crate::cli::columns::plain;
use crate::cli::failure::Failure;
use crate::cli::names::items;
use crate::cli::output::Format;
use crate::cli::session::Session;
use crate::cli::table::{Cell, print};
use crate::model::QuotaResource;

/// What can be done with quotas.
#[derive(Clone, Debug, Subcommand)]
pub enum QuotaCommand {
    /// Show the limits of a tenant or a project, and what is held.
    #[command(
        after_help = "Examples:\n  spandrel quota show tenant:acme\n  spandrel quota show project:acme/shop -o json"
    )]
    Show(QuotaShow),
    /// Set limits. Those that are not named stay.
    #[command(
        after_help = "Resources: vms, vms_running, vcpus, memory_mib, volumes, volume_gib, snapshots.\nA hard limit is never passed by what is ordered; from the soft one on there\nis a warning.\n\nExamples:\n  spandrel quota set project:acme/shop --hard vms=10 --soft vms=8\n  spandrel quota set tenant:acme --hard memory_mib=65536 --unset vcpus"
    )]
    Set(QuotaSet),
    /// Add all counters up anew, and show those that are wrong.
    #[command(after_help = "Exit code 1 says that one is wrong.\n\nExamples:\n  spandrel quota recount")]
    Recount(QuotaRecount),
}

/// Options of `quota show`.
#[derive(Args, Clone, Debug)]
pub struct QuotaShow {
    /// `tenant:PATH` or `project:PATH`.
    #[arg(value_name = "PLACE")]
    place: String,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Options of `quota set`.
#[derive(Args, Clone, Debug)]
pub struct QuotaSet {
    #[command(flatten)]
    show: QuotaShow,
    /// What is never passed; may be repeated.
    #[arg(long, value_name = "RESOURCE=AMOUNT", value_parser = amount)]
    hard: Vec<(QuotaResource, i64)>,
    /// From where on there is a warning; may be repeated.
    #[arg(long, value_name = "RESOURCE=AMOUNT", value_parser = amount)]
    soft: Vec<(QuotaResource, i64)>,
    /// No limit of this resource any more; may be repeated.
    #[arg(long, value_name = "RESOURCE", value_parser = resource)]
    unset: Vec<QuotaResource>,
    /// Check it, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Options of `quota recount`.
#[derive(Args, Clone, Debug)]
pub struct QuotaRecount {
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

fn resource(text: &str) -> Result<QuotaResource, String> {
    let all = || QuotaResource::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
    QuotaResource::parse(text.trim()).ok_or_else(|| format!("there are: {}", all()))
}

fn amount(text: &str) -> Result<(QuotaResource, i64), String> {
    let (name, number) = text.split_once('=').ok_or("write it as RESOURCE=AMOUNT, such as `vms=10`")?;
    let number: i64 = number.trim().parse().map_err(|_| format!("`{number}` is not a whole number"))?;
    if number < 0 {
        return Err(format!("`{number}` is below 0"));
    }
    Ok((resource(name)?, number))
}

/// Runs a command on quotas.
pub(crate) async fn quota(command: QuotaCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        QuotaCommand::Show(args) => {
            let address = address(&args.place, session).await?;
            let body = session.client.get(&address, &[]).await?.body;
            shown(&body, args.output, session)
        }
        QuotaCommand::Set(args) => set(&args, session).await,
        QuotaCommand::Recount(args) => recount(&args, session).await,
    }
}

/// Where the quota of a place is.
async fn address(text: &str, session: &Session) -> Result<String, Failure> {
    let place = place(&session.client, text).await?;
    let id = place["id"].as_str().unwrap_or_default();
    match place["kind"].as_str() {
        Some("tenant") => Ok(format!("/v1/tenants/{id}/quota")),
        Some("project") => Ok(format!("/v1/projects/{id}/quota")),
        _ => Err(Failure::usage(
            format!("`{text}` has no quota."),
            "Tenants and projects have: write `tenant:acme` or `project:acme/shop`.",
        )),
    }
}

async fn set(args: &QuotaSet, session: &mut Session) -> Result<(), Failure> {
    if args.hard.is_empty() && args.soft.is_empty() && args.unset.is_empty() {
        return Err(Failure::usage("Nothing is to be changed.", "Give one of --hard, --soft, --unset."));
    }
    let address = address(&args.show.place, session).await?;
    let present = session.client.get(&address, &[]).await?.body;
    let limits: Vec<Value> = QuotaResource::ALL
        .iter()
        .filter(|resource| !args.unset.contains(resource))
        .map(|resource| {
            let item = items(&present).iter().find(|item| item["resource"] == resource.as_str());
            let before = |member: &str| item.and_then(|item| item[member].as_i64());
            let given = |given: &[(QuotaResource, i64)]| {
                given.iter().rev().find(|(one, _)| one == resource).map(|(_, amount)| *amount)
            };
            let (hard, soft) =
                (given(&args.hard).or_else(|| before("hard")), given(&args.soft).or_else(|| before("soft")));
            json!({"resource": resource, "hard": hard, "soft": soft})
        })
        .filter(|limit| !limit["hard"].is_null() || !limit["soft"].is_null())
        .collect();
    let query = if args.dry_run { vec![("dry_run".to_owned(), "true".to_owned())] } else { Vec::new() };
    let body = session.client.call(Method::PUT, &address, &query, Some(&json!({"limits": limits})), None).await?.body;
    session.terminal.note(if args.dry_run { "The limits could be set." } else { "The limits are set." });
    shown(&body, args.show.output, session)
}

fn shown(body: &Value, format: Format, session: &mut Session) -> Result<(), Failure> {
    table(body, &["resource", "used", "reserved", "soft", "hard", "remaining", "state"], format, session)
}

fn table(body: &Value, columns: &[&str], format: Format, session: &mut Session) -> Result<(), Failure> {
    if !matches!(format, Format::Table | Format::Wide) {
        return document(body, format, session);
    }
    let cell = |item: &Value, column: &str| Cell::text(&plain(&item[column]));
    let rows = items(body).iter().map(|item| columns.iter().map(|column| cell(item, column)).collect());
    let headers: Vec<String> = columns.iter().map(|column| column.replace('_', " ").to_uppercase()).collect();
    print(&mut session.terminal, &headers, rows.collect(), true, format == Format::Table)
}

async fn recount(args: &QuotaRecount, session: &mut Session) -> Result<(), Failure> {
    let body = session.client.get("/v1/quotas/recount", &[]).await?.body;
    if items(&body).is_empty() {
        session.terminal.note("Every counter is what the machines and the ledger come to.");
        return if matches!(args.output, Format::Table | Format::Wide) {
            Ok(())
        } else {
            document(&body, args.output, session)
        };
    }
    table(&body, &["project_id", "resource", "counted", "ledger", "held"], args.output, session)?;
    Err(Failure::failed_mend(
        format!("{} counters are wrong.", items(&body).len()),
        "Tell the developers, with the answer of `spandrel quota recount -o json`.",
    ))
}
