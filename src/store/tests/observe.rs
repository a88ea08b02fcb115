//! Batches: rows, revisions, refused objects.

use chrono::TimeDelta;

use super::*;
use crate::model::provider::SourceIdentity;

fn ids<const N: usize>() -> [ObjectId; N] {
    std::array::from_fn(|_| ObjectId::generate())
}

on_both! {
    async fn a_batch_is_written_with_dense_revisions_and_its_log(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let [a, b, c] = ids();
        let mut batch = ObserveBatch::new(provider, source);
        batch.identities = vec![(Kind::Vm, "vm-1".into(), a), (Kind::Vm, "vm-2".into(), b), (Kind::Host, "vm-1".into(), c)];
        batch.puts = vec![put(a, "vm-1", "{\"a\":1}"), put(b, "vm-2", "{\"b\":1}"), put(c, "vm-1", "{\"c\":1}")];
        batch.source = SourceUpdate {
            identity: Some(SourceIdentity { product: "VMware vCenter Server".into(), ..Default::default() }),
            cursor: Some("17".into()),
            contact_at: Some(fx.clock.now()),
            loaded: true,
        };
        let first_at = fx.clock.now();
        let committed = fx.system().observe(&batch).await.unwrap();
        assert_eq!(committed.revision, Revision(3));
        assert_eq!(committed.at, first_at);
        assert!(committed.puts.iter().all(|written| written.owner == Owner::PLATFORM));
        let written: Vec<_> = committed.puts.iter().map(|w| (w.index, w.id, w.revision.0, w.created_at)).collect();
        assert_eq!(written, [(0, a, 1, first_at), (1, b, 2, first_at), (2, c, 3, first_at)]);

        fx.clock.advance(TimeDelta::seconds(5));
        let mut batch = ObserveBatch::new(provider, source);
        // The last of the same id counts; an id that is not there is not deleted.
        batch.puts = vec![put(b, "vm-2", "{\"b\":2}"), put(a, "vm-1", "{\"a\":2}"), put(b, "vm-2", "{\"b\":3}")];
        batch.deletes = vec![c, ObjectId::generate(), c];
        let committed = fx.system().observe(&batch).await.unwrap();
        let written: Vec<_> = committed.puts.iter().map(|w| (w.index, w.id, w.revision.0, w.created_at)).collect();
        assert_eq!(written, [(1, a, 4, first_at), (2, b, 5, first_at)], "created_at stays");
        let deleted: Vec<_> = committed.deleted.iter().map(|d| (d.id, d.kind, d.source_id, d.revision.0)).collect();
        assert_eq!(deleted, [(c, Kind::Vm, source, 6)]);
        assert_eq!(committed.revision, Revision(6));
        assert_eq!(fx.system().current_revision().await.unwrap(), Revision(6));

        let mut rows = fx.system().objects_page(None, 100).await.unwrap();
        rows.sort_by_key(|row| row.revision);
        let rows: Vec<_> = rows.iter().map(|r| (r.id, &*r.body, r.revision.0, r.created_at, r.changed_at)).collect();
        let now = fx.clock.now();
        assert_eq!(rows, [(a, "{\"a\":2}", 4, first_at, now), (b, "{\"b\":3}", 5, first_at, now)]);

        let log: Vec<_> = fx.log().await.iter().map(|e| (e.revision.0, e.object_id, e.op, e.at)).collect();
        assert_eq!(log, [
            (1, a, LogOp::Put, first_at),
            (2, b, LogOp::Put, first_at),
            (3, c, LogOp::Put, first_at),
            (4, a, LogOp::Put, now),
            (5, b, LogOp::Put, now),
            (6, c, LogOp::Delete, now),
        ]);

        let record = fx.admin().provider(provider).await.unwrap().unwrap();
        assert_eq!(record.sources[0].cursor.as_deref(), Some("17"));
        assert_eq!(record.sources[0].last_contact_at, Some(first_at));
        assert_eq!(record.sources[0].identity.as_ref().unwrap().product, "VMware vCenter Server");
        assert!(record.sources[0].loaded_once);
    }
}

