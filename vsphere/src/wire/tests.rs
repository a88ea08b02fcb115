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
    check(r#"<val xsi:type="xsd:int">many</val>"#, Value::Unreadable("many".into()));
    check(r#"<val xsi:type="xsd:int">99999999999</val>"#, Value::Unreadable("99999999999".into()));
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
    assert!(matches!(check("plain words"), DecodeError::NotSoap));
    assert!(matches!(check(&HEAD[..HEAD.len() - 20]), DecodeError::Truncated | DecodeError::Xml(_)));
    assert!(matches!(check(&format!("{HEAD}<a><b></a></b>{TAIL}")), DecodeError::Xml(_)));
    assert!(matches!(check(&format!("{HEAD}<ab><c></bc></ab>{TAIL}")), DecodeError::Xml(_)));
    assert!(matches!(check(&format!("{HEAD}<a b></a>{TAIL}")), DecodeError::Xml(_)));
    assert!(matches!(check(&format!("{HEAD}<a><b c=\"></a>{TAIL}")), DecodeError::Truncated));
    assert!(matches!(check(&format!("{HEAD}<a>1</a>")), DecodeError::Truncated));
    assert!(matches!(check("</a>"), DecodeError::Xml(_)));
    let broken = [HEAD.as_bytes(), b"<a>\xff</a>", TAIL.as_bytes()].concat();
    assert!(matches!(decode(&broken[..], &Limits::default()), Err(DecodeError::Xml(_))));
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
        let text = format!("<E>{body}</E>");
        for at_once in [1, 7, text.len()] {
            match decode(std::io::BufReader::with_capacity(at_once, text.as_bytes()), &limits) {
                Err(DecodeError::Limit(exceeded)) => assert_eq!(exceeded, kind, "{at_once} bytes at once"),
                other => panic!("{kind}, {at_once} bytes at once: {other:?}"),
            }
        }
    };
    let limits = Limits::default();
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    check(limits, &nested(64), LimitKind::Depth);
    assert!(answer(&nested(62)).is_ok());
    check(limits, &nested(1_000_000), LimitKind::Depth);
    check(Limits { elements: 10, ..limits }, &"<a/>".repeat(10), LimitKind::Elements);
    check(Limits { text_bytes: 10, ..limits }, "<a>12345&lt;67890</a>", LimitKind::TextBytes);
    check(Limits { text_bytes: 10, ..limits }, "<a>12345678901</a>", LimitKind::TextBytes);
    check(Limits { text_bytes: 10, ..limits }, "<a><!-- 12345678901", LimitKind::TextBytes);
    check(Limits { tag_bytes: 100, ..limits }, &format!("<a b=\"{}\"/>", "x".repeat(100)), LimitKind::TagBytes);
    check(Limits { tag_bytes: 100, ..limits }, &format!("<a></a{}>", " ".repeat(100)), LimitKind::TagBytes);
    check(Limits { text_bytes: 10, ..limits }, "<a><!-- 12345678901 --></a>", LimitKind::TextBytes);
    check(Limits { text_bytes: 10, ..limits }, "<a><?p 12345678901 ?></a>", LimitKind::TextBytes);
    check(Limits { text_bytes: 10, ..limits }, "<a><![CDATA[x]]></a>", LimitKind::TextBytes);
    check(Limits { answer_bytes: 10, ..limits }, "<a/>", LimitKind::AnswerBytes);
}

/// A bound is the same wherever the answer is cut: exactly at it everything is taken, one beyond it nothing.
#[test]
fn limits_do_not_depend_on_how_an_answer_is_cut() {
    let limited = |kind: LimitKind, bytes: usize| match kind {
        LimitKind::TagBytes => Limits { tag_bytes: bytes, ..Limits::default() },
        _ => Limits { text_bytes: bytes, ..Limits::default() },
    };
    for (kind, before, markup, after) in [
        (LimitKind::TagBytes, "", "<a b='12345678901234'/>", ""),
        (LimitKind::TagBytes, "", "<a b='12345678901234'>", "x</a>"),
        (LimitKind::TagBytes, "", "<a b='12345678901234'>", "<b/></a>"),
        (LimitKind::TagBytes, "<a>x", "</a             >", ""),
        (LimitKind::TextBytes, "<a>", "<!-- 1234 -->", "</a>"),
        (LimitKind::TextBytes, "<a>", "<?p 1234567 ?>", "</a>"),
        (LimitKind::TextBytes, "<a>", "<![CDATA[123]]>", "</a>"),
    ] {
        let text = format!("<E>{before}{markup}{after}</E>");
        let read = |bytes: usize, at_once: usize| {
            let reader = std::io::BufReader::with_capacity(at_once, text.as_bytes());
            decode(reader, &limited(kind, bytes))
        };
        for at_once in 1..=text.len() {
            let at = read(markup.len(), at_once);
            assert!(matches!(at, Err(DecodeError::NotSoap)), "{markup}, {at_once} bytes at once: {at:?}");
            let beyond = read(markup.len() - 1, at_once);
            assert!(matches!(beyond, Err(DecodeError::Limit(_))), "{markup}, {at_once} bytes at once: {beyond:?}");
        }
    }
}

