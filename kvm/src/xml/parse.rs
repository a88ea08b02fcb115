//! From text to [`Document`], within limits.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::document::{Attribute, Document, Element, Node};
use super::{XML_BYTES_MAX, XML_DEPTH_MAX, XML_NODES_MAX, XmlError};

/// The parser's state between two events.
struct Builder {
    prolog: String,
    root: Option<Element>,
    epilog: String,
    /// Elements that are still open, outermost first.
    open: Vec<Element>,
    nodes: usize,
}

pub(super) fn document(text: &str) -> Result<Document, XmlError> {
    if text.len() > XML_BYTES_MAX {
        return Err(XmlError::TooLarge { bytes: text.len() });
    }
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.enable_all_checks(true);
    config.allow_dangling_amp = false;
    let mut builder = Builder { prolog: String::new(), root: None, epilog: String::new(), open: Vec::new(), nodes: 0 };
    let mut start = 0;
    loop {
        let event = reader.read_event().map_err(|error| malformed(start, &error))?;
        let end = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
        let raw = text.get(start..end).ok_or_else(|| malformed(start, &"cut inside a character"))?;
        if matches!(event, Event::Eof) {
            break;
        }
        builder.event(&event, raw, start)?;
        start = end;
    }
    if !builder.open.is_empty() {
        return Err(malformed(text.len(), &"an element is not closed"));
    }
    let root = builder.root.ok_or_else(|| malformed(text.len(), &"there is no element"))?;
    Ok(Document { prolog: builder.prolog, root, epilog: builder.epilog })
}

fn malformed(offset: usize, reason: &dyn std::fmt::Display) -> XmlError {
    XmlError::Malformed { offset, reason: reason.to_string() }
}

impl Builder {
    fn event(&mut self, event: &Event<'_>, raw: &str, at: usize) -> Result<(), XmlError> {
        self.nodes += 1;
        if self.nodes > XML_NODES_MAX {
            return Err(XmlError::TooManyNodes);
        }
        match event {
            Event::Start(tag) => {
                if self.open.len() >= XML_DEPTH_MAX {
                    return Err(XmlError::TooDeep);
                }
                let element = self.element(tag, raw, at)?;
                self.open.push(element);
                Ok(())
            }
            Event::Empty(tag) => {
                if self.open.len() >= XML_DEPTH_MAX {
                    return Err(XmlError::TooDeep);
                }
                let element = self.element(tag, raw, at)?;
                self.close(element, at)
            }
            Event::End(_) => {
                let Some(mut element) = self.open.pop() else {
                    return Err(malformed(at, &"an end tag without its start"));
                };
                element.set_end_tag(raw);
                self.close(element, at)
            }
            Event::Text(_) => self.text(raw, at),
            Event::GeneralRef(reference) => {
                let name: &str = reference;
                let known = matches!(name, "lt" | "gt" | "amp" | "quot" | "apos");
                if !known && !matches!(reference.resolve_char_ref(), Ok(Some(_))) {
                    return Err(XmlError::Entity { name: shorten(name) });
                }
                self.text(raw, at)
            }
            Event::CData(data) => match self.open.last_mut() {
                Some(element) => {
                    element.push_node(Node::CData(data.clone().into_inner().into_owned()));
                    Ok(())
                }
                None => Err(malformed(at, &"a CDATA section outside the root")),
            },
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {
                match self.open.last_mut() {
                    Some(element) => element.push_node(Node::Other(raw.to_owned())),
                    None => self.outside().push_str(raw),
                }
                Ok(())
            }
            Event::DocType(_) => Err(XmlError::DocType),
            Event::Eof => Ok(()),
        }
    }

    fn outside(&mut self) -> &mut String {
        if self.root.is_some() { &mut self.epilog } else { &mut self.prolog }
    }

    fn text(&mut self, raw: &str, at: usize) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(element) => element.push_node(Node::Text(raw.to_owned())),
            None if raw.trim_start_matches('\u{FEFF}').trim().is_empty() => self.outside().push_str(raw),
            None => return Err(malformed(at, &"text outside the root")),
        }
        Ok(())
    }

    fn element(&self, tag: &BytesStart<'_>, raw: &str, at: usize) -> Result<Element, XmlError> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(malformed(at, &"a second root element"));
        }
        let name = tag.name().0.to_owned();
        if name.is_empty() {
            return Err(malformed(at, &"an element without a name"));
        }
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| malformed(at, &error))?;
            let value = quick_xml::escape::unescape(&attribute.value).map_err(|error| match error {
                quick_xml::escape::EscapeError::UnrecognizedEntity(_, name) => {
                    XmlError::Entity { name: shorten(&name) }
                }
                other => malformed(at, &other),
            })?;
            attributes.push(Attribute { name: attribute.key.0.to_owned(), value: value.into_owned() });
        }
        Ok(Element::from_parts(name, attributes, raw.to_owned()))
    }

    fn close(&mut self, element: Element, at: usize) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(parent) => parent.push_node(Node::Element(element)),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err(malformed(at, &"a second root element")),
        }
        Ok(())
    }
}

/// Enough of a foreign text to recognise it in a message.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}
