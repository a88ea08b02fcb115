//! The audit log: writing down what was asked for, reading it, verifying it.
//!
//! What a write changed is written down in the write's own transaction, by the store ([`super::told`]): where the entry
//! cannot be written, nothing is. Everything else that is asked for and has to be told, such as a sign-in, a denial, or a write that
//! failed, is written down here, after it was answered. That request does not fail because its entry cannot be written: then
//! the log has it.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use opentelemetry::metrics::Counter;
use serde_json::json;
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::history::{parameters, time_bounds, values, wrong};
use super::objects::{Pairs, invalid};
use super::{Address, App, Error, Result, Session, StoredPage};
use crate::authz::{AuditRead, Node, TenantScope};
use crate::inventory::{QueryError, read_limit};
use crate::model::{AuditCheck, AuditEntry, AuditResult, Door, NewAudit, TenantId, Time, UserId};
use crate::store::{AuditFilter, Receipt};

/// How long an answer waits for its entry. It is written afterwards all the same.
const WAIT: Duration = Duration::from_secs(2);
/// Entries that wait for the database at once; of more than these only the log has a line.
const WAITING_MAX: usize = 256;
/// How often a stranger at one address is written down.
const STRANGER_EVERY: TimeDelta = TimeDelta::seconds(60);
/// Addresses of strangers that are remembered.
const STRANGERS_MAX: usize = 10_000;
/// What is refused of one user is written down one by one up to this often …
const REFUSALS_MAX: u32 = 60;
/// … within this time.
const REFUSALS_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// The longest name that is looked at when somebody signs in, bytes.
const USERNAME_MAX: usize = 256;
/// How many entries are read at once for an export.
const EXPORT_PAGE: u64 = 1_000;

const PARAMETERS: &[&str] = &[
    "actor",
    "action",
    "object_kind",
    "object_id",
    "result",
    "door",
    "tenant_id",
    "request_id",
    "at.gt",
    "at.gte",
    "at.lt",
    "at.lte",
    "limit",
    "page_token",
];
const EXPORT_PARAMETERS: &[&str] = &[
    "actor",
    "action",
    "object_kind",
    "object_id",
    "result",
    "door",
    "tenant_id",
    "request_id",
    "at.gt",
    "at.gte",
    "at.lt",
    "at.lte",
];

/// Where a request comes from, and who turned out to ask. Shared by all who handle the request. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Origin(Arc<Known>);

#[derive(Debug)]
struct Known {
    address: Option<IpAddr>,
    request_id: String,
    door: Door,
    receipt: Receipt,
    who: Mutex<Who>,
}

#[derive(Clone, Debug, Default)]
enum Who {
    /// Nobody who could be told apart.
    #[default]
    Stranger,
    /// Somebody who gave this name to sign in.
    Tried(String),
    /// A user.
    User { id: UserId, tenant_id: TenantId, login_name: String },
}

impl Origin {
    /// Of a request that was just received.
    #[must_use]
    pub fn new(address: Option<IpAddr>, request_id: String, door: Door) -> Self {
        let who = Mutex::new(Who::Stranger);
        Self(Arc::new(Known { address, request_id, door, receipt: Receipt::default(), who }))
    }

    /// This user asks.
    pub(super) fn signed_in(&self, session: &Session) {
        let (id, tenant_id) = (session.principal.user_id, session.principal.tenant_id);
        let user = Who::User { id, tenant_id, login_name: session.login_name.clone() };
        *self.0.who.lock().unwrap_or_else(PoisonError::into_inner) = user;
    }

    /// Somebody tries to sign in by this name.
    pub fn tried(&self, username: &str) {
        *self.0.who.lock().unwrap_or_else(PoisonError::into_inner) = Who::Tried(username.to_owned());
    }

