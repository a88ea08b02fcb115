//! The words of a full-text search.

use memchr::memmem::Finder;

use super::QueryError;
use crate::inventory::entry::Entry;
use crate::inventory::text::fold;

/// Longest search text, bytes.
const TEXT_MAX: usize = 256;
/// Words looked for at once.
const WORDS_MAX: usize = 8;
/// From this length on a word of hexadecimal digits can be a piece of an object's id.
const ID_PIECE_MIN: usize = 8;

/// What a full-text search looks for: every word must be found somewhere.
#[derive(Clone, Debug)]
pub(in crate::inventory) struct Words {
    folded: String,
    words: Vec<Word>,
}

#[derive(Clone, Debug)]
struct Word {
    finder: Finder<'static>,
    id_piece: Option<String>,
}

impl Words {
    /// Reads the parameter `q`. `None` when it holds no word.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, QueryError> {
        if text.len() > TEXT_MAX {
            return Err(QueryError::TooMany { what: "bytes of q", max: TEXT_MAX });
        }
        let folded = fold(text.trim());
        let words: Vec<Word> = folded.split_whitespace().map(Word::new).collect();
        if words.len() > WORDS_MAX {
            return Err(QueryError::TooMany { what: "words of q", max: WORDS_MAX });
        }
        Ok((!words.is_empty()).then_some(Self { folded, words }))
    }

    /// The whole text, folded.
    pub(in crate::inventory) fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether every word is found in the object's name, addresses, platform ids or own id.
    pub(in crate::inventory) fn found_in(&self, entry: &Entry) -> bool {
        self.words.iter().all(|word| word.found_in(entry))
    }
}

impl Word {
    fn new(word: &str) -> Self {
        let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let id_piece = (is_hex && word.len() >= ID_PIECE_MIN).then(|| word.to_owned());
        Self { finder: Finder::new(word).into_owned(), id_piece }
    }

    fn found_in(&self, entry: &Entry) -> bool {
        self.finder.find(entry.search().as_bytes()).is_some()
            || self.id_piece.as_ref().is_some_and(|piece| {
                let mut id = uuid::Uuid::encode_buffer();
                entry.id().0.hyphenated().encode_lower(&mut id).contains(piece.as_str())
            })
    }
}
