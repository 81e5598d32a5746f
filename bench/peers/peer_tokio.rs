// tokio::process on the current-thread runtime.

#[path = "rust_driver.rs"]
mod driver;

use driver::{microseconds, Options};
use std::cell::Cell;
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::task::LocalSet;

fn silent(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn start(options: &Options) -> Child {
    silent(&options.child).spawn().expect("spawn")
}

fn start_pausing(options: &Options) -> Child {
    silent(&options.child).arg("pause").kill_on_drop(true).spawn().expect("spawn")
}

async fn expect_success(mut child: Child) {
    assert!(child.wait().await.expect("wait").success(), "the child failed");
}

async fn sequential(options: &Options) -> f64 {
    let begin = Instant::now();
    expect_success(start(options)).await;
    microseconds(begin.elapsed())
}

async fn hold(options: &Options) -> f64 {
    let begin = Instant::now();
    let child = start(options);
    let elapsed = microseconds(begin.elapsed());
    expect_success(child).await;
    elapsed
}

async fn capture(options: &Options) -> f64 {
    let begin = Instant::now();
    let output = silent(&options.child)
        .args(["write", &driver::CAPTURED_BYTES.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("spawn")
        .wait_with_output()
        .await
        .expect("output");
    let elapsed = microseconds(begin.elapsed());
    assert!(output.status.success() && output.stdout.len() == driver::CAPTURED_BYTES);
    elapsed
}

async fn kill_one(options: &Options) -> f64 {
    let mut child = start_pausing(options);
    std::thread::sleep(Duration::from_millis(1)); // It shall sleep, not start, when killed.
    let begin = Instant::now();
    child.start_kill().expect("kill");
    child.wait().await.expect("wait");
    microseconds(begin.elapsed())
}

async fn run_batch(options: Rc<Options>, batch: usize) -> f64 {
    let begin = Instant::now();
    let left = Rc::new(Cell::new(batch));
    let workers = LocalSet::new();
    for _ in 0..options.inflight {
        let (options, left) = (options.clone(), left.clone());
        workers.spawn_local(async move {
            while left.get() > 0 {
                left.set(left.get() - 1);
                expect_success(start(&options)).await;
            }
        });
    }
    workers.await;
    microseconds(begin.elapsed()) / batch as f64
}

async fn bulk(options: &Options) -> f64 {
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
        match pipe.read(&mut buffer).await.expect("read") {
            0 => break,
            size => total += size as u64,
        }
    }
    expect_success(child).await;
    assert!(total == options.bytes, "output was lost");
    driver::gib_per_second(total, begin)
}

async fn run_one(options: &Options) -> f64 {
    match options.workload.as_str() {
        "hold" => hold(options).await,
        "capture" => capture(options).await,
        "live" => kill_one(options).await,
        _ => sequential(options).await,
    }
}

async fn run(options: Rc<Options>) -> Vec<f64> {
    let mut samples = Vec::new();
    match options.workload.as_str() {
        "inflight" => {
            let batch = options.count.min(driver::BATCH_SIZE);
            for _ in 0..options.count / batch {
                samples.push(run_batch(options.clone(), batch).await);
            }
        }
        "bulk" => {
            for _ in 0..options.count {
                samples.push(bulk(&options).await);
            }
        }
        workload => {
            // Each child of the crowd is waited for, as a server would; dropping
            // the tasks kills them.
            let size = if workload.starts_with("live") { options.live } else { 0 };
            let crowd = LocalSet::new();
            for _ in 0..size {
                let member = start_pausing(&options);
                crowd.spawn_local(expect_success(member));
            }
            let measured = async {
                for counts in driver::runs(&options) {
                    let sample = run_one(&options).await;
                    if counts {
                        samples.push(sample);
                    }
                }
            };
            crowd.run_until(measured).await;
        }
    }
    samples
}

fn main() {
    let options = Rc::new(driver::begin());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let samples = runtime.block_on(run(options.clone()));
    driver::finish("tokio", env!("PEER_VERSION"), &options.workload, &samples);
}
