//! A small tree that gives back, byte for byte, what nobody changed.
//!
//! Invariant: `Document::parse(text)?.to_string() == text`; after an edit only the touched start tags and texts differ.

use std::fmt;

use quick_xml::escape::{escape, partial_escape, unescape};

use super::XmlError;

/// A parsed XML document.
///
/// ```
/// use kvm::xml::{Document, Element};
///
/// let text = "<domain type='kvm'>\n  <!-- kept -->\n  <name>web</name>\n  <x:y xmlns:x='urn:x'/>\n</domain>";
/// let mut document = Document::parse(text)?;
/// assert_eq!(document.to_string(), text);
///
/// document.root_mut().child_or_insert("title").set_text("Web & more")?;
/// assert!(document.to_string().contains("<!-- kept -->"));
/// assert!(document.to_string().contains("<title>Web &amp; more</title>"));
/// # Ok::<(), kvm::xml::XmlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Declaration, comments and blanks before the root.
    pub(super) prolog: String,
    pub(super) root: Element,
    /// Comments and blanks after the root.
    pub(super) epilog: String,
}

/// One element with everything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    name: String,
    attributes: Vec<Attribute>,
    children: Vec<Node>,
    /// The start tag as it was read, until a change makes it untrue.
    start_tag: Option<String>,
    /// The end tag as it was read (it may hold blanks).
    end_tag: Option<String>,
}

/// One attribute, with its value unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The qualified name, prefix included.
    pub name: String,
    /// The value without escapes.
    pub value: String,
}

/// What can stand inside an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text, escaped as in the file.
    Text(String),
    /// A CDATA section's content.
    CData(String),
    /// A comment or processing instruction, with its delimiters.
    Other(String),
}

impl Document {
    /// Parses a text.
    ///
    /// # Errors
    /// Everything in [`XmlError`] that is about size, depth, well-formedness, document types and entities.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        super::parse::document(text)
    }

    /// Parses bytes that should be UTF-8.
    ///
    /// # Errors
    /// [`XmlError::NotUtf8`], and everything that [`Document::parse`] reports.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, XmlError> {
        let text = std::str::from_utf8(bytes).map_err(|error| XmlError::NotUtf8 { offset: error.valid_up_to() })?;
        Self::parse(text)
    }

    /// A document with just this root.
    pub fn new(root: Element) -> Self {
        Self { prolog: String::new(), root, epilog: String::new() }
    }

    /// The root element.
    pub fn root(&self) -> &Element {
        &self.root
    }

    /// The root element, to change it.
    pub fn root_mut(&mut self) -> &mut Element {
        &mut self.root
    }

    /// The child of the root's `<metadata>` that belongs to the namespace `uri`.
    pub fn metadata(&self, uri: &str) -> Option<&Element> {
        let metadata = self.root.child("metadata")?;
        metadata.elements().find(|entry| namespace_of(entry, &[metadata, &self.root]) == Some(uri))
    }

    /// Puts `entry` under `<metadata>`, in place of the one with the same namespace, or removes it if `entry` is `None`.
    ///
    /// `entry` must declare the namespace `uri` itself (`xmlns:p='uri'` with its own prefix, or `xmlns`), as libvirt demands.
    ///
    /// # Errors
    /// [`XmlError::Value`] if it does not.
    pub fn set_metadata(&mut self, uri: &str, entry: Option<Element>) -> Result<(), XmlError> {
        if let Some(entry) = &entry
            && namespace_of(entry, &[]) != Some(uri)
        {
            return Err(XmlError::Value {
                path: format!("metadata/{}", entry.name),
                value: uri.to_owned(),
                reason: "the element must declare this namespace itself",
            });
        }
        let root_copy = Element { children: Vec::new(), ..self.root.clone() };
        let Some(metadata) = self.root.child_mut("metadata") else {
            if let Some(entry) = entry {
                self.root.child_or_insert("metadata").push(entry);
            }
            return Ok(());
        };
        let metadata_copy = Element { children: Vec::new(), ..metadata.clone() };
        let at = metadata.children.iter().position(|node| match node {
            Node::Element(known) => namespace_of(known, &[&metadata_copy, &root_copy]) == Some(uri),
            _ => false,
        });
        match (at, entry) {
            (Some(at), Some(entry)) => metadata.children[at] = Node::Element(entry),
            (Some(at), None) => {
                metadata.children.remove(at);
            }
            (None, Some(entry)) => metadata.push(entry),
            (None, None) => {}
        }
        Ok(())
    }
}

