//! The history of sync states: pages, filters, scope, retention, and what a process left open.

use std::time::Duration;

use chrono::TimeDelta;

use super::*;
use crate::model::provider::{SyncPeriod, SyncReason};
use crate::model::{SourceState, SyncPeriodId, Time};

const EVERYTHING: u64 = 10_000;

fn stretch(fx: &Fixture, provider: ProviderId, source: SourceId, state: SourceState) -> SyncPeriodPut {
    let unreachable = state == SourceState::Unreachable;
    let period = SyncPeriod {
        id: SyncPeriodId::generate(),
        source_id: source,
        state,
        since: fx.clock.now(),
        until: None,
        reason: unreachable.then_some(SyncReason::ConnectFailed),
        message: unreachable.then(|| "no answer".to_owned()),
        changes: 1,
    };
    SyncPeriodPut { tenant_id: TenantId::PLATFORM, provider_id: provider, period }
}

/// `count` states of ten seconds each; the last one lasts.
async fn fill(fx: &Fixture, provider: ProviderId, source: SourceId, count: usize) -> Vec<SyncPeriodPut> {
    let mut puts = Vec::new();
    for index in 0..count {
        let state = if index % 2 == 0 { SourceState::Live } else { SourceState::Unreachable };
        let mut put = stretch(fx, provider, source, state);
        fx.clock.advance(TimeDelta::seconds(10));
        put.period.until = (index + 1 < count).then(|| fx.clock.now());
        puts.push(put);
    }
    fx.system().sync_history_put(&puts).await.unwrap();
    puts
}

async fn all(fx: &Fixture, provider: ProviderId) -> Vec<SyncPeriod> {
    let filter = SyncHistoryFilter::default();
    fx.admin().sync_history(provider, &filter, None, EVERYTHING).await.unwrap().unwrap()
}

on_both! {
    async fn pages_follow_one_another_and_filters_narrow(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let (other, its) = fx.provider("other").await;
        let puts = fill(&fx, provider, source, 25).await;
        fill(&fx, other, its, 3).await;
        let found = all(&fx, provider).await;
        let ids: Vec<_> = puts.iter().rev().map(|put| put.period.id).collect();
        assert_eq!(found.iter().map(|period| period.id).collect::<Vec<_>>(), ids, "the newest first, no other's");
        assert_eq!(found[0], puts[24].period);
        assert_eq!(found[1], puts[23].period);

        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let filter = SyncHistoryFilter::default();
            let page = fx.admin().sync_history(provider, &filter, after, 7).await.unwrap().unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.since, last.id));
            paged.extend(page);
        }
        assert_eq!(paged, found);

        let (from, before) = (Some(puts[5].period.since), Some(puts[20].period.since));
        let filter = SyncHistoryFilter { sources: vec![source], states: vec![SourceState::Live], from, before };
        let found = fx.admin().sync_history(provider, &filter, None, EVERYTHING).await.unwrap().unwrap();
        let expected: Vec<_> = [18, 16, 14, 12, 10, 8, 6].map(|index| puts[index].period.id).to_vec();
        assert_eq!(found.iter().map(|period| period.id).collect::<Vec<_>>(), expected);
        let filter = SyncHistoryFilter { sources: vec![its], ..SyncHistoryFilter::default() };
        assert_eq!(fx.admin().sync_history(provider, &filter, None, 10).await.unwrap(), Some(vec![]));

        let stranger = TenantScope::<crate::authz::ProviderRead>::of_tenant(TenantId::generate());
        let hidden = fx.store.tenant(&stranger).sync_history(provider, &SyncHistoryFilter::default(), None, 10).await;
        assert_eq!(hidden.unwrap(), None, "another tenant's does not exist");
    }
}

