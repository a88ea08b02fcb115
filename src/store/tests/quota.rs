//! Quotas: the limit is never passed, nothing leaks, and the counters follow from the ledger.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use uuid::Uuid;

use super::*;
use crate::authz::QuotaWrite;
use crate::model::{Amounts, ProjectId, QuotaLimit, QuotaResource as R, ReservationId};

const TENANT: TenantId = TenantId::PLATFORM;

fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(100 + number))
}

fn object(number: u128) -> ObjectId {
    ObjectId(Uuid::from_u128(1_000 + number))
}

fn machine(vcpus: i64) -> Amounts {
    [(R::Vms, 1), (R::Vcpus, vcpus)].into_iter().collect()
}

/// Two projects in one tenant.
fn levels(number: u128) -> Vec<QuotaLevel> {
    let all: HashSet<Uuid> = (0..2).map(|number| project(number).0).collect();
    vec![
        QuotaLevel { node: project(number).0, projects: HashSet::from([project(number).0]) },
        QuotaLevel { node: TENANT.0, projects: all },
    ]
}

async fn limit(fx: &Fixture, node: Uuid, resource: R, hard: i64) {
    let store: TenantStore<QuotaWrite> = fx.store.tenant(&TenantScope::of_all());
    store.quota_limits_set(node, &[QuotaLimit { resource, hard: Some(hard), soft: None }], Told::any()).await.unwrap();
}

async fn used(fx: &Fixture, number: u128, resource: R) -> (i64, i64) {
    let counts = fx.system().quota_counts().await.unwrap();
    let own = counts.iter().find(|count| count.project == project(number) && count.resource == resource);
    own.map_or((0, 0), |count| (count.used, count.reserved))
}

fn holding(number: u128, place: Option<u128>, amounts: Amounts) -> Holding {
    Holding { object: object(number), project: place.map(|place| (TENANT, project(place))), amounts }
}

on_both! {
    async fn what_is_told_twice_counts_once_and_goes_where_the_object_goes(fx: Fixture) {
        let system = fx.system();
        for _ in 0..2 {
            system.quota_observe(&[holding(1, Some(0), machine(4)), holding(2, Some(0), machine(2))]).await.unwrap();
        }
        assert_eq!((used(&fx, 0, R::Vms).await, used(&fx, 0, R::Vcpus).await), ((2, 0), (6, 0)));
        system.quota_observe(&[holding(1, Some(1), machine(8)), holding(2, Some(0), machine(1))]).await.unwrap();
        assert_eq!((used(&fx, 0, R::Vcpus).await, used(&fx, 1, R::Vcpus).await), ((1, 0), (8, 0)));
        system.quota_observe(&[holding(1, None, machine(8)), holding(2, Some(0), Amounts::default())]).await.unwrap();
        assert_eq!((used(&fx, 0, R::Vms).await, used(&fx, 1, R::Vms).await), ((0, 0), (0, 0)));
        assert!(system.quota_holdings().await.unwrap().is_empty());
        assert_eq!(system.quota_recount().await.unwrap(), []);
    }
}

