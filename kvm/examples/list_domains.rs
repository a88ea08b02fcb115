//! Lists the domains of a libvirt host: `cargo run -p kvm --example list_domains -- qemu:///system`.

#![allow(clippy::print_stdout, reason = "a command line example")]

use std::time::Duration;

use kvm::{ConnectUri, Host};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let uri = std::env::args().nth(1).unwrap_or_else(|| "test:///default".to_owned());
    let host = Host::new(ConnectUri::parse(&uri)?);
    let limit = Duration::from_secs(30);

    let about = host.describe(limit).await?;
    println!("{} ({} on libvirt {})", about.hostname, about.driver_name, about.libvirt_version);

    let domains = host.domains(limit).await?;
    for domain in &domains.items {
        let definition = domain.definition()?;
        println!(
            "{:<24} {:<12} {:>3} vCPU {:>8} MiB  {} disks, {} interfaces ({})",
            domain.name,
            format!("{:?}", domain.state),
            definition.vcpu_current_count.unwrap_or(0),
            definition.memory_bytes.unwrap_or(0) >> 20,
            definition.disks.len(),
            definition.interfaces.len(),
            domain.reason.name,
        );
    }
    for failed in &domains.failed {
        println!("{:<24} cannot be read: {}", failed.name, failed.error);
    }
    Ok(())
}
