//! Medians and percentiles of measured times.

use std::time::Duration;

/// In milliseconds.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The value below which `percent` of a hundred values are; sorts them.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get(last * percent / 100)
        .copied()
        .unwrap_or_default()
}

pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50)
}