on_both! {
    async fn a_promise_counts_until_it_is_kept_or_given_back(fx: Fixture) {
        let system = fx.system();
        limit(&fx, project(0).0, R::Vms, 2).await;
        limit(&fx, TENANT.0, R::Vms, 3).await;
        let ask = async |number: u128| {
            let place = (TENANT, project(number));
            system.quota_reserve(place, &levels(number), &machine(1), "a test").await.unwrap()
        };
        let first = ask(0).await.unwrap();
        let second = ask(0).await.unwrap();
        let full = ask(0).await.unwrap_err();
        assert_eq!((full.node, full.hard, full.used, full.reserved, full.asked), (project(0).0, 2, 0, 2, 1));
        let other = ask(1).await.unwrap();
        assert_eq!(ask(1).await.unwrap_err().node, TENANT.0, "children cannot hold more than the parent gives");
        assert!(system.quota_commit(first, &[holding(1, Some(0), machine(1))]).await.unwrap());
        assert!(!system.quota_commit(first, &[holding(9, Some(0), machine(1))]).await.unwrap(), "once");
        // What the platform then tells of it is the same machine.
        system.quota_observe(&[holding(1, Some(0), machine(1))]).await.unwrap();
        assert_eq!(used(&fx, 0, R::Vms).await, (1, 1));
        assert!(system.quota_release(second).await.unwrap() && !system.quota_release(second).await.unwrap());
        assert!(system.quota_release(other).await.unwrap());
        assert_eq!(used(&fx, 0, R::Vms).await, (1, 0));
        assert!(ask(0).await.is_ok());
        // What is there counts, and never fails.
        let many: Vec<_> = (20..25).map(|number| holding(number, Some(0), machine(1))).collect();
        system.quota_observe(&many).await.unwrap();
        assert_eq!(used(&fx, 0, R::Vms).await, (6, 1));
        assert!(system.quota_try(&levels(0), &machine(1)).await.unwrap().is_some());
        assert_eq!(system.quota_recount().await.unwrap(), []);
    }
}

on_both! {
    async fn of_two_hundred_that_want_the_last_place_one_gets_it(fx: Fixture) {
        limit(&fx, TENANT.0, R::Vms, 5).await;
        let four: Vec<_> = (0..4).map(|number| holding(number, Some(1), machine(1))).collect();
        fx.system().quota_observe(&four).await.unwrap();
        let tasks: Vec<_> = (0..200u128)
            .map(|number| {
                let system = fx.system();
                let place = number % 2;
                tokio::spawn(async move {
                    system.quota_reserve((TENANT, project(place)), &levels(place), &machine(1), "race").await.unwrap().is_ok()
                })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            won += usize::from(task.await.unwrap());
        }
        assert_eq!(won, 1);
        assert_eq!(fx.system().quota_recount().await.unwrap(), []);
    }
}

on_both! {
    async fn a_wrong_counter_is_told_and_not_corrected(fx: Fixture) {
        fx.system().quota_observe(&[holding(1, Some(0), machine(4))]).await.unwrap();
        fx.sql("UPDATE quota_counter SET used = used + 1 WHERE resource = 'vms'").await;
        let found = fx.system().quota_recount().await.unwrap();
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((one.project, one.resource, one.counted, one.ledger, one.held), (project(0), R::Vms, (2, 0), (1, 0), (1, 0)));
        assert_eq!(fx.system().quota_recount().await.unwrap(), found, "it stays until somebody mends it");
    }
}

on_both! {
    async fn old_lines_are_put_together_and_come_to_the_same(fx: Fixture) {
        for vcpus in 1..20 {
            fx.system().quota_observe(&[holding(1, Some(0), machine(vcpus))]).await.unwrap();
            fx.clock.advance(chrono::TimeDelta::seconds(1));
        }
        assert_eq!(fx.system().quota_ledger_fold(fx.clock.now()).await.unwrap(), 18);
        assert_eq!(fx.system().quota_ledger_fold(fx.clock.now()).await.unwrap(), 0);
        assert_eq!(fx.system().quota_recount().await.unwrap(), []);
        assert_eq!(used(&fx, 0, R::Vcpus).await, (19, 0));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Reserve(u128, i64),
    Commit(usize, u128),
    Release(usize),
    Observe(u128, Option<u128>, i64),
    Limit(i64),
    Fold,
    /// The answer to a reservation is lost: the caller does not know of it, and asks again.
    Lost(u128, i64),
}

fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..2u128, 1..4i64).prop_map(|(place, vcpus)| Step::Reserve(place, vcpus)),
        3 => (0..8usize, 0..12u128).prop_map(|(which, number)| Step::Commit(which, number)),
        2 => (0..8usize).prop_map(Step::Release),
        4 => (0..12u128, proptest::option::weighted(0.8, 0..2u128), 0..4i64)
            .prop_map(|(number, place, vcpus)| Step::Observe(number, place, vcpus)),
        1 => (0..20i64).prop_map(Step::Limit),
        1 => Just(Step::Fold),
        1 => (0..2u128, 1..4i64).prop_map(|(place, vcpus)| Step::Lost(place, vcpus)),
    ];
    proptest::collection::vec(step, count)
}

