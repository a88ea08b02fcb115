//! The synchronization as a whole, with platforms that say what the test lets them say.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::*;
use crate::inventory::{InventoryConfig, TokenKey};
use crate::model::SourceState;
use crate::model::provider::{SourceIdentity, SyncReason, SyncStatus};
use crate::model::{Kind, Object, ObjectId, Time, Zone};
use crate::provider::{Event, Family, Group, LoadReason, Observed, SourceContext, SourceError};
use crate::store::tests::Fixture;
use crate::store::{ObserveBatch, ProviderEdit, PutObject, Told};

/// A connection that the gateway made.
struct Link {
    spec: SourceSpec,
    context: SourceContext,
    /// Ends it: with a reason, or by a panic.
    end: oneshot::Sender<Option<SourceError>>,
}

/// A gateway without an API.
struct World {
    fixture: Fixture,
    inventory: Arc<Inventory>,
    sync: Arc<Sync>,
    links: mpsc::Receiver<Link>,
}

const PACE: Pace = Pace {
    compare_every: Duration::from_secs(3_600),
    poll_every: Duration::from_secs(5),
    lagging_after: Duration::from_secs(1),
};

impl World {
    async fn start(fixture: Fixture) -> Self {
        Self::start_with(fixture, |_| {}).await
    }

    /// `on_connect` is called within the supervisor.
    async fn start_with(
        fixture: Fixture,
        on_connect: impl Fn(&SourceSpec) + Send + std::marker::Sync + 'static,
    ) -> Self {
        let inventory = Inventory::new(InventoryConfig::default(), TokenKey::new([7; 32]));
        let revision = fixture.system().current_revision().await.unwrap();
        inventory.loader().finish(&[], revision, revision);
        let (linked, links) = mpsc::channel(16);
        let connect: Connect = Arc::new(move |spec, context| {
            on_connect(&spec);
            let (end, ended) = oneshot::channel();
            assert!(linked.try_send(Link { spec, context, end }).is_ok(), "the test listens");
            Box::pin(async move {
                let ended =
                    ended.await.unwrap_or_else(|_| Some(SourceError::new(SyncReason::ConnectionLost, "dropped")));
                ended.expect("a panic of the platform's code, on purpose")
            })
        });
        let (store, clock) = (fixture.store.clone(), fixture.clock.clone());
        let sync = Sync::start_with(store, Arc::clone(&inventory), clock, PACE, connect).await.unwrap();
        Self { fixture, inventory, sync, links }
    }

    /// One whose only source has told these zones and is live.
    async fn live(zones: &[(&str, &str)]) -> (Self, Link, (ProviderId, SourceId)) {
        let fixture = Fixture::sqlite().await;
        let (provider, source) = fixture.provider("vc").await;
        let mut world = Self::start(fixture).await;
        let link = world.link().await;
        link.load(zones).await;
        world.until(provider, "live", is(SourceState::Live)).await;
        (world, link, (provider, source))
    }

    async fn link(&mut self) -> Link {
        tokio::time::timeout(Duration::from_secs(30), self.links.recv()).await.expect("a connection").unwrap()
    }

    fn status(&self, provider: ProviderId) -> Option<SyncStatus> {
        let entry = self.inventory.provider(&self.fixture.providers(), provider)?;
        Some(entry.provider().sources.first()?.sync.clone())
    }

