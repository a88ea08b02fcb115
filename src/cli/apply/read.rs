//! Reads documents: what every kind has, and the members of each, so that all mistakes of a file are told at once.

use std::fs;
use std::io::Read as _;

use secrecy::SecretString;
use serde_yaml_ng::Value;

use super::file::{Document, Mistake, Step, Text, is_exposed};
use super::{KINDS, Kind};
use crate::cli::problem::meant;

/// A password longer than this is a file that was named by mistake.
const PASSWORD_LIMIT_BYTES: u64 = 4096;

/// A member of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Member<T> {
    /// It is not named: what is there stays.
    Absent,
    /// `null`: what is there is cleared.
    Clear,
    /// A value.
    Set(T),
}

impl<T> Member<T> {
    /// The same with another value.
    pub(super) fn map<U>(self, make: impl FnOnce(T) -> U) -> Member<U> {
        match self {
            Member::Absent => Member::Absent,
            Member::Clear => Member::Clear,
            Member::Set(value) => Member::Set(make(value)),
        }
    }
}

/// What a document asks for, in the words of the API. No `Debug`: the bodies may hold a password.
pub(super) struct Wish {
    pub(super) kind: &'static Kind,
    pub(super) document: Document,
    pub(super) name: String,
    /// The body that makes it.
    pub(super) create: serde_json::Value,
    /// The body that edits it.
    pub(super) patch: serde_json::Value,
    /// What cannot be edited, by the API's word.
    pub(super) fixed: Vec<(&'static str, serde_json::Value)>,
}

impl Wish {
    /// How it is called: `provider/lab`.
    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.kind.noun, self.name)
    }

    /// The line of what a member of the API stands for, and that member's word in the file.
    pub(super) fn place(&self, text: &Text, member: &str) -> (usize, String) {
        let path = (self.kind.place)(member, &self.document.members);
        let mut word = String::new();
        for step in &path {
            match step {
                Step::Member(name) => word.push_str(name),
                Step::Item(place) => word.push_str(&format!("[{place}]")),
            }
        }
        (text.line(&self.document, &path), word)
    }
}

/// Everything that a file asks for, and what people should know of it beside.
pub(super) struct Wishes {
    pub(super) wishes: Vec<Wish>,
    pub(super) warnings: Vec<String>,
}

/// Reads all documents.
///
/// # Errors
/// Everything that is wrong with them, by line.
pub(super) fn wishes(text: &Text) -> Result<Wishes, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut read = Wishes { wishes: Vec::new(), warnings: Vec::new() };
    for document in text.documents()? {
        let mut reader = Reader { text, document: &document, mistakes: Vec::new(), warnings: Vec::new() };
        let found = reader.common();
        // Also of a document without a name all mistakes are told.
        let bodies = found.as_ref().map(|(kind, name)| (kind.read)(&mut reader, name.as_deref().unwrap_or_default()));
        mistakes.append(&mut reader.mistakes);
        read.warnings.append(&mut reader.warnings);
        let (Some((kind, Some(name))), Some(bodies)) = (found, bodies) else { continue };
        // Names are unique without regard to case.
        let same = |other: &&Wish| other.kind.word == kind.word && other.name.to_lowercase() == name.to_lowercase();
        if let Some(first) = read.wishes.iter().find(same) {
            let line = text.line(&document, &[Step::Member("name".to_owned())]);
            let message = format!("`name` is that of the document at line {} already", first.document.line);
            mistakes.push(Mistake { line, message });
        }
        let Bodies { create, patch, fixed } = bodies;
        read.wishes.push(Wish { kind, document, name, create, patch, fixed });
    }
    if mistakes.is_empty() {
        return Ok(read);
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    Err(mistakes)
}

/// What the API is asked with; see [`Wish`].
pub(super) struct Bodies {
    pub(super) create: serde_json::Value,
    pub(super) patch: serde_json::Value,
    pub(super) fixed: Vec<(&'static str, serde_json::Value)>,
}

/// Takes members out of a document, and notes what is wrong with them.
pub(super) struct Reader<'d> {
    text: &'d Text,
    document: &'d Document,
    mistakes: Vec<Mistake>,
    warnings: Vec<String>,
}

impl<'d> Reader<'d> {
    /// The kind, the name, and whether there is anything that the kind does not have.
    fn common(&mut self) -> Option<(&'static Kind, Option<String>)> {
        let words: Vec<&str> = KINDS.iter().map(|kind| kind.word).collect();
        let word = self.needed("kind", &words.join(", "))?;
        let Some(kind) = KINDS.iter().find(|kind| kind.word == word) else {
            self.wrong("kind", &format!("is not one that there is: {}", words.join(", ")));
            return None;
        };
        for key in self.document.members.keys() {
            match key.as_str() {
                Some(key) if kind.members.contains(&key) => {}
                Some(key) => {
                    let hint = kind.hints.iter().find(|(word, _)| *word == key).map(|(_, hint)| *hint);
                    let hint = hint.or_else(|| meant(key, kind.members.iter().copied()));
                    let all = || format!("; there are: {}", kind.members.join(", "));
                    let hint = hint.map(|hint| format!(": write it as `{hint}`"));
                    self.wrong(key, &format!("is unknown{}", hint.unwrap_or_else(all)));
                }
                None => {
                    let message = "the names of members must be texts".to_owned();
                    self.mistakes.push(Mistake { line: self.document.line, message });
                }
            }
        }
        let name = self.needed("name", "a text").map(|name| name.trim().to_owned());
        if name.as_ref().is_some_and(String::is_empty) {
            self.wrong("name", "must not be empty");
        }
        Some((kind, name.filter(|name| !name.is_empty())))
    }

