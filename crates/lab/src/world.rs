//! The lab: a switch, its LANs, and what connects the nodes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant, SystemTime};

use linux::sysctl;

use crate::capture::Capture;
use crate::error::{Context, LabError, Result};
use crate::inside::{Inside, Plan};
use crate::node::Node;

/// Names the directory below which labs leave logs and captures.
pub const DIR_VARIABLE: &str = "VIPD_LAB_DIR";

/// A set of namespaces that are connected by a switch in a namespace of its own. Nothing of it stands
/// in the namespaces of the caller, and nothing of it outlives the caller.
pub struct Lab {
    shared: Arc<Shared>,
    nodes: AtomicU8,
    began_wall: SystemTime,
}

/// The mask of processors for devices that come into the thread's network namespace from now on.
pub(crate) fn steer(processors: u32) -> std::io::Result<()> {
    fs::write("/proc/sys/net/core/rps_default_mask", format!("{processors:x}"))
}

/// A network segment: a bridge of the switch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lan(String);

/// What nodes need of their lab.
pub(crate) struct Shared {
    pub switch: Inside,
    pub dir: PathBuf,
    pub began: Instant,
}

impl Lab {
    /// Makes an empty lab. Its directory, `tag` below `$VIPD_LAB_DIR` or the directory for temporary
    /// files, is emptied first.
    ///
    /// # Errors
    /// The directory or the switch's namespace cannot be made. That needs root, or a user namespace.
    pub fn new(tag: &str) -> Result<Self> {
        let base = std::env::var_os(DIR_VARIABLE).map_or_else(
            || std::env::temp_dir().join(format!("vipd-lab-{}", std::process::id())),
            PathBuf::from,
        );
        let dir = base.join(tag);
        if dir.exists() {
            fs::remove_dir_all(&dir).during(|| format!("{}", dir.display()))?;
        }
        fs::create_dir_all(&dir).during(|| format!("{}", dir.display()))?;
        let name = format!("{tag} switch");
        let switch = Inside::start(Plan { name, net: None, processes: false, exposed: Vec::new() })?;
        switch.run(|| {
            // The switch itself has no addresses and says nothing.
            let _ = sysctl::set("net/ipv6/conf/default/disable_ipv6", 1);
            // Where br_netfilter is loaded, bridged IP would pass by the rules of the bridge.
            for table in ["ip", "ip6", "arp"] {
                let _ = sysctl::set(&format!("net/bridge/bridge-nf-call-{table}tables"), 0);
            }
        });
        Ok(Self {
            shared: Arc::new(Shared { switch, dir, began: Instant::now() }),
            nodes: AtomicU8::new(0),
            began_wall: SystemTime::now(),
        })
    }

    /// The directory of this lab; each node has one below it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The time since the lab was made.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// Lets time pass until `instant`, counted from the lab's beginning. A script of instants, not of
    /// pauses, makes runs with different daemons comparable.
    pub fn pass_until(&self, instant: Duration) {
        if let Some(rest) = instant.checked_sub(self.now()) {
            std::thread::sleep(rest);
        }
    }

    /// Lets time pass.
    pub fn pass(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    /// Says which processors work on what the switch receives at cables that are plugged in from now on: a
    /// bit for each, 0 for the one that the sender runs on. So who sends does not do the receivers' work,
    /// as between two machines.
    ///
    /// # Errors
    /// The kernel is older than 6.3 (`net.core.rps_default_mask`), or has no such processor.
    pub fn receive_on(&self, processors: u32) -> Result<()> {
        let set = move || steer(processors);
        self.shared.switch.run(set).during(|| "processors of the switch".into())
    }

    /// Adds a LAN. The name is that of a network device: up to 15 characters.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn lan(&self, name: &str) -> Result<Lan> {
        let bridge = name.to_owned();
        self.shared.switch.links(
            || format!("LAN {name}"),
            move |links| {
                links.add_bridge(&bridge)?;
                links.set_up(&bridge, true)
            },
        )?;
        Ok(Lan(name.to_owned()))
    }

    /// Adds a node without cables, switched on. The name with a device's is that of a network device:
    /// up to 15 characters together.
    ///
    /// # Errors
    /// The step that the system refused.
    pub fn node(&self, name: &str) -> Result<Node> {
        let number = self.nodes.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        Node::new(Arc::clone(&self.shared), name, number)
    }

