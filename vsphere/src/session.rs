//! Who is logged in: one account, several sessions.
//!
//! Invariants: at most one login of an account is under way at any time, over all its sessions; a refused password is
//! never sent a second time; a failed login is followed by a jittered, growing pause.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use crate::config::Credentials;
use crate::error::{Error, Result};

/// The first pause after a failed login; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The account that all sessions of a client share.
#[derive(Debug)]
pub(crate) struct Account {
    credentials: Mutex<Held>,
    /// Held while a login is under way.
    gate: tokio::sync::Mutex<Gate>,
}

/// Where a login happens. A REST service may refuse an account that the SOAP service accepts, which must not keep the SOAP
/// session from being renewed; the other way round the password is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Door {
    Soap,
    Rest,
}

#[derive(Debug)]
struct Held {
    credentials: Credentials,
    /// Where the server has refused exactly these.
    refused: Option<Door>,
    /// Counts replacements, so that a late refusal of old credentials does not condemn new ones.
    serial: u64,
}

#[derive(Debug, Default)]
struct Gate {
    failures: u32,
    not_before: Option<Instant>,
}

impl Account {
    pub(crate) fn new(credentials: Credentials) -> Self {
        let held = Held { credentials, refused: None, serial: 0 };
        Self { credentials: Mutex::new(held), gate: tokio::sync::Mutex::default() }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.credentials.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn replace(&self, credentials: Credentials) {
        let mut held = self.held();
        held.credentials = credentials;
        held.refused = None;
        held.serial += 1;
    }

    /// Runs `login` with the credentials unless `settled` says that somebody else has done the work meanwhile.
    pub(crate) async fn login<T, F>(
        &self,
        door: Door,
        settled: impl FnOnce() -> Option<T>,
        login: impl FnOnce(String, SecretString) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut gate = self.gate.lock().await;
        if let Some(done) = settled() {
            return Ok(done);
        }
        if let Some(until) = gate.not_before {
            tokio::time::sleep_until(until).await;
        }
        let (username, password, serial) = {
            let held = self.held();
            if held.refused == Some(Door::Soap) || held.refused == Some(door) {
                return Err(Error::InvalidLogin);
            }
            let password = SecretString::from(held.credentials.password.expose_secret());
            (held.credentials.username.clone(), password, held.serial)
        };
        // Counts as failed until it has succeeded, so that a cancelled attempt is followed by a pause too.
        let failures = gate.failures;
        gate.failures = failures.saturating_add(1);
        gate.not_before = Some(Instant::now() + pause(failures));
        let result = login(username, password).await;
        match &result {
            Ok(_) => *gate = Gate::default(),
            Err(Error::InvalidLogin) => {
                let mut held = self.held();
                if held.serial == serial && held.refused != Some(Door::Soap) {
                    held.refused = Some(door);
                }
            }
            Err(_) => {}
        }
        result
    }
}

/// The pause after that many failures: doubling, and half of it random.
fn pause(failures: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
    longest.mul_f64(rand::rng().random_range(0.5..1.0))
}

/// Names one call in the server's logs: random per session, counted per call.
#[derive(Debug)]
pub(crate) struct OperationIds {
    prefix: u32,
    count: AtomicU64,
}

impl OperationIds {
    pub(crate) fn new() -> Self {
        Self { prefix: rand::rng().random(), count: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> String {
        format!("spandrel-{:08x}-{:x}", self.prefix, self.count.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[tokio::test]
    async fn a_refused_password_is_sent_once() {
        let account = Account::new(Credentials::new("user", "wrong".to_owned()));
        let attempts = AtomicUsize::new(0);
        let attempt = || {
            account.login(
                Door::Soap,
                || None::<()>,
                |_, _| async {
                    attempts.fetch_add(1, Ordering::SeqCst);
                    Err(Error::InvalidLogin)
                },
            )
        };
        for _ in 0..3 {
            assert!(matches!(attempt().await, Err(Error::InvalidLogin)));
        }
        assert_eq!(attempts.load(Ordering::SeqCst), 1);
        account.replace(Credentials::new("user", "right".to_owned()));
        let password =
            account.login(Door::Soap, || None, |_, password| async move { Ok(password) }).await.expect("logs in");
        assert_eq!(password.expose_secret(), "right");
    }

    #[tokio::test]
    async fn logins_are_single_flight() {
        let account = Account::new(Credentials::new("user", "pw".to_owned()));
        let (attempts, generation) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let attempt = || {
            account.login(
                Door::Soap,
                || (generation.load(Ordering::SeqCst) > 0).then_some(()),
                |_, _| async {
                    attempts.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    generation.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                },
            )
        };
        let (a, b, c) = tokio::join!(attempt(), attempt(), attempt());
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        assert_eq!(attempts.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        assert!(pause(0) <= FIRST_PAUSE && pause(0) >= FIRST_PAUSE / 2);
        assert!(pause(u32::MAX) <= LONGEST_PAUSE && pause(u32::MAX) >= LONGEST_PAUSE / 2);
    }
}
