package collector

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/vpx"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"

	"spandrel/tests/simulator/internal/inventory"
)

// odd makes an inventory that has a value of most types that clients read.
func odd(t *testing.T) *simulator.Registry {
	t.Helper()
	ctx := simulator.NewContext()
	service := simulator.New(simulator.NewServiceInstance(ctx, vpx.ServiceContent, vpx.RootFolder))
	root := ctx.Map.Get(vpx.RootFolder.Self).(*simulator.Folder)
	if err := inventory.NewBuilder(service.Context, root, t.TempDir(), 1).Odd(40); err != nil {
		t.Fatal(err)
	}
	return ctx.Map
}

// decodeValue reads what an encoder wrote, as govmomi's client does.
func decodeValue(t *testing.T, text string) any {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(text))
	decoder.TypeFunc = types.TypeFunc()
	var property types.DynamicProperty
	if err := decoder.Decode(&property); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return property.Val
}

// TestEncoderAgreesWithGovmomi writes every property of every object with both encoders and reads both back.
func TestEncoderAgreesWithGovmomi(t *testing.T) {
	registry := odd(t)
	compared := 0
	for _, object := range registry.AllReference("") {
		value, ok := managed(object)
		if !ok {
			continue
		}
		for _, path := range allPaths(value.Type(), nil) {
			property, result := resolve(value, path)
			if result != found {
				continue
			}
			e := &encoder{}
			e.property(path, property)
			mine := strings.NewReplacer("<propSet>", `<propSet xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">`).Replace(string(e.buf))

			var theirs bytes.Buffer
			err := xml.NewEncoder(&theirs).Encode(types.DynamicProperty{Name: path, Val: wrap(property)})
			if err != nil {
				t.Fatal(err)
			}
			got, want := decodeValue(t, mine), decodeValue(t, theirs.String())
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s %s:\n got %s\nwant %s", object.Reference(), path, mine, theirs.String())
			}
			compared++
		}
	}
	if compared < 5000 {
		t.Fatalf("only %d properties were compared", compared)
	}
}

// wrap makes a list the ArrayOf… that govmomi's types have for it.
func wrap(v reflect.Value) any {
	if v.Kind() != reflect.Slice {
		return v.Interface()
	}
	if b, ok := v.Interface().(types.ByteSlice); ok {
		return &types.ArrayOfByte{Byte: b}
	}
	_, array := arrayNames(v.Type().Elem())
	kind, ok := types.TypeFunc()(array)
	if !ok {
		return v.Interface()
	}
	wrapped := reflect.New(kind)
	wrapped.Elem().Field(0).Set(v)
	return wrapped.Interface()
}

func TestResolve(t *testing.T) {
	registry := odd(t)
	var vm *simulator.VirtualMachine
	for _, object := range registry.All("VirtualMachine") {
		if object.Entity().Name == "odd-many-devices" {
			vm = object.(*simulator.VirtualMachine)
		}
	}
	object, _ := managed(vm)
	store, _ := managed(registry.Any("Datastore"))
	app, _ := managed(registry.Any("VirtualApp"))
	host := store.Interface().(mo.Datastore).Host[0].Key.Value
	for _, test := range []struct {
		object reflect.Value
		path   string
		want   outcome
	}{
		{object, "name", found},
		{object, "config.hardware.device", found},
		{object, "config.hardware.device[4003]", found},
		{object, "config.hardware.device[4003].macAddress", found},
		{object, "config.hardware.device[4999]", unset},
		{object, "config.vAppConfig", unset},
		{object, "config.vAppConfig.product", unset},
		{object, "snapshot.currentSnapshot", unset},
		{object, "config.nothing", invalid},
		{object, "", found},
		{store, "info.vmfs.uuid", found},
		{store, "host[\"" + host + "\"].mountInfo.accessible", found},
		{app, "resourcePool", found},
	} {
		if _, got := resolve(test.object, test.path); got != test.want {
			t.Errorf("%q: %d, want %d", test.path, got, test.want)
		}
	}
	pools, _ := resolve(app, "resourcePool")
	if _, ok := pools.Interface().([]types.ManagedObjectReference); !ok {
		t.Errorf("the pools of a virtual appliance are a %s", pools.Type())
	}
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "a&b<c>d\"e'f": "a&amp;b&lt;c&gt;d&#34;e&#39;f", "数据\n🚀": "数据&#xA;🚀", "bell\x07": "bell\uFFFD", "\uFFFE!": "\uFFFD!",
	} {
		e := &encoder{}
		e.escape(text)
		if got := string(e.buf); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
