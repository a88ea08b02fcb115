//! `watch`: every change as it happens, none missed and none told twice.
//!
//! List, then watch from the list's revision. After an interruption the stream goes on from the last revision that was
//! seen. When the server no longer has the changes since then (410), everything is listed again and compared with what
//! was known, so that what happened meanwhile is told too.

mod change;
mod known;

use std::time::Duration;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Args, ValueEnum};
use reqwest::Response;
use serde_json::{Value, json};

use super::client::Query;
use super::failure::Failure;
use super::names::{self, items, pair, word};
use super::pages::{fetch, revision};
use super::query::scope;
use super::session::Session;
use super::sse::{Decoder, Event};
use super::terminal::harmless;
use crate::model::{Kind, Object};
use change::Change;
pub(crate) use change::{references, tell};
use known::Known;

/// The server sends a bookmark at least every 15 s. Silence for longer than this is a dead connection.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);

/// How long the first and the longest pause between two tries are.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Options of `watch`.
#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    /// Only these kinds: `vm,host,provider`. Default: all.
    #[arg(long, short, value_delimiter = ',', value_name = "TYPES", value_parser = WatchedText, hide_possible_values = true)]
    types: Vec<Watched>,
    /// Only what belongs to this provider, by name or id.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Tell what changed since this revision too. A list with -o json names its revision.
    #[arg(long, value_name = "REVISION")]
    from: Option<String>,
    /// How to print it: table is a line for each change, json is a JSON document in each line.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: WatchFormat,
}

/// The form of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WatchFormat {
    /// A line for each change.
    #[default]
    Table,
    /// A JSON document in each line.
    Json,
}

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    Provider,
    Kind(Kind),
}

fn watched(text: &str) -> Result<Watched, String> {
    if matches!(text.trim().to_ascii_lowercase().as_str(), "provider" | "providers") {
        return Ok(Watched::Provider);
    }
    names::kind(text).map(Watched::Kind).map_err(|there_are| format!("{there_are}, provider"))
}

/// Takes what can be watched; completion scripts offer the words.
#[derive(Clone, Copy, Debug)]
struct WatchedText;

impl TypedValueParser for WatchedText {
    type Value = Watched;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Watched, clap::Error> {
        (watched as fn(&str) -> Result<Watched, String>).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let kinds = Kind::ALL.iter().map(|kind| word(*kind));
        Some(Box::new(kinds.chain(["provider"]).map(PossibleValue::new)))
    }
}

/// Watches until it is interrupted, or the server refuses.
pub(crate) async fn run(args: WatchArgs, session: &mut Session) -> Result<(), Failure> {
    let scope = scope(&session.client, args.provider.as_deref()).await?;
    let mut kinds: Vec<Kind> = args
        .types
        .iter()
        .filter_map(|watched| if let Watched::Kind(kind) = watched { Some(*kind) } else { None })
        .collect();
    if args.types.is_empty() {
        kinds = Kind::ALL.to_vec();
    }
    let providers = args.types.is_empty() || args.types.contains(&Watched::Provider);
    let mut watcher = Watcher {
        types: args
            .types
            .iter()
            .map(|watched| match watched {
                Watched::Provider => "provider",
                Watched::Kind(kind) => kind.as_str(),
            })
            .collect::<Vec<_>>()
            .join(","),
        kinds,
        providers,
        output: args.output,
        known: Known::default(),
        revision: args.from.clone(),
        scope,
        pause: FIRST_PAUSE,
    };
    watcher.begin(session).await?;
    watcher.follow(session).await
}

struct Watcher {
    kinds: Vec<Kind>,
    /// Whether changes of providers are told.
    providers: bool,
    /// The kinds as the API takes them; empty for all.
    types: String,
    scope: Query,
    output: WatchFormat,
    known: Known,
    /// What was seen last: where to go on from.
    revision: Option<String>,
    /// How long to wait before the next try.
    pause: Duration,
}

