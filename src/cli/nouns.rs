//! `vm list`, `host get`, `datastore summary`, …: the same verbs for every noun of the inventory.
//!
//! The nouns and their fields come from the model's own declarations, so a field that is added there is found in
//! `--help`, in filters and in columns.

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use serde_json::{Value, json};

use super::changes::{self, ChangesArgs};
use super::columns::{Column, Source, Target, cell, check_columns, columns, id_field, member};
use super::failure::Failure;
use super::help;
use super::human::now;
use super::names::{self, Directory, collection, items, pair, word};
use super::output::{Format, ListOutput};
use super::pages::{self, fetch};
use super::query::{FilterText, Selection, scope, selection};
use super::session::Session;
use super::table::{Cell, print};
use super::terminal::{Tone, harmless};
use crate::model::{Kind, Object};

/// A noun and what is to be done with it.
#[derive(Clone, Debug)]
pub struct NounCommand {
    kind: Kind,
    verb: Verb,
}

/// What can be done with every noun.
#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// List them.
    List(ListArgs),
    /// Show one, or a few, by name or id.
    Get(GetArgs),
    /// Count them.
    Count(CountArgs),
    /// Count and sum them in groups.
    Summary(SummaryArgs),
    /// List what changed in one, the newest first.
    Changes(ChangesArgs),
}

#[derive(Args, Clone, Debug)]
struct ListArgs {
    #[command(flatten)]
    selection: Selection,
    /// Order by these fields; `-` before a field turns it round. Default: name.
    #[arg(long, value_name = "FIELDS", allow_hyphen_values = true)]
    sort: Option<String>,
    /// At most so many.
    #[arg(long, short, value_name = "N", default_value_t = 100, value_parser = limit)]
    limit: u64,
    /// All of them.
    #[arg(long, short, conflicts_with = "limit")]
    all: bool,
    #[command(flatten)]
    list: ListOutput,
}

