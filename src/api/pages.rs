//! Pages for people: the API's description, and one page for each kind of problem. Everything comes from the binary;
//! nothing is fetched from elsewhere, and the pages' policy would not let it.

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::Api;
use super::problem::{Problem, ProblemType};

const PAGE: &str = include_str!("assets/docs.html");
const SCRIPT: &str = include_str!("assets/docs.js");
const STYLE: &str = include_str!("assets/docs.css");

/// Scripts and styles of our own only, and questions to ourselves only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .route("/docs", get(|| async { file("text/html; charset=utf-8", PAGE) }))
        .route("/docs/", get(|| async { Redirect::permanent("/docs") }))
        .route("/docs/docs.js", get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/docs/docs.css", get(|| async { file("text/css; charset=utf-8", STYLE) }))
        .route("/docs/problems", get(problems))
        .route("/docs/problems/{slug}", get(problem))
}

fn file(content_type: &'static str, text: impl Into<String>) -> Response {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text.into()).into_response()
}

async fn problems() -> Response {
    let items: String = ProblemType::ALL
        .iter()
        .map(|kind| {
            let (status, slug) = (kind.status().as_u16(), kind.slug());
            format!("<li>{status} <a href=\"/docs/problems/{slug}\">{}</a></li>\n", escape(kind.title()))
        })
        .collect();
    page("Problems", &format!("<h1>Problems</h1>\n<ul>\n{items}</ul>\n"))
}

async fn problem(Path(slug): Path<String>) -> Result<Response, Problem> {
    let kind = ProblemType::from_slug(&slug).ok_or_else(|| {
        Problem::new(ProblemType::NotFound, "There is no such kind of problem; all are listed at /docs/problems.")
    })?;
    Ok(page(kind.title(), &render(kind.page())))
}

fn page(title: &str, body: &str) -> Response {
    let title = escape(title);
    let head = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title} – Spandrel</title>\n<link rel=\"icon\" \
         href=\"data:,\">\n<link rel=\"stylesheet\" \
         href=\"/docs/docs.css\">\n</head>\n"
    );
    let nav = "<nav class=\"plain\"><a href=\"/docs\">API</a> <a href=\"/docs/problems\">Problems</a></nav>";
    file(
        "text/html; charset=utf-8",
        format!("{head}<body class=\"page\">\n{nav}\n<main>\n{body}</main>\n</body>\n</html>\n"),
    )
}

/// Renders the little Markdown that the pages are written in: headings, paragraphs, lists, code and links.
fn render(markdown: &str) -> String {
    let mut html = String::new();
    for block in markdown.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        if let Some(heading) = block.strip_prefix("## ") {
            html += &format!("<h2>{}</h2>\n", inline(heading));
        } else if let Some(heading) = block.strip_prefix("# ") {
            html += &format!("<h1>{}</h1>\n", inline(heading));
        } else if block.starts_with("- ") {
            let block = format!("\n{block}");
            let items = block.split("\n- ").skip(1).map(|item| format!("<li>{}</li>\n", inline(item)));
            html += &format!("<ul>\n{}</ul>\n", items.collect::<String>());
        } else {
            html += &format!("<p>{}</p>\n", inline(block));
        }
    }
    html
}

/// Code between backquotes, and links; everything else is escaped.
fn inline(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            html += &format!("<code>{}</code>", escape(part));
        } else {
            html += &links(part);
        }
    }
    html
}

fn links(text: &str) -> String {
    let Some((before, rest)) = text.split_once('[') else { return escape(text) };
    match rest.split_once("](").and_then(|(label, rest)| Some((label, rest.split_once(')')?))) {
        Some((label, (target, after))) => {
            format!("{}<a href=\"{}\">{}</a>{}", escape(before), escape(target), escape(label), links(after))
        }
        None => escape(text),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_markdown_of_the_pages_is_rendered() {
        let html = render("# A & b\n\n## C\n\nText `x<y` and [all](/docs/problems).\n\n- one\n- `two`\n  more\n");
        assert_eq!(
            html,
            "<h1>A &amp; b</h1>\n<h2>C</h2>\n<p>Text <code>x&lt;y</code> and <a href=\"/docs/problems\">all</a>.</p>\n\
             <ul>\n<li>one</li>\n<li><code>two</code>\n  more</li>\n</ul>\n"
        );
    }

    #[test]
    fn no_page_has_resources_from_elsewhere() {
        for text in [PAGE, SCRIPT, STYLE] {
            assert!(!text.contains("https://") && !text.contains("//cdn"), "a resource from elsewhere");
        }
        assert!(!PAGE.contains("<style") && !PAGE.contains(" style=") && !PAGE.contains("onclick"));
        assert!(!PAGE.contains("<script>"), "scripts stand in their own file, as the policy wants it");
    }
}
