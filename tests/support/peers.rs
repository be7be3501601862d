//! Real servers to test against. Each is found or fetched by itself; one that cannot be had fails the test with a hint,
//! and never skips it.

pub mod fetch;
pub mod process;

use mongodb::bson::{Document, doc};
use mongodb::{Client, Database};
use process::Process;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to start on a busy machine.
const START: Duration = Duration::from_secs(90);

/// A running `mongod`. Ends with its value, and with the test process however that ends.
pub struct Mongod {
    process: Process,
    port: u16,
    directory: PathBuf,
    mode: Mode,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One node, as a replica set.
    ReplicaSet,
    /// Standalone, with logins.
    Auth,
}

impl Mongod {
    /// The server that all tests share; each takes a database of its own.
    pub fn start() -> &'static Mongod {
        static SHARED: OnceLock<Mongod> = OnceLock::new();
        SHARED.get_or_init(Mongod::start_private)
    }

    /// A server for one test, which may freeze or kill it.
    pub fn start_private() -> Mongod {
        Mongod::start_in(&process::fresh_directory())
    }

    /// The same in this directory, which goes with it.
    pub fn start_in(directory: &Path) -> Mongod {
        let mongod = Mongod::launch(Mode::ReplicaSet, directory);
        mongod.initiate();
        mongod
    }

    /// A server that wants a login, with one user who may do everything.
    pub fn start_with_user(user: &str, password: &str) -> Mongod {
        let mongod = Mongod::launch(Mode::Auth, &process::fresh_directory());
        let create = doc! { "createUser": user, "pwd": password, "roles": ["root"] };
        mongod.until_ready(move |admin| {
            let create = create.clone();
            async move { admin.run_command(create).await.is_ok() }
        });
        mongod
    }

    /// The connection string of a database.
    pub fn uri(&self, database: &str) -> String {
        format!("mongodb://{}/{database}?directConnection=true", self.address())
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A client of the test's own on this database.
    pub async fn database(&self, name: &str) -> Database {
        Client::with_uri_str(self.uri(name)).await.unwrap().database(name)
    }

    /// SIGSTOP: the server keeps its connections and answers nothing.
    pub fn freeze(&self) {
        self.process.signal(libc::SIGSTOP);
    }

    /// SIGCONT: it goes on where it was.
    pub fn thaw(&self) {
        self.process.signal(libc::SIGCONT);
    }

    /// SIGKILL, and wait until it is gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same data and port.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = Process::start(command(&self.directory, self.port, self.mode), &self.directory);
        self.until_primary();
    }

    /// A port that was free a moment ago may be taken now, so more than one attempt.
    fn launch(mode: Mode, directory: &Path) -> Mongod {
        let mut log = String::new();
        for _ in 0..3 {
            let mongod = Mongod::attempt(mode, directory.to_owned());
            if mongod.listens() {
                return mongod;
            }
            log = mongod.log_tail();
        }
        panic!("mongod did not start:\n{log}");
    }

    fn attempt(mode: Mode, directory: PathBuf) -> Mongod {
        std::fs::create_dir_all(directory.join("data")).unwrap();
        let port = free_port();
        let process = Process::start(command(&directory, port, mode), &directory);
        Mongod { process, port, directory, mode }
    }

    /// Waits until it accepts connections, or has ended.
    fn listens(&self) -> bool {
        let start = Instant::now();
        while self.process.is_running() && start.elapsed() < START {
            if TcpStream::connect(self.address()).is_ok() {
                return self.process.is_running();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    fn initiate(&self) {
        let member = doc! { "_id": 0, "host": self.address() };
        let initiate = doc! { "replSetInitiate": { "_id": "rs0", "members": [member] } };
        self.until_ready(move |admin| {
            let initiate = initiate.clone();
            async move { admin.run_command(initiate).await.is_ok() }
        });
        self.until_primary();
    }

    fn until_primary(&self) {
        self.until_ready(|admin| async move {
            let hello: Result<Document, _> = admin.run_command(doc! { "hello": 1 }).await;
            hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false))
        });
    }

    /// Asks again and again, on a runtime of its own because the caller may be inside one.
    fn until_ready<F: Future<Output = bool>>(&self, ready: impl Fn(Database) -> F + Sync) {
        let uri = self.uri("admin") + "&serverSelectionTimeoutMS=1000&connectTimeoutMS=1000";
        let asking = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let admin = Client::with_uri_str(&uri).await.unwrap().database("admin");
                let start = Instant::now();
                while !ready(admin.clone()).await {
                    assert!(start.elapsed() < START, "mongod did not start:\n{}", self.log_tail());
                    assert!(self.process.is_running(), "mongod ended at once:\n{}", self.log_tail());
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
        };
        std::thread::scope(|scope| {
            let asked = scope.spawn(asking).join();
            asked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.directory.join("mongod.log")).unwrap_or_default();
        let output = std::fs::read_to_string(self.directory.join("output")).unwrap_or_default();
        let lines: Vec<_> = log.lines().chain(output.lines()).collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n");
        format!("{tail}\n(it needs libcurl4 and OpenSSL 3; LLMBENCH_TEST_MONGOD can name another mongod)")
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        self.process.kill();
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

fn command(directory: &Path, port: u16, mode: Mode) -> std::process::Command {
    let mut command = std::process::Command::new(fetch::mongod());
    command.args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]);
    command.arg("--port").arg(port.to_string());
    command.arg("--dbpath").arg(directory.join("data")).arg("--logpath").arg(directory.join("mongod.log"));
    match mode {
        Mode::ReplicaSet => command.args(["--replSet", "rs0"]),
        Mode::Auth => command.arg("--auth"),
    };
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The name of a database that no other test uses.
pub fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
