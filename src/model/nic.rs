//! A virtual network interface of a VM.

use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{Kind, Native, NetworkId, Noun, Value, VmId};

words! {
    /// What a virtual network interface is plugged into.
    NicAttachment {
        /// A network of the platform.
        Network = "network",
        /// A bridge of the host.
        Bridge = "bridge",
        /// A device of the host, by macvtap.
        Direct = "direct",
        /// User-mode networking inside the hypervisor's process.
        User = "user",
        /// A tap device that something else connects.
        Ethernet = "ethernet",
        /// A passed-through device.
        Hostdev = "hostdev",
        /// A switch in another process.
        Vhostuser = "vhostuser",
        /// A vDPA device.
        Vdpa = "vdpa",
        /// A TCP or UDP socket, or a multicast group.
        Socket = "socket",
        /// A name internal to the hypervisor.
        Internal = "internal",
        /// Nothing.
        None = "none",
    }
}

/// A virtual network interface of a VM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Nic {
    /// The name shown to people: the device's label, or target device.
    pub name: String,
    /// The VM that has it.
    pub vm_id: VmId,
    /// The network that it is connected to; absent where it is connected to none, or to something that is no network.
    pub network_id: Option<NetworkId>,
    /// The MAC address, lower case with colons.
    pub mac_address: Option<String>,
    /// The virtual hardware: `vmxnet3`, `virtio`, `e1000`, …
    pub model: Option<String>,
    /// Whether it is plugged in; absent where the platform does not tell.
    pub connected: Option<bool>,
    /// What it is plugged into.
    pub attachment: NicAttachment,
    /// Addresses that the guest or the platform's DHCP server told.
    pub ip_addresses: Vec<String>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Nic {
    const KIND: Kind = Kind::Nic;

    fn name(&self) -> &str {
        &self.name
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Nic>] = &[
            Field::<Nic>::new("vm_id", FieldType::Id, "The VM that has it.", |o| value::opt_id(Some(o.vm_id))).indexed(),
            Field::<Nic>::new("network_id", FieldType::Id, "The network that it is connected to; absent where it is connected to none, or to something that is no network.", |o| value::opt_id(o.network_id)).indexed(),
            Field::<Nic>::new("mac_address", FieldType::Text, "The MAC address, lower case with colons.", |o| value::opt_text(o.mac_address.as_ref())).indexed(),
            Field::<Nic>::new("model", FieldType::Text, "The virtual hardware: `vmxnet3`, `virtio`, `e1000`, …", |o| value::opt_text(o.model.as_ref())),
            Field::<Nic>::new("connected", FieldType::Boolean, "Whether it is plugged in; absent where the platform does not tell.", |o| o.connected.map_or(Value::Null, Value::Bool)),
            Field::<Nic>::new("attachment", FieldType::Word(&["network", "bridge", "direct", "user", "ethernet", "hostdev", "vhostuser", "vdpa", "socket", "internal", "none"]), "What it is plugged into.", |o| Value::Word(o.attachment.as_str())).indexed(),
            Field::<Nic>::new("ip_addresses", FieldType::TextList, "Addresses that the guest or the platform's DHCP server told.", |o| value::texts(&o.ip_addresses)),
        ];
        FIELDS
    }

    fn search_texts(&self) -> Vec<&str> {
        self.ip_addresses.iter().chain(&self.mac_address).map(String::as_str).collect()
    }
}
