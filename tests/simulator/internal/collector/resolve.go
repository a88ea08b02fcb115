package collector

import (
	"path"
	"reflect"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// outcome says what became of looking for a property.
type outcome int

const (
	found   outcome = iota
	unset           // the property exists but has no value
	invalid         // there is no such property
)

// managed returns the managed object inside a simulator's object: the first field that is of package mo.
func managed(object mo.Reference) (reflect.Value, bool) {
	if getter, ok := object.(interface{ Get() mo.Reference }); ok {
		object = getter.Get()
	}
	v := reflect.ValueOf(object)
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	for v.Kind() == reflect.Struct && path.Base(v.Type().PkgPath()) != "mo" {
		if v.NumField() == 0 {
			return reflect.Value{}, false
		}
		v = v.Field(0)
		for v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
	}
	return v, v.Kind() == reflect.Struct
}

// fetch finds an object as a session sees it.
func fetch(ctx *simulator.Context, ref types.ManagedObjectReference) (reflect.Value, bool) {
	object := ctx.Session.Get(ref)
	if object == nil {
		return reflect.Value{}, false
	}
	return managed(object)
}

// fields caches where a struct's field of a property's name is.
var fields sync.Map // of fieldKey to []int

type fieldKey struct {
	t    reflect.Type
	name string
}

func fieldOf(v reflect.Value, name string) (reflect.Value, bool) {
	key := fieldKey{v.Type(), name}
	index, ok := fields.Load(key)
	if !ok {
		index, _ = fields.LoadOrStore(key, placeOf(v.Type(), strings.ToUpper(name[:1])+name[1:]))
	}
	place := index.([]int)
	if place == nil {
		return reflect.Value{}, false
	}
	field, err := v.FieldByIndexErr(place)
	return field, err == nil
}

// placeOf is the index of a field. A type that is embedded under the field's name is passed over: mo.VirtualApp embeds
// mo.ResourcePool, which has a field ResourcePool.
func placeOf(t reflect.Type, name string) []int {
	field, ok := t.FieldByName(name)
	if !ok {
		return nil
	}
	if field.Anonymous {
		if inner := placeOf(field.Type, name); inner != nil {
			return append(append([]int(nil), field.Index...), inner...)
		}
		return nil
	}
	return field.Index
}

// resolve finds the value at a property path, which may have one key: a.b[4000].c.
func resolve(object reflect.Value, property string) (reflect.Value, outcome) {
	array, rest, keyed := strings.Cut(property, "[")
	value, result := walk(object, array)
	if !keyed || result != found {
		return value, result
	}
	key, item, ok := strings.Cut(rest, "]")
	if !ok || value.Kind() != reflect.Slice {
		return reflect.Value{}, invalid
	}
	element, ok := elementOf(value, strings.Trim(key, `"`))
	if !ok {
		return reflect.Value{}, unset
	}
	if item = strings.TrimPrefix(item, "."); item == "" {
		return element, found
	}
	return walk(element, item)
}

// walk follows a path of names. A name that a static type lacks is no property; one that only the value's own type
// could have has no value.
func walk(v reflect.Value, names string) (reflect.Value, outcome) {
	loose := false
	for names != "" {
		var name string
		name, names, _ = strings.Cut(names, ".")
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			loose = loose || v.Kind() == reflect.Interface
			if v.IsNil() {
				return reflect.Value{}, unset
			}
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct || name == "" {
			return reflect.Value{}, invalid
		}
		field, ok := fieldOf(v, name)
		if !ok {
			if loose {
				return reflect.Value{}, unset
			}
			return reflect.Value{}, invalid
		}
		v = field
	}
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return reflect.Value{}, unset
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.String && v.Len() == 0 {
		return reflect.Value{}, unset
	}
	return v, found
}

// elementOf finds the element of a list by its key: a number, a text, or the value of a reference.
func elementOf(list reflect.Value, key string) (reflect.Value, bool) {
	for i := range list.Len() {
		element := list.Index(i)
		for element.Kind() == reflect.Interface || element.Kind() == reflect.Pointer {
			element = element.Elem()
		}
		if element.Kind() != reflect.Struct {
			return reflect.Value{}, false
		}
		field, ok := fieldOf(element, "key")
		if !ok {
			return reflect.Value{}, false
		}
		switch k := field.Interface().(type) {
		case string:
			ok = k == key
		case types.ManagedObjectReference:
			ok = k.Value == key
		default:
			ok = field.CanInt() && itoa(field.Int()) == key
		}
		if ok {
			return element, true
		}
	}
	return reflect.Value{}, false
}

// isA says whether an object is of the type that a specification names: its own, the one that govmomi keeps it as, or
// one that it is derived from.
func isA(object reflect.Type, ref types.ManagedObjectReference, kind string) bool {
	if kind == ref.Type || kind == object.Name() {
		return true
	}
	field, ok := object.FieldByName(kind)
	return ok && field.Anonymous
}
