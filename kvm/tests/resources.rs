//! What a handle took it gives back: connections, threads and descriptors, also with subscriptions and a daemon that died.
//!
//! One test in a process of its own, since it counts what the process has.

mod lab;

use std::time::Instant;

use kvm::LaneKind;
use lab::{LIMIT, Lab, LabHost};

fn count(folder: &str) -> usize {
    std::fs::read_dir(folder).expect("Linux").count()
}

/// Threads and descriptors of this process.
fn held() -> (usize, usize) {
    (count("/proc/self/task"), count("/proc/self/fd"))
}

async fn one_round(at: &LabHost) {
    let host = at.connect();
    let first = host.events(8, LIMIT).await.expect("the host serves");
    let second = host.events(8, LIMIT).await.expect("the host serves");
    host.networks(LIMIT).await.expect("the host serves");
    host.ping(LaneKind::Command, LIMIT).await.expect("the host serves");
    host.ping(LaneKind::Statistics, LIMIT).await.expect("the host serves");
    drop(first);
    drop(host);
    drop(second);
}

/// Waits until the process holds no more than `before`.
async fn settles_at(before: (usize, usize)) {
    let started = Instant::now();
    loop {
        let now = held();
        if now.0 <= before.0 && now.1 <= before.1 {
            return;
        }
        assert!(started.elapsed() < LIMIT, "before {before:?}, now {now:?} (threads, descriptors)");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn handles_give_back_what_they_took() {
    let lab = Lab::start("kvml", 1, 0);
    let at = &lab.hosts[0];
    // The first round starts what stays: the event loop and its descriptors.
    let idle = held();
    one_round(at).await;
    settles_at((idle.0 + 1, idle.1 + 4)).await;
    let before = held();
    for _ in 0..20 {
        one_round(at).await;
    }
    settles_at(before).await;

    // The same when the daemon dies under open connections.
    let host = at.connect();
    let mut events = host.events(8, LIMIT).await.unwrap();
    host.ping(LaneKind::Inventory, LIMIT).await.unwrap();
    lab.command("libvirtd stop");
    while events.next().await.is_some() {}
    assert!(host.ping(LaneKind::Inventory, LIMIT).await.unwrap_err().is_disconnected());
    drop((host, events));
    settles_at(before).await;
}