/// The same, kept plainly.
#[derive(Default)]
struct Plain {
    held: HashMap<u128, (u128, i64)>,
    promised: Vec<(ReservationId, u128, i64)>,
    limit: Option<i64>,
}

impl Plain {
    fn vcpus(&self, place: u128) -> (i64, i64) {
        let held = self.held.values().filter(|(at, _)| *at == place).map(|(_, vcpus)| vcpus).sum();
        let promised = self.promised.iter().filter(|(_, at, _)| *at == place).map(|(_, _, vcpus)| vcpus).sum();
        (held, promised)
    }

    fn all(&self) -> i64 {
        (0..2).map(|place| self.vcpus(place)).map(|(held, promised)| held + promised).sum()
    }
}

async fn play(fx: &Fixture, steps: &[Step]) {
    let system = fx.system();
    let mut plain = Plain::default();
    let amounts = |vcpus: i64| [(R::Vcpus, vcpus)].into_iter().collect::<Amounts>();
    for step in steps {
        match step {
            Step::Reserve(place, vcpus) | Step::Lost(place, vcpus) => {
                let fits = plain.limit.is_none_or(|limit| plain.all() + vcpus <= limit);
                let answer = system
                    .quota_reserve((TENANT, project(*place)), &levels(*place), &amounts(*vcpus), "step")
                    .await
                    .unwrap();
                assert_eq!(answer.is_ok(), fits, "{step:?}");
                if let Ok(id) = answer {
                    plain.promised.push((id, *place, *vcpus));
                }
            }
            Step::Commit(which, number) => {
                let Some(at) = plain.promised.len().checked_sub(1).map(|last| which % (last + 1)) else { continue };
                let (id, place, vcpus) = plain.promised.remove(at);
                assert!(system.quota_commit(id, &[holding(*number, Some(place), amounts(vcpus))]).await.unwrap());
                assert!(!system.quota_release(id).await.unwrap());
                plain.held.insert(*number, (place, vcpus));
            }
            Step::Release(which) => {
                let Some(at) = plain.promised.len().checked_sub(1).map(|last| which % (last + 1)) else { continue };
                let (id, ..) = plain.promised.remove(at);
                assert!(system.quota_release(id).await.unwrap());
            }
            Step::Observe(number, place, vcpus) => {
                system.quota_observe(&[holding(*number, *place, amounts(*vcpus))]).await.unwrap();
                match place {
                    Some(place) if *vcpus > 0 => drop(plain.held.insert(*number, (*place, *vcpus))),
                    _ => drop(plain.held.remove(number)),
                }
            }
            Step::Limit(hard) => {
                limit(fx, TENANT.0, R::Vcpus, *hard).await;
                plain.limit = Some(*hard);
            }
            Step::Fold => {
                fx.clock.advance(chrono::TimeDelta::seconds(1));
                system.quota_ledger_fold(fx.clock.now()).await.unwrap();
            }
        }
    }
    for place in 0..2 {
        assert_eq!(used(fx, place, R::Vcpus).await, plain.vcpus(place));
    }
    assert_eq!(system.quota_recount().await.unwrap(), []);
}

/// How many steps are tried: a few hundred here, as many as are asked for by `SPANDREL_PROVE_STEPS`.
fn wanted() -> usize {
    std::env::var("SPANDREL_PROVE_STEPS").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}

on_both! {
    async fn whatever_happens_the_counters_are_those_of_the_plain_model(fx: Fixture) {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut left = wanted();
        while left > 0 {
            let count = left.min(100);
            let tried = steps(count).new_tree(&mut runner).unwrap().current();
            play(&fx, &tried).await;
            // The next hundred begin anew.
            fx.sql("DELETE FROM quota_limit").await;
            for table in ["quota_holding", "quota_reservation", "quota_counter", "quota_ledger"] {
                fx.sql(&format!("DELETE FROM {table}")).await;
            }
            left -= count;
        }
    }
}