on_both! {
    async fn what_is_written_again_is_changed_in_place(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let mut put = stretch(&fx, provider, source, SourceState::Live);
        fx.system().sync_history_put(std::slice::from_ref(&put)).await.unwrap();
        put.period.state = SourceState::Lagging;
        put.period.reason = Some(SyncReason::TimedOut);
        put.period.changes = 17;
        put.period.until = Some(fx.clock.now() + TimeDelta::seconds(5));
        put.period.message = Some(format!("no\0thing {}", "ä".repeat(1_000)));
        let gone = stretch(&fx, provider, SourceId::generate(), SourceState::Live);
        fx.system().sync_history_put(&[gone, put.clone()]).await.unwrap();
        let found = all(&fx, provider).await.remove(0);
        let message = found.message.clone().unwrap();
        assert!(message.len() < 1_010 && message.starts_with("no\u{fffd}thing ä"), "{message}");
        assert_eq!(found, SyncPeriod { message: Some(message), ..put.period }, "and what has no source is left out");
        assert_eq!(all(&fx, provider).await.len(), 1);
    }
}

on_both! {
    async fn old_and_many_go_and_the_present_stays(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let (other, its) = fx.provider("other").await;
        let puts = fill(&fx, provider, source, 30).await;
        fill(&fx, other, its, 5).await;
        let keep = SyncHistoryRetention { keep_for: Duration::from_secs(3_600), keep_entries: 12 };
        assert_eq!(fx.system().sync_history_sweep(keep).await.unwrap(), 18);
        let found = all(&fx, provider).await;
        assert_eq!(found.iter().map(|period| period.id).collect::<Vec<_>>(),
            puts.iter().rev().take(12).map(|put| put.period.id).collect::<Vec<_>>());
        assert_eq!(all(&fx, other).await.len(), 5);
        fx.clock.advance(TimeDelta::days(1));
        assert_eq!(fx.system().sync_history_sweep(keep).await.unwrap(), 11 + 4);
        assert_eq!(all(&fx, provider).await, [puts[29].period.clone()], "it still lasts");
        let none = SyncHistoryRetention { keep_for: Duration::ZERO, keep_entries: 0 };
        assert_eq!(fx.system().sync_history_sweep(none).await.unwrap(), 0);
    }
}

on_both! {
    async fn what_a_process_left_open_is_closed_by_what_is_known(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let (other, its) = fx.provider("other").await;
        let contact: Time = fx.clock.now() + TimeDelta::seconds(40);
        let contacted = SourceUpdate { contact_at: Some(contact), ..SourceUpdate::default() };
        fx.system().source_update(source, &contacted).await.unwrap();
        fill(&fx, provider, source, 1).await;
        fill(&fx, other, its, 2).await;
        fx.clock.advance(TimeDelta::hours(1));
        assert_eq!(fx.system().sync_history_close().await.unwrap(), 2);
        assert_eq!(all(&fx, provider).await[0].until, Some(contact), "it was live until it was last heard of");
        assert_eq!(all(&fx, other).await[0].until, Some(fx.clock.now()), "nothing else is known");
        assert_eq!(fx.system().sync_history_close().await.unwrap(), 0);
    }
}

on_both! {
    async fn the_history_goes_with_its_provider(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        let (other, its) = fx.provider("other").await;
        fill(&fx, provider, source, 3).await;
        fill(&fx, other, its, 4).await;
        fx.admin().provider_mark_removing(provider, None, Told::any()).await.unwrap();
        while !fx.system().provider_purge(provider, 10).await.unwrap().done {}
        let filter = SyncHistoryFilter::default();
        assert_eq!(fx.admin().sync_history(provider, &filter, None, 10).await.unwrap(), None);
        let none = SyncHistoryRetention { keep_for: Duration::ZERO, keep_entries: 10 };
        fx.clock.advance(TimeDelta::hours(1));
        assert_eq!(fx.system().sync_history_sweep(none).await.unwrap(), 3, "nothing of it is left");
        assert_eq!(all(&fx, other).await.len(), 1);
    }
}
