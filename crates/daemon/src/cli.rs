//! The command line: keepalived's options, one table.
//!
//! The parser, the text of `-h` and the warnings about options without effect all come from
//! [`OPTIONS`]. The rules are those of `getopt_long`: short options can be joined (`-nlD`), an
//! argument follows directly or as the next word, an *optional* argument only directly
//! (`-tFILE`, `--config-test=FILE`), long names may be cut as long as they are unique, words that are
//! no options may stand anywhere, and `--` ends the options.

use crate::ipc::Part;
mod table;

use std::fmt::Write as _;
use std::path::Path;

pub use table::OPTIONS;

/// Whether an option takes an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument {
    /// None.
    No,
    /// One, called so in the help.
    Required(&'static str),
    /// One, which must be joined to the option.
    Optional(&'static str),
}

/// What an option does.
#[derive(Clone, Copy)]
pub enum Action {
    /// Changes the options.
    Set(fn(&mut Options, Option<&str>) -> Result<(), String>),
    /// As `Set`, but what it is about isn't built yet: a warning says so.
    NotYet(fn(&mut Options, Option<&str>) -> Result<(), String>),
    /// Does something else than run the daemon; what follows on the command line doesn't matter.
    Do(fn(Option<&str>) -> Command),
}

/// An option.
pub struct OptionDef {
    /// `-x`.
    pub short: Option<char>,
    /// `--xxx`.
    pub long: Option<&'static str>,
    /// Whether it takes an argument.
    pub argument: Argument,
    /// What it is for; empty for those that the help doesn't show.
    pub help: &'static str,
    /// What it does.
    pub action: Action,
}

impl OptionDef {
    fn name(&self) -> String {
        match (self.short, self.long) {
            (Some(c), Some(l)) => format!("-{c}/--{l}"),
            (Some(c), None) => format!("-{c}"),
            (None, l) => format!("--{}", l.unwrap_or_default()),
        }
    }
}

/// What the command line asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Run the daemon, or test the configuration.
    Run(Box<Options>),
    /// `-v`.
    Version,
    /// `-h`.
    Help,
    /// `--signum NAME`.
    SignalNumber(String),
    /// `-T`, or called `genhash`.
    Genhash,
    /// It makes no sense; the messages say why. Exit status 1.
    Wrong,
}

/// A syslog facility, as its number (`syslog.h`, not shifted).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facility(pub u8);

impl Facility {
    /// The default.
    pub const DAEMON: Self = Self(3);
    /// `user`.
    pub const USER: Self = Self(1);

    /// Reads `0` to `7`, `local0` to `local7`, `user`, `daemon`.
    #[must_use]
    pub fn parse(s: &str) -> Option<Self> {
        match s {
            "daemon" => return Some(Self::DAEMON),
            "user" => return Some(Self::USER),
            _ => {}
        }
        match s.strip_prefix("local").unwrap_or(s).as_bytes() {
            [c @ b'0'..=b'7'] => Some(Self(16 + (c - b'0'))),
            _ => None,
        }
    }
}

