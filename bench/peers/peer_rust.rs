// Rust's std::process: no event loop, so wait() blocks. Many in flight are
// started ahead and waited for in their order, by one thread.

#[path = "rust_driver.rs"]
mod driver;

use driver::{microseconds, Options};
use std::collections::VecDeque;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn silent(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn start(options: &Options) -> Child {
    silent(&options.child).spawn().expect("spawn")
}

fn start_pausing(options: &Options) -> Child {
    silent(&options.child).arg("pause").spawn().expect("spawn")
}

fn expect_success(child: &mut Child) {
    assert!(child.wait().expect("wait").success(), "the child failed");
}

fn sequential(options: &Options) -> f64 {
    let begin = Instant::now();
    expect_success(&mut start(options));
    microseconds(begin.elapsed())
}

fn hold(options: &Options) -> f64 {
    let begin = Instant::now();
    let mut child = start(options);
    let elapsed = microseconds(begin.elapsed());
    expect_success(&mut child);
    elapsed
}

fn capture(options: &Options) -> f64 {
    let begin = Instant::now();
    let output = silent(&options.child)
        .args(["write", &driver::CAPTURED_BYTES.to_string()])
        .stdout(Stdio::piped())
        .output()
        .expect("output");
    let elapsed = microseconds(begin.elapsed());
    assert!(output.status.success() && output.stdout.len() == driver::CAPTURED_BYTES);
    elapsed
}

fn kill_one(options: &Options) -> f64 {
    let mut child = start_pausing(options);
    std::thread::sleep(Duration::from_millis(1)); // It shall sleep, not start, when killed.
    let begin = Instant::now();
    child.kill().expect("kill");
    child.wait().expect("wait");
    microseconds(begin.elapsed())
}

fn run_batch(options: &Options, batch: usize) -> f64 {
    let begin = Instant::now();
    let mut running = VecDeque::new();
    for _ in 0..batch {
        if running.len() == options.inflight {
            expect_success(&mut running.pop_front().unwrap());
        }
        running.push_back(start(options));
    }
    running.iter_mut().for_each(expect_success);
    microseconds(begin.elapsed()) / batch as f64
}

fn bulk(options: &Options) -> f64 {
    let begin = Instant::now();
    let mut child = silent("/usr/bin/head")
        .args(["-c", &options.bytes.to_string(), "/dev/zero"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("spawn");
    let mut pipe = child.stdout.take().unwrap();
    let mut buffer = vec![0; 65536];
    let mut total = 0;
    loop {
        match pipe.read(&mut buffer).expect("read") {
            0 => break,
            size => total += size as u64,
        }
    }
    expect_success(&mut child);
    assert!(total == options.bytes, "output was lost");
    driver::gib_per_second(total, begin)
}

fn measure(options: &Options, action: fn(&Options) -> f64) -> Vec<f64> {
    driver::runs(options)
        .map(|counts| (counts, action(options)))
        .filter_map(|(counts, sample)| counts.then_some(sample))
        .collect()
}

fn among_live(options: &Options, action: fn(&Options) -> f64) -> Vec<f64> {
    let mut crowd: Vec<Child> = (0..options.live).map(|_| start_pausing(options)).collect();
    let samples = measure(options, action);
    crowd.iter_mut().for_each(|member| member.kill().expect("kill"));
    samples
}

fn main() {
    let options = driver::begin();
    let batch = options.count.min(driver::BATCH_SIZE);
    let samples = match options.workload.as_str() {
        "sequential" => measure(&options, sequential),
        "inflight" => (0..options.count / batch).map(|_| run_batch(&options, batch)).collect(),
        "hold" => measure(&options, hold),
        "capture" => measure(&options, capture),
        "bulk" => (0..options.count).map(|_| bulk(&options)).collect(),
        "live" => among_live(&options, kill_one),
        _ => among_live(&options, sequential),
    };
    driver::finish("Rust std", env!("PEER_VERSION"), &options.workload, &samples);
}