/// The namespace that an element's own name belongs to; `outer` are its ancestors, nearest first.
pub(super) fn namespace_of<'a>(element: &'a Element, outer: &[&'a Element]) -> Option<&'a str> {
    let declaration = match element.name.split_once(':') {
        Some((prefix, _)) => format!("xmlns:{prefix}"),
        None => "xmlns".to_owned(),
    };
    std::iter::once(element).chain(outer.iter().copied()).find_map(|e| e.attribute(&declaration))
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prolog)?;
        self.root.fmt(f)?;
        f.write_str(&self.epilog)
    }
}

impl Element {
    /// An empty element; `name` may have a prefix.
    ///
    /// # Errors
    /// [`XmlError::NotWritable`] if the name cannot be one.
    pub fn new(name: &str) -> Result<Self, XmlError> {
        check_name(name)?;
        Ok(Self::unchecked(name))
    }

    fn unchecked(name: &str) -> Self {
        Self { name: name.to_owned(), attributes: Vec::new(), children: Vec::new(), start_tag: None, end_tag: None }
    }

    pub(super) fn from_parts(name: String, attributes: Vec<Attribute>, start_tag: String) -> Self {
        Self { name, attributes, children: Vec::new(), start_tag: Some(start_tag), end_tag: None }
    }

    pub(super) fn set_end_tag(&mut self, end_tag: &str) {
        self.end_tag = Some(end_tag.to_owned());
    }

    pub(super) fn push_node(&mut self, node: Node) {
        self.children.push(node);
    }