/// What the options say.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent options")]
pub struct Options {
    /// `-f`: the configuration file, or a pattern of several.
    pub config: Option<String>,
    /// `-P` was given: of the children only vrrp (and bfd).
    pub only_vrrp: bool,
    /// `-C` was given: of the children only checkers (and bfd).
    pub only_checkers: bool,
    /// `-B`.
    pub no_bfd: bool,
    /// `--all`: start children even if nothing is configured for them.
    pub all: bool,
    /// `-l`: log to standard error, too. Only together with `-n`.
    pub log_console: bool,
    /// `-D`: how often.
    pub log_detail: u8,
    /// `-S`.
    pub facility: Facility,
    /// `-g`: log to files, too; with their name, if one was given.
    pub log_file: Option<Option<String>>,
    /// `--flush-log-file`.
    pub flush_log_file: bool,
    /// `-G`.
    pub no_syslog: bool,
    /// `-u`: wins over the configuration.
    pub umask: Option<u32>,
    /// `-X`.
    pub release_vips: bool,
    /// `-V`: addresses and routes stay when the daemon stops.
    pub keep_vrrp: bool,
    /// `-I`: the IPVS table stays when the daemon stops.
    pub keep_ipvs: bool,
    /// `-R`: the death of a child ends the daemon.
    pub dont_respawn: bool,
    /// `-n`: stay in the foreground.
    pub dont_fork: bool,
    /// `-d`: log the configuration at the start.
    pub dump_config: bool,
    /// `-p`: pid file of the supervisor.
    pub pid: Option<String>,
    /// `-r`: pid file of the vrrp process.
    pub vrrp_pid: Option<String>,
    /// `-c`: pid file of the checkers process.
    pub checkers_pid: Option<String>,
    /// `-b`: pid file of the bfd process.
    pub bfd_pid: Option<String>,
    /// `-a`: log all changes of addresses.
    pub address_monitoring: bool,
    /// `-x`.
    pub snmp: bool,
    /// `-A`: where the SNMP master agent listens.
    pub snmp_socket: Option<String>,
    /// `-s`: network namespace; wins over the configuration.
    pub namespace: Option<String>,
    /// `-m`: no limit for core files.
    pub core_dump: bool,
    /// `-M`: the kernel's pattern for core files; implies `-m`.
    pub core_pattern: Option<String>,
    /// `-e`: every included file must be there.
    pub strict_includes: bool,
    /// `-i`: which `@ID` lines count; the host's name if none.
    pub config_id: Option<String>,
    /// `-t`: only test the configuration; with the file for the findings.
    pub test: Option<Option<String>>,
    /// `--ignore-sigint`: for work with a debugger.
    pub ignore_sigint: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: None,
            only_vrrp: false,
            only_checkers: false,
            no_bfd: false,
            all: false,
            log_console: false,
            log_detail: 0,
            facility: Facility::DAEMON,
            log_file: None,
            flush_log_file: false,
            no_syslog: false,
            umask: None,
            release_vips: false,
            keep_vrrp: false,
            keep_ipvs: false,
            dont_respawn: false,
            dont_fork: false,
            dump_config: false,
            pid: None,
            vrrp_pid: None,
            checkers_pid: None,
            bfd_pid: None,
            address_monitoring: false,
            snmp: false,
            snmp_socket: None,
            namespace: None,
            core_dump: false,
            core_pattern: None,
            strict_includes: false,
            config_id: None,
            test: None,
            ignore_sigint: false,
        }
    }
}

impl Options {
    /// `--dont-release-vrrp`, `--dont-release-ipvs`: what a part has in the kernel stays there at the end.
    pub const fn keeps(&self, part: Part) -> bool {
        match part {
            Part::Checkers => self.keep_ipvs,
            Part::Vrrp => self.keep_vrrp,
        }
    }

    /// Makes paths absolute that are relative to `directory`.
    pub fn resolve_paths(&mut self, directory: &Path) {
        let log_file = self.log_file.as_mut().and_then(Option::as_mut);
        let pid_files = [self.pid.as_mut(), self.vrrp_pid.as_mut(), self.checkers_pid.as_mut()];
        let paths = pid_files.into_iter().chain([self.config.as_mut(), log_file]);
        for path in paths.flatten() {
            // `join` keeps an absolute path as it is.
            if let Ok(absolute) = directory.join(&*path).into_os_string().into_string() {
                *path = absolute;
            }
        }
    }
}

/// The outcome of reading a command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parsed {
    /// What to do.
    pub command: Command,
    /// For standard error, whatever the command is.
    pub messages: Vec<String>,
    /// For the log once there is one: options without effect.
    pub warnings: Vec<String>,
}

/// Reads a command line without its first word.
#[must_use]
pub fn parse(args: &[String]) -> Parsed {
    let mut parser = Parser::default();
    let mut args = args.iter().map(String::as_str);
    while let Some(word) = args.next() {
        let done = if word == "--" {
            parser.surplus.extend(args.by_ref().map(str::to_owned));
            None
        } else if let Some(long) = word.strip_prefix("--") {
            parser.long(long, &mut args)
        } else if let Some(shorts) = word.strip_prefix('-').filter(|s| !s.is_empty()) {
            parser.shorts(shorts, &mut args)
        } else {
            parser.surplus.push(word.to_owned());
            None
        };
        if let Some(command) = done {
            return parser.finish(command);
        }
    }
    if parser.wrong {
        return parser.finish(Command::Wrong);
    }
    if !parser.surplus.is_empty() {
        parser.messages.push(format!("Unexpected argument(s): {}", parser.surplus.join(" ")));
    }
    let options = Box::new(std::mem::take(&mut parser.options));
    parser.finish(Command::Run(options))
}

#[derive(Default)]
struct Parser {
    options: Options,
    surplus: Vec<String>,
    messages: Vec<String>,
    warnings: Vec<String>,
    wrong: bool,
}

impl Parser {
    fn finish(self, command: Command) -> Parsed {
        Parsed { command, messages: self.messages, warnings: self.warnings }
    }

    fn refuse(&mut self, message: String) -> Option<Command> {
        self.messages.push(message);
        self.wrong = true;
        None
    }