    /// A text that must be there.
    fn needed(&mut self, member: &str, what: &str) -> Option<String> {
        if !matches!(self.value(member), Member::Set(_)) {
            self.wrong(member, &format!("is missing: {what}"));
        }
        match self.text(member) {
            Member::Set(text) => Some(text),
            Member::Absent | Member::Clear => None,
        }
    }

    /// Notes that a member is wrong.
    pub(super) fn wrong(&mut self, member: &str, message: &str) {
        let line = self.text.line(self.document, &[Step::Member(member.to_owned())]);
        self.mistakes.push(Mistake { line, message: format!("`{member}` {message}") });
    }

    fn value(&self, member: &str) -> Member<&'d Value> {
        match self.document.members.get(member) {
            None => Member::Absent,
            Some(Value::Null) => Member::Clear,
            Some(value) => Member::Set(value),
        }
    }

    /// A text.
    pub(super) fn text(&mut self, member: &str) -> Member<String> {
        match self.value(member) {
            Member::Absent => Member::Absent,
            Member::Clear => Member::Clear,
            Member::Set(Value::String(text)) => Member::Set(text.clone()),
            Member::Set(Value::Number(_) | Value::Bool(_)) => {
                self.wrong(member, "must be a text: put it in quotes");
                Member::Absent
            }
            Member::Set(_) => {
                self.wrong(member, "must be a text");
                Member::Absent
            }
        }
    }

    /// A text, or a list of texts.
    pub(super) fn texts(&mut self, member: &str) -> Member<Vec<String>> {
        let Member::Set(Value::Sequence(items)) = self.value(member) else {
            return match self.text(member) {
                Member::Absent => Member::Absent,
                Member::Clear => Member::Clear,
                Member::Set(text) => Member::Set(vec![text]),
            };
        };
        let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        if texts.is_none() {
            self.wrong(member, "must be a list of texts");
        }
        texts.map_or(Member::Absent, Member::Set)
    }

    /// True or false.
    pub(super) fn flag(&mut self, member: &str) -> Member<bool> {
        match self.value(member) {
            Member::Absent => Member::Absent,
            Member::Clear => Member::Clear,
            Member::Set(Value::Bool(flag)) => Member::Set(*flag),
            Member::Set(_) => {
                self.wrong(member, "must be true or false");
                Member::Absent
            }
        }
    }

    /// A password: in a variable (`…_env`), in a file (`…_file`), or in the document itself.
    pub(super) fn password(&mut self, member: &str) -> Member<SecretString> {
        let names = [member.to_owned(), format!("{member}_env"), format!("{member}_file")];
        let given: Vec<&String> = names.iter().filter(|name| !matches!(self.value(name), Member::Absent)).collect();
        match given.as_slice() {
            [] => Member::Absent,
            [one] => match self.text(one) {
                Member::Set(text) => self.secret(member, one, text),
                Member::Clear => Member::Clear,
                Member::Absent => Member::Absent,
            },
            [_, second, ..] => {
                let message = format!("is one too many: give one of {}", names.join(", "));
                self.wrong(second, &message);
                Member::Absent
            }
        }
    }

    fn secret(&mut self, member: &str, given: &str, text: String) -> Member<SecretString> {
        let secret = if given == member {
            if self.text.exposed {
                let name = &self.text.name;
                self.warnings.push(format!(
                    "{name} holds a password and can be read by others: `chmod 600 {name}`, or use {member}_env or {member}_file."
                ));
            }
            text
        } else if given.ends_with("_env") {
            match std::env::var(&text) {
                Ok(secret) => secret,
                Err(_) => {
                    self.wrong(given, &format!("names the variable {text}, which is not set"));
                    return Member::Absent;
                }
            }
        } else {
            match self.contents(&text, PASSWORD_LIMIT_BYTES, true) {
                // The line's end is the editor's, all else belongs to the password.
                Ok(secret) => secret.trim_end_matches('\n').trim_end_matches('\r').to_owned(),
                Err(why) => {
                    self.wrong(given, &why);
                    return Member::Absent;
                }
            }
        };
        if secret.is_empty() {
            self.wrong(given, "gives an empty password");
            return Member::Absent;
        }
        Member::Set(secret.into())
    }

    /// What is in a file that a document names; its path begins where the document is.
    pub(super) fn contents(&mut self, path: &str, limit_bytes: u64, is_secret: bool) -> Result<String, String> {
        let path = self.text.directory.join(path);
        let shown = path.display().to_string();
        let unreadable = |error: std::io::Error| format!("names {shown}, which cannot be read: {error}");
        let file = fs::File::open(&path).map_err(unreadable)?;
        if is_secret && file.metadata().is_ok_and(|metadata| is_exposed(&metadata)) {
            self.warnings.push(format!("{shown} holds a password and can be read by others: `chmod 600 {shown}`."));
        }
        let mut contents = String::new();
        file.take(limit_bytes + 1).read_to_string(&mut contents).map_err(unreadable)?;
        if contents.len() as u64 > limit_bytes {
            return Err(format!("names {shown}, which is longer than {limit_bytes} bytes"));
        }
        Ok(contents)
    }
}
