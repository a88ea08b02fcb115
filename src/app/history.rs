//! What the sync states of a provider were.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::objects::{Pairs, invalid};
use super::{App, Error, Result, Session};
use crate::authz::{ProviderRead, TenantScope};
use crate::inventory::{QueryError, read_limit};
use crate::model::provider::SyncPeriod;
use crate::model::{ProviderId, SourceId, SourceState, SyncPeriodId, Time};
use crate::store::SyncHistoryFilter;

/// A page of something that the database keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPage<T> {
    /// What is on it, newest first.
    pub items: Vec<T>,
    /// What to hand in for the next page; absent on the last.
    pub next_page_token: Option<String>,
}

const PARAMETERS: &[&str] =
    &["source_id", "state", "since.gt", "since.gte", "since.lt", "since.lte", "limit", "page_token"];

impl App {
    /// A page of the states that a provider's sources were in.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], or an internal one.
    pub async fn provider_history(
        &self,
        session: &Session,
        id: ProviderId,
        pairs: &Pairs,
    ) -> Result<StoredPage<SyncPeriod>> {
        let scope = self.scope::<ProviderRead>(session);
        let parameters = parameters(pairs, PARAMETERS).map_err(invalid)?;
        let filter = filter(&parameters).map_err(invalid)?;
        let limit = read_limit(parameters.get("limit").copied()).map_err(invalid)?;
        let list = list_name(&scope, id, &filter);
        let after = parameters.get("page_token").map(|token| self.inventory().place_of(&list, token)).transpose();
        let after = after.and_then(|place| place.map(|place| read_place(&place)).transpose()).map_err(invalid)?;
        // One more than asked for tells whether there is another page.
        let found = self.store().tenant(&scope).sync_history(id, &filter, after, limit as u64 + 1).await?;
        let mut items = found.ok_or_else(|| Error::not_found("provider", id))?;
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next_page_token = last.map(|last| self.inventory().place_token(&list, &write_place(last)));
        Ok(StoredPage { items, next_page_token })
    }
}

/// The parameters by name: each at most once, and none but these.
pub(super) fn parameters<'a>(
    pairs: &'a Pairs,
    allowed: &'static [&'static str],
) -> std::result::Result<BTreeMap<&'static str, &'a str>, QueryError> {
    let mut found = BTreeMap::new();
    for (name, value) in pairs {
        let Some(parameter) = allowed.iter().copied().find(|parameter| parameter == name) else {
            let field = name[..name.floor_char_boundary(80)].to_owned();
            return Err(QueryError::UnknownField { field, allowed: allowed.to_vec() });
        };
        if found.insert(parameter, value.as_str()).is_some() {
            return Err(QueryError::Repeated { parameter });
        }
    }
    Ok(found)
}

fn filter(parameters: &BTreeMap<&'static str, &str>) -> std::result::Result<SyncHistoryFilter, QueryError> {
    let state_words = || SourceState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>();
    let (from, before) = time_bounds(parameters, ["since.gt", "since.gte", "since.lt", "since.lte"])?;
    Ok(SyncHistoryFilter {
        sources: values(parameters, "source_id", |text| text.parse::<SourceId>().ok())
            .ok_or_else(|| wrong("source_id", "one or more UUIDs, separated by commas", Vec::new()))?,
        states: values(parameters, "state", SourceState::parse)
            .ok_or_else(|| wrong("state", "one or more of these words, separated by commas", state_words()))?,
        from,
        before,
    })
}

/// From when on, and before when, as the parameters for more than, at least, less than and at most say.
pub(super) fn time_bounds(
    parameters: &BTreeMap<&'static str, &str>,
    [gt, gte, lt, lte]: [&'static str; 4],
) -> std::result::Result<(Option<Time>, Option<Time>), QueryError> {
    let time = |field: &'static str| {
        let Some(text) = parameters.get(field) else { return Ok(None) };
        let time = text.parse::<Time>().map(Some);
        time.map_err(|_| wrong(field, "a time as RFC 3339 writes it: 2026-01-31T12:00:00Z", Vec::new()))
    };
    // What is stored is whole microseconds.
    let next = |time: Option<Time>| time.and_then(|time| time.checked_add_signed(TimeDelta::microseconds(1)));
    let from = [time(gte)?, next(time(gt)?)].into_iter().flatten().max();
    let before = [time(lt)?, next(time(lte)?)].into_iter().flatten().min();
    Ok((from, before))
}

pub(super) fn wrong(field: &'static str, expected: &'static str, allowed: Vec<&'static str>) -> QueryError {
    QueryError::InvalidValue { field, value: String::new(), expected, allowed }
}

/// The values of a filter, sorted; none when it is absent. `None` when one cannot be read.
pub(super) fn values<T: Ord>(
    parameters: &BTreeMap<&'static str, &str>,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let texts = parameters.get(name).into_iter().flat_map(|text| text.split(','));
    let mut values = texts.map(|text| read(text.trim())).collect::<Option<Vec<T>>>()?;
    values.sort();
    values.dedup();
    Some(values)
}

/// All that decides what is in the list, and for whom: page tokens are bound to it.
fn list_name(scope: &TenantScope<ProviderRead>, id: ProviderId, filter: &SyncHistoryFilter) -> String {
    let viewer = scope.viewer();
    format!("sync history\n{viewer}\n{id}\n{filter:?}")
}

fn write_place(last: &SyncPeriod) -> Vec<u8> {
    [&last.since.timestamp_micros().to_be_bytes()[..], last.id.0.as_bytes()].concat()
}

fn read_place(place: &[u8]) -> std::result::Result<(Time, SyncPeriodId), QueryError> {
    let read = || {
        let (since, id) = place.split_first_chunk::<8>()?;
        let since = Time::from_timestamp_micros(i64::from_be_bytes(*since))?;
        Some((since, SyncPeriodId(uuid::Uuid::from_slice(id).ok()?)))
    };
    read().ok_or(QueryError::InvalidPageToken)
}
