//! Gives machines, and what hangs on them, to whom they belong ([`super::ownership`]): what changed since the last time, or
//! everything.

use std::collections::HashMap;

use super::{App, Error, Result};
use crate::authz::{Access, Graph};
use crate::inventory::{HANGING, MachineView, Snapshot};
use crate::model::ownership::{ByHand, Given, GivenBy, OwnershipRule};
use crate::model::{Kind, ObjectId, Owner, Revision};
use crate::store::OwnershipFacts;

/// Says whose machines are.
pub(super) struct Decider<'a> {
    graph: &'a Graph,
    rules: &'a [OwnershipRule],
    by_hand: &'a HashMap<ObjectId, ByHand>,
}

impl<'a> Decider<'a> {
    pub(super) fn new(access: &'a Access, facts: &'a OwnershipFacts) -> Self {
        Self { graph: access.graph(), rules: &facts.rules, by_hand: &facts.by_hand }
    }

    /// What was said by hand, if it still can be: a project that is gone holds nothing.
    pub(super) fn by_hand(&self, id: ObjectId) -> Option<&'a ByHand> {
        self.by_hand.get(&id).filter(|said| self.exists(said.owner))
    }

    fn exists(&self, owner: Owner) -> bool {
        owner.project_id.is_none_or(|project| self.graph.project(project).is_some())
    }

    pub(super) fn rule(&self, machine: &MachineView<'_>) -> Option<&'a OwnershipRule> {
        self.rules.iter().find(|rule| rule.fits(machine) && self.graph.project(rule.project_id).is_some())
    }

    pub(super) fn owner(&self, machine: &MachineView<'_>) -> (Owner, GivenBy) {
        if let Some(said) = self.by_hand(machine.id()) {
            return (said.owner, GivenBy::Hand);
        }
        let given = |rule: &OwnershipRule| Some((self.graph.owner(rule.project_id)?, GivenBy::Rule(rule.id)));
        self.rule(machine).and_then(given).unwrap_or((Owner::PLATFORM, GivenBy::Nothing))
    }
}

/// Works out what has to go to another owner.
struct Settling<'a> {
    decider: Decider<'a>,
    snapshot: &'a Snapshot,
    decided: HashMap<ObjectId, (Owner, GivenBy)>,
    moves: Vec<Given>,
}

impl<'a> Settling<'a> {
    fn new(access: &'a Access, facts: &'a OwnershipFacts, snapshot: &'a Snapshot) -> Self {
        Self { decider: Decider::new(access, facts), snapshot, decided: HashMap::new(), moves: Vec::new() }
    }

    fn machine(&mut self, id: ObjectId) -> Option<(Owner, GivenBy)> {
        if let Some(decided) = self.decided.get(&id) {
            return Some(*decided);
        }
        let machine = self.snapshot.machine(id)?;
        let (owner, by) = self.decider.owner(&machine);
        self.decided.insert(id, (owner, by));
        if owner != machine.owner() {
            self.moves.push(Given { id, owner, by });
        }
        Some((owner, by))
    }

    /// What hangs on machines is of their owner. What hangs on those of several is nobody's; what hangs on none any more stays
    /// whose it was.
    fn hanging(&mut self, kind: Kind, id: ObjectId) {
        let Some((machines, present)) = self.snapshot.hangs_on(kind, id) else { return };
        let mut given = machines.into_iter().filter_map(|machine| self.machine(machine)).collect::<Vec<_>>();
        given.dedup_by_key(|(owner, _)| *owner);
        let (owner, by) = match given.as_slice() {
            [] if self.decider.exists(present) => return,
            [given] => *given,
            _ => (Owner::PLATFORM, GivenBy::Nothing),
        };
        if owner != present {
            self.moves.push(Given { id, owner, by });
        }
    }

    fn all(&mut self) {
        let machines: Vec<ObjectId> = self.snapshot.machines().map(|machine| machine.id()).collect();
        for id in machines {
            self.machine(id);
        }
        for kind in HANGING {
            let hanging: Vec<ObjectId> = self.snapshot.owners(kind).map(|(id, _)| id).collect();
            hanging.into_iter().for_each(|id| self.hanging(kind, id));
        }
    }

    fn changed(&mut self, changed: &[(Kind, ObjectId)]) {
        for (kind, id) in changed {
            match kind {
                Kind::Vm => {
                    self.machine(*id);
                    // Also when it stays: an earlier round may have been cut off in between.
                    let hanging = self.snapshot.hanging_on(*id);
                    hanging.into_iter().for_each(|(kind, id)| self.hanging(kind, id));
                }
                kind if HANGING.contains(kind) => self.hanging(*kind, *id),
                _ => {}
            }
        }
        // What hangs on a machine may have changed together with it.
        self.moves.sort_unstable();
        self.moves.dedup();
    }
}

/// Kinds whose names and places rules look at.
const LOOKED_AT: [Kind; 5] = [Kind::Folder, Kind::ResourcePool, Kind::Cluster, Kind::Network, Kind::Tag];

impl App {
    /// Gives to their owners what changed after a revision, or everything. Gives how far it looked, and how many went; none
    /// when what is said of owners changed meanwhile, and nothing was done.
    ///
    /// # Errors
    /// Internal ones only.
    pub async fn ownership_settle(&self, after: Option<Revision>) -> Result<Option<(Revision, usize)>> {
        let version = self.access_version();
        let snapshot = self.inventory().snapshot();
        let (access, facts) = (self.access(), self.ownership());
        let changed = after.and_then(|after| snapshot.changed_since(after));
        let looked_at = |changed: &[(Kind, ObjectId)]| changed.iter().any(|(kind, _)| LOOKED_AT.contains(kind));
        let changed = changed.filter(|changed| facts.rules.is_empty() || !looked_at(changed));
        let revision = snapshot.revision();
        let work = move || {
            let mut settling = Settling::new(&access, &facts, &snapshot);
            match changed {
                Some(changed) => settling.changed(&changed),
                None => settling.all(),
            }
            settling.moves
        };
        let moves = tokio::task::spawn_blocking(work).await;
        let moves = moves.map_err(|error| Error::internal("working out whose machines are", error))?;
        if !moves.is_empty() {
            let _turn = self.access_turn().await;
            if self.access_version() != version {
                // It was worked out of what is not said any more. The next round begins with what is.
                return Ok(None);
            }
            self.sync().own(&moves).await?;
        }
        Ok(Some((revision, moves.len())))
    }

    /// What was just said by hand is so when it is answered.
    pub(super) async fn settle_one(&self, id: ObjectId) -> Result<()> {
        let _turn = self.access_turn().await;
        let moves = {
            let (access, facts, snapshot) = (self.access(), self.ownership(), self.inventory().snapshot());
            let mut settling = Settling::new(&access, &facts, &snapshot);
            settling.changed(&[(Kind::Vm, id)]);
            settling.moves
        };
        if !moves.is_empty() {
            self.sync().own(&moves).await?;
        }
        Ok(())
    }
}
