//! One command in one fresh guest.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, Flock, FlockArg, fcntl};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, killpg};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::Pid;

const INIT: &str = include_str!("guest-init.sh");

/// The guest could not be started, or died without a status.
const STATUS_DIED: u8 = 125;
/// The time limit was reached.
const STATUS_TIMEOUT: u8 = 124;

/// Wall clock at boot in virtual time, in seconds since 1970: fixed, so that runs repeat.
const EPOCH: u64 = 1_700_000_000;

/// Variables that reach the guest by themselves: exact names, and prefixes that end in `*`.
const PASSED_ENV: &[&str] = &[
    "CARGO*",
    "RUST*",
    "NEXTEST*",
    "VIPD*",
    "KEEPALIVED*",
    "LLVM_PROFILE_FILE",
    "CI",
    "LANG",
    "LC_ALL",
    "NO_COLOR",
];

/// How time passes in the guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Clock {
    /// As on the host.
    Real,
    /// Jumps over sleep; computing takes its time.
    Travel,
    /// Jumps over sleep; computing takes no time. A busy loop without system calls never ends here.
    Infinite,
}

impl Clock {
    /// The word for `VIPD_LAB_CLOCK`, by which a test knows where it runs.
    fn word(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Travel => "travel",
            Self::Infinite => "infinite",
        }
    }
}

/// What to run, and in what kind of guest.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub clock: Clock,
    pub memory: String,
    pub limit: Duration,
    pub env: Vec<(String, String)>,
    pub read_only: Vec<PathBuf>,
    pub writable: Vec<PathBuf>,
    pub keep: bool,
    pub command: Vec<String>,
}

impl Job {
    /// A job in virtual time with the usual limits.
    pub(crate) fn new(command: Vec<String>) -> Self {
        Self {
            clock: Clock::Real,
            memory: "256M".to_owned(),
            limit: Duration::from_secs(300),
            env: Vec::new(),
            read_only: Vec::new(),
            writable: Vec::new(),
            keep: false,
            command,
        }
    }

