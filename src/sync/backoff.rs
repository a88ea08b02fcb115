//! When to try again.

use std::time::Duration;

use rand::Rng;

use crate::model::provider::SyncReason;

/// Grows with every failure in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Backoff {
    /// Failures in a row for reasons that wait alike: first and longest wait, seconds.
    class: (u64, u64),
    failures: u32,
}

impl Backoff {
    /// All is well: the next failure is the first again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after a failure: jittered, from half of the step to the whole step.
    ///
    /// After refused credentials the first wait is half an hour. vCenter locks an account after five failures within three
    /// minutes, Active Directory often after three within thirty; one try an hour locks neither. An edit of who signs in
    /// or where tries at once ([`super::refusals`]).
    pub(super) fn next(&mut self, reason: SyncReason) -> Duration {
        let (first, most) = match reason {
            SyncReason::CredentialsRefused => (3_600, 24 * 3_600),
            SyncReason::CertificateUntrusted
            | SyncReason::NotThePlatform
            | SyncReason::DuplicatePlatform
            | SyncReason::PermissionDenied => (60, 900),
            _ => (1, 60),
        };
        if self.class != (first, most) {
            *self = Self { class: (first, most), failures: 0 };
        }
        let step = u64::min(first << self.failures.min(20), most);
        self.failures = self.failures.saturating_add(1);
        let millis = step * 1_000;
        Duration::from_millis(rand::rng().random_range(millis / 2..=millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_a_limit_and_starts_anew() {
        let mut backoff = Backoff::default();
        for step_s in [1, 2, 4, 8, 16, 32, 60, 60] {
            let wait = backoff.next(SyncReason::ConnectFailed);
            assert!(wait >= Duration::from_millis(step_s * 500) && wait <= Duration::from_secs(step_s), "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.next(SyncReason::ConnectionLost) <= Duration::from_secs(1));
    }

    #[test]
    fn a_refusal_after_a_reboot_is_the_first_of_its_kind() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.next(SyncReason::ConnectFailed);
        }
        assert!(backoff.next(SyncReason::CredentialsRefused) <= Duration::from_secs(3_600));
    }

    #[test]
    fn a_refused_password_is_not_tried_often() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            assert!(backoff.next(SyncReason::CredentialsRefused) >= Duration::from_secs(1_800));
        }
    }
}
