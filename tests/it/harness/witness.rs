//! Somebody who listens all the time: to what is told of machines, of what they stand on, and of one provider, over restarts of
//! the gateway, and who knows when something was told that cannot be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::watch::Address;
use super::{Gateway, WatchEvent, Watcher, eventually};

/// What it listens to: the kinds, and where they are listed. Platforms do not use a reference of these again.
const KINDS: [(&str, &str); 5] =
    [("vm", "vms"), ("host", "hosts"), ("cluster", "clusters"), ("datastore", "datastores"), ("network", "networks")];

/// An object's revision, and what its platform calls it, where that is sure: provider/moref, or provider/UUID of one of
/// libvirt.
type Held = (String, Option<String>);

/// See the module. Ends when it is dropped.
pub struct Witness {
    address: watch::Sender<Address>,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    /// What there is, by id.
    held: BTreeMap<String, Held>,
    /// What was told to be gone.
    gone: BTreeSet<String>,
    /// The last revision.
    last: u64,
    changes: usize,
    /// The sync states of the providers' first sources, as they followed one another, with their reasons.
    states: Vec<(String, String)>,
    /// Since when each provider's first source is in its state, as it was told last.
    since: BTreeMap<String, String>,
    /// What cannot be.
    faults: Vec<String>,
}

impl Witness {
    /// Lists what there is and listens from there.
    pub async fn begin(gateway: &Gateway) -> Self {
        let first = gateway.get("/v1/vms?limit=1").await.ok();
        let last = text(&first["revision"]).parse().unwrap();
        let seen = Seen { held: listed(gateway).await, last, ..Seen::default() };
        let seen = Arc::new(Mutex::new(seen));
        let (address, addressed) = watch::channel(Address::of(gateway));
        let task = tokio::spawn(listen(Arc::clone(&seen), addressed));
        Self { address, seen, task }
    }

    /// The gateway has another address now.
    pub fn follow(&self, gateway: &Gateway) {
        self.address.send_replace(Address::of(gateway));
    }

    /// The states since the last call, each with its reason.
    pub fn take_states(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.seen.lock().unwrap().states)
    }

    /// Waits until it was told what a provider was read as, and forgets the states until then.
    pub async fn heard(&self, provider: &Value) {
        let (id, since) = (text(&provider["id"]), text(&provider["sources"][0]["sync"]["since"]));
        eventually("the listener knows the provider's state", || async {
            let mut seen = self.seen.lock().unwrap();
            let heard = seen.since.get(&id) == Some(&since);
            heard.then(|| seen.states.clear())
        })
        .await;
    }

    /// Waits for a state; gives its reason.
    pub async fn state(&self, state: &str) -> String {
        self.one_of(&[state]).await
    }

    /// Waits for one of several states; gives its reason.
    pub async fn one_of(&self, states: &[&str]) -> String {
        eventually(&format!("one of {states:?} is told"), || async {
            let mut seen = self.seen.lock().unwrap();
            let at = seen.states.iter().position(|(told, _)| states.contains(&told.as_str()))?;
            let (_, reason) = seen.states.drain(..=at).next_back()?;
            Some(reason)
        })
        .await
    }

    /// How many changes were told.
    pub fn changes(&self) -> usize {
        self.seen.lock().unwrap().changes
    }

    /// Waits until it knows what a list says; then nothing may have been told that cannot be. Gives the references of what
    /// was told to be gone.
    pub async fn settle(&self, gateway: &Gateway) -> BTreeSet<String> {
        eventually("the listener knows what there is", || async {
            let listed = listed(gateway).await;
            (self.seen.lock().unwrap().held == listed).then_some(())
        })
        .await;
        let seen = self.seen.lock().unwrap();
        assert!(seen.faults.is_empty(), "{:?}", seen.faults);
        seen.gone.clone()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
        if std::thread::panicking() {
            let seen = self.seen.lock().unwrap();
            eprintln!("the listener saw {} changes up to {}, states {:?}", seen.changes, seen.last, seen.states);
            eprintln!("and what cannot be: {:?}", seen.faults);
        }
    }
}

async fn listed(gateway: &Gateway) -> BTreeMap<String, Held> {
    let mut held = BTreeMap::new();
    for (_, collection) in KINDS {
        let objects = gateway.all(collection, "").await;
        held.extend(objects.iter().map(|object| (text(&object["id"]), entry(object))));
    }
    held
}

async fn listen(seen: Arc<Mutex<Seen>>, mut addressed: watch::Receiver<Address>) {
    let types = KINDS.map(|(kind, _)| kind).join(",");
    loop {
        let address = addressed.borrow_and_update().clone();
        let last = seen.lock().unwrap().last;
        let begun = Watcher::begin_at(&address, &format!("types={types}&from_revision={last}")).await;
        let Some(Ok(mut watcher)) = begun else {
            // Refused for now, or nobody is there.
            if let Some(Err((410, body))) = begun {
                seen.lock().unwrap().faults.push(format!("told to list again: {body}"));
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        while let Some(event) = watcher.next_or_end().await {
            seen.lock().unwrap().take(&event);
        }
    }
}

impl Seen {
    fn take(&mut self, event: &WatchEvent) {
        if event.name == "provider" {
            let sync = &event.data["sources"][0]["sync"];
            self.since.insert(text(&event.data["id"]), text(&sync["since"]));
            let told = (text(&sync["state"]), text(&sync["reason"]));
            if self.states.last() != Some(&told) {
                self.states.push(told);
            }
            return;
        }
        if !matches!(event.name.as_str(), "put" | "delete") {
            return;
        }
        let revision: u64 = text(&event.data["revision"]).parse().unwrap();
        if revision <= self.last {
            self.faults.push(format!("revision {revision} after {}: {}", self.last, event.data));
        }
        self.last = revision;
        self.changes += 1;
        if event.name == "put" {
            let object = &event.data["object"];
            let entry = entry(object);
            if let Some(reference) = entry.1.as_ref().filter(|reference| self.gone.contains(*reference)) {
                self.faults.push(format!("{reference} was told to be gone, and is there: {object}"));
            }
            self.held.insert(text(&object["id"]), entry);
        } else {
            match self.held.remove(&text(&event.data["id"])) {
                Some((_, reference)) => self.gone.extend(reference),
                None => self.faults.push(format!("the deletion of what was not there: {}", event.data)),
            }
        }
    }
}

fn entry(object: &Value) -> Held {
    let reference = object["native"]["moref"].as_str().or(object["uuid"].as_str());
    (text(&object["revision"]), reference.map(|reference| format!("{}/{reference}", text(&object["provider_id"]))))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
