//! `catalog sync`: ten providers, each of which answers after a second.

use super::whole_milliseconds;
use crate::stats::{median, repeated};
use crate::subject::{home, llmbench};
use crate::{Failed, Line};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const PROVIDERS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(1);
/// The most that the whole process may take, in seconds.
const MOST: f64 = 1.5;

/// One line.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let server = serve()?;
    let home = home()?;
    let provider =
        |number| format!("[providers.slow-{number}]\ndialect = 'chat'\nbase_url = 'http://{server}/v1'\n");
    let config = home.path().join("config.toml");
    std::fs::write(&config, (0..PROVIDERS).map(provider).collect::<String>())?;
    let arguments = ["catalog", "sync", "--config", config.to_str().ok_or("an odd path")?];
    let names: Vec<String> = (0..PROVIDERS).map(|number| format!("--provider=slow-{number}")).collect();
    let arguments = [&arguments[..], &names.iter().map(String::as_str).collect::<Vec<_>>()].concat();
    let took = repeated(|| {
        let begun = Instant::now();
        let output = llmbench(&home, &arguments).output()?;
        let took = begun.elapsed().as_secs_f64();
        if output.status.success() { Ok(took) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
    })?;
    let took = median(took);
    Ok(vec![Line {
        what: "`catalog sync`, ten providers, each answering in 1 s",
        least: "1.5 s",
        measured: whole_milliseconds(took),
        beside: None,
        met: took <= MOST,
    }])
}

/// A server of lists that takes its time. It ends with the process.
fn serve() -> Result<SocketAddr, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || answer(connection));
        }
    });
    Ok(address)
}

fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    std::thread::sleep(PATIENCE);
    let models: Vec<String> =
        (0..200).map(|number| format!(r#"{{"id":"model-{number}","object":"model","created":1}}"#)).collect();
    let body = format!(r#"{{"object":"list","data":[{}]}}"#, models.join(","));
    write!(
        connection,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
