//! Everything a preview tells, asked of the engine.

use super::{Described, Preview, TableSize, changes};
use crate::cut::{self, Consequences, Judgement, Names};
use crate::document::{Announce, Attachment, Guest, Integration, IntegrationTarget, Uplink, UplinkKind};
use crate::export;
use crate::flows::Who;
use crate::install::kernel::FlowTables;
use crate::install::state::{GuestState, Place, State};
use crate::install::{self, Candidate, Datapath, Deployment, Engine};
use crate::plan::{self, Binding, Bindings, Family, GuestKind, Plan};
use crate::resources::Resources;
use groundplane_abi::{Device, Ip4, Ip6, map};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What AWS counts and nobody configures.
const COUNTED: &str = "AvailableIpAddressCount";

impl Preview {
    /// What a candidate would change. At most so many connections are named.
    pub fn of(engine: &Engine, candidate: &Candidate, named: usize) -> install::Result<Self> {
        let before = engine.applied().map(|applied| &applied.deployment);
        let after = &candidate.deployment;
        if let Some(before) = before {
            after.check_follows(before)?;
        }
        let (described, names) = before.map(describe).unwrap_or_default();
        let (described_after, mut all_names) = describe(after);
        let changes = changes(described, described_after);
        all_names.extend(names);
        let rows = Rows::of(engine, before, after)?;
        let judgement = rows.judge(engine, after, named)?;
        Ok(Self {
            generation: engine.datapath().map(|datapath| datapath.generation().0),
            names: mentioned(&changes, &all_names),
            changes,
            connections: judgement.map_or_else(Consequences::default, |judgement| judgement.consequences),
            tables: rows.sizes(engine.datapath())?,
        })
    }
}

/// What becomes of the live connections under another deployment; none if nothing is up.
pub fn judge(engine: &Engine, after: &Deployment, named: usize) -> install::Result<Option<Judgement>> {
    Rows::of(engine, None, after)?.judge(engine, after, named)
}

/// The rows in force and those that would be, over the devices there are.
struct Rows {
    who: Who,
    before: Plan,
    after: Plan,
}

impl Rows {
    fn of(engine: &Engine, before: Option<&Deployment>, after: &Deployment) -> install::Result<Self> {
        let who = match engine.state() {
            Some(state) if engine.datapath().is_some() => Who::of(state)?,
            _ => Who::default(),
        };
        let compile = |deployment: &Deployment| -> install::Result<Plan> {
            let bindings = bindings(&who, engine.state(), &deployment.guest_states()?);
            plan::compile(&deployment.resources, &bindings).map_err(install::Error::Plan)
        };
        Ok(Self {
            before: before.map(compile).transpose()?.unwrap_or_default(),
            after: compile(after)?,
            who,
        })
    }

    fn judge(&self, engine: &Engine, after: &Deployment, named: usize) -> install::Result<Option<Judgement>> {
        let (Some(state), Some(_)) = (engine.state(), engine.datapath()) else {
            return Ok(None);
        };
        let next = self.who.with(&after.guest_states()?);
        let names = Names {
            now: &self.who,
            next: &next,
        };
        let tables = FlowTables::open(&state.pins)?;
        cut::judge(&self.after, &tables, names, named).map(Some)
    }

    fn sizes(&self, datapath: Option<&Datapath>) -> install::Result<Vec<TableSize>> {
        let (before, after) = (sizes(&self.before), sizes(&self.after));
        let size = |((table, rows_before), (_, rows_after)): ((&str, usize), (_, usize))| {
            let capacity = datapath.map(|datapath| datapath.capacity(table)).transpose()?;
            Ok(TableSize {
                table: table.to_owned(),
                rows_before: rows_before as u64,
                rows_after: rows_after as u64,
                capacity: capacity.map(u64::from),
            })
        };
        before.into_iter().zip(after).map(size).collect()
    }
}

/// The devices of those guests that stay; the others have devices that nobody has.
fn bindings(who: &Who, state: Option<&State>, guests: &[GuestState]) -> Bindings {
    let devices = who.by_id();
    let known: BTreeMap<_, _> = state
        .into_iter()
        .flat_map(|state| &state.guests)
        .filter_map(|guest| Some((&*guest.eni_id, (guest, *devices.get(&*guest.eni_id)?))))
        .collect();
    let unused = (0..Device::MAX.0).rev().map(Device);
    let bind = |(guest, unused): (&GuestState, Device)| {
        let stays = known
            .get(&*guest.eni_id)
            .filter(|(before, _)| is_in_place(before, guest));
        let kind = match guest.place {
            Place::Tap => GuestKind::Tap,
            Place::Made { .. } | Place::Adopted { .. } | Place::Device { .. } => GuestKind::Veth,
        };
        let device = stays.map_or(unused, |(_, device)| *device);
        (guest.eni_id.clone(), Binding { device, kind })
    };
    guests.iter().zip(unused).map(bind).collect()
}

/// Whether a guest is to be where it is already.
fn is_in_place(before: &GuestState, after: &GuestState) -> bool {
    match (before.place.namespace(), after.place.namespace()) {
        (None, None) => before.device == after.device,
        (before, after) => before == after,
    }
}

