//! The HTTPS server: which request goes where, and what every answer carries.

use std::{io, net::TcpListener, sync::Arc};

use axum::{
    Extension, Json, Router,
    extract::{Query, State},
    handler::HandlerWithoutStateExt,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Deserialize;
use tower_http::{
    compression::{CompressionLayer, Predicate, predicate::SizeAbove},
    cors::{AllowOrigin, CorsLayer},
    set_header::SetResponseHeaderLayer,
};

use crate::{
    connections::{Crowd, Terms, serve},
    gate::{self, Gate, Origins},
    pages::{self, Pages},
    plain, socket_io,
    switchboard::{Switchboard, Visitor},
};

/// What the pages may do: only what they bring along. The tester asks TURN servers by HTTP whether they are there.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    media-src 'self' blob:; connect-src 'self' http: https:; object-src 'none'; frame-ancestors 'none'; \
    base-uri 'none'; form-action 'self'";
const PERMISSIONS: &str =
    "camera=(self), microphone=(self), display-capture=(self), geolocation=()";

/// Whether HTTP on this host leads here, where it is served on this port and redirected from that. Only then may browsers be told to
/// use nothing but HTTPS with it: they go by it on every port, and make 443 of port 80 and of no other (RFC 6797 section 8.3).
#[must_use]
pub fn has_whole_host(port: u16, redirected: Option<u16>) -> bool {
    port == 443 && redirected == Some(80)
}

/// Everything but sockets. `has_whole_host`: see there.
pub fn app(
    board: &Arc<Switchboard>,
    gate: Gate,
    origins: &Origins,
    pages: Pages,
    has_whole_host: bool,
) -> Router {
    let mut app = Router::new()
        .route("/api/turn", get(turn))
        .route("/ws", get(plain::upgrade))
        .with_state(Arc::clone(board))
        .merge(page_router(pages))
        // Over everything: it looks at paths that no route names.
        .layer(socket_io::layer(board))
        .layer(cors(origins))
        .layer(axum::middleware::from_fn_with_state(
            Arc::new(gate),
            gate::pass,
        ));
    let mut headers = vec![
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (
            header::HeaderName::from_static("permissions-policy"),
            PERMISSIONS,
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    if has_whole_host {
        headers.push((header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    }
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        app = app.layer(SetResponseHeaderLayer::if_not_present(name, value));
    }
    app
}

fn page_router(pages: Pages) -> Router {
    Router::new()
        .fallback(pages::serve)
        .with_state(Arc::new(pages))
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(512).and(text)))
}

/// Pages and what belongs to them are text, but for pictures of --web-root.
fn text(
    _: StatusCode,
    _: axum::http::Version,
    headers: &HeaderMap,
    _: &axum::http::Extensions,
) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| {
        kind.starts_with("text/") || kind.contains("svg") || kind.contains("json")
    })
}

/// Lets pages of the named sites read answers. Who may ask at all is the gate's business.
fn cors(origins: &Origins) -> CorsLayer {
    let origins = origins.clone();
    let named = move |origin: &HeaderValue, _: &Parts| {
        origin.to_str().is_ok_and(|origin| origins.names(origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(named))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .allow_credentials(true)
}

#[derive(Deserialize)]
struct TurnQuery {
    room: Option<String>,
}

/// `GET /api/turn`: credentials for members, and for holders of a room token.
async fn turn(
    State(board): State<Arc<Switchboard>>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<TurnQuery>,
    headers: HeaderMap,
) -> Response {
    if !board.has_turn() {
        return (
            StatusCode::NOT_FOUND,
            "this server knows of no TURN server\n",
        )
            .into_response();
    }
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(|value| value.strip_prefix("Bearer "));
    let told = bearer.and_then(|bearer| match &query.room {
        Some(room) => board.turn_for_token(room, bearer, &visitor.host),
        None => board.turn_for_member(bearer, &visitor.host),
    });
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    match told {
        Some(told) => (no_store, Json(told)).into_response(),
        None => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
            let text = "this is for members of a room and holders of its token\n";
            (StatusCode::UNAUTHORIZED, no_store, challenge, text).into_response()
        }
    }
}

/// Serves metrics and health until it is to end.
///
/// # Errors
/// The socket fails.
pub async fn serve_metrics(
    listener: TcpListener,
    board: Arc<Switchboard>,
    terms: Terms,
) -> io::Result<()> {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    // Of their own: when clients take all places, this can be seen.
    let crowd = Crowd::new(0, 0, Vec::new(), Arc::clone(&board));
    let terms = Terms { crowd, ..terms };
    let app = Router::new()
        .route("/metrics", get(async move || (kind, board.metrics_text())))
        .route("/healthz", get(async || "ok\n"));
    serve(listener, None, app, terms).await
}

/// Sends everybody to HTTPS at `port`, until it is to end.
///
/// # Errors
/// The socket fails.
pub async fn redirect(listener: TcpListener, port: u16, terms: Terms) -> io::Result<()> {
    let elsewhere = move |uri: Uri, headers: HeaderMap| async move {
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let host = host.and_then(|host| host.parse::<http::uri::Authority>().ok());
        let Some(host) = host else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let port = if port == 443 {
            String::new()
        } else {
            format!(":{port}")
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Redirect::permanent(&format!("https://{}{port}{path}", host.host())).into_response()
    };
    let app = Router::new().fallback_service(elsewhere.into_service());
    serve(listener, None, app, terms).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_to_use_https_alone_where_that_leads_here() {
        assert!(has_whole_host(443, Some(80)));
        for (port, redirected) in [(443, None), (443, Some(8080)), (8443, Some(80))] {
            assert!(!has_whole_host(port, redirected), "{port} {redirected:?}");
        }
    }
}
