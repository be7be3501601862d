//! Access to an outbox that another process has open, over a socket in the state directory for the same user only. A
//! request is one line of JSON; the response is several, the last of them `end` or `error`. The process that has the
//! outbox open calls [`answer`] directly, so both ways give the same results.

use super::Outbox;
use super::types::{OutboxDepth, OutboxError, OutboxRowState, OutboxRowSummary, RowDocument};
use crate::domain::Window;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The socket's name in the state directory.
pub const SOCKET: &str = "control.sock";

/// Longest request in bytes: about ten thousand ids.
const LONGEST_REQUEST: u64 = 1024 * 1024;

/// Longest response line in bytes: a document with all its gaps, escaped.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// Time limit for each side's wait for the other.
const PATIENCE: Duration = Duration::from_secs(20);

/// Maximum number of concurrent requests.
const AT_ONCE: usize = 4;

/// A request to the outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum OutboxRequest {
    /// Asks for the fill level.
    Depth,
    /// Lists the newest rows in these states, at most `limit` of each.
    List {
        states: Vec<OutboxRowState>,
        /// Maximum number of rows of each state.
        limit: u32,
    },
    /// Shows every row under an outcome's id.
    Show {
        /// The outcome's id, or the row's number.
        id: String,
    },
    /// Makes rows due now.
    Retry {
        /// The ids of the rows; `None` means all that are quarantined.
        ids: Option<Vec<String>>,
    },
    /// Sends delivered rows again.
    Replay {
        /// Start of the confirmation window, inclusive.
        from: Option<DateTime<Utc>>,
        /// End of the window, exclusive.
        to: Option<DateTime<Utc>>,
    },
}

/// One line of a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum ControlLine {
    Depth(OutboxDepth),
    Item(OutboxRowSummary),
    /// A row with its document, or with a description of the damage.
    Shown {
        item: OutboxRowSummary,
        /// The document as it is stored.
        document: Option<Value>,
        /// Description of the damage.
        damage: Option<String>,
    },
    /// The number of changed rows.
    Changed {
        rows: u64,
    },
    /// The end of a successful response.
    End,
    /// The end of a failed response.
    Error {
        message: String,
    },
}

/// Carries out a request.
///
/// # Errors
/// Those of the outbox.
pub async fn answer(outbox: &Outbox, request: OutboxRequest) -> Result<Vec<ControlLine>, OutboxError> {
    Ok(match request {
        OutboxRequest::Depth => vec![ControlLine::Depth(outbox.depth().await?)],
        OutboxRequest::List { states, limit } => {
            let mut lines = Vec::new();
            for state in states {
                lines.extend(outbox.list(state, limit).await?.into_iter().map(ControlLine::Item));
            }
            lines
        }
        OutboxRequest::Show { id } => {
            let shown = |(item, read): (OutboxRowSummary, RowDocument)| {
                let (document, damage) = match read {
                    Ok(document) => (Some(document), None),
                    Err(damage) => (None, Some(damage)),
                };
                ControlLine::Shown { item, document, damage }
            };
            outbox.show(&id).await?.into_iter().map(shown).collect()
        }
        OutboxRequest::Retry { ids } => {
            vec![ControlLine::Changed { rows: outbox.retry(ids.as_deref()).await? }]
        }
        OutboxRequest::Replay { from, to } => {
            vec![ControlLine::Changed { rows: outbox.replay(Window { from, to }).await? }]
        }
    })
}

/// Creates the socket at `path` for this user only. An existing one belongs to a dead process, because the caller
/// has the outbox open.
///
/// # Errors
/// Those of the file system; a path of more than about 100 bytes is too long for a socket.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves requests until `stop`.
pub async fn serve(listener: UnixListener, outbox: Outbox, stop: CancellationToken) {
    let seats = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Most likely no descriptor is free, which is temporary.
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        // The semaphore is never closed.
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let outbox = outbox.clone();
        tokio::spawn(async move {
            let _seat = seat;
            // An error means that the client has gone.
            let _ = timeout(PATIENCE * 3, converse(stream, &outbox)).await;
        });
    }
}

async fn converse(stream: UnixStream, outbox: &Outbox) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    let mut limited = (&mut stream).take(LONGEST_REQUEST);
    timeout(PATIENCE, limited.read_line(&mut request)).await??;
    let lines = match serde_json::from_str(&request) {
        Ok(request) => answer(outbox, request).await.map_err(|error| error.to_string()),
        Err(error) => Err(format!("this is no request: {error}")),
    };
    let lines = match lines {
        Ok(lines) => lines.into_iter().chain([ControlLine::End]).collect(),
        Err(message) => vec![ControlLine::Error { message }],
    };
    for line in lines {
        let text = serde_json::to_string(&line)? + "\n";
        stream.write_all(text.as_bytes()).await?;
    }
    stream.flush().await
}

/// Sends a request to the process that serves the socket at `path`.
///
/// # Errors
/// A message: no process serves the socket, it does not respond, or its response is invalid.
pub async fn ask(path: &Path, request: &OutboxRequest) -> Result<Vec<ControlLine>, String> {
    let shown = path.display();
    let failed = |error: io::Error| format!("the daemon does not answer at {shown}: {error}");
    let asked = async {
        let mut stream = BufReader::new(UnixStream::connect(path).await.map_err(failed)?);
        let text = serde_json::json!(request).to_string() + "\n";
        stream.write_all(text.as_bytes()).await.map_err(failed)?;
        stream.flush().await.map_err(failed)?;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let read = (&mut stream).take(LONGEST_LINE).read_line(&mut line).await.map_err(failed)?;
            if read == 0 {
                return Err(format!("the daemon at {shown} broke off its answer"));
            }
            match serde_json::from_str(&line) {
                Ok(ControlLine::End) => return Ok(lines),
                Ok(ControlLine::Error { message }) => return Err(message),
                Ok(line) => lines.push(line),
                Err(error) => {
                    return Err(format!(
                        "the daemon at {shown} says what this llmbench cannot read: {error}"
                    ));
                }
            }
        }
    };
    let silent = || format!("the daemon does not answer at {shown} within {} s", PATIENCE.as_secs());
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(silent()))
}
