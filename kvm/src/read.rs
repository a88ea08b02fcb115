//! Reading of whole objects, on a host's thread.
//!
//! Invariants: one object that cannot be read does not spoil the others; one that vanishes between list and read is left out, not an
//! error; a lost connection fails the whole reading, so that "not there" always means not there.

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::ffi::{Connection, Definition, Domain, Network, Pool, Volume};
use crate::record::{
    AddressSource, DomainRecord, FailedObject, HostRecord, InterfaceAddresses, Listing, NetworkRecord, NwfilterRecord,
    PoolRecord, PoolUse, SnapshotRecord, VolumeRecord,
};
use crate::state::{DomainState, PoolState};
use crate::xml::{CapabilitiesXml, SysinfoXml};

/// An answer that a driver may refuse to give: then it is absent. A lost connection stays an error.
pub(crate) fn optional<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_fatal(&error) => Err(error),
        Err(error) => {
            if !error.is_unsupported() {
                tracing::debug!(error = &error as &dyn std::error::Error, "left out of what is read");
            }
            Ok(None)
        }
    }
}

/// True if reading must stop: nothing more can be learnt over this connection, or nobody waits.
fn is_fatal(error: &Error) -> bool {
    error.is_disconnected() || matches!(error, Error::Closed { .. })
}

/// The object, or nothing if it does not exist.
fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads each object of a list, sorting out those that vanished and those that cannot be read.
fn read_each<O, R>(
    connection: &Connection,
    objects: Vec<O>,
    identity: impl Fn(&O) -> (Option<Uuid>, String),
    read: impl Fn(&O) -> Result<R>,
    progress: &dyn Fn(usize, usize),
) -> Result<Listing<R>> {
    let total = objects.len();
    let mut listing = Listing::default();
    for (index, object) in objects.iter().enumerate() {
        connection.check_cancelled("read the rest of a list")?;
        match found(read(object)) {
            Ok(Some(record)) => listing.items.push(record),
            Ok(None) => {}
            Err(error) if is_fatal(&error) => return Err(error),
            Err(error) => {
                let (uuid, name) = identity(object);
                listing.failed.push(FailedObject { uuid, name, error });
            }
        }
        progress(index + 1, total);
    }
    Ok(listing)
}

fn no_progress(_done: usize, _total: usize) {}

pub(crate) fn host(connection: &Connection) -> Result<HostRecord> {
    let capabilities_xml = connection.capabilities_xml()?;
    let sysinfo_xml = optional(connection.sysinfo_xml())?;
    let from_capabilities =
        CapabilitiesXml::parse(&capabilities_xml).ok().and_then(|capabilities| capabilities.host_uuid);
    let from_sysinfo = || SysinfoXml::parse(sysinfo_xml.as_deref()?).ok()?.uuid;
    Ok(HostRecord {
        uuid: from_capabilities.or_else(from_sysinfo),
        hostname: connection.hostname()?,
        driver_name: connection.driver_name()?,
        libvirt_version: connection.libvirt_version()?,
        hypervisor_version: optional(connection.hypervisor_version())?,
        node: connection.node_info()?,
        memory: optional(connection.node_memory())?,
        capabilities_xml,
        sysinfo_xml,
    })
}

pub(crate) fn domains(connection: &Connection, progress: &dyn Fn(usize, usize)) -> Result<Listing<DomainRecord>> {
    let identity = |domain: &Domain| (domain.uuid().ok(), domain.name().0);
    read_each(connection, connection.domains()?, identity, domain, progress)
}

pub(crate) fn domain_by_uuid(connection: &Connection, uuid: Uuid) -> Result<Option<DomainRecord>> {
    let Some(object) = found(connection.domain(uuid))? else { return Ok(None) };
    found(domain(&object))
}

fn domain(object: &Domain) -> Result<DomainRecord> {
    let (name, name_lossy) = object.name();
    // State first: if the domain stops or starts while it is read, an event will say so and it is read again.
    let (state, reason) = object.state()?;
    let persistent = object.is_persistent()?;
    let xml = object.xml(Definition::Current)?;
    let xml_inactive = if state.is_active() && persistent { Some(object.xml(Definition::Inactive)?) } else { None };
    Ok(DomainRecord {
        uuid: object.uuid()?,
        name,
        name_lossy,
        id: object.id().filter(|_| state != DomainState::ShutOff),
        state,
        reason,
        persistent,
        autostart: optional(object.autostart())?,
        managed_save: optional(object.has_managed_save())?,
        xml,
        xml_inactive,
        snapshots: optional(snapshots(object))?,
        checkpoints_xml: optional(object.checkpoints_xml())?,
    })
}

fn snapshots(domain: &Domain) -> Result<Vec<SnapshotRecord>> {
    let mut records = Vec::new();
    for snapshot in domain.snapshots()? {
        let read =
            || Ok(SnapshotRecord { name: snapshot.name().0, current: snapshot.is_current()?, xml: snapshot.xml()? });
        records.extend(found(read())?);
    }
    Ok(records)
}

