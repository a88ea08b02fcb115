//! What a document would do, by the server's word, and doing it.

use reqwest::Method;
use serde_json::Value;

use super::Kind;
use super::read::Wish;
use crate::cli::failure::Failure;
use crate::cli::names::items;
use crate::cli::session::Session;
use crate::cli::terminal::harmless;

/// How often something is compared anew that others changed meanwhile.
const TRIES: usize = 5;

/// What is to be done for a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Action {
    /// Make it.
    Create,
    /// Edit it.
    Change,
    /// It is so.
    #[default]
    Nothing,
}

impl Action {
    /// The word of a plan.
    pub(super) const fn planned(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Change => "change",
            Action::Nothing => "none",
        }
    }
}

/// What a document would do, or has done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) action: Action,
    /// As it is shown before and after it.
    pub(super) before: Value,
    pub(super) after: Value,
    /// The members that are not what they were, in the API's words.
    pub(super) changed: Vec<String>,
}

fn dry_run() -> [(String, String); 1] {
    [("dry_run".to_owned(), "true".to_owned())]
}

/// The version of what was shown, as `If-Match` takes it.
fn etag(shown: &Value) -> String {
    format!("\"{}\"", shown["generation"])
}

fn path(kind: &Kind, shown: &Value) -> String {
    format!("{}/{}", kind.collection, shown["id"].as_str().unwrap_or_default())
}

/// Everything of a kind.
pub(super) async fn list(kind: &Kind, session: &Session) -> Result<Vec<Value>, Failure> {
    Ok(items(&session.client.get(kind.collection, &[]).await?.body).to_vec())
}

/// Asks the server what a document would do. `listed` is what there is of its kind.
pub(super) async fn plan(wish: &Wish, listed: &[Value], session: &Session) -> Result<Plan, Failure> {
    let same =
        |shown: &&Value| shown["name"].as_str().is_some_and(|name| name.to_lowercase() == wish.name.to_lowercase());
    let Some(before) = listed.iter().find(same) else {
        let answer =
            session.client.call(Method::POST, wish.kind.collection, &dry_run(), Some(&wish.create), None).await?;
        let after = answer.body;
        let told = |member: &&&str| **member != "name" && !super::is_nothing(&(wish.kind.value)(&after, member));
        let changed = wish.kind.shown.iter().filter(told).map(|member| (*member).to_owned()).collect();
        return Ok(Plan { action: Action::Create, before: Value::Null, after, changed });
    };
    let mut before = before.clone();
    for _ in 0..TRIES {
        if let Some((member, _)) = wish.fixed.iter().find(|(member, value)| before[*member] != *value) {
            return Err(Failure::Fixed { member });
        }
        let path = path(wish.kind, &before);
        let asked =
            session.client.call(Method::PATCH, &path, &dry_run(), Some(&wish.patch), Some(&etag(&before))).await;
        match asked {
            Ok(answer) => {
                let changed = answer.changed.unwrap_or_default();
                let action = if changed.is_empty() { Action::Nothing } else { Action::Change };
                return Ok(Plan { action, before, after: answer.body, changed });
            }
            Err(Failure::Problem(problem)) if problem.status == 412 => {
                before = session.client.get(&path, &[]).await?.body;
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::failed(format!("{} is changed by others all the time.", wish.title())))
}

/// Does what was planned. When others changed it meanwhile, that is said, and it is compared anew.
pub(super) async fn act(wish: &Wish, mut plan: Plan, session: &mut Session) -> Result<Plan, Failure> {
    for _ in 0..TRIES {
        let done = match plan.action {
            Action::Nothing => return Ok(plan),
            Action::Create => session.client.create(wish.kind.collection, &wish.create).await,
            Action::Change => {
                let path = path(wish.kind, &plan.before);
                let etag = etag(&plan.before);
                session.client.call(Method::PATCH, &path, &[], Some(&wish.patch), Some(&etag)).await
            }
        };
        match done {
            Ok(answer) => {
                // Of an edit the server tells what it changed.
                let changed = answer.changed.unwrap_or(plan.changed);
                let action = if changed.is_empty() { Action::Nothing } else { plan.action };
                return Ok(Plan { action, before: plan.before, after: answer.body, changed });
            }
            Err(Failure::Problem(problem)) if is_meanwhile(&problem, plan.action) => {
                session
                    .terminal
                    .note(&format!("{} was changed meanwhile; it is compared anew.", harmless(&wish.title())));
                let listed = list(wish.kind, session).await?;
                plan = self::plan(wish, &listed, session).await?;
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::failed(format!("{} is changed by others all the time.", wish.title())))
}

/// Whether a refusal says only that the plan is out of date.
fn is_meanwhile(problem: &crate::cli::problem::Problem, action: Action) -> bool {
    match action {
        Action::Create => problem.status == 409 && problem.field() == Some("name"),
        _ => matches!(problem.status, 404 | 412),
    }
}
