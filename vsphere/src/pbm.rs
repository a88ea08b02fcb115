//! Storage policies (SPBM), which have a SOAP service of their own beside vim25.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::client::{Client, ServiceAddress};
use crate::error::{Error, Result};
use crate::service::ApiType;
use crate::value::{MoRef, Object, Value};

const SERVICE: ServiceAddress<'static> =
    ServiceAddress { path: "/pbm", namespace: "urn:pbm", action: "urn:pbm/2.0", session_in_header: true };
/// How many objects one question about associations names.
const BULK: usize = 200;

/// A storage policy.
#[derive(Clone, Debug, PartialEq)]
pub struct StoragePolicy {
    /// A UUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// `REQUIREMENT` for policies of machines; others belong to the platform itself.
    pub category: String,
    /// When it was made.
    pub creation_time: Option<DateTime<Utc>>,
    /// The rules in the service's own terms (`PbmCapabilityConstraints`).
    pub constraints: Value,
}

/// What may have a storage policy.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum PolicyObject {
    /// A machine's own files.
    Vm(MoRef),
    /// A disk of a machine, by its device key.
    Disk(MoRef, i32),
}

impl PolicyObject {
    fn write(&self) -> Object {
        let (kind, key) = match self {
            PolicyObject::Vm(vm) => ("virtualMachine", vm.value.to_string()),
            PolicyObject::Disk(vm, key) => ("virtualDiskId", format!("{}:{key}", vm.value)),
        };
        Object::new("PbmServerObjectRef").with("objectType", kind).with("key", key)
    }

    fn read(reference: &Value) -> Option<Self> {
        let key = reference.get("key")?.as_str()?;
        let vm = |id: &str| MoRef::new("VirtualMachine", id);
        match reference.get("objectType")?.as_str()? {
            "virtualMachine" => Some(PolicyObject::Vm(vm(key))),
            "virtualDiskId" => {
                let (id, disk) = key.rsplit_once(':')?;
                Some(PolicyObject::Disk(vm(id), disk.parse().ok()?))
            }
            _ => None,
        }
    }
}

impl Client {
    /// Every storage policy that the account may see.
    ///
    /// # Errors
    /// [`Error::Unsupported`] of an ESXi.
    pub async fn storage_policies(&self) -> Result<Vec<StoragePolicy>> {
        let profiles = self.profile_manager().await?;
        let resource = Object::new("PbmProfileResourceType").with("resourceType", "STORAGE");
        let args = Object::untyped().with("resourceType", resource);
        let ids = self.call_service(&SERVICE, "PbmQueryProfile", &profiles, args).await?;
        if ids.is_unset() {
            return Ok(Vec::new());
        }
        let args = Object::untyped().with_each("profileIds", ids.items().cloned());
        let policies = self.call_service(&SERVICE, "PbmRetrieveContent", &profiles, args).await?;
        Ok(policies.items().filter_map(read_policy).collect())
    }

    /// The ids of the storage policies of machines and disks. Objects without a policy may be left out.
    pub async fn storage_policy_associations(
        &self,
        objects: &[PolicyObject],
    ) -> Result<Vec<(PolicyObject, Vec<String>)>> {
        let profiles = self.profile_manager().await?;
        let mut all = Vec::new();
        for objects in objects.chunks(BULK) {
            let args = Object::untyped().with_each("entities", objects.iter().map(PolicyObject::write));
            let answer = self.call_service(&SERVICE, "PbmQueryAssociatedProfiles", &profiles, args).await?;
            all.extend(answer.items().filter_map(read_association));
        }
        Ok(all)
    }

    /// Every machine and disk that one of these policies is applied to, with the policy's id. Asks twice a policy, however
    /// many machines there are: the cheap way to learn all of it. What is no policy any more applies to nothing.
    ///
    /// # Errors
    /// [`Error::Unsupported`] of an ESXi.
    pub async fn storage_policies_applied(&self, policies: &[Arc<str>]) -> Result<Vec<(PolicyObject, Arc<str>)>> {
        let profiles = self.profile_manager().await?;
        let mut applied = Vec::new();
        for policy in policies {
            for kind in ["virtualMachine", "virtualDiskId"] {
                let id = Object::untyped().with("uniqueId", &**policy);
                let args = Object::untyped().with("profile", id).with("entityType", kind);
                match self.call_service(&SERVICE, "PbmQueryAssociatedEntity", &profiles, args).await {
                    Ok(answer) => {
                        let objects = answer.items().filter_map(PolicyObject::read);
                        applied.extend(objects.map(|object| (object, Arc::clone(policy))));
                    }
                    Err(error) if error.is_fault("InvalidArgument") => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(applied)
    }

    async fn profile_manager(&self) -> Result<MoRef> {
        if self.about().api_type == ApiType::HostAgent {
            return Err(Error::Unsupported("storage policies"));
        }
        let call = "PbmRetrieveServiceContent";
        let instance = MoRef::new("PbmServiceInstance", "ServiceInstance");
        let content = self.call_service(&SERVICE, call, &instance, Object::untyped()).await?;
        let manager = content.get("profileManager").and_then(Value::moref).cloned();
        manager.ok_or_else(|| Error::Incomplete { call: call.to_owned(), what: "the profile manager" })
    }
}

fn read_policy(policy: &Value) -> Option<StoragePolicy> {
    let text = |path: &str| policy.get(path).and_then(Value::as_str).map(str::to_owned);
    Some(StoragePolicy {
        id: text("profileId.uniqueId")?,
        name: text("name")?,
        description: text("description").unwrap_or_default(),
        category: text("profileCategory").unwrap_or_default(),
        creation_time: policy.get("creationTime").and_then(Value::as_time),
        constraints: policy.get("constraints").cloned().unwrap_or_default(),
    })
}

fn read_association(result: &Value) -> Option<(PolicyObject, Vec<String>)> {
    let object = PolicyObject::read(result.get("object")?)?;
    let ids = result.all("profileId").filter_map(|id| Some(id.get("uniqueId")?.as_str()?.to_owned()));
    Some((object, ids.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Answer, Limits, decode};

    #[test]
    fn associations_are_read_from_the_wire() {
        let answer = br#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
<PbmQueryAssociatedProfilesResponse xmlns="urn:pbm"><returnval><object><objectType>virtualMachine</objectType>
<key>vm-12</key><serverUuid>5ab1</serverUuid></object><profileId><uniqueId>a</uniqueId></profileId></returnval><returnval>
<object><objectType>virtualDiskId</objectType><key>vm-12:2000</key></object><profileId><uniqueId>a</uniqueId></profileId>
<profileId><uniqueId>b</uniqueId></profileId></returnval><returnval><object><objectType>datastore</objectType>
<key>datastore-3</key></object></returnval></PbmQueryAssociatedProfilesResponse></soapenv:Body></soapenv:Envelope>"#;
        let Ok(Answer::Response(answer)) = decode(&answer[..], &Limits::default()) else { panic!("decodes") };
        let read: Vec<_> = answer.all("returnval").filter_map(read_association).collect();
        let vm = MoRef::new("VirtualMachine", "vm-12");
        let expected = vec![
            (PolicyObject::Vm(vm.clone()), vec!["a".to_owned()]),
            (PolicyObject::Disk(vm, 2000), vec!["a".to_owned(), "b".to_owned()]),
        ];
        assert_eq!(read, expected);
    }
}
