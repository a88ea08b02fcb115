//! The kinds of objects of the inventory.

words! {
    /// What an object of the inventory is.
    Kind {
        /// A vSphere datacenter; a KVM provider is one zone.
        Zone = "zone",
        /// A set of hosts scheduled together.
        Cluster = "cluster",
        /// A hypervisor.
        Host = "host",
        /// A vSphere resource pool or vApp.
        ResourcePool = "resource_pool",
        /// A vSphere inventory folder.
        Folder = "folder",
        /// A vSphere datastore or datastore cluster; a libvirt storage pool.
        Datastore = "datastore",
        /// A port group, opaque or standard network; a libvirt network or host bridge.
        Network = "network",
        /// A vSphere template or library item; a libvirt volume used as an image (ISO, backing file).
        Image = "image",
        /// A virtual machine.
        Vm = "vm",
        /// A virtual disk.
        Volume = "volume",
        /// A virtual network interface.
        Nic = "nic",
        /// A snapshot of a VM.
        Snapshot = "snapshot",
        /// A vSphere tag.
        Tag = "tag",
        /// A vSphere storage policy.
        StoragePolicy = "storage_policy",
        /// A vSphere content library.
        ContentLibrary = "content_library",
    }
}

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The collection's name in paths of the API: `/v1/{plural}`.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Kind::Zone => "zones",
            Kind::Cluster => "clusters",
            Kind::Host => "hosts",
            Kind::ResourcePool => "resource-pools",
            Kind::Folder => "folders",
            Kind::Datastore => "datastores",
            Kind::Network => "networks",
            Kind::Image => "images",
            Kind::Vm => "vms",
            Kind::Volume => "volumes",
            Kind::Nic => "nics",
            Kind::Snapshot => "snapshots",
            Kind::Tag => "tags",
            Kind::StoragePolicy => "storage-policies",
            Kind::ContentLibrary => "content-libraries",
        }
    }

    /// The plural in a sentence: `VMs`, `content libraries`.
    #[must_use]
    pub fn plural_words(self) -> String {
        match self {
            Kind::Vm => "VMs".to_owned(),
            Kind::Nic => "NICs".to_owned(),
            kind => kind.plural().replace('-', " "),
        }
    }

    /// The singular in a sentence: `VM`, `content library`.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Kind::Vm => "VM".to_owned(),
            Kind::Nic => "NIC".to_owned(),
            kind => kind.as_str().replace('_', " "),
        }
    }

    /// The kind of a collection's name.
    #[must_use]
    pub fn from_plural(plural: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.plural() == plural)
    }

    /// The position in [`Kind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
