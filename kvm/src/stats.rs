//! Statistics of domains, typed; every field may be absent.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;
use virt_sys as sys;

/// Which groups of statistics are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatsGroups(u32);

impl StatsGroups {
    /// The state.
    pub const STATE: Self = Self(sys::VIR_DOMAIN_STATS_STATE);
    /// Processor time.
    pub const CPU: Self = Self(sys::VIR_DOMAIN_STATS_CPU_TOTAL);
    /// The balloon and memory as the guest sees it.
    pub const BALLOON: Self = Self(sys::VIR_DOMAIN_STATS_BALLOON);
    /// Time by virtual processor.
    pub const VCPU: Self = Self(sys::VIR_DOMAIN_STATS_VCPU);
    /// Network interfaces.
    pub const INTERFACE: Self = Self(sys::VIR_DOMAIN_STATS_INTERFACE);
    /// Disks.
    pub const BLOCK: Self = Self(sys::VIR_DOMAIN_STATS_BLOCK);
    /// All of the above.
    pub const ALL: Self =
        Self(Self::STATE.0 | Self::CPU.0 | Self::BALLOON.0 | Self::VCPU.0 | Self::INTERFACE.0 | Self::BLOCK.0);

    /// Both groups.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}

/// A value of libvirt's typed parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum StatValue {
    /// A signed number.
    Signed(i64),
    /// An unsigned number.
    Unsigned(u64),
    /// A floating point number.
    Double(f64),
    /// A switch.
    Bool(bool),
    /// A text.
    Text(String),
}

impl StatValue {
    fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Unsigned(value) => Some(*value),
            Self::Signed(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }
}

/// The statistics of one domain. Counters grow from the domain's start; a field that libvirt left out is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DomainStats {
    /// The domain.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// `virDomainState`.
    pub state: Option<crate::DomainState>,
    /// Processor time of the whole QEMU process.
    pub cpu_time_ns: Option<u64>,
    /// Of that, in programs.
    pub cpu_user_ns: Option<u64>,
    /// Of that, in the kernel.
    pub cpu_system_ns: Option<u64>,
    /// Memory that the guest has now.
    pub balloon_current_bytes: Option<u64>,
    /// The most that it can have.
    pub balloon_maximum_bytes: Option<u64>,
    /// Memory that the guest sees (needs the balloon's driver in the guest).
    pub balloon_available_bytes: Option<u64>,
    /// Of that, wholly unused.
    pub balloon_unused_bytes: Option<u64>,
    /// Of that, usable without swapping.
    pub balloon_usable_bytes: Option<u64>,
    /// Memory of the QEMU process in RAM.
    pub balloon_rss_bytes: Option<u64>,
    /// Virtual processors that are on.
    pub vcpu_current_count: Option<u32>,
    /// The most that there can be.
    pub vcpu_maximum_count: Option<u32>,
    /// By virtual processor.
    pub vcpus: Vec<VcpuStats>,
    /// By network interface.
    pub interfaces: Vec<InterfaceStats>,
    /// By disk.
    pub disks: Vec<DiskStats>,
    /// Fields without a place above, by libvirt's name.
    pub other: BTreeMap<String, StatValue>,
}

/// One virtual processor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VcpuStats {
    /// Its number; processors that are off are left out.
    pub index: u32,
    /// 0 off, 1 running, 2 blocked.
    pub state: Option<u32>,
    /// Time that it ran.
    pub time_ns: Option<u64>,
    /// Time that it waited for I/O.
    pub wait_ns: Option<u64>,
    /// Time that it was ready but had no processor (steal).
    pub delay_ns: Option<u64>,
}

