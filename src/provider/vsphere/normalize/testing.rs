//! Samples for the table tests, in the shapes that servers send.

use serde_json::Value as Json;
use uuid::Uuid;
use vsphere::{Array, MoRef, Name, ObjectState, Value};

use super::{Scope, group, kind_of};
use crate::model::{Kind, Noun, Object, ObjectId};
use crate::provider::vsphere::state::State;
use crate::provider::{Group, Identify};

/// Ids that are made of kind and key.
pub(in crate::provider::vsphere) struct Ids;

impl Identify for Ids {
    fn id(&self, kind: Kind, key: &str) -> ObjectId {
        let hash = blake3::hash(format!("{kind}/{key}").as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        ObjectId(Uuid::from_bytes(bytes))
    }
}

/// The id of an object.
pub(in crate::provider::vsphere) fn id<T: From<ObjectId>>(kind: Kind, key: &str) -> T {
    Ids.id(kind, key).into()
}

/// An object in the making.
#[derive(Clone, Debug)]
pub(in crate::provider::vsphere) struct Sample {
    object: MoRef,
    properties: Vec<(Name, Value)>,
    missing: Vec<vsphere::MissingProperty>,
}

/// An object without properties.
pub(in crate::provider::vsphere) fn of(kind: &str, key: &str) -> Sample {
    Sample { object: MoRef::new(kind, key), properties: Vec::new(), missing: Vec::new() }
}

fn array<V: Into<Value>>(items: Vec<V>) -> Value {
    Array { item_type: None, items: items.into_iter().map(Into::into).collect() }.into()
}

impl Sample {
    pub(in crate::provider::vsphere) fn value(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.properties.push((Name::new(path), value.into()));
        self
    }

    pub(in crate::provider::vsphere) fn text(self, path: &str, text: &str) -> Self {
        self.value(path, text)
    }

    pub(in crate::provider::vsphere) fn texts(self, path: &str, texts: &[&str]) -> Self {
        self.value(path, array(texts.to_vec()))
    }

    pub(in crate::provider::vsphere) fn values<V: Into<Value>>(self, path: &str, items: Vec<V>) -> Self {
        self.value(path, array(items))
    }

    pub(in crate::provider::vsphere) fn reference(self, path: &str, kind: &str, key: &str) -> Self {
        self.value(path, MoRef::new(kind, key))
    }

    pub(in crate::provider::vsphere) fn references(self, path: &str, kind: &str, keys: &[&str]) -> Self {
        self.value(path, array(keys.iter().map(|key| MoRef::new(kind, *key)).collect()))
    }

    pub(in crate::provider::vsphere) fn denied(mut self, path: &str) -> Self {
        let fault = vsphere::Fault { kind: "NoPermission".to_owned(), ..vsphere::Fault::default() };
        self.missing.push(vsphere::MissingProperty { path: Name::new(path), fault });
        self
    }

    pub(in crate::provider::vsphere) fn state(self) -> ObjectState {
        ObjectState::from_parts(self.object, self.properties, self.missing)
    }
}

/// A state that holds these objects.
pub(in crate::provider::vsphere) fn held(samples: impl IntoIterator<Item = Sample>) -> State {
    let mut state = State::default();
    for sample in samples {
        state.put(&sample.state());
    }
    state
}

/// The group that a held object becomes, or why it becomes none.
pub(in crate::provider::vsphere) fn translated(state: &State, key: &str) -> Result<Group, String> {
    let object = state.get(key).expect("held");
    let kind = kind_of(object.object()).expect("a noun");
    group(&object, kind, Scope { ids: &Ids, state })
}

/// The first noun of type `T` that a held object becomes.
pub(in crate::provider::vsphere) fn one<T: Noun>(state: &State, key: &str) -> T {
    all(state, key).into_iter().next().expect("a noun of that type")
}

/// All nouns of type `T` that a held object becomes.
pub(in crate::provider::vsphere) fn all<T: Noun>(state: &State, key: &str) -> Vec<T> {
    let group = translated(state, key).expect("translates");
    let of_kind = group.members.into_iter().map(|member| member.object).filter(|object| object.kind() == T::KIND);
    of_kind.map(|object| read(&object)).collect()
}

fn read<T: Noun>(object: &Object) -> T {
    let json: Json = serde_json::from_slice(&object.to_json().expect("writes")).expect("reads");
    serde_json::from_value(json).expect("the noun")
}