    async fn until(&self, provider: ProviderId, what: &str, holds: impl Fn(&SyncStatus) -> bool) -> SyncStatus {
        for _ in 0..1_500 {
            if let Some(status) = self.status(provider)
                && holds(&status)
            {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{what} did not come; it is {:?}", self.status(provider));
    }

    async fn zones(&self, names: &[&str]) {
        for _ in 0..1_500 {
            let objects = self.inventory.stored_objects(Kind::Zone);
            let mut held: Vec<_> = objects
                .iter()
                .map(|(_, _, object)| match object {
                    Object::Zone(zone) => zone.name.as_str(),
                    other => panic!("{other:?}"),
                })
                .collect();
            held.sort_unstable();
            if held == names {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{names:?} are not shown, but {:?}", self.inventory.stored_objects(Kind::Zone));
    }
}

impl Link {
    async fn tell(&self, event: Event) {
        self.context.events.send(event).await.expect("somebody listens");
    }

    fn zone(&self, key: &str, name: &str) -> Group {
        let object = Object::from(Zone { name: name.to_owned(), ..Zone::default() });
        let id = self.context.identify.id(Kind::Zone, key);
        let member = Observed { key: key.to_owned(), id, object, shared_by: None };
        Group::new(key.to_owned(), Family::Core, vec![member])
    }

    async fn caught_up(&self) {
        self.tell(Event::CaughtUp { at: self.context.clock.now(), cursor: None }).await;
    }

    /// Connects and tells everything.
    async fn load(&self, zones: &[(&str, &str)]) {
        self.tell(Event::Connected(SourceIdentity::default())).await;
        self.tell(Event::LoadBegan { family: Family::Core, reason: LoadReason::Fresh, expected: None }).await;
        self.tell(Event::Observed(zones.iter().map(|(key, name)| self.zone(key, name)).collect())).await;
        self.tell(Event::LoadEnded { family: Family::Core }).await;
        self.caught_up().await;
    }
}

fn is(state: SourceState) -> impl Fn(&SyncStatus) -> bool {
    move |status| status.state == state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_a_supervisor_is_shown_and_it_goes_on() {
    let fixture = Fixture::sqlite().await;
    let (id, _) = fixture.provider("vc").await;
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let mut world = World::start_with(fixture, move |_| {
        let first = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        assert!(!first, "a panic of the supervisor, on purpose");
    })
    .await;
    let status = world.until(id, "the panic", is(SourceState::Unreachable)).await;
    assert_eq!(status.reason, Some(SyncReason::Internal));
    assert!(status.next_try_at.is_some());
    let link = world.link().await;
    link.load(&[("a", "a")]).await;
    world.until(id, "live", is(SourceState::Live)).await;
    // And one of what it runs.
    link.end.send(None).unwrap();
    let status = world.until(id, "the other panic", is(SourceState::Unreachable)).await;
    assert_eq!(status.reason, Some(SyncReason::Internal));
    let link = world.link().await;
    link.load(&[("a", "b")]).await;
    world.zones(&["b"]).await;
    world.sync.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_provider_is_shown_and_the_others_run() {
    let fixture = Fixture::sqlite().await;
    let (damaged, _) = fixture.provider("damaged").await;
    let (well, _) = fixture.provider("well").await;
    let (sealed, _) = fixture.provider("sealed").await;
    fixture.sql("UPDATE provider SET config = '{\"user' WHERE name = 'damaged'").await;
    fixture
        .sql("UPDATE provider SET secret = (SELECT secret FROM provider WHERE name = 'well') WHERE name = 'sealed'")
        .await;
    let mut world = World::start(fixture).await;
    let link = world.link().await;
    assert_eq!(link.spec.provider_id, well);
    link.load(&[("a", "a")]).await;
    world.until(well, "live", is(SourceState::Live)).await;
    for (id, what) in [(damaged, "its user and trust"), (sealed, "its password")] {
        let status = world.until(id, "the damage", is(SourceState::Unreachable)).await;
        assert_eq!((status.reason, status.next_try_at), (Some(SyncReason::StoredDamaged), None));
        assert!(status.message.as_ref().is_some_and(|message| message.contains(what)), "{status:?}");
    }
    // An edit that gives anew what cannot be read mends it.
    let admin = world.fixture.admin();
    let named = ProviderEdit { name: Some("still damaged".to_owned()), ..ProviderEdit::default() };
    assert!(admin.provider_edit(damaged, None, named, Told::any()).await.unwrap().unwrap().record.damage.is_some());
    let edit = ProviderEdit { username: Some(Some("reader".to_owned())), ..ProviderEdit::default() };
    assert_eq!(admin.provider_edit(damaged, None, edit, Told::any()).await.unwrap().unwrap().record.damage, None);
    world.sync.provider_changed(damaged);
    let link = world.link().await;
    assert_eq!((link.spec.provider_id, link.spec.username.as_deref()), (damaged, Some("reader")));
    let edit = ProviderEdit { password: Some(Some("new".into())), ..ProviderEdit::default() };
    admin.provider_edit(sealed, None, edit, Told::any()).await.unwrap().unwrap();
    world.sync.provider_changed(sealed);
    assert_eq!(world.link().await.spec.provider_id, sealed);
    world.sync.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_cannot_be_read_is_tried_again() {
    let (mut world, link, (id, _)) = World::live(&[("a", "a")]).await;
    // Not needed for what runs, but to read a provider.
    world.fixture.sql("ALTER TABLE quarantine RENAME TO away").await;
    world.sync.provider_changed(id);
    link.caught_up().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.status(id).unwrap().state, SourceState::Live, "what runs goes on");
    world.fixture.sql("ALTER TABLE away RENAME TO quarantine").await;
    let edit = ProviderEdit { name: Some("edited".to_owned()), ..ProviderEdit::default() };
    world.fixture.admin().provider_edit(id, None, edit, Told::any()).await.unwrap().unwrap();
    // Nobody says that it was changed: that it is tried again finds it.
    assert_eq!(world.link().await.spec.provider_name, "edited");
    world.sync.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_lagging_and_a_word_ends_it() {
    let (world, link, (id, _)) = World::live(&[("a", "a")]).await;
    // That something is told is not that everything is.
    let lagging = world.until(id, "lagging", is(SourceState::Lagging));
    let telling = async {
        loop {
            link.tell(Event::Compared(vec![link.zone("a", "a")])).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let status = tokio::select! {
        status = lagging => status,
        () = telling => unreachable!("it tells for ever"),
    };
    assert_eq!(status.reason, Some(SyncReason::TimedOut));
    assert!(status.observed_at.is_some());
    link.caught_up().await;
    let status = world.until(id, "live again", is(SourceState::Live)).await;
    assert_eq!((status.reason, status.message), (None, None));
    world.sync.stop().await;
}

/// Waits and order go by what has passed, not by the time of day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_changes_nothing() {
    let (mut world, mut link, (id, _)) = World::live(&[("a", "0"), ("b", "b")]).await;
    for (round, days) in ["1", "2"].into_iter().zip([400, -800]) {
        world.fixture.clock.advance(chrono::TimeDelta::days(days));
        link.tell(Event::Observed(vec![link.zone("a", round)])).await;
        world.zones(&[round, "b"]).await;
        let now = world.fixture.clock.now();
        let catching_up = async {
            loop {
                link.caught_up().await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            _ = world.until(id, "known until now", |status| status.observed_at == Some(now)) => {}
            () = catching_up => unreachable!("it tells for ever"),
        }
        let lost = SourceError::new(SyncReason::ConnectionLost, "on purpose");
        assert!(link.end.send(Some(lost)).is_ok());
        let status = world.until(id, "the end", is(SourceState::Unreachable)).await;
        assert!(status.since == now && status.next_try_at.is_some_and(|at| at > now), "{status:?}");
        link = world.link().await;
        link.load(&[("a", round), ("b", "b")]).await;
        world.until(id, "live again", is(SourceState::Live)).await;
        world.zones(&[round, "b"]).await;
    }
    world.sync.stop().await;
}

/// The answer to a commit can be lost, and a task can end between a commit and what shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_without_being_shown_is_shown() {
    let (world, link, (id, source)) = World::live(&[("a", "a"), ("b", "b")]).await;
    let put = |key: &str, name: &str| {
        let object = Object::from(Zone { name: name.to_owned(), ..Zone::default() });
        let text = String::from_utf8(object.to_json().unwrap()).unwrap();
        PutObject {
            id: link.context.identify.id(Kind::Zone, key),
            source_id: None,
            kind: Kind::Zone,
            family: "core",
            group_key: key.to_owned(),
            key: key.to_owned(),
            body: text.into(),
            hash: [0; 16],
        }
    };
    let mut batch = ObserveBatch::new(id, source);
    batch.puts = vec![put("a", "first"), put("b", "unshown")];
    world.fixture.system().observe(&batch).await.unwrap();
    batch.puts = vec![put("a", "second")];
    world.fixture.system().observe(&batch).await.unwrap();
    world.zones(&["a", "b"]).await;
    link.tell(Event::Observed(vec![link.zone("c", "c")])).await;
    world.zones(&["c", "second", "unshown"]).await;
    let revision = world.fixture.system().current_revision().await.unwrap();
    assert_eq!(world.inventory.revision(), revision);
    // Also without another commit: when the source begins anew.
    batch.puts = Vec::new();
    batch.deletes = vec![link.context.identify.id(Kind::Zone, "b")];
    world.fixture.system().observe(&batch).await.unwrap();
    world.fixture.sql("ALTER TABLE change_log RENAME TO away").await;
    link.tell(Event::Observed(vec![link.zone("c", "d")])).await;
    world.until(id, "the failure", is(SourceState::Unreachable)).await;
    world.fixture.sql("ALTER TABLE away RENAME TO change_log").await;
    world.zones(&["c", "second"]).await;
    world.sync.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_id_of_what_is_gone_lasts_for_a_while() {
    let (world, link, (id, _)) = World::live(&[("a", "a"), ("b", "b"), ("c", "c")]).await;
    let ids: HashMap<&str, ObjectId> =
        ["a", "b", "c"].into_iter().map(|key| (key, link.context.identify.id(Kind::Zone, key))).collect();
    link.tell(Event::Gone { family: Family::Core, keys: vec!["b".to_owned(), "c".to_owned()] }).await;
    world.zones(&["a"]).await;
    link.tell(Event::Observed(vec![link.zone("b", "back")])).await;
    world.zones(&["a", "back"]).await;
    let writer = world.sync.shared.lock_writers().get(&id).cloned().unwrap();
    let now = world.fixture.clock.now();
    for _ in 0..3 {
        assert_eq!(writer.sweep_identities(now).await.unwrap(), 0, "it is not long gone");
    }
    let later: Time = now + chrono::TimeDelta::seconds(1);
    assert_eq!(writer.sweep_identities(later).await.unwrap(), 0);
    assert_eq!(writer.sweep_identities(later).await.unwrap(), 1);
    let stored = world.fixture.system().identities_page(id, None, 10).await.unwrap();
    let stored: HashMap<&str, ObjectId> = stored.iter().map(|row| (row.key.as_str(), row.id)).collect();
    assert_eq!(stored, HashMap::from([("a", ids["a"]), ("b", ids["b"])]));
    // Should it come back after all, it is another.
    link.tell(Event::Observed(vec![link.zone("c", "late")])).await;
    world.zones(&["a", "back", "late"]).await;
    assert_ne!(link.context.identify.id(Kind::Zone, "c"), ids["c"]);
    world.sync.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_states_were_is_written_down() {
    let (mut world, link, (id, source)) = World::live(&[("a", "a")]).await;
    assert!(link.end.send(Some(SourceError::new(SyncReason::ConnectionLost, "on purpose"))).is_ok());
    world.until(id, "the end", is(SourceState::Unreachable)).await;
    let link = world.link().await;
    link.load(&[("a", "a")]).await;
    world.until(id, "live again", is(SourceState::Live)).await;
    let history = async |world: &World| {
        let filter = crate::store::SyncHistoryFilter::default();
        world.fixture.admin().sync_history(id, &filter, None, 100).await.unwrap().unwrap()
    };
    // What is not written yet is written at the end.
    world.sync.stop().await;
    let mut found = history(&world).await;
    // The clock of the test stands still: ids grow as well.
    found.sort_by_key(|period| period.id);
    // A slow machine makes the platform's silence after that a state of its own.
    found.truncate(6);
    let told: Vec<_> = found.iter().map(|period| (period.state.as_str(), period.reason)).collect();
    let lost = Some(SyncReason::ConnectionLost);
    let states = ["connecting", "loading", "live", "unreachable", "loading", "live"];
    let expected: Vec<_> = states.iter().map(|state| (*state, lost.filter(|_| *state == "unreachable"))).collect();
    assert_eq!(told, expected);
    assert!(found.iter().all(|period| period.source_id == source && period.until.is_some()), "it was stopped");
    assert_eq!(found[3].message.as_deref(), Some("on purpose"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_is_noted_and_what_is_first_read_is_not() {
    let (world, link, (provider, _)) = World::live(&[("a", "a"), ("b", "b")]).await;
    link.tell(Event::Observed(vec![link.zone("a", "new")])).await;
    world.zones(&["b", "new"]).await;
    link.tell(Event::Gone { family: Family::Core, keys: vec!["b".to_owned()] }).await;
    world.zones(&["new"]).await;
    let changes = async |key: &str| {
        let id = link.context.identify.id(Kind::Zone, key);
        let found = world.fixture.reader().object_changes(Kind::Zone, id, None, 10).await.unwrap();
        found.into_iter().map(|change| change.op).collect::<Vec<_>>()
    };
    let found = changes("a").await;
    let [store::ObjectChangeOp::Changed(Some(fields))] = found.as_slice() else { panic!("{found:?}") };
    let told: Vec<_> = fields.iter().map(|f| (f.field.as_str(), f.before.clone(), f.after.clone())).collect();
    assert_eq!(told, [("name", Some("a".into()), Some("new".into()))]);
    assert_eq!(changes("b").await, [store::ObjectChangeOp::Deleted]);
    // A second reading of what is known writes nothing.
    assert_eq!(world.sync.resync(provider), Resync::Begun);
    link.load(&[("a", "new")]).await;
    world.until(provider, "live", is(SourceState::Live)).await;
    assert_eq!(changes("a").await.len(), 1);
}

/// Of two that join one installation at the same moment exactly one comes to be live.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_installation_joined_twice_at_once_is_joined_once() {
    let mut world = World::start(Fixture::sqlite().await).await;
    // Dropped, a connection ends, and is made anew.
    let mut links = Vec::new();
    for round in 0..12 {
        let mut ids = Vec::new();
        for which in ["a", "b"] {
            let (id, _) = world.fixture.provider(&format!("{which}{round}")).await;
            world.sync.provider_changed(id);
            ids.push(id);
        }
        links.extend([world.link().await, world.link().await]);
        let identity =
            SourceIdentity { instance_uuid: Some(format!("installation-{round}")), ..SourceIdentity::default() };
        let join = |link: &Link| {
            let (events, identity) = (link.context.events.clone(), identity.clone());
            async move {
                // Who is refused does not listen any more.
                let _ = events.send(Event::Connected(identity)).await;
                let fresh = LoadReason::Fresh;
                let _ = events.send(Event::LoadBegan { family: Family::Core, reason: fresh, expected: None }).await;
                let _ = events.send(Event::LoadEnded { family: Family::Core }).await;
            }
        };
        let (a, b) = (&links[round * 2], &links[round * 2 + 1]);
        tokio::join!(join(a), join(b));
        let mut states = Vec::new();
        for id in ids {
            let status = world.until(id, "an end", |is| is.state == SourceState::Live || is.reason.is_some()).await;
            states.push((status.state, status.reason));
        }
        states.sort_by_key(|(_, reason)| reason.is_some());
        let expected = [(SourceState::Live, None), (SourceState::Unreachable, Some(SyncReason::DuplicatePlatform))];
        assert_eq!(states, expected, "round {round}");
    }
    world.sync.stop().await;
}

/// Only another connection tries a refused account again before its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_account_is_not_tried_again_whatever_is_asked() {
    let fixture = Fixture::sqlite().await;
    let (id, _) = fixture.provider("vc").await;
    let mut world = World::start(fixture).await;
    let refuse = |link: Link| {
        let refused = SourceError::new(SyncReason::CredentialsRefused, "refused, on purpose");
        assert!(link.end.send(Some(refused)).is_ok());
    };
    refuse(world.link().await);
    let first = world.until(id, "the refusal", |status| status.reason.is_some()).await;
    assert_eq!(world.sync.resync(id), Resync::Refused);
    let edits = [
        ProviderEdit { name: Some("other".to_owned()), ..ProviderEdit::default() },
        ProviderEdit { enabled: Some(false), ..ProviderEdit::default() },
        ProviderEdit { enabled: Some(true), ..ProviderEdit::default() },
    ];
    for edit in edits {
        let off = edit.enabled == Some(false);
        world.fixture.admin().provider_edit(id, None, edit, Told::any()).await.unwrap().unwrap();
        world.sync.provider_changed(id);
        let state = if off { SourceState::Disabled } else { SourceState::Unreachable };
        world.until(id, "the edit", is(state)).await;
    }
    let again = world.until(id, "the same refusal", is(SourceState::Unreachable)).await;
    assert_eq!((again.reason, &again.message), (first.reason, &first.message));
    assert!((again.next_try_at.unwrap() - first.next_try_at.unwrap()).num_seconds().abs() < 30, "{first:?} {again:?}");
    let _ = world.sync.resync(id);
    assert!(tokio::time::timeout(Duration::from_millis(500), world.links.recv()).await.is_err(), "it was tried again");
    // Another password is another connection.
    let edit = ProviderEdit { password: Some(Some("another".into())), ..ProviderEdit::default() };
    world.fixture.admin().provider_edit(id, None, edit, Told::any()).await.unwrap().unwrap();
    world.sync.provider_changed(id);
    refuse(world.link().await);
    world.until(id, "the refusal", |status| status.reason.is_some()).await;
    // What was found right by a test is tried as well.
    world.sync.provider_verified(id);
    let link = world.link().await;
    link.load(&[("a", "a")]).await;
    world.until(id, "live", is(SourceState::Live)).await;
    assert_eq!(world.sync.resync(id), Resync::Begun);
    world.sync.stop().await;
}
