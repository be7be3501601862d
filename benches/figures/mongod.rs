//! A real MongoDB of one's own: a replica set of one, as majority wants it, or none. It is gone with its value.

use crate::Failed;
use crate::process::{self, Process};
use llmbench::storage::{self, CollectionNames, Store, StoreLocation};
use mongodb::bson::{Document, doc};
use mongodb::options::{Acknowledgment, WriteConcern};
use mongodb::{Client, Database};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How long it may take to start.
const START: Duration = Duration::from_secs(90);

/// The server.
pub struct Mongod {
    process: Process,
    port: u16,
    directory: PathBuf,
}

impl Mongod {
    /// Starts a replica set of one on a free port.
    pub fn start() -> Result<Self, Failed> {
        let mongod = Self::launch(&["--replSet", "rs"])?;
        let member = doc! { "_id": 0, "host": format!("127.0.0.1:{}", mongod.port) };
        mongod.ready(Some(doc! { "replSetInitiate": { "_id": "rs", "members": [member] } }))?;
        Ok(mongod)
    }

    /// Starts one that replicates nothing on a free port: without an oplog a large database is made sooner.
    pub fn standalone() -> Result<Self, Failed> {
        let mongod = Self::launch(&[])?;
        mongod.ready(None)?;
        Ok(mongod)
    }

    fn launch(further: &[&str]) -> Result<Self, Failed> {
        let directory = process::fresh_directory();
        std::fs::create_dir_all(directory.join("data"))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = std::process::Command::new(crate::fetch::mongod());
        command.args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "1"]);
        command.args(further);
        command.arg("--port").arg(port.to_string()).arg("--dbpath").arg(directory.join("data"));
        Ok(Self { process: Process::start(command, &directory), port, directory })
    }

    /// What `--store` takes.
    pub fn uri(&self, database: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{database}?directConnection=true", self.port)
    }

    /// The driver alone.
    pub async fn database(&self, name: &str) -> Result<Database, Failed> {
        Ok(Client::with_uri_str(self.uri(name)).await?.database(name))
    }

    /// Our store, with its collections and indexes.
    pub async fn store(&self, name: &str) -> Result<Arc<dyn Store>, Failed> {
        let location = StoreLocation::parse(&self.uri(name))?;
        let published = ["cloud-default-v1".to_owned()];
        let store = storage::open(&location, &CollectionNames::default(), &published).await?;
        store.init().await?;
        Ok(store)
    }

    /// Forgets a database and what the driver made beside it, so that the next measurement finds the server as this one did.
    pub async fn clear(&self, name: &str) -> Result<(), Failed> {
        for name in [name.to_owned(), format!("{name}-driver")] {
            self.database(&name).await?.drop().await?;
        }
        Ok(())
    }

    /// Waits until it takes writes, and tells it again and again what it needs for that.
    fn ready(&self, needs: Option<Document>) -> Result<(), Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let begun = Instant::now();
        runtime.block_on(async {
            while begun.elapsed() < START && self.process.is_running() {
                let admin = self.database("admin").await?;
                if let Some(command) = &needs {
                    // Refused once it is done.
                    let _ = admin.run_command(command.clone()).await;
                }
                let hello = admin.run_command(doc! { "hello": 1 }).await;
                if hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false)) {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err("mongod did not start".into())
        })
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        self.process.kill();
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

/// What our stores write with: the journal of a majority.
pub fn concern() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build()
}

/// Two threads, as there are cores.
pub fn runtime() -> Result<Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
