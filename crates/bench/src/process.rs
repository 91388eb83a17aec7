//! What the system says of a process (Linux).

use std::time::Duration;

use anyhow::{Context, Result};

/// The processor's time that all threads of a process took, in nanoseconds' precision where the
/// threads still live.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .context("only Linux says what a process took")?;
    // The name in brackets may hold anything.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: u64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap_or_default())
        .sum();
    // USER_HZ is 100 on every Linux.
    Ok(Duration::from_millis(ticks * 10))
}

/// Resident memory now and at the most, in bytes.
pub(crate) fn memory(pid: u32) -> Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let of = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kilobytes.context("no memory is told")?.parse::<u64>()? * 1_024)
    };
    Ok((of("VmRSS:")?, of("VmHWM:")?))
}

/// Lets the most begin anew at what it is now.
pub(crate) fn forget_the_most(pid: u32) {
    // Where that is not allowed the figure is too high, never too low.
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}
