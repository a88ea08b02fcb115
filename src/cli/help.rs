//! Texts of `--help` that differ by noun: examples, and the fields that the model declares.

use std::fmt::Write as _;

use super::names::word;
use crate::model::{FieldType, Kind, Object};

/// Room for what a field means beside its name, in a terminal of 80 columns.
const DOC_LENGTH: usize = 44;

/// Below the list of all commands.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    all went well
  1    it failed; of diff: something would change
  2    the command line is wrong, or a name is not unique
  3    not signed in, or not allowed
  4    not found
  5    it exists already, or was changed meanwhile
  6    the server cannot be reached, or is not ready
  130  interrupted";

/// What a noun is, one sentence.
pub(crate) const fn about(kind: Kind) -> &'static str {
    match kind {
        Kind::Zone => "Zones: vSphere datacenters; a KVM provider is one",
        Kind::Cluster => "Clusters: sets of hosts",
        Kind::Host => "Hosts: ESXi, and Linux with libvirt",
        Kind::ResourcePool => "Resource pools and vApps of vSphere",
        Kind::Folder => "Folders of vSphere",
        Kind::Datastore => "Datastores, datastore clusters and storage pools",
        Kind::Network => "Networks, port groups and bridges",
        Kind::Image => "Images: templates, library items, ISO files",
        Kind::Vm => "Virtual machines",
        Kind::Volume => "Volumes: virtual disks",
        Kind::Nic => "NICs: virtual network interfaces",
        Kind::Snapshot => "Snapshots of VMs",
        Kind::Tag => "Tags of vSphere",
        Kind::StoragePolicy => "Storage policies of vSphere",
        Kind::ContentLibrary => "Content libraries of vSphere",
    }
}

/// A filter that makes sense for the noun, a field to sort by, and one to sum.
const fn sample(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::Vm => ("power_state=running", "-memory_mib", "memory_mib,vcpu_count"),
        Kind::Host => ("state!=connected", "-memory_mib", "memory_mib,cpu_core_count"),
        Kind::Cluster => ("host_count>=2", "-host_count", "memory_mib,cpu_core_count"),
        Kind::Datastore => ("free_bytes<100GiB", "free_bytes", "capacity_bytes,free_bytes"),
        Kind::Network => ("vlan_id=100", "vlan_id", ""),
        Kind::Volume => ("capacity_bytes>1TiB", "-capacity_bytes", "capacity_bytes,allocated_bytes"),
        Kind::Nic => ("connected=false", "mac_address", ""),
        Kind::Snapshot => ("created_at<2026-01-01T00:00:00Z", "created_at", ""),
        Kind::Image => ("format=iso", "-size_bytes", "size_bytes"),
        Kind::ResourcePool => ("vapp=true", "name", ""),
        Kind::Folder => ("path~production", "path", ""),
        Kind::Tag => ("category=owner", "category", ""),
        Kind::Zone | Kind::StoragePolicy => ("name~gold", "name", ""),
        Kind::ContentLibrary => ("subscribed=true", "created_at", ""),
    }
}

/// Examples of a noun.
pub(crate) fn noun(kind: Kind) -> String {
    let (noun, (filter, _, _)) = (word(kind), sample(kind));
    format!(
        "Examples:\n  spandrel {noun} list\n  spandrel {noun} list -f '{filter}' -o wide\n  spandrel {noun} get NAME\n  spandrel {noun} count --provider NAME"
    )
}

/// Examples of `list`.
pub(crate) fn list(kind: Kind) -> String {
    let (noun, (filter, sort, _)) = (word(kind), sample(kind));
    format!(
        "\
Examples:
  spandrel {noun} list -f '{filter}'
  spandrel {noun} list --sort {sort} --limit 10
  spandrel {noun} list -q TEXT --provider NAME
  spandrel {noun} list --all -o json
  spandrel {noun} list --columns id,name --no-headers

Filters:
  FIELD=VALUE    is; of several with commas it is one. A comma in a value: \\,
  FIELD!=VALUE   is not
  FIELD>=VALUE   also >, <=, <: numbers, sizes (8GiB) and times
  FIELD~TEXT     contains
  FIELD^=TEXT    begins with
  FIELD          has a value
  !FIELD         has none
An object that a field points to can be named: -f provider=NAME.
`--help` lists the fields."
    )
}

/// Examples of `get`.
pub(crate) fn get(kind: Kind) -> String {
    let noun = word(kind);
    format!(
        "\
Examples:
  spandrel {noun} get NAME
  spandrel {noun} get NAME --provider NAME
  spandrel {noun} get ID -o json

A name that several have is refused, and their ids are listed. -o wide shows
also what has no value, and platform detail."
    )
}

/// Examples of `changes`.
pub(crate) fn changes(kind: Kind) -> String {
    let noun = word(kind);
    format!(
        "\
Examples:
  spandrel {noun} changes NAME
  spandrel {noun} changes ID --all -o json

Platform detail and figures that move by themselves, such as used space, are
left out. Changes are kept for 30 days, at most 200 of each object."
    )
}

/// Examples of `count`.
pub(crate) fn count(kind: Kind) -> String {
    let (noun, (filter, _, _)) = (word(kind), sample(kind));
    format!("Examples:\n  spandrel {noun} count\n  spandrel {noun} count -f '{filter}'")
}

/// Examples of `summary`.
pub(crate) fn summary(kind: Kind) -> String {
    let (noun, (filter, _, sum)) = (word(kind), sample(kind));
    let mut text = format!("Examples:\n  spandrel {noun} summary\n  spandrel {noun} summary -f '{filter}' -g provider");
    if !sum.is_empty() {
        let _ = write!(text, "\n  spandrel {noun} summary -g provider -s {sum}");
    }
    text
}

/// The fields of a noun, as the model declares them.
pub(crate) fn fields(kind: Kind) -> String {
    let common: &[(&str, &str, &str)] = &[
        ("id", "id", "The gateway's id."),
        ("name", "text", "The name shown to people."),
        ("provider_id", "id", "The provider that it belongs to."),
        ("source_id", "id", "The source that tells of it: a vCenter, an ESXi or a libvirt host."),
        ("sync", "word", "How true what is shown of its source is."),
        ("observed_at", "time", "When what is shown was last known to be true."),
        ("first_seen_at", "time", "When the gateway first saw it."),
        ("changed_at", "time", "When it last changed."),
    ];
    let mut text = format!("Fields of {}:", kind.plural_words());
    let mut line = |name: &str, kind: &str, doc: &str| {
        let _ = write!(text, "\n  {name:<25} {kind:<6}");
        let mut column = 0;
        for word in doc.split(' ') {
            if column > 0 && column + word.chars().count() >= DOC_LENGTH {
                let _ = write!(text, "\n{:35}", "");
                column = 0;
            }
            let _ = write!(text, " {word}");
            column += word.chars().count() + 1;
        }
    };
    for (name, kind, doc) in common {
        line(name, kind, doc);
    }
    for field in Object::fields(kind) {
        match field.field_type {
            FieldType::Word(words) => {
                line(field.name, "word", &format!("{} One of {}.", field.doc, words.join(", ")));
            }
            other => line(field.name, type_word(other), field.doc),
        }
    }
    text
}

const fn type_word(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Text => "text",
        FieldType::Word(_) => "word",
        FieldType::Integer => "number",
        FieldType::Boolean => "yes/no",
        FieldType::Id => "id",
        FieldType::Time => "time",
        FieldType::TextList => "texts",
        FieldType::IdList => "ids",
    }
}