    /// Whether the entry of this request is written: by the transaction that did what was asked for.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0.receipt.is_written()
    }

    /// An entry of this request, for a use case to complete, and what tells that it is written.
    pub(super) fn entry(&self, action: &str, object_kind: &str) -> (NewAudit, Receipt) {
        (self.blank(action, object_kind), self.0.receipt.clone())
    }

    fn blank(&self, action: &str, object_kind: &str) -> NewAudit {
        NewAudit {
            actor: String::new(),
            address: self.0.address.map(|address| address.to_canonical().to_string()),
            request_id: Some(self.0.request_id.clone()),
            ..NewAudit::of_gateway(self.0.door, action, object_kind)
        }
    }

    fn who(&self) -> Who {
        self.0.who.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What was asked for, and how it was answered.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Such as `provider.create`.
    pub action: String,
    /// Such as `provider`.
    pub object_kind: String,
    /// The id of what it was asked of.
    pub object_id: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// What writes entries down after the answer.
pub(super) struct Recorder {
    waiting: Arc<Semaphore>,
    unwritten: Counter<u64>,
    strangers: Mutex<HashMap<(Address, u16), Time>>,
    /// By user.
    refusals: Mutex<HashMap<UserId, Refusals>>,
}

/// What was refused of one user lately.
#[derive(Debug)]
struct Refusals {
    since: Time,
    told: u32,
    untold: u32,
}

impl Default for Recorder {
    fn default() -> Self {
        let unwritten = opentelemetry::global::meter("spandrel.audit")
            .u64_counter("spandrel_audit_unwritten")
            .with_description("Entries of the audit log that could not be written; the log has them.")
            .build();
        Self {
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            unwritten,
            strangers: Mutex::default(),
            refusals: Mutex::default(),
        }
    }
}

impl Recorder {
    /// Whether a stranger at this address, answered so, is written down now: what everybody can send must not push out what
    /// matters.
    fn takes_stranger(&self, address: Option<IpAddr>, status: u16, now: Time) -> bool {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |at: &Time| now.signed_duration_since(*at).abs() < STRANGER_EVERY;
        let key = (Address::from(address), status);
        if strangers.get(&key).is_some_and(recent) {
            return false;
        }
        if strangers.len() >= STRANGERS_MAX {
            strangers.retain(|_, at| recent(at));
        }
        // Where so many come at once, one more tells nothing new.
        let room = strangers.len() < STRANGERS_MAX;
        if room {
            strangers.insert(key, now);
        }
        room
    }

    /// Whether what was refused of a user, or failed, is written down now; and how much of it was not since the last time.
    fn takes_refusal(&self, user: UserId, now: Time) -> Option<u32> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |one: &Refusals| now.signed_duration_since(one.since).abs() < REFUSALS_WITHIN;
        refusals.retain(|_, one| one.untold > 0 || recent(one));
        let one = refusals.entry(user).or_insert(Refusals { since: now, told: 0, untold: 0 });
        if !recent(one) {
            (one.since, one.told) = (now, 0);
        }
        if one.told >= REFUSALS_MAX {
            one.untold = one.untold.saturating_add(1);
            return None;
        }
        one.told += 1;
        Some(std::mem::take(&mut one.untold))
    }
}

/// What an HTTP status says of what was asked for.
fn result_of(status: u16) -> AuditResult {
    match status {
        200..=399 => AuditResult::Done,
        401 | 403 | 429 => AuditResult::Denied,
        _ => AuditResult::Failed,
    }
}

impl App {
    /// Writes down what a request asked for, unless the use case did so already. Waits for it, but not for long; that it
    /// cannot be written changes nothing for the caller.
    pub async fn audit_asked(&self, origin: &Origin, asked: Asked) {
        let who = origin.who();
        // A sign-in that was looked at is limited by the delay after failures.
        let known = match &who {
            Who::User { .. } => true,
            Who::Tried(name) => matches!(asked.status, 200 | 401) && name.len() <= USERNAME_MAX,
            Who::Stranger => false,
        };
        let (recorder, now) = (&self.0.audit, self.clock().now());
        if origin.is_recorded() || !known && !recorder.takes_stranger(origin.0.address, asked.status, now) {
            return;
        }
        let untold = match &who {
            Who::User { id, .. } if result_of(asked.status) != AuditResult::Done => recorder.takes_refusal(*id, now),
            _ => Some(0),
        };
        let Some(untold) = untold else { return };
        let new = NewAudit {
            after: (untold > 0).then(|| json!({"refused_untold": untold})),
            object_id: asked.object_id,
            result: result_of(asked.status),
            status: Some(asked.status),
            ..origin.blank(&asked.action, &asked.object_kind)
        };
        let Ok(turn) = Arc::clone(&recorder.waiting).try_acquire_owned() else {
            recorder.unwritten.add(1, &[]);
            return tell(&new, "too many entries wait for the database");
        };
        let app = self.clone();
        let writing = async move {
            let told = new.clone();
            if let Err(error) = app.audit_write(who, new).await {
                app.0.audit.unwritten.add(1, &[]);
                tell(&told, &error.to_string());
            }
            drop(turn);
        };
        // It goes on when the request ends first.
        let writing = tokio::spawn(writing.in_current_span());
        let _ = tokio::time::timeout(WAIT, writing).await;
    }

