//! `tree`: provider → cluster → host → VM, drawn.

use std::collections::{BTreeMap, HashMap};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::failure::Failure;
use super::human;
use super::nouns::all;
use super::output::Format;
use super::providers::{overall, source_line};
use super::query::scope;
use super::session::Session;
use super::terminal::{Palette, Tone, harmless};
use crate::model::Kind;

/// Options of `tree`.
#[derive(Args, Clone, Debug)]
pub struct TreeArgs {
    /// Only this provider, by name or id.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// How deep.
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    depth: Depth,
    /// Draw with ASCII characters.
    #[arg(long)]
    ascii: bool,
    /// How to print it: table (the drawing), json or yaml.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// The deepest level that is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Depth {
    /// Providers.
    Provider,
    /// And clusters.
    Cluster,
    /// And hosts.
    Host,
    /// And machines.
    #[default]
    Vm,
}

/// A line of the drawing and what is below it.
#[derive(Clone, Debug, PartialEq)]
struct Node {
    /// What it is, for programs: `vm`.
    kind: &'static str,
    id: Option<String>,
    name: String,
    state: Option<String>,
    /// What else is told in the line.
    detail: String,
    children: Vec<Node>,
}

/// What the tree is made of.
#[derive(Debug, Default)]
struct Forest {
    providers: Vec<Value>,
    zones: Vec<Value>,
    clusters: Vec<Value>,
    hosts: Vec<Value>,
    vms: Vec<Value>,
}

/// Draws the tree.
pub(crate) async fn run(args: TreeArgs, session: &mut Session) -> Result<(), Failure> {
    let query = scope(&session.client, args.provider.as_deref()).await?;
    let body = session.client.get("/v1/providers", &[]).await?.body;
    let mut forest = Forest { providers: super::nouns::owned_items(&body), ..Forest::default() };
    if let Some((_, id)) = query.first() {
        forest.providers.retain(|provider| provider["id"] == id.as_str());
    }
    // Lines are counted below what is drawn, so every level is read.
    forest.zones = all(session, Kind::Zone, &query).await?;
    forest.clusters = all(session, Kind::Cluster, &query).await?;
    forest.hosts = all(session, Kind::Host, &query).await?;
    forest.vms = all(session, Kind::Vm, &query).await?;
    let now = human::now();
    let nodes = grow(&forest, args.depth, now);
    match args.output {
        Format::Json | Format::Yaml => {
            let document = json!({"items": nodes.iter().map(as_json).collect::<Vec<_>>()});
            let text = args.output.structured(&document)?;
            session.terminal.line(&text)
        }
        _ if nodes.is_empty() => {
            session.terminal.note("There are no providers yet. `spandrel provider add --help` tells how to add one.");
            Ok(())
        }
        _ => {
            let pen = if args.ascii || !session.terminal.unicode { Pen::ASCII } else { Pen::UNICODE };
            let mut lines = Vec::new();
            for node in &nodes {
                draw(node, "", "", pen, session.terminal.palette, &mut lines);
            }
            session.terminal.line(&lines.join("\n"))
        }
    }
}

fn as_json(node: &Node) -> Value {
    json!({
        "kind": node.kind,
        "id": node.id,
        "name": node.name,
        "state": node.state,
        "children": node.children.iter().map(as_json).collect::<Vec<_>>(),
    })
}

type Groups<'a> = HashMap<Option<&'a str>, Vec<&'a Value>>;

fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object[field].as_str()
}

/// Objects by what one of their fields points to, in the order of their names.
fn group<'a>(objects: &'a [Value], field: &str) -> Groups<'a> {
    let mut groups: Groups<'a> = HashMap::new();
    for object in objects {
        groups.entry(text(object, field)).or_default().push(object);
    }
    for group in groups.values_mut() {
        group.sort_by_cached_key(|object| natural(text(object, "name").unwrap_or_default()));
    }
    groups
}