on_both! {
    async fn pages_give_every_row_once_in_order(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let (other, other_source) = fx.provider("other").await;
        let mut batch = ObserveBatch::new(provider, source);
        for index in 0..1_000 {
            let id = ObjectId::generate();
            let key = format!("vm-{index}");
            batch.identities.push((Kind::Vm, key.clone(), id));
            batch.puts.push(put(id, &key, &format!("{{\"n\":{index}}}")));
        }
        fx.system().observe(&batch).await.unwrap();
        let mut noise = ObserveBatch::new(other, other_source);
        noise.puts.push(put(ObjectId::generate(), "vm-1", "{}"));
        fx.system().observe(&noise).await.unwrap();

        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = fx.system().observed_page(provider, after, 300).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            seen.extend(page);
        }
        seen.sort_by_key(|row| row.id);
        let mut puts = batch.puts.clone();
        puts.sort_by_key(|put| put.id);
        assert_eq!(seen.len(), 1_000);
        for (row, put) in seen.iter().zip(&puts) {
            assert_eq!((row.id, row.kind, &row.key, &row.group_key), (put.id, put.kind, &put.key, &put.group_key));
            assert_eq!((row.family.as_str(), row.hash, row.source_id), (put.family, put.hash, source));
        }

        let mut identities = fx.system().identities_page(provider, None, 600).await.unwrap();
        let more = fx.system().identities_page(provider, identities.last().map(|row| row.id), 600).await.unwrap();
        assert_eq!((identities.len(), more.len()), (600, 400));
        identities.extend(more);
        let mut given = batch.identities.clone();
        given.sort_by_key(|(_, _, id)| *id);
        let got: Vec<_> = identities.into_iter().map(|row| (row.kind, row.key, row.id)).collect();
        assert_eq!(got, given);

        let some: Vec<_> = batch.puts.iter().step_by(3).map(|put| put.id).chain([ObjectId::generate()]).collect();
        assert_eq!(fx.system().objects(&some).await.unwrap().len(), some.len() - 1);
        assert_eq!(fx.system().object_count().await.unwrap(), 1_001);
    }
}

on_both! {
    async fn what_cannot_be_stored_goes_into_quarantine_and_the_rest_is_saved(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        fx.refuse("object", "NEW.body LIKE '%poison%'", false).await;
        let mut batch = ObserveBatch::new(provider, source);
        let long = "k".repeat(2_001);
        let bad = [3, 40, 41, 299, 511];
        for index in 0..600 {
            let key = format!("vm-{index}");
            let body = if bad.contains(&index) { "{\"poison\":1}".to_owned() } else { format!("{{\"n\":{index}}}") };
            batch.puts.push(put(ObjectId::generate(), &key, &body));
        }
        batch.puts[10].key = "a\0b".into();
        batch.puts[20].group_key = long.clone();
        batch.puts[30].body = "{\"x\":\"\0\"}".into();
        batch.identities.push((Kind::Vm, "a\0b".into(), batch.puts[10].id));
        let committed = fx.system().observe(&batch).await.unwrap();

        let mut refused: Vec<_> = committed.refused.iter().map(|refused| refused.index).collect();
        refused.sort_unstable();
        assert_eq!(refused, [3, 10, 20, 30, 40, 41, 299, 511]);
        assert_eq!(committed.puts.len(), 592);
        let revisions: Vec<_> = committed.puts.iter().map(|written| written.revision.0).collect();
        assert_eq!(revisions, (1..=592).collect::<Vec<_>>(), "dense, though some were refused");
        assert!(committed.puts.is_sorted_by_key(|written| written.index));
        assert_eq!(fx.log().await.len(), 592);
        assert_eq!(fx.system().object_count().await.unwrap(), 592);

        let quarantine = fx.system().quarantine(provider).await.unwrap();
        assert_eq!(quarantine.len(), 8);
        let reason = |key: &str| &quarantine.iter().find(|row| row.group_key == key).expect("it is there").reason;
        assert!(reason("vm-3").contains("refused"), "{}", reason("vm-3"));
        assert!(reason("vm-10").contains("NUL"));
        assert!(reason(&long[..2_000]).contains("2001 bytes"));
        assert!(reason("vm-30").contains("NUL"));
        assert_eq!(fx.admin().provider(provider).await.unwrap().unwrap().sources[0].quarantined_count, 8);

        // Once the platform tells something better, it is stored and the quarantine ends.
        let mut batch = ObserveBatch::new(provider, source);
        batch.puts = vec![put(ObjectId::generate(), "vm-3", "{}")];
        batch.released = vec![("core", "vm-3".into()), ("core", long), ("tags", "vm-10".into())];
        fx.system().observe(&batch).await.unwrap();
        let left = fx.system().quarantine(provider).await.unwrap();
        assert_eq!(left.len(), 6);
        assert!(left.iter().any(|row| row.group_key == "vm-10"), "another family's group is another");
    }
}

on_both! {
    async fn quarantine_keeps_its_since_and_takes_the_last_reason(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let since = fx.clock.now();
        for reason in ["no config", "no \0 config"] {
            let mut batch = ObserveBatch::new(provider, source);
            batch.quarantine.push(QuarantinePut {
                family: "core",
                group_key: "vm-1".into(),
                kind: Kind::Vm,
                reason: reason.into(),
            });
            fx.system().observe(&batch).await.unwrap();
            fx.clock.advance(TimeDelta::minutes(1));
        }
        let rows = fx.admin().quarantine(provider, 10).await.unwrap().unwrap();
        let rows: Vec<_> = rows.iter().map(|row| (row.group_key.as_str(), row.reason.as_str(), row.since)).collect();
        assert_eq!(rows, [("vm-1", "no \u{fffd} config", since)]);
        assert_eq!(fx.system().current_revision().await.unwrap(), Revision(0), "no object changed");
    }
}

