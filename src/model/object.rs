//! An object of the inventory, of whatever kind, and what all nouns have in common.

use serde::{Deserialize, Serialize};

use super::datastore::DatastoreState;
use super::field::{Field, FieldSpec};
use super::host::HostState;
use super::network::NetworkState;
use super::vm::PowerState;
use super::{
    Cluster, ContentLibrary, Datastore, Folder, Host, Image, Kind, Network, Nic, ObjectId, ResourcePool, Snapshot,
    StoragePolicy, Tag, Value, Vm, Volume, Zone,
};

/// What a platform says of an object beyond the common fields: names and units are the platform's own.
/// In the order of its members' names, so that the same is written the same.
pub type Native = std::collections::BTreeMap<String, serde_json::Value>;

/// What every noun of the inventory is.
pub trait Noun: Serialize + for<'de> Deserialize<'de> + 'static {
    /// Which kind it is.
    const KIND: Kind;

    /// The name of the JSON member that holds the noun's main state, if it has one. It is the noun's *first* member, so
    /// that the read model can put `unknown` in its place while the platform cannot be reached, without reading the rest.
    const STATE_FIELD: Option<&'static str> = None;

    /// The name shown to people. Not unique.
    fn name(&self) -> &str;

    /// The main state, where the noun has one: one of the words of the field [`Noun::STATE_FIELD`].
    fn state(&self) -> Option<&'static str> {
        None
    }

    /// The declared fields, without `id`, `name`, `provider_id`, which every noun has.
    fn fields() -> &'static [Field<Self>]
    where
        Self: Sized;

    /// Further texts that the full-text search looks through (addresses, uuids), besides the name.
    fn search_texts(&self) -> Vec<&str> {
        Vec::new()
    }
}

macro_rules! objects {
    ($($kind:ident),+ $(,)?) => {
        /// An object of the inventory.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Object {
            $(#[doc = concat!("A ", stringify!($kind), ".")] $kind(Box<$kind>)),+
        }

        $(impl From<$kind> for Object {
            fn from(noun: $kind) -> Self {
                Object::$kind(Box::new(noun))
            }
        })+

        impl Object {
            /// Which kind it is.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Object::$kind(_) => Kind::$kind),+ }
            }

            /// The name shown to people.
            #[must_use]
            pub fn name(&self) -> &str {
                match self { $(Object::$kind(noun) => noun.name()),+ }
            }

            /// The main state, where the kind has one.
            #[must_use]
            pub fn state(&self) -> Option<&'static str> {
                match self { $(Object::$kind(noun) => noun.state()),+ }
            }

            /// The values of the declared fields, in the order of [`Object::fields`].
            #[must_use]
            pub fn values(&self) -> Vec<Value> {
                match self { $(Object::$kind(noun) => $kind::fields().iter().map(|field| (field.get)(noun)).collect()),+ }
            }

            /// What the full-text search looks through, besides the name.
            #[must_use]
            pub fn search_texts(&self) -> Vec<&str> {
                match self { $(Object::$kind(noun) => noun.search_texts()),+ }
            }

            /// The declared fields of a kind.
            #[must_use]
            pub fn fields(kind: Kind) -> Vec<FieldSpec> {
                match kind { $(Kind::$kind => $kind::fields().iter().map(Field::spec).collect()),+ }
            }

            /// The JSON member that holds the main state of a kind.
            #[must_use]
            pub const fn state_field(kind: Kind) -> Option<&'static str> {
                match kind { $(Kind::$kind => $kind::STATE_FIELD),+ }
            }

            /// Reads the stored text of an object.
            ///
            /// # Errors
            /// When the text is not one of this kind: a row written by another version, or damaged.
            pub fn from_json(kind: Kind, text: &[u8]) -> serde_json::Result<Self> {
                match kind { $(Kind::$kind => serde_json::from_slice(text).map(|noun| Object::$kind(Box::new(noun)))),+ }
            }

            /// The text that is stored and, with the fields common to all, answered: a JSON object.
            ///
            /// # Errors
            /// When a value cannot be written as JSON; none of the nouns has such a value.
            pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
                match self { $(Object::$kind(noun) => serde_json::to_vec(noun.as_ref())),+ }
            }
        }
    };
}

objects!(
    Zone,
    Cluster,
    Host,
    ResourcePool,
    Folder,
    Datastore,
    Network,
    Image,
    Vm,
    Volume,
    Nic,
    Snapshot,
    Tag,
    StoragePolicy,
    ContentLibrary,
);

impl Object {
    /// Takes its main state back to `unknown`: nobody can tell any more. Gives whether that changed anything.
    pub fn forget_state(&mut self) -> bool {
        fn unless_same<T: PartialEq>(state: &mut T, unknown: T) -> bool {
            std::mem::replace(state, unknown) != *state
        }
        match self {
            Object::Vm(vm) => unless_same(&mut vm.power_state, PowerState::Unknown),
            Object::Host(host) => unless_same(&mut host.state, HostState::Unknown),
            Object::Datastore(datastore) => unless_same(&mut datastore.state, DatastoreState::Unknown),
            Object::Network(network) => unless_same(&mut network.state, NetworkState::Unknown),
            Object::Zone(_)
            | Object::Cluster(_)
            | Object::ResourcePool(_)
            | Object::Folder(_)
            | Object::Image(_)
            | Object::Volume(_)
            | Object::Nic(_)
            | Object::Snapshot(_)
            | Object::Tag(_)
            | Object::StoragePolicy(_)
            | Object::ContentLibrary(_) => false,
        }
    }
}

/// An object together with the id that the gateway gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Identified {
    /// The gateway's id.
    pub id: ObjectId,
    /// The object.
    pub object: Object,
}
