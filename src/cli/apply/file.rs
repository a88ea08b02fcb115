//! The file of `apply`: YAML or JSON, several documents or a list of them.
//!
//! Whatever is wrong with it is told with its line, and without a value: a value may be a password.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml_ng::{Deserializer, Mapping, Value};

use crate::cli::failure::Failure;
use crate::cli::password::blocking;

/// A file longer than this was named by mistake.
const LENGTH_LIMIT_BYTES: u64 = 1 << 20;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Member(String),
    Item(usize),
}

/// Something that is wrong, and the line where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) message: String,
}

/// A file that was read. No `Debug`: it may hold passwords.
pub(super) struct Text {
    /// As it is told: `first-run.yaml`, or `standard input`.
    pub(super) name: String,
    /// Where paths in it begin.
    pub(super) directory: PathBuf,
    /// Whether others than its owner can read it.
    pub(super) exposed: bool,
    text: String,
}

/// One document. No `Debug`: it may hold passwords.
pub(super) struct Document {
    /// Its place in the file's stream of documents.
    index: usize,
    /// Its place within that one, where that is a list.
    prefix: Vec<Step>,
    /// Its first line.
    pub(super) line: usize,
    pub(super) members: Mapping,
}

impl Text {
    /// Reads a file; `-` is standard input.
    pub(super) async fn read(path: &Path) -> Result<Self, Failure> {
        let path = path.to_owned();
        blocking(move || Self::read_now(&path)).await
    }

    fn read_now(path: &Path) -> Result<Self, Failure> {
        let from_stdin = path == Path::new("-");
        let name = if from_stdin { "standard input".to_owned() } else { path.display().to_string() };
        let unreadable = |error: std::io::Error| {
            Failure::usage(format!("{name} cannot be read: {error}."), "Name a file, or `-` for standard input.")
        };
        let mut text = String::new();
        let mut exposed = false;
        if from_stdin {
            std::io::stdin().lock().take(LENGTH_LIMIT_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
        } else {
            let file = std::fs::File::open(path).map_err(unreadable)?;
            exposed = file.metadata().is_ok_and(|metadata| is_exposed(&metadata));
            file.take(LENGTH_LIMIT_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
        }
        if text.len() as u64 > LENGTH_LIMIT_BYTES {
            return Err(Failure::usage(
                format!("{name} is too long: at most {LENGTH_LIMIT_BYTES} bytes are read."),
                "Split it into several files.",
            ));
        }
        let directory = path.parent().filter(|_| !from_stdin).map(Path::to_path_buf).unwrap_or_default();
        Ok(Self::new(name, directory, exposed, text))
    }

    pub(super) fn new(name: String, directory: PathBuf, exposed: bool, text: String) -> Self {
        // JSON may be indented with tabs, YAML not. Within the texts of JSON there are none.
        let is_json = text.contains('\t') && serde_json::from_str::<IgnoredAny>(&text).is_ok();
        let text = if is_json { text.replace('\t', " ") } else { text };
        Self { name, directory, exposed, text }
    }

    /// The documents, or everything that hinders reading them.
    pub(super) fn documents(&self) -> Result<Vec<Document>, Vec<Mistake>> {
        let mut documents = Vec::new();
        let mut mistakes = Vec::new();
        for (index, document) in Deserializer::from_str(&self.text).enumerate() {
            match Value::deserialize(document) {
                Ok(Value::Sequence(items)) => {
                    for (item, value) in items.into_iter().enumerate() {
                        self.take(index, vec![Step::Item(item)], value, &mut documents, &mut mistakes);
                    }
                }
                Ok(value) => self.take(index, Vec::new(), value, &mut documents, &mut mistakes),
                Err(error) => {
                    let line = error.location().map_or(1, |location| location.line());
                    let message = error.to_string();
                    let message = message.split(" at line ").next().unwrap_or_default();
                    mistakes.push(Mistake { line, message: format!("it is neither YAML nor JSON: {message}") });
                    // What follows would be read wrongly.
                    break;
                }
            }
        }
        if documents.is_empty() && mistakes.is_empty() {
            mistakes.push(Mistake { line: 1, message: "there is no document in it".to_owned() });
        }
        if mistakes.is_empty() { Ok(documents) } else { Err(mistakes) }
    }

    fn take(
        &self,
        index: usize,
        prefix: Vec<Step>,
        value: Value,
        documents: &mut Vec<Document>,
        mistakes: &mut Vec<Mistake>,
    ) {
        let line = self.find(index, &prefix).unwrap_or(1);
        match value {
            // Nothing but comments.
            Value::Null if prefix.is_empty() => {}
            Value::Mapping(members) => documents.push(Document { index, prefix, line, members }),
            _ => mistakes
                .push(Mistake { line, message: "a document must be a mapping with `kind` and `name`".to_owned() }),
        }
    }

    /// The line of what stands at a path of a document; of the nearest thing around it where it is not there.
    pub(super) fn line(&self, document: &Document, path: &[Step]) -> usize {
        let mut full = document.prefix.clone();
        full.extend_from_slice(path);
        while full.len() > document.prefix.len() {
            if let Some(line) = self.find(document.index, &full) {
                return line;
            }
            full.pop();
        }
        document.line
    }

    fn find(&self, index: usize, path: &[Step]) -> Option<usize> {
        let document = Deserializer::from_str(&self.text).nth(index)?;
        let error = Probe(path).deserialize(document).err()?;
        // The reader says where it was stopped.
        error.to_string().contains(FOUND).then(|| error.location().map(|location| location.line())).flatten()
    }
}

/// Whether others than the owner can read a file.
pub(super) fn is_exposed(metadata: &std::fs::Metadata) -> bool {
    metadata.is_file() && metadata.permissions().mode() & 0o044 != 0
}

/// What a probe says when it is there.
const FOUND: &str = "found it";

/// Reads a document as far as a path leads, and stops there with an error, whose location is that of what was looked for:
/// the one way in which this reader tells a line.
#[derive(Clone, Copy)]
struct Probe<'p>(&'p [Step]);

impl<'de> DeserializeSeed<'de> for Probe<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Probe<'_> {
    fn stop<E: de::Error>(self) -> Result<(), E> {
        if self.0.is_empty() { Err(E::custom(FOUND)) } else { Ok(()) }
    }
}

