//! What changed in objects: written with the change, read in pages, kept for a while.

use std::collections::HashMap;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::*;
use crate::model::difference::tests::{told, undo};
use crate::model::{FieldChange, differences};

const EVERYTHING: u64 = 10_000;

fn body(round: usize) -> String {
    let state = if round.is_multiple_of(2) { "running" } else { "stopped" };
    json!({"power_state": state, "name": format!("vm {}", round / 3), "memory_mib": round / 2, "storage_used_bytes": round,
        "attributes": {"owner": "me", format!("k{}", round % 4): round}, "tag_ids": vec!["t"; round % 3], "native": {"r": round}})
    .to_string()
}

/// Writes versions of one object, and gives them.
async fn versions(fx: &Fixture, provider: ProviderId, source: SourceId, id: ObjectId, count: usize) -> Vec<String> {
    let bodies: Vec<String> = (0..count).map(body).collect();
    for (round, body) in bodies.iter().enumerate() {
        let mut batch = ObserveBatch::new(provider, source);
        let key = format!("vm-{id}");
        batch.identities = vec![(Kind::Vm, key.clone(), id)];
        batch.puts = vec![put(id, &key, body)];
        let known = fx.system().current_revision().await.unwrap();
        let before = round.checked_sub(1).map(|before| bodies[before].as_str());
        let found = before.map_or_else(Vec::new, |before| differences(Kind::Vm, before, body).unwrap());
        let fields = (!found.is_empty()).then(|| (0, serde_json::to_string(&found).unwrap()));
        batch.differences = Some(Differences { known, fields: fields.into_iter().collect() });
        fx.system().observe(&batch).await.unwrap();
        fx.clock.advance(TimeDelta::seconds(10));
    }
    bodies
}

async fn all(fx: &Fixture, id: ObjectId) -> Vec<ObjectChange> {
    fx.reader().object_changes(Kind::Vm, id, None, EVERYTHING).await.unwrap()
}

fn fields(change: &ObjectChange) -> &[FieldChange] {
    match &change.op {
        ObjectChangeOp::Changed(Some(fields)) => fields,
        other => panic!("{other:?}"),
    }
}

fn object(body: &str) -> Map<String, Value> {
    told(Kind::Vm, &serde_json::from_str(body).unwrap())
}

on_both! {
    async fn what_is_kept_leads_back_to_every_version(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let id = ObjectId::generate();
        let bodies = versions(&fx, provider, source, id, 20).await;
        let changes = all(&fx, id).await;
        assert_eq!(changes.len(), 19, "what is new has no difference");
        assert_eq!(changes.iter().map(|change| change.revision.0).collect::<Vec<_>>(), (2..=20).rev().collect::<Vec<_>>());
        let mut now = object(&bodies[19]);
        for (change, before) in changes.iter().zip(bodies[..19].iter().rev()) {
            undo(fields(change), &mut now);
            assert_eq!(now, object(before));
        }
        let mut paged = Vec::new();
        while let page = fx.reader().object_changes(Kind::Vm, id, paged.last().map(|last: &ObjectChange| last.revision), 7).await.unwrap()
            && !page.is_empty()
        {
            paged.extend(page);
        }
        assert_eq!(paged, changes);
        assert_eq!(fx.reader().object_changes(Kind::Host, id, None, 10).await.unwrap(), [], "it is no host");
        let stranger = TenantScope::of_tenant(TenantId::generate());
        assert_eq!(fx.store.tenant(&stranger).object_changes(Kind::Vm, id, None, 10).await.unwrap(), []);
    }
}

