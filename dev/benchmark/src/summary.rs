//! The table of targets at the head of `docs/performance.md`, from the tables below it, so that both always agree.

use std::fs;

use crate::{Outcome, root};

/// The rows of a section's table, without its head.
struct Table(Vec<Vec<String>>);

impl Table {
    fn of(document: &str, section: &str) -> Outcome<Self> {
        let begin = format!("<!-- measured: {section} -->");
        let (_, rest) = document
            .split_once(&begin)
            .ok_or_else(|| format!("performance.md has no section {section}"))?;
        let lines = rest
            .lines()
            .take_while(|line| !line.starts_with("<!-- end"));
        let rows = lines.filter(|line| line.starts_with('|')).skip(2);
        let cells = |row: &str| {
            row.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        };
        Ok(Self(rows.map(cells).collect()))
    }

    fn cell(&self, row: &str, column: usize) -> Outcome<&str> {
        let mut rows = self.0.iter();
        let found = rows.find(|cells| cells.first().is_some_and(|name| name.starts_with(row)));
        let cell = found.and_then(|cells| cells.get(column));
        cell.map(String::as_str)
            .ok_or_else(|| format!("no row {row} with column {column}").into())
    }

    /// A column of the rows that are `chosen` by their name, sorted.
    fn column(&self, column: usize, chosen: impl Fn(&str) -> bool) -> Outcome<Vec<f64>> {
        let rows = self
            .0
            .iter()
            .filter(|cells| cells.first().is_some_and(|name| chosen(name)));
        let cells = rows.filter_map(|cells| cells.get(column));
        let values: Result<Vec<f64>, _> = cells.map(|cell| cell.parse()).collect();
        let mut values = values?;
        values.sort_by(f64::total_cmp);
        Ok(values)
    }
}

/// `3.0 to 3.3`, or one value where both ends are the same.
fn range(values: &[f64]) -> Outcome<String> {
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        return Err("a column without values".into());
    };
    Ok(match format!("{first:.1}") == format!("{last:.1}") {
        true => format!("{first:.1}"),
        false => format!("{first:.1} to {last:.1}"),
    })
}

/// The numbers of a text such as `one bcrypt: 203.6 + 2.1`, after the colon.
fn numbers(text: &str) -> Vec<f64> {
    let after_colon = text.rsplit(':').next().unwrap_or(text);
    let words = after_colon.split(|c: char| !c.is_ascii_digit() && c != '.');
    words.filter_map(|word| word.parse().ok()).collect()
}

/// What a request takes longer than its hash, and what the bare writes alone take.
fn beside_hash(latency: &Table, request: &str) -> Outcome<(f64, f64)> {
    let median: f64 = latency.cell(request, 1)?.parse()?;
    match numbers(latency.cell(request, 2)?)[..] {
        [hash, bare] => Ok((median - hash, bare)),
        _ => Err(format!("the baseline of {request} is not a hash and its writes").into()),
    }
}

pub fn summarize() -> Outcome<String> {
    let document = fs::read_to_string(root().join("docs/performance.md"))?;
    let table = |section| Table::of(&document, section);
    let (cold, size, memory) = (table("cold-start")?, table("size")?, table("memory")?);
    let (latency, load) = (table("latency")?, table("load")?);
    let alone = |name: &str| ["api-docs", "rotate-jwt-secret"].contains(&name);
    let usual = |name: &str| name != "baseline-function" && !alone(name) && !name.contains(", ");
    let moto = |name: &str| name.ends_with(", moto");
    let (login, bare) = beside_hash(&latency, "login")?;
    let (onboarding, _) = beside_hash(&latency, "onboarding")?;
    let show = latency.cell("`GET /org`", 1)?;
    let hashes = load.cell("logins a second", 2)?;
    let share = hashes.rsplit(' ').nth(1).unwrap_or(hashes);
    let health = load.cell("`GET /health`", 1)?;
    let p99 = health.rsplit(' ').next().unwrap_or(health);
    let rows = [
        (
            "cold start",
            "at most 4 × the baseline",
            format!(
                "{} ×; {} × without MongoDB and secrets; {} × if moto, a Python process, stands in for Secrets Manager",
                range(&cold.column(3, usual)?)?,
                range(&cold.column(3, alone)?)?,
                range(&cold.column(3, moto)?)?,
            ),
        ),
        (
            "zipped function",
            "at most 4 MB",
            range(&size.column(2, |name| name != "baseline-function")?)?,
        ),
        (
            "peak memory after 100 requests",
            "at most 12 MB above one hash",
            range(&memory.column(2, |name| !name.starts_with("baseline-function"))?)?,
        ),
        (
            "warm login",
            "at most one hash + 2 ms",
            format!(
                "one hash + {login:.1}; {bare:.1} of these are a counted attempt and a durable transaction alone"
            ),
        ),
        (
            "onboarding at 200 tenants",
            "at most one hash + 9 ms",
            format!("one hash + {onboarding:.1}"),
        ),
        ("`GET /org`", "at most 2 ms", show.to_owned()),
        (
            "local server, 32 callers",
            "at least 95 % of what its cores can hash, `/health` p99 at most 20 ms",
            format!("{share} %, {p99} ms"),
        ),
    ];
    let rows = rows.map(|(what, target, reached)| format!("| {what} | {target} | {reached} |\n"));
    Ok(format!(
        "| what | target | reached |\n|---|---|---|\n{}",
        rows.concat()
    ))
}
