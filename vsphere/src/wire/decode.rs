//! Streaming decode of XML into values.
//!
//! Elements become values as they close, on an explicit stack: the depth of an answer costs no stack of ours. Names and
//! types are looked up in small direct-mapped tables, so the usual element costs one allocation (its text) or none.

use std::io::BufRead;
use std::rc::Rc;
use std::sync::Arc;

use super::keep::{Fields, Keep};
use super::limits::Limits;
use super::primitive::{Class, reference};
use super::scan::{Attributes, Scanner, Token};
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
    /// Not well-formed XML.
    #[error("the answer is not well-formed XML: {0}")]
    Xml(&'static str),
    /// The stream of bytes broke.
    #[error("the answer could not be read to its end")]
    Read(#[source] std::io::Error),
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

/// Decodes a SOAP envelope.
pub fn decode(reader: impl BufRead, limits: &Limits) -> Result<Answer, DecodeError> {
    decode_kept(reader, limits, &Keep::default())
}

/// Decodes of a SOAP envelope what is kept of it.
pub fn decode_kept(reader: impl BufRead, limits: &Limits, keep: &Keep) -> Result<Answer, DecodeError> {
    let (root, envelope) = document(reader, limits, keep)?;
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
    document(reader, limits, &Keep::default())
}

fn document(reader: impl BufRead, limits: &Limits, keep: &Keep) -> Result<(Name, Value), DecodeError> {
    let mut scanner = Scanner::new(reader, *limits);
    let mut tree = Tree::new(*limits, keep);
    let mut root = None;
    while let Some(token) = scanner.next()? {
        match token {
            // Read to the very end, or the connection could not be used again; but nothing may follow.
            Token::Open { .. } | Token::Empty { .. } | Token::Leaf { .. } if root.is_some() => {
                return Err(DecodeError::NotSoap);
            }
            Token::Text(text) if tree.stack.is_empty() => {
                // A byte order mark may stand before everything.
                if !text.trim_start_matches('\u{feff}').trim_ascii().is_empty() {
                    return Err(DecodeError::NotSoap);
                }
            }
            Token::Entity(_) if tree.stack.is_empty() => return Err(DecodeError::NotSoap),
            Token::Open { name, .. } if tree.passes_over(name) => scanner.pass_over()?,
            Token::Empty { name, .. } | Token::Leaf { name, .. } if tree.passes_over(name) => {}
            Token::Open { name, attributes } => tree.open(name, attributes)?,
            Token::Close { name } => tree.close(name)?,
            Token::Empty { name, attributes } => tree.leaf(name, attributes, "")?,
            Token::Leaf { name, attributes, text } => tree.leaf(name, attributes, text)?,
            // Only raw text still has them: elsewhere the scanner has seen to it.
            Token::Text(text) if text.contains('\r') => tree.text(&text.replace("\r\n", "\n").replace('\r', "\n"))?,
            Token::Text(text) => tree.text(text)?,
            Token::Entity(name) => tree.entity(name)?,
        }
        if tree.stack.is_empty()
            && let Some(done) = tree.done.pop()
        {
            root = Some(done);
        }
    }
    match root {
        Some(root) if tree.stack.is_empty() => Ok(root),
        _ => Err(DecodeError::Truncated),
    }
}

/// What is known of an element from its tag.
struct Frame {
    name: Name,
    class: Option<Rc<Class>>,
    /// The `type` attribute without prefix: the kind of a reference.
    kind: Option<Name>,
    nil: bool,
    /// Where its children begin in [`Tree::done`].
    children: usize,
    /// Where its name begins in [`Tree::open`].
    written: usize,
    /// It has children that are not kept.
    passed_over: bool,
}

impl Frame {
    fn is_array(&self) -> bool {
        matches!(self.class.as_deref(), Some(Class::Array(..)))
    }
}

/// The tree under construction.
struct Tree<'k> {
    limits: Limits,
    keep: &'k Keep,
    /// What is kept of the property that is being read, and how many elements are open around its value.
    kept: Option<(&'k Fields, usize)>,
    names: Names,
    types: Types,
    texts: Texts,
    stack: Vec<Frame>,
    /// The names of the open elements as they were written, with their prefixes, one after the other.
    open: String,
    /// Closed elements that wait for their parent to close.
    done: Vec<(Name, Value)>,
    /// The text of the innermost open element.
    text: String,
    elements: usize,
}

impl<'k> Tree<'k> {
    fn new(limits: Limits, keep: &'k Keep) -> Self {
        Self {
            limits,
            keep,
            kept: None,
            names: Names(Table::new()),
            types: Types(Table::new()),
            texts: Texts(Table::new()),
            stack: Vec::with_capacity(16),
            open: String::new(),
            done: Vec::with_capacity(64),
            text: String::new(),
            elements: 0,
        }
    }

    /// An element begins.
    fn frame(&mut self, name: &str, attributes: &str) -> Result<Frame, DecodeError> {
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(DecodeError::Limit(LimitKind::Elements));
        }
        if self.stack.len() >= self.limits.depth {
            return Err(DecodeError::Limit(LimitKind::Depth));
        }
        let name = self.names.get(local(name));
        let (children, written) = (self.done.len(), self.open.len());
        let mut frame = Frame { name, class: None, kind: None, nil: false, children, written, passed_over: false };
        if !attributes.is_empty() {
            self.attributes(attributes, &mut frame)?;
        }
        Ok(frame)
    }

    fn open(&mut self, name: &str, attributes: &str) -> Result<(), DecodeError> {
        let frame = self.frame(name, attributes)?;
        if self.kept.is_none() && frame.name == "val" {
            self.kept = self.property().and_then(|path| self.keep.of(path)).map(|fields| (fields, self.stack.len()));
        }
        self.stack.push(frame);
        self.open.push_str(name);
        self.text.clear();
        Ok(())
    }

    /// The path of the property whose value begins: its name came before it.
    fn property(&self) -> Option<&str> {
        let before = self.done.get(self.stack.last()?.children..)?;
        before.iter().find(|(name, _)| name == "name").and_then(|(_, path)| path.as_str())
    }

    /// Whether the element that begins is not kept.
    fn passes_over(&mut self, name: &str) -> bool {
        let (Some((fields, _)), Some(parent)) = (self.kept, self.stack.last_mut()) else { return false };
        let passes_over = !parent.is_array() && !fields.has(local(name));
        parent.passed_over |= passes_over;
        passes_over
    }

    /// An element that holds nothing but text.
    fn leaf(&mut self, name: &str, attributes: &str, text: &str) -> Result<(), DecodeError> {
        let frame = self.frame(name, attributes)?;
        if text.len() > self.limits.text_bytes {
            return Err(DecodeError::Limit(LimitKind::TextBytes));
        }
        let value = if frame.nil { Value::Unset } else { leaf(&frame, text, &mut self.texts) };
        self.done.push((frame.name, value));
        Ok(())
    }

    fn attributes(&mut self, attributes: &str, frame: &mut Frame) -> Result<(), DecodeError> {
        for attribute in Attributes(attributes) {
            // Type names hold nothing that needs unescaping.
            let (name, value) = attribute?;
            match name {
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
        if self.stack.last().is_some_and(|frame| frame.passed_over || frame.children < self.done.len()) {
            return Ok(());
        }
        if self.text.len() + text.len() > self.limits.text_bytes {
            return Err(DecodeError::Limit(LimitKind::TextBytes));
        }
        self.text.push_str(text);
        Ok(())
    }

    fn entity(&mut self, name: &str) -> Result<(), DecodeError> {
        let number = |digits: &str, base| u32::from_str_radix(digits, base).ok().and_then(char::from_u32);
        let character = match (name, name.strip_prefix('#')) {
            ("lt", _) => Some('<'),
            ("gt", _) => Some('>'),
            ("amp", _) => Some('&'),
            ("apos", _) => Some('\''),
            ("quot", _) => Some('"'),
            (_, Some(digits)) => match digits.strip_prefix('x') {
                Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => number(digits, 16),
                None if digits.bytes().all(|digit| digit.is_ascii_digit()) => number(digits, 10),
                _ => None,
            },
            _ => None,
        };
        // XML has no way to write a NUL.
        let character = character.filter(|character| *character != '\0').ok_or(DecodeError::Entity)?;
        self.text(character.encode_utf8(&mut [0; 4]))
    }

    fn close(&mut self, name: &str) -> Result<(), DecodeError> {
        let opened = self.stack.pop().filter(|frame| self.open.get(frame.written..) == Some(name));
        let Some(frame) = opened else { return Err(DecodeError::Xml("an end tag without its start tag")) };
        self.open.truncate(frame.written);
        if self.kept.is_some_and(|(_, around)| self.stack.len() <= around) {
            self.kept = None;
        }
        let value = if frame.nil {
            self.done.truncate(frame.children);
            Value::Unset
        } else if frame.passed_over || frame.children < self.done.len() {
            branch(&frame, self.done.drain(frame.children..), &mut self.texts)
        } else {
            leaf(&frame, &self.text, &mut self.texts)
        };
        self.text.clear();
        self.done.push((frame.name, value));
        Ok(())
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
    match name.bytes().position(|byte| byte == b':') {
        Some(at) => &name[at + 1..],
        None => name,
    }
}

/// Slots of the direct-mapped tables.
const SLOT_BITS: u32 = 11;
const SLOTS: usize = 1 << SLOT_BITS;

/// The first and the last bytes of a text, and its length: all of a short text.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ends {
    first: u64,
    last: u64,
    length: usize,
}

impl Ends {
    /// Texts up to this length are equal when their ends are.
    const WHOLE: usize = 16;

    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
                (Some(first), Some(last)) => {
                    (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
                }
                _ => (bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 0),
            },
        };
        Self { first, last, length: bytes.len() }
    }

    fn slot(self) -> usize {
        let mixed = (self.first ^ self.last.rotate_left(29) ^ self.length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (64 - SLOT_BITS)) as usize
    }
}

/// What was made of texts seen lately, each in the one slot where its text belongs. A collision only costs making it anew.
struct Table<T>(Vec<Option<(Ends, T)>>);

impl<T: Clone> Table<T> {
    fn new() -> Self {
        Self(vec![None; SLOTS])
    }

    /// What belongs to a text; `text_of` gives the whole text of what is there.
    fn get(&mut self, text: &str, text_of: fn(&T) -> &str, make: fn(&str) -> T) -> &T {
        let ends = Ends::of(text);
        let slot = &mut self.0[ends.slot()];
        let known = slot
            .as_ref()
            .is_some_and(|(known, made)| *known == ends && (text.len() <= Ends::WHOLE || text_of(made) == text));
        if !known {
            *slot = None;
        }
        &slot.get_or_insert_with(|| (ends, make(text))).1
    }
}

struct Names(Table<Name>);

impl Names {
    fn get(&mut self, text: &str) -> Name {
        self.0.get(text, Name::as_str, Name::new).clone()
    }
}

struct Types(Table<(Box<str>, Rc<Class>)>);

impl Types {
    fn get(&mut self, text: &str) -> Rc<Class> {
        let known = self.0.get(text, |(name, _)| name, |text| (text.into(), Rc::new(Class::of(text))));
        Rc::clone(&known.1)
    }
}

/// Texts seen lately: most leaves say what many others say (`true`, `assign`, `persistent`, `host-12`).
pub(super) struct Texts(Table<Arc<str>>);

impl Texts {
    /// Longer texts seldom repeat.
    const LENGTH_LIMIT: usize = 40;

    pub(super) fn get(&mut self, text: &str) -> Arc<str> {
        if text.len() > Self::LENGTH_LIMIT {
            return Arc::from(text);
        }
        Arc::clone(self.0.get(text, |known| known, |text| Arc::from(text)))
    }
}
