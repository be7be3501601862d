//! Facts about the server and its collections: its own description, the permissions of the login, and rows from both
//! ends of an index. Writes nothing.

use crate::domain::clock_offset::ClockOffset;
use crate::domain::run::Tokens;
use crate::domain::{CachedInput, ModelRef};
use crate::storage::StoreError;
use crate::storage::inspect::{
    IndexFault, InspectStore, InspectedCollection, MissingRight, NEWEST, OTHER_END, ObservedType,
    OddFieldCounter, OddFieldReport, StoreInfo, StoreRights,
};
use crate::storage::mongo::errors::{MongoCallError, code};
use crate::storage::mongo::indexes::wanted;
use crate::storage::mongo::to_json::{instant, whole, words};
use crate::storage::mongo::{MongoContext, MongoStore};
use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use mongodb::IndexModel;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

#[async_trait]
impl InspectStore for MongoStore {
    async fn facts(&self) -> Result<StoreInfo, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { facts(&shared).await }).await
    }

    async fn index_faults(&self) -> Result<Vec<IndexFault>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { index_faults(&shared).await }).await
    }

    async fn rights(&self) -> Result<StoreRights, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { rights(&shared).await }).await
    }

    async fn census(&self) -> Result<Vec<OddFieldReport>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { census(&shared).await }).await
    }

    async fn cached_input(&self) -> Result<BTreeMap<ModelRef, CachedInput>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { cached_input(&shared).await }).await
    }
}

/// The oldest server that the driver supports.
const OLDEST: &str = "4.4";

/// The code of `NamespaceNotFound`: there is no such collection.
const NO_COLLECTION: i32 = 26;

/// The code of `Unauthorized`.
const UNAUTHORIZED: i32 = 13;

/// The server's time for the rows of one end of an index.
const PATIENCE: Duration = Duration::from_secs(5);

async fn facts(shared: &MongoContext) -> Result<StoreInfo, MongoCallError> {
    let build = shared.database.run_command(doc! { "buildInfo": 1 }).await?;
    // The first query may have opened a connection: the second one is quicker, so its reading of the
    // clock is more exact.
    let sent = Utc::now();
    let hello = shared.database.run_command(doc! { "hello": 1 }).await?;
    let received = Utc::now();
    let theirs = instant(&hello, "localTime");
    Ok(StoreInfo {
        product: "MongoDB",
        version: build.get_str("version").unwrap_or("of unknown version").to_owned(),
        oldest: OLDEST,
        shape: shape(&hello),
        outdated: None,
        clock: theirs.map(|theirs| ClockOffset::between(sent, received, theirs, TimeDelta::milliseconds(1))),
    })
}

fn shape(hello: &Document) -> String {
    if let Ok(name) = hello.get_str("setName") {
        let members = hello.get_array("hosts").map_or(0, Vec::len);
        let plural = if members == 1 { "" } else { "s" };
        return format!("replica set `{name}` of {members} member{plural}");
    }
    if hello.get_str("msg").is_ok_and(|word| word == "isdbgrid") {
        return "sharded cluster".to_owned();
    }
    "standalone server: no transactions, so changes are written down before they are made".to_owned()
}

/// Compares the wanted indexes with those on the server.
async fn index_faults(shared: &MongoContext) -> Result<Vec<IndexFault>, MongoCallError> {
    let mut faults = Vec::new();
    let wanted = wanted(&shared.names);
    let collections: BTreeSet<&str> = wanted.iter().map(|(collection, _)| *collection).collect();
    for collection in collections {
        let there = indexes_of(shared, collection).await?;
        let own = wanted.iter().filter(|(of, _)| *of == collection);
        faults.extend(own.filter_map(|(_, index)| fault(collection, index, &there)));
    }
    Ok(faults)
}