/// Why a stream ended.
enum End {
    /// It is gone, or the server ended it: go on from the last revision.
    Lost(String),
    /// It cannot go on.
    Failed(Failure),
}

impl Watcher {
    /// Learns what there is, so that the first change can be told as one.
    async fn begin(&mut self, session: &mut Session) -> Result<(), Failure> {
        let providers = session.client.get("/v1/providers", &[]).await?.body;
        self.known.providers_are(items(&providers));
        if self.revision.is_none() {
            self.list(session).await?;
        }
        if session.terminal.err_is_terminal {
            let from = self.revision.as_deref().map(|revision| format!(" from revision {}", harmless(revision)));
            session.terminal.note(&format!("Watching{}. Ctrl-C ends it.", from.unwrap_or_default()));
        }
        Ok(())
    }

    /// Lists everything. What differs from what was known is returned as changes.
    async fn list(&mut self, session: &Session) -> Result<Vec<Change>, Failure> {
        let mut first_revision = None;
        let mut changes = Vec::new();
        for kind in self.kinds.clone() {
            let listing = fetch(&session.client, kind, &self.scope, None).await?;
            // The oldest of the revisions: what changed while the others were read comes again, and is left out then.
            first_revision = first_revision.or(listing.revision);
            changes.extend(self.known.listed(kind, listing.items));
        }
        self.known.complete = true;
        self.revision = first_revision;
        Ok(changes)
    }

