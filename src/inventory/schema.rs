//! What the read model knows of each kind, worked out once from the declarations beside the nouns.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::entry::Entry;
use super::status::View;
use crate::model::field::FieldSpec;
use crate::model::{FieldType, Kind, Object, SourceState, Value};

/// The words of the common field `sync`: those of [`SourceState`].
const SYNC_WORDS: &[&str] = &["disabled", "connecting", "loading", "live", "lagging", "unreachable"];

const fn common(name: &'static str, field_type: FieldType, doc: &'static str, indexed: bool) -> FieldSpec {
    FieldSpec { name, field_type, doc, indexed }
}

/// The fields that every object has, besides those that its noun declares.
const COMMON: &[(FieldRef, FieldSpec)] = &[
    (FieldRef::Id, common("id", FieldType::Id, "Its id.", true)),
    (FieldRef::Name, common("name", FieldType::Text, "The name shown to people.", true)),
    (
        FieldRef::Tenant,
        common("tenant_id", FieldType::Id, "The tenant that owns it; the platform while no other does.", true),
    ),
    (
        FieldRef::Project,
        common("project_id", FieldType::Id, "The project that it is in; absent while it is in none.", true),
    ),
    (FieldRef::Provider, common("provider_id", FieldType::Id, "The provider that it belongs to.", true)),
    (FieldRef::Source, common("source_id", FieldType::Id, "The source that tells of it.", true)),
    (
        FieldRef::Sync,
        common("sync", FieldType::Word(SYNC_WORDS), "How true what is shown is: its source's state.", true),
    ),
    (
        FieldRef::ObservedAt,
        common("observed_at", FieldType::Time, "When what is shown was last known to be true.", false),
    ),
    (FieldRef::FirstSeenAt, common("first_seen_at", FieldType::Time, "When the gateway first saw it.", false)),
    (FieldRef::ChangedAt, common("changed_at", FieldType::Time, "When it last changed.", false)),
];

/// The fields that every object has, besides those that its noun declares.
#[must_use]
pub fn common_fields() -> &'static [FieldSpec] {
    static FIELDS: LazyLock<Vec<FieldSpec>> = LazyLock::new(|| COMMON.iter().map(|(_, spec)| *spec).collect());
    &FIELDS
}

/// A field of a kind, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum FieldRef {
    /// `id`.
    Id,
    /// `name`.
    Name,
    /// `tenant_id`.
    Tenant,
    /// `project_id`.
    Project,
    /// `provider_id`.
    Provider,
    /// `source_id`.
    Source,
    /// `sync`.
    Sync,
    /// `observed_at`.
    ObservedAt,
    /// `first_seen_at`.
    FirstSeenAt,
    /// `changed_at`.
    ChangedAt,
    /// The main state: `unknown` while the source cannot be trusted. The number is that of the declared field.
    State(u16),
    /// A declared field, by its number.
    Declared(u16),
}

impl FieldRef {
    /// The field's value as it is answered: for what depends on the source's state, as that is now.
    pub(super) fn value<'a>(self, entry: &'a Entry, view: &View<'_>) -> Cow<'a, Value> {
        match self {
            FieldRef::Sync => Cow::Owned(Value::Word(view.state(entry).as_str())),
            FieldRef::ObservedAt => Cow::Owned(view.observed_at(entry).map_or(Value::Null, Value::Time)),
            FieldRef::State(_) if !view.state(entry).is_trustworthy() => Cow::Owned(Value::Word(UNKNOWN)),
            _ => self.own_value(entry),
        }
    }

    /// Whether the value changes only when the object does: then an index can keep its order. That of the main state is
    /// kept as it was last told.
    pub(super) const fn is_own(self) -> bool {
        !matches!(self, FieldRef::Sync | FieldRef::ObservedAt)
    }

    /// The value of a field for which [`FieldRef::is_own`] holds.
    pub(super) fn own_value(self, entry: &Entry) -> Cow<'_, Value> {
        Cow::Owned(match self {
            FieldRef::Id => Value::Id(entry.id().0),
            FieldRef::Name => Value::Text(entry.anchor.name.clone()),
            FieldRef::Tenant => Value::Id(entry.owner().tenant_id.0),
            FieldRef::Project => entry.owner().project_id.map_or(Value::Null, |project| Value::Id(project.0)),
            FieldRef::Provider => Value::Id(entry.provider_id().0),
            FieldRef::Source => Value::Id(entry.source_id().0),
            FieldRef::FirstSeenAt => Value::Time(entry.first_seen_at()),
            FieldRef::ChangedAt => Value::Time(entry.changed_at()),
            FieldRef::State(at) | FieldRef::Declared(at) => return Cow::Borrowed(entry.declared(at)),
            FieldRef::Sync | FieldRef::ObservedAt => Value::Null,
        })
    }
}

