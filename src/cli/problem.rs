//! Problem details (RFC 9457) as the server writes them: what went wrong, where, and how to mend it.

use serde_json::{Map, Value};

use super::failure::{EXIT_CONFLICT, EXIT_DENIED, EXIT_FAILED, EXIT_NOT_FOUND, EXIT_UNREACHABLE, EXIT_USAGE, told};
use super::terminal::Palette;

/// A problem that the server answered with.
#[derive(Debug)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The last part of the problem's type: `invalid-filter`.
    pub(crate) slug: String,
    /// The request: `GET /v1/vms`.
    request: String,
    /// The server's address, to make links of.
    server: String,
    title: String,
    detail: Option<String>,
    request_id: Option<String>,
    /// Seconds after which the request may be made again.
    pub(crate) retry_after_s: Option<u64>,
    /// Whether it is no problem document: something else than a gateway answered.
    foreign: bool,
    /// Every further member: `field`, `allowed`, …
    extras: Map<String, Value>,
}

/// Longer lists are broken into lines.
const LINE_LENGTH: usize = 100;

/// Members that are told in their own way.
const TOLD: &[&str] = &["type", "title", "status", "detail", "instance", "request_id", "mend", "pointer"];

impl Problem {
    /// Reads an answer whose status is not a success. An answer that is no problem document (a proxy's page) becomes one.
    pub(crate) fn read(
        status: u16,
        request: String,
        server: String,
        request_id: Option<String>,
        retry_after_s: Option<u64>,
        body: &[u8],
    ) -> Self {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            return Self {
                status,
                slug: String::new(),
                request,
                server,
                title: format!("The server answered with status {status}, and not as a Spandrel gateway does."),
                detail: Some("Something between you and the gateway may have answered.".to_owned()),
                request_id,
                retry_after_s,
                foreign: true,
                extras: Map::new(),
            };
        };
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            status,
            slug: text("type").and_then(|uri| uri.rsplit('/').next().map(str::to_owned)).unwrap_or_default(),
            request,
            server,
            title: text("title").unwrap_or_else(|| format!("The server answered with status {status}.")),
            detail: text("detail"),
            request_id: text("request_id").or(request_id),
            retry_after_s,
            foreign: false,
            extras: members.into_iter().filter(|(name, _)| !TOLD.contains(&name.as_str())).collect(),
        }
    }

    /// The exit code of the command that met it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.status {
            // "Not found" of a stranger says nothing about what was asked for.
            ..=499 if self.foreign => EXIT_FAILED,
            400 | 422 => EXIT_USAGE,
            401 | 403 => EXIT_DENIED,
            404 => EXIT_NOT_FOUND,
            409 | 412 => EXIT_CONFLICT,
            502..=504 => EXIT_UNREACHABLE,
            _ => EXIT_FAILED,
        }
    }

    /// The parameter or member that is wrong.
    pub(crate) fn field(&self) -> Option<&str> {
        self.extras.get("field")?.as_str()
    }

    /// What would be accepted there.
    pub(crate) fn allowed(&self) -> Vec<&str> {
        let allowed = self.extras.get("allowed").and_then(Value::as_array);
        allowed.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// What is wrong, in one sentence.
    pub(crate) fn sentence(&self) -> &str {
        self.detail.as_deref().unwrap_or(&self.title)
    }

    /// What is printed of it.
    pub(crate) fn message(&self, palette: Palette) -> String {
        let place = match self.extras.get("field").and_then(Value::as_str) {
            Some(field) => format!("{field}, in {}", self.request),
            None => self.request.clone(),
        };
        let extras: Vec<(String, String)> = self
            .extras
            .iter()
            .filter(|(name, value)| name.as_str() != "field" && !value.is_null())
            .map(|(name, value)| (name.replace('_', " "), wrapped(&flat(value))))
            .collect();
        let link = (!self.slug.is_empty())
            .then(|| format!("{}/docs/problems/{}", self.server.trim_end_matches('/'), self.slug));
        let mend = self.mend();
        // A detail that only repeats the title says nothing.
        let detail =
            self.detail.as_deref().filter(|detail| detail.trim_end_matches('.') != self.title.trim_end_matches('.'));
        let mut details: Vec<(&str, Option<&str>)> = vec![("what", detail), ("where", Some(place.as_str()))];
        details.extend(extras.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))));
        details.push(("mend", mend.as_deref()));
        details.push(("read", link.as_deref()));
        details.push(("request", self.request_id.as_deref()));
        // Titles are headings to the API, and sentences here.
        let stop = if self.title.ends_with(['.', '!', '?', ':']) { "" } else { "." };
        told(palette, &format!("{}{stop}", self.title), &details)
    }

    /// What to do, where the client knows it better than the server: in terms of commands.
    fn mend(&self) -> Option<String> {
        let advice = match (self.status, self.slug.as_str()) {
            (401, "invalid-credentials") => "Check the user name and the password, and sign in again.".to_owned(),
            (401, _) => format!("Run `spandrel login --server {}`.", self.server.trim_end_matches('/')),
            (403, _) => "Ask an administrator for the right, or sign in as somebody who has it.".to_owned(),
            (412, _) => "It was changed meanwhile. Look at it again, then repeat the command.".to_owned(),
            (429, _) => match self.retry_after_s {
                Some(seconds) => format!("Wait {seconds} s, then try again."),
                None => "Wait a little, then try again.".to_owned(),
            },
            (409, "provider-exists") => {
                "`spandrel provider list` shows it. `spandrel provider edit` changes it.".to_owned()
            }
            (400 | 422, _) => return self.meant().map(|word| format!("Did you mean `{word}`?")),
            (502..=504, _) => "The gateway is not ready. Try again in a moment.".to_owned(),
            _ => return None,
        };
        Some(advice)
    }

    /// Of what is allowed, the word that was probably meant.
    fn meant(&self) -> Option<&str> {
        let field = self.extras.get("field")?.as_str()?.split('.').next()?;
        let allowed = self.extras.get("allowed")?.as_array()?;
        meant(field, allowed.iter().filter_map(Value::as_str))
    }
}

