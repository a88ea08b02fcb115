//! The change log: order, compaction, removal bit by bit.

use std::time::Duration;

use chrono::TimeDelta;

use super::*;

async fn put_some(fx: &Fixture, provider: ProviderId, source: SourceId, count: usize) {
    let mut batch = ObserveBatch::new(provider, source);
    batch.puts = (0..count).map(|index| put(ObjectId::generate(), &format!("vm-{index}"), "{}")).collect();
    fx.system().observe(&batch).await.unwrap();
}

on_both! {
    async fn compaction_keeps_what_is_young_and_what_is_last(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let hour = Duration::from_secs(3_600);
        put_some(&fx, provider, source, 100).await;
        fx.clock.advance(TimeDelta::hours(2));
        put_some(&fx, provider, source, 10).await;
        let system = fx.system();
        let none = LogRetention { keep_entries: 110, keep_for: Duration::ZERO, max_entries: 1_000 };
        assert_eq!(system.compact(none).await.unwrap(), 0, "the last 110 stay");
        let young = LogRetention { keep_entries: 0, keep_for: hour * 3, max_entries: 1_000 };
        assert_eq!(system.compact(young).await.unwrap(), 0, "all are younger than three hours");
        let some = LogRetention { keep_entries: 30, keep_for: hour, max_entries: 1_000 };
        assert_eq!(system.compact(some).await.unwrap(), 80, "100 are old, 30 stay");
        assert_eq!(system.compacted_through().await.unwrap(), Revision(80));
        assert_eq!(system.compact(some).await.unwrap(), 0);

        let page = system.changes_after(Revision(79), 10).await.unwrap();
        assert_eq!(page, ChangesPage::Compacted { through: Revision(80) });
        let ChangesPage::Entries(entries) = system.changes_after(Revision(80), 5).await.unwrap() else { panic!() };
        assert_eq!(entries.iter().map(|entry| entry.revision.0).collect::<Vec<_>>(), [81, 82, 83, 84, 85]);
        let ChangesPage::Entries(entries) = system.changes_after(Revision(110), 5).await.unwrap() else { panic!() };
        assert_eq!(entries, []);

        let bound = LogRetention { keep_entries: 30, keep_for: hour * 24, max_entries: 12 };
        assert_eq!(system.compact(bound).await.unwrap(), 18, "never more than 12, however young");
        assert_eq!(system.current_revision().await.unwrap(), Revision(110), "the counter goes on");
        assert_eq!(system.object_count().await.unwrap(), 110, "the objects stay");
    }
}

on_both! {
    async fn a_purge_deletes_bit_by_bit_with_log_entries(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let (other, other_source) = fx.provider("other").await;
        put_some(&fx, other, other_source, 3).await;
        let mut batch = ObserveBatch::new(provider, source);
        for index in 0..25 {
            let id = ObjectId::generate();
            batch.identities.push((Kind::Vm, format!("vm-{index}"), id));
            batch.puts.push(put(id, &format!("vm-{index}"), "{}"));
        }
        let quarantined = QuarantinePut { family: "core", group_key: "x".into(), kind: Kind::Vm, reason: "bad".into() };
        batch.quarantine.push(quarantined);
        fx.system().observe(&batch).await.unwrap();
        let error = fx.system().provider_purge(provider, 10).await.unwrap_err();
        assert!(matches!(error, Error::ProviderGone(_)), "it is not marked for removal");

        fx.admin().provider_mark_removing(provider, None, Told::any()).await.unwrap().unwrap();
        let mut deleted = Vec::new();
        let mut steps = 0;
        loop {
            let purged = fx.system().provider_purge(provider, 10).await.unwrap();
            assert!(purged.deleted.len() <= 10);
            deleted.extend(purged.deleted.iter().map(|d| (d.id, d.source_id, d.revision.0)));
            assert!(purged.deleted.iter().all(|deleted| deleted.owner == Owner::PLATFORM));
            steps += 1;
            if purged.done {
                break;
            }
            assert!(fx.admin().provider(provider).await.unwrap().unwrap().removing);
        }
        assert!((6..20).contains(&steps), "{steps}");
        assert_eq!(deleted.iter().map(|d| d.2).collect::<Vec<_>>(), (29..54).collect::<Vec<_>>());
        assert!(deleted.iter().all(|d| d.1 == source));
        let mut ids: Vec<_> = deleted.iter().map(|d| d.0).collect();
        ids.sort_unstable();
        let mut given: Vec<_> = batch.puts.iter().map(|put| put.id).collect();
        given.sort_unstable();
        assert_eq!(ids, given);
        assert_eq!(fx.log().await.iter().filter(|entry| entry.op == LogOp::Delete).count(), 25);
        assert_eq!(fx.admin().provider(provider).await.unwrap(), None);
        assert_eq!(fx.system().identities_page(provider, None, 10).await.unwrap(), []);
        assert_eq!(fx.system().quarantine(provider).await.unwrap(), []);
        assert_eq!(fx.system().object_count().await.unwrap(), 3, "the other provider's stay");
        // Name and endpoint are free again.
        fx.provider("vc").await;
        assert!(matches!(fx.system().provider_purge(provider, 10).await, Err(Error::ProviderGone(_))));
    }
}