#[test]
fn nothing_but_the_envelope_is_taken() {
    let with =
        |before: &str, after: &str| decode(format!("{before}{HEAD}<a/>{TAIL}{after}").as_bytes(), &Limits::default());
    assert!(with("\u{feff}", "\n<!-- the end -->\r\n").is_ok());
    for (before, after) in [("", "junk"), ("junk", ""), ("", "&amp;"), ("", "<a/>"), ("", "<![CDATA[x]]>")] {
        assert!(matches!(with(before, after), Err(DecodeError::NotSoap)), "{before:?} {after:?}");
    }
    assert!(matches!(answer("<a>\0</a>"), Err(DecodeError::Xml(_))));
}

/// A source that hands out single bytes costs in proportion to them: this is a second where the square of it would be hours.
#[test]
fn single_bytes_of_a_long_raw_text_are_read_in_time() {
    let text = format!("{HEAD}<a><![CDATA[{}]]></a>{TAIL}", "x".repeat(1 << 20));
    assert!(decode(std::io::BufReader::with_capacity(1, text.as_bytes()), &Limits::default()).is_ok());
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
fn only_what_is_kept_of_a_property_becomes_a_value() {
    let device = |kind: &str, inside: &str| format!(r#"<VirtualDevice xsi:type="{kind}">{inside}</VirtualDevice>"#);
    let read = |name: &str| {
        let devices = device(
            "VirtualDisk",
            "<key>2000</key><shares>\n<shares>1</shares> <level>normal</level>\n</shares><empty/>",
        ) + &device("VirtualPointingDevice", "<deviceInfo><label>&amp;</label></deviceInfo>");
        let body = format!(
            r#"<changeSet><name>{name}</name><op>assign</op><val xsi:type="ArrayOfVirtualDevice">{devices}</val></changeSet><after>x</after>"#
        );
        let text = format!("{HEAD}<XResponse xmlns=\"urn:vim25\">{body}</XResponse>{TAIL}");
        let keep = Keep::default().fields("config.hardware.device", &["key"]);
        match decode_kept(text.as_bytes(), &Limits::default(), &keep) {
            Ok(Answer::Response(value)) => value,
            other => panic!("{other:?}"),
        }
    };
    let kept = read("config.hardware.device");
    let devices: Vec<_> = kept.all("changeSet.val").flat_map(Value::items).cloned().collect();
    let (disk, pointer) = (Object::new("VirtualDisk").with("key", "2000"), Object::new("VirtualPointingDevice"));
    assert_eq!(devices, [disk.into(), pointer.into()]);
    assert_eq!(kept.get("after").and_then(Value::as_str), Some("x"), "what comes after the property is kept again");
    let whole = read("config.hardware.other");
    assert_eq!(
        whole.all("changeSet.val").flat_map(Value::items).filter_map(|device| device.get("shares.level")).count(),
        1
    );
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

/// The names of all fields within a value.
fn names_within(value: &Value, names: &mut Vec<String>) {
    if let Value::Object(object) = value {
        for (name, value) in &object.fields {
            names.push(name.to_string());
            names_within(value, names);
        }
    }
}

/// A value without the fields that are not kept.
fn pruned(value: &Value, kept: &[&str]) -> Value {
    let Value::Object(object) = value else { return value.clone() };
    let fields = object.fields.iter().filter(|(name, _)| kept.contains(&&**name));
    let fields = fields.map(|(name, value)| (name.clone(), pruned(value, kept))).collect();
    Object { type_name: object.type_name.clone(), fields }.into()
}

/// A well-formed document with everything that may stand in one.
fn document_strategy() -> impl Strategy<Value = String> {
    let attributes = prop_oneof![
        Just(String::new()),
        Just(" a=\"1\"".to_owned()),
        Just(" xsi:type = 'x>y'\n b=\"/\"".to_owned()),
        Just(" type=\"é'\"  ".to_owned()),
    ];
    let piece = prop_oneof![
        3 => "[ a-z;='\"\\]é€\u{10348}]{0,9}",
        1 => prop_oneof![
            Just("\r\n"), Just("\r"), Just("\n"), Just("&lt;"), Just("&amp;"), Just("&#13;"), Just("&#x10FFFF;"),
            Just("<!-- > & < -->"), Just("<?p <a> ?>"), Just("<![CDATA[<a>&b;]]]]>"), Just("<![CDATA[]]>"),
        ]
        .prop_map(str::to_owned),
    ];
    let leaf = piece.boxed();
    leaf.prop_recursive(4, 40, 5, move |inner| {
        let inside = proptest::collection::vec(inner, 0..5).prop_map(|parts| parts.concat());
        ("[a-zé]([a-z.:-]{0,5}[a-z])?", attributes.clone(), inside, 0..3u8).prop_map(
            |(name, attributes, inside, form)| match form {
                0 if inside.is_empty() => format!("<{name}{attributes}/>"),
                1 => format!("<{name}{attributes} >{inside}</{name} >"),
                _ => format!("<{name}{attributes}>{inside}</{name}>"),
            },
        )
    })
    .prop_map(|inside| format!("<root>{inside}</root>"))
}

/// What our own reading makes of a document, in one form for both readings.
fn read_by_ours(document: &str, at_once: usize) -> Result<String, DecodeError> {
    use super::scan::{Attributes, Scanner, Token};
    fn listed(attributes: &str) -> Result<String, DecodeError> {
        let list: Result<Vec<_>, _> = Attributes(attributes).collect();
        list.map(|list| format!("{list:?}"))
    }
    let mut scanner = Scanner::new(std::io::BufReader::with_capacity(at_once, document.as_bytes()), Limits::default());
    let mut out = String::new();
    while let Some(token) = scanner.next()? {
        match token {
            Token::Open { name, attributes } => out += &format!("<{name} {}>", listed(attributes)?),
            Token::Empty { name, attributes } => out += &format!("<{name} {}></{name}>", listed(attributes)?),
            Token::Leaf { name, attributes, text } => {
                out += &format!("<{name} {}>{text}</{name}>", listed(attributes)?);
            }
            Token::Close { name } => out += &format!("</{name}>"),
            Token::Text(text) => out += &text.replace("\r\n", "\n").replace('\r', "\n"),
            Token::Entity(name) => out += &format!("&{name};"),
        }
    }
    Ok(out)
}

/// What quick-xml makes of it.
fn read_by_quick_xml(document: &str) -> String {
    use quick_xml::events::{BytesStart, Event};
    let tag = |tag: &BytesStart<'_>| {
        let list: Vec<_> = tag
            .attributes()
            .map(|attribute| {
                attribute.map(|a| (a.key.into_inner().to_owned(), a.value.to_string())).expect("an attribute")
            })
            .collect();
        format!("<{} {list:?}>", tag.name().into_inner())
    };
    let mut reader = quick_xml::reader::Reader::from_str(document);
    let mut out = String::new();
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(open) => out += &tag(&open),
            Event::Empty(open) => out += &format!("{}</{}>", tag(&open), open.name().into_inner()),
            Event::End(close) => out += &format!("</{}>", close.name().into_inner()),
            Event::Text(text) => out += &text.xml10_content(),
            Event::CData(text) => out += &text.xml10_content(),
            Event::GeneralRef(name) => out += &format!("&{};", &*name),
            Event::Eof => return out,
            _ => {}
        }
    }
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
    fn what_is_not_kept_is_left_out_and_nothing_else(
        value in value_strategy(),
        keeps in proptest::collection::vec(any::<bool>(), 1..40),
        at_once in 1..40usize,
    ) {
        let mut names = Vec::new();
        names_within(&value, &mut names);
        let kept: Vec<&str> = names.iter().zip(keeps.iter().cycle()).filter(|(_, keep)| **keep).map(|(name, _)| &**name).collect();
        let keep = Keep::default().fields("some.property", &kept);
        let text = write(Object::untyped().with("name", "some.property").with("val", value.clone()).with("after", value.clone()));
        let reader = std::io::BufReader::with_capacity(at_once, text.as_bytes());
        let read = decode_kept(reader, &Limits::default(), &keep);
        let Ok(Answer::Response(read)) = read else { panic!("{text}") };
        prop_assert_eq!(read.get("val"), Some(&pruned(&value, &kept)));
        prop_assert_eq!(read.get("after"), Some(&value));
    }

    /// However it is cut on its way.
    #[test]
    fn documents_read_as_another_parser_reads_them(document in document_strategy(), at_once in 1..40usize) {
        let expected = read_by_quick_xml(&document);
        for at_once in [at_once, 1 << 16] {
            prop_assert_eq!(read_by_ours(&document, at_once).expect("well-formed"), &*expected, "{}", document);
        }
    }

    #[test]
    fn how_an_answer_is_cut_on_its_way_does_not_matter(value in value_strategy(), at_once in 1..40usize) {
        let text = write(Object::untyped().with("v", value));
        let whole = decode(text.as_bytes(), &Limits::default()).expect("an answer");
        let cut = decode(std::io::BufReader::with_capacity(at_once, text.as_bytes()), &Limits::default());
        prop_assert_eq!(cut.expect("an answer"), whole);
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
