//! Answers in the shapes that servers send, and in shapes that they must not.

use proptest::prelude::*;

use super::*;
use crate::value::{MoRef, Name, Object, Value};

const HEAD: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?>"#,
    "\n",
    r#"<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/""#,
    "\n",
    r#" xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema""#,
    "\n",
    r#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">"#,
    "\n<soapenv:Body>\n",
);
const TAIL: &str = "\n</soapenv:Body>\n</soapenv:Envelope>\n";

fn answer(body: &str) -> Result<Answer, DecodeError> {
    decode(format!("{HEAD}{body}{TAIL}").as_bytes(), &Limits::default())
}

fn response(body: &str) -> Value {
    match answer(&format!("<XResponse xmlns=\"urn:vim25\">{body}</XResponse>")) {
        Ok(Answer::Response(value)) => value,
        other => panic!("{other:?}"),
    }
}

/// One value as `val` holds it.
fn val(text: &str) -> Value {
    response(text).get("val").cloned().unwrap_or_default()
}

#[test]
fn primitives_have_the_type_that_the_wire_names() {
    let check = |text: &str, expected: Value| assert_eq!(val(text), expected, "{text}");
    check(r#"<val xsi:type="xsd:boolean">true</val>"#, Value::Bool(true));
    check(r#"<val xsi:type="xsd:byte">-3</val>"#, Value::Byte(-3));
    check(r#"<val xsi:type="xsd:short">7</val>"#, Value::Short(7));
    check(r#"<val xsi:type="xsd:int"> 4 </val>"#, Value::Int(4));
    check(r#"<val xsi:type="xsd:long">1099511627776</val>"#, Value::Long(1 << 40));
    check(r#"<val xsi:type="xsd:float">0.5</val>"#, Value::Float(0.5));
    check(r#"<val xsi:type="xsd:double">-0.25</val>"#, Value::Double(-0.25));
    check(r#"<val xsi:type="xsd:string"> a b </val>"#, Value::String(" a b ".into()));
    check(r#"<val xsi:type="xsd:string"></val>"#, Value::String("".into()));
    check(r#"<val xsi:type="xsd:anyURI">x</val>"#, Value::String("x".into()));
    check(r#"<val xsi:type="xsd:dateTime">2026-01-02T03:04:05Z</val>"#, Value::DateTime("2026-01-02T03:04:05Z".into()));
    check(
        r#"<val xsi:type="xsd:base64Binary">aGVs
      bG8=</val>"#,
        Value::Binary((*b"hello").into()),
    );
    check("<val>untyped</val>", Value::Text("untyped".into()));
    check(r#"<val xsi:nil="true"/>"#, Value::Unset);
    // What is not of its type is kept as it is.
    check(r#"<val xsi:type="xsd:int">many</val>"#, Value::Text("many".into()));
    check(r#"<val xsi:type="xsd:int">99999999999</val>"#, Value::Text("99999999999".into()));
    // The prefix is whatever the server chose.
    check(r#"<val XMLSchema-instance:type="xs:int">4</val>"#, Value::Int(4));
}

#[test]
fn references_enumerations_and_arrays() {
    let host = MoRef::new("HostSystem", "host-7");
    for text in [
        r#"<val type="HostSystem" xsi:type="ManagedObjectReference">host-7</val>"#,
        r#"<val xsi:type="ManagedObjectReference" type="HostSystem" serverGuid="5e1">host-7</val>"#,
        r#"<val type="HostSystem">host-7</val>"#,
    ] {
        assert_eq!(val(text), Value::MoRef(host.clone()), "{text}");
    }
    let power = val(r#"<val xsi:type="VirtualMachinePowerState">poweredOn</val>"#);
    assert_eq!((power.as_str(), power.type_name()), (Some("poweredOn"), Some("VirtualMachinePowerState")));

    let ints = val(r#"<val xsi:type="ArrayOfInt"><int>1</int><int>2</int></val>"#);
    assert_eq!(ints.array(), [Value::Int(1), Value::Int(2)]);
    let texts = val(r#"<val xsi:type="ArrayOfString"><string>1</string></val>"#);
    assert_eq!(texts.array(), [Value::String("1".into())]);
    let any = val(r#"<val xsi:type="ArrayOfAnyType"><anyType xsi:type="xsd:int">1</anyType></val>"#);
    assert_eq!(any.array(), [Value::Int(1)]);
    let refs = val(concat!(
        r#"<val xsi:type="ArrayOfManagedObjectReference">"#,
        r#"<ManagedObjectReference type="HostSystem" xsi:type="ManagedObjectReference">host-7</ManagedObjectReference></val>"#,
    ));
    assert_eq!(refs.array(), [Value::MoRef(host)]);
    let empty = val(r#"<val xsi:type="ArrayOfVirtualDevice"></val>"#);
    assert_eq!((empty.array().len(), empty.is("VirtualDevice")), (0, true));
    let items = val(concat!(
        r#"<val xsi:type="ArrayOfVirtualDevice"><VirtualDevice><key>1</key></VirtualDevice>"#,
        r#"<VirtualDevice xsi:type="VirtualDisk"><key>2</key></VirtualDevice></val>"#,
    ));
    let types: Vec<_> = items.items().filter_map(Value::type_name).collect();
    assert_eq!(types, ["VirtualDevice", "VirtualDisk"]);
}

#[test]
fn a_page_of_properties_with_missing_ones() {
    let page = response(concat!(
        r#"<returnval><token>5c2f</token><objects><obj type="VirtualMachine">vm-42</obj><propSet><name>name</name>"#,
        r#"<val xsi:type="xsd:string">a%2fb &#252; &lt;&amp;&gt;&quot;&apos; <![CDATA[<raw>]]></val></propSet>"#,
        r#"<propSet><name>config.hardware</name><val xsi:type="VirtualHardware"><numCPU>2</numCPU><memoryMB>512</memoryMB>"#,
        r#"<device xsi:type="VirtualDisk"><key>2000</key><backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>[ds] a"#,
        r#"</fileName></backing></device><device xsi:type="NeverHeardOf"><key>4000</key><odd><odder/></odd></device></val>"#,
        r#"</propSet><missingSet><path>config.extraConfig</path><fault><fault xsi:type="NoPermission">"#,
        r#"<object type="VirtualMachine">vm-42</object><privilegeId>VirtualMachine.Config</privilegeId></fault>"#,
        r#"<localizedMessage>Permission to perform this operation was denied.</localizedMessage></fault></missingSet>"#,
        r#"</objects></returnval>"#,
    ));
    let objects: Vec<_> = page.all("returnval.objects").collect();
    let [object] = objects[..] else { panic!("{objects:?}") };
    assert_eq!(object.get("obj").and_then(Value::moref), Some(&MoRef::new("VirtualMachine", "vm-42")));
    let values: Vec<_> = object.all("propSet").filter_map(|property| property.get("val")).collect();
    assert_eq!(values[0].as_str(), Some("a%2fb ü <&>\"' <raw>"));
    assert_eq!(values[1].get("numCPU").and_then(Value::as_i32), Some(2));
    assert_eq!(values[1].get("device[2000].backing.fileName").and_then(Value::as_str), Some("[ds] a"));
    assert!(values[1].get("device[4000]").is_some_and(|device| device.is("NeverHeardOf")));
    let fault = Fault::from_localized(object.get("missingSet.fault").expect("a fault"));
    assert!(fault.is("NoPermission") && fault.message.starts_with("Permission"));
    assert_eq!(fault.detail.get("privilegeId").and_then(Value::as_str), Some("VirtualMachine.Config"));
}

#[test]
fn faults_are_read_from_the_detail() {
    let check = |text: &str, kind: &str, message: &str| match answer(text) {
        Ok(Answer::Fault(fault)) => assert_eq!((fault.kind.as_str(), fault.message.as_str()), (kind, message)),
        other => panic!("{other:?}"),
    };
    check(
        concat!(
            "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>Cannot complete login.</faultstring>",
            r#"<detail><InvalidLoginFault xmlns="urn:vim25" xsi:type="InvalidLogin"></InvalidLoginFault></detail>"#,
            "</soapenv:Fault>",
        ),
        "InvalidLogin",
        "Cannot complete login.",
    );
    check(
        concat!(
            "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring></faultstring>",
            "<detail><NotAuthenticatedFault/></detail></soapenv:Fault>",
        ),
        "NotAuthenticated",
        "",
    );
    check("<soapenv:Fault><faultcode>x</faultcode><faultstring>odd</faultstring></soapenv:Fault>", "", "odd");
    check("<soapenv:Fault/>", "", "");
}

#[test]
fn what_is_no_soap_is_refused() {
    let check = |text: &str| decode(text.as_bytes(), &Limits::default()).expect_err(text);
    assert!(matches!(check("<html><body>hello</body></html>"), DecodeError::NotSoap));
    assert!(matches!(check(""), DecodeError::Truncated));
    assert!(matches!(check("plain words"), DecodeError::Truncated));
    assert!(matches!(check(&HEAD[..HEAD.len() - 20]), DecodeError::Truncated | DecodeError::Xml(_)));
    assert!(matches!(check(&format!("{HEAD}<a><b></a></b>{TAIL}")), DecodeError::Xml(_)));
    assert!(matches!(check(&format!("{HEAD}{TAIL}")), DecodeError::NotSoap));
    assert!(matches!(check(&format!("{HEAD}<a/>{TAIL}<more/>")), DecodeError::NotSoap));
}

#[test]
fn entities_are_never_expanded() {
    let bomb = r#"<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;">]>"#;
    let text = format!("{bomb}{HEAD}<a>&c;</a>{TAIL}");
    assert!(matches!(decode(text.as_bytes(), &Limits::default()), Err(DecodeError::Doctype)));
    assert!(matches!(answer("<a>&c;</a>"), Err(DecodeError::Entity)));
    assert!(matches!(answer("<a>&#xD800;</a>"), Err(DecodeError::Entity)));
}

#[test]
fn every_limit_holds() {
    let check = |limits: Limits, body: &str, kind: LimitKind| {
        let text = format!("{HEAD}{body}{TAIL}");
        match decode(text.as_bytes(), &limits) {
            Err(DecodeError::Limit(exceeded)) => assert_eq!(exceeded, kind),
            other => panic!("{kind}: {other:?}"),
        }
    };
    let limits = Limits::default();
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    check(limits, &nested(63), LimitKind::Depth);
    assert!(answer(&nested(62)).is_ok());
    check(limits, &nested(1_000_000), LimitKind::Depth);
    check(Limits { elements: 10, ..limits }, &"<a/>".repeat(10), LimitKind::Elements);
    check(Limits { text_bytes: 10, ..limits }, "<a>12345&lt;67890</a>", LimitKind::TextBytes);
    check(Limits { tag_bytes: 100, ..limits }, &format!("<a b=\"{}\"/>", "x".repeat(100)), LimitKind::TagBytes);
}

fn write(args: Object) -> String {
    let this = MoRef::new("VirtualMachine", "vm-1");
    let envelope = Envelope {
        namespace: "urn:vim25",
        method: "X",
        this: &this,
        args: &args.fields,
        operation_id: "op-1",
        session_cookie: None,
    };
    envelope.write().expect("writes")
}

#[test]
fn what_is_written_reads_back() {
    let args = Object::untyped()
        .with("text", "<&>\"'\r\n\tü")
        .with("flag", true)
        .with("count", 3_i32)
        .with("nothing", None::<i32>)
        .with("ref", MoRef::new("Folder", "group-v1"))
        .with_each("each", [1_i64, 2])
        .with("object", Object::new("Spec").with("inner", Object::untyped().with("x", "y")));
    let text = write(args.clone());
    let Ok(Answer::Response(read)) = decode(text.as_bytes(), &Limits::default()) else { panic!("{text}") };
    let Value::Object(read) = read else { panic!("{text}") };
    assert_eq!(read.fields[0], (Name::new("_this"), Value::MoRef(MoRef::new("VirtualMachine", "vm-1"))));
    assert_eq!(read.fields[1..], args.fields[..]);
    assert!(text.contains("<operationID>op-1</operationID>"));
    assert!(text.contains(r#"<X xmlns="urn:vim25"><_this type="VirtualMachine">vm-1</_this>"#));
}

#[test]
fn what_xml_cannot_carry_is_refused() {
    let this = MoRef::new("X", "x");
    let attempt = |method: &str, name: &str, text: &str| {
        let args = [(Name::new(name), Value::from(text))];
        let (namespace, operation_id) = ("urn:vim25", "op");
        Envelope { namespace, method, this: &this, args: &args, operation_id, session_cookie: None }.write()
    };
    assert!(attempt("M", "n", "fine").is_ok());
    assert!(attempt("M", "n", "a\0b").is_err());
    assert!(attempt("M", "n", "\u{1b}").is_err());
    assert!(attempt("M", "a b", "x").is_err());
    assert!(attempt("M><evil", "n", "x").is_err());
}

fn value_strategy() -> impl Strategy<Value = Value> {
    let text = "[ -~äß€\n]{0,12}";
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Long),
        text.prop_map(|text| Value::String(text.into())),
        text.prop_map(|text| Value::Text(text.into())),
        proptest::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| Value::Binary(bytes.into())),
        "[a-z]{1,4}-[0-9]{1,3}".prop_map(|id| Value::MoRef(MoRef::new("HostSystem", id))),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let fields = proptest::collection::vec(("[a-z][a-zA-Z0-9]{0,6}", inner), 1..4);
        (proptest::option::of("[A-Z][a-z]{1,6}"), fields).prop_map(|(type_name, fields)| {
            let fields = fields.into_iter().map(|(name, value)| (Name::new(&name), value)).collect();
            Object { type_name: type_name.map(|name| Name::new(&name)), fields }.into()
        })
    })
}

proptest! {
    #[test]
    fn every_value_survives_the_wire(value in value_strategy()) {
        let args = Object::untyped().with("v", value.clone());
        let text = write(args);
        let Ok(Answer::Response(read)) = decode(text.as_bytes(), &Limits::default()) else { panic!("{text}") };
        prop_assert_eq!(read.get("v"), Some(&value));
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes[..], &Limits::default());
    }

    #[test]
    fn no_markup_makes_decoding_panic(text in "([<>/&;=\"' a:!\\[\\]?-]|xsi:type|<a>|</a>|<!\\[CDATA\\[|\\]\\]>|&amp;|é){0,40}") {
        let _ = answer(&text);
    }
}
