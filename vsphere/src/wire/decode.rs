//! Streaming decode of XML into values.
//!
//! Elements become values as they close, on an explicit stack: the depth of an answer costs no stack of ours. Names and
//! types are looked up in small direct-mapped tables, so the usual element costs one allocation (its text) or none.

use std::io::BufRead;
use std::rc::Rc;
use std::sync::Arc;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::limits::Limits;
use super::primitive::{Class, reference};
use crate::value::{Array, Name, Object, Value};

/// What a server answered to a SOAP call.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The response element, such as `RetrievePropertiesExResponse`, with its `returnval`s as fields.
    Response(Value),
    /// The call failed on the server.
    Fault(Fault),
}

/// A fault of the server: of a call, of a property that could not be read, or of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fault {
    /// The fault's type, such as `InvalidLogin` or `NoPermission`; empty when the server did not say.
    pub kind: String,
    /// The server's own words; may be empty, and is in the session's language.
    pub message: String,
    /// The fault's data.
    pub detail: Value,
}

impl Fault {
    /// Whether the fault is of exactly that type.
    pub fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// Reads a `LocalizedMethodFault`, as `missingSet` and `Task.info.error` hold it.
    pub fn from_localized(value: &Value) -> Self {
        let detail = value.get("fault").cloned().unwrap_or_default();
        Self {
            kind: detail.type_name().unwrap_or_default().to_owned(),
            message: value.get("localizedMessage").and_then(Value::as_str).unwrap_or_default().to_owned(),
            detail,
        }
    }

    /// Reads a `soapenv:Fault`.
    fn from_soap(value: &Value) -> Self {
        let message = value.get("faultstring").and_then(Value::as_str).unwrap_or_default().to_owned();
        let detail = value.get("detail").and_then(Value::as_object).and_then(|detail| detail.fields.first());
        let (kind, detail) = match detail {
            Some((name, detail)) => {
                // The element is named after the type and `Fault`; the type itself is not always there.
                let by_name = name.strip_suffix("Fault").unwrap_or(name);
                (detail.type_name().unwrap_or(by_name).to_owned(), detail.clone())
            }
            None => (String::new(), Value::Unset),
        };
        Self { kind, message, detail }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.kind.as_str(), self.message.as_str()) {
            ("", "") => f.write_str("unknown fault"),
            (kind, "") => f.write_str(kind),
            ("", message) => f.write_str(message),
            (kind, message) => write!(f, "{kind}: {message}"),
        }
    }
}

/// Which bound an answer exceeded.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitKind {
    /// [`Limits::answer_bytes`].
    #[error("size")]
    AnswerBytes,
    /// [`Limits::depth`].
    #[error("depth")]
    Depth,
    /// [`Limits::elements`].
    #[error("number of elements")]
    Elements,
    /// [`Limits::text_bytes`].
    #[error("size of a text")]
    TextBytes,
    /// [`Limits::tag_bytes`].
    #[error("size of a tag")]
    TagBytes,
}

/// Why an answer could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not well-formed XML, or the stream of bytes broke.
    #[error("the answer is not well-formed XML")]
    Xml(#[source] quick_xml::Error),
    /// The answer ended early.
    #[error("the answer ended in the middle")]
    Truncated,
    /// The answer exceeded a bound.
    #[error("the answer exceeds the limit on its {0}")]
    Limit(LimitKind),
    /// A document type declaration, which SOAP forbids.
    #[error("the answer has a document type declaration")]
    Doctype,
    /// An entity other than XML's own five.
    #[error("the answer has an entity that is not XML's own")]
    Entity,
    /// XML, but not a SOAP envelope.
    #[error("the answer is not a SOAP envelope")]
    NotSoap,
}

impl From<quick_xml::Error> for DecodeError {
    fn from(error: quick_xml::Error) -> Self {
        DecodeError::Xml(error)
    }
}

/// Decodes a SOAP envelope.
pub fn decode(reader: impl BufRead, limits: &Limits) -> Result<Answer, DecodeError> {
    let (root, envelope) = decode_document(reader, limits)?;
    let body = match envelope {
        Value::Object(object) if root == "Envelope" => object.field("Body").cloned(),
        _ => None,
    };
    let Some(Value::Object(body)) = body else { return Err(DecodeError::NotSoap) };
    match body.fields.first() {
        Some((name, fault)) if name == "Fault" => Ok(Answer::Fault(Fault::from_soap(fault))),
        Some((_, response)) => Ok(Answer::Response(response.clone())),
        None => Err(DecodeError::NotSoap),
    }
}

