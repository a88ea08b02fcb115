//! Texts without regard to case, and texts that are kept once.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use memchr::memmem::Finder;

use crate::model::Value;

/// The form in which texts are compared: every character in lower case, as the order of [`Value`] has it.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().flat_map(char::to_lowercase).collect() }
}

/// The folded form, sharing the text where it is folded already.
pub(super) fn fold_shared(text: &Arc<str>) -> Arc<str> {
    if is_folded(text) { text.clone() } else { fold(text).into() }
}

fn is_folded(text: &str) -> bool {
    if text.is_ascii() {
        !text.bytes().any(|byte| byte.is_ascii_uppercase())
    } else {
        text.chars().flat_map(char::to_lowercase).eq(text.chars())
    }
}

/// Whether `text`, folded, is `folded`.
pub(super) fn fold_eq(text: &str, folded: &str) -> bool {
    if text.is_ascii() {
        text.eq_ignore_ascii_case(folded)
    } else {
        text.chars().flat_map(char::to_lowercase).eq(folded.chars())
    }
}

/// Whether `text`, folded, begins with `folded`.
pub(super) fn fold_starts_with(text: &str, folded: &str) -> bool {
    if text.is_ascii() {
        text.len() >= folded.len() && text.as_bytes()[..folded.len()].eq_ignore_ascii_case(folded.as_bytes())
    } else {
        fold(text).starts_with(folded)
    }
}

/// Whether `text`, folded, contains what the finder looks for.
pub(super) fn fold_contains(text: &str, finder: &Finder<'_>) -> bool {
    if is_folded(text) { finder.find(text.as_bytes()).is_some() } else { finder.find(fold(text).as_bytes()).is_some() }
}

/// Keeps texts and lists that repeat (operating systems, folder paths, ids of networks) once. It remembers a bounded
/// number of them, so that texts which never repeat cost nothing.
#[derive(Debug)]
pub(super) struct Interner {
    hasher: RandomState,
    kept: Vec<Value>,
}

impl Default for Interner {
    fn default() -> Self {
        Self { hasher: RandomState::new(), kept: vec![Value::Null; Self::PLACES] }
    }
}

impl Interner {
    const PLACES: usize = 1 << 14;

    /// The same value, sharing the allocation of an equal one where it is remembered.
    pub(super) fn intern(&mut self, value: Value) -> Value {
        let value = match value {
            Value::List(items) => {
                let changed = items.iter().any(|item| matches!(item, Value::Text(_)));
                if changed {
                    Value::List(items.iter().map(|item| self.keep(item.clone())).collect())
                } else {
                    Value::List(items)
                }
            }
            other => other,
        };
        self.keep(value)
    }

    /// The same for a text.
    pub(super) fn intern_text(&mut self, text: &str) -> Arc<str> {
        match self.keep(Value::Text(text.into())) {
            Value::Text(text) => text,
            _ => text.into(),
        }
    }

    fn keep(&mut self, value: Value) -> Value {
        if !matches!(value, Value::Text(_) | Value::List(_)) {
            return value;
        }
        let place = usize::try_from(self.hasher.hash_one(&value)).unwrap_or(0) % Self::PLACES;
        let kept = &mut self.kept[place];
        if *kept == value {
            return kept.clone();
        }
        // What several share already stays; the next one here is more likely one of those that never repeat.
        let is_shared = match kept {
            Value::Text(text) => Arc::strong_count(text) > 2,
            Value::List(items) => Arc::strong_count(items) > 2,
            _ => false,
        };
        if !is_shared {
            *kept = value.clone();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_the_same_in_every_form() {
        for (text, folded) in [("Web-01", "web-01"), ("ÄRGER", "ärger"), ("İ", "i\u{307}"), ("ΟΔΟΣ", "οδοσ"), ("", "")]
        {
            assert_eq!(fold(text), folded);
            assert!(fold_eq(text, folded));
            assert!(fold_starts_with(text, folded));
            assert!(fold_contains(text, &Finder::new(folded)));
            assert_eq!(&*fold_shared(&text.into()), folded);
            assert_eq!(Value::Text(folded.into()).cmp(&Value::Text(folded.into())), std::cmp::Ordering::Equal);
        }
        assert!(!fold_starts_with("we", "web"));
        assert!(!fold_eq("webs", "web"));
    }

    #[test]
    fn equal_texts_share_one_allocation() {
        let mut interner = Interner::default();
        let list = || Value::List([Value::Text("10.0.0.1".into())].into());
        let (Value::List(a), Value::List(b)) = (interner.intern(list()), interner.intern(list())) else { panic!() };
        assert!(Arc::ptr_eq(&a, &b));
        assert!(Arc::ptr_eq(&interner.intern_text("x"), &interner.intern_text("x")));
    }
}
