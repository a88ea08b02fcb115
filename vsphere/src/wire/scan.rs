//! Cuts XML into tags and texts while it arrives.
//!
//! A first load of a large vCenter is hundreds of megabytes of small elements, so this is made for them: the text is looked at
//! in place, and an element that holds nothing but text is one token. Why it is our own:
//! `docs/adr/0012-soap-scanner.md`, which also lists what it takes although XML forbids it.
//!
//! Kept here: text is UTF-8 without NUL, nothing is expanded, document types are refused, and the bounds on an answer, a tag
//! and a piece of text hold whichever way the answer is cut into pieces.

use std::io::BufRead;

use super::decode::{DecodeError, LimitKind};
use super::limits::Limits;

/// What stands next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `<name attributes>`.
    Open { name: &'a str, attributes: &'a str },
    /// `<name attributes/>`.
    Empty { name: &'a str, attributes: &'a str },
    /// `<name attributes>text</name>`, where the text is as it stands there.
    Leaf { name: &'a str, attributes: &'a str, text: &'a str },
    /// `</name>`.
    Close { name: &'a str },
    /// Text, or a part of one.
    Text(&'a str),
    /// `&name;`.
    Entity(&'a str),
}

/// What is taken in at once by far the most often: a buffer of this size does not grow.
const BUFFER_BYTES: usize = 128 << 10;
/// The longest entity: `&#x10FFFF;` with some leading zeros.
const ENTITY_BYTES: usize = 32;

/// What stands at the beginning of the text at hand.
enum Found {
    /// A token, with the number of bytes to go on by.
    Token(Shape, usize),
    /// Nothing that counts, of so many bytes.
    Nothing(usize),
    /// The beginning of something whose length this bounds: more must come.
    More(LimitKind),
}

/// A token by the places of its parts from where it begins.
enum Shape {
    Open {
        name: usize,
        attributes: usize,
    },
    Empty {
        name: usize,
        attributes: usize,
    },
    Leaf {
        name: usize,
        attributes: usize,
        text: usize,
    },
    Close {
        name: usize,
    },
    /// From and to.
    Text(usize, usize),
    /// A line's end, whichever way it is written.
    LineEnd,
    Entity {
        end: usize,
    },
}

/// See the module.
pub(super) struct Scanner<R> {
    source: R,
    limits: Limits,
    /// What came and is not done with, from `at` on.
    text: String,
    at: usize,
    /// The beginning of a character whose end has not come.
    partial: Vec<u8>,
    /// Bytes that came so far.
    bytes: u64,
    ended: bool,
}

impl<R: BufRead> Scanner<R> {
    pub(super) fn new(source: R, limits: Limits) -> Self {
        let text = String::with_capacity(BUFFER_BYTES);
        Self { source, limits, text, at: 0, partial: Vec::new(), bytes: 0, ended: false }
    }

    /// The next token; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token<'_>>, DecodeError> {
        loop {
            let rest = &self.text[self.at..];
            if rest.is_empty() {
                if self.ended {
                    return Ok(None);
                }
                self.fill()?;
                continue;
            }
            match find(rest, self.ended)? {
                Found::Nothing(bytes) => {
                    self.within(bytes, LimitKind::TextBytes)?;
                    self.at += bytes;
                }
                Found::Token(shape, bytes) => {
                    if let Some((bytes, limit)) = shape.markup(bytes) {
                        self.within(bytes, limit)?;
                    }
                    let from = self.at;
                    self.at += bytes;
                    return Ok(Some(shape.of(&self.text[from..self.at])));
                }
                Found::More(limit) => {
                    // At least one byte is missing: what is refused here would be refused as a whole as well.
                    self.within(rest.len() + 1, limit)?;
                    if self.ended {
                        return Err(DecodeError::Truncated);
                    }
                    self.fill()?;
                }
            }
        }
    }

    /// Passes over what the element holds that was opened last, and its end. That the tags within belong together is not
    /// looked at, only that as many are closed as were opened.
    pub(super) fn pass_over(&mut self) -> Result<(), DecodeError> {
        let mut open = 1_usize;
        while open > 0 {
            match self.next()? {
                Some(Token::Open { .. }) => open += 1,
                Some(Token::Close { .. }) => open -= 1,
                Some(_) => {}
                None => return Err(DecodeError::Truncated),
            }
        }
        Ok(())
    }

    /// Refuses markup that is longer than it may be.
    fn within(&self, bytes: usize, limit: LimitKind) -> Result<(), DecodeError> {
        let most = if limit == LimitKind::TagBytes { self.limits.tag_bytes } else { self.limits.text_bytes };
        if bytes > most { Err(DecodeError::Limit(limit)) } else { Ok(()) }
    }

    /// Takes more of the source in.
    fn fill(&mut self) -> Result<(), DecodeError> {
        self.text.drain(..self.at);
        self.at = 0;
        // What is cut at the end of a piece is looked at again with the next: only when as much again has come, or a source
        // that hands out single bytes would cost the square of their number.
        let wanted = 2 * self.text.len() + 1;
        while self.text.len() < wanted && !self.ended {
            let bytes = match self.source.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(DecodeError::Read(error)),
            };
            let count = bytes.len();
            self.bytes += count as u64;
            if self.bytes > self.limits.answer_bytes {
                return Err(DecodeError::Limit(LimitKind::AnswerBytes));
            }
            if count == 0 {
                self.ended = true;
                if !self.partial.is_empty() {
                    return Err(DecodeError::Xml("the text is not UTF-8"));
                }
            } else if self.partial.is_empty() {
                append(&mut self.text, bytes, &mut self.partial)?;
            } else {
                let mut joined = std::mem::take(&mut self.partial);
                joined.extend_from_slice(bytes);
                append(&mut self.text, &joined, &mut self.partial)?;
            }
            self.source.consume(count);
        }
        Ok(())
    }
}

/// Adds bytes to a text; the beginning of a character at their end is kept aside.
fn append(text: &mut String, bytes: &[u8], partial: &mut Vec<u8>) -> Result<(), DecodeError> {
    const NOT_UTF_8: DecodeError = DecodeError::Xml("the text is not UTF-8");
    if memchr::memchr(0, bytes).is_some() {
        return Err(DecodeError::Xml("the text has a NUL"));
    }
    let whole = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return Err(NOT_UTF_8),
    };
    let (whole, rest) = bytes.split_at(whole);
    text.push_str(std::str::from_utf8(whole).map_err(|_| NOT_UTF_8)?);
    partial.extend_from_slice(rest);
    Ok(())
}