on_both! {
    async fn a_source_that_an_edit_took_away_is_purged(fx: Fixture) {
        let mut new = new_provider("kvm");
        new.endpoints = vec![endpoint("a"), endpoint("b")];
        let record = fx.admin().provider_create(new).await.unwrap();
        let [first, second] = [record.sources[0].id, record.sources[1].id];
        put_some(&fx, record.id, first, 5).await;
        put_some(&fx, record.id, second, 7).await;
        assert!(matches!(fx.system().source_purge(second, 10).await, Err(Error::SourceGone(_))));
        let edit = ProviderEdit { endpoints: Some(vec![endpoint("a")]), ..Default::default() };
        let record = fx.admin().provider_edit(record.id, None, edit, Told::any()).await.unwrap().unwrap().record;
        assert_eq!(record.sources.iter().map(|source| source.id).collect::<Vec<_>>(), [first]);
        assert_eq!(record.removing_sources, [second]);
        let error = fx.system().observe(&ObserveBatch::new(record.id, second)).await.unwrap_err();
        assert!(matches!(error, Error::SourceGone(_)));
        assert_eq!(fx.system().source_purge(second, 5).await.unwrap().deleted.len(), 5);
        assert_eq!(fx.system().source_purge(second, 5).await.unwrap().deleted.len(), 2);
        assert!(fx.system().source_purge(second, 5).await.unwrap().done);
        assert_eq!(fx.system().object_count().await.unwrap(), 5);
        assert_eq!(fx.admin().provider(record.id).await.unwrap().unwrap().removing_sources, []);
    }
}

on_both! {
    /// A follower that reads on from the last entry it saw must miss nothing and see nothing twice, while several write.
    async fn a_follower_sees_every_revision_once_while_many_write(fx: Fixture) {
        const WRITERS: usize = 6;
        const BATCHES: usize = 15;
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let (provider, source) = fx.provider(&format!("vc{writer}")).await;
            let store = fx.store.clone();
            writers.push(tokio::spawn(async move {
                for index in 0..BATCHES {
                    let mut batch = ObserveBatch::new(provider, source);
                    batch.puts = (0..=index).map(|n| put(ObjectId::generate(), &format!("vm-{n}"), "{}")).collect();
                    store.system("test").observe(&batch).await.unwrap();
                }
            }));
        }
        let total = (WRITERS * BATCHES * (BATCHES + 1) / 2) as u64;
        let mut last = Revision(0);
        while last.0 < total {
            let page = fx.system().changes_after(last, 50).await.unwrap();
            let ChangesPage::Entries(entries) = page else { panic!("nothing was compacted") };
            for entry in entries {
                assert_eq!(entry.revision.0, last.0 + 1, "in order, without a gap");
                last = entry.revision;
            }
            tokio::task::yield_now().await;
        }
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(fx.system().current_revision().await.unwrap(), Revision(total));
    }
}
