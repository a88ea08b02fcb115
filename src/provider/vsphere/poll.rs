//! What has no notices and is therefore read every few seconds: tags, storage policies with what has them, content libraries.
//!
//! Runs in a task of its own, so that a slow service never holds up the watch.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::Instrument as _;
use vsphere::rest::{Library, LibraryItem, Tag, TagCategory};
use vsphere::{ApiType, Client, Error, PolicyObject, Rest, StoragePolicy};

use super::state::Key;

/// Tags whose names are read again in one round: each costs a call. With more of them a renamed tag is seen some rounds
/// later; a new tag, and what tags are attached to, is seen in every round.
const RENAMES_A_ROUND: usize = 100;
/// After libraries were read, they rest this many times as long as that took: an item costs a call.
const LIBRARIES_REST: u32 = 4;
/// The same of what policies are applied to: the answers grow with the machines.
const APPLIED_REST: u32 = 1;

/// How logs call it.
const APPLIED: &str = "what has which storage policy";

/// What one round found.
pub(super) enum Polled {
    Tags(Tags),
    Policies(Vec<StoragePolicy>),
    Applied(HashMap<Key, Applied>),
    Libraries(Vec<(Library, Vec<LibraryItem>)>),
}

impl Polled {
    /// Whether there is nothing of it.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Tags(tags) => tags.tags.is_empty(),
            Self::Policies(policies) => policies.is_empty(),
            Self::Applied(applied) => applied.is_empty(),
            Self::Libraries(libraries) => libraries.is_empty(),
        }
    }
}

/// All tags, with what they are attached to.
#[derive(Debug, Default)]
pub(super) struct Tags {
    pub(super) tags: Vec<Tag>,
    pub(super) categories: HashMap<String, TagCategory>,
    /// Ids of tags by object, sorted.
    pub(super) of_objects: HashMap<Key, Vec<String>>,
}

/// The storage policies of one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Applied {
    /// That of its own files.
    pub(super) home: Option<Key>,
    /// Those of its disks by their device keys, sorted.
    pub(super) disks: Vec<(i32, Key)>,
}

/// Reads round after round.
pub(super) struct Poller {
    client: Client,
    rest: Option<Rest>,
    known: HashMap<String, Tag>,
    /// Where the next renaming round begins.
    turn: usize,
    policies_offered: bool,
    /// The ids of the policies that machines can have, as last read.
    policies: Vec<Key>,
    applied_not_before: Option<Instant>,
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
            policies: Vec::new(),
            applied_not_before: None,
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
            let span = tracing::info_span!(parent: None, "poll", host = self.client.config().host());
            let part = |what: &'static str| tracing::info_span!(parent: &span, "poll part", what);
            let tags = self.tags().instrument(part("tags")).await.map(|tags| Some(Polled::Tags(tags)));
            let policies = self.policies().instrument(part("storage policies")).await;
            let policies = policies.map(|policies| policies.map(Polled::Policies));
            let applied = self.applied().instrument(part(APPLIED)).await.map(|applied| applied.map(Polled::Applied));
            let libraries = self.libraries().instrument(part("content libraries")).await;
            let libraries = libraries.map(|libraries| libraries.map(Polled::Libraries));
            drop(span);
            for (what, result) in
                [("tags", tags), ("storage policies", policies), (APPLIED, applied), ("content libraries", libraries)]
            {
                if let Some(polled) = self.noted(what, result)
                    && found.send(polled).await.is_err()
                {
                    return;
                }
            }
        }
    }

    /// What machines are shown with: read once before they are. What fails is logged and comes with a later round.
    pub(super) async fn first(&mut self) -> Vec<Polled> {
        let tags = self.tags().await.map(|tags| Some(Polled::Tags(tags)));
        let policies = self.policies().await.map(|policies| policies.map(Polled::Policies));
        let applied = self.applied().await.map(|applied| applied.map(Polled::Applied));
        let results = [("tags", tags), ("storage policies", policies), (APPLIED, applied)];
        results.into_iter().filter_map(|(what, result)| self.noted(what, result)).collect()
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
    pub(super) async fn policies(&mut self) -> Result<Option<Vec<StoragePolicy>>, Error> {
        if !self.policies_offered {
            return Ok(None);
        }
        match self.client.storage_policies().await {
            Ok(mut policies) => {
                policies.sort_by(|a, b| a.id.cmp(&b.id));
                // The platform's own ones are not for machines.
                let of_machines = policies.iter().filter(|policy| policy.category == "REQUIREMENT");
                self.policies = of_machines.map(|policy| Key::from(policy.id.as_str())).collect();
                Ok(Some(policies))
            }
            Err(Error::Unsupported(_) | Error::Status { status: 404, .. }) => {
                self.policies_offered = false;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The policies of every machine that has some; `None` when the server has no such service or it is not their turn yet.
    /// After the policies themselves were read.
    pub(super) async fn applied(&mut self) -> Result<Option<HashMap<Key, Applied>>, Error> {
        let begin = Instant::now();
        if !self.policies_offered || self.applied_not_before.is_some_and(|until| begin < until) {
            return Ok(None);
        }
        let mut of_machines: HashMap<Key, Applied> = HashMap::new();
        // Sorted, so that of several policies of one object it is the same in every round.
        let mut all = self.client.storage_policies_applied(&self.policies).await?;
        all.sort_unstable();
        for (object, policy) in all {
            match object {
                PolicyObject::Vm(vm) => of_machines.entry(vm.value).or_default().home = Some(policy),
                PolicyObject::Disk(vm, disk) => of_machines.entry(vm.value).or_default().disks.push((disk, policy)),
            }
        }
        for applied in of_machines.values_mut() {
            applied.disks.dedup_by_key(|(disk, _)| *disk);
        }
        self.applied_not_before = Some(Instant::now() + begin.elapsed() * APPLIED_REST);
        Ok(Some(of_machines))
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
        self.libraries_not_before = Some(Instant::now() + begin.elapsed() * LIBRARIES_REST);
        Ok(Some(all))
    }
}
