//! The words of a full-text search.

use memchr::memmem::Finder;

use super::QueryError;
use crate::inventory::text::fold;
use crate::model::ObjectId;

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

/// One word.
#[derive(Clone, Debug)]
pub(in crate::inventory) struct Word {
    finder: Finder<'static>,
    id_piece: Option<String>,
}

impl Words {
    /// Reads the parameter `q`. `None` when it holds no word.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, QueryError> {
        if text.len() > TEXT_MAX {
            return Err(QueryError::TooMany { field: "q", what: "bytes", max: TEXT_MAX });
        }
        let folded = fold(text.trim());
        let words: Vec<Word> = folded.split_whitespace().map(Word::new).collect();
        if words.len() > WORDS_MAX {
            return Err(QueryError::TooMany { field: "q", what: "words", max: WORDS_MAX });
        }
        Ok((!words.is_empty()).then_some(Self { folded, words }))
    }

    /// The whole text, folded.
    pub(in crate::inventory) fn folded(&self) -> &str {
        &self.folded
    }

    /// The single words.
    pub(in crate::inventory) fn words(&self) -> &[Word] {
        &self.words
    }
}

impl Word {
    fn new(word: &str) -> Self {
        let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let id_piece = (is_hex && word.len() >= ID_PIECE_MIN).then(|| word.to_owned());
        Self { finder: Finder::new(word).into_owned(), id_piece }
    }

    /// Finds it in a folded text.
    pub(in crate::inventory) fn finder(&self) -> &Finder<'static> {
        &self.finder
    }

    /// Whether it can be a piece of an object's id.
    pub(in crate::inventory) fn can_be_of_id(&self) -> bool {
        self.id_piece.is_some()
    }

    /// Whether it is a piece of this id.
    pub(in crate::inventory) fn is_in_id(&self, id: ObjectId) -> bool {
        let mut text = uuid::Uuid::encode_buffer();
        let text: &str = id.0.hyphenated().encode_lower(&mut text);
        self.id_piece.as_ref().is_some_and(|piece| text.contains(piece.as_str()))
    }
}
