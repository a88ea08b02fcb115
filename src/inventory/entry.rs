//! One object as the read model keeps it: its fields for comparing, and its JSON for answering.

use std::cmp::Ordering;
use std::sync::Arc;

use super::schema::Schema;
use super::status::{ProviderTable, write_time};
use super::text::{Interner, fold};
use crate::model::{Kind, Object, ObjectId, Owner, ProviderId, Revision, SourceId, Time, Value};

/// Longest text that the full-text search looks through, bytes; a longer name is there all the same.
const SEARCH_MAX: usize = 1024;

/// Whose an object is, and who tells of it. Shared by all objects of which the same holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) owner: Owner,
    pub(super) provider_id: ProviderId,
    pub(super) source_id: SourceId,
}

/// What stays the same of an object while it is not renamed: its place in the table and in the order of names.
#[derive(Debug)]
pub(super) struct Anchor {
    pub(super) id: ObjectId,
    pub(super) kind: Kind,
    pub(super) slot: u32,
    pub(super) name: Arc<str>,
    pub(super) folded: Arc<str>,
}

/// The order of a list when no other is asked for: by name without regard to case, then by id.
#[derive(Clone, Debug)]
pub(super) struct NameKey {
    pub(super) anchor: Arc<Anchor>,
    /// The object's place, so that the order can be read without looking at the objects.
    pub(super) slot: u32,
}

impl NameKey {
    /// A place in the order that need not be an object's.
    pub(super) fn probe(folded: &str, name: &str, id: ObjectId) -> Self {
        let anchor = Anchor { id, kind: Kind::Zone, slot: 0, name: name.into(), folded: folded.into() };
        Self::new(&Arc::new(anchor))
    }

    /// The key of an object.
    pub(super) fn new(anchor: &Arc<Anchor>) -> Self {
        Self { slot: anchor.slot, anchor: anchor.clone() }
    }
}

impl Ord for NameKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.anchor, &other.anchor);
        // Names that repeat mostly share their text.
        let names = match Arc::ptr_eq(&a.name, &b.name) {
            true => Ordering::Equal,
            false => a.folded.cmp(&b.folded).then_with(|| a.name.cmp(&b.name)),
        };
        names.then_with(|| a.id.cmp(&b.id))
    }
}

impl PartialOrd for NameKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for NameKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for NameKey {}

/// One object at one revision. Immutable; shared by every snapshot in which it is the same.
#[derive(Debug)]
pub struct Entry {
    pub(super) anchor: Arc<Anchor>,
    pub(super) origin: Arc<Origin>,
    revision: Revision,
    first_seen_at: Time,
    changed_at: Time,
    /// Which declared fields have a value, one bit each; the values follow one another without gaps.
    present: u64,
    values: Box<[Value]>,
    /// The stored text without its opening brace and its state member: `,"name":…}`.
    text: Box<str>,
}

static NULL: Value = Value::Null;

impl Entry {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        self.anchor.id
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.anchor.kind
    }

    /// The name shown to people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.anchor.name
    }

    /// Whose it is.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.origin.owner
    }

    /// The provider that it belongs to.
    #[must_use]
    pub fn provider_id(&self) -> ProviderId {
        self.origin.provider_id
    }

    /// The source that tells of it.
    #[must_use]
    pub fn source_id(&self) -> SourceId {
        self.origin.source_id
    }

    /// The revision at which it last changed.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// When the gateway first saw it.
    #[must_use]
    pub fn first_seen_at(&self) -> Time {
        self.first_seen_at
    }

    /// When it last changed.
    #[must_use]
    pub fn changed_at(&self) -> Time {
        self.changed_at
    }

    /// The value of a declared field as it was last told, also while the source cannot be trusted.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&Value> {
        let at = Schema::of(self.kind()).fields.iter().position(|spec| spec.name == field)?;
        Some(self.declared(u16::try_from(at).ok()?))
    }

    /// The value of a declared field. An empty list counts as absent.
    pub(super) fn declared(&self, at: u16) -> &Value {
        let bit = 1u64.checked_shl(at.into()).unwrap_or(0);
        if self.present & bit == 0 {
            return &NULL;
        }
        &self.values[(self.present & (bit - 1)).count_ones() as usize]
    }

    /// About how long its JSON is.
    pub(super) fn json_len(&self) -> usize {
        self.text.len() + 560
    }

    /// Writes the JSON object that is answered.
    pub(super) fn write_json(&self, providers: &ProviderTable, out: &mut Vec<u8>) {
        let schema = Schema::of(self.kind());
        out.reserve(self.json_len());
        out.extend_from_slice(b"{\"id\":\"");
        let mut id = uuid::Uuid::encode_buffer();
        out.extend_from_slice(self.id().0.hyphenated().encode_lower(&mut id).as_bytes());
        out.extend_from_slice(b"\",\"kind\":\"");
        out.extend_from_slice(schema.kind.as_str().as_bytes());
        out.extend_from_slice(b"\",\"tenant_id\":\"");
        let Owner { tenant_id, project_id } = self.owner();
        out.extend_from_slice(tenant_id.0.hyphenated().encode_lower(&mut id).as_bytes());
        match project_id {
            Some(project_id) => {
                out.extend_from_slice(b"\",\"project_id\":\"");
                out.extend_from_slice(project_id.0.hyphenated().encode_lower(&mut id).as_bytes());
                out.extend_from_slice(b"\",");
            }
            None => out.extend_from_slice(b"\",\"project_id\":null,"),
        }
        providers.write_source(&self.origin, out);
        out.extend_from_slice(b",\"revision\":\"");
        out.extend_from_slice(self.revision.to_string().as_bytes());
        out.extend_from_slice(b"\",\"first_seen_at\":\"");
        write_time(self.first_seen_at, out);
        out.extend_from_slice(b"\",\"changed_at\":\"");
        write_time(self.changed_at, out);
        out.push(b'"');
        if let Some((field, at)) = schema.state
            && let Value::Word(word) = self.declared(at)
        {
            let parts: &[&str] = if providers.state(self.origin.source_id).is_trustworthy() {
                &[",\"", field, "\":\"", word, "\""]
            } else {
                &[",\"", field, "\":\"unknown\",\"last_known_", field, "\":\"", word, "\""]
            };
            for part in parts {
                out.extend_from_slice(part.as_bytes());
            }
        }
        out.extend_from_slice(self.text.as_bytes());
    }

    /// The text that is stored of it.
    pub(super) fn body(&self) -> String {
        let mut text = String::from("{");
        let rest = self.text.as_ref();
        match Schema::of(self.kind()).state.map(|(field, at)| (field, self.declared(at))) {
            Some((field, Value::Word(word))) => {
                text.extend(["\"", field, "\":\"", word, "\"", rest]);
            }
            _ => text.push_str(rest.trim_start_matches(',')),
        }
        text
    }

    /// The object itself, as it was last told.
    pub(super) fn object(&self) -> Option<Object> {
        Object::from_json(self.kind(), self.body().as_bytes()).ok()
    }

    /// How many bytes it takes, without what it shares with others. An estimate, for metrics.
    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.values.len() * size_of::<Value>() + self.text.len()
    }
}

