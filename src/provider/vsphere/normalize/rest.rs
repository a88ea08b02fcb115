//! What the REST services and the policy service tell: tags, storage policies, content libraries.

use vsphere::StoragePolicy as Policy;
use vsphere::rest::{Cardinality, Library, LibraryItem, LibraryKind, Tag as VsphereTag, TagCategory};

use super::Scope;
use super::native::Detail;
use crate::model::image::ImageFormat;
use crate::model::{ContentLibrary, Image, Kind, StoragePolicy, Tag};
use crate::provider::{Family, Group};

/// The key of a tag.
pub(in crate::provider::vsphere) fn tag_key(urn: &str) -> String {
    format!("tag/{urn}")
}

/// The key of a storage policy.
pub(in crate::provider::vsphere) fn policy_key(id: &str) -> String {
    format!("policy/{id}")
}

fn library_key(id: &str) -> String {
    format!("library/{id}")
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A tag with its category (absent when it cannot be seen).
pub(in crate::provider::vsphere) fn tag(tag: &VsphereTag, category: Option<&TagCategory>, scope: Scope<'_>) -> Group {
    let key = tag_key(&tag.id);
    let native = Detail::default().with("id", Some(&*tag.id)).with("categoryId", Some(&*tag.category_id)).with(
        "associableTypes",
        category.filter(|category| !category.associable_types.is_empty()).map(|c| c.associable_types.clone()),
    );
    let noun = Tag {
        name: tag.name.clone(),
        category: category.map_or_else(|| tag.category_id.clone(), |category| category.name.clone()),
        description: some(&tag.description),
        exclusive: category.is_some_and(|category| category.cardinality == Cardinality::Single),
        native: native.done(),
    };
    Group::new(key.clone(), Family::Tags, vec![scope.observed(Kind::Tag, key, noun)])
}

/// A storage policy.
pub(in crate::provider::vsphere) fn policy(policy: &Policy, scope: Scope<'_>) -> Group {
    let key = policy_key(&policy.id);
    let native = Detail::default().with("id", Some(&*policy.id)).with("category", some(&policy.category));
    let noun =
        StoragePolicy { name: policy.name.clone(), description: some(&policy.description), native: native.done() };
    Group::new(key.clone(), Family::StoragePolicies, vec![scope.observed(Kind::StoragePolicy, key, noun)])
}

/// A content library.
pub(in crate::provider::vsphere) fn library(library: &Library, scope: Scope<'_>) -> Group {
    let key = library_key(&library.id);
    let datastores: Vec<String> = library.datastores().map(|datastore| datastore.id().to_owned()).collect();
    let native = Detail::default()
        .with("id", Some(&*library.id))
        .with("version", some(&library.version))
        .with("datastores", (!datastores.is_empty()).then_some(datastores));
    let noun = ContentLibrary {
        name: library.name.clone(),
        description: some(&library.description),
        subscribed: library.kind == LibraryKind::Subscribed,
        created_at: library.creation_time,
        native: native.done(),
    };
    Group::new(key.clone(), Family::ContentLibraries, vec![scope.observed(Kind::ContentLibrary, key, noun)])
}

/// An item of a content library.
pub(in crate::provider::vsphere) fn library_item(item: &LibraryItem, library: &Library, scope: Scope<'_>) -> Group {
    let key = format!("item/{}", item.id);
    let datastore = library.datastores().next();
    let native = Detail::default()
        .with("id", Some(&*item.id))
        .with("type", some(&item.kind))
        .with("cached", Some(item.cached))
        .with("version", some(&item.version))
        .with("contentVersion", some(&item.content_version));
    let noun = Image {
        name: item.name.clone(),
        zone_id: datastore.as_ref().and_then(|datastore| scope.zone_id(datastore.id())),
        format: match item.kind.to_ascii_lowercase().as_str() {
            "ovf" | "ova" => ImageFormat::Ovf,
            "iso" => ImageFormat::Iso,
            "vm-template" => ImageFormat::Template,
            "vmdk" => ImageFormat::Vmdk,
            "qcow2" => ImageFormat::Qcow2,
            _ => ImageFormat::Other,
        },
        datastore_id: datastore.map(|datastore| scope.id(Kind::Datastore, datastore.id())),
        library_id: Some(scope.id(Kind::ContentLibrary, &library_key(&library.id))),
        folder_id: None,
        size_bytes: Some(item.size),
        disk_bytes: None,
        vcpu_count: None,
        memory_mib: None,
        guest_os: None,
        location: None,
        description: some(&item.description),
        created_at: item.creation_time,
        tag_ids: Vec::new(),
        native: native.done(),
    };
    Group::new(key.clone(), Family::ContentLibraries, vec![scope.observed(Kind::Image, key, noun)])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Ids, held, id, of};
    use super::*;
    use crate::model::Object;

    #[test]
    fn tags_bear_their_category() {
        let state = held([]);
        let scope = Scope { ids: &Ids, state: &state };
        let read = VsphereTag {
            id: "urn:vmomi:InventoryServiceTag:1:GLOBAL".to_owned(),
            category_id: "urn:c".to_owned(),
            name: "gold".to_owned(),
            description: String::new(),
        };
        let category = TagCategory {
            id: "urn:c".to_owned(),
            name: "tier".to_owned(),
            description: String::new(),
            cardinality: Cardinality::Single,
            associable_types: Vec::new(),
        };
        let check = |category: Option<&TagCategory>, name: &str, exclusive: bool| {
            let group = tag(&read, category, scope);
            assert_eq!(
                (group.key.as_str(), group.family),
                ("tag/urn:vmomi:InventoryServiceTag:1:GLOBAL", Family::Tags)
            );
            let Object::Tag(tag) = &group.members[0].object else { panic!("a tag") };
            assert_eq!((tag.name.as_str(), tag.category.as_str(), tag.exclusive), ("gold", name, exclusive));
        };
        check(Some(&category), "tier", true);
        check(None, "urn:c", false);
    }

    #[test]
    fn library_items_are_images_of_their_library() {
        let state = held([
            of("Datacenter", "datacenter-2").text("name", "DC"),
            of("Datastore", "datastore-7").text("name", "san").reference("parent", "Datacenter", "datacenter-2"),
        ]);
        let scope = Scope { ids: &Ids, state: &state };
        let shelf: Library = serde_json::from_value(serde_json::json!({
            "id": "lib-1", "name": "ISOs", "type": "SUBSCRIBED", "storage_backings": [{"datastore_id": "datastore-7"}]
        }))
        .expect("a library");
        let group = library(&shelf, scope);
        let Object::ContentLibrary(noun) = &group.members[0].object else { panic!("a library") };
        assert!(noun.subscribed);
        let check = |kind: &str, format: ImageFormat| {
            let item: LibraryItem = serde_json::from_value(serde_json::json!({
                "id": "item-1", "library_id": "lib-1", "name": "debian", "type": kind, "size": 7
            }))
            .expect("an item");
            let group = library_item(&item, &shelf, scope);
            let Object::Image(image) = &group.members[0].object else { panic!("an image") };
            assert_eq!((image.format, image.size_bytes), (format, Some(7)), "{kind}");
            assert_eq!(image.library_id, Some(id(Kind::ContentLibrary, "library/lib-1")));
            assert_eq!(image.datastore_id, Some(id(Kind::Datastore, "datastore-7")));
            assert_eq!(image.zone_id, Some(id(Kind::Zone, "datacenter-2")));
        };
        check("ovf", ImageFormat::Ovf);
        check("iso", ImageFormat::Iso);
        check("vm-template", ImageFormat::Template);
        check("", ImageFormat::Other);
    }
}
