//! The configuration as the processes of the daemon get it.
//!
//! The supervisor reads the files once, and records every answer that it got from the system on the
//! way. The other processes load from that recording, so that all have the same configuration, even
//! when somebody edits a file in between.

use std::io::Write;
use std::mem::ManuallyDrop;
use std::path::Path;

use config::{Bundle, EXIT_NO_CONFIG, Level as Grade, Loaded, Recording};
use linux::memfd::Memfd;
use linux::netns::Netns;
use model::lvs::{Lvs, Probe};
use model::{Model, TrackerSource};
use serde::{Deserialize, Serialize};

use crate::cli::Options;
use crate::colour;
use crate::exit::Exit;
use crate::log::{Level, Line, open_log};
use crate::source::{Elsewhere, System};

/// The file that is read if none is given.
pub const DEFAULT_FILE: &str = "/etc/keepalived/keepalived.conf";

/// A configuration that can be run, as the supervisor has it. It keeps no object that others run: a Model may
/// be large, and it would have it twice while the next one is read.
pub struct Configuration {
    /// What holds for the daemon as a whole: the Model without what [`Uses`] tells of.
    pub head: Model,
    /// What there is for others to run.
    pub uses: Uses,
    /// The recording, for the other processes: one file for all of them.
    pub recording: Memfd,
}

impl Configuration {
    fn new(model: &mut Model, recording: Memfd) -> Self {
        let uses = Uses::of(model);
        let head = Model {
            global: std::mem::take(&mut model.global),
            lvs: Lvs { settings: std::mem::take(&mut model.lvs.settings), ..Lvs::default() },
            ..Model::default()
        };
        Self { head, uses, recording }
    }

    /// All that it says, read once more.
    ///
    /// # Errors
    /// Says why it can't be, which it could be before.
    pub fn model(&self) -> Result<Model, String> {
        replay(&self.recording.read().map_err(|e| e.to_string())?)
    }
}

/// Which processes have something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uses {
    /// The checkers process.
    pub balancing: bool,
    /// The vrrp process.
    pub routing: bool,
    /// The scripts process.
    pub scripts: bool,
}

impl Uses {
    fn of(model: &Model) -> Self {
        Self {
            balancing: model.lvs.is_configured(),
            routing: !model.instances.is_empty()
                || !model.static_addresses.is_empty()
                || !model.static_routes.is_empty(),
            scripts: uses_scripts(model),
        }
    }
}

/// Why there is no configuration, or no new one.
pub struct Refused {
    /// The exit status that goes with it.
    pub exit: u8,
    /// All that is wrong with it, for people: with the lines and carets.
    pub report: String,
}

/// Reads the configuration for the first time, in the network namespace that the options or the
/// configuration name: the process is there afterwards. What interfaces there are can only be asked
/// inside, and what namespace it is stands in the file, so that a file with one is read twice.
///
/// # Errors
/// Says why the namespace can't be entered.
#[allow(clippy::type_complexity, reason = "the result of `read`")]
pub fn read_first(options: &Options) -> Result<(Vec<Line>, Result<Configuration, Refused>), String> {
    let enter = |name: &str| {
        let entered = Netns::open(Path::new("/run/netns").join(name)).and_then(|n| n.enter());
        entered.map_err(|e| format!("Network namespace {name} cannot be entered: {e}"))
    };
    if let Some(name) = &options.namespace {
        enter(name)?;
        return Ok(read(options));
    }
    let first = read(options);
    let namespace = match &first.1 {
        Ok(configuration) => configuration.head.global.net_namespace.clone(),
        // Perhaps only for want of an interface that is inside.
        Err(_) => {
            let system = System::new(options.config_id.clone());
            let loaded = config::load(&Elsewhere::with_interfaces(&system), &load_options(options));
            loaded.model.and_then(|model| model.global.net_namespace)
        }
    };
    match namespace {
        Some(name) => {
            enter(&name)?;
            Ok(read(options))
        }
        None => Ok(first),
    }
}

/// Reads the configuration. The lines are for the log, whether or not it can be run.
pub fn read(options: &Options) -> (Vec<Line>, Result<Configuration, Refused>) {
    let file = options.config.as_deref().unwrap_or(DEFAULT_FILE);
    let system = System::new(options.config_id.clone());
    let recording = Recording::new(&system);
    let mut loaded = config::load(&recording, &load_options(options));
    let mut lines: Vec<Line> =
        loaded.map.paths().map(|path| Line::info(format!("Opening file '{path}'."))).collect();
    lines.push(Line::info(format!("Configuration file {file}")));
    lines.extend(log_lines(&loaded));
    let model = loaded.model.take();
    let refuse = |exit| Refused { exit, report: loaded.render(false) };
    let read = match (model, loaded.exits.run) {
        (Some(mut model), None) => match record(recording, load_options(options)) {
            Ok(recording) => Ok(Configuration::new(&mut model, recording)),
            Err(e) => {
                lines.push(Line::error(format!("The configuration cannot be handed over: {e}")));
                Err(refuse(Exit::Software.code()))
            }
        },
        (_, exit) => Err(refuse(exit.unwrap_or(Exit::Config.code()))),
    };
    (lines, read)
}