/// Of some words, the one that was probably meant.
pub(crate) fn meant<'w>(given: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let others = words.filter(|word| *word != given);
    let (distance, word) = others.map(|word| (distance(given, word), word)).min()?;
    (distance <= 2 && distance < given.chars().count()).then_some(word)
}

/// How many letters have to be changed, added or left out to make one word of another.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other_letter) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other_letter);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

/// A long list in lines of a readable length.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() < LINE_LENGTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(flat).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, body: &str) -> Problem {
        Problem::read(
            status,
            "GET /v1/vms".to_owned(),
            "https://gw.example/".to_owned(),
            Some("req-1".to_owned()),
            None,
            body.as_bytes(),
        )
    }

    #[test]
    fn a_problem_says_what_where_how_to_mend_and_the_request() {
        let problem = problem(
            400,
            r#"{"type":"/docs/problems/invalid-filter","title":"The filter cannot be used","status":400,
                "detail":"VMs have no field `colour`.","request_id":"0192","field":"colour","allowed":["name","power_state"]}"#,
        );
        insta::assert_snapshot!(problem.message(Palette { coloured: false }), @r"
        error: The filter cannot be used.
          what:    VMs have no field `colour`.
          where:   colour, in GET /v1/vms
          allowed: name, power_state
          read:    https://gw.example/docs/problems/invalid-filter
          request: 0192
        ");
        assert_eq!(problem.exit_code(), EXIT_USAGE);
    }

    #[track_caller]
    fn check_meant(field: &str, expected: Option<&str>) {
        let body = serde_json::json!({"field": field, "allowed": ["name", "power_state", "host_id"]});
        assert_eq!(problem(400, &body.to_string()).meant(), expected);
    }

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        check_meant("powerstate", Some("power_state"));
        check_meant("nmae", Some("name"));
        check_meant("host_id.gt", None);
        check_meant("colour", None);
        check_meant("x", None);
        check_meant("", None);
    }

    #[test]
    fn an_answer_of_something_else_is_told_as_such() {
        let problem = problem(502, "<html>Bad gateway</html>");
        insta::assert_snapshot!(problem.message(Palette { coloured: false }), @r"
        error: The server answered with status 502, and not as a Spandrel gateway does.
          what:    Something between you and the gateway may have answered.
          where:   GET /v1/vms
          mend:    The gateway is not ready. Try again in a moment.
          request: req-1
        ");
    }

    #[test]
    fn the_answer_of_a_stranger_has_no_meaning_of_ours() {
        assert_eq!(problem(404, "<html>Not found</html>").exit_code(), EXIT_FAILED);
        assert_eq!(problem(503, "<html>Try later</html>").exit_code(), EXIT_UNREACHABLE);
    }

    #[test]
    fn exit_codes_follow_the_status() {
        for (status, code) in
            [(400, 2), (401, 3), (403, 3), (404, 4), (409, 5), (412, 5), (422, 2), (429, 1), (500, 1), (503, 6)]
        {
            assert_eq!(problem(status, "{}").exit_code(), code, "{status}");
        }
    }

    #[test]
    fn a_problem_cannot_act_on_the_terminal() {
        let message = problem(400, r#"{"title":"no \u001b[2J","detail":"\u001b]0;x\u0007"}"#)
            .message(Palette { coloured: false });
        assert!(!message.contains('\x1b'), "{message:?}");
    }
}