    /// The job of a command line.
    ///
    /// # Errors
    /// Names the word that it does not understand.
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut job = Self::new(Vec::new());
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().cloned().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--inf" => job.clock = Clock::Infinite,
                "--tt" => job.clock = Clock::Travel,
                "--keep" => job.keep = true,
                "-m" => job.memory = value()?,
                "-t" => {
                    let text = value()?;
                    let seconds = text.parse().map_err(|_| format!("-t {text}: not a number of seconds"))?;
                    job.limit = Duration::from_secs(seconds);
                }
                "-e" => {
                    let text = value()?;
                    let (name, val) =
                        text.split_once('=').ok_or_else(|| format!("-e {text}: not NAME=VALUE"))?;
                    job.env.push((name.to_owned(), val.to_owned()));
                }
                "--rw" => job.writable.push(absolute(&value()?)?),
                "--ro" => job.read_only.push(absolute(&value()?)?),
                "--" => {
                    job.command = words.by_ref().cloned().collect();
                    break;
                }
                other if other.starts_with('-') => return Err(format!("run has no option \"{other}\"")),
                first => {
                    job.command = std::iter::once(first.to_owned()).chain(words.by_ref().cloned()).collect();
                    break;
                }
            }
        }
        if job.command.is_empty() { Err("run needs a command".to_owned()) } else { Ok(job) }
    }

    /// Runs it; output goes to this process's output.
    ///
    /// # Errors
    /// The guest could not be prepared. (A guest that died is a status, not an error.)
    pub(crate) fn run(&self, kernel: &Path) -> Result<u8, String> {
        self.run_to(kernel, std::io::stdout(), std::io::stderr())
    }

    /// Runs it; output goes to the given writers while it comes.
    ///
    /// # Errors
    /// As [`Job::run`].
    pub(crate) fn run_to(
        &self,
        kernel: &Path,
        out: impl Write + Send,
        err: impl Write + Send,
    ) -> Result<u8, String> {
        let dir = tempfile::Builder::new()
            .prefix("vipd-uml")
            .tempdir()
            .map_err(|e| format!("job directory: {e}"))?;
        let slot = Slot::wait()?;
        let result = self.run_in(dir.path(), kernel, &slot, out, err);
        let failed = !matches!(result, Ok(status) if status != STATUS_DIED && status != STATUS_TIMEOUT);
        if self.keep || failed {
            eprintln!("uml: the job's directory is kept: {}", dir.keep().display());
        }
        result
    }

    fn run_in(
        &self,
        dir: &Path,
        kernel: &Path,
        slot: &Slot,
        out: impl Write + Send,
        err: impl Write + Send,
    ) -> Result<u8, String> {
        let at = |e: std::io::Error| format!("job directory: {e}");
        fs::write(dir.join("init"), INIT).map_err(at)?;
        fs::set_permissions(dir.join("init"), fs::Permissions::from_mode(0o700)).map_err(at)?;
        fs::write(dir.join("boot"), self.boot_script(dir)?).map_err(at)?;
        let console = File::create(dir.join("console")).map_err(at)?;
        let (out_read, out_write) = std::io::pipe().map_err(at)?;
        let (err_read, err_write) = std::io::pipe().map_err(at)?;
        let out_write = inheritable(out_write.into())?;
        let err_write = inheritable(err_write.into())?;
        let mut args = vec![
            kernel.display().to_string(),
            format!("mem={}", self.memory),
            "rootfstype=hostfs".to_owned(),
            "rootflags=/".to_owned(),
            "ro".to_owned(),
            format!("init={}/init", dir.display()),
            format!("LABJOB={}", dir.display()),
            format!("LABRO={}", join(&self.exposed())),
            format!("LABRW={}", join(&self.writable)),
            format!("uml_dir={}/", dir.display()),
            "umid=u".to_owned(),
            "panic=-1".to_owned(),
            "con=null".to_owned(),
            "con0=null,fd:1".to_owned(),
            "ssl=null".to_owned(),
            format!("ssl1=null,fd:{}", out_write.as_raw_fd()),
            format!("ssl2=null,fd:{}", err_write.as_raw_fd()),
            "quiet".to_owned(),
            "loglevel=3".to_owned(),
        ];
        match self.clock {
            Clock::Real => {}
            Clock::Travel => args.push("time-travel".to_owned()),
            Clock::Infinite => args.push("time-travel=inf-cpu".to_owned()),
        }
        if self.clock != Clock::Real {
            args.push(format!("time-travel-start={EPOCH}000000000"));
        }
        let mut child = self.spawn(&args, console, slot)?;
        drop((out_write, err_write));
        let status = std::thread::scope(|scope| {
            scope.spawn(|| pump(out_read, out));
            scope.spawn(|| pump(err_read, err));
            let status = wait(&mut child, self.limit);
            if !matches!(status, Ok(Some(_))) {
                task_dump(dir);
                let _ = child.kill();
                let _ = child.wait();
            }
            if let Ok(group) = i32::try_from(child.id()) {
                // Mostly nobody is left.
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            status
        });
        match status.map_err(|e| format!("the guest: {e}"))? {
            None => {
                eprintln!(
                    "uml: no end after {} s of real time; the tasks are listed in console",
                    self.limit.as_secs()
                );
                Ok(STATUS_TIMEOUT)
            }
            Some(_) => {
                match fs::read_to_string(dir.join("status")).ok().and_then(|s| s.trim().parse().ok()) {
                    Some(status) => Ok(status),
                    None => {
                        let text = fs::read(dir.join("console")).unwrap_or_default();
                        let tail = text.get(text.len().saturating_sub(3000)..).unwrap_or_default();
                        eprintln!("uml: the guest died without a status\n{}", String::from_utf8_lossy(tail));
                        Ok(STATUS_DIED)
                    }
                }
            }
        }
    }

    /// Root gives the guest a pid namespace: killing its first process ends every helper of the guest,
    /// also when we die ourselves. The kernel must not be that first process: when it panics it aborts
    /// itself, and a first process would ignore that and spin. Another user could have such a namespace
    /// only inside a user namespace, where the host's programs no longer belong to root; there the
    /// helpers are killed as a process group.
    fn spawn(&self, args: &[String], console: File, slot: &Slot) -> Result<Child, String> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if nix::unistd::geteuid().is_root() {
            let namespace = ["--pid", "--fork", "--kill-child", "--mount-proc"];
            command.arg("unshare").args(namespace).args(["sh", "-c", "\"$@\"; exit $?", "sh"]);
        }
        command
            .args(args)
            .process_group(0)
            .env("TMPDIR", memory_dir())
            .stdin(Stdio::null())
            .stderr(console.try_clone().map_err(|e| format!("console: {e}"))?)
            .stdout(console);
        // The child inherits our processor; ours is put back so that the caller keeps all.
        let own = sched_getaffinity(Pid::from_raw(0)).map_err(|e| format!("affinity: {e}"))?;
        let mut one = CpuSet::new();
        one.set(slot.cpu).map_err(|e| format!("affinity: {e}"))?;
        sched_setaffinity(Pid::from_raw(0), &one).map_err(|e| format!("affinity: {e}"))?;
        let child = command.spawn().map_err(|e| format!("setpriv: {e}"));
        sched_setaffinity(Pid::from_raw(0), &own).map_err(|e| format!("affinity: {e}"))?;
        child
    }

    /// What the guest's first process becomes: the command, then its status, then power off.
    fn boot_script(&self, dir: &Path) -> Result<String, String> {
        let dir = quote(&dir.display().to_string());
        let mut script =
            format!("export HOME=/root TERM=dumb VIPD_LAB_OUT={dir} VIPD_LAB_CLOCK={}\n", self.clock.word());
        script.push_str("unset LABJOB LABRO LABRW\n");
        for (name, value) in self.environment() {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(format!("-e {name}: not the name of a variable"));
            }
            script.push_str(&format!("export {name}={}\n", quote(&value)));
        }
        let cwd = std::env::current_dir().map_err(|e| format!("current directory: {e}"))?;
        let words: Vec<String> = self.command.iter().map(|w| quote(w)).collect();
        script.push_str(&format!(
            "ip link set lo up\n\
             cd {} 2>/dev/null || cd /\n\
             stty raw -echo </dev/ttyS1\n\
             stty raw -echo </dev/ttyS2\n\
             setsid {} </dev/null >/dev/ttyS1 2>/dev/ttyS2\n\
             echo $? >{dir}/status.partial\n\
             dmesg >{dir}/dmesg\n\
             cut -d' ' -f1 /proc/uptime >{dir}/uptime\n\
             sync\n\
             mv {dir}/status.partial {dir}/status\n\
             sync\n\
             poweroff -f\n",
            quote(&cwd.display().to_string()),
            words.join(" ")
        ));
        Ok(script)
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let passed = |name: &str| {
            PASSED_ENV
                .iter()
                .any(|p| p.strip_suffix('*').map_or(name == *p, |prefix| name.starts_with(prefix)))
        };
        let mut all: BTreeMap<String, String> = std::env::vars().filter(|(name, _)| passed(name)).collect();
        all.extend(self.env.iter().cloned());
        all
    }

    /// Directories that the guest's own /tmp, /run and /dev would hide: those asked for, and those
    /// that the command obviously needs.
    fn exposed(&self) -> Vec<PathBuf> {
        let mut wanted = self.read_only.clone();
        let mut files: Vec<PathBuf> = self.command.first().map(PathBuf::from).into_iter().collect();
        files.extend(
            self.environment().iter().filter(|(name, _)| name.starts_with("VIPD_BIN")).map(|(_, v)| v.into()),
        );
        wanted
            .extend(files.iter().filter(|f| f.is_absolute()).filter_map(|f| f.parent()).map(Path::to_owned));
        wanted.extend(std::env::current_dir());
        let mut hidden: Vec<PathBuf> = wanted
            .into_iter()
            .filter(|d| ["/tmp", "/run", "/dev"].iter().any(|top| d != Path::new(top) && d.starts_with(top)))
            .collect();
        hidden.sort();
        hidden.dedup();
        hidden
    }
}