    /// Handles `--NAME`, `--NAME=VALUE` or `--NAME VALUE`.
    fn long<'a>(&mut self, word: &'a str, rest: &mut impl Iterator<Item = &'a str>) -> Option<Command> {
        let (name, value) = word.split_once('=').map_or((word, None), |(n, v)| (n, Some(v)));
        let Some(def) = find_long(name) else {
            return self.refuse(format!("Unknown option --{word}"));
        };
        match (def.argument, value) {
            (Argument::No, Some(_)) => self.refuse(format!("Unknown option --{word}")),
            (Argument::Required(_), None) => match rest.next() {
                Some(value) => self.apply(def, Some(value)),
                None => self.refuse(format!("Missing parameter for option --{name}")),
            },
            (_, value) => self.apply(def, value),
        }
    }

    /// Handles `-abc`, `-aVALUE` or `-a VALUE`.
    fn shorts<'a>(&mut self, word: &'a str, rest: &mut impl Iterator<Item = &'a str>) -> Option<Command> {
        let mut chars = word.chars();
        while let Some(c) = chars.next() {
            let Some(def) = OPTIONS.iter().find(|o| o.short == Some(c)) else {
                self.refuse(format!("Unknown option -{c}"));
                continue;
            };
            let joined = Some(chars.as_str()).filter(|s| !s.is_empty());
            let value = match def.argument {
                Argument::No => {
                    if let Some(command) = self.apply(def, None) {
                        return Some(command);
                    }
                    continue;
                }
                Argument::Optional(_) => joined,
                Argument::Required(_) => match joined.or_else(|| rest.next()) {
                    Some(value) => Some(value),
                    None => return self.refuse(format!("Missing parameter for option -{c}")),
                },
            };
            return self.apply(def, value);
        }
        None
    }

    fn apply(&mut self, def: &OptionDef, value: Option<&str>) -> Option<Command> {
        let set = match def.action {
            Action::Do(make) => return Some(make(value)),
            Action::Set(set) => set,
            Action::NotYet(set) => {
                let warning = format!("Option {} has no effect yet", def.name());
                if !self.warnings.contains(&warning) {
                    self.warnings.push(warning);
                }
                set
            }
        };
        // A bad value is told and ignored, as keepalived does.
        if let Err(message) = set(&mut self.options, value) {
            self.messages.push(message);
        }
        None
    }
}

/// The option called `name`, or the only one that begins so.
fn find_long(name: &str) -> Option<&'static OptionDef> {
    let exact = OPTIONS.iter().find(|o| o.long == Some(name));
    exact.or_else(|| {
        let mut found = OPTIONS.iter().filter(|o| o.long.is_some_and(|l| l.starts_with(name)));
        match (found.next(), found.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    })
}

/// The text of `-h`.
#[must_use]
pub fn help(program: &str) -> String {
    const COLUMN: usize = 31;
    let mut text = format!("Usage: {program} [OPTION...]\n");
    for def in OPTIONS.iter().filter(|o| !o.help.is_empty()) {
        let mut left = match (def.short, def.long) {
            (Some(c), Some(l)) => format!("  -{c}, --{l}"),
            (Some(c), None) => format!("  -{c}"),
            (None, l) => format!("      --{}", l.unwrap_or_default()),
        };
        match def.argument {
            Argument::No => {}
            Argument::Required(what) => _ = write!(left, "={what}"),
            Argument::Optional(what) => _ = write!(left, "[={what}]"),
        }
        let mut lines = def.help.lines();
        if left.len() < COLUMN {
            _ = writeln!(text, "{left:COLUMN$}{}", lines.next().unwrap_or_default());
        } else {
            _ = writeln!(text, "{left}");
        }
        for line in lines {
            _ = writeln!(text, "{:COLUMN$}{line}", "");
        }
        if matches!(def.action, Action::NotYet(_)) {
            _ = writeln!(text, "{:COLUMN$}(no effect yet)", "");
        }
    }
    text
}

