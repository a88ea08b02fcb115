//! What the use cases leave in the audit log: one entry for each write, with what was before and what is afterwards.
//!
//! The use case says what it does and of whose concern that is; the store writes the entry down in the transaction that does
//! it ([`Told`]).

use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::Session;
use crate::model::ownership::OwnershipRule;
use crate::model::{Binding, Door, Group, NewAudit, Project, Role, Tenant, TenantId, User, UserId};
use crate::store::{Receipt, Told};

/// Of larger groups the members that are not in both documents are named, and these only up to here.
const MEMBERS_MAX: usize = 100;

/// A noun that leaves entries under its own name.
pub(super) trait Recorded: Serialize {
    /// The word of its kind.
    const KIND: &'static str;

    /// Its id.
    fn id(&self) -> String;

    /// What it is called.
    fn name(&self) -> String;

    /// The tenant whose concern it is.
    fn tenant(&self) -> TenantId;

    /// What is written down of it; `other` is what it was before, or is afterwards.
    fn document(&self, _other: Option<&Self>) -> Value {
        plain(self)
    }
}

/// The document of what can be written as JSON, which all of them can.
pub(super) fn plain(noun: &(impl Serialize + ?Sized)) -> Value {
    serde_json::to_value(noun).unwrap_or_default()
}

macro_rules! recorded {
    ($($noun:ident = $kind:literal, $name:expr, $tenant:expr;)+) => {$(
        impl Recorded for $noun {
            const KIND: &'static str = $kind;

            fn id(&self) -> String {
                self.id.to_string()
            }

            fn name(&self) -> String {
                let name: fn(&Self) -> String = $name;
                name(self)
            }

            fn tenant(&self) -> TenantId {
                let tenant: fn(&Self) -> TenantId = $tenant;
                tenant(self)
            }
        }
    )+};
}

recorded! {
    Tenant = "tenant", |tenant| tenant.path.clone(), |tenant| tenant.id;
    Project = "project", |project| project.name.clone(), |project| project.tenant_id;
    User = "user", User::login_name, |user| user.tenant_id;
    // One that is built in cannot be changed.
    Role = "role", |role| role.name.clone(), |role| role.tenant_id.unwrap_or(TenantId::PLATFORM);
    // It has no name: the use case gives that of the role.
    Binding = "binding", |_| String::new(), |binding| binding.tenant_id;
    // Whoever gets machines by them, they are the platform's.
    OwnershipRule = "ownership_rule", |rule| rule.name.clone(), |_| TenantId::PLATFORM;
}

impl Recorded for Group {
    const KIND: &'static str = "group";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn tenant(&self) -> TenantId {
        self.tenant_id
    }

    fn document(&self, other: Option<&Self>) -> Value {
        let mut document = plain(self);
        let theirs: HashSet<UserId> = other.into_iter().flat_map(|other| other.member_ids.iter().copied()).collect();
        if self.member_ids.len().max(theirs.len()) > MEMBERS_MAX {
            let only_here = self.member_ids.iter().filter(|id| !theirs.contains(id));
            document["member_ids"] = json!({
                "count": self.member_ids.len(), "only_here": only_here.take(MEMBERS_MAX).collect::<Vec<_>>(),
            });
        }
        document
    }
}

impl Session {
    /// An entry of what this session does. `status` is that of the answer when it is done.
    pub(super) fn told(&self, action: &str, object_kind: &str, status: u16) -> Told {
        let (entry, receipt) = match &self.origin {
            Some(origin) => origin.entry(action, object_kind),
            None => (NewAudit::of_gateway(Door::Api, action, object_kind), Receipt::default()),
        };
        let entry = NewAudit {
            tenant_id: self.principal.tenant_id,
            actor_id: Some(self.principal.user_id),
            actor: self.login_name.clone(),
            status: Some(status),
            ..entry
        };
        Told::new(entry, receipt)
    }

    fn told_of<T: Recorded>(&self, verb: &str, noun: &T, status: u16) -> Told {
        let told = self.told(&format!("{}.{verb}", T::KIND), T::KIND, status);
        told.of(noun.id(), noun.name()).concerning(noun.tenant())
    }

    /// It makes this.
    pub(super) fn made<T: Recorded>(&self, noun: &T) -> Told {
        self.told_of("create", noun, 201).after(noun.document(None))
    }

    /// It makes one of the other.
    pub(super) fn edited<T: Recorded>(&self, before: &T, after: &T) -> Told {
        let told = self.told_of("edit", after, 200);
        told.before(before.document(Some(after))).after(after.document(Some(before)))
    }

    /// It removes this.
    pub(super) fn removed<T: Recorded>(&self, noun: &T) -> Told {
        self.told_of("delete", noun, 204).before(noun.document(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::model::GroupId;

    #[test]
    fn of_a_large_group_is_told_who_came_and_who_went() {
        let now = Clock::system().now();
        let members: Vec<UserId> = (0..3_000).map(|_| UserId::generate()).collect();
        let group = |member_ids: &[UserId]| Group {
            id: GroupId::generate(),
            tenant_id: TenantId::PLATFORM,
            name: "all".to_owned(),
            description: String::new(),
            member_ids: member_ids.to_vec(),
            generation: 1,
            created_at: now,
            updated_at: now,
        };
        let (before, after) = (group(&members[..2_999]), group(&members[2..]));
        let told = |group: &Group, other: Option<&Group>| group.document(other)["member_ids"].clone();
        assert_eq!(told(&before, Some(&after)), json!({"count": 2_999, "only_here": members[..2]}));
        assert_eq!(told(&after, Some(&before)), json!({"count": 2_998, "only_here": members[2_999..]}));
        assert_eq!(told(&after, None)["only_here"].as_array().map(Vec::len), Some(MEMBERS_MAX));
        assert_eq!(told(&group(&members[..2]), Some(&group(&members[..1]))), json!(members[..2]));
    }
}
