//! A bridge as a process, a runner's home, and a proxy between the two.

use crate::ingest::served::{CONFIG_TOKEN, INGEST_KEY, Served, open};
use crate::support::Home;
use crate::support::catalog::put_model;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::proxy::{Fault, Proxy};
use crate::support::ran::{Ran, ran};
use llmbench::bridge::client::http_client::BridgeHttpClient;
use llmbench::bridge::client::work_list_cache::WorkListCache;
use llmbench::bridge::client::{BridgeAddresses, BridgeClient, BridgeKeys};
use llmbench::domain::ModelRef;
use llmbench::domain::secret::Secret;
use llmbench::http::ProxyRules;
use llmbench::simulator;
use llmbench::simulator::RunningSimulator;
use llmbench::storage::BridgeUrl;
use llmbench::wire::tls::client_config;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A model whose answers take next to no time.
pub const QUICK: &str = "steady-ttft2-gap1-n4";

/// A runner, and what it talks to.
pub struct World {
    /// The bridge.
    pub bridge: Served,
    /// What stands before it.
    pub proxy: Proxy,
    /// The runner's home.
    pub home: Home,
    /// The simulator, which the runner knows as the provider `alpha`.
    pub simulator: RunningSimulator,
    /// The database behind the bridge, where it is MongoDB.
    pub database: String,
}

impl World {
    /// A bridge on MongoDB, with these models of `alpha` enabled.
    pub fn new(models: &[&str], configuration: &str) -> Self {
        let database = fresh_name();
        let bridge = serve(&database, models);
        let simulator = simulator::start_in_process().unwrap();
        let home = configured(&simulator, configuration);
        let proxy = Proxy::start(bridge.address, |_| Fault::None);
        Self { bridge, proxy, home, simulator, database }
    }

    /// Measures a model of `alpha`, or does so no longer; the bridge knows it within seconds.
    pub fn enable(&self, model: &str, enabled: bool) {
        enable(&self.bridge.url, model, enabled);
    }

    /// The runner's command line, with the bridge as its store and the Python runner's keys.
    pub fn command(&self, arguments: &[&str]) -> Command {
        command(&self.home, &self.proxy.url(), arguments)
    }

    /// Runs it to its end.
    pub fn ran(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// A daemon for `alpha`.
    pub fn daemon(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&["daemon", "--providers", "alpha", "--vantage", "far"]);
        command.args(arguments);
        command
    }

    /// The runner's state directory.
    pub fn state(&self) -> PathBuf {
        self.home.path().join("state/llmbench")
    }

    /// The ids that the runner's outbox holds as delivered.
    pub fn delivered(&self) -> BTreeSet<String> {
        delivered(&self.home, &self.proxy.url())
    }

    /// Runs and failures behind the bridge.
    pub fn rows(&self) -> Vec<Map<String, Value>> {
        let collections = ["metrics_cloud_v2", "metrics_cloud_probe", "errors_cloud"];
        crate::support::documents::rows(Mongod::start(), &self.database, &collections)
    }
}

/// The home of a runner that knows a simulator as the provider `alpha`.
pub fn configured(simulator: &RunningSimulator, configuration: &str) -> Home {
    let home = Home::new();
    let text = format!(
        "{configuration}\n[providers.alpha]\ndialect = 'chat'\nbase_url = '{}/v1'\n",
        simulator.base_url()
    );
    fs::create_dir_all(home.path().join("config/llmbench")).unwrap();
    fs::write(home.path().join("config/llmbench/config.toml"), text).unwrap();
    home
}

/// A runner's command line, with a bridge as its store and the Python runner's keys.
pub fn command(home: &Home, bridge: &str, arguments: &[&str]) -> Command {
    let mut command = home.llmbench(arguments);
    command.args(["--store", bridge]).env("LLMBENCH_LISTEN", "none");
    command.env("INGEST_API_KEY", INGEST_KEY).env("RUNNER_CONFIG_TOKEN", CONFIG_TOKEN);
    command
}

/// The ids that a runner's outbox holds as delivered.
pub fn delivered(home: &Home, bridge: &str) -> BTreeSet<String> {
    let arguments = ["outbox", "list", "--state", "delivered", "--lines", "10000", "--json"];
    let listed = ran(&mut command(home, bridge, &arguments));
    let listed: Value = serde_json::from_str(&listed.out).unwrap_or_else(|_| panic!("{listed:?}"));
    let rows = listed["rows"].as_array().unwrap_or_else(|| panic!("{listed}"));
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// A bridge on a database of this name, with these models of `alpha` enabled before it looks for the first time.
pub fn serve(database: &str, models: &[&str]) -> Served {
    let url = Mongod::start().uri(database);
    models.iter().for_each(|model| enable(&url, model, true));
    block_on(Served::on(Home::new(), url, &[]))
}

/// Measures a model of `alpha`, or does so no longer.
pub fn enable(url: &str, model: &str, enabled: bool) {
    block_on(async {
        let store = open(url).await;
        put_model(&*store, &ModelRef::new("alpha", model), model, enabled).await.unwrap();
    });
}

/// A bridge at this address as a runner has it, for these providers.
pub fn client(address: SocketAddr, providers: &[&str], key: &str) -> BridgeClient {
    let base = BridgeUrl::parse(&format!("http://{address}")).unwrap();
    let addresses =
        BridgeAddresses { config: base.join("/runner-config"), catalog: base.join("/ingest/catalog"), base };
    let keys = BridgeKeys { posts: Secret::new(key), lists: Secret::new(CONFIG_TOKEN) };
    let providers = providers.iter().map(|name| (*name).to_owned()).collect();
    let kept = WorkListCache::open(std::env::temp_dir().join(fresh_name()).join("w.json"));
    let times = (Duration::from_secs(10), Duration::from_secs(3600));
    BridgeClient::new(
        addresses,
        keys,
        BridgeHttpClient::new(&client_config(None).unwrap(), ProxyRules::default()).unwrap(),
        providers,
        times,
        kept,
    )
}

/// Runs a future to its end.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
