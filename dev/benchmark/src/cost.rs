//! The cost of requests on Lambda: their CPU time, converted into duration and money by memory size.

use std::fs;
use std::path::Path;

use aws_emulator::Function;
use serde_json::Value;

use crate::Outcome;
use crate::backend::{Backend, creation, login, send, showing};
use crate::latency::Functions;

/// Lambda's prices in us-east-1 for x86_64, in dollars: <https://aws.amazon.com/lambda/pricing/>.
const GIGABYTE_SECOND: f64 = 0.000_016_666_7;
const MILLION_REQUESTS: f64 = 0.20;
/// Memory with which a whole vCPU comes, in megabytes; less memory comes with a proportional share of it.
const WHOLE_VCPU: f64 = 1769.0;
const SIZES: [f64; 7] = [128.0, 256.0, 512.0, 1024.0, 1769.0, 2048.0, 3008.0];
/// Linux counts a process's time in hundredths of a second.
const TICKS: f64 = 100.0;

/// Seconds that the process has had the processor.
fn processor_time(function: &Function) -> Outcome<f64> {
    let id = function.process_id().ok_or("the process has ended")?;
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |place: usize| -> Outcome<f64> { Ok(fields.get(place).ok_or("no time")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS)
}

/// Milliseconds of the processor that one of the requests takes.
async fn each(function: &Function, events: Vec<Value>, status: u16) -> Outcome<f64> {
    let sending = async {
        for event in &events {
            send(function, event, status).await?;
        }
        Ok(u32::try_from(events.len())?)
    };
    processor_millis(function, sending).await
}

/// Milliseconds of the processor that each of the requests of `work` takes. `work` returns how many it has sent.
pub async fn processor_millis(
    function: &Function,
    work: impl Future<Output = Outcome<u32>>,
) -> Outcome<f64> {
    let before = processor_time(function)?;
    let count = f64::from(work.await?);
    Ok((processor_time(function)? - before) / count * 1000.0)
}

/// Milliseconds, and dollars for a million, at this memory size in megabytes.
pub fn price(processor_millis: f64, size: f64) -> (f64, f64) {
    let millis = processor_millis / (size / WHOLE_VCPU).min(1.0);
    let dollars = MILLION_REQUESTS + millis * 1000.0 * size / 1024.0 * GIGABYTE_SECOND;
    (millis, dollars)
}

pub async fn measure(binaries: &Path) -> Outcome<String> {
    let backend = Backend::start().await?;
    let functions = Functions::start(&backend, binaries).await?;
    let creations: Outcome<Vec<Value>> = (0..40)
        .map(|number| creation(&format!("Acme {number}"), &format!("{number}@example.com")))
        .collect();
    let logins: Outcome<Vec<Value>> = (0..40).map(|_| login()).collect();
    let shows: Outcome<Vec<Value>> = (0..1000).map(|_| showing(&functions.token)).collect();
    let login = each(&functions.log_in, logins?, 200).await?;
    let onboarding = each(&functions.create, creations?, 201).await?;
    let show = each(&functions.organization, shows?, 200).await?;
    let mut table = format!(
        "A login takes {login:.0} ms of one vCPU, an onboarding {onboarding:.0} ms, `GET /org` {show:.2} ms.\n\n\
         | memory, MB | login, ms | a million, $ | onboarding, ms | a million, $ | `GET /org`, ms | a million, $ |\n\
         |---|---|---|---|---|---|---|\n"
    );
    for size in SIZES {
        let [login, onboarding, show] = [login, onboarding, show].map(|time| price(time, size));
        table += &format!(
            "| {size:.0} | {:.0} | {:.2} | {:.0} | {:.2} | {:.1} | {:.2} |\n",
            login.0, login.1, onboarding.0, onboarding.1, show.0, show.1
        );
    }
    Ok(table)
}