async fn indexes_of(shared: &MongoContext, collection: &str) -> Result<Vec<IndexModel>, MongoCallError> {
    let mut cursor = match shared.collection(collection).list_indexes().await {
        Err(error) if code(&error) == Some(NO_COLLECTION) => return Ok(Vec::new()),
        cursor => cursor?,
    };
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

fn fault(collection: &str, wanted: &IndexModel, there: &[IndexModel]) -> Option<IndexFault> {
    let name = named(wanted);
    let missing = |other| IndexFault { collection: collection.to_owned(), name: name.to_owned(), other };
    match there.iter().find(|own| named(own) == name) {
        Some(own) if meaning(own) == meaning(wanted) => None,
        Some(own) => Some(missing(Some((name.to_owned(), spoken(own))))),
        // The server would refuse the same keys and options under a second name.
        None => {
            let twin = there.iter().find(|own| meaning(own) == meaning(wanted));
            Some(missing(twin.map(|own| (named(own).to_owned(), "the same under another name".to_owned()))))
        }
    }
}

fn named(index: &IndexModel) -> &str {
    index.options.as_ref().and_then(|options| options.name.as_deref()).unwrap_or_default()
}

/// The effect of an index, regardless of its name.
#[derive(PartialEq)]
struct IndexDefinition {
    keys: Vec<(String, i64)>,
    unique: bool,
    sparse: bool,
    filter: Option<Document>,
    strength: Option<u32>,
}

fn meaning(index: &IndexModel) -> IndexDefinition {
    let options = index.options.clone().unwrap_or_default();
    let order = |value: &Bson| match value {
        Bson::Int32(order) => i64::from(*order),
        Bson::Int64(order) => *order,
        Bson::Double(order) if *order < 0.0 => -1,
        Bson::Double(_) => 1,
        _ => 0,
    };
    let keys = index.keys.iter().map(|(field, value)| (field.clone(), order(value))).collect();
    let strength = options.collation.and_then(|collation| collation.strength).map(u32::from);
    let (unique, sparse) = (options.unique.unwrap_or(false), options.sparse.unwrap_or(false));
    IndexDefinition { keys, unique, sparse, filter: options.partial_filter_expression, strength }
}

fn spoken(index: &IndexModel) -> String {
    let IndexDefinition { keys, unique, sparse, filter, strength } = meaning(index);
    let keys: Vec<String> = keys.iter().map(|(field, order)| format!("{field} {order}")).collect();
    let unique = if unique { "unique, " } else { "" };
    let sparse = if sparse { "sparse, " } else { "" };
    let filter = filter.map(|filter| format!(", among {filter}")).unwrap_or_default();
    let strength = strength.map(|strength| format!(", collation strength {strength}")).unwrap_or_default();
    format!("{unique}{sparse}on {}{filter}{strength}", keys.join(", "))
}

async fn rights(shared: &MongoContext) -> Result<StoreRights, MongoCallError> {
    let command = doc! { "connectionStatus": 1, "showPrivileges": true };
    let status = shared.database.run_command(command).await?;
    let about = status.get_document("authInfo").cloned().unwrap_or_default();
    let user = |user: &Bson| {
        let user = user.as_document()?;
        Some(format!("{}@{}", user.get_str("user").ok()?, user.get_str("db").ok()?))
    };
    let users: Vec<String> = documents(&about, "authenticatedUsers").iter().filter_map(user).collect();
    if users.is_empty() {
        return without_login(shared).await;
    }
    let privileges = documents(&about, "authenticatedUserPrivileges");
    let database = shared.database.name();
    let lacking = [
        ("find", false),
        ("insert", false),
        ("update", false),
        ("createCollection", true),
        ("createIndex", true),
    ]
    .into_iter()
    .filter_map(|(action, for_init_alone)| {
        let without = |name: &&str| !allows(privileges, database, name, action);
        let places: Vec<String> = shared.names.all().into_iter().filter(without).map(str::to_owned).collect();
        (!places.is_empty()).then_some(MissingRight { action, places, for_init_alone })
    });
    Ok(StoreRights { login: Some(users.join(", ")), open_to_all: false, lacking: lacking.collect() })
}

/// A server that requires a login reports that only when a collection is queried.
async fn without_login(shared: &MongoContext) -> Result<StoreRights, MongoCallError> {
    let asked = shared.collection(&shared.names.models).find_one(doc! {}).await;
    let refused = asked.is_err_and(|error| code(&error) == Some(UNAUTHORIZED));
    let all = || shared.names.all().into_iter().map(str::to_owned).collect();
    let lack = || MissingRight { action: "find", places: all(), for_init_alone: false };
    let lacking = if refused { vec![lack()] } else { Vec::new() };
    Ok(StoreRights { login: None, open_to_all: !refused, lacking })
}

fn documents<'a>(of: &'a Document, name: &str) -> &'a [Bson] {
    of.get_array(name).map(Vec::as_slice).unwrap_or_default()
}

