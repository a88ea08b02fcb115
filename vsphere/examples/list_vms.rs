//! Lists the machines of a vCenter or ESXi, and with `--watch` goes on with what changes.
//!
//! ```text
//! VSPHERE_PASSWORD=… cargo run -p vsphere --example list_vms -- vc.example.org administrator@vsphere.local [THUMBPRINT] [--watch]
//! ```

#![allow(clippy::print_stdout)]

use std::collections::HashMap;

use vsphere::{Client, Config, Credentials, FilterSpec, MoRef, ObjectState, Trust, UpdateKind, WatchEvent, WatchSpec};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (options, arguments): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let (address, username, thumbprint) = match &arguments[..] {
        [address, username] => (address, username, None),
        [address, username, thumbprint] => (address, username, Some(thumbprint)),
        _ => return Err("usage: list_vms ADDRESS USERNAME [THUMBPRINT] [--watch]".into()),
    };
    let mut config = Config::new(address)?;
    if let Some(thumbprint) = thumbprint {
        config = config.trust(Trust::Thumbprint(thumbprint.parse()?));
    }
    let password = std::env::var("VSPHERE_PASSWORD")?;
    let client = Client::connect(&config, Credentials::new(username, password)).await?;
    println!("{} ({})", client.about().full_name, client.api_version());

    let vms = FilterSpec::inventory(&client.content().root_folder)
        .properties(
            "VirtualMachine",
            ["name", "runtime.powerState", "config.hardware.numCPU", "config.hardware.memoryMB"],
        )
        .partial_updates();
    for vm in client.retrieve_all(vms.clone()).await? {
        show(&vm);
    }
    if options.iter().any(|option| option == "--watch") {
        watch(&client, vms).await?;
    }
    client.logout().await?;
    Ok(())
}

fn show(vm: &ObjectState) {
    let number = |path| vm.get(path).and_then(|value| value.as_i64()).unwrap_or_default();
    println!(
        "{:<14} {:<10} {:>3} CPU {:>7} MiB  {}",
        vm.object().id(),
        vm.str("runtime.powerState").unwrap_or("unknown"),
        number("config.hardware.numCPU"),
        number("config.hardware.memoryMB"),
        vm.str("name").unwrap_or("(no name)"),
    );
}

async fn watch(client: &Client, vms: FilterSpec) -> Result<(), vsphere::Error> {
    let mut held: HashMap<MoRef, ObjectState> = HashMap::new();
    let mut loaded = false;
    let mut watch = client.sibling().await?.watch(WatchSpec::new([vms]));
    while let Some(event) = watch.next().await {
        let set = match event? {
            WatchEvent::Updates(set) => set,
            WatchEvent::Restarted(reason) => {
                println!("from the beginning: {reason:?}");
                held.clear();
                loaded = false;
                continue;
            }
            WatchEvent::Alive => continue,
        };
        for update in set.filters.iter().flat_map(|filter| &filter.objects) {
            if update.kind == UpdateKind::Leave {
                held.remove(&update.object);
                println!("{:<14} gone", update.object.id());
                continue;
            }
            let vm = held.entry(update.object.clone()).or_insert_with(|| ObjectState::new(update.object.clone()));
            if vm.apply(update).is_err() {
                // A change that cannot be applied with certainty: ask again.
                *vm = client.read(&update.object, &["name", "runtime.powerState"]).await?;
            }
            if loaded {
                show(vm);
            }
        }
        loaded |= !set.truncated;
    }
    Ok(())
}