/// Decodes any XML document: the root element's name and value.
pub(crate) fn decode_document(reader: impl BufRead, limits: &Limits) -> Result<(Name, Value), DecodeError> {
    let mut reader = Reader::from_reader(reader);
    let mut tree = Tree::new(*limits);
    let mut buffer = Vec::with_capacity(1024);
    let mut root = None;
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer)?;
        match event {
            // Read to the very end, or the connection could not be used again; but nothing may follow.
            Event::Start(_) | Event::Empty(_) if root.is_some() => return Err(DecodeError::NotSoap),
            Event::Start(tag) => tree.open(&tag)?,
            Event::End(_) => tree.close(),
            Event::Empty(tag) => {
                tree.open(&tag)?;
                tree.close();
            }
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(text) => tree.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => tree.entity(&reference)?,
            Event::DocType(_) => return Err(DecodeError::Doctype),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return root.ok_or(DecodeError::Truncated),
        }
        if tree.stack.is_empty()
            && let Some(done) = tree.done.pop()
        {
            root = Some(done);
        }
    }
}

/// An element that is open.
struct Frame {
    name: Name,
    class: Option<Rc<Class>>,
    /// The `type` attribute without prefix: the kind of a reference.
    kind: Option<Name>,
    nil: bool,
    /// Where its children begin in [`Tree::done`].
    children: usize,
}

/// The tree under construction.
struct Tree {
    limits: Limits,
    names: Names,
    types: Types,
    texts: Texts,
    stack: Vec<Frame>,
    /// Closed elements that wait for their parent to close.
    done: Vec<(Name, Value)>,
    /// The text of the innermost open element.
    text: String,
    elements: usize,
}

impl Tree {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            names: Names(vec![None; SLOTS]),
            types: Types(vec![None; SLOTS]),
            texts: Texts(vec![None; SLOTS]),
            stack: Vec::with_capacity(16),
            done: Vec::with_capacity(64),
            text: String::new(),
            elements: 0,
        }
    }

    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), DecodeError> {
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(DecodeError::Limit(LimitKind::Elements));
        }
        if self.stack.len() >= self.limits.depth {
            return Err(DecodeError::Limit(LimitKind::Depth));
        }
        if tag.len() > self.limits.tag_bytes {
            return Err(DecodeError::Limit(LimitKind::TagBytes));
        }
        let mut frame = Frame {
            name: self.names.get(local(tag.name().into_inner())),
            class: None,
            kind: None,
            nil: false,
            children: self.done.len(),
        };
        if !tag.attributes_raw().is_empty() {
            self.attributes(tag, &mut frame)?;
        }
        self.stack.push(frame);
        self.text.clear();
        Ok(())
    }

    fn attributes(&mut self, tag: &BytesStart<'_>, frame: &mut Frame) -> Result<(), DecodeError> {
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(quick_xml::Error::from)?;
            // Type names hold nothing that needs unescaping.
            let value: &str = &attribute.value;
            match attribute.key.into_inner() {
                "type" => frame.kind = Some(self.names.get(value)),
                name if name.starts_with("xmlns") => {}
                name => match local(name) {
                    "type" => frame.class = Some(self.types.get(local(value))),
                    "nil" => frame.nil = matches!(value, "true" | "1"),
                    _ => {}
                },
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), DecodeError> {
        // Text beside child elements is layout.
        if self.stack.last().is_some_and(|frame| frame.children < self.done.len()) {
            return Ok(());
        }
        if self.text.len() + text.len() > self.limits.text_bytes {
            return Err(DecodeError::Limit(LimitKind::TextBytes));
        }
        self.text.push_str(text);
        Ok(())
    }

    fn entity(&mut self, reference: &BytesRef<'_>) -> Result<(), DecodeError> {
        let character = match reference.resolve_char_ref() {
            Ok(Some(character)) => character,
            Ok(None) => match &**reference {
                "lt" => '<',
                "gt" => '>',
                "amp" => '&',
                "apos" => '\'',
                "quot" => '"',
                _ => return Err(DecodeError::Entity),
            },
            Err(_) => return Err(DecodeError::Entity),
        };
        self.text(character.encode_utf8(&mut [0; 4]))
    }

    fn close(&mut self) {
        // The reader has checked that every end tag has its start tag.
        let Some(frame) = self.stack.pop() else { return };
        let value = if frame.nil {
            self.done.truncate(frame.children);
            Value::Unset
        } else if frame.children < self.done.len() {
            branch(&frame, self.done.drain(frame.children..), &mut self.texts)
        } else {
            leaf(&frame, &self.text, &mut self.texts)
        };
        self.text.clear();
        self.done.push((frame.name, value));
    }
}

