//! What has no notices and is therefore read every few seconds: tags, storage policies, content libraries.
//!
//! Runs in a task of its own, so that a slow service never holds up the watch.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use vsphere::rest::{Library, LibraryItem, Tag, TagCategory};
use vsphere::{ApiType, Client, Error, Rest, StoragePolicy};

use super::state::Key;

/// Tags whose names are read again in one round: each costs a call. With more of them a renamed tag is seen some rounds
/// later; a new tag, and what tags are attached to, is seen in every round.
const RENAMES_A_ROUND: usize = 100;
/// Libraries are read at most this much of the time: an item costs a call.
const LIBRARY_SHARE: u32 = 4;

/// What one round found.
pub(super) enum Polled {
    Tags(Tags),
    Policies(Vec<StoragePolicy>),
    Libraries(Vec<(Library, Vec<LibraryItem>)>),
}

/// All tags, with what they are attached to.
#[derive(Debug, Default)]
pub(super) struct Tags {
    pub(super) tags: Vec<Tag>,
    pub(super) categories: HashMap<String, TagCategory>,
    /// Ids of tags by object, sorted.
    pub(super) of_objects: HashMap<Key, Vec<String>>,
}

/// Reads round after round.
pub(super) struct Poller {
    client: Client,
    rest: Option<Rest>,
    known: HashMap<String, Tag>,
    /// Where the next renaming round begins.
    turn: usize,
    policies_offered: bool,
    libraries_not_before: Option<Instant>,
    failing: HashSet<&'static str>,
}

impl Poller {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            rest: None,
            known: HashMap::new(),
            turn: 0,
            policies_offered: true,
            libraries_not_before: None,
            failing: HashSet::new(),
        }
    }

    /// Whether the server has any of these services.
    pub(super) fn is_offered(&self) -> bool {
        self.client.about().api_type == ApiType::VirtualCenter
    }

    /// Reads for ever, or until nobody listens.
    pub(super) async fn run(mut self, every: Duration, found: mpsc::Sender<Polled>) {
        let mut rounds = tokio::time::interval(every.max(Duration::from_millis(100)));
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            let tags = self.tags().await.map(|tags| Some(Polled::Tags(tags)));
            let policies = self.policies().await.map(|policies| policies.map(Polled::Policies));
            let libraries = self.libraries().await.map(|libraries| libraries.map(Polled::Libraries));
            for (what, result) in [("tags", tags), ("storage policies", policies), ("content libraries", libraries)] {
                if let Some(polled) = self.noted(what, result)
                    && found.send(polled).await.is_err()
                {
                    return;
                }
            }
        }
    }

    /// Logs the first of several failures in a row.
    fn noted(&mut self, what: &'static str, result: Result<Option<Polled>, Error>) -> Option<Polled> {
        match result {
            Ok(polled) => {
                if self.failing.remove(what) {
                    tracing::info!(host = self.client.config().host(), "{what} can be read again");
                }
                polled
            }
            Err(error) => {
                if self.failing.insert(what) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        host = self.client.config().host(),
                        error,
                        "{what} cannot be read; what is known of them stays"
                    );
                }
                None
            }
        }
    }

    async fn rest(&mut self) -> Result<Rest, Error> {
        if let Some(rest) = &self.rest {
            return Ok(rest.clone());
        }
        let rest = self.client.rest().await?;
        self.rest = Some(rest.clone());
        Ok(rest)
    }

    /// Every tag, with what it is attached to.
    pub(super) async fn tags(&mut self) -> Result<Tags, Error> {
        let rest = self.rest().await?;
        let mut ids = rest.tag_ids().await?;
        ids.sort_unstable();
        let present: HashSet<&String> = ids.iter().collect();
        self.known.retain(|id, _| present.contains(id));
        let mut wanted: Vec<String> = ids.iter().filter(|id| !self.known.contains_key(*id)).cloned().collect();
        let again = ids.iter().cycle().skip(self.turn).take(RENAMES_A_ROUND.min(ids.len()));
        wanted.extend(again.filter(|id| self.known.contains_key(*id)).cloned());
        self.turn = if ids.is_empty() { 0 } else { (self.turn + RENAMES_A_ROUND) % ids.len() };
        for tag in rest.tags_by_id(wanted).await? {
            self.known.insert(tag.id.clone(), tag);
        }
        let categories = if ids.is_empty() { Vec::new() } else { rest.tag_categories().await? };
        let mut of_objects: HashMap<Key, Vec<String>> = HashMap::new();
        for (tag, objects) in rest.tag_objects(&ids).await? {
            for object in objects {
                of_objects.entry(object.value).or_default().push(tag.clone());
            }
        }
        for tags in of_objects.values_mut() {
            tags.sort_unstable();
            tags.dedup();
        }
        Ok(Tags {
            tags: ids.iter().filter_map(|id| self.known.get(id)).cloned().collect(),
            categories: categories.into_iter().map(|category| (category.id.clone(), category)).collect(),
            of_objects,
        })
    }

    /// Every storage policy; `None` when the server has no such service.
    async fn policies(&mut self) -> Result<Option<Vec<StoragePolicy>>, Error> {
        if !self.policies_offered {
            return Ok(None);
        }
        match self.client.storage_policies().await {
            Ok(mut policies) => {
                policies.sort_by(|a, b| a.id.cmp(&b.id));
                Ok(Some(policies))
            }
            Err(Error::Unsupported(_) | Error::Status { status: 404, .. }) => {
                self.policies_offered = false;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Every content library with its items; `None` when it is not their turn yet.
    async fn libraries(&mut self) -> Result<Option<Vec<(Library, Vec<LibraryItem>)>>, Error> {
        let begin = Instant::now();
        if self.libraries_not_before.is_some_and(|until| begin < until) {
            return Ok(None);
        }
        let rest = self.rest().await?;
        let mut all = Vec::new();
        for library in rest.libraries().await? {
            let mut items = rest.library_items(&library.id).await?;
            items.sort_by(|a, b| a.id.cmp(&b.id));
            all.push((library, items));
        }
        all.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
        self.libraries_not_before = Some(Instant::now() + begin.elapsed() * LIBRARY_SHARE);
        Ok(Some(all))
    }
}
