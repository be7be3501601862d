//! Behaviour, through real sockets and the binary: one module a part.

mod simulator;
