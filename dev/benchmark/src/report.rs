//! Puts what was measured into its place in `docs/performance.md`, and leaves everything else there as it is.

use std::fs;
use std::process::Command;

use crate::{Outcome, root};

/// Replaces what stands between the section's marks.
pub fn write(section: &str, measured: &str) -> Outcome<()> {
    let file = root().join("docs/performance.md");
    let text = fs::read_to_string(&file)?;
    let (begin, end) = (
        format!("<!-- measured: {section} -->\n"),
        format!("<!-- end: {section} -->"),
    );
    let parts = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let (before, after) =
        parts.ok_or_else(|| format!("performance.md has no place for {section}"))?;
    let measured = measured.trim();
    fs::write(&file, format!("{before}{begin}{measured}\n{end}{after}"))?;
    println!("{measured}\n");
    Ok(())
}

/// Machine, versions and date of the measurement.
pub fn machine() -> Outcome<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unknown processor", |name| {
        name.trim_start_matches([':', '\t', ' '])
    });
    let cores = std::thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = memory.split_whitespace().nth(1).unwrap_or("0");
    let gibibytes = memory.parse::<f64>()? / 1024.0 / 1024.0;
    let mongod = first_line(Command::new(mongod::find()?).arg("--version"))?;
    Ok(format!(
        "Measured on {} with {cores} cores ({model}) and {gibibytes:.0} GiB, Linux {}, {}, MongoDB {}, moto as \
         Secrets Manager; all on loopback.",
        first_line(Command::new("date").arg("+%Y-%m-%d"))?,
        first_line(Command::new("uname").arg("-r"))?,
        first_line(Command::new("rustc").arg("--version"))?,
        mongod.trim_start_matches("db version v"),
    ))
}

fn first_line(command: &mut Command) -> Outcome<String> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
