//! Reads of a large inventory, compared with a server that does nothing but send as many bytes.
//!
//! Each server has one core for itself, the client the other: what is compared is what a request costs the server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use memchr::memmem;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Plan;
use super::gateway::{Database, Gateway};
use super::process::{Helper, ourselves, usage};
use super::report::Report;
use super::simulator::Simulator;
use super::stream::Spread;

const CONNECTIONS: usize = 16;
/// Runs a server on the first core.
const PINNED: &[&str] = &["taskset", "-c", "0"];

/// What is asked, as bytes on the wire; a list of them is gone through again and again.
type Requests = Arc<Vec<Vec<u8>>>;

fn request(address: &str, path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// One connection that is kept.
struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: Vec::with_capacity(1 << 20) })
    }

    /// One request and its whole answer; how many bytes its body has.
    async fn ask(&mut self, request: &[u8]) -> anyhow::Result<usize> {
        self.socket.write_all(request).await?;
        self.buffer.clear();
        let mut whole = None;
        loop {
            ensure!(self.socket.read_buf(&mut self.buffer).await? > 0, "the connection ended");
            if whole.is_none()
                && let Some(head) = memmem::find(&self.buffer, b"\r\n\r\n")
            {
                let head_text = std::str::from_utf8(&self.buffer[..head])?;
                ensure!(head_text.starts_with("HTTP/1.1 200"), "{head_text}");
                let length = head_text.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.context("an answer without its length")?.parse()?;
                whole = Some((head + 4 + length, length));
            }
            if let Some((end, length)) = whole
                && self.buffer.len() >= end
            {
                return Ok(length);
            }
        }
    }
}

