//! What the benchmarks share: load over HTTP, statements run bare, and how the figures are told.

#[path = "../../tests/blackbox/common/mod.rs"]
#[allow(dead_code, unused_imports)]
pub mod common;

#[allow(dead_code, reason = "one benchmark reads, the other writes")]
pub mod bare;

#[allow(dead_code, reason = "not every benchmark asks over HTTP")]
pub mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

/// Connections that ask at the same time.
pub const CONNECTIONS: usize = 32;

/// What some work took.
pub struct Measured {
    /// Each piece of work, the shortest first.
    times: Vec<Duration>,
    /// From the beginning of the first to the end of the last.
    pub whole: Duration,
}

impl Measured {
    pub fn of(mut times: Vec<Duration>, whole: Duration) -> Self {
        times.sort_unstable();
        Self { times, whole }
    }

    /// Pieces of work.
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// Pieces of work in a second.
    pub fn per_second(&self) -> f64 {
        self.count() as f64 / self.whole.as_secs_f64()
    }

    /// What so many of a hundred stay below, in milliseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let last = self.times.len().saturating_sub(1);
        let time = self.times.get((self.times.len() * percent / 100).min(last));
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    }

    /// Throughput, median and 99th percentile.
    pub fn told(&self) -> String {
        format!(
            "{:.1}/s, p50 {:.1} ms, p99 {:.1} ms ({} in {:.1} s)",
            self.per_second(),
            self.percentile(50),
            self.percentile(99),
            self.count(),
            self.whole.as_secs_f64()
        )
    }
}

/// As [`load_on`], on [`CONNECTIONS`].
pub async fn load<F: Future<Output = ()> + Send>(
    most: usize,
    span: Duration,
    work: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Measured {
    load_on(CONNECTIONS, most, span, work).await
}

/// Does a piece of work again and again, by so many workers at the same time, until `most` were begun or the time is
/// over; the work gets its number.
pub async fn load_on<F: Future<Output = ()> + Send>(
    workers: usize,
    most: usize,
    span: Duration,
    work: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Measured {
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut working = JoinSet::new();
    for _ in 0..workers {
        let (next, work) = (Arc::clone(&next), work.clone());
        working.spawn(async move {
            let mut times = Vec::new();
            while begun.elapsed() < span {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= most {
                    break;
                }
                let piece = Instant::now();
                work(number).await;
                times.push(piece.elapsed());
            }
            times
        });
    }
    let times = working.join_all().await.concat();
    Measured::of(times, begun.elapsed())
}

/// A line of `/proc/PID/status` in MiB: `VmRSS` is the memory that a process holds now, `VmHWM` the most that it has held.
pub fn memory(pid: u32, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kib = status
        .lines()
        .find_map(|read| read.strip_prefix(line)?.strip_prefix(':'))
        .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.unwrap() / 1024.0
}

/// Prints a figure, and beside it what it should be.
pub fn tell(what: &str, figure: impl std::fmt::Display, target: &str) {
    let target = if target.is_empty() {
        String::new()
    } else {
        format!("  [target {target}]")
    };
    println!("{what}: {figure}{target}");
}

/// Which build and machine the figures are of.
pub fn tell_where() {
    let build = if cfg!(debug_assertions) {
        "DEVELOPMENT BUILD, no figures to keep"
    } else {
        "release build"
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!("{build}, {cores} cores");
}
