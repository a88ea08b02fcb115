//! Watching what changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::objects::Pairs;
use super::{App, Error, Invalid, Result, Session, Subject};
use crate::authz::{InventoryRead, ProviderRead, TenantScope};
use crate::inventory::{Watch, WatchError, WatchRequest};
use crate::model::{Kind, Revision, UserId};

/// What a watcher asks for.
#[derive(Clone, Debug, Default)]
pub struct WatchAsked {
    /// Which objects, from where.
    pub request: WatchRequest,
    /// No objects at all: `types=provider`.
    pub providers_only: bool,
}

/// A stream of what changes, and the place among the watchers that it takes until it is dropped.
#[derive(Debug)]
pub struct Watching {
    /// The stream.
    pub watch: Watch,
    /// Whether the objects' events are to be left out.
    pub providers_only: bool,
    seen: TenantScope<InventoryRead>,
    seen_providers: TenantScope<ProviderRead>,
    _place: OwnedSemaphorePermit,
    _own: OwnPlace,
}

/// How many watchers one user can have who does not see everything: nobody takes all places.
const OWN_MAX: usize = 50;

/// Watchers of each user.
pub(super) type Watchers = Arc<Mutex<HashMap<UserId, usize>>>;

/// One of a user's watchers, until it is dropped.
#[derive(Debug)]
struct OwnPlace {
    all: Watchers,
    user: UserId,
}

impl OwnPlace {
    fn take(all: &Watchers, user: UserId, max: usize) -> Option<Self> {
        let mut counts = all.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(user).or_default();
        (*count < max).then(|| {
            *count += 1;
            Self { all: Arc::clone(all), user }
        })
    }
}

impl Drop for OwnPlace {
    fn drop(&mut self) {
        let mut counts = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

/// The parameters of a watch.
const PARAMETERS: [&str; 4] = ["types", "from_revision", "provider_id", "id"];

/// Reads the parameters of a watch. `last_event_id` is what a client that resumes was told last; it goes before
/// `from_revision`, which a browser repeats unchanged when it connects again.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub fn watch_request(pairs: &Pairs, last_event_id: Option<&str>) -> Result<WatchAsked> {
    let mut request = WatchRequest::default();
    let mut providers_only = false;
    let mut seen = Vec::new();
    for (name, value) in pairs {
        if seen.contains(&name) {
            return Err(Invalid::new(Subject::Parameter, name, "is given more than once").into());
        }
        seen.push(name);
        match name.as_str() {
            "types" => {
                request.kinds = kinds(value)?;
                providers_only = request.kinds.is_empty() && !value.is_empty();
            }
            "from_revision" => request.from = Some(revision(name, value)?),
            "provider_id" => request.provider_id = Some(value.parse().map_err(|_| not_an_id(name))?),
            "id" => request.id = Some(value.parse().map_err(|_| not_an_id(name))?),
            _ => {
                let invalid = Invalid::new(Subject::Parameter, name, "is not a parameter here").allowed(PARAMETERS);
                return Err(invalid.into());
            }
        }
    }
    if let Some(id) = last_event_id.filter(|id| !id.is_empty()) {
        request.from = Some(revision("Last-Event-ID", id)?);
    }
    Ok(WatchAsked { request, providers_only })
}

/// Reads the list of kinds. `provider` is accepted, and is told anyway.
fn kinds(value: &str) -> Result<Vec<Kind>> {
    let mut kinds = Vec::new();
    let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
    for word in words.filter(|word| *word != "provider") {
        let kind = Kind::parse(word).ok_or_else(|| {
            let allowed = Kind::ALL.iter().map(|kind| kind.as_str()).chain(["provider"]);
            Invalid::new(Subject::Parameter, "types", "holds a word that is not a type").allowed(allowed)
        })?;
        kinds.push(kind);
    }
    Ok(kinds)
}

fn revision(name: &str, value: &str) -> Result<Revision> {
    value.parse().map_err(|_| Invalid::new(Subject::Revision, name, "is not a revision that was given out").into())
}

fn not_an_id(name: &str) -> Error {
    Invalid::new(Subject::Parameter, name, "is not a UUID").into()
}

impl App {
    /// Begins to watch.
    ///
    /// # Errors
    /// [`Error::RevisionCompacted`], [`Error::RevisionUnknown`], [`Error::Unavailable`] while
    /// loading or when there are too many watchers.
    pub fn watch(&self, session: &Session, asked: WatchAsked) -> Result<Watching> {
        let scope = self.reader(session)?;
        let seen_providers = self.scope::<ProviderRead>(session);
        let WatchAsked { request, providers_only } = asked;
        let from = request.from;
        let max = if scope.sees_all() { usize::MAX } else { OWN_MAX };
        let own = OwnPlace::take(&self.0.own_watchers, session.principal.user_id, max).ok_or(Error::Unavailable {
            message: "You have as many watchers as one user can have.",
            retry_after: Duration::from_secs(10),
        })?;
        let place = Arc::clone(&self.0.watchers).try_acquire_owned().map_err(|_| Error::Unavailable {
            message: "As many watchers as the gateway serves are connected already.",
            retry_after: Duration::from_secs(10),
        })?;
        let watch =
            self.inventory().watch(scope.clone(), seen_providers.clone(), request).map_err(|error| match error {
                WatchError::Compacted { oldest } => {
                    Error::RevisionCompacted { asked: from.unwrap_or_default(), oldest }
                }
                WatchError::Future { newest } => Error::RevisionUnknown { asked: from.unwrap_or_default(), newest },
            })?;
        Ok(Watching { watch, providers_only, seen: scope, seen_providers, _place: place, _own: own })
    }

    /// Whether a watcher may still see just what it could when it began.
    #[must_use]
    pub fn watch_sees_the_same(&self, session: &Session, watching: &Watching) -> bool {
        self.is_welcome(session.principal.user_id)
            && self.scope(session).is_as_far_as(&watching.seen)
            && self.scope(session).is_as_far_as(&watching.seen_providers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Vec<(String, String)> {
        let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
        query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
    }

    #[test]
    fn requests_are_read() {
        let WatchAsked { request, providers_only } =
            watch_request(&pairs("types=vm,host,provider&from_revision=7"), None).unwrap();
        assert!(!providers_only);
        assert_eq!(request.kinds, [Kind::Vm, Kind::Host]);
        assert_eq!(request.from, Some(Revision(7)));
        let resumed = watch_request(&pairs("from_revision=7"), Some("9")).unwrap();
        assert_eq!(
            resumed.request.from,
            Some(Revision(9)),
            "a browser repeats its first address when it connects again"
        );
        assert_eq!(watch_request(&[], None).unwrap().request.from, None);
        assert!(watch_request(&pairs("types=provider"), None).unwrap().providers_only);
        assert!(!watch_request(&pairs("types="), None).unwrap().providers_only);
    }

    #[test]
    fn bad_requests_name_the_parameter() {
        for (query, field) in [
            ("types=vms", "types"),
            ("from_revision=x", "from_revision"),
            ("from_revision=-1", "from_revision"),
            ("provider_id=1", "provider_id"),
            ("id=x", "id"),
            ("kind=vm", "kind"),
            ("id=1&id=2", "id"),
        ] {
            match watch_request(&pairs(query), None) {
                Err(Error::Invalid(invalid)) => assert_eq!(invalid.field, field, "{query}"),
                other => panic!("{query}: {other:?}"),
            }
        }
        assert!(watch_request(&[], Some("abc")).is_err());
    }
}
