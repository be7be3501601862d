//! One HTTP/1.1 exchange, recorded: bytes out, bytes in, and the moment at which each read returned. Nothing here
//! parses JSON or knows a provider; the bytes are interpreted after the stream has ended.
//!
//! A general client would not do: the clock has to start before DNS, stamp each read before the bytes are examined,
//! and tell DNS, TCP, TLS and the answer's head apart. HTTP/1.1 on purpose: one connection carries one answer, so no
//! other stream can delay it, and chunk borders are the server's own writes.

pub mod arrival;
pub mod connect;
pub mod exchange;
pub mod exhaustion;
pub mod fd_table;
pub mod forward_proxy;
pub mod framing;
pub mod happy_eyeballs;
pub mod kernel_socket;
pub mod recording;
pub mod request;
pub mod sse;
pub mod stream;
pub mod tls;

pub use forward_proxy::ForwardProxy;
pub use recording::{BodyRead, ExchangeEnd, LateWake, Marks, ReceivedAnswer, Recording, ResponseHead};
pub use request::{ExchangeLimits, Origin, WireRequest};