/// The words of a command line as the log shows them: quoted, and broken into lines of a readable
/// length.
#[must_use]
pub fn command_line(words: &[String]) -> Vec<String> {
    const WIDTH: usize = 72;
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words {
        if !line.is_empty() && line.len() + word.len() + 3 > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        _ = write!(line, " '{word}'");
    }
    lines.push(line);
    let first = "Command line:";
    lines
        .iter()
        .enumerate()
        .map(|(i, l)| if i == 0 { format!("{first}{l}") } else { format!("{:1$}{l}", "", first.len()) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Parsed {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    fn options(line: &str) -> Options {
        match read(line).command {
            Command::Run(o) => *o,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn no_two_options_share_a_name() {
        for (i, a) in OPTIONS.iter().enumerate() {
            assert!(a.short.is_some() || a.long.is_some());
            for b in OPTIONS.iter().skip(i + 1) {
                assert!(a.short.is_none() || a.short != b.short, "{}", a.name());
                assert!(a.long.is_none() || a.long != b.long, "{}", a.name());
            }
        }
    }

    #[test]
    fn short_options_can_be_joined_and_end_with_an_argument() {
        let o = options("-nlDDf/etc/k.conf -i left -S local3");
        assert!(o.dont_fork && o.log_console);
        assert_eq!((o.log_detail, o.config.as_deref()), (2, Some("/etc/k.conf")));
        assert_eq!((o.config_id.as_deref(), o.facility), (Some("left"), Facility(19)));
    }

    #[test]
    fn an_optional_argument_must_be_joined() {
        assert_eq!(options("-t").test, Some(None));
        assert_eq!(options("-t/tmp/x").test, Some(Some("/tmp/x".to_owned())));
        assert_eq!(options("--config-test=/tmp/x").test, Some(Some("/tmp/x".to_owned())));
        assert_eq!(options("-g -n").log_file, Some(None));
        assert_eq!(options("-M").core_pattern.as_deref(), Some("core"));
        let apart = read("-t /tmp/x");
        assert_eq!(apart.messages, ["Unexpected argument(s): /tmp/x"]);
        assert!(matches!(apart.command, Command::Run(o) if o.test == Some(None)));
    }

    #[test]
    fn long_names_may_be_cut_while_they_are_unique() {
        assert_eq!(read("--sig=STOP").command, Command::SignalNumber("STOP".to_owned()));
        assert!(options("--dont-f").dont_fork);
        assert_eq!(options("--vrrp").only_vrrp, options("-P").only_vrrp);
        assert_eq!(read("--log").messages, ["Unknown option --log"]);
        assert_eq!(read("--log").command, Command::Wrong);
    }

    #[test]
    fn every_mistake_of_a_command_line_is_told() {
        let p = read("-Zn --bogus --dont-fork=3 -f");
        assert_eq!(p.command, Command::Wrong);
        let expected = [
            "Unknown option -Z",
            "Unknown option --bogus",
            "Unknown option --dont-fork=3",
            "Missing parameter for option -f",
        ];
        assert_eq!(p.messages, expected);
        assert_eq!(read("--signum").messages, ["Missing parameter for option --signum"]);
    }

    #[test]
    fn paths_survive_a_change_of_directory() {
        let mut o = options("-f k.conf -p /x.pid -gmy.log");
        o.resolve_paths(Path::new("/etc"));
        assert_eq!((o.config.as_deref(), o.pid.as_deref()), (Some("/etc/k.conf"), Some("/x.pid")));
        assert_eq!((o.log_file, o.vrrp_pid), (Some(Some("/etc/my.log".to_owned())), None));
    }

    #[test]
    fn surplus_words_are_told_and_do_not_stop_it() {
        let p = read("a -n b -- -l");
        assert_eq!(p.messages, ["Unexpected argument(s): a b -l"]);
        assert!(matches!(p.command, Command::Run(o) if o.dont_fork && !o.log_console));
    }

    #[test]
    fn a_bad_value_is_told_and_ignored() {
        let p = read("-S 9 -n");
        assert_eq!(p.messages, ["Invalid log facility '9'"]);
        assert!(matches!(p.command, Command::Run(o) if o.facility == Facility::DAEMON));
        assert_eq!(options("-u 0x12").umask, Some(0o22));
        assert_eq!(options("-u 022").umask, Some(0o22));
        assert_eq!(read("-u 9999").messages.len(), 1);
    }

    #[test]
    fn an_option_without_effect_is_warned_about_once() {
        assert_eq!(read("-x -x --all").warnings, ["Option -x/--snmp has no effect yet"]);
        assert_eq!(read("-n").warnings, <[&str; 0]>::default());
    }

    #[test]
    fn the_first_action_wins() {
        assert_eq!(read("-v --bogus").command, Command::Version);
        assert_eq!(read("-nh -v").command, Command::Help);
        assert_eq!(read("-T -s 10.0.0.1").command, Command::Genhash);
    }

    #[test]
    fn the_help_shows_every_option_that_has_one() {
        let text = help("vipd");
        for def in OPTIONS.iter().filter(|o| !o.help.is_empty()) {
            assert!(def.long.is_none_or(|l| text.contains(&format!("--{l}"))), "{}", def.name());
        }
    }

    #[test]
    fn a_long_command_line_is_broken() {
        let words: Vec<String> =
            ["/usr/sbin/keepalived", "-f", &"x".repeat(40), "-n", "-l"].map(str::to_owned).into();
        let lines = command_line(&words);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("Command line: '/usr/sbin/keepalived' '-f' 'xx"));
        assert_eq!(lines[1], "              '-n' '-l'");
    }
}
