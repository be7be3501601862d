//! Arguments → settings → command → exit status.

fn main() {}
