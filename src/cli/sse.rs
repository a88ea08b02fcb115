//! Server-sent events, read as the standard says: any line end, any split between packets.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its type; `message` where none is given.
    pub(crate) name: String,
    /// Its text.
    pub(crate) data: String,
    /// The last id that the stream gave, here or earlier: where to go on after an interruption.
    pub(crate) id: String,
}

/// An event larger than this is no event of the gateway.
const EVENT_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// The stream is not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Puts events together from the bytes of a stream.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
    /// How far the buffer was searched for a line's end.
    searched: usize,
    begun: bool,
    after_carriage_return: bool,
    name: String,
    data: String,
    id: String,
}

impl Decoder {
    /// Takes bytes as they come and gives the events that they complete.
    ///
    /// # Errors
    /// When a line or an event has no end.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLarge> {
        self.buffer.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut start = 0;
        while let Some(offset) = self.buffer[self.searched..].iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let end = self.searched + offset;
            self.searched = end + 1;
            // The second half of a CR LF that may have come in another packet.
            let half = self.buffer[end] == b'\n' && self.after_carriage_return && end == start;
            self.after_carriage_return = self.buffer[end] == b'\r';
            if !half {
                let line = String::from_utf8_lossy(&self.buffer[start..end]).into_owned();
                events.extend(self.line(&line));
            }
            start = end + 1;
        }
        self.buffer.drain(..start);
        self.searched = self.buffer.len();
        if !self.buffer.is_empty() {
            self.after_carriage_return = false;
        }
        if self.buffer.len() + self.data.len() > EVENT_LIMIT_BYTES { Err(TooLarge) } else { Ok(events) }
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        let line = if self.begun { line } else { line.strip_prefix('\u{feff}').unwrap_or(line) };
        self.begun = true;
        if line.is_empty() {
            return self.finish();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            // Comments keep the connection open; unknown fields are for others.
            _ => {}
        }
        None
    }

    fn finish(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return None;
        }
        data.pop();
        let name = if name.is_empty() { "message".to_owned() } else { name };
        Some(Event { name, data, id: self.id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str, id: &str) -> Event {
        Event { name: name.into(), data: data.into(), id: id.into() }
    }

    #[track_caller]
    fn check(text: &str, expected: &[Event]) {
        // Whole, byte by byte, and with every line end.
        for end in ["\n", "\r\n", "\r"] {
            let text = text.replace('\n', end);
            assert_eq!(Decoder::default().push(text.as_bytes()).unwrap(), expected, "{end:?}");
            let mut decoder = Decoder::default();
            let events: Vec<Event> = text.bytes().flat_map(|byte| decoder.push(&[byte]).unwrap()).collect();
            assert_eq!(events, expected, "{end:?}, byte by byte");
        }
    }

    #[test]
    fn events_are_put_together() {
        check("event: put\nid: 7\ndata: {\"a\":1}\n\n", &[event("put", "{\"a\":1}", "7")]);
        check("data: one\ndata:two\n\n", &[event("message", "one\ntwo", "")]);
        check("\u{feff}data: x\n\n", &[event("message", "x", "")]);
        check(": a comment\n\nevent: put\n\n", &[]);
        check("id: 1\ndata: a\n\ndata: b\n\n", &[event("message", "a", "1"), event("message", "b", "1")]);
        check("data\n\n", &[event("message", "", "")]);
        check("retry: 100\nwhat: ever\ndata: é\n\n", &[event("message", "é", "")]);
        check("data: not finished\n", &[]);
    }

    proptest::proptest! {
        /// However the bytes are cut, the events are the same.
        #[test]
        fn cuts_make_no_difference(text in "(data: ?[a-z]{0,3}|id: [0-9]|event: [a-z]|:|\r|\n|\r\n){0,40}", cut in 0_usize..200) {
            let whole = Decoder::default().push(text.as_bytes()).unwrap();
            let cut = cut.min(text.len());
            let mut decoder = Decoder::default();
            let mut parts = decoder.push(&text.as_bytes()[..cut]).unwrap();
            parts.extend(decoder.push(&text.as_bytes()[cut..]).unwrap());
            proptest::prop_assert_eq!(whole, parts);
        }
    }
}
