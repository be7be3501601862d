//! A disk that a test may fill: a small one, which somebody made for it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The empty directory on it.
pub fn asked() -> PathBuf {
    std::env::var("LLMBENCH_TEST_SMALL_DISK").expect("the directory of a small disk").into()
}

/// Takes its last byte.
pub fn fill(disk: &Path) {
    let mut file = OpenOptions::new().create(true).append(true).open(filler(disk)).unwrap();
    for size in [1 << 16, 1 << 12, 1 << 8, 1] {
        let block = vec![7_u8; size];
        while file.write_all(&block).is_ok() {}
    }
}

/// Gives back what was taken.
pub fn free(disk: &Path) {
    fs::remove_file(filler(disk)).unwrap();
}

fn filler(disk: &Path) -> PathBuf {
    disk.join("filler")
}
