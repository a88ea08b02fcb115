//! Figures, not tests: run by hand in a release build with `--ignored --nocapture`. Times are the processor's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;

use super::world::{Whose, at, everything, id, key, pairs, provider, put, source, tenant, vm};
use crate::inventory::{
    Inventory, InventoryConfig, Query, SearchQuery, StoredObject, SummaryQuery, Watch, WatchRequest,
};
use crate::model::nic::{Nic, NicAttachment};
use crate::model::vm::PowerState;
use crate::model::volume::{Attachment, Volume, VolumeSource};
use crate::model::{
    ClusterId, DatastoreId, FolderId, HostId, Kind, NetworkId, NicId, Object, ObjectId, Revision, SourceState, TagId,
    VmId, VolumeId, ZoneId,
};

const VMS: u128 = 100_000;

fn native(number: u128, more: &[(&str, &str)]) -> serde_json::Map<String, serde_json::Value> {
    let mut native = serde_json::Map::new();
    native.insert("moref".to_owned(), format!("vm-{number}").into());
    for (name, value) in more {
        native.insert((*name).to_owned(), (*value).into());
    }
    native
}

fn machine(number: u128) -> Object {
    let mut vm =
        vm(&format!("{}-{:05}", ["web", "db", "app", "cache", "Build"][number as usize % 5], number * 7919 % VMS));
    vm.power_state = if number % 10 < 8 { PowerState::Running } else { PowerState::Stopped };
    vm.zone_id = Some(ZoneId(id(0x100 + number % 4)));
    vm.cluster_id = Some(ClusterId(id(0x200 + number % 50)));
    vm.host_id = Some(HostId(id(0x1000 + number % 2000)));
    vm.folder_id = Some(FolderId(id(0x4000 + number % 300)));
    vm.folder_path = Some(format!("Production/Team {}/Stage {}", number % 100, number % 3));
    vm.guest_os = Some(
        ["Debian GNU/Linux 12 (64-bit)", "Microsoft Windows Server 2022 (64-bit)"][number as usize % 2].to_owned(),
    );
    vm.guest_hostname = Some(format!("host-{number}.example.internal"));
    vm.firmware = Some("efi".to_owned());
    vm.vcpu_count = 1 << (number % 5);
    vm.memory_mib = 1024 << (number % 7);
    vm.ip_addresses =
        vec![format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255), format!("fe80::{number:x}")];
    vm.mac_addresses = vec![format!("00:50:56:{:02x}:{:02x}:{:02x}", number >> 16, number >> 8 & 255, number & 255)];
    vm.uuid = Some(id(0xa000_0000_0000 + number).to_string());
    vm.bios_uuid = Some(id(0xb000_0000_0000 + number).to_string());
    vm.booted_at = Some(at(number as i64 % 1_000_000));
    vm.created_at = Some(at(-(number as i64)));
    vm.volume_count = 2;
    vm.nic_count = 1;
    vm.storage_provisioned_bytes = (number as u64 % 500) << 30;
    vm.storage_used_bytes = Some((number as u64 % 321) << 28);
    vm.datastore_ids = vec![DatastoreId(id(0x5100 + number % 400))];
    vm.network_ids = vec![NetworkId(id(0x6100 + number % 250))];
    vm.volume_ids = vec![VolumeId(id(0x10_0000_0000 + number * 2)), VolumeId(id(0x10_0000_0000 + number * 2 + 1))];
    vm.nic_ids = vec![NicId(id(0x20_0000_0000 + number))];
    vm.tag_ids = (0..number % 3).map(|tag| TagId(id(0x7100 + (number + tag) % 40))).collect();
    vm.attributes.insert("owner".to_owned(), format!("team-{}", number % 100));
    vm.native = native(
        number,
        &[
            ("version", "vmx-19"),
            ("tools_version", "12352"),
            ("vm_path_name", "[datastore-17] web-00001/web-00001.vmx"),
            ("change_version", "2026-01-01T00:00:00.000000Z"),
            ("connection_state", "connected"),
        ],
    );
    vm.into()
}

