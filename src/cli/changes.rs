//! `vm changes NAME`: what changed in an object, and when.

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::columns::member;
use super::diff::Difference;
use super::failure::Failure;
use super::human::now;
use super::names::{self, Directory, collection};
use super::output::Format;
use super::pages::{Newest, fetch_at};
use super::query::scope;
use super::session::Session;
use super::table::{Cell, print};
use super::terminal::{Palette, Tone};
use super::watch::{references, tell};
use crate::model::Kind;

/// Which object, and how much of what changed.
#[derive(Args, Clone, Debug)]
pub struct ChangesArgs {
    /// Name or id; of what is gone the id.
    #[arg(value_name = "NAME|ID")]
    name: String,
    /// Look for the name only at this provider.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    #[command(flatten)]
    newest: Newest,
    /// How to print them.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Runs the command.
pub(crate) async fn run(kind: Kind, args: ChangesArgs, session: &mut Session) -> Result<(), Failure> {
    let id = if Uuid::try_parse(&args.name).is_ok() {
        // Also of what is gone.
        args.name
    } else {
        let scope = scope(&session.client, args.provider.as_deref()).await?;
        let object = names::object(&session.client, kind, &args.name, &scope).await?;
        object["id"].as_str().unwrap_or_default().to_owned()
    };
    let path = format!("{}/{id}/changes", collection(kind));
    let listing = fetch_at(&session.client, &path, &[], args.newest.limit()).await?;
    if matches!(args.output, Format::Json | Format::Yaml) {
        let text = args.output.structured(&json!({"items": listing.items}))?;
        return session.terminal.line(&text);
    }
    let wide = args.output == Format::Wide;
    let changes: Vec<Vec<Difference>> = listing.items.iter().map(fields).collect();
    let mut directory = Directory::default();
    for (target, ids) in changes.iter().flat_map(|fields| references(kind, fields)) {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        directory.learn(&session.client, target, &ids).await?;
    }
    let arrow = if session.terminal.unicode { "→" } else { "->" };
    let now = now();
    let rows = listing.items.iter().zip(&changes).map(|(change, fields)| {
        let told = match change["op"].as_str() {
            Some("created") => Cell::toned("created", Tone::Good),
            Some("deleted") => Cell::toned("deleted", Tone::Bad),
            _ if change["fields"].is_null() => Cell::toned("changed; it is not known in what", Tone::Quiet),
            _ => Cell::text(&tell(Some(kind), fields, None, &directory, Palette { coloured: false }, arrow)),
        };
        let mut row = vec![member("changed_at", &change["at"], now), told];
        if wide {
            row.insert(1, Cell::text(change["revision"].as_str().unwrap_or("-")));
        }
        row
    });
    let headers: &[&str] = if wide { &["WHEN", "REVISION", "WHAT"] } else { &["WHEN", "WHAT"] };
    let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
    print(&mut session.terminal, &headers, rows.collect(), true, !wide)?;
    if listing.more {
        session.terminal.note(Newest::OLDER);
    }
    Ok(())
}

/// The fields that a change tells of.
fn fields(change: &Value) -> Vec<Difference> {
    let one = |field: &Value| {
        let names = field["path"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let name = std::iter::once(field["field"].as_str().unwrap_or("-")).chain(names).collect::<Vec<_>>().join(".");
        let value = |member: &str| match field["omitted"] == true {
            true => json!("(long)"),
            false => field[member].clone(),
        };
        Difference { field: name, from: value("before"), to: value("after") }
    };
    change["fields"].as_array().into_iter().flatten().map(one).collect()
}
