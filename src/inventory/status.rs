//! Providers and the state of their sources, as the read model keeps them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use chrono::{Datelike, SecondsFormat, Timelike};

use super::entry::{Entry, Origin};
use super::log::Frame;
use super::schema::UNTOLD;
use crate::authz::{Node, SeesProviders, TenantScope};
use crate::model::{Provider, ProviderId, Source, SourceId, SourceState, Time};

/// A provider with its JSON, which is serialized once, when somebody asks.
#[derive(Debug)]
pub struct ProviderEntry {
    provider: Provider,
    frame: OnceLock<Frame>,
    version: u64,
}

impl ProviderEntry {
    /// The provider.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The JSON object that is answered.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.frame().data
    }

    /// The event that tells of it.
    pub(super) fn frame(&self) -> Frame {
        let render = || {
            let json = serde_json::to_vec(&self.provider).unwrap_or_else(|error| {
                tracing::error!(provider.id = %self.provider.id, %error, "a provider cannot be written as JSON");
                b"null".to_vec()
            });
            Frame::new("provider", None, |out| out.extend_from_slice(&json))
        };
        self.frame.get_or_init(render).clone()
    }

    /// Rises whenever watchers are to be told of any provider: tells a watcher what it has not told yet.
    pub(super) fn version(&self) -> u64 {
        self.version
    }
}

/// What the answers need of a source's state, written once when it changes.
#[derive(Debug)]
pub(super) struct SourceStatus {
    state: SourceState,
    observed_at: Option<Time>,
    /// `"provider_id":"…","source_id":"…","observed_at":…,"sync":"…"`.
    text: Box<str>,
}

impl SourceStatus {
    fn new(provider_id: ProviderId, source_id: SourceId, state: SourceState, observed_at: Option<Time>) -> Self {
        Self { state, observed_at, text: source_text(provider_id, source_id, state, observed_at).into() }
    }

    /// Whether this is what the source's status would be made to.
    fn is_of(&self, source: &Source) -> bool {
        (self.state, self.observed_at) == (source.sync.state, source.sync.observed_at)
    }

    fn of(source: &Source) -> Self {
        Self::new(source.provider_id, source.id, source.sync.state, source.sync.observed_at)
    }

    pub(super) fn observed_at(&self) -> Option<Time> {
        self.observed_at
    }
}