fn disk(number: u128) -> Object {
    Volume {
        name: format!("Hard disk {}", 1 + number % 2),
        zone_id: Some(ZoneId(id(0x100 + number % 4))),
        datastore_id: Some(DatastoreId(id(0x5100 + number % 400))),
        capacity_bytes: Some(40 << 30),
        allocated_bytes: Some((number as u64 % 40) << 30),
        source: VolumeSource::ALL[0],
        format: Some("vmdk".to_owned()),
        thin: Some(true),
        read_only: false,
        shareable: false,
        location: Some(format!("[datastore-{}] vm-{number}/vm-{number}.vmdk", number % 400)),
        backing_location: None,
        storage_policy_id: None,
        attachments: vec![Attachment {
            vm_id: VmId(id(0x1_0000_0000 + number / 2)),
            host_id: None,
            device: "scsi0:0".to_owned(),
            bus: Some("scsi".to_owned()),
        }],
        native: native(number, &[("key", "2000"), ("disk_mode", "persistent")]),
    }
    .into()
}

fn card(number: u128) -> Object {
    Nic {
        name: "Network adapter 1".to_owned(),
        vm_id: VmId(id(0x1_0000_0000 + number % VMS)),
        network_id: Some(NetworkId(id(0x6100 + number % 250))),
        mac_address: Some(format!("00:50:56:{:02x}:{:02x}:{:02x}", number >> 16, number >> 8 & 255, number & 255)),
        model: Some("vmxnet3".to_owned()),
        connected: Some(true),
        attachment: NicAttachment::Network,
        ip_addresses: vec![format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255)],
        native: native(number, &[("key", "4000")]),
    }
    .into()
}

fn stored(number: u128, base: u128, revision: u64, object: &Object) -> StoredObject {
    let whose = Whose { source: source(number % 8), ..Whose::default() };
    StoredObject {
        id: ObjectId(id(base + number)),
        kind: object.kind(),
        tenant_id: whose.tenant,
        provider_id: super::world::provider_of(whose.source),
        source_id: whose.source,
        revision: Revision(revision),
        created_at: at(0),
        changed_at: at(1),
        body: String::from_utf8(object.to_json().unwrap()).unwrap().into(),
    }
}

fn resident_mib() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096 / (1 << 20)
}

fn loaded() -> Arc<Inventory> {
    let inventory = Inventory::new(InventoryConfig::default(), key());
    for number in 0..8 {
        inventory.provider_put(provider(source(number), tenant(1), SourceState::Live));
    }
    let before = resident_mib();
    let mut loader = inventory.loader();
    let (mut took, mut count, mut bytes) = (Duration::ZERO, 0u64, 0);
    type Make = fn(u128) -> Object;
    let all: [(u128, u128, Make); 3] =
        [(VMS, 0x1_0000_0000, machine), (VMS * 2, 0x10_0000_0000, disk), (VMS * 2, 0x20_0000_0000, card)];
    for (total, base, make) in all {
        for from in (0..total).step_by(5000) {
            let portion: Vec<_> = (from..from + 5000)
                .map(|number| {
                    count += 1;
                    stored(number, base, count, &make(number))
                })
                .collect();
            bytes += portion.iter().map(|stored| stored.body.len()).sum::<usize>();
            let start = process_time();
            loader.add(portion);
            took += process_time() - start;
        }
    }
    let start = process_time();
    let report = loader.finish(&[], Revision(count), Revision(count));
    let finish = process_time() - start;
    println!("load: {} objects, {} MiB of text: read {took:?} + build {finish:?}", report.object_count, bytes >> 20);
    println!(
        "memory: {} MiB resident more, {} MiB of it objects",
        resident_mib() - before,
        inventory.snapshot().size_bytes() >> 20
    );
    inventory
}