/// The value of an element without children.
fn leaf(frame: &Frame, text: &str, texts: &mut Texts) -> Value {
    let Some(class) = frame.class.as_deref() else {
        return match &frame.kind {
            Some(kind) => reference(Some(kind.clone()), text, texts),
            None => Value::Text(texts.get(text)),
        };
    };
    match class {
        Class::Primitive(primitive) => primitive.read(text, texts),
        Class::Reference => reference(frame.kind.clone(), text, texts),
        Class::Array(item, _) => Array { item_type: Some(item.clone()), items: Vec::new() }.into(),
        Class::Named(name) if text.trim().is_empty() => {
            Object { type_name: Some(name.clone()), fields: Vec::new() }.into()
        }
        Class::Named(name) => {
            Value::Enum(Arc::new(crate::value::EnumValue { type_name: name.clone(), value: texts.get(text) }))
        }
    }
}

/// The value of an element with children.
fn branch(frame: &Frame, children: std::vec::Drain<'_, (Name, Value)>, texts: &mut Texts) -> Value {
    match frame.class.as_deref() {
        Some(Class::Array(item_type, primitive)) => {
            let items = children.map(|(_, value)| match value {
                Value::Text(text) => match primitive {
                    Some(primitive) => primitive.read(&text, texts),
                    None => Value::Text(text),
                },
                Value::Object(mut object) if object.type_name.is_none() => {
                    // Just made and not shared, so this changes it in place.
                    Arc::make_mut(&mut object).type_name = Some(item_type.clone());
                    Value::Object(object)
                }
                value => value,
            });
            Array { item_type: Some(item_type.clone()), items: items.collect() }.into()
        }
        Some(Class::Named(name)) => Object { type_name: Some(name.clone()), fields: children.collect() }.into(),
        _ => Object { type_name: None, fields: children.collect() }.into(),
    }
}

/// A name without its namespace prefix.
fn local(name: &str) -> &str {
    match memchr_colon(name) {
        Some(at) => &name[at + 1..],
        None => name,
    }
}

fn memchr_colon(name: &str) -> Option<usize> {
    name.as_bytes().iter().position(|byte| *byte == b':')
}

/// Slots of the direct-mapped tables.
const SLOT_BITS: u32 = 11;
const SLOTS: usize = 1 << SLOT_BITS;

/// Where a text belongs: by its length, its first and its last bytes. A collision only costs an allocation.
fn slot(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(first), Some(last)) => (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last))),
            _ => (bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 0),
        },
    };
    let mixed = (first ^ last.rotate_left(29) ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (64 - SLOT_BITS)) as usize
}

struct Names(Vec<Option<Name>>);

impl Names {
    fn get(&mut self, text: &str) -> Name {
        let slot = &mut self.0[slot(text)];
        match slot {
            Some(name) if name.as_str() == text => name.clone(),
            _ => slot.insert(Name::new(text)).clone(),
        }
    }
}

struct Types(Vec<Option<(Box<str>, Rc<Class>)>>);

impl Types {
    fn get(&mut self, text: &str) -> Rc<Class> {
        let slot = &mut self.0[slot(text)];
        match slot {
            Some((name, class)) if &**name == text => Rc::clone(class),
            _ => Rc::clone(&slot.insert((text.into(), Rc::new(Class::of(text)))).1),
        }
    }
}

/// Texts seen lately: most leaves say what many others say (`true`, `assign`, `persistent`, `host-12`).
pub(super) struct Texts(Vec<Option<Arc<str>>>);

impl Texts {
    /// Longer texts seldom repeat.
    const LENGTH_LIMIT: usize = 40;

    pub(super) fn get(&mut self, text: &str) -> Arc<str> {
        if text.len() > Self::LENGTH_LIMIT {
            return Arc::from(text);
        }
        let slot = &mut self.0[slot(text)];
        match slot {
            Some(known) if **known == *text => Arc::clone(known),
            _ => Arc::clone(slot.insert(Arc::from(text))),
        }
    }
}