#[derive(Args, Clone, Debug)]
struct GetArgs {
    /// Names or ids.
    #[arg(required = true, value_name = "NAME|ID")]
    names: Vec<String>,
    /// Look for names only at this provider.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

#[derive(Args, Clone, Debug)]
struct CountArgs {
    #[command(flatten)]
    selection: Selection,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

#[derive(Args, Clone, Debug)]
struct SummaryArgs {
    #[command(flatten)]
    selection: Selection,
    /// One group for each value of these fields: `power_state,host`. Default: the main state, or the provider.
    #[arg(long, short, value_delimiter = ',', value_name = "FIELDS")]
    group_by: Vec<String>,
    /// Add these fields up: `memory_mib,vcpu_count`.
    #[arg(long, short, value_delimiter = ',', value_name = "FIELDS")]
    sum: Vec<String>,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    /// Leave the table's header out.
    #[arg(long)]
    no_headers: bool,
}

impl FromArgMatches for NounCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (name, matches) = matches.subcommand().ok_or_else(missing)?;
        let kind = Kind::parse(&name.replace('-', "_")).ok_or_else(missing)?;
        Ok(Self { kind, verb: Verb::from_arg_matches(matches)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for NounCommand {
    fn augment_subcommands(command: Command) -> Command {
        Kind::ALL.iter().copied().fold(command, |command, kind| command.subcommand(noun(kind)))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        Kind::parse(&name.replace('-', "_")).is_some()
    }
}

/// Most objects that are listed without `--all`.
const LIMIT_MAX: u64 = 1_000_000;

fn limit(text: &str) -> Result<u64, String> {
    let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| format!("it must be a whole number from 1 to {LIMIT_MAX}; --all lists all of them"))
}

/// Lets completion know how filters of this kind begin.
fn with_filters(command: Command, kind: Kind) -> Command {
    command.mut_arg("filters", |filters| filters.value_parser(FilterText(kind)).hide_possible_values(true))
}

/// The command of one noun.
fn noun(kind: Kind) -> Command {
    // The verbs bring a text of their own; the noun's goes before it.
    Verb::augment_subcommands(Command::new(word(kind)))
        .alias(kind.plural())
        .about(help::about(kind))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(help::noun(kind))
        .mut_subcommand("list", |list| {
            with_filters(list, kind)
                .alias("ls")
                .after_help(help::list(kind))
                .after_long_help(help::list(kind) + "\n\n" + &help::fields(kind))
        })
        .mut_subcommand("get", |get| get.alias("show").after_help(help::get(kind)))
        .mut_subcommand("changes", |changes| changes.after_help(help::changes(kind)))
        .mut_subcommand("count", |count| {
            with_filters(count, kind)
                .after_help(help::count(kind))
                .after_long_help(help::count(kind) + "\n\n" + &help::fields(kind))
        })
        .mut_subcommand("summary", |summary| {
            with_filters(summary, kind)
                .after_help(help::summary(kind))
                .after_long_help(help::summary(kind) + "\n\n" + &help::fields(kind))
        })
}

/// Runs the command.
pub(crate) async fn run(command: NounCommand, session: &mut Session) -> Result<(), Failure> {
    let kind = command.kind;
    match command.verb {
        Verb::List(args) => list(kind, args, session).await,
        Verb::Get(args) => get(kind, args, session).await,
        Verb::Count(args) => count(kind, args, session).await,
        Verb::Summary(args) => summary(kind, args, session).await,
        Verb::Changes(args) => changes::run(kind, args, session).await,
    }
}

async fn list(kind: Kind, args: ListArgs, session: &mut Session) -> Result<(), Failure> {
    let chosen = selection(&session.client, kind, &args.selection).await?;
    let mut query = chosen.clone();
    query.extend(args.sort.map(|sort| pair("sort", api_fields(kind, sort.split(',')))));
    let limit = (!args.all).then(|| usize::try_from(args.limit).unwrap_or(usize::MAX));
    let listing = fetch(&session.client, kind, &query, limit).await?;
    let shown = listing.items.len();
    match args.list.output {
        Format::Json | Format::Yaml => {
            let document = json!({"items": listing.items, "revision": listing.revision});
            let text = args.list.output.structured(&document)?;
            session.terminal.line(&text)?;
        }
        Format::Name => {
            for object in &listing.items {
                session.terminal.line(&harmless(object["name"].as_str().unwrap_or("-")))?;
            }
        }
        Format::Table | Format::Wide => {
            let wide = args.list.output == Format::Wide;
            let columns = columns(kind, &args.list.columns, wide);
            let fields: Vec<&str> = Object::fields(kind).iter().map(|field| field.name).collect();
            check_columns(&fields, &columns, &listing.items)?;
            print_table(session, &columns, &listing.items, !args.list.no_headers, !wide).await?;
            if shown == 0 {
                session.terminal.note(&format!("There are no {} to show.", kind.plural_words()));
            }
        }
    }
    if listing.more {
        let count = session.client.get(&format!("{}/count", collection(kind)), &chosen).await?.body;
        session.terminal.note(&format!(
            "{shown} of {} {} shown. --all shows all of them, --limit N more, -f fewer.",
            count["count"],
            kind.plural_words()
        ));
    }
    Ok(())
}

/// Prints objects as a table. With no objects it prints nothing, not even a header.
async fn print_table(
    session: &mut Session,
    columns: &[Column],
    objects: &[Value],
    headers: bool,
    cut: bool,
) -> Result<(), Failure> {
    if objects.is_empty() {
        return Ok(());
    }
    let mut directory = Directory::default();
    directory.learn_for(&session.client, columns, objects).await?;
    let now = now();
    let rows = objects
        .iter()
        .map(|object| columns.iter().map(|column| cell(object, column, &directory, now)).collect())
        .collect();
    let names: Vec<String> = columns.iter().map(|column| column.header.clone()).collect();
    print(&mut session.terminal, &names, rows, headers, cut)
}

async fn get(kind: Kind, args: GetArgs, session: &mut Session) -> Result<(), Failure> {
    let scope = scope(&session.client, args.provider.as_deref()).await?;
    let mut objects = Vec::new();
    for name in &args.names {
        objects.push(names::object(&session.client, kind, name, &scope).await?);
    }
    match args.output {
        Format::Json | Format::Yaml => {
            // One asked for is one object; several are a list, as in every other answer.
            let document = if objects.len() == 1 { objects.swap_remove(0) } else { json!({"items": objects}) };
            let text = args.output.structured(&document)?;
            session.terminal.line(&text)
        }
        Format::Name => objects
            .iter()
            .try_for_each(|object| session.terminal.line(&harmless(object["name"].as_str().unwrap_or("-")))),
        Format::Table | Format::Wide => {
            for (index, object) in objects.iter().enumerate() {
                if index > 0 {
                    session.terminal.line("")?;
                }
                let rows = describe(kind, object, args.output == Format::Wide, session).await?;
                let headers = ["FIELD".to_owned(), "VALUE".to_owned()];
                print(&mut session.terminal, &headers, rows, false, args.output == Format::Table)?;
            }
            Ok(())
        }
    }
}

/// One object, a line for each field that has a value. `wide` adds those without, and what the platform says besides.
async fn describe(kind: Kind, object: &Value, wide: bool, session: &Session) -> Result<Vec<Vec<Cell>>, Failure> {
    let common = ["name", "id", "kind", "provider_id", "sync"];
    let fields = Object::fields(kind);
    let declared: Vec<&str> = common.into_iter().chain(fields.iter().map(|field| field.name)).collect();
    let members = object.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let rest = members.filter(|name| !declared.contains(name) && !name.starts_with("last_known_") && *name != "native");
    let mut shown: Vec<(&str, Column)> = Vec::new();
    for name in declared.iter().copied().chain(rest) {
        let column = match id_field(kind, name) {
            Some((field, target)) if field == name => {
                Column { header: name.to_owned(), source: Source::Reference { field, target } }
            }
            _ => Column { header: name.to_owned(), ..Column::named(kind, name) },
        };
        shown.push((name, column));
    }
    let columns: Vec<Column> = shown.iter().map(|(_, column)| column.clone()).collect();
    let mut directory = Directory::default();
    directory.learn_for(&session.client, &columns, std::slice::from_ref(object)).await?;
    let now = now();
    let mut rows = Vec::new();
    for (name, column) in shown {
        let mut value = cell(object, &column, &directory, now);
        value.right = false;
        if value == Cell::none() && !wide {
            continue;
        }
        rows.push(vec![Cell::toned(&label(name), Tone::Quiet), value]);
    }
    if wide {
        for (name, value) in object["native"].as_object().into_iter().flatten() {
            let mut value = member(name, value, now);
            value.right = false;
            rows.push(vec![Cell::toned(&format!("native {name}"), Tone::Quiet), value]);
        }
    }
    Ok(rows)
}

/// A field's name for people: a reference is told by name, a unit in the value.
fn label(field: &str) -> String {
    let stem = ["_ids", "_id", "_bytes", "_mib", "_mhz"].iter().find_map(|end| field.strip_suffix(end));
    stem.unwrap_or(field).replace('_', " ")
}

async fn count(kind: Kind, args: CountArgs, session: &mut Session) -> Result<(), Failure> {
    let query = selection(&session.client, kind, &args.selection).await?;
    let answer = session.client.get(&format!("{}/count", collection(kind)), &query).await?.body;
    match args.output {
        Format::Json | Format::Yaml => {
            let text = args.output.structured(&answer)?;
            session.terminal.line(&text)
        }
        _ => session.terminal.line(&answer["count"].to_string()),
    }
}

async fn summary(kind: Kind, args: SummaryArgs, session: &mut Session) -> Result<(), Failure> {
    let mut query = selection(&session.client, kind, &args.selection).await?;
    let asked: Vec<&str> = match args.group_by.as_slice() {
        [] => vec![Object::state_field(kind).unwrap_or("provider")],
        asked => asked.iter().map(|field| field.trim()).collect(),
    };
    query.push(pair("group_by", api_fields(kind, asked.iter().copied())));
    if !args.sum.is_empty() {
        query.push(pair("sum", api_fields(kind, args.sum.iter().map(String::as_str))));
    }
    let answer = session.client.get(&format!("{}/summary", collection(kind)), &query).await?.body;
    if matches!(args.output, Format::Json | Format::Yaml) {
        let text = args.output.structured(&answer)?;
        return session.terminal.line(&text);
    }
    let (headers, rows) = summary_table(kind, &asked, &args.sum, &answer, session).await?;
    if rows.is_empty() {
        session.terminal.note(&format!("There are no {} to sum up.", kind.plural_words()));
        return Ok(());
    }
    print(&mut session.terminal, &headers, rows, !args.no_headers, args.output == Format::Table)
}

/// The groups as a table: the fields grouped by, the count, the sums.
async fn summary_table(
    kind: Kind,
    asked: &[&str],
    summed: &[String],
    answer: &Value,
    session: &Session,
) -> Result<(Vec<String>, Vec<Vec<Cell>>), Failure> {
    let groups = answer["groups"].as_array().map_or(&[][..], Vec::as_slice);
    let keys: Vec<Value> = groups.iter().map(|group| group["key"].clone()).collect();
    // A group's key is read as an object with just these fields. Ids are shown by name, also where the id was asked for.
    let columns: Vec<Column> = asked
        .iter()
        .map(|field| match id_field(kind, field) {
            Some((id, target)) => Column {
                header: Column::named(kind, field).header.trim_end_matches(" ID").to_owned(),
                source: Source::Reference { field: id, target },
            },
            None => Column::named(kind, field),
        })
        .collect();
    let mut directory = Directory::default();
    directory.learn_for(&session.client, &columns, &keys).await?;
    let now = now();
    let sums: Vec<Column> = summed.iter().map(|field| Column::named(kind, field.trim())).collect();
    let rows: Vec<Vec<Cell>> = groups
        .iter()
        .zip(&keys)
        .map(|(group, key)| {
            let mut row: Vec<Cell> = columns.iter().map(|column| cell(key, column, &directory, now)).collect();
            row.push(Cell::number(group["count"].to_string()));
            row.extend(sums.iter().map(|column| cell(&group["sums"], column, &directory, now)));
            row
        })
        .collect();
    let headers: Vec<String> = columns
        .iter()
        .map(|column| column.header.clone())
        .chain(["COUNT".to_owned()])
        .chain(sums.iter().map(|column| column.header.clone()))
        .collect();
    Ok((headers, rows))
}

/// Field names for the API: `host` is `host_id` there, `state` is the noun's main state. A `-` in front stays.
fn api_fields<'a>(kind: Kind, words: impl Iterator<Item = &'a str>) -> String {
    let one = |word: &str| {
        let word = word.trim();
        let (sign, word) = word.strip_prefix('-').map_or(("", word), |word| ("-", word));
        let word = word.replace('-', "_");
        let declared = Object::fields(kind).iter().any(|field| field.name == word);
        let field = match (Object::state_field(kind), id_field(kind, &word)) {
            (Some(state), _) if word == "state" => state.to_owned(),
            (_, Some((field, Target::Provider | Target::Kind(_)))) if !declared => field,
            _ => word,
        };
        format!("{sign}{field}")
    };
    words.map(one).collect::<Vec<_>>().join(",")
}

/// Objects of a kind, all of them, for commands that draw a whole.
pub(crate) async fn all(session: &Session, kind: Kind, query: &[(String, String)]) -> Result<Vec<Value>, Failure> {
    Ok(pages::fetch(&session.client, kind, query, None).await?.items)
}

/// Keeps the items of a list answer, for `-o json` of lists that are not of the inventory.
pub(crate) fn owned_items(body: &Value) -> Vec<Value> {
    items(body).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_for_the_api_are_found_by_their_short_names() {
        for (words, expected) in [
            ("host,-memory_mib", "host_id,-memory_mib"),
            ("state", "power_state"),
            ("provider", "provider_id"),
            ("-cluster_id", "-cluster_id"),
            ("network", "network_ids"),
            ("no-such", "no_such"),
        ] {
            assert_eq!(api_fields(Kind::Vm, words.split(',')), expected);
        }
    }
}
