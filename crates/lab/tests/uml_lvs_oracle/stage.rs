//! Where a story is played: a director, a node with all servers, and what is seen of the daemon.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lab::{Daemon, Lab, LabError, Node, Process, Result, Signal};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::conf::VIP;
use crate::normal;
use crate::record::{Event, Stream};
use crate::servers::{Answer, Asked, Server, mail_sink};

/// Where scripts write what they are told.
const TOLD: &str = "/run/told";
/// The configured FIFOs.
const FIFOS: [(Stream, &str); 2] = [(Stream::Lvs, "/run/lvs.fifo"), (Stream::All, "/run/all.fifo")];
/// What ends the reading of a FIFO.
const END: &[u8] = b"\x04\n";
/// How long a daemon may take to stop.
const BOUND: Duration = Duration::from_secs(30);

/// One run of one daemon.
///
/// ```text
///  front --- d1 192.0.2.11 / 10.0.0.11 --- back --- farm 10.0.0.21 .. 10.0.0.26, mail at 10.0.0.9
/// ```
pub(crate) struct Stage {
    pub lab: Lab,
    pub director: Node,
    pub farm: Node,
    daemon: Daemon,
    process: Option<Process>,
    servers: BTreeMap<(bool, SocketAddr), Server>,
    /// When the daemon was started.
    start: Instant,
    shared: Arc<Mutex<Vec<(Instant, Stream, String)>>>,
    readers: Vec<(File, std::thread::JoinHandle<()>)>,
    mails: Receiver<(Instant, Vec<String>)>,
    tables: Vec<Event>,
    asked: Asked,
}

impl Stage {
    pub(crate) fn new(tag: &str, daemon: Daemon) -> Result<Self> {
        let lab = Lab::new(tag)?;
        let (front, back) = (lab.lan("front")?, lab.lan("back")?);
        let director = lab.node("d1")?;
        director.attach(&front, "eth0", &["192.0.2.11/24", "2001:db8::11/64"], None)?;
        director.attach(&back, "eth1", &["10.0.0.11/24", "2001:db8:1::11/64"], None)?;
        let farm = lab.node("farm")?;
        let addresses: Vec<String> = (21..=26)
            .flat_map(|n| [format!("10.0.0.{n}/24"), format!("2001:db8:1::{n}/64")])
            .chain(["10.0.0.9/24".to_owned()])
            .collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        farm.attach(&back, "eth0", &addresses, None)?;
        let (to, mails) = channel();
        mail_sink(&farm, address("10.0.0.9:25"), to)?;
        let mut stage = Self {
            lab,
            director,
            farm,
            daemon,
            process: None,
            servers: BTreeMap::new(),
            start: Instant::now(),
            shared: Arc::default(),
            readers: Vec::new(),
            mails,
            tables: Vec::new(),
            asked: Asked::default(),
        };
        for (stream, path) in FIFOS.into_iter().chain([(Stream::Script, TOLD)]) {
            let path = PathBuf::from(path);
            let file = stage.director.inside_run(move || open_fifo(&path))?;
            stage.read(stream, file)?;
        }
        // The log comes to us as it is written, which gives each line its instant.
        let file = open_fifo(&stage.director.dir().join("daemon.log"));
        stage.read(Stream::Log, file)?;
        // Whoever may write to a directory decides over the scripts below it.
        stage.inside("/run", || std::fs::set_permissions("/run", std::fs::Permissions::from_mode(0o755)))?;
        stage.script("/run/tell", &format!("echo \"$@\" >{TOLD}"))?;
        Ok(stage)
    }

