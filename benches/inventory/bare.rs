//! What reads are compared with: a server of axum alone that sends bytes of the same number, run in a process of its own.

use axum::Router;
use axum::http::header;
use axum::routing::get;
use bytes::Bytes;
use serde_json::json;

/// Answers any path of `/bytes/{count}` with so many bytes, until standard input closes.
pub async fn serve() -> anyhow::Result<()> {
    let sizes = std::env::var("BENCH_SIZES")?;
    let mut router = Router::new();
    for size in sizes.split(',') {
        let body = Bytes::from(vec![b'x'; size.parse()?]);
        let answer = move || async move { ([(header::CONTENT_TYPE, "application/json")], body) };
        router = router.route(&format!("/bytes/{size}"), get(answer));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", json!({"address": listener.local_addr()?.to_string()}));
    let closed = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            let _ = closed.await;
        })
        .await?;
    Ok(())
}