/// A key that sorts `vm-2` before `vm-10`.
fn natural(name: &str) -> Vec<(bool, u64, String)> {
    let mut parts: Vec<(bool, u64, String)> = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push(match part.parse() {
            Ok(number) if digits => (false, number, part.to_owned()),
            _ => (true, 0, part.to_lowercase()),
        });
        rest = after;
    }
    parts
}

/// Builds the trees, one for each provider.
fn grow(forest: &Forest, depth: Depth, now: chrono::DateTime<chrono::Utc>) -> Vec<Node> {
    let grower = Grower {
        depth,
        zones: forest.zones.iter().filter_map(|zone| Some((text(zone, "id")?, text(zone, "name")?))).collect(),
        clusters: group(&forest.clusters, "provider_id"),
        hosts: group(&forest.hosts, "provider_id"),
        vms: group(&forest.vms, "provider_id"),
    };
    let mut providers: Vec<&Value> = forest.providers.iter().collect();
    providers.sort_by_cached_key(|provider| natural(text(provider, "name").unwrap_or_default()));
    providers.into_iter().map(|provider| grower.provider(provider, now)).collect()
}

struct Grower<'a> {
    depth: Depth,
    zones: BTreeMap<&'a str, &'a str>,
    clusters: Groups<'a>,
    hosts: Groups<'a>,
    vms: Groups<'a>,
}

/// What belongs to one provider, by what it is in.
struct Places<'a> {
    several_zones: bool,
    hosts_of_cluster: HashMap<Option<&'a str>, Vec<&'a Value>>,
    vms_of_host: HashMap<&'a str, Vec<&'a Value>>,
    /// Machines without a host, by their cluster.
    unplaced: HashMap<Option<&'a str>, Vec<&'a Value>>,
}

impl<'a> Grower<'a> {
    fn provider(&self, provider: &'a Value, now: chrono::DateTime<chrono::Utc>) -> Node {
        let id = text(provider, "id");
        let of = |groups: &Groups<'a>| groups.get(&id).cloned().unwrap_or_default();
        let (clusters, hosts, vms) = (of(&self.clusters), of(&self.hosts), of(&self.vms));
        let host_ids: HashMap<&str, &Value> =
            hosts.iter().filter_map(|host| Some((text(host, "id")?, *host))).collect();
        let cluster_ids: HashMap<&str, &Value> =
            clusters.iter().filter_map(|cluster| Some((text(cluster, "id")?, *cluster))).collect();
        let zones: std::collections::BTreeSet<_> =
            clusters.iter().filter_map(|cluster| text(cluster, "zone_id")).collect();
        let mut places = Places {
            several_zones: zones.len() > 1,
            hosts_of_cluster: HashMap::new(),
            vms_of_host: HashMap::new(),
            unplaced: HashMap::new(),
        };
        // What points to something that is not there (yet) is shown one level higher, never left out.
        for host in &hosts {
            let cluster = text(host, "cluster_id").filter(|id| cluster_ids.contains_key(id));
            places.hosts_of_cluster.entry(cluster).or_default().push(host);
        }
        for vm in &vms {
            match text(vm, "host_id").filter(|id| host_ids.contains_key(id)) {
                Some(host) => places.vms_of_host.entry(host).or_default().push(vm),
                None => {
                    let cluster = text(vm, "cluster_id").filter(|id| cluster_ids.contains_key(id));
                    places.unplaced.entry(cluster).or_default().push(vm);
                }
            }
        }
        let mut children = Vec::new();
        if self.depth >= Depth::Cluster {
            children.extend(clusters.iter().map(|cluster| self.cluster(cluster, &places)));
            children.extend(self.below(None, &places));
        }
        let state = overall(provider);
        let sources = provider["sources"].as_array().map_or(&[][..], Vec::as_slice);
        // A live provider needs no words.
        let why =
            sources.iter().find(|source| source["sync"]["state"] == state && !matches!(state, "live" | "disabled"));
        let mut detail = format!(
            "{} · {}, {}, {}",
            text(provider, "kind").unwrap_or("-"),
            counted(clusters.len(), "cluster"),
            counted(hosts.len(), "host"),
            counted(vms.len(), "VM")
        );
        if let Some(source) = why {
            detail = format!("{detail} · {}", source_line(source, Palette { coloured: false }, now));
        }
        Node {
            kind: "provider",
            id: id.map(str::to_owned),
            name: text(provider, "name").unwrap_or("-").to_owned(),
            state: Some(state.to_owned()),
            detail,
            children,
        }
    }