/// One network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InterfaceStats {
    /// The host's device: `vnet0`.
    pub name: Option<String>,
    /// Bytes to the guest.
    pub rx_bytes: Option<u64>,
    /// Packets to the guest.
    pub rx_packets: Option<u64>,
    /// Errors.
    pub rx_errors: Option<u64>,
    /// Dropped.
    pub rx_dropped: Option<u64>,
    /// Bytes from the guest.
    pub tx_bytes: Option<u64>,
    /// Packets from the guest.
    pub tx_packets: Option<u64>,
    /// Errors.
    pub tx_errors: Option<u64>,
    /// Dropped.
    pub tx_dropped: Option<u64>,
}

/// One disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DiskStats {
    /// The target: `vda`.
    pub name: Option<String>,
    /// The image.
    pub path: Option<String>,
    /// Read requests.
    pub read_requests: Option<u64>,
    /// Bytes read.
    pub read_bytes: Option<u64>,
    /// Time spent reading.
    pub read_time_ns: Option<u64>,
    /// Write requests.
    pub write_requests: Option<u64>,
    /// Bytes written.
    pub write_bytes: Option<u64>,
    /// Time spent writing.
    pub write_time_ns: Option<u64>,
    /// Flush requests.
    pub flush_requests: Option<u64>,
    /// Time spent flushing.
    pub flush_time_ns: Option<u64>,
    /// The highest offset written, or what the image uses.
    pub allocation_bytes: Option<u64>,
    /// What the guest sees.
    pub capacity_bytes: Option<u64>,
    /// The file's length or the device's size.
    pub physical_bytes: Option<u64>,
}

/// Most items of one kind (processors, interfaces, disks) that are believed; a larger number is a broken answer.
const ITEMS_MAX: u32 = 4096;

impl DomainStats {
    pub(crate) fn from_fields(uuid: Uuid, name: String, fields: Vec<(String, StatValue)>) -> Self {
        let mut fields: BTreeMap<String, StatValue> = fields.into_iter().collect();
        let mut number = |key: &str| fields.remove(key).and_then(|value| value.unsigned());
        // libvirt counts the balloon in KiB.
        let kib = |value: Option<u64>| value.map(|value| value.saturating_mul(1024));
        let small = |value: Option<u64>| value.and_then(|value| u32::try_from(value).ok());
        let state =
            number("state.state").and_then(|state| i32::try_from(state).ok()).map(crate::DomainState::from_libvirt);
        let vcpu_maximum_count = small(number("vcpu.maximum"));
        let counts = [vcpu_maximum_count, small(number("net.count")), small(number("block.count"))];
        let [vcpus, nets, blocks] = counts.map(|count| count.unwrap_or(0).min(ITEMS_MAX));
        let mut stats = Self {
            uuid,
            name,
            state,
            cpu_time_ns: number("cpu.time"),
            cpu_user_ns: number("cpu.user"),
            cpu_system_ns: number("cpu.system"),
            balloon_current_bytes: kib(number("balloon.current")),
            balloon_maximum_bytes: kib(number("balloon.maximum")),
            balloon_available_bytes: kib(number("balloon.available")),
            balloon_unused_bytes: kib(number("balloon.unused")),
            balloon_usable_bytes: kib(number("balloon.usable")),
            balloon_rss_bytes: kib(number("balloon.rss")),
            vcpu_current_count: small(number("vcpu.current")),
            vcpu_maximum_count,
            vcpus: Vec::new(),
            interfaces: Vec::new(),
            disks: Vec::new(),
            other: BTreeMap::new(),
        };
        stats.vcpus = (0..vcpus).filter_map(|index| VcpuStats::take(&mut fields, index)).collect();
        stats.interfaces = (0..nets).map(|index| InterfaceStats::take(&mut fields, index)).collect();
        stats.disks = (0..blocks).map(|index| DiskStats::take(&mut fields, index)).collect();
        stats.other = fields;
        stats
    }
}

/// Takes a number out of the fields.
fn take(fields: &mut BTreeMap<String, StatValue>, key: String) -> Option<u64> {
    fields.remove(&key)?.unsigned()
}