impl<'de> Visitor<'de> for Probe<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.stop()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.stop()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.stop()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.stop()
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        self.stop()
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.stop()
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        self.stop()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.stop()?;
        let mut place = 0;
        loop {
            let wanted = matches!(self.0.first(), Some(Step::Item(item)) if *item == place);
            let more = if wanted {
                items.next_element_seed(Probe(&self.0[1..]))?
            } else {
                items.next_element::<IgnoredAny>()?.map(drop)
            };
            if more.is_none() {
                return Ok(());
            }
            place += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.stop()?;
        while let Some(wanted) = members.next_key_seed(KeyProbe(self.0))? {
            if wanted {
                members.next_value_seed(Probe(&self.0[1..]))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Looks at a key: stops at it when the path ends there, else says whether the path goes through it.
struct KeyProbe<'p>(&'p [Step]);

impl<'de> DeserializeSeed<'de> for KeyProbe<'_> {
    type Value = bool;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyProbe<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a member's name")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<bool, E> {
        match self.0 {
            [Step::Member(name)] if name == key => Err(E::custom(FOUND)),
            [Step::Member(name), ..] => Ok(name == key),
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        Text::new("f.yaml".to_owned(), PathBuf::new(), false, text.to_owned())
    }

    fn member(name: &str) -> Step {
        Step::Member(name.to_owned())
    }

    const TWO: &str = "# first\n---\nkind: Provider\nname: a\nendpoints:\n  - one\n  - two\n---\n\n- kind: Provider\n  name: b\n- {kind: Provider,\n   name: c, endpoints: x}\n---\n# nothing\n";

    #[test]
    fn documents_and_lists_are_read_with_their_lines() {
        let text = text(TWO);
        let documents = text.documents().unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let lines: Vec<usize> = documents.iter().map(|document| document.line).collect();
        assert_eq!(lines, [3, 10, 12]);
        let at = |document: usize, path: &[Step]| text.line(&documents[document], path);
        assert_eq!(at(0, &[member("name")]), 4);
        assert_eq!(at(0, &[member("endpoints")]), 5);
        assert_eq!(at(0, &[member("endpoints"), Step::Item(1)]), 7);
        assert_eq!(at(0, &[member("endpoints"), Step::Item(7)]), 5, "the nearest around it");
        assert_eq!(at(0, &[member("colour")]), 3);
        assert_eq!(at(1, &[member("name")]), 11);
        assert_eq!(at(2, &[member("endpoints"), Step::Item(0)]), 13);
        assert_eq!(at(2, &[member("colour")]), 12);
    }

    #[test]
    fn json_is_read_too_however_it_is_indented() {
        let text = text(
            "[\n\t{\"kind\": \"Provider\",\n\t \"name\": \"a\\tb\"},\n\t{\"kind\": \"Provider\",\n\t \"name\": \"b\"}\n]",
        );
        let documents = text.documents().unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].members["name"], Value::from("a\tb"));
        assert_eq!(text.line(&documents[1], &[member("name")]), 5);
    }

    #[track_caller]
    fn check_mistake(content: &str, line: usize, message: &str) {
        let Err(mistakes) = text(content).documents() else { panic!("{content} was read") };
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert_eq!(mistakes[0].line, line, "{mistakes:?}");
        assert!(mistakes[0].message.contains(message), "{mistakes:?}");
        assert!(!mistakes[0].message.contains("hunter2"), "{mistakes:?}");
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        check_mistake("", 1, "no document");
        check_mistake("# only this\n---\n", 1, "no document");
        check_mistake("kind: Provider\nname: a: hunter2\n", 2, "neither YAML nor JSON");
        check_mistake("kind: Provider\npassword: hunter2\npassword: hunter2\n", 1, "duplicate");
        check_mistake("kind: Provider\n---\nhunter2\n", 3, "must be a mapping");
        check_mistake("- kind: Provider\n- 7\n", 2, "must be a mapping");
    }
}
