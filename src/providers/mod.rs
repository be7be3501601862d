//! Who is called and in which words: the table of hosts, their quirks as data, wire protocols without I/O, keys and
//! tokens, and the meaning of errors. Nothing here holds a clock.

pub mod protocols;
pub mod sim;
