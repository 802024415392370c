//! `cargo xtask test`: every kind of test, with one closing line.

mod suites;

pub(crate) use suites::executables;
mod tally;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{apt, fuzz, uml};
use suites::Suite;
use tally::Tally;

/// What the lab's scenarios run and run with.
const PACKAGES: &[&str] = &[
    "keepalived",
    "frr",
    "ipvsadm",
    "iproute2",
    "nftables",
    "tcpdump",
    "iputils-ping",
    "util-linux",
    "kmod",
    "openssl",
    "nginx-light",
    "dnsmasq-base",
    "python3-aiosmtpd",
];

/// The suites that compare with keepalived in guests: reported as a step of its own.
const ORACLES: &[&str] = &["uml_golden", "uml_lvs_oracle"];

/// Memory of a guest, and its limit in real seconds. A scenario takes one to ten.
const GUEST_MEMORY: &str = "192M";
const GUEST_LIMIT: Duration = Duration::from_secs(240);

const STEPS: &[&str] = &["unit", "fuzz", "host", "uml", "oracle"];

/// How long targets of the fuzzer run, in seconds: text is what users write.
const FUZZ_LONG: (&str, u64) = ("config_text", 300);
const FUZZ: u64 = 60;

/// Entry point.
pub(crate) fn command(args: &[String]) -> Result<u8, String> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let only = match words.as_slice() {
        [] => None,
        ["--only", name] => Some((*name).to_owned()),
        _ => {
            let steps = STEPS.join(" | ");
            return Err(format!(
                "usage: cargo xtask test [--only NAME], NAME = {steps} | a suite | a part of a scenario's name"
            ));
        }
    };
    apt::ensure(apt::BUILD)?;
    let run = Run { root: crate::workspace_root(), only };
    let ci = std::env::var("CI").is_ok_and(|v| v == "true" || v == "1");
    let mut tally = Tally::default();
    if run.wants_step("unit") {
        run.step("unit", &mut tally, Run::unit)?;
    }
    if run.wants_step("fuzz") {
        run.step("fuzz", &mut tally, Run::fuzz)?;
    }
    if ["host", "uml", "oracle"].iter().any(|s| run.wants_step(s)) {
        run.lab(&mut tally)?;
    }
    if run.only.is_some() && tally.is_empty() {
        return Err(format!("nothing is called \"{}\"", run.only.unwrap_or_default()));
    }
    Ok(tally.close(ci))
}

struct Run {
    root: PathBuf,
    only: Option<String>,
}

impl Run {
    fn wants_step(&self, step: &str) -> bool {
        match self.only.as_deref() {
            None => true,
            Some(only) if STEPS.contains(&only) => only == step,
            // A scenario's name: unit tests have cargo's own filter, the fuzzer a command.
            Some(_) => !["unit", "fuzz"].contains(&step),
        }
    }

    fn wants_scenario(&self, suite: &Suite, name: &str) -> bool {
        let named = |only: &str| STEPS.contains(&only) || suite.name == only || name.contains(only);
        self.only.as_deref().is_none_or(named)
    }

    fn step(
        &self,
        name: &str,
        tally: &mut Tally,
        work: impl FnOnce(&Self, &mut Tally) -> Result<(), String>,
    ) -> Result<(), String> {
        println!("== {name}");
        let began = Instant::now();
        work(self, tally)?;
        println!("== {name}: {:.1} s", began.elapsed().as_secs_f64());
        Ok(())
    }