    async fn follow(&mut self, session: &mut Session) -> Result<(), Failure> {
        let mut connected_once = false;
        let mut listed_again = false;
        loop {
            let end = match self.connect(session).await {
                Ok(response) => {
                    if connected_once {
                        // After a list, what happened meanwhile is told by its outcome only.
                        let missed = if listed_again { "" } else { " Nothing was missed." };
                        session.terminal.note(&format!("Connected again.{missed}"));
                        self.providers_again(session).await?;
                    }
                    connected_once = true;
                    listed_again = false;
                    self.read(response, session).await
                }
                Err(Failure::Problem(problem)) if problem.status == 410 => {
                    self.list_again(session).await?;
                    listed_again = true;
                    continue;
                }
                Err(failure) if !connected_once => return Err(failure),
                Err(failure) => again(failure),
            };
            match end {
                End::Failed(failure) => return Err(failure),
                End::Lost(why) => {
                    // Once for each interruption, not for each try.
                    if self.pause == FIRST_PAUSE {
                        session.terminal.note(&format!("{} Trying again.", harmless(&why)));
                    }
                    // Not all watchers at the same moment.
                    tokio::time::sleep(self.pause.mul_f64(rand::random_range(0.5..1.0))).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn list_again(&mut self, session: &mut Session) -> Result<(), Failure> {
        let old = self.revision.clone().unwrap_or_default();
        let known = self.known.complete;
        let changes = self.list(session).await?;
        let new = self.revision.clone().unwrap_or_default();
        let then = if known { "what differs follows" } else { "what changes from there on follows" };
        session.terminal.note(&format!(
            "The server no longer has the changes since revision {}. Everything was listed again, at revision {}; {then}.",
            harmless(&old),
            harmless(&new)
        ));
        if self.output == WatchFormat::Json {
            session.terminal.line(&json!({"event": "listed_again", "revision": new}).to_string())?;
        }
        for change in changes {
            self.tell(&change, session).await?;
        }
        Ok(())
    }

    /// Providers that went while nobody listened are in no event.
    async fn providers_again(&mut self, session: &mut Session) -> Result<(), Failure> {
        // When this fails, the stream will too, and all begins anew.
        let Ok(answer) = session.client.get("/v1/providers", &[]).await else { return Ok(()) };
        for change in self.known.providers_gone(items(&answer.body)) {
            self.tell(&change, session).await?;
        }
        Ok(())
    }

    async fn connect(&self, session: &Session) -> Result<Response, Failure> {
        let mut query = self.scope.clone();
        if !self.types.is_empty() {
            query.push(pair("types", self.types.as_str()));
        }
        query.extend(self.revision.as_ref().map(|revision| pair("from_revision", revision.as_str())));
        session.client.stream("/v1/watch", &query).await
    }

    async fn read(&mut self, mut response: Response, session: &mut Session) -> End {
        let mut decoder = Decoder::default();
        loop {
            let chunk = match tokio::time::timeout(SILENCE_LIMIT, response.chunk()).await {
                Err(_) => return End::Lost(format!("The server said nothing for {} s.", SILENCE_LIMIT.as_secs())),
                Ok(Err(_)) => return End::Lost("The connection was lost.".to_owned()),
                Ok(Ok(None)) => return End::Lost("The server ended the stream.".to_owned()),
                Ok(Ok(Some(chunk))) => chunk,
            };
            let Ok(events) = decoder.push(&chunk) else {
                return End::Failed(Failure::failed("The server sent an event without end."));
            };
            for event in events {
                match self.event(&event, session).await {
                    Ok(None) => self.pause = FIRST_PAUSE,
                    Ok(Some(end)) => return end,
                    Err(failure) => return again(failure),
                }
            }
        }
    }

    /// Takes one event. The position moves only after the event was told.
    async fn event(&mut self, event: &Event, session: &mut Session) -> Result<Option<End>, Failure> {
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else {
            return Err(Failure::failed(format!(
                "The server sent an event that is no JSON: {}.",
                harmless(&event.name)
            )));
        };
        let change = match event.name.as_str() {
            "put" => self.known.put(&data),
            "delete" => self.known.deleted(&data),
            "provider" => self.known.provider(data.clone()),
            "provider_removed" => self.known.provider_removed(&data),
            "end" => {
                self.revision = revision(&data["resume_from"]).or_else(|| self.revision.clone());
                let why = match data["reason"].as_str() {
                    Some(reason) => format!("The server ended the stream: {reason}."),
                    None => "The server ended the stream.".to_owned(),
                };
                return Ok(Some(End::Lost(why)));
            }
            // `bookmark`, and what newer servers may send.
            _ => None,
        };
        if let Some(change) = change {
            self.tell(&change, session).await?;
        }
        if matches!(event.name.as_str(), "put" | "delete" | "bookmark") {
            let position = revision(&data["revision"]).or_else(|| Some(event.id.clone()).filter(|id| !id.is_empty()));
            self.revision = position.or_else(|| self.revision.clone());
        }
        Ok(None)
    }

    async fn tell(&mut self, change: &Change, session: &mut Session) -> Result<(), Failure> {
        if change.kind.is_none() && !self.providers {
            return Ok(());
        }
        if self.output == WatchFormat::Json {
            return session.terminal.line(&change.json().to_string());
        }
        if !change.is_worth_a_line() {
            return Ok(());
        }
        for (target, ids) in change.references() {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            // A name that cannot be had is no reason to keep quiet about the change: the id is shown.
            if let Err(Failure::PipeClosed) = self.known.directory.learn(&session.client, target, &ids).await {
                return Err(Failure::PipeClosed);
            }
        }
        let width = self.kinds.iter().map(|kind| word(*kind).len()).chain([8]).max().unwrap_or(8);
        let line = change.line(&self.known.directory, session.terminal.palette, session.terminal.unicode, width);
        session.terminal.line(&line)
    }
}

/// What a failure during a watch means: some pass by themselves.
fn again(failure: Failure) -> End {
    match failure {
        Failure::Unreachable { why, .. } => End::Lost(format!("The server cannot be reached: {why}.")),
        Failure::Problem(problem) if problem.status >= 500 || problem.status == 429 => {
            End::Lost(format!("The server answered with status {}.", problem.status))
        }
        failure => End::Failed(failure),
    }
}

/// The member that holds the main state of a kind.
fn state_field(kind: Option<Kind>) -> Option<&'static str> {
    kind.and_then(Object::state_field)
}

#[cfg(test)]
mod tests;
