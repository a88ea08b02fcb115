//! Slows down who guesses passwords, without shutting out who knows his.
//!
//! Three counters, each with a doubling delay: of a user from one address, of one address, and of a user from anywhere.
//! An attempt counts as failed from the moment it begins until it succeeds, so that a burst of parallel guesses counts in
//! full. The counter of a user from anywhere only ever delays a few seconds, and not at all an address from which the
//! user has signed in lately: an attacker can slow a stranger's sign-in down, but never lock the account.
//!
//! Everything is bounded: at most [`MAX_ENTRIES`] counters are kept, the oldest forgotten first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

use super::{Error, Result};
use crate::model::Time;

/// How many counters are kept at most.
const MAX_ENTRIES: usize = 20_000;
/// After so long without a failure a counter is forgotten.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::minutes(30);
/// How long an address counts as one of the user's own after a sign-in.
const KNOWN_FOR: TimeDelta = TimeDelta::days(30);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    UserAt(String, Address),
    From(Address),
    User(String),
}

/// Who asks, as far as the network tells. An IPv6 network of 64 bits is one address: whoever has one has all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IPv4 address.
    V4([u8; 4]),
    /// The first half of an IPv6 address.
    V6([u8; 8]),
    /// The transport does not tell (a Unix socket, a test).
    Local,
}

impl From<Option<IpAddr>> for Address {
    fn from(ip: Option<IpAddr>) -> Self {
        match ip.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V4(ip)) => Address::V4(ip.octets()),
            Some(IpAddr::V6(ip)) => {
                let [a, b, c, d, e, f, g, h, ..] = ip.octets();
                Address::V6([a, b, c, d, e, f, g, h])
            }
            None => Address::Local,
        }
    }
}

/// How failures of one counter delay.
struct Rule {
    /// So many failures are free.
    free: u32,
    /// The first delay; doubles with each further failure.
    first: TimeDelta,
    /// The longest delay.
    longest: TimeDelta,
}

impl Key {
    const fn rule(&self) -> Rule {
        match self {
            Key::UserAt(..) => Rule { free: 5, first: TimeDelta::seconds(2), longest: TimeDelta::seconds(300) },
            Key::From(_) => Rule { free: 20, first: TimeDelta::seconds(2), longest: TimeDelta::seconds(300) },
            Key::User(_) => Rule { free: 20, first: TimeDelta::seconds(1), longest: TimeDelta::seconds(5) },
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    failures: u32,
    last: Time,
    open_at: Time,
}

#[derive(Default)]
struct State {
    counters: HashMap<Key, Counter>,
    known: HashMap<(String, Address), Time>,
}

/// The counters of failed sign-ins of this process.
#[derive(Default)]
pub struct Attempts(Mutex<State>);

impl Attempts {
    /// Counts an attempt before the password is looked at.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] when a counter still delays; then nothing is counted and nothing may be checked.
    pub fn begin(&self, username: &str, address: Address, now: Time) -> Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let user = username.to_lowercase();
        let known =
            state.known.get(&(user.clone(), address)).is_some_and(|at| now.signed_duration_since(*at) < KNOWN_FOR);
        let mut keys = vec![Key::UserAt(user.clone(), address), Key::From(address)];
        if !known {
            keys.push(Key::User(user));
        }
        let wait = keys.iter().filter_map(|key| state.counters.get(key)).map(|counter| counter.open_at - now).max();
        if let Some(wait) = wait.filter(|wait| *wait > TimeDelta::zero()) {
            // Rounded up to whole seconds, as Retry-After is written: who waits as told is looked at.
            let seconds = wait.num_milliseconds().div_euclid(1000).saturating_add(1).unsigned_abs();
            return Err(Error::TooManyAttempts { retry_after: Duration::from_secs(seconds) });
        }
        state.make_room(now);
        for key in keys {
            let rule = key.rule();
            let fresh = Counter { failures: 0, last: now, open_at: now };
            let counter = state.counters.entry(key).or_insert(fresh);
            if now.signed_duration_since(counter.last) > FORGOTTEN_AFTER {
                *counter = fresh;
            }
            counter.failures = counter.failures.saturating_add(1);
            counter.last = now;
            if let Some(over) = counter.failures.checked_sub(rule.free) {
                let delay = rule.first * 2_i32.pow(over.min(16));
                counter.open_at = now + delay.min(rule.longest);
            }
        }
        Ok(())
    }

    /// The attempt succeeded: the user's counters are cleared, and the address is known as the user's own.
    ///
    /// The address's own counter is only taken back by one: who owns one account must not clear the way to guess others.
    pub fn succeeded(&self, username: &str, address: Address, now: Time) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let user = username.to_lowercase();
        state.counters.remove(&Key::UserAt(user.clone(), address));
        for key in [Key::From(address), Key::User(user.clone())] {
            if let Some(counter) = state.counters.get_mut(&key) {
                counter.failures = counter.failures.saturating_sub(1);
                counter.open_at = if counter.failures < key.rule().free { now } else { counter.open_at };
            }
        }
        state.known.insert((user, address), now);
    }
}

