//! How long decoding takes: pages of machines in the wire's shape, as a first load brings them.
//!
//! `cargo run --release -p vsphere --example decode_speed [MACHINES]`

#![allow(clippy::print_stdout)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use vsphere::Limits;
use vsphere::wire::{Answer, decode};

const PAGE: usize = 500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let machines: usize = std::env::args().nth(1).map_or(Ok(10_000), |count| count.parse())?;
    let page = page();
    let (mut bytes, mut spent, mut seen) = (0, Duration::ZERO, 0);
    while seen < machines {
        let begin = Instant::now();
        let answer = decode(page.as_bytes(), &Limits::default())?;
        let Answer::Response(response) = &answer else { return Err("a fault".into()) };
        let set = response.get("returnval").ok_or("no update set")?;
        let devices: usize = set
            .all("filterSet")
            .flat_map(|filter| filter.all("objectSet"))
            .map(|object| object.get("changeSet").map_or(0, |change| change.all("val").count()))
            .sum();
        assert!(devices >= PAGE);
        drop(answer);
        spent += begin.elapsed();
        seen += PAGE;
        bytes += page.len();
    }
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{seen} machines, {megabytes:.0} MB, {:.3} s, {:.0} MB/s",
        spent.as_secs_f64(),
        megabytes / spent.as_secs_f64()
    );
    Ok(())
}

/// An answer to `WaitForUpdatesEx` with a page of machines.
fn page() -> String {
    let mut out = String::from(concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/" "#,
        r#"xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" "#,
        r#"xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><WaitForUpdatesExResponse xmlns="urn:vim25">"#,
        r#"<returnval><version>1</version><filterSet><filter type="PropertyFilter">session[1]2</filter>"#,
    ));
    for vm in 0..PAGE {
        let _ = write!(out, r#"<objectSet><kind>enter</kind><obj type="VirtualMachine">vm-{vm}</obj>"#);
        for (name, kind, value) in [
            ("name", "xsd:string", "web-frontend-01"),
            ("config.uuid", "xsd:string", "422e7d1a-7f0c-4f3c-9d22-0d1f3a1b2c3d"),
            ("config.instanceUuid", "xsd:string", "502e7d1a-7f0c-4f3c-9d22-0d1f3a1b2c3d"),
            ("config.template", "xsd:boolean", "false"),
            ("config.guestId", "xsd:string", "debian12_64Guest"),
            ("config.firmware", "xsd:string", "efi"),
            ("config.version", "xsd:string", "vmx-19"),
            ("config.annotation", "xsd:string", "owned by &lt;team&gt; &amp; friends"),
            ("config.hardware.numCPU", "xsd:int", "4"),
            ("config.hardware.memoryMB", "xsd:int", "8192"),
            ("config.files.vmPathName", "xsd:string", "[vsan-01] web-frontend-01/web-frontend-01.vmx"),
            ("runtime.powerState", "VirtualMachinePowerState", "poweredOn"),
            ("runtime.connectionState", "VirtualMachineConnectionState", "connected"),
            ("runtime.bootTime", "xsd:dateTime", "2026-10-01T06:07:08.123Z"),
            ("guest.toolsRunningStatus", "xsd:string", "guestToolsRunning"),
            ("guest.hostName", "xsd:string", "web-frontend-01.example.org"),
            ("guest.ipAddress", "xsd:string", "10.20.30.40"),
            ("summary.storage.committed", "xsd:long", "53687091200"),
        ] {
            let _ = write!(
                out,
                r#"<changeSet><name>{name}</name><op>assign</op><val xsi:type="{kind}">{value}</val></changeSet>"#
            );
        }
        for (name, kind, id) in [("runtime.host", "HostSystem", "host-12"), ("parent", "Folder", "group-v3")] {
            let _ = write!(
                out,
                r#"<changeSet><name>{name}</name><op>assign</op><val type="{kind}" xsi:type="ManagedObjectReference">{id}</val></changeSet>"#
            );
        }
        out.push_str(
            r#"<changeSet><name>config.hardware.device</name><op>assign</op><val xsi:type="ArrayOfVirtualDevice">"#,
        );
        for (kind, key) in [
            ("VirtualIDEController", 200),
            ("VirtualPS2Controller", 300),
            ("VirtualPCIController", 100),
            ("VirtualKeyboard", 600),
            ("VirtualPointingDevice", 700),
            ("ParaVirtualSCSIController", 1000),
            ("VirtualCdrom", 16000),
        ] {
            let _ = write!(
                out,
                r#"<VirtualDevice xsi:type="{kind}"><key>{key}</key><deviceInfo xsi:type="Description"><label>{kind} 0</label><summary>{kind}</summary></deviceInfo><controllerKey>100</controllerKey><unitNumber>3</unitNumber><busNumber>0</busNumber></VirtualDevice>"#
            );
        }
        for key in 2000..2002 {
            let _ = write!(
                out,
                r#"<VirtualDevice xsi:type="VirtualDisk"><key>{key}</key><deviceInfo xsi:type="Description"><label>Hard disk 1</label><summary>41,943,040 KB</summary></deviceInfo><backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>[vsan-01] web-frontend-01/web-frontend-01.vmdk</fileName><datastore type="Datastore">datastore-15</datastore><backingObjectId></backingObjectId><diskMode>persistent</diskMode><split>false</split><writeThrough>false</writeThrough><thinProvisioned>true</thinProvisioned><uuid>6000C299-2f0b-6f3e-7a2b-52b9ce3e1e51</uuid><contentId>0e5b2d7b3d9b1c8f8b9ff3f2fffffffe</contentId><digestEnabled>false</digestEnabled><sharing>sharingNone</sharing></backing><controllerKey>1000</controllerKey><unitNumber>0</unitNumber><capacityInKB>41943040</capacityInKB><capacityInBytes>42949672960</capacityInBytes><shares><shares>1000</shares><level>normal</level></shares><storageIOAllocation><limit>-1</limit><shares><shares>1000</shares><level>normal</level></shares><reservation>0</reservation></storageIOAllocation><diskObjectId>1-{key}</diskObjectId><nativeUnmanagedLinkedClone>false</nativeUnmanagedLinkedClone></VirtualDevice>"#
            );
        }
        out.push_str(concat!(
            r#"<VirtualDevice xsi:type="VirtualVmxnet3"><key>4000</key><deviceInfo xsi:type="Description"><label>Network adapter 1</label>"#,
            r#"<summary>DVSwitch: 50 1e</summary></deviceInfo><backing xsi:type="VirtualEthernetCardDistributedVirtualPortBackingInfo">"#,
            r#"<port><switchUuid>50 1e 2b</switchUuid><portgroupKey>dvportgroup-21</portgroupKey><portKey>12</portKey>"#,
            r#"<connectionCookie>1723</connectionCookie></port></backing><connectable><migrateConnect>unset</migrateConnect>"#,
            r#"<startConnected>true</startConnected><allowGuestControl>true</allowGuestControl><connected>true</connected>"#,
            r#"<status>ok</status></connectable><controllerKey>100</controllerKey><unitNumber>7</unitNumber>"#,
            r#"<addressType>assigned</addressType><macAddress>00:50:56:ae:01:02</macAddress><wakeOnLanEnabled>true</wakeOnLanEnabled>"#,
            r#"</VirtualDevice></val></changeSet></objectSet>"#,
        ));
    }
    out.push_str("</filterSet><truncated>true</truncated></returnval></WaitForUpdatesExResponse></soapenv:Body></soapenv:Envelope>");
    out
}