/// The right to run a guest on one processor. The kernel of a guest and its processes are processes
/// of the host that wait for each other all the time: on one processor they are two to three times
/// as fast. Each processor has one slot, so slots are a job server for any number of runners.
struct Slot {
    cpu: usize,
    _lock: Flock<File>,
}

impl Slot {
    fn wait() -> Result<Self, String> {
        let own = sched_getaffinity(Pid::from_raw(0)).map_err(|e| format!("affinity: {e}"))?;
        let cpus: Vec<usize> = (0..CpuSet::count()).filter(|cpu| own.is_set(*cpu).unwrap_or(false)).collect();
        loop {
            for &cpu in &cpus {
                let path = memory_dir().join(format!("vipd-uml-cpu{cpu}.{}", nix::unistd::geteuid()));
                let file = File::options()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .open(&path)
                    .map_err(|e| format!("{}: {e}", path.display()))?;
                if let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                    return Ok(Self { cpu, _lock: lock });
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Where the guest's memory lives: a file system in memory that allows execution.
fn memory_dir() -> PathBuf {
    let usable = |dir: &&&str| statvfs(**dir).is_ok_and(|s| !s.flags().contains(FsFlags::ST_NOEXEC));
    PathBuf::from(["/dev/shm", "/tmp"].iter().find(usable).copied().unwrap_or("/var/tmp"))
}

/// Waits for the child, at most `limit`; `None` when it is still there.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Asks a stuck guest, through its management console, to print all tasks to its console.
fn task_dump(dir: &Path) {
    let own = dir.join("reply");
    let asked = UnixDatagram::bind(&own).and_then(|socket| {
        socket.set_read_timeout(Some(Duration::from_secs(3)))?;
        for request in ["sysrq 9", "sysrq t"] {
            // struct mconsole_request: magic, version, length, text of 512 bytes.
            let mut message = Vec::new();
            for word in [0xcafe_babe_u32, 2, u32::try_from(request.len()).unwrap_or(0)] {
                message.extend(word.to_ne_bytes());
            }
            message.extend(request.bytes());
            message.resize(12 + 512, 0);
            socket.send_to(&message, dir.join("u/mconsole"))?;
            socket.recv(&mut [0; 4096])?;
        }
        Ok(())
    });
    if let Err(e) = asked {
        eprintln!("uml: the guest does not answer its management console: {e}");
    }
}

fn pump(mut from: impl Read, mut to: impl Write) {
    let mut buffer = [0; 65536];
    // A closed reader of ours must not stop the guest: go on draining.
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let _ = to.write_all(&buffer[..n]).and_then(|()| to.flush());
    }
}

fn inheritable(fd: OwnedFd) -> Result<OwnedFd, String> {
    fcntl(fd.as_fd(), FcntlArg::F_SETFD(FdFlag::empty())).map_err(|e| format!("pipe: {e}"))?;
    Ok(fd)
}

fn join(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(":")
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    fs::canonicalize(path).map_err(|e| format!("{path}: {e}"))
}

fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::{Clock, Job, quote};
    use std::time::Duration;

    fn parse(line: &str) -> Result<Job, String> {
        Job::parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_end_where_the_command_begins() {
        let job = parse("--inf -m 96M -t 7 -e A=b=c -- ls -t 9").unwrap();
        assert_eq!(job.clock, Clock::Infinite);
        assert_eq!(job.memory, "96M");
        assert_eq!(job.limit, Duration::from_secs(7));
        assert_eq!(job.env, [("A".to_owned(), "b=c".to_owned())]);
        assert_eq!(job.command, ["ls", "-t", "9"]);
        assert_eq!(parse("ls --inf").unwrap().command, ["ls", "--inf"]);
    }

    #[test]
    fn a_wrong_command_line_says_which_word_is_wrong() {
        for (line, word) in [
            ("--inff -- ls", "--inff"),
            ("-t x ls", "-t x"),
            ("-m", "-m"),
            ("-e A ls", "-e A"),
            ("--inf", "command"),
        ] {
            let message = parse(line).unwrap_err();
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn quoting_survives_a_shell() {
        let word = "it's $HOME `x` \"y\" \\ \n.";
        let out = std::process::Command::new("sh")
            .args(["-c", &format!("printf %s {}", quote(word))])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
    }
}