/// How many rows a plan has in each table.
fn sizes(plan: &Plan) -> Vec<(&'static str, usize)> {
    let mut all = vec![
        (map::ENIS, plan.enis.len()),
        (map::SUBNETS, plan.subnets.len()),
        (map::MACS, plan.macs.len()),
        (map::GROUP_SETS, plan.group_sets.len()),
        (map::REFERENCES, plan.references.len()),
        (map::SELECTORS, plan.selectors.len()),
    ];
    all.extend(of_family::<Ip4>(plan, {
        use map::ip4::*;
        [ADDRESSES, ROUTES, NACLS, PEERS]
    }));
    all.extend(of_family::<Ip6>(plan, {
        use map::ip6::*;
        [ADDRESSES, ROUTES, NACLS, PEERS]
    }));
    all
}

fn of_family<I: Family>(plan: &Plan, names: [&'static str; 4]) -> [(&'static str, usize); 4] {
    let rows = I::rows(plan);
    let [addresses, routes, nacls, peers] = names;
    [
        (addresses, rows.addresses.len()),
        (routes, rows.routes.len()),
        (nacls, rows.nacls.len()),
        (peers, rows.peers.len()),
    ]
}

/// All objects of a deployment as AWS shows them, each ENI with its guest, and the names of all of them by id.
fn describe(deployment: &Deployment) -> (Vec<Described>, BTreeMap<String, String>) {
    let Deployment {
        resources,
        guests,
        uplinks,
        integrations,
    } = deployment;
    let names = names(resources);
    let guests: BTreeMap<_, _> = guests
        .iter()
        .map(|guest| (&*guest.network_interface_id, guest))
        .collect();
    let mut all = Vec::new();
    for (index, (kind, objects)) in export::objects(resources).into_iter().enumerate() {
        for mut fields in objects {
            fields.remove(COUNTED);
            let id = fields
                .get(kind.id_field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            if let Some(guest) = guests.get(&*id) {
                fields.insert("Guest".to_owned(), place(guest));
            }
            let name = names.get(&id).unwrap_or(&id).clone();
            all.push(Described {
                order: (index, id),
                kind: kind.name.to_owned(),
                name: in_vpc(&fields, &name, &names),
                fields,
            });
        }
    }
    // After all kinds that AWS has.
    all.extend(uplinks.iter().map(|uplink| Described {
        order: (usize::MAX, uplink.name.clone()),
        kind: "uplink".to_owned(),
        name: uplink.name.clone(),
        fields: fields(uplink),
    }));
    all.extend(integrations.iter().map(|integration| Described {
        order: (usize::MAX, integration.name.clone()),
        kind: "integration".to_owned(),
        name: integration.name.clone(),
        fields: fields_of_integration(integration),
    }));
    (all, names)
}

/// An integration in the document's words.
fn fields_of_integration(integration: &Integration) -> Map<String, Value> {
    let mut fields = json!({
        "vpc_link": integration.vpc_link,
        "listen": integration.listen.to_string(),
        "connections": integration.connections,
    });
    match &integration.target {
        IntegrationTarget::Listener(arn) => fields["listener"] = json!(arn),
        IntegrationTarget::Addresses(addresses) => fields["instances"] = json!(addresses),
    }
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// An uplink in the document's words.
fn fields(uplink: &Uplink) -> Map<String, Value> {
    let fields = match &uplink.kind {
        UplinkKind::Host { address, ipv6_address } => {
            json!({ "kind": "host", "address": address, "ipv6_address": ipv6_address })
        }
        UplinkKind::Device {
            device,
            announce,
            xdp,
            destinations,
        } => {
            let announce = match announce {
                Announce::Arp => "arp",
                Announce::Route => "route",
            };
            json!({ "device": device, "announce": announce, "xdp": xdp, "destinations": destinations })
        }
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Words of a document's own for where a guest is.
fn place(guest: &Guest) -> Value {
    match &guest.attachment {
        Attachment::Namespace { name, adopt: false } => json!({ "namespace": name }),
        Attachment::Namespace { name, adopt: true } => json!({ "namespace": name, "adopt": true }),
        Attachment::Tap { device } => json!({ "tap": device }),
        Attachment::Device { device } => json!({ "device": device }),
    }
}

fn in_vpc(fields: &Map<String, Value>, name: &str, names: &BTreeMap<String, String>) -> String {
    let vpc = fields.get("VpcId").and_then(Value::as_str).and_then(|id| names.get(id));
    match vpc {
        Some(vpc) if vpc != name => format!("{vpc}/{name}"),
        _ => name.to_owned(),
    }
}

fn names(resources: &Resources) -> BTreeMap<String, String> {
    let objects = crate::resources::kinds()
        .iter()
        .flat_map(|kind| resources.objects(kind));
    objects
        .map(|object| (object.id.to_owned(), object.name.to_owned()))
        .collect()
}

/// The names of those ids that stand somewhere in the changes.
fn mentioned(changes: &[super::Change], names: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut found = BTreeSet::new();
    for change in changes {
        let fields = change.fields.iter().flat_map(|field| [&field.before, &field.after]);
        for value in fields.flatten() {
            collect(value, &mut found);
        }
    }
    let known = found
        .into_iter()
        .filter_map(|id| Some((id.to_owned(), names.get(id)?.clone())));
    known.filter(|(id, name)| id != name).collect()
}

fn collect<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::String(text) => _ = found.insert(text),
        Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        _ => {}
    }
}
