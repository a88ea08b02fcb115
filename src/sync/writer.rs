//! From what a provider tells to committed rows and the read model, for all sources of one provider.
//!
//! Rows, change log, new ids, quarantine and the source's position are committed in one transaction; only then the read
//! model gets the same changes. When the commit fails, what is kept in memory is thrown away and loaded from the store
//! again, and every source of the provider reads everything anew: so nothing is lost and nothing is taken for stored that
//! is not.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::identity::{Identities, Stored};
use super::journal::Journal;
use super::view::{Effects, ReadObject, StoredRow, View, ViewError};
use crate::model::provider::SourceIdentity;
use crate::model::{HostId, Kind, Object, ObjectId, ProviderId, SourceId, Time};
use crate::provider::{Event, Family, LoadReason, Questions};
use crate::store::{self, Committed, ObserveBatch, PutObject, QuarantinePut, SourceUpdate};

/// Rows read from the store at once when a view is built.
const PAGE: u64 = 10_000;
/// The moment of the last contact is written this often when nothing else is.
const CONTACT_EVERY: Duration = Duration::from_secs(30);
/// Events with more groups than this are worked on where no other task waits for it.
const GROUPS_IN_PLACE: usize = 200;

/// What the application of events came to.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The platform said what it is.
    pub(super) identity: Option<SourceIdentity>,
    /// Loads that ended.
    pub(super) loaded: Vec<(Family, LoadReason)>,
    /// Groups that were told as they are, not by a comparison.
    pub(super) observed: Vec<(Family, String)>,
    /// Groups in which a comparison found a difference.
    pub(super) differing: Vec<(Family, Arc<str>)>,
    /// Everything up to here is known.
    pub(super) caught_up: Option<Time>,
    /// Rows written.
    pub(super) written: usize,
    /// How many groups of the source are in quarantine, if that changed.
    pub(super) quarantined: Option<u64>,
}

/// Why events could not be applied.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    /// The platform's answer contradicts what is known.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The database did not take it.
    #[error("the changes of a source cannot be stored")]
    Store(#[from] store::Error),
    /// Another source's failure made the view start anew: this source must read everything again.
    #[error("the provider's state was loaded anew")]
    Renewed,
}

/// Writes for all sources of one provider.
pub(super) struct Writer {
    provider_id: ProviderId,
    journal: Arc<Journal>,
    /// What each source is asked when another one no longer has something.
    questions: HashMap<SourceId, Arc<Questions>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Rises when the view is loaded anew.
    generation: u64,
    sources: Vec<SourceId>,
    loaded: Option<(View, Arc<Identities>)>,
    quarantine: HashMap<SourceId, HashSet<(Family, String)>>,
    /// When the last contact was last written.
    contacts: HashMap<SourceId, Instant>,
}

/// A source's ticket to write with one loading of the view.
#[derive(Clone)]
pub(super) struct Ticket {
    pub(super) source_id: SourceId,
    pub(super) identities: Arc<Identities>,
    generation: u64,
}

impl Writer {
    pub(super) fn new(provider_id: ProviderId, sources: Vec<SourceId>, journal: Arc<Journal>) -> Self {
        let questions = sources.iter().map(|source| (*source, Arc::default())).collect();
        Self { provider_id, journal, questions, state: Mutex::new(State { sources, ..State::default() }) }
    }

    /// What a source is asked.
    pub(super) fn questions(&self, source: SourceId) -> Arc<Questions> {
        self.questions.get(&source).map(Arc::clone).unwrap_or_default()
    }

    /// Asks the other sources for what left one.
    fn ask(&self, left: &[(SourceId, Arc<str>)]) {
        for (source, questions) in &self.questions {
            let mut others = left.iter().filter(|(of, _)| of != source).map(|(_, key)| key.to_string()).peekable();
            if others.peek().is_some() {
                questions.ask(others);
            }
        }
    }

