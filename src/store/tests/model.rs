//! Random batches against a plain model of what they should leave: the objects, the log in its order, the identities and
//! the quarantine. Some batches have rows that the database refuses, some fail as a whole.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::*;

const PROVIDERS: usize = 2;
const SOURCES: usize = 2;
const KEYS: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    Observe(Batch),
    /// Marks a provider for removal, purges it bit by bit, and adds it again.
    Remove {
        provider: usize,
        limit: u64,
    },
    Compact {
        keep: u64,
    },
}

#[derive(Clone, Debug)]
struct Batch {
    provider: usize,
    source: usize,
    /// Key and body; a body of 0 is refused by the database.
    puts: Vec<(usize, u8)>,
    deletes: Vec<usize>,
    quarantine: Vec<usize>,
    released: Vec<usize>,
    /// The transaction fails after everything was written.
    fails: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..KEYS;
    let batch = (
        0..PROVIDERS,
        0..SOURCES,
        vec((key.clone(), 0..6_u8), 0..20),
        vec(key.clone(), 0..4),
        vec(key.clone(), 0..2),
        vec(key, 0..3),
        prop::bool::weighted(0.15),
    )
        .prop_map(|(provider, source, puts, deletes, quarantine, released, fails)| {
            Step::Observe(Batch { provider, source, puts, deletes, quarantine, released, fails })
        });
    let remove = (0..PROVIDERS, 1..6_u64).prop_map(|(provider, limit)| Step::Remove { provider, limit });
    let compact = (0..30_u64).prop_map(|keep| Step::Compact { keep });
    vec(prop_oneof![12 => batch, 1 => remove, 1 => compact], 1..15)
}

#[derive(Default)]
struct Model {
    providers: Vec<(ProviderId, [SourceId; SOURCES])>,
    /// The id of each key of each provider, as `sync` would give them.
    given: BTreeMap<(ProviderId, usize), ObjectId>,
    identities: BTreeSet<(ProviderId, String, ObjectId)>,
    objects: BTreeMap<ObjectId, (ProviderId, SourceId, String, u64, Time)>,
    quarantine: BTreeMap<(ProviderId, SourceId, String), Time>,
    log: Vec<(u64, ObjectId, SourceId, LogOp)>,
    revision: u64,
    compacted: u64,
}

impl Model {
    fn id(&mut self, provider: ProviderId, key: usize) -> ObjectId {
        *self.given.entry((provider, key)).or_insert_with(ObjectId::generate)
    }

    fn append(&mut self, id: ObjectId, source: SourceId, op: LogOp) -> u64 {
        self.revision += 1;
        self.log.push((self.revision, id, source, op));
        self.revision
    }

    fn apply(&mut self, batch: &Batch, now: Time) {
        let (provider, sources) = self.providers[batch.provider];
        let source = sources[batch.source];
        let mut refused = Vec::new();
        for (index, (key, body)) in batch.puts.iter().enumerate() {
            let id = self.id(provider, *key);
            self.identities.insert((provider, name(*key), id));
            if batch.puts[index + 1..].iter().any(|(later, _)| later == key) {
                continue;
            }
            if *body == 0 {
                refused.push(*key);
                continue;
            }
            let revision = self.append(id, source, LogOp::Put);
            let created = self.objects.get(&id).map_or(now, |object| object.4);
            self.objects.insert(id, (provider, source, text(*body), revision, created));
        }
        for key in &batch.deletes {
            let id = self.id(provider, *key);
            if let Some(object) = self.objects.remove(&id) {
                self.append(id, object.1, LogOp::Delete);
            }
        }
        for key in &batch.released {
            self.quarantine.remove(&(provider, source, name(*key)));
        }
        for key in batch.quarantine.iter().chain(&refused) {
            self.quarantine.entry((provider, source, name(*key))).or_insert(now);
        }
    }
}

fn name(key: usize) -> String {
    format!("vm-{key}")
}

fn text(body: u8) -> String {
    format!("{{\"body\":{body}}}")
}

async fn observe(fx: &Fixture, model: &mut Model, batch: &Batch) -> std::result::Result<(), TestCaseError> {
    let (provider, sources) = model.providers[batch.provider];
    let mut real = ObserveBatch::new(provider, sources[batch.source]);
    for (key, body) in &batch.puts {
        let id = model.id(provider, *key);
        real.identities.push((Kind::Vm, name(*key), id));
        real.puts.push(put(id, &name(*key), &text(*body)));
    }
    real.deletes = batch.deletes.iter().map(|key| model.id(provider, *key)).collect();
    let bad = |key: &str, reason: &str| QuarantinePut {
        family: "core",
        group_key: key.to_owned(),
        kind: Kind::Vm,
        reason: reason.to_owned(),
    };
    real.quarantine = batch.quarantine.iter().map(|key| bad(&name(*key), "odd")).collect();
    if batch.fails {
        real.quarantine.push(bad("last", "break"));
    }
    real.released = batch.released.iter().map(|key| ("core", name(*key))).collect();
    match fx.system().observe(&real).await {
        Err(error) if batch.fails => prop_assert!(matches!(error, Error::Write { .. }), "{error:?}"),
        Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
        Ok(committed) => {
            prop_assert!(!batch.fails);
            let before = model.log.len();
            model.apply(batch, fx.clock.now());
            let puts = committed.puts.iter().map(|put| (put.revision.0, put.id, LogOp::Put));
            let deleted = committed.deleted.iter().map(|gone| (gone.revision.0, gone.id, LogOp::Delete));
            let told: Vec<_> = puts.chain(deleted).collect();
            let expected: Vec<_> = model.log[before..].iter().map(|entry| (entry.0, entry.1, entry.3)).collect();
            prop_assert_eq!(told, expected);
            prop_assert_eq!(committed.revision.0, model.revision);
            for put in &committed.puts {
                if let Some(object) = model.objects.get(&put.id) {
                    prop_assert_eq!(put.created_at, object.4);
                }
            }
        }
    }
    Ok(())
}

