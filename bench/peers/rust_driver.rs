// What the two drivers in Rust share: the protocol of README.md.

use std::io::Error;
use std::os::raw::c_char;
use std::time::{Duration, Instant};

pub const BATCH_SIZE: usize = 512;
pub const CAPTURED_BYTES: usize = 65536;
const WARM_UP_RUNS: usize = 3;
const WORKLOADS: [&str; 7] =
    ["sequential", "inflight", "hold", "capture", "bulk", "live", "live_spawn"];

pub struct Options {
    pub workload: String,
    pub child: String,
    pub count: usize,
    pub inflight: usize,
    pub live: usize,
    pub bytes: u64,
    resident_mib: usize,
    open_fds: usize,
}

fn refuse(message: &str) -> ! {
    eprintln!("{message}");
    std::process::exit(2)
}

/// Parses the command line, then takes the memory and the descriptors asked for.
pub fn begin() -> Options {
    let mut words = std::env::args().skip(1);
    let workload = words.next().unwrap_or_default();
    if workload == "--list" {
        WORKLOADS.iter().for_each(|name| println!("{name}"));
        std::process::exit(0);
    }
    if !WORKLOADS.contains(&workload.as_str()) {
        refuse("unknown workload");
    }
    let mut parsed = Options {
        workload,
        child: String::new(),
        count: 100,
        inflight: 64,
        live: 100,
        bytes: 1 << 30,
        resident_mib: 0,
        open_fds: 0,
    };
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        let number = value.parse().unwrap_or(0);
        match name.as_str() {
            "--child" => parsed.child = value,
            "--count" => parsed.count = number.max(1),
            "--inflight" => parsed.inflight = number,
            "--resident-mib" => parsed.resident_mib = number,
            "--open-fds" => parsed.open_fds = number,
            "--live" => parsed.live = number,
            "--bytes" => parsed.bytes = number as u64,
            _ => refuse("unknown option"),
        }
    }
    occupy(&parsed);
    parsed
}

// The C library is linked anyway; std offers no such calls.
extern "C" {
    fn open(path: *const c_char, flags: i32, ...) -> i32;
    fn getrlimit(resource: i32, limit: *mut [u64; 2]) -> i32;
    fn setrlimit(resource: i32, limit: *const [u64; 2]) -> i32;
}

fn occupy(options: &Options) {
    const RLIMIT_NOFILE: i32 = 7;
    const O_CLOEXEC: i32 = 0o2000000;

    let mut memory = vec![0_u8; options.resident_mib << 20];
    for page in memory.chunks_mut(4096) {
        // Volatile, lest the optimizer see that nobody reads it.
        unsafe { std::ptr::write_volatile(&mut page[0], 1) };
    }
    std::mem::forget(memory);

    let wanted = (options.open_fds + options.live * 4 + 1024) as u64;
    let path = b"/dev/null\0".as_ptr() as *const c_char;
    unsafe {
        let mut limit = [0; 2];
        getrlimit(RLIMIT_NOFILE, &mut limit);
        if setrlimit(RLIMIT_NOFILE, &[limit[0].max(wanted), limit[1].max(wanted)]) == -1 {
            setrlimit(RLIMIT_NOFILE, &[limit[1]; 2]); // Not privileged: as far as we may.
        }
        for _ in 0..options.open_fds {
            assert!(open(path, O_CLOEXEC) != -1, "open: {}", Error::last_os_error());
        }
    }
}

/// Prints the result and leaves; the crowd's objects need no orderly end.
pub fn finish(library: &str, version: &str, workload: &str, samples: &[f64]) -> ! {
    let unit = if workload == "bulk" { "GiB/s" } else { "us" };
    let printed: Vec<String> = samples.iter().map(|sample| format!("{sample:.3}")).collect();
    println!(
        r#"{{"library":"{library}","version":"{version}","workload":"{workload}","unit":"{unit}","samples":[{}]}}"#,
        printed.join(",")
    );
    std::process::exit(0)
}

pub fn runs(options: &Options) -> impl Iterator<Item = bool> {
    let count = options.count;
    (0..WARM_UP_RUNS + count).map(|run| run >= WARM_UP_RUNS)
}

pub fn microseconds(elapsed: Duration) -> f64 {
    elapsed.as_nanos() as f64 / 1e3
}

pub fn gib_per_second(bytes: u64, since: Instant) -> f64 {
    bytes as f64 / since.elapsed().as_secs_f64() / (1_u64 << 30) as f64
}