/// True if any privilege allows the action on this collection. An empty name stands for all of them.
fn allows(privileges: &[Bson], database: &str, collection: &str, action: &str) -> bool {
    privileges.iter().filter_map(Bson::as_document).any(|privilege| {
        let resource = privilege.get_document("resource").cloned().unwrap_or_default();
        let covers = |name: &str, wanted: &str| {
            resource.get_str(name).is_ok_and(|own| own.is_empty() || own == wanted)
        };
        let anything = resource.get_bool("anyResource").unwrap_or(false);
        let actions = documents(privilege, "actions");
        (anything || covers("db", database) && covers("collection", collection))
            && actions.iter().any(|own| own.as_str() == Some(action))
    })
}

/// The rows to check: the index by which they are sorted, and the field.
struct IndexEnd {
    rows: InspectedCollection,
    index: &'static str,
    sort: &'static [(&'static str, i32)],
}

const BY_MODEL: &[(&str, i32)] = &[("provider", 1), ("model_id", 1)];

const ENDS: [IndexEnd; 8] = [
    IndexEnd { rows: InspectedCollection::Published, index: BY_RUN, sort: &[("run_ts", -1)] },
    IndexEnd { rows: InspectedCollection::Published, index: BY_RUN, sort: &[("run_ts", 1)] },
    IndexEnd { rows: InspectedCollection::Probe, index: BY_RUN, sort: &[("run_ts", -1)] },
    IndexEnd { rows: InspectedCollection::Probe, index: BY_RUN, sort: &[("run_ts", 1)] },
    IndexEnd { rows: InspectedCollection::Errors, index: "ts_-1", sort: &[("ts", -1)] },
    IndexEnd { rows: InspectedCollection::Errors, index: "ts_-1", sort: &[("ts", 1)] },
    IndexEnd { rows: InspectedCollection::Models, index: "provider_1_model_id_1", sort: BY_MODEL },
    IndexEnd { rows: InspectedCollection::Health, index: "provider_1_model_id_1", sort: BY_MODEL },
];

const BY_RUN: &str = "run_ts_-1_provider_1_model_name_1";

/// Checks rows of both ends of each index: in MongoDB's order of types some types sort before all dates.
async fn census(shared: &MongoContext) -> Result<Vec<OddFieldReport>, MongoCallError> {
    let looks = InspectedCollection::ALL.map(|rows| of(shared, rows));
    let [published, probe, errors, models, health] = looks;
    let (published, probe, errors, models, health) = tokio::join!(published, probe, errors, models, health);
    Ok(vec![published, probe, errors, models, health])
}

