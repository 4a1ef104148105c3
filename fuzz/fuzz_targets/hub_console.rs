//! Requests to the console of the local hub.
//!
//! Input: up to four requests, each a line `METHOD path?query` and a line with the body. A command is never answered with
//! an internal error, every answer is JSON that says whether it worked and if not why, and the hub lives on.
#![no_main]

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, Uri};
use axum::response::Response;
use fuzz_support::hub::with_hub;
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::time::Duration;
use tower::ServiceExt;

const MAX_REQUESTS: usize = 4;

fn request(line: &[u8], body: &[u8]) -> Option<Request<Body>> {
    let (method, target) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let uri: Uri = target.parse().ok()?;
    // An endless answer is endless.
    if uri.query().is_some_and(|query| query.contains("follow") || query.contains('%')) {
        return None;
    }
    Request::builder()
        .method(Method::from_bytes(method.as_bytes()).ok()?)
        .uri(uri)
        .header("content-type", "application/json")
        .body(Body::from(body.to_vec()))
        .ok()
}

async fn answer(console: &Router, request: Request<Body>) -> (StatusCode, bool, Vec<u8>) {
    let asking = console.clone().oneshot(request);
    // Time jumps: a call that waits is not waited for.
    let answer = tokio::time::timeout(Duration::from_secs(1 << 32), asking).await.expect("an answer");
    let answer: Response = answer.expect("the console cannot fail");
    let status = answer.status();
    let is_lines = answer.headers().get("content-type").is_some_and(|kind| kind == "application/x-ndjson");
    (status, is_lines, answer.into_body().collect().await.expect("a body").to_bytes().to_vec())
}

fn check(status: StatusCode, is_lines: bool, body: &[u8]) {
    assert!(status != StatusCode::INTERNAL_SERVER_ERROR, "{}", String::from_utf8_lossy(body));
    if is_lines {
        for line in body.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line).expect("an event is JSON");
            assert!(event["type"].is_string());
        }
        return;
    }
    // The answer to HEAD has no body.
    if body.is_empty() {
        return;
    }
    let answer: Value =
        serde_json::from_slice(body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(body)));
    assert_eq!(answer["ok"], status.is_success(), "{answer}");
    assert!(
        status.is_success() || answer["error"].as_str().is_some_and(|error| !error.is_empty()),
        "{answer}"
    );
}

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|b| *b == b'\n');
    with_hub(async |hub| {
        let console = hub.console();
        for _ in 0..MAX_REQUESTS {
            let Some(line) = lines.next() else { break };
            let body = lines.next().unwrap_or_default();
            // A certificate takes too long to make.
            if body.windows(5).any(|window| window == b"issue") {
                continue;
            }
            if let Some(request) = request(line, body) {
                let (status, is_lines, body) = answer(&console, request).await;
                check(status, is_lines, &body);
            }
        }
        let alive = request(b"GET /status", b"").expect("a request");
        assert_eq!(answer(&console, alive).await.0, StatusCode::OK);
    });
});