impl Shape {
    /// The length of its markup and the bound on that. Plain text, and a leaf's, is bounded where it is put together.
    fn markup(&self, bytes: usize) -> Option<(usize, LimitKind)> {
        match self {
            Shape::Open { attributes, .. } | Shape::Leaf { attributes, .. } => {
                Some((attributes + 1, LimitKind::TagBytes))
            }
            Shape::Empty { .. } | Shape::Close { .. } => Some((bytes, LimitKind::TagBytes)),
            // Raw text: plain text begins where its token does.
            Shape::Text(from, _) if *from > 0 => Some((bytes, LimitKind::TextBytes)),
            Shape::Text(..) | Shape::LineEnd | Shape::Entity { .. } => None,
        }
    }

    fn of(self, text: &str) -> Token<'_> {
        match self {
            Shape::Open { name, attributes } => {
                Token::Open { name: &text[1..name], attributes: &text[name..attributes] }
            }
            Shape::Empty { name, attributes } => {
                Token::Empty { name: &text[1..name], attributes: &text[name..attributes] }
            }
            Shape::Leaf { name, attributes, text: end } => Token::Leaf {
                name: &text[1..name],
                attributes: &text[name..attributes],
                text: &text[attributes + 1..end],
            },
            Shape::Close { name } => Token::Close { name: &text[2..name] },
            Shape::Text(from, to) => Token::Text(&text[from..to]),
            Shape::LineEnd => Token::Text("\n"),
            Shape::Entity { end } => Token::Entity(&text[1..end]),
        }
    }
}

/// What stands at the beginning of a text. `ended`: nothing comes after it.
fn find(text: &str, ended: bool) -> Result<Found, DecodeError> {
    let bytes = text.as_bytes();
    match bytes[0] {
        b'<' => markup(bytes),
        b'&' => match bytes.iter().take(ENTITY_BYTES).position(|byte| *byte == b';') {
            Some(end) => Ok(Found::Token(Shape::Entity { end }, end + 1)),
            None if bytes.len() < ENTITY_BYTES && !ended => Ok(Found::More(LimitKind::TextBytes)),
            None => Err(DecodeError::Entity),
        },
        b'\r' => match bytes.get(1) {
            Some(b'\n') => Ok(Found::Token(Shape::LineEnd, 2)),
            None if !ended => Ok(Found::More(LimitKind::TextBytes)),
            _ => Ok(Found::Token(Shape::LineEnd, 1)),
        },
        _ => {
            let end = memchr::memchr3(b'<', b'&', b'\r', bytes).unwrap_or(bytes.len());
            Ok(Found::Token(Shape::Text(0, end), end))
        }
    }
}

/// What begins with `<`.
fn markup(bytes: &[u8]) -> Result<Found, DecodeError> {
    match bytes.get(1) {
        None => Ok(Found::More(LimitKind::TagBytes)),
        Some(b'/') => {
            let Some(end) = memchr::memchr(b'>', bytes) else { return Ok(Found::More(LimitKind::TagBytes)) };
            let name = end - bytes[..end].iter().rev().take_while(|byte| is_blank(**byte)).count();
            Ok(Found::Token(Shape::Close { name }, end + 1))
        }
        Some(b'?') => Ok(match memchr::memmem::find(bytes, b"?>") {
            Some(end) => Found::Nothing(end + 2),
            None => Found::More(LimitKind::TextBytes),
        }),
        Some(b'!') => declaration(bytes),
        Some(_) => tag(bytes),
    }
}

