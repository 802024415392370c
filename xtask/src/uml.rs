//! `cargo xtask uml`: the lab's kernel, and commands inside it.
//!
//! User-mode Linux is a Linux kernel that runs as a process. Ours is built from the distribution's
//! kernel source with time travel: in that mode the clock jumps to the next timer whenever everything
//! sleeps, so minutes pass in seconds and every timer is exact.

mod kernel;
mod run;

pub(crate) use kernel::ensure as ensure_kernel;
pub(crate) use run::{Clock, Job};

const USAGE: &str = "usage: cargo xtask uml build [--print-key]
       cargo xtask uml run [OPTIONS] -- COMMAND [ARGS]

build   build the kernel from the Debian package linux-source-6.1, unless the cache has it
run     run a command as root in a fresh guest; its output and exit status are passed through
        (124: time limit, 125: the guest died)

  --inf       virtual time in which computing takes no time: exact and repeatable
  --tt        virtual time in which computing takes its time
  -m MEM      memory of the guest (256M)
  -t SEC      limit in real seconds (300)
  -e K=V      set a variable in the guest; those of Rust, cargo and vipd are passed by themselves
  --rw DIR    let the guest write this directory of the host
  --ro DIR    let the guest see this directory below the host's /tmp, /run or /dev
  --keep      keep the directory of the job, with the console and the kernel's messages";

/// Entry point of `cargo xtask uml`.
pub(crate) fn command(args: &[String]) -> Result<u8, String> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["build"] => {
            println!("{}", kernel::ensure()?.display());
            Ok(0)
        }
        ["build", "--print-key"] => {
            println!("{}", kernel::key()?);
            Ok(0)
        }
        ["run", ..] => {
            let job = Job::parse(args.get(1..).unwrap_or_default())?;
            job.run(&kernel::ensure()?)
        }
        _ => Err(format!("what shall I do?\n{USAGE}")),
    }
}