async fn compare(fx: &Fixture, model: &Model) -> std::result::Result<(), TestCaseError> {
    let system = fx.system();
    let mut objects = BTreeMap::new();
    let mut after = None;
    loop {
        let page = system.objects_page(after, 5).await.expect("a page");
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for row in page {
            objects
                .insert(row.id, (row.provider_id, row.source_id, row.body.to_string(), row.revision.0, row.created_at));
        }
    }
    prop_assert_eq!(&objects, &model.objects);
    let mut identities = BTreeSet::new();
    let mut quarantine = BTreeMap::new();
    for (provider, _) in &model.providers {
        for row in system.identities_page(*provider, None, 1_000).await.expect("identities") {
            identities.insert((*provider, row.key, row.id));
        }
        for row in system.quarantine(*provider).await.expect("the quarantine") {
            quarantine.insert((*provider, row.source_id, row.group_key), row.since);
        }
    }
    prop_assert_eq!(&identities, &model.identities);
    prop_assert_eq!(&quarantine, &model.quarantine);
    let ChangesPage::Entries(entries) =
        system.changes_after(Revision(model.compacted), 100_000).await.expect("the log")
    else {
        return Err(TestCaseError::fail("the log is shorter than it should be"));
    };
    let log: Vec<_> = entries.iter().map(|e| (e.revision.0, e.object_id, e.source_id, e.op)).collect();
    prop_assert_eq!(&log, &model.log);
    prop_assert_eq!(system.current_revision().await.expect("the revision").0, model.revision);
    Ok(())
}

async fn add_provider(fx: &Fixture, number: usize) -> (ProviderId, [SourceId; SOURCES]) {
    let mut new = new_provider(&format!("p{number}"));
    new.endpoints = (0..SOURCES).map(|source| endpoint(&format!("p{number}-{source}"))).collect();
    let record = fx.admin().provider_create(new).await.expect("a provider can be added");
    (record.id, std::array::from_fn(|index| record.sources[index].id))
}

async fn remove(fx: &Fixture, model: &mut Model, number: usize, limit: u64) {
    let (provider, _) = model.providers[number];
    fx.admin().provider_mark_removing(provider, None, Told::any()).await.expect("it is marked").expect("it is there");
    loop {
        let purged = fx.system().provider_purge(provider, limit).await.expect("a purge");
        for gone in &purged.deleted {
            let object = model.objects.remove(&gone.id).expect("it was there");
            assert_eq!((object.0, object.1), (provider, gone.source_id));
            let revision = model.append(gone.id, gone.source_id, LogOp::Delete);
            assert_eq!(revision, gone.revision.0);
        }
        if purged.done {
            break;
        }
    }
    model.identities.retain(|identity| identity.0 != provider);
    model.quarantine.retain(|key, _| key.0 != provider);
    model.providers[number] = add_provider(fx, number).await;
}

async fn run(fx: &Fixture, steps: Vec<Step>) -> std::result::Result<(), TestCaseError> {
    let tables = ["object", "identity", "change_log", "quarantine", "source", "provider", "object_change"];
    fx.sql(&tables.map(|table| format!("DELETE FROM {table}")).join("; ")).await;
    fx.sql("UPDATE counter SET value = 0 WHERE name <> 'gateway' AND name NOT LIKE 'audit%'").await;
    let mut model = Model::default();
    for number in 0..PROVIDERS {
        model.providers.push(add_provider(fx, number).await);
    }
    for step in &steps {
        fx.clock.advance(TimeDelta::seconds(1));
        match step {
            Step::Observe(batch) => observe(fx, &mut model, batch).await?,
            Step::Remove { provider, limit } => remove(fx, &mut model, *provider, *limit).await,
            Step::Compact { keep } => {
                let retention =
                    LogRetention { keep_entries: *keep, keep_for: std::time::Duration::ZERO, max_entries: 1_000 };
                fx.clock.advance(TimeDelta::seconds(1));
                fx.system().compact(retention).await.expect("a compaction");
                model.compacted = model.compacted.max(model.revision.saturating_sub(*keep));
                model.log.retain(|entry| entry.0 > model.compacted);
            }
        }
        compare(fx, &model).await?;
    }
    Ok(())
}

fn check(cases: u32, fixture: impl Future<Output = Fixture>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let fx = runtime.block_on(async {
        let fx = fixture.await;
        fx.refuse("object", "NEW.body LIKE '%:0}'", false).await;
        fx.refuse("quarantine", "NEW.reason = 'break'", true).await;
        fx
    });
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let result = TestRunner::new(config).run(&steps(), |steps| runtime.block_on(run(&fx, steps)));
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn random_batches_leave_what_the_model_says_on_sqlite() {
    check(32, Fixture::sqlite());
}

#[test]
fn random_batches_leave_what_the_model_says_on_postgres() {
    check(12, Fixture::postgres());
}
