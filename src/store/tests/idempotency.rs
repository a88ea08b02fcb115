//! Requests that are done once.

use chrono::TimeDelta;

use super::*;
use crate::store::{Once, Outcome, ProviderRecord};

fn once(key: &str, request: u8) -> Once<ProviderRecord> {
    let answer = |record: &ProviderRecord| format!("made {}", record.id).into_bytes();
    Once { key: key.to_owned(), request: [request; 32], answer: Box::new(answer) }
}

async fn create(admin: &TenantStore<ProviderWrite>, name: &str, once: Once<ProviderRecord>) -> Result<(bool, String)> {
    let text = |kept: &[u8]| String::from_utf8(kept.to_vec()).unwrap();
    Ok(match admin.provider_create_once(new_provider(name), Some(once), Told::any()).await? {
        Outcome::Done(_, kept) => (false, text(&kept.unwrap())),
        Outcome::Before(kept) => (true, text(&kept)),
    })
}

on_both! {
    async fn a_request_is_done_once_and_answered_alike(fx: Fixture) {
        let admin = fx.admin();
        let (before, first) = create(&admin, "a", once("k", 1)).await.unwrap();
        assert!(!before && first.starts_with("made "));
        assert_eq!(create(&admin, "a", once("k", 1)).await.unwrap(), (true, first.clone()));
        let error = create(&admin, "b", once("k", 2)).await.unwrap_err();
        assert!(matches!(error, Error::IdempotencyKeyReused), "{error}");
        let error = create(&fx.admin(), "a", once("k", 1)).await.unwrap_err();
        assert!(matches!(error, Error::ProviderNameTaken { .. }), "another user's key is another key: {error}");
        assert_eq!(fx.system().providers().await.unwrap().len(), 1, "nothing was done for the other");
        assert!(!create(&admin, "b", once("other", 2)).await.unwrap().0);

        // The keys are renewed, and what was kept opens with the new ones.
        fx.system().keys_rotate().await.unwrap();
        assert_eq!(create(&admin, "a", once("k", 1)).await.unwrap(), (true, first));
    }
}

on_both! {
    async fn what_failed_is_not_kept(fx: Fixture) {
        let admin = fx.admin();
        create(&admin, "a", once("k1", 1)).await.unwrap();
        let error = create(&admin, "a", once("k2", 2)).await.unwrap_err();
        assert!(matches!(error, Error::ProviderNameTaken { .. }), "{error}");
        assert!(!create(&admin, "b", once("k2", 3)).await.unwrap().0, "the key is free for another try");
    }
}

on_both! {
    async fn of_two_at_once_one_does_it(fx: Fixture) {
        let admin = fx.admin();
        let (one, two) = tokio::join!(create(&admin, "a", once("k", 1)), create(&admin, "a", once("k", 1)));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.1, two.1);
        assert_ne!(one.0, two.0, "one did it, the other was told");
    }
}

on_both! {
    async fn a_key_is_forgotten_after_a_day(fx: Fixture) {
        let admin = fx.admin();
        create(&admin, "a", once("k", 1)).await.unwrap();
        fx.clock.advance(TimeDelta::hours(23));
        assert_eq!(fx.system().idempotency_sweep().await.unwrap(), 0);
        assert!(create(&admin, "a", once("k", 1)).await.unwrap().0);
        fx.clock.advance(TimeDelta::hours(2));
        assert!(!create(&admin, "b", once("k", 9)).await.unwrap().0, "forgotten, also before the sweep came");
        fx.clock.advance(TimeDelta::hours(25));
        assert_eq!(fx.system().idempotency_sweep().await.unwrap(), 1);
        assert_eq!(fx.system().idempotency_sweep().await.unwrap(), 0);
    }
}