pub(crate) fn networks(connection: &Connection) -> Result<Listing<NetworkRecord>> {
    let identity = |network: &Network| (network.uuid().ok(), network.name().0);
    read_each(connection, listed(connection.networks())?, identity, network, &no_progress)
}

pub(crate) fn network_by_uuid(connection: &Connection, uuid: Uuid) -> Result<Option<NetworkRecord>> {
    let Some(object) = found(connection.network(uuid))? else { return Ok(None) };
    found(network(&object))
}

fn network(object: &Network) -> Result<NetworkRecord> {
    let (name, name_lossy) = object.name();
    let active = object.is_active()?;
    let persistent = object.is_persistent()?;
    let xml_inactive = if active && persistent { optional(object.xml(Definition::Inactive))? } else { None };
    let mut record = NetworkRecord {
        uuid: object.uuid()?,
        name,
        name_lossy,
        active,
        persistent,
        autostart: optional(object.autostart())?,
        xml: object.xml(Definition::Current)?,
        xml_inactive,
        leases: None,
        leases_error: None,
    };
    if active {
        match object.dhcp_leases() {
            Ok(leases) => record.leases = Some(leases),
            Err(error) if is_fatal(&error) || error.is_not_found() => return Err(error),
            Err(error) if error.is_unsupported() => {}
            Err(error) => record.leases_error = Some(error),
        }
    }
    Ok(record)
}

pub(crate) fn pools(connection: &Connection) -> Result<Listing<PoolRecord>> {
    let identity = |pool: &Pool| (pool.uuid().ok(), pool.name().0);
    read_each(connection, listed(connection.pools())?, identity, |object| pool(connection, object), &no_progress)
}

pub(crate) fn pool_by_uuid(connection: &Connection, uuid: Uuid) -> Result<Option<PoolRecord>> {
    let Some(object) = found(connection.pool(uuid))? else { return Ok(None) };
    found(pool(connection, &object))
}

fn pool(connection: &Connection, object: &Pool) -> Result<PoolRecord> {
    let (name, name_lossy) = object.name();
    let usage = object.usage()?;
    let mut record = PoolRecord {
        uuid: object.uuid()?,
        name,
        name_lossy,
        usage,
        persistent: object.is_persistent()?,
        autostart: optional(object.autostart())?,
        xml: object.xml(Definition::Current)?,
        volumes: None,
        volumes_failed: Vec::new(),
        volumes_error: None,
    };
    let is_up = |usage: PoolUse| !matches!(usage.state, PoolState::Inactive | PoolState::Building);
    if !is_up(usage) {
        return Ok(record);
    }
    let identity = |volume: &Volume| (None, volume.name().0);
    match object.volumes().and_then(|all| read_each(connection, all, identity, volume, &no_progress)) {
        Ok(listing) => {
            record.volumes = Some(listing.items);
            record.volumes_failed = listing.failed;
        }
        Err(error) if is_fatal(&error) => return Err(error),
        // Stopped meanwhile, or the storage is lost.
        Err(error) => {
            record.usage = object.usage()?;
            record.volumes_error = is_up(record.usage).then_some(error);
        }
    }
    Ok(record)
}

fn volume(object: &Volume) -> Result<VolumeRecord> {
    let (name, name_lossy) = object.name();
    Ok(VolumeRecord { name, name_lossy, key: object.key(), xml: object.xml()? })
}

pub(crate) fn refresh_pool(connection: &Connection, uuid: Uuid) -> Result<bool> {
    let Some(object) = found(connection.pool(uuid))? else { return Ok(false) };
    let Some(usage) = found(object.usage())? else { return Ok(false) };
    if usage.state == PoolState::Inactive {
        return Ok(false);
    }
    Ok(found(object.refresh())?.is_some())
}

pub(crate) fn nwfilters(connection: &Connection) -> Result<Listing<NwfilterRecord>> {
    let filters = listed(connection.nwfilters())?;
    read_each(
        connection,
        filters,
        |filter| (filter.uuid().ok(), filter.name().0),
        |filter| Ok(NwfilterRecord { uuid: filter.uuid()?, name: filter.name().0, xml: filter.xml()? }),
        &no_progress,
    )
}

/// A list that a driver may not have at all: then it is empty. Only "not supported" counts as that.
fn listed<T>(result: Result<Vec<T>>) -> Result<Vec<T>> {
    match result {
        Err(error) if error.is_unsupported() => Ok(Vec::new()),
        other => other,
    }
}

pub(crate) fn addresses(
    connection: &Connection,
    uuid: Uuid,
    source: AddressSource,
) -> Result<Option<Vec<InterfaceAddresses>>> {
    let Some(object) = found(connection.domain(uuid))? else { return Ok(None) };
    optional(object.interface_addresses(source))
}
