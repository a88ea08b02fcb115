//! The audit log: the chain under many writers, what the database refuses, tampering that is found, retention, filters.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::*;
use crate::model::audit::NO_HASH;
use crate::model::{AuditBreak, AuditEntry, AuditFault, AuditResult, Door, NewAudit, UserId};

fn new(action: &str) -> NewAudit {
    let kind = action.split('.').next().unwrap_or_default();
    NewAudit { actor: "admin".to_owned(), ..NewAudit::of_gateway(Door::Api, action, kind) }
}

async fn fill(fx: &Fixture, count: u64) {
    for index in 0..count {
        let action = if index % 2 == 0 { "provider.create" } else { "login" };
        let after = Some(json!({"name": format!("vc-{index}"), "password": "hunter2", "text": "ä\u{1}\n\"\u{2028}"}));
        fx.system().audit_append(NewAudit { after, ..new(action) }).await.unwrap();
        fx.clock.advance(TimeDelta::seconds(10));
    }
}

async fn all(fx: &Fixture) -> Vec<AuditEntry> {
    fx.auditor().audits_after(&AuditFilter::default(), 0, u64::MAX, 100_000).await.unwrap()
}

async fn broken(fx: &Fixture) -> Option<AuditBreak> {
    let check = fx.system().audit_verify().await.unwrap();
    assert_eq!(check.sound, check.broken.is_none());
    check.broken
}