    /// Starts to capture everything that crosses a LAN.
    ///
    /// # Errors
    /// The kernel refused a packet socket.
    pub fn capture(&self, lan: &Lan) -> Result<Capture> {
        Capture::start(&self.shared.switch, lan, self.began_wall)
    }

    /// Drops every frame of a LAN that goes from one of `from` to one of `to`; frames of the other
    /// direction pass. Earlier blocks stay.
    ///
    /// # Errors
    /// `nft` failed.
    pub fn block(&self, lan: &Lan, from: &[&Node], to: &[&Node]) -> Result<()> {
        let set = |nodes: &[&Node]| {
            let ports: Vec<String> =
                nodes.iter().flat_map(|n| n.ports_on(lan)).map(|p| format!("\"{p}\"")).collect();
            format!("{{ {} }}", ports.join(", "))
        };
        let (from, to) = (set(from), set(to));
        self.nft(format!(
            "add table bridge lab\n\
             add chain bridge lab cut {{ type filter hook forward priority 0; }}\n\
             add rule bridge lab cut iifname {from} oifname {to} drop\n"
        ))
    }

    /// Cuts a LAN in two, in both directions and at one instant.
    ///
    /// # Errors
    /// `nft` failed.
    pub fn partition(&self, lan: &Lan, one: &[&Node], other: &[&Node]) -> Result<()> {
        self.block(lan, one, other)?;
        self.block(lan, other, one)
    }

    /// Removes all blocks.
    ///
    /// # Errors
    /// `nft` failed.
    pub fn heal(&self) -> Result<()> {
        self.nft("add table bridge lab\ndelete table bridge lab\n".to_owned())
    }

    fn nft(&self, script: String) -> Result<()> {
        let output = self.shared.switch.run(move || {
            let mut child = Command::new("nft")
                .args(["-f", "-"])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(script.as_bytes())?;
            }
            child.wait_with_output()
        });
        let output = output.during(|| "nft".to_owned())?;
        if output.status.success() {
            return Ok(());
        }
        let text = format!("\n{}", String::from_utf8_lossy(&output.stderr));
        Err(LabError::Tool { what: "nft".to_owned(), status: output.status, output: text })
    }
}

impl Lan {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Shared {
    /// Directories that nodes must see although they have `/run` and `/tmp` of their own.
    pub(crate) fn exposed(&self) -> Vec<PathBuf> {
        let mut exposed = vec![self.dir.clone()];
        let programs =
            [std::env::current_exe().ok(), crate::peers::vipd_path(), Some(crate::peers::keepalived_path())];
        exposed.extend(programs.into_iter().flatten().filter_map(|p| p.parent().map(Path::to_owned)));
        exposed.retain(|p| p.is_dir());
        exposed.sort();
        exposed.dedup();
        exposed
    }
}

/// Lets time pass up to a full second of the wall clock, so that the kernel's tick stands at the same
/// place in each run that begins then.
pub fn next_full_second() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let rest = 1_000_000_000_u32.saturating_sub(now.subsec_nanos());
    std::thread::sleep(Duration::from_nanos(rest.into()));
}

/// How often [`wait`] looks.
const STEP: Duration = Duration::from_millis(2);

/// Waits for a condition, at most `bound`; the time that it took.
///
/// # Errors
/// [`LabError::NotInTime`], or the error of the condition itself.
pub fn wait(what: &str, bound: Duration, condition: impl FnMut() -> Result<bool>) -> Result<Duration> {
    wait_looking(what, bound, STEP, condition)
}

/// The same with a look every `step`: for what takes seconds and is looked at with a command, which is dear in
/// user-mode Linux.
///
/// # Errors
/// As [`wait`].
pub fn wait_looking(
    what: &str,
    bound: Duration,
    step: Duration,
    mut condition: impl FnMut() -> Result<bool>,
) -> Result<Duration> {
    let began = Instant::now();
    loop {
        if condition()? {
            return Ok(began.elapsed());
        }
        if began.elapsed() >= bound {
            return Err(LabError::NotInTime { what: what.to_owned(), bound });
        }
        std::thread::sleep(step);
    }
}