    /// `cargo test --workspace`: needs nothing but the compiler and [`apt::BUILD`].
    fn unit(&self, tally: &mut Tally) -> Result<(), String> {
        let mut child = suites::cargo(&self.root)
            .args(["test", "--workspace", "--no-fail-fast"])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cargo test: {e}"))?;
        let (failed_before, mut lines) = (tally.failed(), 0);
        if let Some(out) = child.stdout.take() {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                say(&line);
                lines += usize::from(tally.standard_line(&line));
            }
        }
        let status = child.wait().map_err(|e| format!("cargo test: {e}"))?;
        if lines == 0 {
            return Err(format!("cargo test: {status}"));
        }
        if !status.success() && tally.failed() == failed_before {
            tally.fail(format!("cargo test: {status}"));
        }
        Ok(())
    }

    /// Every target of the fuzzer. The long one has a processor for itself; all others share the second
    /// one by two, and are done when it is.
    fn fuzz(&self, tally: &mut Tally) -> Result<(), String> {
        if let Err(reason) = apt::ensure(fuzz::PACKAGES) {
            tally.skip("fuzz", &reason);
            return Ok(());
        }
        let programs = fuzz::build(&self.root)?;
        let (long, seconds) = FUZZ_LONG;
        let mut jobs: Vec<fuzz::Job> = fuzz::targets(&self.root)?
            .into_iter()
            .map(|target| fuzz::Job { seconds: if target == long { seconds } else { FUZZ }, target })
            .collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.seconds));
        for outcome in programs.run(jobs, fuzz::processors() + 1) {
            tally.scenario_line(outcome.to_string().lines().next().unwrap_or_default());
        }
        Ok(())
    }

    /// The three steps that need a lab, on one set of programs.
    fn lab(&self, tally: &mut Tally) -> Result<(), String> {
        if let Err(reason) = apt::ensure(PACKAGES) {
            tally.skip("the lab's steps", &reason);
            return Ok(());
        }
        let suites = suites::build(&self.root)?;
        if self.wants_step("host") {
            self.step("host", tally, |run, tally| run.host(&suites, tally))?;
        }
        for step in ["uml", "oracle"] {
            let chosen: Vec<&Suite> = suites
                .all
                .iter()
                .filter(|s| s.for_guests() && ORACLES.contains(&s.name.as_str()) == (step == "oracle"))
                .collect();
            if !self.wants_step(step) {
                continue;
            }
            match uml::ensure_kernel() {
                Ok(kernel) => {
                    self.step(step, tally, |run, tally| run.guests(&kernel, &suites, &chosen, tally))?
                }
                Err(reason) => tally.skip(step, &reason),
            }
        }
        Ok(())
    }

    /// Scenarios that also run on the host's kernel, in real time.
    fn host(&self, suites: &suites::Suites, tally: &mut Tally) -> Result<(), String> {
        for suite in &suites.all {
            for name in suite.scenarios(true)?.iter().filter(|n| self.wants_scenario(suite, n)) {
                let output = Command::new(&suite.program)
                    .args(["--exact", name])
                    .env("VIPD_BIN", &suites.vipd)
                    .env("VIPD_LAB_DIR", suites.lab_dir(&format!("host-{name}"))?)
                    .stdin(Stdio::null())
                    .output()
                    .map_err(|e| format!("{}: {e}", suite.program.display()))?;
                self.report(name, output.status.code(), &output.stdout, &output.stderr, tally);
            }
        }
        Ok(())
    }

    /// Scenarios in virtual time: one guest each, as many at a time as there are processors.
    fn guests(
        &self,
        kernel: &Path,
        suites: &suites::Suites,
        chosen: &[&Suite],
        tally: &mut Tally,
    ) -> Result<(), String> {
        let mut queue = VecDeque::new();
        for suite in chosen {
            let names = suite.scenarios(false)?;
            queue.extend(names.into_iter().filter(|n| self.wants_scenario(suite, n)).map(|n| (*suite, n)));
        }
        let queue = Mutex::new(queue);
        let tally = Mutex::new(tally);
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some((suite, name)) = next() {
                        let (mut out, mut err) = (Vec::new(), Vec::new());
                        let result = suites.lab_dir(&name).and_then(|dir| {
                            let mut job = uml::Job::new(vec![
                                suite.program.display().to_string(),
                                "--exact".to_owned(),
                                name.clone(),
                            ]);
                            job.clock = uml::Clock::Infinite;
                            job.memory = GUEST_MEMORY.to_owned();
                            job.limit = GUEST_LIMIT;
                            job.env.push(("VIPD_BIN".to_owned(), suites.vipd.display().to_string()));
                            job.env.push(("VIPD_LAB_DIR".to_owned(), dir.display().to_string()));
                            job.writable.push(dir);
                            job.run_to(kernel, &mut out, &mut err)
                        });
                        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                        match result {
                            Ok(status) => self.report(&name, Some(status.into()), &out, &err, &mut tally),
                            Err(e) => {
                                say(&format!("test {name} ... FAILED\n{e}"));
                                tally.fail(name);
                            }
                        }
                    }
                });
            }
        });
        Ok(())
    }

    /// Prints what a scenario's program said, and counts it.
    fn report(&self, name: &str, status: Option<i32>, out: &[u8], err: &[u8], tally: &mut Tally) {
        let text = String::from_utf8_lossy(out);
        let mut counted = 0;
        for line in text.lines().filter(|l| !l.starts_with("test result:")) {
            say(line);
            counted += usize::from(tally.scenario_line(line));
        }
        if counted == 0 || status != Some(0) {
            let _ = std::io::stderr().write_all(err);
        }
        if counted == 0 {
            let status = status.map_or("a signal".to_owned(), |s| format!("status {s}"));
            say(&format!("test {name} ... FAILED: its program ended with {status} and no verdict"));
            tally.fail(name.to_owned());
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