impl State {
    /// Forgets what is old, and the oldest when there are too many.
    fn make_room(&mut self, now: Time) {
        if self.counters.len() + 3 > MAX_ENTRIES {
            self.counters.retain(|_, counter| now.signed_duration_since(counter.last) <= FORGOTTEN_AFTER);
        }
        if self.counters.len() + 3 > MAX_ENTRIES {
            let mut times: Vec<Time> = self.counters.values().map(|counter| counter.last).collect();
            let (_, middle, _) = times.select_nth_unstable(MAX_ENTRIES / 4);
            let oldest_kept = *middle;
            self.counters.retain(|_, counter| counter.last > oldest_kept);
        }
        if self.known.len() >= MAX_ENTRIES {
            self.known.retain(|_, at| now.signed_duration_since(*at) < KNOWN_FOR);
        }
        if self.known.len() >= MAX_ENTRIES {
            self.known.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn address(last: u8) -> Address {
        Address::from(Some(IpAddr::from([10, 0, 0, last])))
    }

    fn wait(result: Result<()>) -> Option<u64> {
        match result {
            Ok(()) => None,
            Err(Error::TooManyAttempts { retry_after }) => Some(retry_after.as_secs()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn delays_double_and_who_waits_as_told_is_looked_at() {
        let attempts = Attempts::default();
        for _ in 0..5 {
            assert_eq!(wait(attempts.begin("root", address(1), at(0))), None);
        }
        let first = wait(attempts.begin("root", address(1), at(0))).unwrap();
        assert_eq!(
            wait(attempts.begin("root", address(1), at(0))),
            Some(first),
            "waiting is not made longer by asking"
        );
        assert_eq!(wait(attempts.begin("root", address(1), at(first as i64))), None);
        let second = wait(attempts.begin("root", address(1), at(first as i64))).unwrap();
        assert!(second > first, "{second} > {first}");
        let mut now = 0;
        for _ in 0..40 {
            now += wait(attempts.begin("root", address(1), at(now))).unwrap_or(0) as i64;
        }
        assert!(wait(attempts.begin("root", address(1), at(now))).unwrap_or(0) <= 301);
    }

    #[test]
    fn an_attacker_elsewhere_does_not_lock_the_user_out() {
        let attempts = Attempts::default();
        attempts.begin("root", address(200), at(0)).unwrap();
        attempts.succeeded("root", address(200), at(0));
        for network in 0..150 {
            let _ = attempts.begin("root", address(network), at(1));
        }
        assert_eq!(wait(attempts.begin("root", address(200), at(1))), None, "a known address is not delayed");
        let stranger = wait(attempts.begin("root", address(201), at(1))).unwrap();
        assert!(stranger <= 6, "a new address waits a few seconds only, not {stranger}");
    }

    #[test]
    fn one_address_cannot_go_through_many_users() {
        let attempts = Attempts::default();
        let passed = (0..1000).filter(|n| attempts.begin(&format!("user{n}"), address(1), at(0)).is_ok()).count();
        assert_eq!(passed, 20);
        assert!(attempts.begin("user1", address(2), at(0)).is_ok(), "others are not concerned");
    }

    #[test]
    fn success_clears_and_memory_is_bounded() {
        let attempts = Attempts::default();
        for _ in 0..100 {
            attempts.begin("root", address(1), at(0)).unwrap();
            attempts.succeeded("root", address(1), at(0));
        }
        for n in 0..60_000_u32 {
            let _ = attempts.begin(&format!("u{n}"), Address::V4(n.to_be_bytes()), at(i64::from(n)));
        }
        assert!(attempts.0.lock().unwrap().counters.len() <= MAX_ENTRIES);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let one = Address::from(Some("2001:db8::1".parse::<IpAddr>().unwrap()));
        assert_eq!(one, Address::from(Some("2001:db8::ffff:2".parse::<IpAddr>().unwrap())));
        assert_ne!(one, Address::from(Some("2001:db8:0:1::1".parse::<IpAddr>().unwrap())));
        assert_eq!(Address::from(Some("::ffff:10.0.0.1".parse::<IpAddr>().unwrap())), address(1));
    }
}