    fn cluster(&self, cluster: &'a Value, places: &Places<'a>) -> Node {
        let id = text(cluster, "id");
        let name = text(cluster, "name").unwrap_or("-");
        let hosts = places.hosts_of_cluster.get(&id).map_or(&[][..], Vec::as_slice);
        // A host by itself is a cluster of one to vSphere. One line says both.
        if let (true, [host], None) = (cluster["standalone"] == true, hosts, places.unplaced.get(&id)) {
            return self.host(host, places);
        }
        let vms: usize = hosts.iter().map(|host| places.vms_of(host).len()).sum::<usize>()
            + places.unplaced.get(&id).map_or(0, Vec::len);
        let mut detail = format!("{}, {}", counted(hosts.len(), "host"), counted(vms, "VM"));
        if let Some(zone) = text(cluster, "zone_id").and_then(|id| self.zones.get(id)).filter(|_| places.several_zones)
        {
            detail = format!("in {zone} · {detail}");
        }
        Node {
            kind: "cluster",
            id: id.map(str::to_owned),
            name: name.to_owned(),
            state: None,
            detail,
            children: self.below(id, places),
        }
    }

    /// Hosts, then machines without a host, of a cluster or of none.
    fn below(&self, cluster: Option<&'a str>, places: &Places<'a>) -> Vec<Node> {
        let mut children = Vec::new();
        if self.depth >= Depth::Host {
            let hosts = places.hosts_of_cluster.get(&cluster).into_iter().flatten();
            children.extend(hosts.map(|host| self.host(host, places)));
        }
        let unplaced = places.unplaced.get(&cluster).map_or(&[][..], Vec::as_slice);
        if self.depth >= Depth::Host && !unplaced.is_empty() {
            children.push(Node {
                kind: "unplaced",
                id: None,
                name: "no host".to_owned(),
                state: None,
                detail: counted(unplaced.len(), "VM"),
                children: self.vms(unplaced),
            });
        }
        children
    }

    fn host(&self, host: &'a Value, places: &Places<'a>) -> Node {
        let vms = places.vms_of(host);
        let memory = host["memory_mib"].as_u64().map(human::mib).unwrap_or_default();
        let mut detail =
            format!("{}, {memory} · {}", counted_value(&host["cpu_core_count"], "core"), counted(vms.len(), "VM"));
        if host["maintenance"] == true {
            detail.push_str(" · in maintenance");
        }
        Node { children: self.vms(vms), ..leaf("host", host, "state", detail) }
    }