/// What the main state reads while its source cannot be trusted.
pub(super) const UNKNOWN: &str = "unknown";

/// A kind's declarations.
#[derive(Debug)]
pub(super) struct Schema {
    /// The kind.
    pub(super) kind: Kind,
    /// The declared fields, in their order.
    pub(super) fields: Vec<FieldSpec>,
    /// The JSON member of the main state with the number of the declared field of the same name.
    pub(super) state: Option<(&'static str, u16)>,
    /// The numbers of the declared fields that are kept in an index of equality.
    pub(super) indexed: Vec<u16>,
}

impl Schema {
    /// The declarations of a kind.
    pub(super) fn of(kind: Kind) -> &'static Schema {
        static SCHEMAS: LazyLock<Vec<Schema>> =
            LazyLock::new(|| Kind::ALL.iter().map(|kind| Schema::new(*kind)).collect());
        &SCHEMAS[kind.index()]
    }

    fn new(kind: Kind) -> Self {
        let fields = Object::fields(kind);
        let numbered = || fields.iter().enumerate().map(|(at, spec)| (u16::try_from(at).unwrap_or(u16::MAX), spec));
        let state = Object::state_field(kind)
            .and_then(|name| numbered().find(|(_, spec)| spec.name == name).map(|(at, _)| (name, at)));
        let indexed = numbered().filter(|(_, spec)| spec.indexed).map(|(at, _)| at).collect();
        Self { kind, state, indexed, fields }
    }

    /// Every field, the common ones first.
    pub(super) fn all(&self) -> impl Iterator<Item = (FieldRef, &FieldSpec)> {
        let declared = self.fields.iter().enumerate().map(|(at, spec)| {
            let at = u16::try_from(at).unwrap_or(u16::MAX);
            let is_state = self.state.is_some_and(|(_, state)| state == at);
            (if is_state { FieldRef::State(at) } else { FieldRef::Declared(at) }, spec)
        });
        COMMON.iter().map(|(field, spec)| (*field, spec)).chain(declared)
    }

    /// The field of a name.
    pub(super) fn field(&self, name: &str) -> Option<(FieldRef, FieldSpec)> {
        self.all().find(|(_, spec)| spec.name == name).map(|(field, spec)| (field, *spec))
    }

    /// The names of the fields for which `which` holds, for messages.
    pub(super) fn names(&self, which: impl Fn(&FieldSpec) -> bool) -> Vec<&'static str> {
        self.all().filter(|(_, spec)| which(spec)).map(|(_, spec)| spec.name).collect()
    }
}

/// Whether a field has several values at once.
pub(super) const fn is_list(field_type: FieldType) -> bool {
    matches!(field_type, FieldType::TextList | FieldType::IdList)
}

/// The state of a source that nobody has told of yet: what is shown is what was last stored.
pub(super) const UNTOLD: SourceState = SourceState::Connecting;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_sync_are_those_of_the_state() {
        let words: Vec<&str> = SourceState::ALL.iter().map(|state| state.as_str()).collect();
        assert_eq!(words, SYNC_WORDS);
    }

    #[test]
    fn no_noun_declares_a_common_field_and_every_state_is_declared_with_unknown() {
        for kind in Kind::ALL {
            let schema = Schema::of(*kind);
            assert_eq!(schema.kind, *kind);
            assert!(schema.fields.len() <= 64, "an entry has one bit for each field");
            for spec in &schema.fields {
                assert!(common_fields().iter().all(|common| common.name != spec.name), "{kind}: {}", spec.name);
            }
            let Some(name) = Object::state_field(*kind) else { continue };
            let (_, at) = schema.state.unwrap_or_else(|| panic!("{kind}: {name} is not declared"));
            match schema.fields[usize::from(at)].field_type {
                FieldType::Word(words) => assert!(words.contains(&UNKNOWN), "{kind}"),
                other => panic!("{kind}: {name} is {other:?}"),
            }
        }
    }
}
