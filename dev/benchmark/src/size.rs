//! Size of the functions, as files and zipped.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::{Outcome, executables, plot};

/// Megabytes that a function should weigh at most, zipped.
const TARGET: f64 = 4.0;

/// In megabytes.
fn megabytes(bytes: usize) -> Outcome<f64> {
    Ok(f64::from(u32::try_from(bytes)?) / 1e6)
}

/// A zip file holds the same bytes and a few hundred more.
fn zipped(file: &[u8]) -> Outcome<usize> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(file)?;
    Ok(encoder.finish()?.len())
}

pub fn measure(binaries: &Path) -> Outcome<String> {
    let mut table = "| function | file, MB | zipped, MB |\n|---|---|---|\n".to_owned();
    let mut bars = Vec::new();
    for name in executables()? {
        let file = fs::read(binaries.join(&name))?;
        let zipped = megabytes(zipped(&file)?)?;
        table += &format!("| {name} | {:.2} | {zipped:.2} |\n", megabytes(file.len())?);
        bars.push((name, zipped));
    }
    plot::bars(
        "size.svg",
        "MB zipped; the line is the target",
        TARGET,
        &bars,
    )?;
    Ok(table + "\n![Zipped functions](size.svg)\n")
}
