package collector

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// encoder writes values of vim types as XML. It does what govmomi's encoder does, some ten times faster, which is what
// lets this simulator serve tens of thousands of machines on a test machine: each type is taken apart once. Types are
// named with the prefix xsi, as vCenter does. A test compares it with govmomi's encoder, value by value.
type encoder struct {
	buf []byte
	// from is replaced by to at the beginning of strings: datastores' directories by their URLs.
	from, to string
}

// writer writes one value as an element of the name, or as several for a list.
type writer func(e *encoder, name string, v reflect.Value)

var (
	timeType  = reflect.TypeFor[time.Time]()
	refType   = reflect.TypeFor[types.ManagedObjectReference]()
	bytesType = reflect.TypeFor[types.ByteSlice]()
)

// writers holds what was compiled, by type; typed says whether the element names its type.
var writers sync.Map // of writerKey to writer

type writerKey struct {
	t     reflect.Type
	typed bool
}

// value writes a property's value: an element named val that says its type. Lists are wrapped in ArrayOf….
func (e *encoder) value(v reflect.Value) {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if v.Kind() != reflect.Slice {
		writerFor(v.Type(), true)(e, "val", v)
		return
	}
	element := v.Type().Elem()
	name, array := arrayNames(element)
	e.buf = append(e.buf, `<val xsi:type="`...)
	e.buf = append(e.buf, array...)
	e.buf = append(e.buf, `">`...)
	write := writerFor(element, element.Kind() == reflect.Interface)
	for i := range v.Len() {
		write(e, name, v.Index(i))
	}
	e.buf = append(e.buf, `</val>`...)
}

// arrayNames says how the elements of a list are named, and the type of the list.
func arrayNames(element reflect.Type) (name, array string) {
	if element.PkgPath() == "" {
		switch element.Kind() {
		case reflect.String:
			return "string", "ArrayOfString"
		case reflect.Int16:
			return "short", "ArrayOfShort"
		case reflect.Int32:
			return "int", "ArrayOfInt"
		case reflect.Int64:
			return "long", "ArrayOfLong"
		case reflect.Uint8:
			return "byte", "ArrayOfByte"
		case reflect.Bool:
			return "boolean", "ArrayOfBoolean"
		}
	}
	name = element.Name()
	if element.Kind() == reflect.Interface {
		name = strings.TrimPrefix(name, "Base")
	}
	return name, "ArrayOf" + name
}

func writerFor(t reflect.Type, typed bool) writer {
	key := writerKey{t, typed}
	if known, ok := writers.Load(key); ok {
		return known.(writer)
	}
	// A type may contain itself: what is being compiled stands for itself by a look-up.
	writers.Store(key, writer(func(e *encoder, name string, v reflect.Value) { writerFor(t, typed)(e, name, v) }))
	made := compile(t, typed)
	writers.Store(key, made)
	return made
}

func compile(t reflect.Type, typed bool) writer {
	switch {
	case t == timeType:
		return func(e *encoder, name string, v reflect.Value) {
			e.open(name, typed, "xsd:dateTime")
			e.buf = v.Interface().(time.Time).AppendFormat(e.buf, time.RFC3339Nano)
			e.close(name)
		}
	case t == refType:
		return func(e *encoder, name string, v reflect.Value) {
			e.reference(name, v.Interface().(types.ManagedObjectReference), typed)
		}
	case t == bytesType:
		return func(e *encoder, name string, v reflect.Value) {
			for _, b := range v.Bytes() {
				e.text(name, "", false, strconv.Itoa(int(int8(b))))
			}
		}
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return func(e *encoder, name string, v reflect.Value) {
			data, err := v.Interface().(encoding.TextMarshaler).MarshalText()
			if err == nil {
				e.text(name, t.Name(), typed, string(data))
			}
		}
	}
	switch t.Kind() {
	case reflect.Interface:
		return func(e *encoder, name string, v reflect.Value) {
			if !v.IsNil() {
				inner := v.Elem()
				writerFor(inner.Type(), typed)(e, name, inner)
			}
		}
	case reflect.Pointer:
		inner := writerFor(t.Elem(), typed)
		return func(e *encoder, name string, v reflect.Value) {
			if !v.IsNil() {
				inner(e, name, v.Elem())
			}
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return func(e *encoder, name string, v reflect.Value) {
				e.text(name, "xsd:base64Binary", typed, string(v.Bytes()))
			}
		}
		inner := writerFor(t.Elem(), typed)
		return func(e *encoder, name string, v reflect.Value) {
			for i := range v.Len() {
				inner(e, name, v.Index(i))
			}
		}
	case reflect.Struct:
		return compileStruct(t, typed)
	}
	return compileSimple(t, typed)
}

// simpleNames are the schema's names of simple types.
var simpleNames = map[reflect.Kind]string{
	reflect.Bool: "xsd:boolean", reflect.Int8: "xsd:byte", reflect.Int16: "xsd:short", reflect.Int32: "xsd:int",
	reflect.Int: "xsd:long", reflect.Int64: "xsd:long", reflect.Uint8: "xsd:unsignedByte", reflect.Uint16: "xsd:unsignedShort",
	reflect.Uint32: "xsd:unsignedInt", reflect.Uint64: "xsd:unsignedLong", reflect.Float32: "xsd:float", reflect.Float64: "xsd:double",
}