fn source_text(provider: ProviderId, source: SourceId, state: SourceState, observed_at: Option<Time>) -> String {
    let observed_at = observed_at.map_or_else(|| "null".to_owned(), |at| format!("\"{}\"", time_text(at)));
    format!(r#""provider_id":"{provider}","source_id":"{source}","observed_at":{observed_at},"sync":"{state}""#)
}

/// An instant as the API writes it.
pub(super) fn time_text(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The same, ten times as fast: every answered object has several.
pub(super) fn write_time(time: Time, out: &mut Vec<u8>) {
    let (year, nanos) = (time.year(), time.nanosecond());
    if !(0..=9999).contains(&year) || nanos >= 1_000_000_000 {
        out.extend_from_slice(time_text(time).as_bytes());
        return;
    }
    let mut digits = |number: u32, count: u32, after: &[u8]| {
        for place in (0..count).rev() {
            out.push(b'0' + u8::try_from(number / 10u32.pow(place) % 10).unwrap_or(0));
        }
        out.extend_from_slice(after);
    };
    digits(year.unsigned_abs(), 4, b"-");
    digits(time.month(), 2, b"-");
    digits(time.day(), 2, b"T");
    digits(time.hour(), 2, b":");
    digits(time.minute(), 2, b":");
    digits(time.second(), 2, if nanos == 0 { b"Z" } else { b"." });
    match nanos {
        0 => {}
        _ if nanos % 1_000_000 == 0 => digits(nanos / 1_000_000, 3, b"Z"),
        _ if nanos % 1000 == 0 => digits(nanos / 1000, 6, b"Z"),
        _ => digits(nanos, 9, b"Z"),
    }
}

/// The providers and the states of their sources. Replaced as a whole at every change of one of them.
#[derive(Clone, Debug, Default)]
pub(super) struct ProviderTable {
    version: u64,
    providers: BTreeMap<ProviderId, Arc<ProviderEntry>>,
    /// Providers that differ from what watchers were told.
    untold: BTreeSet<ProviderId>,
    sources: HashMap<SourceId, Arc<SourceStatus>>,
}

impl ProviderTable {
    /// Takes a provider in, of which watchers are told. `false` when they know it as it is.
    pub(super) fn put(&mut self, provider: Provider) -> bool {
        let known = self.providers.get(&provider.id);
        if known.is_some_and(|known| known.provider == provider && !self.untold.contains(&provider.id)) {
            return false;
        }
        self.version += 1;
        self.untold.remove(&provider.id);
        self.insert(provider, self.version);
        true
    }

    /// Takes a known provider in as it is now, without telling the watchers. `false` when nothing differs.
    pub(super) fn refresh(&mut self, provider: Provider) -> bool {
        let Some(known) = self.providers.get(&provider.id).filter(|known| known.provider != provider) else {
            return false;
        };
        let version = known.version;
        self.untold.insert(provider.id);
        self.insert(provider, version);
        true
    }

    fn insert(&mut self, provider: Provider, version: u64) {
        let kept: HashSet<SourceId> = provider.sources.iter().map(|source| source.id).collect();
        let known = self.providers.get(&provider.id);
        for source in known.iter().flat_map(|known| &known.provider.sources) {
            if !kept.contains(&source.id) {
                self.sources.remove(&source.id);
            }
        }
        for source in &provider.sources {
            // Rendered events are kept for as long as the status is the very same.
            if !self.sources.get(&source.id).is_some_and(|known| known.is_of(source)) {
                self.sources.insert(source.id, Arc::new(SourceStatus::of(source)));
            }
        }
        let entry = ProviderEntry { provider, frame: OnceLock::new(), version };
        self.providers.insert(entry.provider.id, Arc::new(entry));
    }

    /// Takes a provider out. `false` when it is not known.
    pub(super) fn remove(&mut self, id: ProviderId) -> bool {
        let Some(known) = self.providers.remove(&id) else { return false };
        for source in &known.provider.sources {
            self.sources.remove(&source.id);
        }
        self.untold.remove(&id);
        self.version += 1;
        true
    }

    /// Rises with every change of which watchers are told.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The visible providers.
    pub(super) fn visible<'a, A: SeesProviders>(
        &'a self,
        scope: &'a TenantScope<A>,
    ) -> impl Iterator<Item = &'a Arc<ProviderEntry>> {
        self.providers.values().filter(|entry| scope.contains(Node::Tenant(entry.provider.tenant_id)))
    }

    /// One visible provider.
    pub(super) fn get(&self, scope: &TenantScope<impl SeesProviders>, id: ProviderId) -> Option<&Arc<ProviderEntry>> {
        self.providers.get(&id).filter(|entry| scope.contains(Node::Tenant(entry.provider.tenant_id)))
    }

    /// The name of a provider.
    pub(super) fn name(&self, id: ProviderId) -> Option<&str> {
        self.providers.get(&id).map(|entry| entry.provider.name.as_str())
    }

    /// The state of a source; absent when its provider was not put yet.
    pub(super) fn source(&self, id: SourceId) -> Option<&Arc<SourceStatus>> {
        self.sources.get(&id)
    }

    /// The state of a source as it is answered.
    pub(super) fn state(&self, id: SourceId) -> SourceState {
        self.sources.get(&id).map_or(UNTOLD, |status| status.state)
    }

    /// What an answer says of an object's source.
    pub(super) fn write_source(&self, origin: &Origin, out: &mut Vec<u8>) {
        match self.sources.get(&origin.source_id) {
            Some(status) => out.extend_from_slice(status.text.as_bytes()),
            None => out.extend_from_slice(source_text(origin.provider_id, origin.source_id, UNTOLD, None).as_bytes()),
        }
    }
}

/// Looks up the states of sources for one reader: objects that are read one after another mostly share a source.
#[derive(Debug)]
pub(super) struct View<'a> {
    table: &'a ProviderTable,
    last: RefCell<Option<(SourceId, Option<&'a SourceStatus>)>>,
}

impl<'a> View<'a> {
    pub(super) fn new(table: &'a ProviderTable) -> Self {
        Self { table, last: RefCell::new(None) }
    }

    fn status(&self, entry: &Entry) -> Option<&'a SourceStatus> {
        let id = entry.source_id();
        if let Some((last, status)) = *self.last.borrow()
            && last == id
        {
            return status;
        }
        let status = self.table.source(id).map(Arc::as_ref);
        self.last.replace(Some((id, status)));
        status
    }

    pub(super) fn state(&self, entry: &Entry) -> SourceState {
        self.status(entry).map_or(UNTOLD, |status| status.state)
    }

    pub(super) fn observed_at(&self, entry: &Entry) -> Option<Time> {
        self.status(entry).and_then(|status| status.observed_at)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_ways_to_write_an_instant_agree(seconds in -80_000_000_000i64..300_000_000_000, nanos in 0..1_999_999_999u32) {
            for nanos in [0, nanos, nanos / 1000 * 1000, nanos / 1_000_000 * 1_000_000] {
                let Some(time) = DateTime::from_timestamp(seconds, nanos) else { continue };
                let mut out = Vec::new();
                write_time(time, &mut out);
                prop_assert_eq!(String::from_utf8(out).unwrap(), time_text(time));
            }
        }
    }
}
