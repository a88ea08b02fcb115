//! `search`: one text, every kind.

use clap::Args;
use serde_json::Value;

use super::columns::Target;
use super::failure::Failure;
use super::names::{Directory, items, kind, pair};
use super::output::Format;
use super::session::Session;
use super::table::{Cell, print};
use super::terminal::harmless;
use crate::model::Kind;

/// Options of `search`.
#[derive(Args, Clone, Debug)]
pub struct SearchArgs {
    /// Part of a name, an address or an id.
    text: String,
    /// Only these kinds: `vm,host`.
    #[arg(long, short, value_delimiter = ',', value_name = "TYPES", value_parser = kind)]
    types: Vec<Kind>,
    /// At most so many.
    #[arg(long, short, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    /// Leave the table's header out.
    #[arg(long)]
    no_headers: bool,
}

/// Searches.
pub(crate) async fn run(args: SearchArgs, session: &mut Session) -> Result<(), Failure> {
    let mut query = vec![pair("q", args.text.as_str()), pair("limit", args.limit.to_string())];
    if !args.types.is_empty() {
        let types: Vec<&str> = args.types.iter().map(|kind| kind.as_str()).collect();
        query.push(pair("types", types.join(",")));
    }
    let body = session.client.get("/v1/search", &query).await?.body;
    let found = items(&body);
    match args.output {
        Format::Json | Format::Yaml => {
            let text = args.output.structured(&body)?;
            session.terminal.line(&text)
        }
        Format::Name => {
            found.iter().try_for_each(|item| session.terminal.line(&harmless(item["name"].as_str().unwrap_or("-"))))
        }
        Format::Table | Format::Wide if found.is_empty() => {
            session.terminal.note(&format!("Nothing has `{}` in its name, addresses or ids.", harmless(&args.text)));
            Ok(())
        }
        Format::Table | Format::Wide => {
            let mut directory = Directory::default();
            let providers: Vec<&str> = found.iter().filter_map(|item| item["provider_id"].as_str()).collect();
            directory.learn(&session.client, Target::Provider, &providers).await?;
            let rows = found.iter().map(|item| row(item, &directory)).collect();
            let headers = ["KIND", "NAME", "PROVIDER", "ID"].map(str::to_owned);
            let cut = args.output == Format::Table;
            print(&mut session.terminal, &headers, rows, !args.no_headers, cut)?;
            if body["truncated"] == true {
                session.terminal.note(&format!("The first {} are shown. --limit N shows more.", found.len()));
            }
            Ok(())
        }
    }
}

fn row(item: &Value, directory: &Directory) -> Vec<Cell> {
    let text = |name: &str| item[name].as_str().map_or_else(Cell::none, Cell::text);
    let kind = item["kind"].as_str().unwrap_or("-").replace('_', "-");
    let provider = item["provider_id"].as_str().unwrap_or("-");
    vec![Cell::text(&kind), text("name"), Cell::text(directory.name(provider).unwrap_or(provider)), text("id")]
}