/// A load that can be repeated.
#[derive(Serialize, Deserialize)]
struct Recorded {
    /// The name of the file, as it was then: a relative one means something else elsewhere.
    file: String,
    strict_includes: bool,
    bundle: Vec<u8>,
}

fn record(recording: Recording<'_>, options: config::Options) -> Result<Memfd, String> {
    let bundle = recording.into_bundle().to_bytes().map_err(|e| e.to_string())?;
    // The other processes need no advice.
    let config::Options { file, strict_includes, advice: _ } = options;
    let bytes =
        postcard::to_stdvec(&Recorded { file, strict_includes, bundle }).map_err(|e| e.to_string())?;
    Memfd::sealed("configuration", &bytes).map_err(|e| e.to_string())
}

/// Loads what [`read`] has recorded.
///
/// # Errors
/// Says why it can't be, which it could be before.
pub fn replay(recorded: &[u8]) -> Result<Model, String> {
    let Recorded { file, strict_includes, bundle } =
        postcard::from_bytes(recorded).map_err(|e| e.to_string())?;
    let bundle = Bundle::from_bytes(&bundle).map_err(|e| e.to_string())?;
    let mut loaded =
        config::load(&bundle, &config::Options { strict_includes, ..config::Options::new(file) });
    loaded.model.take().ok_or_else(|| loaded.render(false))
}

/// `-t`: tells what is wrong with a configuration, and returns the exit status. Nothing is started.
pub fn test(options: &Options, log: Option<&str>) -> u8 {
    let file = options.config.as_deref().unwrap_or(DEFAULT_FILE);
    let system = System::new(options.config_id.clone());
    // The process ends with it: nothing is gained by taking it apart.
    let loaded = ManuallyDrop::new(config::load(&system, &load_options(options)));
    if loaded.exits.run == Some(EXIT_NO_CONFIG) && loaded.map.files_read() == 0 {
        // keepalived's words, which tools look for.
        eprintln!("Config files missing '{file}'.");
    }
    match log {
        Some(path) => {
            if let Err(e) = write_report(path, &loaded.render(false)) {
                eprintln!("{path}: {e}");
                eprint!("{}", loaded.render(false));
            }
        }
        None => eprint!("{}", loaded.render(colour::wanted(&std::io::stderr()))),
    }
    loaded.exits.test
}

fn load_options(options: &Options) -> config::Options {
    let file = options.config.as_deref().unwrap_or(DEFAULT_FILE);
    config::Options { strict_includes: options.strict_includes, ..config::Options::new(file) }
}

fn log_lines(loaded: &Loaded) -> Vec<Line> {
    let levels = loaded.diagnostics.iter().map(|d| match d.level() {
        Grade::Error => Level::Error,
        Grade::Warning => Level::Warning,
        Grade::Note => Level::Info,
    });
    levels.zip(loaded.log_lines()).map(|(level, text)| Line::new(level, text)).collect()
}

/// Whether something in `model` is a matter for the scripts process.
fn uses_scripts(model: &Model) -> bool {
    let global = &model.global;
    let notify = model.instances.iter().map(|i| &i.notify).chain(model.groups.iter().map(|g| &g.notify));
    let mut commands = notify
        .flat_map(|n| [&n.master, &n.backup, &n.fault, &n.stop, &n.deleted, &n.any, &n.master_rx_lower_pri]);
    commands.any(Option::is_some)
        || model
            .trackers
            .iter()
            .any(|t| matches!(t.source, TrackerSource::Script(_) | TrackerSource::File(_)))
        || global.notify_fifo.is_some()
        || global.vrrp_notify_fifo.is_some()
        || global.startup_script.is_some()
        || global.shutdown_script.is_some()
        || model.mail.is_possible()
        || balancing_uses_scripts(&model.lvs)
}

fn balancing_uses_scripts(lvs: &Lvs) -> bool {
    let services = || lvs.services.iter();
    let servers = || services().flat_map(|s| &s.servers);
    lvs.settings.notify_fifo.is_some()
        || !lvs.files.is_empty()
        || services().any(|s| s.service.quorum_up.is_some() || s.service.quorum_down.is_some())
        || servers().any(|s| s.notify_up.is_some() || s.notify_down.is_some())
        || servers().flat_map(|s| &s.checkers).any(|c| matches!(c.probe, Probe::Misc(_)))
}

/// Appends what is wrong with a configuration to the file at `path`.
pub fn write_report(path: &str, report: &str) -> std::io::Result<()> {
    open_log(path)?.write_all(report.as_bytes())
}