on_both! {
    async fn an_identity_is_given_once(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let (other, other_source) = fx.provider("other").await;
        let [a, b] = ids();
        let mut batch = ObserveBatch::new(provider, source);
        batch.identities = vec![(Kind::Vm, "vm-1".into(), a)];
        fx.system().observe(&batch).await.unwrap();
        // The same again does no harm, also not beside a new one.
        batch.identities.push((Kind::Vm, "vm-2".into(), b));
        fx.system().observe(&batch).await.unwrap();

        batch.identities = vec![(Kind::Vm, "vm-3".into(), ObjectId::generate()), (Kind::Vm, "vm-1".into(), b)];
        batch.puts = vec![put(b, "vm-1", "{}")];
        let error = fx.system().observe(&batch).await.unwrap_err();
        assert!(matches!(&error, Error::IdentityTaken { key, .. } if key == "vm-1"), "{error}");
        assert_eq!(fx.system().object_count().await.unwrap(), 0, "nothing of the batch was written");
        assert_eq!(fx.system().identities_page(provider, None, 10).await.unwrap().len(), 2);

        // The same key of another provider is another thing.
        let mut batch = ObserveBatch::new(other, other_source);
        batch.identities = vec![(Kind::Vm, "vm-1".into(), ObjectId::generate())];
        fx.system().observe(&batch).await.unwrap();
        // An id that belongs to another provider is not overwritten.
        let mut mine = ObserveBatch::new(provider, source);
        mine.puts = vec![put(a, "vm-1", "{\"mine\":1}")];
        fx.system().observe(&mine).await.unwrap();
        batch.puts = vec![put(a, "vm-1", "{\"theirs\":1}"), put(ObjectId::generate(), "vm-9", "{}")];
        let committed = fx.system().observe(&batch).await.unwrap();
        assert_eq!(committed.refused.len(), 1);
        assert_eq!(committed.puts.len(), 1);
        assert_eq!(&*fx.system().objects(&[a]).await.unwrap()[0].body, "{\"mine\":1}");
        batch.puts.clear();
        batch.deletes = vec![a];
        assert_eq!(fx.system().observe(&batch).await.unwrap().deleted, []);
    }
}

on_both! {
    async fn nothing_is_kept_of_what_is_being_removed(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let (other, other_source) = fx.provider("other").await;
        let mut batch = ObserveBatch::new(provider, other_source);
        batch.puts = vec![put(ObjectId::generate(), "vm-1", "{}")];
        let error = fx.system().observe(&batch).await.unwrap_err();
        assert!(matches!(error, Error::SourceGone(id) if id == other_source), "a source of another provider");
        batch.source_id = source;
        fx.system().observe(&batch).await.unwrap();

        fx.admin().provider_mark_removing(provider, None, Told::any()).await.unwrap().unwrap();
        let error = fx.system().observe(&batch).await.unwrap_err();
        assert!(matches!(error, Error::ProviderGone(id) if id == provider), "{error}");
        let error = fx.system().observe(&ObserveBatch::new(ProviderId::generate(), source)).await.unwrap_err();
        assert!(matches!(error, Error::ProviderGone(_)));
        let loaded = SourceUpdate { loaded: true, ..Default::default() };
        let error = fx.system().source_update(SourceId::generate(), &loaded).await.unwrap_err();
        assert!(matches!(error, Error::SourceGone(_)));
        fx.system().observe(&ObserveBatch::new(other, other_source)).await.unwrap();
    }
}

on_both! {
    async fn an_object_can_move_to_another_source_of_its_provider(fx: Fixture) {
        let mut new = new_provider("kvm");
        new.kind = ProviderKind::Kvm;
        new.endpoints = vec![endpoint("a"), endpoint("b")];
        let record = fx.admin().provider_create(new).await.unwrap();
        let [first, second] = [record.sources[0].id, record.sources[1].id];
        let id = ObjectId::generate();
        let mut batch = ObserveBatch::new(record.id, first);
        batch.puts = vec![put(id, "vm-1", "{}")];
        fx.system().observe(&batch).await.unwrap();
        batch.source_id = second;
        fx.system().observe(&batch).await.unwrap();
        assert_eq!(fx.system().objects(&[id]).await.unwrap()[0].source_id, second);
        assert_eq!(fx.log().await.last().unwrap().source_id, second);

        // One source lets go of what the other holds too.
        let check = async |told: SourceId, expected: SourceId| {
            let mut batch = ObserveBatch::new(record.id, second);
            batch.puts = vec![PutObject { source_id: Some(told), ..put(id, "vm-1", "{}") }];
            fx.system().observe(&batch).await.unwrap();
            assert_eq!(fx.system().objects(&[id]).await.unwrap()[0].source_id, expected);
            assert_eq!(fx.log().await.last().unwrap().source_id, expected);
        };
        check(first, first).await;
        check(SourceId::generate(), second).await;
        let edit = ProviderEdit { endpoints: Some(vec![endpoint("b"), endpoint("c")]), ..Default::default() };
        fx.admin().provider_edit(record.id, None, edit, Told::any()).await.unwrap().unwrap();
        check(first, second).await;
    }
}