/// Takes a text out of the fields.
fn take_text(fields: &mut BTreeMap<String, StatValue>, key: String) -> Option<String> {
    match fields.remove(&key)? {
        StatValue::Text(text) => Some(text),
        _ => None,
    }
}

impl VcpuStats {
    fn take(fields: &mut BTreeMap<String, StatValue>, index: u32) -> Option<Self> {
        let mut number = |suffix: &str| take(fields, format!("vcpu.{index}.{suffix}"));
        let state = number("state").and_then(|state| u32::try_from(state).ok());
        let vcpu = Self { index, state, time_ns: number("time"), wait_ns: number("wait"), delay_ns: number("delay") };
        (vcpu != Self { index, ..Self::default() }).then_some(vcpu)
    }
}

impl InterfaceStats {
    fn take(fields: &mut BTreeMap<String, StatValue>, index: u32) -> Self {
        let name = take_text(fields, format!("net.{index}.name"));
        let mut number = |suffix: &str| take(fields, format!("net.{index}.{suffix}"));
        Self {
            name,
            rx_bytes: number("rx.bytes"),
            rx_packets: number("rx.pkts"),
            rx_errors: number("rx.errs"),
            rx_dropped: number("rx.drop"),
            tx_bytes: number("tx.bytes"),
            tx_packets: number("tx.pkts"),
            tx_errors: number("tx.errs"),
            tx_dropped: number("tx.drop"),
        }
    }
}

impl DiskStats {
    fn take(fields: &mut BTreeMap<String, StatValue>, index: u32) -> Self {
        let name = take_text(fields, format!("block.{index}.name"));
        let path = take_text(fields, format!("block.{index}.path"));
        let mut number = |suffix: &str| take(fields, format!("block.{index}.{suffix}"));
        Self {
            name,
            path,
            read_requests: number("rd.reqs"),
            read_bytes: number("rd.bytes"),
            read_time_ns: number("rd.times"),
            write_requests: number("wr.reqs"),
            write_bytes: number("wr.bytes"),
            write_time_ns: number("wr.times"),
            flush_requests: number("fl.reqs"),
            flush_time_ns: number("fl.times"),
            allocation_bytes: number("allocation"),
            capacity_bytes: number("capacity"),
            physical_bytes: number("physical"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_find_their_places_and_absent_ones_stay_absent() {
        let text = |text: &str| StatValue::Text(text.to_owned());
        let fields = [
            ("state.state", StatValue::Signed(1)),
            ("cpu.time", StatValue::Unsigned(42)),
            ("balloon.current", StatValue::Unsigned(1024)),
            ("vcpu.maximum", StatValue::Unsigned(4)),
            ("vcpu.0.state", StatValue::Signed(1)),
            ("vcpu.2.time", StatValue::Unsigned(7)),
            ("net.count", StatValue::Unsigned(1)),
            ("net.0.name", text("vnet0")),
            ("net.0.rx.bytes", StatValue::Unsigned(9)),
            ("block.count", StatValue::Unsigned(u64::MAX)),
            ("perf.cmt", StatValue::Unsigned(3)),
        ];
        let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let stats = DomainStats::from_fields(Uuid::nil(), "web".to_owned(), fields);
        assert_eq!(stats.state, Some(crate::DomainState::Running));
        assert_eq!((stats.cpu_time_ns, stats.cpu_user_ns), (Some(42), None));
        assert_eq!(stats.balloon_current_bytes, Some(1 << 20));
        assert_eq!(stats.vcpus.iter().map(|vcpu| vcpu.index).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(stats.interfaces[0].name.as_deref(), Some("vnet0"));
        assert_eq!((stats.interfaces[0].rx_bytes, stats.interfaces[0].tx_bytes), (Some(9), None));
        assert!(stats.disks.is_empty(), "a count that cannot be is not believed");
        assert_eq!(stats.other.keys().collect::<Vec<_>>(), ["perf.cmt"]);
    }
}