    /// Collects the lines of a FIFO.
    fn read(&mut self, stream: Stream, file: std::io::Result<File>) -> Result<()> {
        let failed = |e: std::io::Error| LabError::Expectation(format!("FIFO of {}: {e}", stream.name()));
        let file = file.map_err(failed)?;
        let reader = BufReader::new(file.try_clone().map_err(failed)?);
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::spawn(move || {
            for line in reader.split(b'\n').map_while(std::result::Result::ok) {
                if line == END[..1] {
                    break;
                }
                let text = String::from_utf8_lossy(&line).trim_matches('\0').to_owned();
                shared.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), stream, text));
            }
        });
        self.readers.push((file, thread));
        Ok(())
    }

    /// Starts the daemon at a full second.
    pub(crate) fn start(&mut self, conf: &str) -> Result<()> {
        self.start_with(conf, &[])
    }

    /// Starts the daemon with further words on its command line.
    pub(crate) fn start_with(&mut self, conf: &str, words: &[&str]) -> Result<()> {
        let path = self.director.write("daemon.conf", conf)?;
        let path = path.to_string_lossy().into_owned();
        let mut args = vec!["-f", path.as_str(), "-n", "-l", "-D", "-G"];
        args.extend(words);
        lab::next_full_second();
        self.start = Instant::now();
        self.process = Some(self.director.spawn("daemon", self.daemon.program()?, &args)?);
        Ok(())
    }

    /// Gives it another configuration.
    pub(crate) fn reload(&self, conf: &str) -> Result<()> {
        self.director.write("daemon.conf", conf)?;
        self.process()?.signal(Signal::SIGHUP)
    }

    /// Lets it stop.
    pub(crate) fn stop(&self) -> Result<()> {
        self.process()?.stop(BOUND).map(drop)
    }

    fn process(&self) -> Result<&Process> {
        self.process.as_ref().ok_or_else(|| LabError::Expectation("no daemon was started".to_owned()))
    }

    /// Lets time pass until so many seconds after the start.
    pub(crate) fn until(&self, seconds: f64) {
        let then = self.start + Duration::from_secs_f64(seconds);
        self.lab.pass(then.saturating_duration_since(Instant::now()));
    }

    /// A rest point: looks at the kernel's table so many seconds after the start.
    pub(crate) fn rest(&mut self, seconds: f64) -> Result<()> {
        self.look(seconds, &["-Sn"])
    }

    /// As [`Stage::rest`], with other words for `ipvsadm`.
    pub(crate) fn look(&mut self, seconds: f64, words: &[&str]) -> Result<()> {
        self.show(seconds, &format!("ipvsadm {}", words.join(" ")))
    }

    /// As [`Stage::rest`], with what another command on the director shows.
    pub(crate) fn show(&mut self, seconds: f64, command: &str) -> Result<()> {
        self.until(seconds);
        let words: Vec<&str> = command.split(' ').collect();
        let output = self.director.run(words[0], &words[1..])?;
        self.note(seconds, &String::from_utf8_lossy(&output.stdout));
        Ok(())
    }

    /// Which parts of the daemon run so many seconds after the start, by their pid files, and whether the
    /// virtual address is there.
    pub(crate) fn parts(&mut self, seconds: f64) -> Result<()> {
        self.until(seconds);
        let running = |name: &&str| {
            let path = format!("/run/{name}.pid");
            let pid = self.director.inside_run(move || std::fs::read_to_string(path).unwrap_or_default());
            let pid: Option<u32> = pid.ok().and_then(|text| text.trim().parse().ok());
            let all = self.director.processes().unwrap_or_default();
            all.iter().any(|p| Some(p.inner) == pid && !p.zombie)
        };
        let parts: Vec<&str> = ["keepalived", "vrrp", "checkers"].into_iter().filter(running).collect();
        let there = self.director.has_ip(address(&format!("{VIP}:0")).ip())?;
        self.note(seconds, &format!("parts: {parts:?}, address: {there}"));
        Ok(())
    }

    fn note(&mut self, seconds: f64, text: &str) {
        let lines = text.lines().filter(|l| !l.trim().is_empty());
        let event = |line: &str| Event {
            at: Duration::from_secs_f64(seconds),
            stream: Stream::Table,
            text: format!("{seconds} s: {}", line.trim_end()),
        };
        self.tables.extend(lines.map(event));
    }

    /// What servers that start from now on are asked is part of what is seen.
    pub(crate) fn listen(&mut self) {
        self.asked = Asked::wanted();
    }

    /// Starts server `n` on port 80.
    pub(crate) fn open(&mut self, n: u8, answer: Answer) -> Result<()> {
        self.open_at(&format!("10.0.0.2{n}:80"), answer)
    }

    /// Stops server `n` on port 80: connections are refused.
    pub(crate) fn close(&mut self, n: u8) {
        self.close_at(&format!("10.0.0.2{n}:80"));
    }

    /// What server `n` does from now on.
    pub(crate) fn set(&self, n: u8, answer: Answer) {
        if let Some(server) = self.servers.get(&(false, address(&format!("10.0.0.2{n}:80")))) {
            server.set(answer);
        }
    }

    /// Starts a server for TCP.
    pub(crate) fn open_at(&mut self, at: &str, answer: Answer) -> Result<()> {
        let server = Server::tcp(&self.farm, address(at), answer, &self.asked)?;
        self.servers.insert((false, address(at)), server);
        Ok(())
    }

    /// Stops a server for TCP.
    pub(crate) fn close_at(&mut self, at: &str) {
        self.servers.remove(&(false, address(at)));
    }

    /// Starts a server for UDP, or lets it answer otherwise.
    pub(crate) fn open_udp(&mut self, at: &str, answer: Answer) -> Result<()> {
        if let Some(server) = self.servers.get(&(true, address(at))) {
            server.set(answer);
            return Ok(());
        }
        let server = Server::udp(&self.farm, address(at), answer, &self.asked)?;
        self.servers.insert((true, address(at)), server);
        Ok(())
    }

    /// Stops a server for UDP.
    pub(crate) fn close_udp(&mut self, at: &str) {
        self.servers.remove(&(true, address(at)));
    }

    /// Writes an executable script on the director.
    pub(crate) fn script(&self, path: &'static str, body: &str) -> Result<()> {
        let text = format!("#!/bin/sh\n{body}\n");
        self.inside(path, move || {
            std::fs::write(path, text)?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        })
    }

    /// Writes a file on the director.
    pub(crate) fn write(&self, path: &'static str, text: &'static str) -> Result<()> {
        self.inside(path, move || std::fs::write(path, text))
    }

    /// Runs a command on the director.
    pub(crate) fn run(&self, line: &str) -> Result<()> {
        let words: Vec<&str> = line.split(' ').collect();
        self.director.run(words[0], &words[1..]).map(drop)
    }

    fn inside(&self, what: &str, work: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<()> {
        self.director.inside_run(work)?.map_err(|e| LabError::Expectation(format!("{what}: {e}")))
    }

    /// Ends the run; all that was seen.
    pub(crate) fn record(mut self) -> Result<Vec<Event>> {
        if self.process()?.ended()?.is_none() {
            self.stop()?;
        }
        for (mut file, thread) in self.readers.drain(..) {
            // It holds the FIFO open itself, so there is a reader.
            let _ = file.write_all(END);
            let _ = thread.join();
        }
        let mut events = std::mem::take(&mut self.tables);
        let seen = std::mem::take(&mut *self.shared.lock().unwrap_or_else(PoisonError::into_inner));
        for (at, stream, text) in seen {
            let at = at.saturating_duration_since(self.start);
            let text = if stream == Stream::Log { normal::line(&text) } else { Some(text) };
            events.extend(text.map(|text| Event { at, stream, text }));
        }
        let asked = self.asked.all().into_iter();
        events.extend(asked.map(|text| Event { at: Duration::ZERO, stream: Stream::Asked, text }));
        let mails = self.mails.try_iter();
        let event = |(at, mail): (Instant, Vec<String>)| Event {
            at: at.saturating_duration_since(self.start),
            stream: Stream::Mail,
            text: normal::mail(&mail),
        };
        events.extend(mails.map(event));
        // For readers: the log is gone with its FIFO.
        let text: String = events
            .iter()
            .map(|e| format!("{:>10.4} {} {}\n", e.at.as_secs_f64(), e.stream.name(), e.text))
            .collect();
        let path = self.lab.dir().join("events");
        std::fs::write(&path, text).map_err(|e| LabError::Expectation(format!("{}: {e}", path.display())))?;
        Ok(events)
    }
}

fn open_fifo(path: &Path) -> std::io::Result<File> {
    mkfifo(path, Mode::from_bits_truncate(0o644))?;
    // With a writer of our own the end of others is not the end of the file.
    File::options().read(true).write(true).custom_flags(nix::libc::O_CLOEXEC).open(path)
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("a literal address")
}
