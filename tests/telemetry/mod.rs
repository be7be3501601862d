//! What a running daemon tells: the probes over real sockets, figures that Prometheus' own parser reads, self-checks that
//! are kept, and a process that ends because it stands still.

mod checks;
mod page;
mod plugs;
mod probes;
mod standstill;