/// The processor's time that this thread took: what others do on the machine does not count.
fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// The same for all threads of the process, to 10 ms.
fn process_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks: u64 =
        text.rsplit(')').next().unwrap().split(' ').skip(12).take(2).map(|t| t.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn time<T>(what: &str, mut run: impl FnMut() -> T) {
    run();
    let (start, mut times) = (thread_time(), 0);
    // The clock only ticks every few milliseconds.
    while thread_time() - start < Duration::from_millis(300) {
        (0..10).for_each(|_| drop(std::hint::black_box(run())));
        times += 10;
    }
    println!("{what}: {:?}", (thread_time() - start) / times);
}

#[test]
#[ignore = "figures"]
fn figures() {
    let inventory = loaded();
    let scope = everything();
    let host = id(0x1007).to_string();
    let tag = id(0x7107).to_string();
    let lists: &[&[(&str, &str)]] = &[
        &[],
        &[("limit", "1000")],
        &[("power_state", "stopped")],
        &[("power_state", "running"), ("sort", "-memory_mib")],
        &[("host_id", &host), ("sort", "-memory_mib")],
        &[("tag_ids", &tag), ("power_state", "stopped"), ("sort", "memory_mib")],
        &[("memory_mib.gte", "65536"), ("sort", "storage_used_bytes")],
        &[("sort", "-storage_used_bytes,name")],
        &[("sort", "power_state,-memory_mib,name")],
        &[("vcpu_count", "16"), ("guest_os.prefix", "microsoft")],
        &[("name.prefix", "web-0001"), ("sort", "memory_mib")],
        &[("name.contains", "99")],
        &[("q", "web 10.0.1")],
        &[("q", "nowhere to be found")],
        &[("ip_addresses", "10.1.2.3")],
        &[("uuid", "00000000-0000-0000-0000-a000000000ff")],
    ];
    for text in lists {
        let query = Query::parse(Kind::Vm, &pairs(text)).unwrap();
        time(&format!("first page of {text:?}"), || inventory.list(&scope, &query).unwrap());
    }
    let page = inventory.list(&scope, &Query::parse(Kind::Vm, &[]).unwrap()).unwrap();
    time(&format!("JSON of 100 objects, {} KiB", page.json().len() >> 10), || page.json());
    time("get and JSON", || inventory.get(&scope, Kind::Vm, page.items[7].id()).unwrap().json());

    let start = thread_time();
    let (mut token, mut pages) = (None::<String>, 0);
    loop {
        let mut text = pairs(&[("power_state", "stopped"), ("sort", "-memory_mib")]);
        text.extend(token.take().map(|token| ("page_token".to_owned(), token)));
        let page = inventory.list(&scope, &Query::parse(Kind::Vm, &text).unwrap()).unwrap();
        pages += 1;
        match page.next_page_token {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    println!("walk of {pages} pages of stopped by -memory_mib: {:?} a page", (thread_time() - start) / pages);

    for text in [&[][..], &[("power_state", "stopped")], &[("memory_mib.gt", "4096")], &[("q", "web-01")]] {
        let query = Query::parse_count(Kind::Vm, &pairs(text)).unwrap();
        time(&format!("count of {text:?}"), || inventory.count(&scope, &query));
    }
    let text = pairs(&[("group_by", "power_state,cluster_id"), ("sum", "memory_mib,vcpu_count,storage_used_bytes")]);
    let query = SummaryQuery::parse(Kind::Vm, &text).unwrap();
    time("summary of all by two fields with three sums", || inventory.summary(&scope, &query).unwrap());
    for text in ["web-0001", "10.1.2.3", "nowhere to be found"] {
        let query = SearchQuery::parse(&pairs(&[("q", text)])).unwrap();
        time(&format!("search of all kinds for {text:?}"), || inventory.search(&scope, &query));
    }
    writes(&inventory);
}

fn writes(inventory: &Arc<Inventory>) {
    let mut revision = inventory.revision().0;
    let mut change = |number: u128| {
        revision += 1;
        let Object::Vm(mut vm) = machine(number) else { unreachable!() };
        vm.power_state = PowerState::Suspended;
        vm.memory_mib = revision;
        let whose = Whose { source: source(number % 8), ..Whose::default() };
        put(revision, ObjectId(id(0x1_0000_0000 + number)), whose, *vm)
    };
    for size in [1, 100, 2000] {
        let batches: Vec<Vec<_>> =
            (0..10).map(|at| (0..size).map(|n| change((n * 49 + at * 17) as u128 % VMS)).collect()).collect();
        let start = thread_time();
        for batch in &batches {
            inventory.apply(batch).unwrap();
        }
        println!("apply of {size} changes: {:?} a change", (thread_time() - start) / (10 * size as u32));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        const WATCHERS: usize = 1000;
        let changes: Vec<_> = (0..500).map(|number| change(number * 31)).collect();
        let last = changes[changes.len() - 1].revision;
        let drain = |mut watch: Watch| async move {
            while watch.position() < last {
                watch.next().await.unwrap();
            }
        };
        let tasks: Vec<_> = (0..WATCHERS)
            .map(|_| tokio::spawn(drain(inventory.watch(everything(), WatchRequest::default()).unwrap())))
            .collect();
        let start = Instant::now();
        let mut slowest = Duration::ZERO;
        for change in &changes {
            let one = Instant::now();
            inventory.apply(std::slice::from_ref(change)).unwrap();
            slowest = slowest.max(one.elapsed());
        }
        let applied = start.elapsed();
        for task in tasks {
            task.await.unwrap();
        }
        println!(
            "{} changes one by one to {WATCHERS} watchers: applied in {applied:?} (slowest {slowest:?}), all told after {:?}",
            changes.len(),
            start.elapsed()
        );
    });
}
