//! The life of a connection: everything is read through one watch, which then goes on with what changes.
//!
//! Invariants: objects leave only when the watch says so or a complete load did not have them; what is sent on is the
//! state after the update; what depends on a changed object is sent with it; `CaughtUp` is sent only when everything before
//! it was.

use std::collections::{HashMap, HashSet, VecDeque};
use std::mem::Discriminant;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use vsphere::{Client, MoRef, ObjectState, ObjectUpdate, UpdateKind, UpdateSet, Value, Watch, WatchEvent, WatchSpec};

use super::compare::{Comparison, Page};
use super::connect::{Connected, failure};
use super::normalize::{self, Scope, kind_of};
use super::poll::{Polled, Poller, Tags};
use super::properties::{self, Dialect};
use super::state::{Impact, Key, State};
use crate::clock::Clock;
use crate::model::provider::SyncReason;
use crate::provider::{Command, Event, Family, Group, Identify, LoadReason, SourceContext, SourceError};

/// How long the server may wait for something to happen: well below the ten seconds in which `CaughtUp` is due.
const MAX_WAIT: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 8 });
/// Objects in one answer of the watch. Several answers are under way at once, with all that was decoded of them.
pub(in crate::provider) const PAGE_OBJECTS: u32 = 250;
/// Groups in one event: an answer gives one.
const GROUPS_AT_ONCE: usize = PAGE_OBJECTS as usize;
/// How long the first reading of tags and storage policies may hold up the first load.
const FIRST_POLL_DEADLINE: Duration = Duration::from_secs(30);
/// After more changes than this during a load that others depend on, simply everything is told again.
const IMPACTS_ONE_BY_ONE: usize = 64;