/// Asks as fast as the server answers. Answers a second.
async fn saturate(address: &str, requests: &Requests, time: Duration) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..CONNECTIONS {
        let (mut connection, requests) = (Connection::open(address).await?, Arc::clone(requests));
        tasks.spawn(async move {
            let mut count = 0_usize;
            while begun.elapsed() < time {
                connection.ask(&requests[(number * 977 + count) % requests.len()]).await?;
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        count += done??;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

/// Asks at a given rate, whatever the server does. A request that has to wait for its turn waits from when it was due.
async fn paced(address: &str, requests: &Requests, rate: f64, time: Duration) -> anyhow::Result<Spread> {
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..CONNECTIONS {
        let (mut connection, requests) = (Connection::open(address).await?, Arc::clone(requests));
        tasks.spawn(async move {
            let mut spread = Spread::default();
            for count in 0_usize.. {
                let due = begun + Duration::from_secs_f64((count * CONNECTIONS + number) as f64 / rate);
                if due - begun > time {
                    break;
                }
                tokio::time::sleep_until(due.into()).await;
                connection.ask(&requests[(number * 977 + count) % requests.len()]).await?;
                // The timer of the runtime is coarse; being woken too late is not the server's.
                spread.add(due.elapsed());
            }
            anyhow::Ok(spread)
        });
    }
    let mut all = Spread::default();
    while let Some(done) = tasks.join_next().await {
        all.extend(done??);
    }
    Ok(all)
}

/// Questions of every sort, told beside the bounds: `/v1/` goes before them.
const QUESTIONS: &[&str] = &[
    "vms?limit=1000",
    "vms?power_state=stopped&memory_mib.gte=8192&sort=storage_used_bytes",
    "vms?ip_addresses=10.0.3.228",
    "vms?name.contains=99",
    "vms?q=vm-00%2010.0.1",
    "vms?q=nowhere-to-be-found",
    "vms/count?memory_mib.gt=4096",
    "vms/summary?group_by=power_state,cluster_id&sum=memory_mib,vcpu_count",
    "search?q=nowhere-to-be-found",
];

/// How long the gateway takes over each, asked one after the other.
async fn questions(report: &mut Report, gateway: &Gateway, machines: usize) -> anyhow::Result<()> {
    let mut connection = Connection::open(gateway.address()).await?;
    for question in QUESTIONS {
        let request = request(gateway.address(), &format!("/v1/{question}"), &gateway.token);
        connection.ask(&request).await?;
        let mut spread = Spread::default();
        for _ in 0..20 {
            let begun = Instant::now();
            connection.ask(&request).await?;
            spread.add(begun.elapsed());
        }
        let median = spread.percentile(50).as_secs_f64() * 1e3;
        report.note(&format!("`{question}` over {machines} VMs"), format!("{median:.2} ms"));
    }
    Ok(())
}

pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let simulator = Simulator::start(plan.many_machines, 4)?;
    let gateway = Gateway::start_by(PINNED, Database::Sqlite).await?;
    let provider = gateway.add_provider(simulator.provider("vc")).await?;
    gateway.wait_until_live(&provider).await?;
    let page = gateway.get("/v1/vms?limit=1000&sort=memory_mib").await?;
    let ids = page["items"].as_array().context("no items")?.iter().filter_map(|item| item["id"].as_str());
    let address = gateway.address().to_owned();
    let gets: Vec<_> = ids.map(|id| request(&address, &format!("/v1/vms/{id}"), &gateway.token)).collect();
    let list = "/v1/vms?power_state=running&sort=-memory_mib&limit=100";
    questions(report, &gateway, plan.many_machines).await?;
    let kinds = [
        ("authorized get", Arc::new(gets)),
        ("list of 100 with filter and sort", Arc::new(vec![request(&address, list, &gateway.token)])),
    ];
    for (what, requests) in kinds {
        let our_rate = compare(plan, report, &gateway, what, &requests, 0.7).await?;
        for changes in [0, 100] {
            simulator.control("/churn", json!({"rate": changes})).await?;
            let mut spread = paced(&address, &requests, our_rate / 2.0, time_of_each(plan)).await?;
            let beside = if changes > 0 { format!(" while {changes} changes/s arrive") } else { String::new() };
            report.row(
                &format!("{what} at half of saturation{beside}"),
                spread.text(),
                "p99 < 5 ms",
                spread.percentile(99) < Duration::from_millis(5),
                LIMIT_LATENCY,
            );
        }
        simulator.control("/churn", json!({"rate": 0})).await?;
    }
    let (token, count) = member_of_a_tenth(&gateway, plan.many_machines).await?;
    let requests = Arc::new(vec![request(&address, list, &token)]);
    let what = format!("list of 100 with filter and sort within a tenant of {count}");
    compare(plan, report, &gateway, &what, &requests, 0.6).await.map(drop)
}

fn time_of_each(plan: &Plan) -> Duration {
    plan.seconds(10)
}

/// How many a second the gateway answers, against a bare server that sends as many bytes: at least `least` of its. Gives
/// the gateway's.
async fn compare(
    plan: &Plan,
    report: &mut Report,
    gateway: &Gateway,
    what: &str,
    requests: &Requests,
    least: f64,
) -> anyhow::Result<f64> {
    let address = gateway.address();
    let size = Connection::open(address).await?.ask(&requests[0]).await?;
    let time = time_of_each(plan);
    let mut command = std::process::Command::new(PINNED[0]);
    command.args(&PINNED[1..]).arg(ourselves("bare-server")?.get_program()).arg("bare-server");
    command.env("BENCH_SIZES", size.to_string());
    let bare = Helper::start(command)?;
    let bare_address = bare.text("address").to_owned();
    let bare_requests = Arc::new(vec![request(&bare_address, &format!("/bytes/{size}"), &gateway.token)]);
    // A moment of each, so that both are warm.
    saturate(address, requests, plan.seconds(2)).await?;
    saturate(&bare_address, &bare_requests, plan.seconds(2)).await?;
    let (bare_cpu, our_cpu) = (usage(bare.pid())?.cpu, gateway.usage()?.cpu);
    let bare_rate = saturate(&bare_address, &bare_requests, time).await?;
    let our_rate = saturate(address, requests, time).await?;
    let micros = |cpu: Duration, rate: f64| cpu.as_secs_f64() * 1e6 / (rate * time.as_secs_f64());
    let (bare_cost, our_cost) =
        (micros(usage(bare.pid())?.cpu - bare_cpu, bare_rate), micros(gateway.usage()?.cpu - our_cpu, our_rate));
    let ratio = our_rate / bare_rate;
    report.row(
        &format!("{what}, {} VMs ({size} bytes)", plan.many_machines),
        format!(
            "{our_rate:.0}/s against {bare_rate:.0}/s: {ratio:.2} ×; {our_cost:.0} µs CPU against {bare_cost:.0} µs"
        ),
        &format!("≥ {least} × bare axum"),
        ratio >= least,
        LIMIT_READ,
    );
    Ok(our_rate)
}

/// Gives every tenth machine to a project of a new tenant. Gives the token of somebody who sees these and no others, and
/// how many they are.
async fn member_of_a_tenth(gateway: &Gateway, machines: usize) -> anyhow::Result<(String, u64)> {
    const PASSWORD: &str = "m3mber-Secret-5c0a";
    const PATIENCE: Duration = Duration::from_secs(120);
    let tenant = gateway.add("/v1/tenants", json!({"name": "acme"})).await?;
    let project = gateway.add("/v1/projects", json!({"tenant_id": tenant, "name": "shop"})).await?;
    let user = json!({"tenant_id": tenant, "username": "ann", "password": PASSWORD});
    let user = gateway.add("/v1/users", user).await?;
    let roles = gateway.get("/v1/roles?q=member").await?;
    let mut roles = roles["items"].as_array().context("no items")?.iter();
    let role = roles.find(|role| role["name"] == "member").context("no role `member`")?["id"].clone();
    let binding = json!({"subject": {"kind": "user", "id": user}, "role_id": role,
        "scope": {"kind": "project", "id": project}});
    gateway.add("/v1/bindings", binding).await?;
    let rule =
        json!({"name": "every tenth", "project_id": project, "conditions": [{"field": "name", "pattern": "*0"}]});
    gateway.add("/v1/ownership-rules", rule).await?;
    let token = gateway.token_of("acme/ann", PASSWORD).await?;
    // Until no more come: the changes before may have removed or renamed some.
    let (begun, mut before) = (Instant::now(), 0);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let seen = gateway.call_as(&token, Method::GET, "/v1/vms/count", None).await?;
        let seen = seen["count"].as_u64().context("no count")?;
        if seen == before && seen * 20 >= machines as u64 {
            return Ok((token, seen));
        }
        ensure!(begun.elapsed() < PATIENCE, "{seen} machines are the tenant's after {PATIENCE:?}");
        before = seen;
    }
}

const LIMIT_READ: &str =
    "what a request costs beside its bytes: the check of the token, its span and metrics, the plan of the query";
const LIMIT_LATENCY: &str = "one core: a change is translated and written on the one that answers";
