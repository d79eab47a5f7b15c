//! What the process uses, by the names every Prometheus client has for it. Linux tells it in `/proc`
//! (proc(5)); elsewhere it is left out.

use std::fs;

use super::exposition::Exposition;

/// `USER_HZ`, the unit of times in `/proc`: 100 a second on every architecture we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Adds what can be read.
pub(super) fn write(text: &mut Exposition) {
    if let Some(cpu) = cpu_seconds() {
        text.counter("process_cpu_seconds_total", "User and system CPU time spent.").value(&[], cpu);
    }
    if let Some(bytes) = memory_bytes("VmRSS:") {
        text.gauge("process_resident_memory_bytes", "Memory that is in RAM.").value(&[], bytes);
    }
    if let Some(bytes) = memory_bytes("VmSize:") {
        text.gauge("process_virtual_memory_bytes", "Memory that is addressed.").value(&[], bytes);
    }
    if let Some(open) = open_files() {
        text.gauge("process_open_fds", "Open file descriptors.").value(&[], open);
    }
    if let Some(limit) = open_files_limit() {
        text.gauge("process_max_fds", "How many file descriptors may be open.").value(&[], limit);
    }
    if let Some(start) = start_seconds() {
        text.gauge("process_start_time_seconds", "When the process began, in seconds since 1970.").value(&[], start);
    }
}

/// A field of `/proc/self/stat`, counted from 1. What is in parentheses, the second, may hold spaces.
fn stat_field(number: usize) -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, from_third) = stat.rsplit_once(") ")?;
    from_third.split(' ').nth(number.checked_sub(3)?)?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    let (user, system) = (stat_field(14)?, stat_field(15)?);
    Some((user + system) / TICKS_PER_SECOND)
}

fn start_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let booted: f64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
    Some(booted + stat_field(22)? / TICKS_PER_SECOND)
}

/// A line of `/proc/self/status`, which are in KiB.
fn memory_bytes(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix(" kB")?;
    Some(kibibytes.parse::<u64>().ok()? * 1024)
}

fn open_files() -> Option<usize> {
    // Reading the folder opens it.
    fs::read_dir("/proc/self/fd").ok()?.count().checked_sub(1)
}

/// Absent if there is none.
fn open_files_limit() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let soft_and_hard = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    soft_and_hard.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_measured() {
        let began = start_seconds().unwrap();

        assert!((1e9..1e11).contains(&began), "{began}");
        assert!(cpu_seconds().unwrap() < 1e6);
        assert!(memory_bytes("VmRSS:").unwrap() <= memory_bytes("VmSize:").unwrap());
        assert!(open_files().unwrap() >= 3);
    }
}