/// Input tokens from prefix caches, by model, among the newest rows of an index by time.
async fn cached_input(shared: &MongoContext) -> Result<BTreeMap<ModelRef, CachedInput>, MongoCallError> {
    let fields =
        doc! { "_id": 0, "provider": 1, "model_name": 1, "input_tokens": 1, "cached_input_tokens": 1 };
    let runs = shared.collection(&shared.names.cloud);
    let newest = runs.find(doc! {}).sort(doc! { "run_ts": -1 }).limit(i64::from(NEWEST));
    let asked = newest.hint(Hint::Name(BY_RUN.to_owned())).projection(fields);
    let mut cursor = asked.max_time(PATIENCE).await?;
    let mut all: BTreeMap<ModelRef, CachedInput> = BTreeMap::new();
    while cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        let count = |name: &str| whole(&row, name).and_then(|number| u64::try_from(number).ok());
        let tokens = Tokens {
            input_tokens: count("input_tokens"),
            cached_input_tokens: count("cached_input_tokens"),
            ..Tokens::default()
        };
        let name = |field: &str| words(row.get(field)).unwrap_or_default();
        all.entry(ModelRef::new(name("provider"), name("model_name"))).or_default().add(&tokens);
    }
    Ok(all)
}

async fn of(shared: &MongoContext, rows: InspectedCollection) -> OddFieldReport {
    let names = &shared.names;
    let name = match rows {
        InspectedCollection::Published => &names.cloud,
        InspectedCollection::Probe => &names.cloud_probe,
        InspectedCollection::Errors => &names.errors,
        InspectedCollection::Models => &names.models,
        InspectedCollection::Health => &names.model_health,
    };
    let mut tally = OddFieldCounter::default();
    let mut seen = BTreeSet::new();
    for end in ENDS.iter().filter(|end| end.rows == rows) {
        if let Err(error) = look(shared, name, end, &mut tally, &mut seen).await {
            let words = error.to_string();
            let reason = if words.contains("hint") {
                format!("its index {} is missing", end.index)
            } else {
                words.chars().take(200).collect()
            };
            return OddFieldReport { trouble: Some(reason), ..OddFieldCounter::default().census(name) };
        }
    }
    tally.census(name)
}

async fn look(
    shared: &MongoContext,
    name: &str,
    end: &IndexEnd,
    tally: &mut OddFieldCounter,
    seen: &mut BTreeSet<String>,
) -> Result<(), mongodb::error::Error> {
    let sort: Document =
        end.sort.iter().map(|(field, order)| ((*field).to_owned(), (*order).into())).collect();
    let other_end = end.sort.len() == 1 && end.sort[0].1 == 1;
    let limit = i64::from(if other_end { OTHER_END } else { NEWEST });
    let rows = shared.collection(name);
    let asked = rows.find(doc! {}).sort(sort).limit(limit).hint(Hint::Name(end.index.to_owned()));
    let mut cursor = asked.max_time(PATIENCE).await?;
    while cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        let id = words(row.get("_id")).unwrap_or_default();
        // Both ends of a short collection overlap.
        if seen.insert(id.clone()) {
            let fields: Vec<(&str, ObservedType)> = row
                .iter()
                .filter(|(name, _)| *name != "_id")
                .map(|(name, value)| (name.as_str(), kind(value)))
                .collect();
            tally.look(end.rows, &id, &fields);
        }
    }
    Ok(())
}

fn kind(value: &Bson) -> ObservedType {
    match value {
        Bson::Null | Bson::Undefined => ObservedType::Null,
        Bson::String(text) | Bson::Symbol(text) => ObservedType::Text { blank: text.trim().is_empty() },
        Bson::DateTime(_) => ObservedType::Date,
        Bson::Int32(_) | Bson::Int64(_) => ObservedType::Number { whole: true },
        Bson::Double(number) if number.is_finite() => ObservedType::Number { whole: number.fract() == 0.0 },
        Bson::Double(_) => ObservedType::NotFinite,
        Bson::Decimal128(_) => ObservedType::Decimal,
        Bson::Boolean(_) => ObservedType::Flag,
        Bson::Document(_) => ObservedType::Object,
        Bson::Array(_) => ObservedType::List,
        _ => ObservedType::Other,
    }
}