/// Runs statements past the doors; gives what the database says against them.
async fn refusal(fx: &Fixture, sql: &str) -> String {
    let tx = fx.store.inner.pools.write(Visible::All).await.unwrap();
    match tx.execute_unprepared(sql).await {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

async fn drop_triggers(fx: &Fixture) {
    for trigger in ["audit_no_update", "audit_no_delete"] {
        let on = if fx.is_sqlite() { "" } else { " ON audit" };
        fx.sql(&format!("DROP TRIGGER {trigger}{on}")).await;
    }
}

on_both! {
    async fn the_chain_has_no_forks_and_no_gaps_while_many_append(fx: Fixture) {
        const WRITERS: u64 = 6;
        const ENTRIES: u64 = 12;
        let mut writers = Vec::new();
        for _ in 0..WRITERS {
            let store = fx.store.clone();
            writers.push(tokio::spawn(async move {
                for _ in 0..ENTRIES {
                    store.system("test").audit_append(new("login")).await.unwrap();
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        let entries = all(&fx).await;
        assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), (1..=72).collect::<Vec<_>>());
        assert_eq!(entries[0].prev_hash, NO_HASH);
        assert!(entries.windows(2).all(|pair| pair[1].prev_hash == pair[0].hash));
        let check = fx.system().audit_verify().await.unwrap();
        assert_eq!((check.sound, check.entries, check.last_seq, check.broken), (true, 72, 72, None));
        assert_eq!(fx.system().audit_head().await.unwrap().seq, 72);
    }
}

on_both! {
    async fn an_entry_goes_with_the_transaction_that_does_what_it_tells_of(fx: Fixture) {
        let at = fx.clock.now();
        let tx = fx.store.inner.pools.write(Visible::All).await.unwrap();
        let lock = crate::store::log::WriteLock::take(&tx).await.unwrap();
        let entry = crate::store::audit::append(&tx, &lock, at, new("provider.create")).await.unwrap();
        assert_eq!(entry.seq, 1);
        drop(tx);
        assert_eq!(all(&fx).await.len(), 0, "it was rolled back");
        fill(&fx, 1).await;
        assert_eq!(all(&fx).await[0].seq, 1, "and its number is not lost");
        assert_eq!(broken(&fx).await, None);
    }
}

on_both! {
    async fn what_is_written_down_has_no_secret_and_fits(fx: Fixture) {
        let odd = NewAudit {
            actor: format!("nul\0{}", "x".repeat(2_000)),
            before: Some(json!({"token": "hunter2", "nested": [{"secret": "hunter2"}]})),
            after: Some(json!({"text": "y".repeat(20_000)})),
            ..new("login")
        };
        let entry = fx.system().audit_append(odd).await.unwrap();
        assert!(entry.actor.len() <= 515 && entry.actor.starts_with("nul\u{fffd}"));
        assert_eq!(entry.before.as_ref().unwrap().get(), r#"{"nested":[{}]}"#);
        assert_eq!(entry.after.as_ref().unwrap().get(), format!("{{\"text\":\"{}…\"}}", "y".repeat(200)));
        let long = NewAudit { after: Some(json!({"list": (0..9_000).collect::<Vec<_>>(), "kept": 1})), ..new("login") };
        let entry = fx.system().audit_append(long).await.unwrap();
        let after: serde_json::Value = serde_json::from_str(entry.after.as_ref().unwrap().get()).unwrap();
        assert_eq!((&after["list"][50], &after["kept"]), (&json!({"omitted": 8_950}), &json!(1)));
        let wide: serde_json::Map<_, _> = (0..2_000).map(|index| (format!("n{index}"), json!("0123456789"))).collect();
        let entry = fx.system().audit_append(NewAudit { after: Some(wide.into()), ..new("login") }).await.unwrap();
        assert_eq!(entry.after.as_ref().unwrap().get(), r#"{"omitted":"too long"}"#);
        let read = all(&fx).await.pop().unwrap();
        assert_eq!(read.line(), entry.line(), "it is read as it was written");
        fill(&fx, 3).await;
        assert!(all(&fx).await.iter().all(|entry| !entry.line().contains("hunter2")));
        assert_eq!(broken(&fx).await, None);
    }
}

on_both! {
    async fn the_database_refuses_to_change_and_to_drop_entries(fx: Fixture) {
        fill(&fx, 5).await;
        let mut forbidden = vec![
            "UPDATE audit SET actor = 'nobody' WHERE seq = 3",
            "UPDATE audit SET seq = 9 WHERE seq = 5",
            "DELETE FROM audit WHERE seq = 5",
            "DELETE FROM audit",
        ];
        if fx.is_sqlite() {
            forbidden.push("INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 3");
            forbidden.push("REPLACE INTO audit SELECT * FROM audit WHERE seq = 5");
        } else {
            forbidden.push("TRUNCATE audit");
            forbidden.push("INSERT INTO audit SELECT * FROM audit WHERE seq = 3 ON CONFLICT (seq) DO UPDATE SET actor = 'x'");
        }
        for sql in forbidden {
            let said = refusal(&fx, sql).await;
            assert!(said.contains("append-only"), "{sql}: {said:?}");
        }
        assert_eq!(all(&fx).await.len(), 5);
        assert_eq!(broken(&fx).await, None);
    }
}

on_both! {
    async fn what_was_tampered_with_is_found(fx: Fixture) {
        fill(&fx, 6).await;
        drop_triggers(&fx).await;
        let found = |seq, fault| Some(AuditBreak { seq, fault });
        let check = async |tamper: &str, mend: &str, expected: Option<AuditBreak>| {
            fx.sql(tamper).await;
            assert_eq!(broken(&fx).await, expected, "{tamper}");
            fx.sql(mend).await;
            assert_eq!(broken(&fx).await, None, "{mend}");
        };
        for (column, value, mend) in [
            ("actor", "'x'", "'admin'"),
            ("result", "'denied'", "'done'"),
            ("result", "'well'", "'done'"),
            ("status", "200", "NULL"),
            ("object_id", "''", "NULL"),
            ("at", "at + 1", "at - 1"),
        ] {
            let set = |value| format!("UPDATE audit SET {column} = {value} WHERE seq = 3");
            check(&set(value), &set(mend), found(3, AuditFault::Content)).await;
        }
        let set = |text: &str| format!("UPDATE audit SET after = {text} WHERE seq = 4");
        check(&set("after || ' x'"), &set("substr(after, 1, length(after) - 2)"), found(4, AuditFault::Content)).await;
        let hash = |of: u8| format!("UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = {of}) WHERE seq = 5");
        fx.sql("CREATE TABLE kept AS SELECT * FROM audit").await;
        let back = "UPDATE audit SET hash = (SELECT hash FROM kept WHERE seq = 5) WHERE seq = 5";
        check(&hash(2), back, found(5, AuditFault::Content)).await;
        let again = |seq: u8| format!("INSERT INTO audit SELECT * FROM kept WHERE seq = {seq}");
        check("DELETE FROM audit WHERE seq = 6", &again(6), found(6, AuditFault::CutOff)).await;
        let head = |value: &str| format!("UPDATE setting SET value = {value} WHERE name = 'audit_hash'");
        let own = "(SELECT value FROM setting WHERE name = 'audit_kept')";
        fx.sql("INSERT INTO setting (name, value, changed_at) SELECT 'audit_kept', value, 0 FROM setting WHERE name = 'audit_hash'")
            .await;
        check(&head("'00'"), &head(own), found(6, AuditFault::Link)).await;
        fx.sql("DELETE FROM audit WHERE seq IN (2, 3)").await;
        assert_eq!(broken(&fx).await, found(2, AuditFault::Missing));
        assert_eq!(fx.system().audit_verify().await.unwrap().entries, 1, "one is sound before it");
    }
}

on_both! {
    async fn retention_drops_the_oldest_and_the_chain_stays_verifiable(fx: Fixture) {
        fill(&fx, 20).await;
        let system = fx.system();
        let keep = |seconds, max_entries| AuditRetention { keep_for: Duration::from_secs(seconds), max_entries };
        assert_eq!(system.audit_sweep(keep(10_000, 20)).await.unwrap(), 0);
        assert_eq!(system.audit_sweep(keep(10_000, 15)).await.unwrap(), 5, "five are too many");
        // The last was written ten seconds ago.
        assert_eq!(system.audit_sweep(keep(105, 15)).await.unwrap(), 5, "five are too old");
        let check = system.audit_verify().await.unwrap();
        assert_eq!((check.sound, check.entries, check.dropped_through, check.last_seq), (true, 10, 10, 20));
        let said = refusal(&fx, "DELETE FROM audit WHERE seq = 11").await;
        assert!(said.contains("append-only"), "{said}");
        fill(&fx, 2).await;
        assert_eq!(all(&fx).await.first().map(|entry| entry.seq), Some(11));
        assert_eq!(system.audit_sweep(keep(0, 0)).await.unwrap(), 12, "all of them");
        let check = system.audit_verify().await.unwrap();
        assert_eq!((check.sound, check.entries, check.dropped_through, check.last_seq), (true, 0, 22, 22));
        fill(&fx, 1).await;
        assert_eq!(broken(&fx).await, None, "it goes on from the last that was dropped");
        assert_ne!(all(&fx).await[0].prev_hash, NO_HASH);
    }
}

on_both! {
    async fn filters_narrow_and_pages_follow_one_another(fx: Fixture) {
        fill(&fx, 9).await;
        let user = UserId::generate();
        let denied = NewAudit {
            actor: "eve".to_owned(),
            actor_id: Some(user),
            result: AuditResult::Denied,
            door: Door::Portal,
            object_id: Some("42".to_owned()),
            request_id: Some("r-1".to_owned()),
            status: Some(403),
            ..new("vm.delete")
        };
        fx.system().audit_append(denied).await.unwrap();
        let count = async |filter: AuditFilter| fx.auditor().audits(&filter, None, 100).await.unwrap().len();
        let texts = |text: &str| vec![text.to_owned()];
        assert_eq!(count(AuditFilter::default()).await, 10);
        assert_eq!(count(AuditFilter { actors: texts("eve"), ..Default::default() }).await, 1);
        assert_eq!(count(AuditFilter { actions: texts("login"), ..Default::default() }).await, 4);
        let both = vec!["login".to_owned(), "vm.delete".to_owned()];
        assert_eq!(count(AuditFilter { actions: both, ..Default::default() }).await, 5);
        assert_eq!(count(AuditFilter { object_kinds: texts("vm"), ..Default::default() }).await, 1);
        assert_eq!(count(AuditFilter { object_ids: texts("42"), ..Default::default() }).await, 1);
        assert_eq!(count(AuditFilter { request_ids: texts("r-1"), ..Default::default() }).await, 1);
        assert_eq!(count(AuditFilter { results: vec![AuditResult::Denied], ..Default::default() }).await, 1);
        assert_eq!(count(AuditFilter { doors: vec![Door::Api], ..Default::default() }).await, 9);
        assert_eq!(count(AuditFilter { tenants: vec![TenantId::PLATFORM], ..Default::default() }).await, 10);
        assert_eq!(count(AuditFilter { tenants: vec![TenantId::generate()], ..Default::default() }).await, 0);
        let third = all(&fx).await[2].at;
        assert_eq!(count(AuditFilter { from: Some(third), ..Default::default() }).await, 8);
        assert_eq!(count(AuditFilter { before: Some(third), ..Default::default() }).await, 2);

        let (mut paged, mut before) = (Vec::new(), None);
        loop {
            let page = fx.auditor().audits(&AuditFilter::default(), before, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.seq);
            paged.extend(page.iter().map(|entry| entry.seq));
        }
        assert_eq!(paged, (1..=10).rev().collect::<Vec<_>>());
        let window = fx.auditor().audits_after(&AuditFilter::default(), 3, 8, 100).await.unwrap();
        assert_eq!(window.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [4, 5, 6, 7, 8]);
        assert_eq!(fx.system().audit_after(8, 100).await.unwrap().len(), 2);
    }
}

on_both! {
    async fn a_tenant_reads_what_concerns_it_and_nothing_else(fx: Fixture) {
        fill(&fx, 3).await;
        let theirs = TenantId::generate();
        fx.system().audit_append(NewAudit { tenant_id: theirs, ..new("vm.create") }).await.unwrap();
        let store = fx.store.tenant(&TenantScope::of_tenant(theirs));
        let seen = store.audits(&AuditFilter::default(), None, 100).await.unwrap();
        assert_eq!(seen.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["vm.create"]);
        let asked = AuditFilter { tenants: vec![TenantId::PLATFORM], ..Default::default() };
        assert_eq!(store.audits(&asked, None, 100).await.unwrap().len(), 0);
        assert_eq!(store.audits_after(&AuditFilter::default(), 0, u64::MAX, 100).await.unwrap().len(), 1);
        assert_eq!(fx.auditor().audits(&AuditFilter::default(), None, 100).await.unwrap().len(), 3);
    }
}

on_both! {
    async fn what_was_forwarded_is_remembered(fx: Fixture) {
        fill(&fx, 3).await;
        fx.system().audit_forwarded(2).await.unwrap();
        let head = fx.system().audit_head().await.unwrap();
        assert_eq!(head, AuditHead { seq: 3, dropped_through: 0, forwarded_through: 2 });
    }
}
