//! Runners and a bridge for a while in which the bridge is killed, the database stands still or dies, and connections are
//! cut. What a runner was told is stored must be there, once; what it was not told it posts again, and that must not double
//! it. The faults are here; `clients` posts as foreign programs do, `daemons` are two of our own.
//!
//! A short, seeded version runs with all tests; `faults` says how to ask for a longer one.

mod clients;
mod daemons;

use super::served::Served;
use crate::faults::{asked, seed};
use crate::support::peers::Mongod;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

/// How long faults last where nobody asked for more, and a freeze then.
const SHORT: Duration = Duration::from_secs(12);
const SHORT_FREEZE: Duration = Duration::from_millis(1_500);
/// How long the database stands still where there is time.
const LONG_FREEZE: Duration = Duration::from_secs(30);
/// Where rows are.
const STORED: &[&str] = &["metrics_cloud_v2", "metrics_cloud_probe", "errors_cloud"];

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    KillBridge,
    FreezeStore,
    KillStore,
    Cut,
}

/// Faults come in hands of this kind, each in an order of its own, so that even a short run has all of them.
const HAND: [Fault; 6] =
    [Fault::KillBridge, Fault::KillBridge, Fault::Cut, Fault::Cut, Fault::FreezeStore, Fault::KillStore];

/// What stands between runners and the bridge: an address that stays, and connections that can be cut.
struct Proxy {
    address: SocketAddr,
    upstream: Arc<Mutex<SocketAddr>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = Arc::new(Mutex::new(upstream));
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (to, all) = (upstream.clone(), open.clone());
        spawn(move || {
            for runner in listener.incoming().map_while(Result::ok) {
                let Ok(bridge) = TcpStream::connect(*to.lock().unwrap()) else { continue };
                all.lock().unwrap().extend([runner.try_clone().unwrap(), bridge.try_clone().unwrap()]);
                let (back, forth) = (runner.try_clone().unwrap(), bridge.try_clone().unwrap());
                spawn(move || pass(runner, forth));
                spawn(move || pass(bridge, back));
            }
        });
        Self { address, upstream, open }
    }

    /// Cuts what is open, in the middle of whatever it carries.
    fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Passes bytes on until either side has ended.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count) = from.read(&mut bytes)
        && count > 0
        && to.write_all(&bytes[..count]).is_ok()
    {}
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// A bridge that is started again whenever it is killed, as a service manager does.
fn revive(served: Served, proxy: &Proxy) -> Served {
    let revived = served.killed_and_started_again();
    *proxy.upstream.lock().unwrap() = revived.address;
    revived
}

/// Makes faults until the time is over and each kind has been there.
fn trouble(mut served: Served, mongod: &mut Mongod, proxy: &Proxy) -> (Served, BTreeMap<Fault, u32>) {
    let (lasts, freeze) = asked().map_or((SHORT, SHORT_FREEZE), |lasts| (lasts, LONG_FREEZE));
    println!("seed {}", seed());
    let mut random = SmallRng::seed_from_u64(seed());
    let mut fired: BTreeMap<Fault, u32> = BTreeMap::new();
    let mut hand: Vec<Fault> = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < lasts || fired.len() < 4 {
        if hand.is_empty() {
            hand = HAND.into();
            hand.shuffle(&mut random);
        }
        sleep(Duration::from_millis(random.random_range(300..1_500)));
        let fault = hand.pop().unwrap();
        match fault {
            Fault::KillBridge => served = revive(served, proxy),
            Fault::Cut => proxy.cut(),
            Fault::FreezeStore => {
                mongod.freeze();
                sleep(freeze);
                mongod.thaw();
            }
            Fault::KillStore => {
                mongod.kill();
                mongod.restart();
            }
        }
        *fired.entry(fault).or_default() += 1;
    }
    (served, fired)
}