    fn vms(&self, vms: &[&'a Value]) -> Vec<Node> {
        if self.depth < Depth::Vm {
            return Vec::new();
        }
        vms.iter()
            .map(|vm| {
                let memory = vm["memory_mib"].as_u64().map(human::mib).unwrap_or_default();
                let mut detail = format!("{}, {memory}", counted_value(&vm["vcpu_count"], "vCPU"));
                if let Some(address) = vm["ip_addresses"][0].as_str() {
                    detail = format!("{detail} · {address}");
                }
                match text(vm, "condition") {
                    Some("ok") | None => {}
                    Some(condition) => detail = format!("{detail} · {condition}"),
                }
                leaf("vm", vm, "power_state", detail)
            })
            .collect()
    }
}

impl<'a> Places<'a> {
    fn vms_of(&self, host: &Value) -> &[&'a Value] {
        text(host, "id").and_then(|id| self.vms_of_host.get(id)).map_or(&[], Vec::as_slice)
    }
}

fn leaf(kind: &'static str, object: &Value, state: &str, detail: String) -> Node {
    Node {
        kind,
        id: text(object, "id").map(str::to_owned),
        name: text(object, "name").unwrap_or("-").to_owned(),
        state: text(object, state).map(|word| match text(object, &format!("last_known_{state}")) {
            Some(last) if last != word => format!("{word} (was {last})"),
            _ => word.to_owned(),
        }),
        detail,
        children: Vec::new(),
    }
}

fn counted(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

fn counted_value(count: &Value, word: &str) -> String {
    counted(count.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0), word)
}

/// The characters of the drawing.
#[derive(Clone, Copy)]
struct Pen {
    branch: &'static str,
    last: &'static str,
    pass: &'static str,
    blank: &'static str,
    separator: &'static str,
}

impl Pen {
    const UNICODE: Self = Self { branch: "├─ ", last: "└─ ", pass: "│  ", blank: "   ", separator: "·" };
    const ASCII: Self = Self { branch: "|- ", last: "`- ", pass: "|  ", blank: "   ", separator: "-" };
}

fn draw(node: &Node, own: &str, below: &str, pen: Pen, palette: Palette, lines: &mut Vec<String>) {
    let tone = match node.kind {
        "provider" | "cluster" => Tone::Strong,
        "unplaced" => Tone::Quiet,
        _ => Tone::Plain,
    };
    let mut line = format!("{own}{}", palette.paint(tone, &harmless(&node.name)));
    if let Some(state) = &node.state {
        line = format!(
            "{line}  {}",
            palette.paint(Tone::of_state(state.split(' ').next().unwrap_or_default()), &harmless(state))
        );
    }
    let detail = harmless(&node.detail).replace('·', pen.separator);
    line = format!("{line}  {}", palette.paint(Tone::Quiet, &detail));
    lines.push(line.trim_end().to_owned());
    for (index, child) in node.children.iter().enumerate() {
        let last = index + 1 == node.children.len();
        let own = format!("{below}{}", if last { pen.last } else { pen.branch });
        let next = format!("{below}{}", if last { pen.blank } else { pen.pass });
        draw(child, &own, &next, pen, palette, lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forest() -> Forest {
        let vm = |id: &str, name: &str, state: &str, host: Option<&str>, cluster: Option<&str>| {
            json!({"id": id, "name": name, "provider_id": "p1", "power_state": state, "host_id": host, "cluster_id": cluster,
                   "vcpu_count": 2, "memory_mib": 4096, "ip_addresses": [], "condition": "ok"})
        };
        let host = |id: &str, name: &str, cluster: &str| {
            json!({"id": id, "name": name, "provider_id": "p1", "state": "connected", "cluster_id": cluster,
                   "cpu_core_count": 16, "memory_mib": 131_072, "maintenance": id == "h2"})
        };
        Forest {
            providers: vec![
                json!({"id": "p2", "name": "empty", "kind": "kvm", "enabled": false, "sources": []}),
                json!({"id": "p1", "name": "dc", "kind": "vsphere", "enabled": true,
                       "sources": [{"endpoint": "vc", "sync": {"state": "live"}}]}),
            ],
            zones: vec![json!({"id": "z1", "name": "north"}), json!({"id": "z2", "name": "south"})],
            clusters: vec![
                json!({"id": "c1", "name": "gold", "provider_id": "p1", "zone_id": "z1", "standalone": false}),
                json!({"id": "c2", "name": "esx-9", "provider_id": "p1", "zone_id": "z2", "standalone": true}),
            ],
            hosts: vec![host("h2", "esx-10", "c1"), host("h1", "esx-2", "c1"), host("h9", "esx-9", "c2")],
            vms: vec![
                vm("v1", "web-10", "running", Some("h1"), Some("c1")),
                vm("v2", "web-2", "stopped", Some("h1"), Some("c1")),
                vm("v3", "lost\u{1b}[2J", "unknown", None, Some("c1")),
                vm("v4", "adrift", "running", Some("gone"), None),
                vm("v5", "alone", "running", Some("h9"), Some("c2")),
            ],
        }
    }

    fn drawn(depth: Depth, pen: Pen) -> String {
        let now = chrono::DateTime::from_timestamp(0, 0).unwrap();
        let mut lines = Vec::new();
        for node in grow(&forest(), depth, now) {
            draw(&node, "", "", pen, Palette { coloured: false }, &mut lines);
        }
        lines.join("\n")
    }

    #[test]
    fn every_machine_is_in_the_tree_with_a_host_or_without() {
        insta::assert_snapshot!(drawn(Depth::Vm, Pen::UNICODE), @r"
        dc  live  vsphere · 2 clusters, 3 hosts, 5 VMs
        ├─ esx-9  connected  16 cores, 128 GiB · 1 VM
        │  └─ alone  running  2 vCPUs, 4 GiB
        ├─ gold  in north · 2 hosts, 3 VMs
        │  ├─ esx-2  connected  16 cores, 128 GiB · 2 VMs
        │  │  ├─ web-2  stopped  2 vCPUs, 4 GiB
        │  │  └─ web-10  running  2 vCPUs, 4 GiB
        │  ├─ esx-10  connected  16 cores, 128 GiB · 0 VMs · in maintenance
        │  └─ no host  1 VM
        │     └─ lost\u{1b}[2J  unknown  2 vCPUs, 4 GiB
        └─ no host  1 VM
           └─ adrift  running  2 vCPUs, 4 GiB
        empty  disabled  kvm · 0 clusters, 0 hosts, 0 VMs
        ");
    }

    #[test]
    fn the_tree_can_be_drawn_in_ascii_and_less_deep() {
        let text = drawn(Depth::Host, Pen::ASCII);
        assert!(text.is_ascii(), "{text}");
        insta::assert_snapshot!(text, @r"
        dc  live  vsphere - 2 clusters, 3 hosts, 5 VMs
        |- esx-9  connected  16 cores, 128 GiB - 1 VM
        |- gold  in north - 2 hosts, 3 VMs
        |  |- esx-2  connected  16 cores, 128 GiB - 2 VMs
        |  |- esx-10  connected  16 cores, 128 GiB - 0 VMs - in maintenance
        |  `- no host  1 VM
        `- no host  1 VM
        empty  disabled  kvm - 0 clusters, 0 hosts, 0 VMs
        ");
    }

    #[test]
    fn names_are_in_the_order_people_count() {
        let mut names = ["vm-10", "VM-2", "vm-1", "a", "10", "9", "vm-"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["9", "10", "a", "vm-", "vm-1", "VM-2", "vm-10"]);
    }

    #[test]
    fn names_with_umlauts_are_cut_at_characters() {
        assert_eq!(natural("über9é").len(), 3);
    }

    #[test]
    fn nothing_is_lost_or_doubled() {
        fn ids(node: &Node, found: &mut Vec<String>) {
            found.extend(node.id.clone());
            node.children.iter().for_each(|child| ids(child, found));
        }
        let mut found = Vec::new();
        let now = chrono::DateTime::from_timestamp(0, 0).unwrap();
        grow(&forest(), Depth::Vm, now).iter().for_each(|node| ids(node, &mut found));
        found.sort();
        // c2 is told by its only host.
        assert_eq!(found, ["c1", "h1", "h2", "h9", "p1", "p2", "v1", "v2", "v3", "v4", "v5"]);
    }
}

/// Fields that the tree reads, so that a renamed one is found here.
#[cfg(test)]
mod fields {
    use crate::model::{Kind, Object};

    #[test]
    fn the_tree_reads_fields_that_exist() {
        let has = |kind: Kind, name: &str| Object::fields(kind).iter().any(|field| field.name == name);
        for (kind, names) in [
            (
                Kind::Vm,
                &["power_state", "host_id", "cluster_id", "vcpu_count", "memory_mib", "ip_addresses", "condition"][..],
            ),
            (Kind::Host, &["state", "cluster_id", "cpu_core_count", "memory_mib", "maintenance"]),
            (Kind::Cluster, &["zone_id", "standalone"]),
        ] {
            for name in names {
                assert!(has(kind, name), "{kind} has no {name}");
            }
        }
    }
}
