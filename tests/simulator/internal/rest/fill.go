package rest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
)

// categories are tags as operators define them.
var categories = []struct {
	name, cardinality string
	kinds, tags       []string
}{
	{"Environment", "SINGLE", []string{"VirtualMachine"}, []string{"Production", "Staging", "Development"}},
	{"Backup", "SINGLE", []string{"VirtualMachine", "Datastore"}, []string{"Daily", "Weekly", "None"}},
	{"Compliance", "MULTIPLE", nil, []string{"PCI", "GDPR", "Größe/日本", "export%controlled"}},
	{"Tier", "SINGLE", []string{"Datastore", "StoragePod", "HostSystem", "ClusterComputeResource"}, []string{"Gold", "Silver"}},
}

// namespace is for tags' ids, which depend on their names alone.
var namespace = uuid.MustParse("b2e7a7d4-2a0b-4f0e-8a93-5b1a6f0c9d11")

// Fill makes tags and attaches them to machines and datastores, and makes content libraries.
func (r *REST) Fill() error {
	if err := r.fillTags(); err != nil {
		return err
	}
	return r.fillLibraries()
}

func (r *REST) fillTags() error {
	ids := make(map[string]string)
	for _, category := range categories {
		var id string
		spec := map[string]any{
			"name": category.name, "description": category.name + " of the object", "cardinality": category.cardinality,
			"associable_types": category.kinds,
			"category_id":      "urn:vmomi:InventoryServiceCategory:" + uuid.NewSHA1(namespace, []byte(category.name)).String() + ":GLOBAL",
		}
		if err := r.call(http.MethodPost, "/com/vmware/cis/tagging/category", map[string]any{"create_spec": spec}, &id); err != nil {
			return fmt.Errorf("make the category %s: %w", category.name, err)
		}
		for _, name := range category.tags {
			var tag string
			spec := map[string]any{
				"name": name, "description": "", "category_id": id,
				"tag_id": "urn:vmomi:InventoryServiceTag:" + uuid.NewSHA1(namespace, []byte(category.name+"/"+name)).String() + ":GLOBAL",
			}
			if err := r.call(http.MethodPost, "/com/vmware/cis/tagging/tag", map[string]any{"create_spec": spec}, &tag); err != nil {
				return fmt.Errorf("make the tag %s: %w", name, err)
			}
			ids[name] = tag
			r.tags = append(r.tags, tag)
		}
	}
	for i, object := range r.inventory.Sorted("VirtualMachine") {
		vm, ok := object.(*simulator.VirtualMachine)
		if !ok || i >= 5000 { // enough for a test of size
			continue
		}
		environment := "Production"
		switch {
		case strings.Contains(vm.Name, "-stg-"):
			environment = "Staging"
		case strings.HasPrefix(vm.Name, "iad-"):
			environment = "Development"
		}
		names := []string{environment}
		if i%3 == 0 {
			names = append(names, "Daily")
		}
		if i%7 == 0 {
			names = append(names, "PCI", "GDPR")
		}
		for _, name := range names {
			if err := r.Tag(vm.Self, ids[name], true); err != nil {
				return err
			}
		}
	}
	for i, kind := range []string{"Datastore", "HostSystem", "ClusterComputeResource", "StoragePod"} {
		for j, object := range r.inventory.Sorted(kind) {
			if err := r.Tag(object.Reference(), ids[[]string{"Gold", "Silver"}[(i+j)%2]], true); err != nil {
				return err
			}
		}
	}
	return nil
}

// libraryPlans are content libraries and what is in them.
var libraryPlans = []struct {
	name, description string
	items             []libraryItem
}{
	{"Golden images", "templates that are rebuilt monthly", []libraryItem{
		{"ubuntu-24.04-server", "ovf", "ubuntu-24.04-server.ovf"}, {"debian-12", "ovf", "debian-12.ovf"}, {"windows-2022", "ovf", "windows-2022.ovf"},
	}},
	{"ISO", "installation media", []libraryItem{
		{"ubuntu-24.04.1-live-server", "iso", "ubuntu-24.04.1-live-server.iso"}, {"virtio-win", "iso", "virtio-win-0.1.262.iso"}, {"скрипты", "file", "скрипты.tar.gz"},
	}},
}

type libraryItem struct{ name, kind, file string }

func (r *REST) fillLibraries() error {
	stores := r.inventory.Sorted("Datastore")
	if len(stores) == 0 {
		return nil
	}
	for i, plan := range libraryPlans {
		var library string
		spec := map[string]any{"create_spec": map[string]any{
			"name": plan.name, "description": plan.description, "type": "LOCAL",
			"storage_backings": []any{map[string]any{"datastore_id": stores[i%len(stores)].Reference().Value, "type": "DATASTORE"}},
		}}
		if err := r.call(http.MethodPost, "/com/vmware/content/local-library", spec, &library); err != nil {
			return fmt.Errorf("make the library %s: %w", plan.name, err)
		}
		for _, item := range plan.items {
			if err := r.fillItem(library, item); err != nil {
				return fmt.Errorf("make the item %s: %w", item.name, err)
			}
		}
	}
	return nil
}

func (r *REST) fillItem(library string, item libraryItem) error {
	var id, session string
	err := r.call(http.MethodPost, "/com/vmware/content/library/item", map[string]any{"create_spec": map[string]any{
		"library_id": library, "name": item.name, "type": item.kind, "description": item.name + " for tests",
	}}, &id)
	if err != nil {
		return err
	}
	err = r.call(http.MethodPost, "/com/vmware/content/library/item/update-session",
		map[string]any{"create_spec": map[string]any{"library_item_id": id}}, &session)
	if err != nil {
		return err
	}
	var file struct {
		Endpoint struct {
			URI string `json:"uri"`
		} `json:"upload_endpoint"`
	}
	err = r.call(http.MethodPost, "/com/vmware/content/library/item/updatesession/file/id:"+session+"?~action=add",
		map[string]any{"file_spec": map[string]any{"name": item.file, "source_type": "PUSH"}}, &file)
	if err != nil {
		return err
	}
	content := strings.Repeat(item.name+"\n", 512)
	in, err := http.NewRequest(http.MethodPut, file.Endpoint.URI, strings.NewReader(content))
	if err != nil {
		return err
	}
	in.Header.Set(sessionHeader, r.session)
	if err := r.do(in, nil); err != nil {
		return err
	}
	return r.call(http.MethodPost, "/com/vmware/content/library/item/update-session/id:"+session+"?~action=complete", nil, nil)
}
