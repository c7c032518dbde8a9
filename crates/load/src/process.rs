//! What the kernel says of a process. Nothing where there is no `/proc`.

use std::fs;

/// The kernel tells times in hundredths of a second (`USER_HZ`, the same on every Linux).
const TICK_MICROS: u64 = 10_000;

/// A process.
#[derive(Debug, Clone)]
pub(crate) struct Process(String);

impl Process {
    /// The process with this number.
    pub(crate) fn of(pid: u32) -> Self {
        Self(format!("/proc/{pid}"))
    }

    /// This one.
    pub(crate) fn own() -> Self {
        Self("/proc/self".to_owned())
    }

    /// The processor time that all its threads have used so far, in microseconds.
    pub(crate) fn cpu_micros(&self) -> Option<u64> {
        cpu_micros(&fs::read_to_string(format!("{}/stat", self.0)).ok()?)
    }

    /// The memory that it holds, in KiB.
    pub(crate) fn rss_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

fn cpu_micros(stat: &str) -> Option<u64> {
    // The name of the program stands in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) * TICK_MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_any_name() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 7 7 20 0 1 0 100 1000 10";
        assert_eq!(cpu_micros(stat), Some(1_750_000));
        assert_eq!(cpu_micros("nonsense"), None);
    }
}
