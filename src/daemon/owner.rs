//! A daemon's own name: unlike that of any other process, ever. A host name alone is used again.

use crate::storage::pulse_file;

/// Host, boot, process and a random part.
pub fn unique() -> String {
    let uname = rustix::system::uname();
    let host = uname.nodename().to_string_lossy();
    let boot = pulse_file::boot_id().unwrap_or_else(|| "0".to_owned());
    let boot = boot.split('-').next().unwrap_or_default();
    format!("{host}:{boot}:{}:{:08x}", std::process::id(), rand::random::<u32>())
}