    /// The qualified name, prefix included.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The attributes in their order.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The value of an attribute, by its qualified name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_str())
    }

    /// Everything inside, in order.
    pub fn nodes(&self) -> &[Node] {
        &self.children
    }

    /// The child elements, in order.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }

    /// The child elements of this qualified name, in order.
    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements().filter(move |element| element.name == name)
    }

    /// The first child element of this qualified name.
    pub fn child<'a>(&'a self, name: &'a str) -> Option<&'a Element> {
        self.children(name).next()
    }

    /// The first element at a path of names: `os/type`.
    pub fn at<'a>(&'a self, path: &'a str) -> Option<&'a Element> {
        path.split('/').try_fold(self, |element, name| element.child(name))
    }

    /// The text inside (not that of child elements), unescaped, with surrounding blanks removed.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for node in &self.children {
            match node {
                // The parser has checked the escapes already; what a caller set was escaped by us.
                Node::Text(raw) => text.push_str(&unescape(raw).unwrap_or(raw.as_str().into())),
                Node::CData(raw) => text.push_str(raw),
                Node::Element(_) | Node::Other(_) => {}
            }
        }
        text.trim().to_owned()
    }

    /// The text at a path, if the element is there and the text is not empty.
    pub fn text_at(&self, path: &str) -> Option<String> {
        self.at(path).map(Element::text).filter(|text| !text.is_empty())
    }

    /// The attribute of the element at a path.
    pub fn attribute_at<'a>(&'a self, path: &'a str, name: &str) -> Option<&'a str> {
        self.at(path)?.attribute(name)
    }

    /// The first child element of this name, to change it.
    pub fn child_mut(&mut self, name: &str) -> Option<&mut Element> {
        self.elements_mut().find(|element| element.name == name)
    }

    /// The child elements, to change them.
    pub fn elements_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.children.iter_mut().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }

    /// The element at a path, to change it.
    pub fn at_mut(&mut self, path: &str) -> Option<&mut Element> {
        path.split('/').try_fold(self, |element, name| element.child_mut(name))
    }

    /// The first child element of this name, made at the end if there is none.
    ///
    /// # Panics
    /// If `name` cannot be an element's name; names in programs are constants.
    pub fn child_or_insert(&mut self, name: &str) -> &mut Element {
        assert!(check_name(name).is_ok(), "{name:?} is not an element's name");
        let found = self.children.iter().position(|node| matches!(node, Node::Element(e) if e.name == name));
        let at = found.unwrap_or_else(|| self.insert_at_end(Element::unchecked(name)));
        match &mut self.children[at] {
            Node::Element(element) => element,
            _ => unreachable!("the position was that of an element"),
        }
    }

    /// Adds a child element at the end, keeping the indentation of the others.
    pub fn push(&mut self, element: Element) {
        self.insert_at_end(element);
    }

    fn insert_at_end(&mut self, element: Element) -> usize {
        if self.children.is_empty() {
            // An empty-element tag cannot stay as it was read.
            self.start_tag = None;
            self.end_tag = None;
        }
        // Text between the last child and the end tag is the end tag's indentation; repeat the one before the first child.
        let blank = |node: &Node| matches!(node, Node::Text(text) if text.trim().is_empty());
        let first_blank = self.children.first().filter(|node| blank(node)).cloned();
        let ends_blank = self.children.last().is_some_and(blank);
        match (first_blank, ends_blank) {
            (Some(indent), true) if self.children.len() > 1 => {
                let at = self.children.len() - 1;
                self.children.insert(at, Node::Element(element));
                self.children.insert(at, indent);
                at + 1
            }
            _ => {
                self.children.push(Node::Element(element));
                self.children.len() - 1
            }
        }
    }

    /// Removes the child elements for which `keep` is false, with the blanks in front of each.
    pub fn retain_elements(&mut self, mut keep: impl FnMut(&Element) -> bool) {
        let mut kept: Vec<Node> = Vec::with_capacity(self.children.len());
        for node in std::mem::take(&mut self.children) {
            match node {
                Node::Element(element) if !keep(&element) => {
                    if matches!(kept.last(), Some(Node::Text(text)) if text.trim().is_empty()) {
                        kept.pop();
                    }
                }
                node => kept.push(node),
            }
        }
        self.children = kept;
        if self.children.is_empty() {
            self.end_tag = None;
            self.start_tag = None;
        }
    }

    /// Sets an attribute, in place if it is there, at the end otherwise.
    ///
    /// # Errors
    /// [`XmlError::NotWritable`] for a name or value that XML cannot hold.
    pub fn set_attribute(&mut self, name: &str, value: &str) -> Result<(), XmlError> {
        check_name(name)?;
        check_chars(value)?;
        match self.attributes.iter_mut().find(|attribute| attribute.name == name) {
            Some(attribute) if attribute.value == value => return Ok(()),
            Some(attribute) => value.clone_into(&mut attribute.value),
            None => self.attributes.push(Attribute { name: name.to_owned(), value: value.to_owned() }),
        }
        self.start_tag = None;
        Ok(())
    }

    /// Removes an attribute; true if it was there.
    pub fn remove_attribute(&mut self, name: &str) -> bool {
        let before = self.attributes.len();
        self.attributes.retain(|attribute| attribute.name != name);
        let removed = self.attributes.len() != before;
        if removed {
            self.start_tag = None;
        }
        removed
    }

    /// Replaces everything inside by a text.
    ///
    /// # Errors
    /// [`XmlError::NotWritable`] for control characters that XML cannot hold.
    pub fn set_text(&mut self, text: &str) -> Result<(), XmlError> {
        check_chars(text)?;
        if self.children.is_empty() || text.is_empty() {
            self.start_tag = None;
            self.end_tag = None;
        }
        self.children.clear();
        if !text.is_empty() {
            self.children.push(Node::Text(partial_escape(text).into_owned()));
        }
        Ok(())
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let was_empty_tag = self.start_tag.as_deref().is_some_and(|tag| tag.ends_with("/>"));
        match &self.start_tag {
            Some(tag) if self.children.is_empty() || !was_empty_tag => f.write_str(tag)?,
            _ => {
                write!(f, "<{}", self.name)?;
                for attribute in &self.attributes {
                    // A literal line break in a value would be read back as a blank.
                    let value = escape(attribute.value.as_str()).replace('\n', "&#10;").replace('\t', "&#9;");
                    write!(f, " {}='{value}'", attribute.name)?;
                }
                f.write_str(if self.children.is_empty() && self.end_tag.is_none() { "/>" } else { ">" })?;
            }
        }
        if self.children.is_empty() && self.end_tag.is_none() {
            return Ok(());
        }
        for node in &self.children {
            match node {
                Node::Element(element) => element.fmt(f)?,
                Node::Text(raw) | Node::Other(raw) => f.write_str(raw)?,
                Node::CData(raw) => write!(f, "<![CDATA[{raw}]]>")?,
            }
        }
        match &self.end_tag {
            Some(tag) => f.write_str(tag),
            None => write!(f, "</{}>", self.name),
        }
    }
}

/// A name that is certainly a qualified XML name; rarer letters are not needed for what this crate writes.
fn check_name(name: &str) -> Result<(), XmlError> {
    let part = |part: &str| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && chars.all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let good = match name.split_once(':') {
        Some((prefix, local)) => part(prefix) && part(local),
        None => part(name),
    };
    if good { Ok(()) } else { Err(XmlError::NotWritable { what: format!("the name {name:?}") }) }
}

/// XML 1.0 has no way to write most control characters, not even escaped.
pub(super) fn check_chars(text: &str) -> Result<(), XmlError> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{FFFE}' | '\u{FFFF}'));
    match text.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some(c) => Err(XmlError::NotWritable { what: format!("the character U+{:04X}", u32::from(c)) }),
    }
}