/// Follows a source until it ends; answers why.
pub(super) async fn follow(endpoint: &str, connected: Connected, context: SourceContext) -> SourceError {
    let Connected { watch, bulk, identity } = connected;
    let dialect = Dialect::of(watch.about());
    let mut follower = Follower {
        endpoint: endpoint.to_owned(),
        client: watch,
        bulk,
        dialect,
        state: State::default(),
        ids: context.identify,
        events: context.events,
        clock: context.clock,
        loading: false,
        load: context.first_load,
        reading: tracing::Span::none(),
        impacts: Vec::new(),
        told: HashMap::new(),
        doubted: HashSet::new(),
        comparison: None,
        telling: None,
        compare_every: context.compare_every,
        compare_at: Instant::now() + context.compare_every,
    };
    let result = async {
        follower.send(Event::Connected(identity)).await?;
        follower.run(context.commands, context.poll_every).await
    };
    match result.await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

enum Never {}

/// What is kept while a source is followed.
struct Follower {
    endpoint: String,
    /// The watch's session.
    client: Client,
    bulk: Client,
    dialect: Dialect,
    state: State,
    ids: Arc<dyn Identify>,
    events: mpsc::Sender<Event>,
    clock: Clock,
    loading: bool,
    /// The span of the first load, until it is told.
    load: tracing::Span,
    /// The span of the read that is under way.
    reading: tracing::Span,
    /// Changes during a load that others depend on.
    impacts: Vec<(MoRef, Impact)>,
    /// What was last told of the families that are polled.
    told: HashMap<Family, Vec<Group>>,
    /// What was last polled as an empty list, once.
    doubted: HashSet<Discriminant<Polled>>,
    comparison: Option<Comparison>,
    /// What a comparison has still to tell.
    telling: Option<VecDeque<Key>>,
    compare_every: Duration,
    compare_at: Instant,
}

impl Follower {
    async fn run(&mut self, mut commands: mpsc::Receiver<Command>, poll_every: Duration) -> Result<Never, SourceError> {
        let mut poller = Poller::new(self.bulk.clone());
        let (found, mut polled) = mpsc::channel(4);
        let mut poll = None;
        if poller.is_offered() {
            // Before the first load, or every object with a tag or policy would be told twice.
            let span = tracing::info_span!(parent: &self.load, "read tags and policies");
            match tokio::time::timeout(FIRST_POLL_DEADLINE, poller.first().instrument(span)).await {
                Ok(polled) => {
                    for polled in polled {
                        self.take_polled(polled).await?;
                    }
                }
                Err(_) => {
                    tracing::warn!(
                        endpoint = self.endpoint,
                        "tags and policies are read too slowly; machines come first"
                    );
                }
            }
            poll = Some(AbortOnDropHandle::new(tokio::spawn(poller.run(poll_every, found))));
        }
        let span = tracing::info_span!(parent: &self.load, "read surroundings");
        let expected = self.read_surroundings().instrument(span).await?;
        let mut watch = self.watch();
        let mut expected = Some(expected);
        loop {
            tokio::select! {
                event = watch.next() => {
                    let waited = chrono::TimeDelta::from_std(watch.arrived().elapsed()).unwrap_or_default();
                    let at = self.clock.now() - waited;
                    match event {
                        Some(Ok(WatchEvent::Restarted(reason))) => {
                            tracing::debug!(endpoint = self.endpoint, ?reason, "everything is read");
                            let expected = expected.take().unwrap_or_else(|| self.keys().len() as u64);
                            self.load_begin(expected).await?;
                        }
                        Some(Ok(WatchEvent::Updates(set))) => self.take_updates(set, at).await?,
                        Some(Ok(WatchEvent::Alive)) => self.caught_up(at, None).await?,
                        Some(Err(error)) => return Err(failure(&self.endpoint, error, true)),
                        None => return Err(SourceError::new(SyncReason::ConnectionLost, format!("the watch of {} ended", self.endpoint))),
                    }
                }
                Some(Command::Resync) = commands.recv() => watch = self.watch(),
                Some(polled) = polled.recv(), if poll.is_some() => self.take_polled(polled).await?,
                page = next_page(&mut self.comparison) => self.take_page(page).await?,
                () = std::future::ready(()), if self.telling.is_some() => self.tell_more().await?,
                () = tokio::time::sleep_until(self.compare_at), if !self.loading && self.is_idle() => {
                    self.comparison = Some(Comparison::begin(&self.bulk, self.dialect, &self.state));
                }
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.comparison.is_none() && self.telling.is_none()
    }

    fn watch(&self) -> Watch {
        let content = self.client.content();
        let mut filters = vec![self.dialect.inventory(&content.root_folder)];
        filters.extend(content.manager("customFieldsManager").map(properties::custom_fields));
        self.client.watch(WatchSpec::new(filters).max_wait(MAX_WAIT).page_objects(PAGE_OBJECTS))
    }

    /// Reads what machines are translated with, before the machines come. Answers how many groups a load will bring.
    async fn read_surroundings(&mut self) -> Result<u64, SourceError> {
        let root = self.bulk.content().root_folder.clone();
        let surroundings = self.bulk.retrieve_all(self.dialect.surroundings(&root)).await;
        for object in surroundings.map_err(|error| failure(&self.endpoint, error, true))? {
            self.state.put(&object);
        }
        if let Some(manager) = self.bulk.content().manager("customFieldsManager").cloned() {
            match self.bulk.read(&manager, &["field"]).await {
                Ok(manager) => drop(self.take_fields(manager.get("field"))),
                Err(error) => tracing::debug!(%error, "the names of custom attributes cannot be read"),
            }
        }
        let hosts = self.bulk.retrieve_all(self.dialect.machines(&root)).await;
        let hosts = hosts.map_err(|error| failure(&self.endpoint, error, true))?;
        let machines: usize = hosts.iter().map(|host| host.all("vm").count()).sum();
        let others = self.state.objects().filter(|object| kind_of(object).is_some()).count();
        Ok((machines + others) as u64)
    }

    async fn send(&self, event: Event) -> Result<(), SourceError> {
        let unheard = |_| SourceError::new(SyncReason::Internal, "nobody listens to this source any more");
        self.events.send(event).await.map_err(unheard)
    }

    async fn load_begin(&mut self, expected: u64) -> Result<(), SourceError> {
        self.comparison = None;
        self.telling = None;
        self.impacts.clear();
        self.loading = true;
        self.reading = tracing::info_span!(
            parent: &self.load,
            "read inventory",
            endpoint = self.endpoint,
            expected,
            objects = tracing::field::Empty,
        );
        self.state.load_begin();
        let expected = Some(expected);
        self.send(Event::LoadBegan { family: Family::Core, reason: LoadReason::Fresh, expected }).await
    }

    async fn load_end(&mut self) -> Result<(), SourceError> {
        self.state.load_end();
        let root = Key::clone(&self.client.content().root_folder.value);
        if self.state.len() > 1 {
            self.tell([root]).await?;
        }
        tracing::debug!(
            endpoint = self.endpoint,
            objects = self.state.len(),
            bytes = self.state.packed_bytes(),
            "everything was read"
        );
        let impacts = std::mem::take(&mut self.impacts);
        if impacts.len() > IMPACTS_ONE_BY_ONE {
            let everything: Vec<Key> = self.keys();
            self.tell(everything).await?;
        } else {
            let dependants = impacts.iter().flat_map(|(object, impact)| self.state.dependants(object, *impact));
            let dependants: HashSet<Key> = dependants.collect();
            self.tell(dependants).await?;
        }
        self.loading = false;
        self.reading.record("objects", self.state.len());
        self.reading = tracing::Span::none();
        self.load = tracing::Span::none();
        self.compare_at = Instant::now() + self.compare_every;
        self.send(Event::LoadEnded { family: Family::Core }).await
    }

    fn keys(&self) -> Vec<Key> {
        self.state
            .objects()
            .filter(|object| kind_of(object).is_some())
            .map(|object| Key::clone(&object.value))
            .collect()
    }

    /// Everything up to `at` was told.
    async fn caught_up(&mut self, at: crate::clock::Time, cursor: Option<String>) -> Result<(), SourceError> {
        if self.loading {
            return Ok(());
        }
        if let Some(comparison) = &mut self.comparison {
            comparison.rested(&self.bulk, self.dialect, &self.state);
        }
        self.send(Event::CaughtUp { at, cursor }).await
    }

    async fn take_updates(&mut self, set: UpdateSet, at: crate::clock::Time) -> Result<(), SourceError> {
        self.state.tick();
        let mut changes = Changes::default();
        for update in set.filters.iter().flat_map(|filter| &filter.objects) {
            self.take_update(update, &mut changes);
        }
        if !changes.unclear.is_empty() {
            let again = self.bulk.retrieve_all(self.dialect.objects(std::mem::take(&mut changes.unclear))).await;
            for object in again.map_err(|error| failure(&self.endpoint, error, true))? {
                let impact = self.state.put(&object);
                changes.note(object, impact);
            }
        }
        let Changes { mut told, fresh, gone, impacts, .. } = changes;
        if self.loading {
            // The root alone is no inventory: it is told at the end, when there is more, so that an account that lost its
            // permissions is not taken for an inventory that was emptied.
            let root = &self.client.content().root_folder.value;
            told.retain(|key| key != root);
            self.impacts.extend(impacts);
        } else {
            let already: HashSet<Key> = told.iter().cloned().collect();
            let dependants = impacts.iter().flat_map(|(object, impact)| self.state.dependants(object, *impact));
            let dependants: HashSet<Key> = dependants.filter(|key| !already.contains(key)).collect();
            told.extend(dependants);
        }
        if !gone.is_empty() {
            self.send(Event::Gone { family: Family::Core, keys: gone }).await?;
        }
        self.tell_as(Event::Observed, told, fresh).await?;
        if set.truncated {
            return Ok(());
        }
        if self.loading {
            self.load_end().await?;
        }
        self.caught_up(at, Some(set.version)).await
    }

    fn take_update(&mut self, update: &ObjectUpdate, changes: &mut Changes) {
        let object = &update.object;
        if object.is("CustomFieldsManager") {
            let field = update.changes.iter().rev().find(|change| change.path == "field");
            if let Some(change) = field {
                changes.told.extend(self.take_fields(Some(&change.value)));
            }
            return;
        }
        if update.kind == UpdateKind::Leave {
            self.state.remove(object.id());
            changes.fresh.remove(object.id());
            if kind_of(object).is_some() {
                changes.gone.push(object.id().to_owned());
            }
            return;
        }
        match self.state.apply(update) {
            Ok((impact, object)) => changes.note(object, impact),
            Err(error) => {
                tracing::debug!(endpoint = self.endpoint, %error, "the object is read again");
                changes.unclear.push(object.clone());
            }
        }
    }

    /// The custom attributes; answers the objects that are concerned.
    fn take_fields(&mut self, fields: Option<&Value>) -> Vec<Key> {
        match self.state.set_fields(fields.unwrap_or(&Value::Unset)) {
            true => self.state.with_attributes(),
            false => Vec::new(),
        }
    }

    /// Tells objects as they are held now. Those that are not held any more are passed over.
    async fn tell(&mut self, keys: impl IntoIterator<Item = Key>) -> Result<(), SourceError> {
        self.tell_as(Event::Observed, keys, HashMap::new()).await
    }

    /// The same; `fresh` are objects as they are held, so that they need not be unpacked.
    async fn tell_as(
        &mut self,
        event: fn(Vec<Group>) -> Event,
        keys: impl IntoIterator<Item = Key>,
        mut fresh: HashMap<Key, ObjectState>,
    ) -> Result<(), SourceError> {
        let mut groups = Vec::new();
        for key in keys {
            let Some(object) = fresh.remove(&key).or_else(|| self.state.get(&key)) else { continue };
            let Some(kind) = kind_of(object.object()) else { continue };
            let group = normalize::group(&object, kind, self.scope());
            debug_assert_eq!(
                Some(&group),
                self.state.get(&key).map(|held| normalize::group(&held, kind, self.scope())).as_ref(),
                "what is not kept of an object must not be looked at"
            );
            match group {
                Ok(group) => groups.push(group),
                Err(reason) => {
                    let key = key.to_string();
                    self.send(Event::Quarantined { family: Family::Core, key, kind, reason }).await?;
                }
            }
            if groups.len() >= GROUPS_AT_ONCE {
                self.send(event(std::mem::take(&mut groups))).await?;
            }
        }
        if !groups.is_empty() {
            self.send(event(groups)).await?;
        }
        Ok(())
    }

    fn scope(&self) -> Scope<'_> {
        Scope { ids: &*self.ids, state: &self.state }
    }

    async fn take_polled(&mut self, polled: Polled) -> Result<(), SourceError> {
        if self.is_doubtful(&polled) {
            tracing::debug!(endpoint = self.endpoint, "an empty list is believed when the next round says the same");
            return Ok(());
        }
        match polled {
            Polled::Tags(tags) => self.take_tags(tags).await,
            Polled::Policies(policies) => {
                let groups = policies.iter().map(|policy| normalize::policy(policy, self.scope())).collect();
                self.tell_family(Family::StoragePolicies, groups).await
            }
            Polled::Applied(applied) => {
                let concerned = self.state.set_policies(applied);
                self.tell(concerned).await
            }
            Polled::Libraries(libraries) => {
                let mut groups = Vec::new();
                for (library, items) in &libraries {
                    groups.push(normalize::library(library, self.scope()));
                    groups.extend(items.iter().map(|item| normalize::library_item(item, library, self.scope())));
                }
                self.tell_family(Family::ContentLibraries, groups).await
            }
        }
    }

    /// A service that begins or ends may have nothing to tell of what is there: one empty list is no evidence.
    fn is_doubtful(&mut self, polled: &Polled) -> bool {
        let kind = std::mem::discriminant(polled);
        match polled.is_empty() {
            true => self.doubted.insert(kind),
            false => {
                self.doubted.remove(&kind);
                false
            }
        }
    }

    async fn take_tags(&mut self, tags: Tags) -> Result<(), SourceError> {
        let Tags { tags, categories, of_objects } = tags;
        let groups =
            tags.iter().map(|tag| normalize::tag(tag, categories.get(&tag.category_id), self.scope())).collect();
        self.tell_family(Family::Tags, groups).await?;
        let concerned = self.state.set_tags(of_objects);
        self.tell(concerned).await
    }

    /// Tells a polled family, when it differs from what was last told.
    async fn tell_family(&mut self, family: Family, groups: Vec<Group>) -> Result<(), SourceError> {
        if self.told.get(&family) == Some(&groups) {
            return Ok(());
        }
        let expected = Some(groups.len() as u64);
        self.send(Event::LoadBegan { family, reason: LoadReason::Poll, expected }).await?;
        for page in groups.chunks(GROUPS_AT_ONCE) {
            self.send(Event::Observed(page.to_vec())).await?;
        }
        self.send(Event::LoadEnded { family }).await?;
        self.told.insert(family, groups);
        Ok(())
    }

    /// A page of the comparison.
    async fn take_page(&mut self, page: Option<Page>) -> Result<(), SourceError> {
        let Some(comparison) = &mut self.comparison else { return Ok(()) };
        match comparison.take(page, &mut self.state) {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.comparison = None;
                let keys = self.keys();
                let expected = Some(keys.len() as u64);
                self.telling = Some(keys.into());
                self.send(Event::LoadBegan { family: Family::Core, reason: LoadReason::Comparison, expected }).await
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(endpoint = self.endpoint, error, "a comparison could not be made; the next one comes");
                self.comparison = None;
                self.compare_at = Instant::now() + self.compare_every;
                Ok(())
            }
        }
    }

    /// Some more of what a comparison tells. In pieces, so that the watch is heard in between.
    async fn tell_more(&mut self) -> Result<(), SourceError> {
        let Some(telling) = &mut self.telling else { return Ok(()) };
        let next: Vec<Key> = telling.drain(..telling.len().min(GROUPS_AT_ONCE)).collect();
        if !next.is_empty() {
            return self.tell_as(Event::Compared, next, HashMap::new()).await;
        }
        self.telling = None;
        self.compare_at = Instant::now() + self.compare_every;
        self.send(Event::LoadEnded { family: Family::Core }).await
    }
}

/// The next page of a comparison, if there is one under way.
async fn next_page(comparison: &mut Option<Comparison>) -> Option<Page> {
    match comparison {
        Some(comparison) => comparison.next().await,
        None => std::future::pending().await,
    }
}

/// What one update set did.
#[derive(Default)]
struct Changes {
    /// To be told, in the order of the updates.
    told: Vec<Key>,
    /// Of these the objects themselves.
    fresh: HashMap<Key, ObjectState>,
    gone: Vec<String>,
    impacts: Vec<(MoRef, Impact)>,
    /// Could not be applied: to be read again.
    unclear: Vec<MoRef>,
}

impl Changes {
    fn note(&mut self, state: ObjectState, impact: Impact) {
        let object = state.object();
        if self.told.last() != Some(&object.value) {
            self.told.push(Key::clone(&object.value));
        }
        if impact.matters() {
            self.impacts.push((object.clone(), impact));
        }
        self.fresh.insert(Key::clone(&object.value), state);
    }
}