    /// What a source needs before it runs; loads what is stored of the provider when that was not done yet.
    pub(super) async fn ticket(&self, source_id: SourceId) -> Result<Ticket, ApplyError> {
        let mut state = self.state.lock().await;
        let identities = match &state.loaded {
            Some((_, identities)) => Arc::clone(identities),
            None => {
                let span = tracing::info_span!("read what is stored");
                self.load(&mut state).instrument(span).await?
            }
        };
        Ok(Ticket { source_id, identities, generation: state.generation })
    }

    async fn load(&self, state: &mut State) -> Result<Arc<Identities>, ApplyError> {
        // What was loaded before was thrown away: perhaps a commit's answer was lost, and it is still on its way.
        self.journal.catch_up().await?;
        let system = self.journal.store().system("load what is known of a provider");
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let page = system.observed_page(self.provider_id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            rows.extend(page.into_iter().map(|row| StoredRow {
                source_id: row.source_id,
                kind: row.kind,
                family: family(&row.family),
                group_key: row.group_key,
                id: row.id,
                hash: row.hash,
            }));
        }
        let present: HashSet<ObjectId> = rows.iter().map(|row: &StoredRow| row.id).collect();
        let mut known = Vec::new();
        let mut after = None;
        loop {
            let page = system.identities_page(self.provider_id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            known.extend(page.into_iter().map(|row| Stored {
                kind: row.kind,
                key: row.key,
                id: row.id,
                gone_since: row.deleted_at.filter(|_| !present.contains(&row.id)),
            }));
        }
        state.quarantine.clear();
        for row in system.quarantine(self.provider_id).await? {
            state.quarantine.entry(row.source_id).or_default().insert((family(&row.family), row.group_key));
        }
        let identities = Arc::new(Identities::new(known));
        let mut view = View::new(state.sources.iter().copied(), rows)?;
        for (source, groups) in &state.quarantine {
            for (family, key) in groups {
                view.hold_quarantine(*source, *family, key)?;
            }
        }
        state.generation += 1;
        state.loaded = Some((view, Arc::clone(&identities)));
        Ok(identities)
    }

    /// Applies events of one source, in order, and commits what they change.
    pub(super) async fn apply(&self, ticket: &Ticket, events: Vec<Event>) -> Result<Applied, ApplyError> {
        let source = ticket.source_id;
        let groups = |event: &Event| match event {
            Event::Observed(groups) | Event::Compared(groups) => groups.len(),
            _ => 1,
        };
        let weight = events.iter().map(groups).sum();
        self.change(ticket, source, weight, |view, read, effects| {
            let mut applied = Applied::default();
            let mut cursor = None;
            for event in events {
                if let Event::CaughtUp { cursor: position, .. } = &event {
                    cursor.clone_from(position);
                }
                one(view, source, event, read, effects, &mut applied)?;
            }
            let update = SourceUpdate {
                identity: applied.identity.clone(),
                cursor,
                contact_at: applied.caught_up,
                loaded: effects.loaded.iter().any(|(family, _)| *family == Family::Core),
            };
            Ok((applied, update))
        })
        .await
    }

    /// A source could not be reached: machines that others let go of may be there, nothing else waits for it.
    pub(super) async fn source_failed(&self, ticket: &Ticket) -> Result<(), ApplyError> {
        let source = ticket.source_id;
        self.change(ticket, source, 0, |view, read, effects| {
            view.source_failed(source, read, effects)?;
            Ok((Applied::default(), SourceUpdate::default()))
        })
        .await
        .map(drop)
    }

    /// An administrator took `removed` away. What others of the provider tell too stays.
    pub(super) async fn source_removed(&self, removed: SourceId) -> Result<(), ApplyError> {
        let Some(staying) = self.state.lock().await.sources.first().copied() else { return Ok(()) };
        let ticket = self.ticket(staying).await?;
        self.change(&ticket, staying, 0, |view, read, effects| {
            view.source_removed(removed, read, effects)?;
            Ok((Applied::default(), SourceUpdate::default()))
        })
        .await
        .map(drop)
    }

    /// Notes on a host of this provider under which ids other providers know the same machine.
    pub(super) async fn host_known_as(&self, host: HostId, others: &[HostId]) -> Result<(), ApplyError> {
        let Some(source_id) = self.state.lock().await.sources.first().copied() else { return Ok(()) };
        let ticket = self.ticket(source_id).await?;
        self.change(&ticket, source_id, 0, |view, read, effects| {
            if let Some(Object::Host(mut stored)) = read(Kind::Host, host.into())
                && stored.also_known_as != others
            {
                stored.also_known_as = others.to_vec();
                view.amend(host.into(), Object::Host(stored), effects)?;
            }
            Ok((Applied::default(), SourceUpdate::default()))
        })
        .await
        .map(drop)
    }

    /// Drops ids whose objects are gone since before `before`: what the last call found, see [`Identities`].
    pub(super) async fn sweep_identities(&self, before: Time) -> Result<usize, store::Error> {
        // No batch is on its way while the lock is held.
        let state = self.state.lock().await;
        let Some((_, identities)) = &state.loaded else { return Ok(0) };
        let due = identities.sweep(before);
        if !due.is_empty() {
            self.journal.store().system("drop old ids").identities_drop(self.provider_id, &due).await?;
            identities.dropped(&due);
        }
        Ok(due.len())
    }

    async fn change(
        &self,
        ticket: &Ticket,
        source_id: SourceId,
        weight: usize,
        plan: impl FnOnce(&mut View, ReadObject<'_>, &mut Effects) -> Result<(Applied, SourceUpdate), ViewError>,
    ) -> Result<Applied, ApplyError> {
        let mut guard = self.state.lock().await;
        let state = &mut *guard;
        if state.generation != ticket.generation {
            return Err(ApplyError::Renewed);
        }
        // Taken out, and put back only when all went well: whatever ends this half way, the view is loaded anew.
        let Some((mut view, identities)) = state.loaded.take() else { return Err(ApplyError::Renewed) };
        let inventory = self.journal.inventory();
        let read = move |kind: Kind, id: ObjectId| inventory.stored_object(kind, id);
        let mut effects =
            Effects { known_as: self.journal.duplicates().of_provider(self.provider_id), ..Effects::default() };
        // Translating and hashing many objects takes its time: the other tasks of this thread go elsewhere meanwhile.
        let (mut applied, update) = tracing::info_span!("find differences").in_scope(|| match weight {
            0..=GROUPS_IN_PLACE => plan(&mut view, &read, &mut effects),
            _ => tokio::task::block_in_place(|| plan(&mut view, &read, &mut effects)),
        })?;
        view.settle(&mut effects);
        applied.loaded.append(&mut effects.loaded);
        applied.differing.append(&mut effects.differing);
        self.ask(&effects.left);
        let unsaved = identities.take_unsaved();
        if effects.is_empty() && unsaved.is_empty() && !state.is_due(source_id, &update) {
            state.loaded = Some((view, identities));
            return Ok(applied);
        }
        let mut batch = batch(self.provider_id, source_id, unsaved, &mut effects, update, &identities)?;
        let committed = self.journal.commit(&mut batch, &effects.puts).await?;
        applied.written = committed.puts.len() + committed.deleted.len();
        tracing::Span::current().record("groups", weight).record("rows", applied.written);
        let (written, deleted) = (committed.puts.iter(), committed.deleted.iter());
        identities.note(written.map(|put| put.id), deleted.map(|deleted| deleted.id), committed.at);
        for refused in &committed.refused {
            let put = &effects.puts[refused.index];
            view.refused(put.source_id, put.family, &put.group_key, refused.id)?;
        }
        applied.quarantined = note_quarantine(state, source_id, &batch, &committed);
        state.loaded = Some((view, identities));
        Ok(applied)
    }
}

impl State {
    /// Whether an update that changes no row is worth a transaction: the moment of the last contact is written only now and
    /// then, or an idle source would write all the time.
    fn is_due(&mut self, source: SourceId, update: &SourceUpdate) -> bool {
        if update.is_empty() {
            return false;
        }
        let news = update.identity.is_some() || update.loaded;
        let due = self.contacts.get(&source).is_none_or(|at| at.elapsed() >= CONTACT_EVERY);
        if news || due {
            self.contacts.insert(source, Instant::now());
        }
        news || due
    }
}

/// Applies one event to the view.
fn one(
    view: &mut View,
    source: SourceId,
    event: Event,
    read: ReadObject<'_>,
    effects: &mut Effects,
    applied: &mut Applied,
) -> Result<(), ViewError> {
    match event {
        Event::Connected(identity) => applied.identity = Some(identity),
        Event::LoadBegan { family, reason, .. } => view.load_began(source, family, reason),
        Event::Observed(groups) => {
            for group in groups {
                applied.observed.push((group.family, group.key.clone()));
                view.observed(source, group, read, effects)?;
            }
        }
        Event::Compared(groups) => {
            for group in groups {
                view.compared(source, group, read, effects)?;
            }
        }
        Event::Gone { family, keys } => {
            for key in keys {
                view.gone(source, family, &key, read, effects)?;
                applied.observed.push((family, key));
            }
        }
        Event::Quarantined { family, key, kind, reason } => {
            tracing::warn!(%source, %kind, key, reason, "an object cannot be taken over and is left out");
            view.quarantined(source, (family, key, kind, reason), read, effects)?;
        }
        Event::LoadEnded { family } => view.load_ended(source, family, read, effects)?,
        Event::CaughtUp { at, .. } => applied.caught_up = Some(at),
        Event::Answered { since, group_keys } => view.answered(source, since, group_keys.as_deref(), effects),
    }
    Ok(())
}

fn batch(
    provider_id: ProviderId,
    source_id: SourceId,
    unsaved: Vec<(Kind, String, ObjectId)>,
    effects: &mut Effects,
    update: SourceUpdate,
    identities: &Identities,
) -> Result<ObserveBatch, ViewError> {
    let puts = effects.puts.iter().map(|put| {
        let (id, kind) = (put.id, put.object.kind());
        let key = put.key.clone().or_else(|| identities.key_of(kind, id));
        Ok(PutObject {
            id,
            source_id: Some(put.source_id),
            kind,
            family: put.family.as_str(),
            group_key: put.group_key.to_string(),
            key: key.ok_or(ViewError::NoKey { kind, id })?,
            body: Arc::clone(&put.body),
            hash: put.hash,
        })
    });
    let puts = puts.collect::<Result<_, _>>()?;
    let quarantine = effects.quarantined.drain(..).map(|(family, group_key, kind, reason)| QuarantinePut {
        family: family.as_str(),
        group_key,
        kind,
        reason,
    });
    Ok(ObserveBatch {
        provider_id,
        source_id,
        identities: unsaved,
        puts,
        deletes: effects.deletes.iter().map(|(id, _)| *id).collect(),
        quarantine: quarantine.collect(),
        released: effects.released.drain(..).map(|(family, key)| (family.as_str(), key)).collect(),
        source: update,
        differences: None,
    })
}

/// Reads the word of a family. A row of a family that this version does not know is one of the core's, so that a complete
/// read that does not tell of it removes it.
fn family(word: &str) -> Family {
    Family::parse(word).unwrap_or_else(|| {
        tracing::warn!(family = word, "rows of a family that is not known are taken for those of the core");
        Family::Core
    })
}

/// Keeps count of a source's quarantine; gives the count when it changed.
fn note_quarantine(state: &mut State, source: SourceId, batch: &ObserveBatch, committed: &Committed) -> Option<u64> {
    let groups = state.quarantine.entry(source).or_default();
    let before = groups.len();
    // As in the store: what was released first, what was put after.
    for (family, key) in &batch.released {
        if let Some(family) = Family::parse(family) {
            groups.remove(&(family, key.clone()));
        }
    }
    let quarantined = batch.quarantine.iter().map(|put| (put.family, &put.group_key));
    let refused = committed.refused.iter().map(|refused| &batch.puts[refused.index]);
    for (family, key) in quarantined.chain(refused.map(|put| (put.family, &put.group_key))) {
        groups.extend(Family::parse(family).map(|family| (family, key.clone())));
    }
    (groups.len() != before).then_some(groups.len() as u64)
}