func compileSimple(t reflect.Type, typed bool) writer {
	if t.Kind() == reflect.String {
		kind := t.Name()
		if kind == "string" {
			kind = "xsd:string"
		}
		return func(e *encoder, name string, v reflect.Value) { e.text(name, kind, typed, v.String()) }
	}
	kind, ok := simpleNames[t.Kind()]
	if !ok {
		panic(fmt.Sprintf("no way to write a %s", t))
	}
	return func(e *encoder, name string, v reflect.Value) {
		e.open(name, typed, kind)
		switch {
		case v.CanInt():
			e.buf = strconv.AppendInt(e.buf, v.Int(), 10)
		case v.CanUint():
			e.buf = strconv.AppendUint(e.buf, v.Uint(), 10)
		case v.CanFloat():
			e.buf = strconv.AppendFloat(e.buf, v.Float(), 'g', -1, v.Type().Bits())
		default:
			e.buf = strconv.AppendBool(e.buf, v.Bool())
		}
		e.close(name)
	}
}

// member is a field of a struct as an element.
type member struct {
	index []int
	name  string
	empty bool // left out when empty
	write writer
}

func compileStruct(t reflect.Type, typed bool) writer {
	members := membersOf(t, nil)
	kind := t.Name()
	return func(e *encoder, name string, v reflect.Value) {
		e.open(name, typed, kind)
		for i := range members {
			m := &members[i]
			field := v.FieldByIndex(m.index)
			if m.empty && isEmpty(field) {
				continue
			}
			m.write(e, m.name, field)
		}
		e.close(name)
	}
}

func membersOf(t reflect.Type, prefix []int) []member {
	var members []member
	for i := range t.NumField() {
		field := t.Field(i)
		index := append(append([]int(nil), prefix...), i)
		if field.Anonymous {
			members = append(members, membersOf(field.Type, index)...)
			continue
		}
		if !field.IsExported() {
			continue
		}
		parts := strings.Split(field.Tag.Get("xml"), ",")
		m := member{index: index, name: parts[0]}
		if m.name == "" {
			m.name = field.Name
		}
		if m.name == "-" {
			continue
		}
		typed := false
		for _, option := range parts[1:] {
			switch option {
			case "omitempty":
				m.empty = true
			case "typeattr":
				typed = true
			}
		}
		m.write = writerFor(field.Type, typed)
		members = append(members, m)
	}
	return members
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.String, reflect.Map, reflect.Array:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

func (e *encoder) open(name string, typed bool, kind string) {
	e.buf = append(e.buf, '<')
	e.buf = append(e.buf, name...)
	if typed {
		e.buf = append(e.buf, ` xsi:type="`...)
		e.buf = append(e.buf, kind...)
		e.buf = append(e.buf, '"')
	}
	e.buf = append(e.buf, '>')
}

func (e *encoder) close(name string) {
	e.buf = append(e.buf, '<', '/')
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, '>')
}

func (e *encoder) text(name, kind string, typed bool, text string) {
	e.open(name, typed, kind)
	if e.from != "" && strings.HasPrefix(text, e.from) {
		e.buf = append(e.buf, e.to...)
		text = text[len(e.from):]
	}
	e.escape(text)
	e.close(name)
}

func (e *encoder) reference(name string, ref types.ManagedObjectReference, typed bool) {
	e.buf = append(e.buf, '<')
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, ` type="`...)
	e.escape(ref.Type)
	e.buf = append(e.buf, '"')
	if ref.ServerGUID != "" {
		e.buf = append(e.buf, ` serverGuid="`...)
		e.escape(ref.ServerGUID)
		e.buf = append(e.buf, '"')
	}
	if typed {
		e.buf = append(e.buf, ` xsi:type="ManagedObjectReference"`...)
	}
	e.buf = append(e.buf, '>')
	e.escape(ref.Value)
	e.close(name)
}

// escape writes text as character data or an attribute's value. What XML cannot carry becomes U+FFFD.
func (e *encoder) escape(text string) {
	start := 0
	for i, r := range text {
		var replacement string
		switch {
		case r == '&':
			replacement = "&amp;"
		case r == '<':
			replacement = "&lt;"
		case r == '>':
			replacement = "&gt;"
		case r == '"':
			replacement = "&#34;"
		case r == '\'':
			replacement = "&#39;"
		case r == '\r':
			replacement = "&#xD;"
		case r == '\n':
			replacement = "&#xA;"
		case r == '\t':
			replacement = "&#x9;"
		case r < 0x20, r == 0xFFFE, r == 0xFFFF:
			replacement = "\uFFFD"
		default:
			continue
		}
		e.buf = append(e.buf, text[start:i]...)
		e.buf = append(e.buf, replacement...)
		start = i + 1
		if r >= 0x80 {
			start = i + 3
		}
	}
	e.buf = append(e.buf, text[start:]...)
}