    async fn audit_write(&self, who: Who, mut new: NewAudit) -> Result<()> {
        let store = self.store().system("audit");
        let access = self.access();
        match who {
            Who::User { id, tenant_id, login_name } => {
                new.tenant_id = tenant_id;
                new.actor_id = Some(id);
                new.actor = login_name;
            }
            Who::Tried(name) if name.len() <= USERNAME_MAX => match access.graph().user_of_login(&name) {
                // Whose account was tried is that tenant's concern. Only who got in is the user.
                Some(user) => {
                    new.tenant_id = user.tenant_id;
                    new.actor_id = (new.result == AuditResult::Done).then_some(user.id);
                    new.actor = user.login_name();
                }
                None => new.actor = name,
            },
            Who::Tried(_) | Who::Stranger => {}
        }
        store.audit_append(new).await?;
        Ok(())
    }

    /// A page of the audit log.
    ///
    /// # Errors
    /// [`Error::Invalid`], or an internal one.
    pub async fn audits(&self, session: &Session, pairs: &Pairs) -> Result<StoredPage<AuditEntry>> {
        let scope = self.scope::<AuditRead>(session);
        let parameters = parameters(pairs, PARAMETERS).map_err(invalid)?;
        let filter = filter(&parameters).map_err(invalid)?;
        let limit = read_limit(parameters.get("limit").copied()).map_err(invalid)?;
        let list = list_name(&scope, &filter);
        let place = parameters.get("page_token").map(|token| self.inventory().place_of(&list, token)).transpose();
        let before = place.and_then(|place| place.map(|place| read_place(&place)).transpose()).map_err(invalid)?;
        // One more than asked for tells whether there is another page.
        let mut items = self.store().tenant(&scope).audits(&filter, before, limit as u64 + 1).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next_page_token = last.map(|last| self.inventory().place_token(&list, &last.seq.to_be_bytes()));
        Ok(StoredPage { items, next_page_token })
    }

    /// The audit log from the oldest entry on, as it is now, page by page.
    ///
    /// # Errors
    /// [`Error::Invalid`], or an internal one.
    pub async fn audit_export(&self, session: &Session, pairs: &Pairs) -> Result<AuditExport> {
        let scope = self.scope::<AuditRead>(session);
        let parameters = parameters(pairs, EXPORT_PARAMETERS).map_err(invalid)?;
        let filter = filter(&parameters).map_err(invalid)?;
        let head = self.store().system("audit").audit_head().await?;
        Ok(AuditExport { app: self.clone(), session: session.clone(), scope, filter, after: 0, through: head.seq })
    }

    /// Walks the whole chain. Only for who sees every tenant: a part of it is no chain.
    ///
    /// # Errors
    /// [`Error::Denied`], or an internal one.
    pub async fn audit_verify(&self, session: &Session) -> Result<AuditCheck> {
        self.authorize::<AuditRead>(session, Node::PLATFORM)?;
        Ok(self.store().system("audit").audit_verify().await?)
    }
}

/// An entry that cannot be written stands in the log at least.
fn tell(new: &NewAudit, why: &str) {
    tracing::error!(
        actor = new.actor, action = new.action, object_id = new.object_id, result = %new.result, address = new.address,
        request_id = new.request_id, why, "an entry of the audit log was not written"
    );
}

/// An export that goes on.
pub struct AuditExport {
    app: App,
    session: Session,
    scope: TenantScope<AuditRead>,
    filter: AuditFilter,
    after: u64,
    through: u64,
}