/// What begins with `<!`: comments, raw text, and document types, which SOAP forbids.
fn declaration(bytes: &[u8]) -> Result<Found, DecodeError> {
    const COMMENT: &[u8] = b"<!--";
    const RAW: &[u8] = b"<![CDATA[";
    const DOCTYPE: &[u8] = b"<!DOCTYPE";
    let begins = |what: &[u8]| bytes.starts_with(what);
    let can_begin = |what: &[u8]| bytes.len() < what.len() && what.starts_with(bytes);
    let end_after = |skip: usize, what: &[u8]| memchr::memmem::find(&bytes[skip..], what).map(|at| skip + at);
    if begins(COMMENT) {
        return Ok(match end_after(COMMENT.len(), b"-->") {
            Some(end) => Found::Nothing(end + 3),
            None => Found::More(LimitKind::TextBytes),
        });
    }
    if begins(RAW) {
        return Ok(match end_after(RAW.len(), b"]]>") {
            Some(end) => Found::Token(Shape::Text(RAW.len(), end), end + 3),
            None => Found::More(LimitKind::TextBytes),
        });
    }
    if bytes.get(..DOCTYPE.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(DOCTYPE)) {
        return Err(DecodeError::Doctype);
    }
    if [COMMENT, RAW, DOCTYPE].iter().any(|what| can_begin(what)) {
        return Ok(Found::More(LimitKind::TagBytes));
    }
    Err(DecodeError::Xml("a declaration that SOAP does not have"))
}

/// A start tag; with the text and the end tag that follow it, where that is all that its element holds.
fn tag(bytes: &[u8]) -> Result<Found, DecodeError> {
    let name = 1 + bytes[1..]
        .iter()
        .position(|byte| matches!(byte, b'>' | b'/') || is_blank(*byte))
        .unwrap_or(bytes.len() - 1);
    let Some(end) = tag_end(bytes, name) else { return Ok(Found::More(LimitKind::TagBytes)) };
    if name == 1 {
        return Err(DecodeError::Xml("a tag without a name"));
    }
    if bytes[end - 1] == b'/' {
        return Ok(Found::Token(Shape::Empty { name, attributes: end - 1 }, end + 1));
    }
    let open = Found::Token(Shape::Open { name, attributes: end }, end + 1);
    let rest = &bytes[end + 1..];
    let Some(text) = memchr::memchr3(b'<', b'&', b'\r', rest) else { return Ok(open) };
    let Some(close) = rest[text..].strip_prefix(b"</") else { return Ok(open) };
    let whole = close.strip_prefix(&bytes[1..name]).is_some_and(|close| close.starts_with(b">"));
    if !whole {
        return Ok(open);
    }
    let text = end + 1 + text;
    // `</`, the name, `>`.
    Ok(Found::Token(Shape::Leaf { name, attributes: end, text }, text + name + 2))
}

/// Where a tag ends: the first `>` that is not within quotes.
fn tag_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let found = at + memchr::memchr3(b'>', b'"', b'\'', bytes.get(at..)?)?;
        match bytes[found] {
            b'>' => return Some(found),
            quote => at = found + 1 + memchr::memchr(quote, &bytes[found + 1..])? + 1,
        }
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The attributes of a tag: names and values as they stand there.
pub(super) struct Attributes<'a>(pub(super) &'a str);

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(&'a str, &'a str), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.trim_start_matches(|character: char| character.is_ascii() && is_blank(character as u8));
        if rest.is_empty() {
            return None;
        }
        let (attribute, rest) = split_attribute(rest).map_or((None, ""), |(attribute, rest)| (Some(attribute), rest));
        self.0 = rest;
        Some(attribute.ok_or(DecodeError::Xml("a malformed attribute")))
    }
}

/// The first attribute of a text that begins with it, and what follows it.
fn split_attribute(text: &str) -> Option<((&str, &str), &str)> {
    let bytes = text.as_bytes();
    let not_blank = |from: usize| bytes[from..].iter().position(|byte| !is_blank(*byte)).map(|at| from + at);
    let name = bytes.iter().position(|byte| *byte == b'=' || is_blank(*byte)).filter(|name| *name > 0)?;
    let equals = not_blank(name).filter(|at| bytes[*at] == b'=')?;
    let open = not_blank(equals + 1).filter(|at| matches!(bytes[*at], b'"' | b'\''))?;
    let close = open + 1 + bytes[open + 1..].iter().position(|byte| *byte == bytes[open])?;
    Some(((&text[..name], &text[open + 1..close]), &text[close + 1..]))
}