on_both! {
    async fn what_is_not_sure_is_not_told(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let id = ObjectId::generate();
        versions(&fx, provider, source, id, 1).await;
        let other = ObjectId::generate();
        let mut batch = ObserveBatch::new(provider, source);
        batch.puts = vec![put(id, "vm-1", "{\"name\":\"x\"}"), put(other, "vm-2", "{}")];
        // Compared with something older than what is there.
        batch.differences = Some(Differences { known: Revision(0), fields: HashMap::from([(0, "[]".to_owned())]) });
        fx.system().observe(&batch).await.unwrap();
        let changes = all(&fx, id).await;
        assert_eq!(changes.iter().map(|change| change.op.clone()).collect::<Vec<_>>(), [ObjectChangeOp::Changed(None)]);
        assert_eq!(all(&fx, other).await, [], "it is new");
        // What differs in nothing that is told is no change.
        batch.puts = vec![put(id, "vm-1", "{\"name\":\"x\",\"native\":{}}")];
        let known = fx.system().current_revision().await.unwrap();
        batch.differences = Some(Differences { known, fields: HashMap::new() });
        fx.system().observe(&batch).await.unwrap();
        assert_eq!(all(&fx, id).await.len(), 1);
        batch.puts = Vec::new();
        batch.deletes = vec![id];
        let revision = fx.system().observe(&batch).await.unwrap().revision;
        let last = all(&fx, id).await.remove(0);
        assert_eq!((last.op, last.revision), (ObjectChangeOp::Deleted, revision));
    }
}

on_both! {
    async fn changes_outlive_the_log_and_end(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let [busy, calm] = [ObjectId::generate(), ObjectId::generate()];
        versions(&fx, provider, source, calm, 5).await;
        versions(&fx, provider, source, busy, 30).await;
        let none = LogRetention { keep_entries: 0, keep_for: Duration::ZERO, max_entries: 0 };
        assert!(fx.system().compact(none).await.unwrap() > 0);
        assert_eq!((all(&fx, calm).await.len(), all(&fx, busy).await.len()), (4, 29));
        let keep = |keep_for, keep_per_object, max_entries| ObjectChangeRetention { keep_for, keep_per_object, max_entries };
        let day = Duration::from_secs(86_400);
        assert_eq!(fx.system().object_changes_sweep(keep(day, 10, 1_000)).await.unwrap(), 19);
        let newest = all(&fx, busy).await;
        assert_eq!((newest.len(), newest[0].revision), (10, Revision(35)));
        assert_eq!(fx.system().object_changes_sweep(keep(day, 10, 12)).await.unwrap(), 2, "never more than twelve");
        assert_eq!((all(&fx, calm).await.len(), all(&fx, busy).await.len()), (2, 10));
        assert_eq!(fx.system().object_changes_sweep(keep(Duration::from_secs(45), 10, 12)).await.unwrap(), 8);
        assert_eq!(all(&fx, busy).await, newest[..4]);
        assert_eq!(fx.system().object_changes_sweep(keep(Duration::ZERO, 10, 12)).await.unwrap(), 4);
        assert_eq!(fx.system().object_changes_sweep(keep(Duration::ZERO, 0, 0)).await.unwrap(), 0);
    }
}

on_both! {
    async fn changes_go_with_their_provider(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let (other, its) = fx.provider("other").await;
        let [gone, forgotten, stays] = [(); 3].map(|()| ObjectId::generate());
        versions(&fx, provider, source, gone, 3).await;
        versions(&fx, other, its, stays, 3).await;
        // One whose id has ended already.
        let mut batch = ObserveBatch::new(provider, source);
        batch.puts = vec![put(forgotten, "vm-9", "{}")];
        fx.system().observe(&batch).await.unwrap();
        batch.puts = Vec::new();
        batch.deletes = vec![forgotten];
        fx.system().observe(&batch).await.unwrap();
        assert_eq!((all(&fx, gone).await.len(), all(&fx, forgotten).await.len()), (2, 1));
        fx.admin().provider_mark_removing(provider, None, Told::any()).await.unwrap();
        while !fx.system().provider_purge(provider, 10).await.unwrap().done {}
        assert_eq!((all(&fx, gone).await.len(), all(&fx, forgotten).await.len()), (0, 0));
        assert_eq!(all(&fx, stays).await.len(), 2);
    }
}
