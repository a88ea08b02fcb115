//! A network that virtual NICs are connected to.

use serde::{Deserialize, Serialize};

use super::datastore::HostAccess;
use super::field::{Field, FieldType, value};
use super::{Kind, Native, Noun, TagId, Value, ZoneId};

words! {
    /// Whether a network can be used.
    NetworkState {
        /// It can.
        Active = "active",
        /// It is defined, but not started, or no host has it.
        Inactive = "inactive",
        /// The gateway cannot tell, since it does not reach the platform.
        Unknown = "unknown",
    }
}

words! {
    /// How a network is made.
    NetworkTechnology {
        /// vSphere: a port group of one host's standard switch.
        StandardPortGroup = "standard_port_group",
        /// vSphere: a port group of a distributed switch.
        DistributedPortGroup = "distributed_port_group",
        /// vSphere: a network managed by another product, such as NSX.
        Opaque = "opaque",
        /// libvirt: addresses translated behind the host.
        Nat = "nat",
        /// libvirt: routed by the host.
        Route = "route",
        /// libvirt: routed, without rules of libvirt's own.
        Open = "open",
        /// libvirt: no way out.
        Isolated = "isolated",
        /// libvirt: a bridge of the host.
        Bridge = "bridge",
        /// libvirt: macvtap, directly on a device of the host.
        Direct = "direct",
        /// libvirt: virtual functions of a device, passed through.
        Hostdev = "hostdev",
    }
}

/// A vSphere port group (standard, distributed) or opaque network, or a libvirt network or host bridge. One that several hosts share is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Network {
    /// Whether it can be used.
    pub state: NetworkState,
    /// The name shown to people.
    pub name: String,
    /// The zone that it is in.
    pub zone_id: Option<ZoneId>,
    /// How it is made.
    pub technology: NetworkTechnology,
    /// The virtual switch or bridge behind it.
    pub switch_name: Option<String>,
    /// The VLAN, 0 – 4095; absent when untagged or more than one.
    pub vlan_id: Option<u32>,
    /// The VLANs of a trunk, as `from-to`.
    pub vlan_ranges: Vec<String>,
    /// Address ranges that the platform itself serves, in CIDR notation.
    pub cidrs: Vec<String>,
    /// Whether the platform itself serves DHCP on it; absent where it does not tell.
    pub dhcp_enabled: Option<bool>,
    /// Whether it is the uplink side of a switch, not meant for VMs.
    pub uplink: bool,
    /// Whether several hosts have it.
    pub shared: bool,
    /// The hosts that have it.
    pub hosts: Vec<HostAccess>,
    /// Tags attached to it.
    pub tag_ids: Vec<TagId>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Network {
    const KIND: Kind = Kind::Network;
    const STATE_FIELD: Option<&'static str> = Some("state");

    fn name(&self) -> &str {
        &self.name
    }

    fn state(&self) -> Option<&'static str> {
        Some(self.state.as_str())
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Network>] = &[
            Field::<Network>::new(
                "state",
                FieldType::Word(&["active", "inactive", "unknown"]),
                "Whether it can be used.",
                |o| Value::Word(o.state.as_str()),
            )
            .indexed(),
            Field::<Network>::new("zone_id", FieldType::Id, "The zone that it is in.", |o| value::opt_id(o.zone_id))
                .indexed(),
            Field::<Network>::new(
                "technology",
                FieldType::Word(&[
                    "standard_port_group",
                    "distributed_port_group",
                    "opaque",
                    "nat",
                    "route",
                    "open",
                    "isolated",
                    "bridge",
                    "direct",
                    "hostdev",
                ]),
                "How it is made.",
                |o| Value::Word(o.technology.as_str()),
            )
            .indexed(),
            Field::<Network>::new("switch_name", FieldType::Text, "The virtual switch or bridge behind it.", |o| {
                value::opt_text(o.switch_name.as_ref())
            }),
            Field::<Network>::new(
                "vlan_id",
                FieldType::Integer,
                "The VLAN, 0 – 4095; absent when untagged or more than one.",
                |o| value::opt_int(o.vlan_id.map(u64::from)),
            ),
            Field::<Network>::new("vlan_ranges", FieldType::TextList, "The VLANs of a trunk, as `from-to`.", |o| {
                value::texts(&o.vlan_ranges)
            }),
            Field::<Network>::new(
                "cidrs",
                FieldType::TextList,
                "Address ranges that the platform itself serves, in CIDR notation.",
                |o| value::texts(&o.cidrs),
            ),
            Field::<Network>::new(
                "dhcp_enabled",
                FieldType::Boolean,
                "Whether the platform itself serves DHCP on it; absent where it does not tell.",
                |o| o.dhcp_enabled.map_or(Value::Null, Value::Bool),
            ),
            Field::<Network>::new(
                "uplink",
                FieldType::Boolean,
                "Whether it is the uplink side of a switch, not meant for VMs.",
                |o| Value::Bool(o.uplink),
            ),
            Field::<Network>::new("shared", FieldType::Boolean, "Whether several hosts have it.", |o| {
                Value::Bool(o.shared)
            }),
            Field::<Network>::new("hosts", FieldType::IdList, "The hosts that have it.", |o| {
                Value::List(o.hosts.iter().map(|h| Value::Id(h.host_id.0)).collect())
            })
            .indexed(),
            Field::<Network>::new("tag_ids", FieldType::IdList, "Tags attached to it.", |o| value::ids(&o.tag_ids))
                .indexed(),
        ];
        FIELDS
    }

    fn search_texts(&self) -> Vec<&str> {
        self.cidrs.iter().chain(&self.switch_name).map(String::as_str).collect()
    }
}