/// What is known of an object besides its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) id: ObjectId,
    pub(super) kind: Kind,
    pub(super) origin: Origin,
    pub(super) revision: Revision,
    pub(super) first_seen_at: Time,
    pub(super) changed_at: Time,
}

/// An entry that has no place in a table yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) facts: Facts,
    pub(super) name: Arc<str>,
    pub(super) folded: Arc<str>,
    /// What the full-text search looks through.
    pub(super) search: Box<str>,
    present: u64,
    values: Box<[Value]>,
    text: Box<str>,
}

impl Draft {
    /// Works out what the read model keeps of an object. `body` is its stored text.
    pub(super) fn new(facts: Facts, body: &str, object: &Object, interner: &mut Interner) -> Self {
        let name = interner.intern_text(object.name());
        let folded: Arc<str> = match fold(&name) {
            folded if *folded == *name => name.clone(),
            folded => interner.intern_text(&folded),
        };
        let mut present = 0u64;
        let mut values = object.values();
        let mut bit = 1u64;
        values.retain(|value| {
            let has = match value {
                Value::Null => false,
                Value::List(items) => !items.is_empty(),
                _ => true,
            };
            present |= if has { bit } else { 0 };
            bit <<= 1;
            has
        });
        // Made anew: what is only cut short keeps the room of all declared fields.
        let mut kept = Vec::with_capacity(values.len());
        kept.extend(values.into_iter().map(|value| interner.intern(value)));
        let values = kept.into_boxed_slice();
        let search = search_text(&folded, object);
        let own;
        let rest = match rest_of_body(body, object) {
            Some(rest) => rest,
            None => {
                // Written by another version, or not compactly: what is answered must begin with the state.
                own = object.to_json().ok().and_then(|json| String::from_utf8(json).ok()).unwrap_or_default();
                rest_of_body(&own, object).unwrap_or("}")
            }
        };
        let comma = if rest.starts_with([',', '}']) { "" } else { "," };
        let text = [comma, rest].concat().into();
        Self { facts, name, folded, search, present, values, text }
    }

    /// Gives it its place.
    pub(super) fn place(self, anchor: Arc<Anchor>, origin: Arc<Origin>) -> Entry {
        Entry {
            anchor,
            origin,
            revision: self.facts.revision,
            first_seen_at: self.facts.first_seen_at,
            changed_at: self.facts.changed_at,
            present: self.present,
            values: self.values,
            text: self.text,
        }
    }

    /// The anchor for a place.
    pub(super) fn anchor(&self, slot: u32) -> Arc<Anchor> {
        let (name, folded) = (self.name.clone(), self.folded.clone());
        Arc::new(Anchor { id: self.facts.id, kind: self.facts.kind, slot, name, folded })
    }
}

/// The stored text after its opening brace and, where the kind has one, its state member. `None` when the text does not
/// begin with the state, or is not on one line, as the stream of changes needs it.
fn rest_of_body<'a>(body: &'a str, object: &Object) -> Option<&'a str> {
    if memchr::memchr2(b'\n', b'\r', body.as_bytes()).is_some() {
        return None;
    }
    let inner = body.strip_prefix('{').filter(|inner| inner.ends_with('}'))?;
    let (Some(field), Some(word)) = (Object::state_field(object.kind()), object.state()) else { return Some(inner) };
    let rest = inner.strip_prefix('"')?.strip_prefix(field)?.strip_prefix("\":\"")?.strip_prefix(word)?;
    rest.strip_prefix('"').filter(|rest| rest.starts_with([',', '}']))
}

fn search_text(folded_name: &str, object: &Object) -> Box<str> {
    let mut text = folded_name.to_owned();
    for part in object.search_texts() {
        if text.len() + part.len() >= SEARCH_MAX {
            break;
        }
        text.push('\n');
        text.push_str(&fold(part));
    }
    text.as_str().into()
}
