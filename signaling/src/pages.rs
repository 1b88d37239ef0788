//! The pages: those in the program, or those of a directory.

use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};
use tower::ServiceExt;
use tower_http::services::ServeDir;

#[derive(RustEmbed)]
#[folder = "../web"]
#[exclude = "*.d.ts"]
#[exclude = "package.json"]
struct Embedded;

/// Where pages come from.
#[derive(Clone, Debug)]
pub enum Pages {
    /// The program itself.
    Embedded,
    /// A directory.
    Directory {
        /// Which.
        root: PathBuf,
        /// Show what is in directories without an `index.html`.
        list: bool,
    },
}

/// Answers whatever nothing else answers.
pub async fn serve(State(pages): State<Arc<Pages>>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    match &*pages {
        Pages::Embedded => embedded(&request),
        Pages::Directory { root, list } => directory(root, *list, request).await,
    }
}

fn embedded(request: &Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let name = match path {
        "" => "index.html".to_owned(),
        // `/test` is the page test.html.
        path if !path.contains('.') => format!("{path}.html"),
        path => path.to_owned(),
    };
    let Some(file) = Embedded::get(&name) else {
        return not_found();
    };
    let tag = tag(&file);
    let known = request.headers().get(header::IF_NONE_MATCH);
    let headers = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    if known == Some(&tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let kind = [(header::CONTENT_TYPE, content_type(&name))];
    (headers, kind, file.data.into_owned()).into_response()
}

fn tag(file: &EmbeddedFile) -> HeaderValue {
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        // Into memory, nothing can fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

fn content_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    })
}

async fn directory(root: &Path, list: bool, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    // `/test` is the page test.html here too.
    let request = if !path.contains('.') && root.join(format!("{}.html", &path[1..])).is_file() {
        renamed(request, &format!("{path}.html"))
    } else {
        request
    };
    let files = ServeDir::new(root);
    let answer = match files.oneshot(request).await {
        Ok(answer) => answer.into_response(),
        Err(never) => match never {},
    };
    if answer.status() == StatusCode::NOT_FOUND {
        let listed = if list {
            listing(root, &path).ok()
        } else {
            None
        };
        return listed.map_or_else(not_found, IntoResponse::into_response);
    }
    answer
}

fn renamed(mut request: Request, path: &str) -> Request {
    if let Ok(uri) = path.parse() {
        *request.uri_mut() = uri;
    }
    request
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "there is no such page\n").into_response()
}

/// The names in a directory, as a page. Names are text, whatever is in them.
fn listing(root: &Path, path: &str) -> io::Result<Html<String>> {
    let decoded = percent_decoded(path).ok_or(io::ErrorKind::NotFound)?;
    let mut inside = PathBuf::new();
    for part in decoded.split('/').filter(|part| !part.is_empty()) {
        if part.starts_with('.') || part.contains(['\\', '\0']) {
            return Err(io::ErrorKind::NotFound.into());
        }
        inside.push(part);
    }
    let mut names = Vec::new();
    for entry in root.join(inside).read_dir()? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
            names.push(name + slash);
        }
    }
    names.sort();
    let title = escaped(&decoded);
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"/style.css\"><main><h1>{title}</h1><ul>\n"
    );
    let base = decoded.trim_end_matches('/');
    for name in names {
        let target = percent_encoded(&format!("{base}/{name}"));
        // Into memory, nothing can fail.
        let _ = writeln!(page, "<li><a href=\"{target}\">{}</a>", escaped(&name));
    }
    page.push_str("</ul></main></html>\n");
    Ok(Html(page))
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

fn percent_decoded(path: &str) -> Option<String> {
    percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .ok()
        .map(Into::into)
}

fn percent_encoded(path: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'.')
        .remove(b'-')
        .remove(b'_');
    utf8_percent_encode(path, KEPT).to_string()
}