impl AuditExport {
    /// The next lines, each with its end; `None` when these were all.
    ///
    /// # Errors
    /// When the database cannot be read, or the session has ended.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.after > 0 && !self.app.session_is_valid(&self.session).await? {
            return Err(Error::Unauthenticated);
        }
        let store = self.app.store().tenant(&self.scope);
        let entries = store.audits_after(&self.filter, self.after, self.through, EXPORT_PAGE).await?;
        let Some(last) = entries.last() else { return Ok(None) };
        self.after = last.seq;
        let mut lines = String::with_capacity(entries.len() * 512);
        for entry in &entries {
            lines.push_str(&entry.line());
            lines.push('\n');
        }
        Ok(Some(lines.into()))
    }
}

fn filter(parameters: &BTreeMap<&'static str, &str>) -> std::result::Result<AuditFilter, QueryError> {
    let texts = |name| values(parameters, name, |text| (!text.is_empty()).then(|| text.to_owned()));
    let text =
        |name: &'static str| texts(name).ok_or_else(|| wrong(name, "one or more texts, separated by commas", vec![]));
    const WORDS: &str = "one or more of these words, separated by commas";
    let (from, before) = time_bounds(parameters, ["at.gt", "at.gte", "at.lt", "at.lte"])?;
    Ok(AuditFilter {
        actors: text("actor")?,
        actions: text("action")?,
        object_kinds: text("object_kind")?,
        object_ids: text("object_id")?,
        request_ids: text("request_id")?,
        results: values(parameters, "result", AuditResult::parse)
            .ok_or_else(|| wrong("result", WORDS, AuditResult::ALL.iter().map(|word| word.as_str()).collect()))?,
        doors: values(parameters, "door", Door::parse)
            .ok_or_else(|| wrong("door", WORDS, Door::ALL.iter().map(|word| word.as_str()).collect()))?,
        tenants: values(parameters, "tenant_id", |text| text.parse::<TenantId>().ok())
            .ok_or_else(|| wrong("tenant_id", "one or more UUIDs, separated by commas", Vec::new()))?,
        from,
        before,
    })
}

/// All that decides what is in the list, and for whom: page tokens are bound to it.
fn list_name(scope: &TenantScope<AuditRead>, filter: &AuditFilter) -> String {
    format!("audit\n{}\n{filter:?}", scope.viewer())
}

fn read_place(place: &[u8]) -> std::result::Result<u64, QueryError> {
    place.try_into().map(u64::from_be_bytes).map_err(|_| QueryError::InvalidPageToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_written_down_now_and_then() {
        let recorder = Recorder::default();
        let address = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let at = |seconds: i64| Time::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        assert!(recorder.takes_stranger(address(1), 429, at(0)));
        assert!(!recorder.takes_stranger(address(1), 429, at(59)));
        assert!(recorder.takes_stranger(address(1), 401, at(59)));
        assert!(recorder.takes_stranger(address(2), 429, at(59)));
        assert!(recorder.takes_stranger(address(1), 429, at(60)));
        for number in 0..20_000_u32 {
            recorder.takes_stranger(Some(IpAddr::from(number.to_be_bytes())), 429, at(61));
        }
        assert!(recorder.strangers.lock().unwrap().len() <= STRANGERS_MAX);
    }

    #[test]
    fn an_entry_says_where_its_request_comes_from() {
        let mapped = "::ffff:192.0.2.7".parse().ok();
        let origin = Origin::new(mapped, "r-1".to_owned(), Door::Portal);
        let (entry, receipt) = origin.entry("provider.create", "provider");
        assert_eq!((entry.address.as_deref(), entry.request_id.as_deref()), (Some("192.0.2.7"), Some("r-1")));
        assert_eq!((entry.door, entry.result), (Door::Portal, AuditResult::Done));
        assert!(!origin.is_recorded() && !receipt.is_written());
    }

    #[test]
    fn statuses_have_results() {
        for (status, expected) in [
            (200, AuditResult::Done),
            (202, AuditResult::Done),
            (401, AuditResult::Denied),
            (403, AuditResult::Denied),
            (429, AuditResult::Denied),
            (404, AuditResult::Failed),
            (503, AuditResult::Failed),
        ] {
            assert_eq!(result_of(status), expected, "{status}");
        }
    }
}
