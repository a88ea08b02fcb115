//! `tenant …`, `project …`, `user …`, `group …`, `role …`, `rule …`, `owner …`, `quota …` and `why`: who shares the platforms, who may do
//! what, and whose machines are.

mod lookup;
mod members;
mod ownership;
mod quotas;
mod roles;
mod tenants;

use reqwest::Method;
use serde_json::Value;

pub use members::{GroupCommand, UserCommand};
pub use ownership::{OwnerCommand, RuleCommand};
pub use quotas::QuotaCommand;
pub use roles::{RoleCommand, WhyArgs, why};
pub use tenants::{ProjectCommand, TenantCommand};

use self::lookup::{all, find};
use super::columns::{member, plain};
use super::failure::Failure;
use super::human::now;
use super::output::{Format, ListOutput};
use super::session::Session;
use super::table::{Cell, print};
use super::terminal::harmless;

pub(super) use lookup::{Noun, id};
pub(super) use members::{group, user};
pub(super) use ownership::{owner, rule};
pub(super) use quotas::quota;
pub(super) use roles::role;
pub(super) use tenants::{project, tenant};

/// Lists everything of a noun that one sees.
async fn list(noun: Noun, output: ListOutput, session: &mut Session) -> Result<(), Failure> {
    let items = all(&session.client, noun).await?;
    match output.output {
        Format::Json | Format::Yaml => {
            let text = output.output.structured(&serde_json::json!({"items": items}))?;
            session.terminal.line(&text)
        }
        Format::Name => {
            items.iter().try_for_each(|item| session.terminal.line(&harmless(item["path"].as_str().unwrap_or("-"))))
        }
        Format::Table | Format::Wide if items.is_empty() => {
            session.terminal.note(&format!("There is no {} that you may see.", noun.word()));
            Ok(())
        }
        Format::Table | Format::Wide => {
            let columns: Vec<&str> = match output.columns.as_slice() {
                [] => noun.columns().to_vec(),
                asked => asked.iter().map(|column| column.trim()).collect(),
            };
            let now = now();
            let rows =
                items.iter().map(|item| columns.iter().map(|column| cell(column, item, now)).collect()).collect();
            let headers: Vec<String> = columns.iter().map(|column| column.replace('_', " ").to_uppercase()).collect();
            print(&mut session.terminal, &headers, rows, !output.no_headers, output.output == Format::Table)
        }
    }
}

fn cell(column: &str, item: &Value, now: chrono::DateTime<chrono::Utc>) -> Cell {
    match (column, &item[column]) {
        ("state", Value::String(state)) => Cell::state(state),
        ("conditions", Value::Array(conditions)) => {
            let text = |condition: &Value| {
                let part = |name: &str| condition[name].as_str().unwrap_or("-").to_owned();
                format!("{}={}", part("field"), part("pattern"))
            };
            Cell::text(&conditions.iter().map(text).collect::<Vec<_>>().join(" and "))
        }
        (_, value) => member(column, value, now),
    }
}

/// Shows one thing, member by member.
async fn show(noun: Noun, name: &str, format: Format, session: &mut Session) -> Result<(), Failure> {
    let item = find(&session.client, noun, name).await?;
    document(&item, format, session)
}

/// Prints a document: for people a line for each member.
fn document(item: &Value, format: Format, session: &mut Session) -> Result<(), Failure> {
    match format {
        Format::Json | Format::Yaml => {
            let text = format.structured(item)?;
            session.terminal.line(&text)
        }
        Format::Name => {
            session.terminal.line(&harmless(item["path"].as_str().or(item["name"].as_str()).unwrap_or("-")))
        }
        Format::Table | Format::Wide => {
            let members = item.as_object().into_iter().flatten();
            let width = members.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, value) in members {
                session.terminal.line(&format!("{name:width$}  {}", harmless(&plain(value))))?;
            }
            Ok(())
        }
    }
}

/// Adds something, and says so.
async fn create(noun: Noun, body: &Value, session: &mut Session) -> Result<(), Failure> {
    let made = session.client.create(noun.collection(), body).await?.body;
    said(noun, &made, "is added", session)
}

/// Edits something, and says so.
async fn edit(noun: Noun, name: &str, body: &Value, session: &mut Session) -> Result<(), Failure> {
    let item = find(&session.client, noun, name).await?;
    edit_found(noun, &item, body, session).await
}

/// The same of what was read: nothing is overwritten that was changed since.
async fn edit_found(noun: Noun, item: &Value, body: &Value, session: &mut Session) -> Result<(), Failure> {
    let path = format!("{}/{}", noun.collection(), item["id"].as_str().unwrap_or_default());
    let generation = item["generation"].as_i64().map(|generation| format!("\"{generation}\""));
    let edited = session.client.call(Method::PATCH, &path, &[], Some(body), generation.as_deref()).await?.body;
    said(noun, &edited, "is edited", session)
}

/// Says on standard error what was done, and writes the id to standard output.
fn said(noun: Noun, made: &Value, what: &str, session: &mut Session) -> Result<(), Failure> {
    let name = made["path"].as_str().filter(|path| !path.is_empty()).or(made["name"].as_str());
    let name = name.or(made["username"].as_str()).unwrap_or("-").to_owned();
    session.terminal.note(&format!("The {} {} {what}.", noun.word(), harmless(&name)));
    session.terminal.line(made["id"].as_str().unwrap_or_default())
}

/// A body of those members that were given.
fn given(members: &[(&str, Option<Value>)]) -> Value {
    let given = members.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
    Value::Object(given.collect())
}

/// At least one member must be given.
fn needs_one(body: &Value, options: &str) -> Result<(), Failure> {
    if body.as_object().is_some_and(|members| !members.is_empty()) {
        return Ok(());
    }
    Err(Failure::usage("Nothing is to be changed.", format!("Give one of {options}.")))
}
