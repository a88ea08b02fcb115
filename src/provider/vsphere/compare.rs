//! The periodic comparison: everything is read again, beside the watch, and what differs from what is held is looked into.
//!
//! Invariant: an older read never overwrites a newer update. A difference is first only a suspicion: the watch may not have
//! told yet, or have told meanwhile. The suspects are read once more after the watch has had its say; only what the watch
//! still has not touched and what still differs is taken from that read.

use std::collections::HashSet;

use futures::TryStreamExt as _;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use vsphere::{Client, FilterSpec, MoRef, ObjectState};

use super::properties::Dialect;
use super::state::{Key, State};

/// How often the watch must have come to a rest before suspects are read again.
const RESTS: u32 = 2;
/// Objects in one page of a reading.
const PAGE_OBJECTS: u32 = 500;
/// Pages that may wait.
const PAGES_WAITING: usize = 2;

/// A part of what is read.
pub(super) type Page = vsphere::Result<Vec<ObjectState>>;

/// A comparison under way.
pub(super) struct Comparison {
    /// The state's clock when it began.
    since: u64,
    stage: Stage,
    /// From the first reading to the last.
    span: tracing::Span,
}

enum Stage {
    /// Everything is being read.
    Reading { reading: Reading, seen: HashSet<Key>, differing: Vec<MoRef> },
    /// The watch gets time to tell of the differences by itself.
    Resting { suspects: Vec<MoRef>, rests: u32 },
    /// The suspects are being read again.
    Checking { reading: Reading, suspects: Vec<MoRef>, read: Vec<ObjectState> },
    /// Nothing is left to do but to tell.
    Done,
}

/// Pages on their way.
struct Reading {
    pages: mpsc::Receiver<Page>,
    _task: AbortOnDropHandle<()>,
}

impl Reading {
    fn begin(client: Client, spec: FilterSpec) -> Self {
        let (send, pages) = mpsc::channel(PAGES_WAITING);
        let task = tokio::spawn(async move {
            let mut stream = std::pin::pin!(client.retrieve(spec, PAGE_OBJECTS));
            loop {
                let page = match stream.try_next().await {
                    Ok(Some(page)) => Ok(page),
                    Ok(None) => return,
                    Err(error) => Err(error),
                };
                if send.send(page).await.is_err() {
                    return;
                }
            }
        });
        Self { pages, _task: AbortOnDropHandle::new(task) }
    }
}

impl Comparison {
    /// Begins to read everything.
    pub(super) fn begin(client: &Client, dialect: Dialect, state: &State) -> Self {
        let reading = Reading::begin(client.clone(), dialect.inventory(&client.content().root_folder));
        let stage = Stage::Reading { reading, seen: HashSet::new(), differing: Vec::new() };
        let span = tracing::info_span!(
            parent: None,
            "read for comparison",
            host = client.config().host(),
            objects = tracing::field::Empty,
            suspects = tracing::field::Empty,
        );
        Self { since: state.clock(), stage, span }
    }

    /// The next page of whatever is being read; waits for ever when nothing is. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Page> {
        match &mut self.stage {
            Stage::Reading { reading, .. } | Stage::Checking { reading, .. } => reading.pages.recv().await,
            Stage::Resting { .. } | Stage::Done => std::future::pending().await,
        }
    }

    /// Takes what [`Comparison::next`] gave. Answers whether all is read and the state is right now.
    ///
    /// # Errors
    /// When the reading failed: the comparison is void.
    pub(super) fn take(&mut self, page: Option<Page>, state: &mut State) -> vsphere::Result<bool> {
        let page = page.transpose()?;
        match (&mut self.stage, page) {
            (Stage::Reading { seen, differing, .. }, Some(page)) => {
                for object in page {
                    seen.insert(Key::clone(&object.object().value));
                    if !state.equals(&object) {
                        differing.push(object.object().clone());
                    }
                }
            }
            (Stage::Reading { seen, differing, .. }, None) => {
                let mut suspects = std::mem::take(differing);
                suspects.extend(state.objects().filter(|object| !seen.contains(&object.value)).cloned());
                suspects.retain(|object| !state.touched_since(object.id(), self.since));
                self.span.record("objects", seen.len()).record("suspects", suspects.len());
                self.stage = match suspects.is_empty() {
                    true => Stage::Done,
                    false => Stage::Resting { suspects, rests: 0 },
                };
            }
            (Stage::Checking { read, .. }, Some(page)) => read.extend(page),
            (Stage::Checking { suspects, read, .. }, None) => {
                settle(std::mem::take(suspects), std::mem::take(read), self.since, state);
                self.stage = Stage::Done;
            }
            (Stage::Resting { .. } | Stage::Done, _) => {}
        }
        Ok(matches!(self.stage, Stage::Done))
    }

    /// The watch told everything up to now.
    pub(super) fn rested(&mut self, client: &Client, dialect: Dialect, state: &State) {
        let Stage::Resting { suspects, rests } = &mut self.stage else { return };
        *rests += 1;
        if *rests >= RESTS {
            suspects.retain(|object| !state.touched_since(object.id(), self.since));
            let suspects = std::mem::take(suspects);
            let reading = Reading::begin(client.clone(), dialect.objects(suspects.clone()));
            self.stage = Stage::Checking { reading, suspects, read: Vec::new() };
        }
    }
}

/// Makes the state what the second reading says, where the watch did not speak since.
fn settle(suspects: Vec<MoRef>, read: Vec<ObjectState>, since: u64, state: &mut State) {
    let mut missed = 0_u32;
    let present: HashSet<Key> = read.iter().map(|object| Key::clone(&object.object().value)).collect();
    for object in read {
        if !state.touched_since(object.object().id(), since) && !state.equals(&object) {
            state.put(&object);
            missed += 1;
        }
    }
    for object in suspects {
        if !present.contains(&object.value) && !state.touched_since(object.id(), since) && state.remove(object.id()) {
            missed += 1;
        }
    }
    if missed > 0 {
        tracing::warn!(missed, "a comparison found changes that the watch did not tell");
    }
}

#[cfg(test)]
mod tests {
    use super::super::normalize::testing::{held, of};
    use super::*;

    #[test]
    fn a_second_reading_counts_only_where_the_watch_was_silent() {
        let vm = |key: &str, name: &str| of("VirtualMachine", key).text("name", name);
        let mut state = held([vm("vm-1", "old"), vm("vm-2", "old"), vm("vm-3", "old"), vm("vm-4", "gone")]);
        let since = state.clock();
        state.tick();
        state.put(&vm("vm-2", "told by the watch").state());
        let suspects = ["vm-1", "vm-2", "vm-3", "vm-4", "vm-5"].map(|key| MoRef::new("VirtualMachine", key)).to_vec();
        let read = vec![
            vm("vm-1", "missed").state(),
            vm("vm-2", "old").state(),
            vm("vm-3", "old").state(),
            vm("vm-5", "new").state(),
        ];
        settle(suspects, read, since, &mut state);
        let names: Vec<_> =
            ["vm-1", "vm-2", "vm-3", "vm-4", "vm-5"].map(|key| state.name(key).map(str::to_owned)).to_vec();
        let expected = [Some("missed"), Some("told by the watch"), Some("old"), None, Some("new")];
        assert_eq!(names, expected.map(|name| name.map(str::to_owned)));
    }
}
