//! Whose an object is, and the rules that say it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ObjectId, OwnershipRuleId, ProjectId, TenantId, UserId};

/// Whose an object is: a project's, or, while it is in none, the platform's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The project of the tenant.
    pub project_id: Option<ProjectId>,
}

impl Owner {
    /// The platform: of what nobody was given.
    pub const PLATFORM: Owner = Owner { tenant_id: TenantId::PLATFORM, project_id: None };

    /// The id of what owns it: the project, or, where there is none, the tenant.
    #[must_use]
    pub fn key(self) -> Uuid {
        self.project_id.map_or(self.tenant_id.0, |project| project.0)
    }

    /// Whose concern it is that something goes from this owner to another: that of the one tenant that has it, or had it. What
    /// goes from one tenant to another is told to neither, but to who is above both.
    #[must_use]
    pub fn concerned(self, to: Owner) -> TenantId {
        match (self.project_id, to.project_id) {
            (None, _) => to.tenant_id,
            (_, None) => self.tenant_id,
            _ if self.tenant_id == to.tenant_id => to.tenant_id,
            _ => TenantId::PLATFORM,
        }
    }
}

words! {
    /// What of a machine a rule looks at.
    RuleField {
        /// Its name.
        Name = "name",
        /// The names of the folders that it is in, joined with `/` (vSphere).
        Folder = "folder",
        /// The name or id of its resource pool or vApp (vSphere).
        ResourcePool = "resource_pool",
        /// The name or id of its cluster.
        Cluster = "cluster",
        /// The name or id of its provider.
        Provider = "provider",
        /// A tag on it: its name, `category:name`, or its id (vSphere).
        Tag = "tag",
        /// A custom attribute (vSphere) or a text of its metadata (libvirt): `name=value`. libvirt's title is `title=…`.
        Attribute = "attribute",
        /// The name or id of a network that it is connected to.
        Network = "network",
    }
}

/// One condition of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleCondition {
    /// What is looked at. Where a machine has several, one of them is enough.
    pub field: RuleField,
    /// What it must be, without regard to upper and lower case: `*` stands for any text, `?` for any one character.
    #[schema(example = "vm/shop/*", max_length = 512)]
    pub pattern: String,
}

impl RuleCondition {
    /// Whether a text is what the pattern says.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let pattern: Vec<char> = self.pattern.chars().flat_map(char::to_lowercase).collect();
        let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
        is_like(&pattern, &text)
    }
}

/// Whether a text is what a pattern with `*` and `?` says. Takes at most the product of their lengths.
fn is_like(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where the last `*` stood, and up to where it was taken to reach.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((place, reach)) = star else { return false };
                star = Some((place, reach + 1));
                at = place + 1;
                read = reach + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

/// A rule that gives machines, and what hangs on them, to a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OwnershipRule {
    /// Its id.
    pub id: OwnershipRuleId,
    /// Its name; unique.
    pub name: String,
    /// The project that machines go to.
    pub project_id: ProjectId,
    /// Rules are looked at in the order of their priorities, the lowest first; of equal ones the older first. The first that
    /// fits decides.
    pub priority: i32,
    /// Whether it is looked at.
    pub enabled: bool,
    /// All of them must hold.
    pub conditions: Vec<RuleCondition>,
    /// Rises with every edit.
    pub generation: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    pub updated_at: DateTime<Utc>,
}

/// What a rule can look at of one machine.
pub trait Machine {
    /// The texts of a field.
    fn texts(&self, field: RuleField) -> Vec<Cow<'_, str>>;
}

impl OwnershipRule {
    /// Whether the rule fits a machine.
    #[must_use]
    pub fn fits(&self, machine: &impl Machine) -> bool {
        let holds =
            |condition: &RuleCondition| machine.texts(condition.field).iter().any(|text| condition.matches(text));
        self.enabled && self.conditions.iter().all(holds)
    }
}

/// That somebody said by hand whose an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByHand {
    /// The owner.
    pub owner: Owner,
    /// Who said it.
    pub user_id: UserId,
    /// When.
    pub at: DateTime<Utc>,
}

/// Why an object goes to an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GivenBy {
    /// Somebody said so.
    Hand,
    /// A rule fits.
    Rule(OwnershipRuleId),
    /// Nothing gives it to anybody any more.
    Nothing,
}

/// That an object goes to an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Given {
    /// The object.
    pub id: ObjectId,
    /// Whose it is to be.
    pub owner: Owner,
    /// Why.
    pub by: GivenBy,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn like(pattern: &str, text: &str) -> bool {
        RuleCondition { field: RuleField::Name, pattern: pattern.to_owned() }.matches(text)
    }

    #[test]
    fn patterns() {
        for (pattern, text) in
            [("web", "WEB"), ("web-*", "web-1"), ("*", ""), ("a*b*c", "aXbYbZc"), ("we?", "web"), ("Büro*", "BÜRO 1")]
        {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("web", "web1"), ("web-*", "xweb-1"), ("", "a"), ("a*b", "abc"), ("we?", "we")] {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }

    /// As one writes it down: by trying everything.
    fn plain(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => plain(rest, text) || (!text.is_empty() && plain(pattern, &text[1..])),
            (Some((wanted, rest)), Some((found, after))) => (*wanted == '?' || wanted == found) && plain(rest, after),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_is_what_trying_everything_finds(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(is_like(&p, &t), plain(&p, &t));
        }
    }
}
