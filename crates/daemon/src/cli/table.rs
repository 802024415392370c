//! The table of options.

use super::Action::{Do, NotYet, Set};
use super::Argument::{No, Optional, Required};
use super::{Command, Facility, OptionDef, Options};

type Value<'a> = Option<&'a str>;
type Result = core::result::Result<(), String>;

const fn def(
    short: char,
    long: &'static str,
    argument: super::Argument,
    help: &'static str,
    action: super::Action,
) -> OptionDef {
    let short = if short == ' ' { None } else { Some(short) };
    let long = if long.is_empty() { None } else { Some(long) };
    OptionDef { short, long, argument, help, action }
}

/// A setter of one field.
macro_rules! flag {
    ($field:ident) => {
        |o: &mut Options, _: Value<'_>| -> Result {
            o.$field = true;
            Ok(())
        }
    };
}
macro_rules! text {
    ($field:ident) => {
        |o: &mut Options, v: Value<'_>| -> Result {
            o.$field = v.map(str::to_owned);
            Ok(())
        }
    };
}
/// For options of debugging builds: known, and without a meaning here.
const NOTHING: fn(&mut Options, Value<'_>) -> Result = |_, _| Ok(());

/// All options, in the order of the help.
pub static OPTIONS: &[OptionDef] = &[
    def(
        'f',
        "use-file",
        Required("FILE"),
        "Configuration file, or a pattern of several\ndefault '/etc/keepalived/keepalived.conf'",
        Set(text!(config)),
    ),
    def('P', "vrrp", No, "Run only the VRRP part", Set(flag!(only_vrrp))),
    def('C', "check", No, "Run only the health checkers", Set(flag!(only_checkers))),
    def('B', "no_bfd", No, "Don't run the BFD part", Set(flag!(no_bfd))),
    def(' ', "all", No, "Run all parts, even those without configuration", Set(flag!(all))),
    def('l', "log-console", No, "Log to standard error, too (with -n)", Set(flag!(log_console))),
    def(
        'D',
        "log-detail",
        No,
        "Log more; twice for still more",
        Set(|o, _| {
            o.log_detail = o.log_detail.saturating_add(1);
            Ok(())
        }),
    ),
    def(
        'S',
        "log-facility",
        Required("([0-7]|local[0-7]|user|daemon)"),
        "Syslog facility, default daemon",
        Set(facility),
    ),
    def(
        'g',
        "log-file",
        Optional("FILE"),
        "Log to FILE, too; one for each process\ndefault '/tmp/keepalived.log'",
        Set(|o, v| {
            o.log_file = Some(v.map(str::to_owned));
            Ok(())
        }),
    ),
    def(' ', "flush-log-file", No, "Write each line of the log file at once", Set(flag!(flush_log_file))),
    def('G', "no-syslog", No, "Don't log to syslog", Set(flag!(no_syslog))),
    def('u', "umask", Required("MASK"), "File mode creation mask; 022 is octal", Set(umask)),
    def('X', "release-vips", No, "Remove virtual addresses whenever not master", Set(flag!(release_vips))),
    def(
        'V',
        "dont-release-vrrp",
        No,
        "Leave addresses and routes in place at the end",
        Set(flag!(keep_vrrp)),
    ),
    def('I', "dont-release-ipvs", No, "Leave the IPVS table in place at the end", Set(flag!(keep_ipvs))),
    def('R', "dont-respawn", No, "End when a child process dies", Set(flag!(dont_respawn))),
    def('n', "dont-fork", No, "Stay in the foreground", Set(flag!(dont_fork))),
    def('d', "dump-conf", No, "Log the configuration", Set(flag!(dump_config))),
    def('p', "pid", Required("FILE"), "Pid file of the parent process", Set(text!(pid))),
    def('r', "vrrp_pid", Required("FILE"), "Pid file of the VRRP process", Set(text!(vrrp_pid))),
    def('T', "genhash", No, "Be genhash; must come first", Do(|_| Command::Genhash)),
    def('c', "checkers_pid", Required("FILE"), "Pid file of the checkers process", Set(text!(checkers_pid))),
    def('a', "address-monitoring", No, "Log each address that comes or goes", Set(flag!(address_monitoring))),
    def('b', "bfd_pid", Required("FILE"), "Pid file of the BFD process", NotYet(text!(bfd_pid))),
    def('x', "snmp", No, "Be an SNMP subagent", NotYet(flag!(snmp))),
    def(
        'A',
        "snmp-agent-socket",
        Required("SPEC"),
        "Where the SNMP master agent listens",
        NotYet(text!(snmp_socket)),
    ),
    def('s', "namespace", Required("NAME"), "Run in network namespace NAME", Set(text!(namespace))),
    def('m', "core-dump", No, "No limit for the size of core files", Set(flag!(core_dump))),
    def(
        'M',
        "core-dump-pattern",
        Optional("PATTERN"),
        "The same, and set the kernel's core_pattern\ndefault 'core'",
        Set(|o, v| {
            o.core_dump = true;
            o.core_pattern = Some(v.unwrap_or("core").to_owned());
            Ok(())
        }),
    ),
    def('e', "all-config", No, "Every included file must be there", Set(flag!(strict_includes))),
    def(
        'i',
        "config-id",
        Required("ID"),
        "Which lines beginning with @ID or @^ID count\ndefault the host's name",
        Set(text!(config_id)),
    ),
    def(
        ' ',
        "signum",
        Required("NAME"),
        "Print the number of the signal for NAME:\nSTOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON",
        Do(|v| Command::SignalNumber(v.unwrap_or_default().to_owned())),
    ),
    def(
        't',
        "config-test",
        Optional("LOG_FILE"),
        "Test the configuration, tell what is wrong with it\non standard error or in LOG_FILE, and exit",
        Set(|o, v| {
            o.test = Some(v.map(str::to_owned));
            Ok(())
        }),
    ),
    def('v', "version", No, "Print the version and exit", Do(|_| Command::Version)),
    def('h', "help", No, "Print this and exit", Do(|_| Command::Help)),
    // Of keepalived's debugging builds.
    def(' ', "ignore-sigint", No, "", Set(flag!(ignore_sigint))),
    def(' ', "perf", Optional("WHAT"), "", NotYet(NOTHING)),
    def(' ', "debug", Optional("WHAT"), "", NotYet(NOTHING)),
    def(' ', "no-mem-check", No, "", NotYet(NOTHING)),
    def('L', "", No, "", NotYet(NOTHING)),
    def('O', "openssl-mem-check", No, "", NotYet(NOTHING)),
];

fn facility(options: &mut Options, value: Value<'_>) -> Result {
    let value = value.unwrap_or_default();
    options.facility = Facility::parse(value).ok_or_else(|| format!("Invalid log facility '{value}'"))?;
    Ok(())
}

/// Reads a number as C writes them: `0x12`, `022`, `18`.
fn umask(options: &mut Options, value: Value<'_>) -> Result {
    let value = value.unwrap_or_default();
    let number = if let Some(hex) = value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        u32::from_str_radix(hex, 16)
    } else if let Some(octal) = value.strip_prefix('0').filter(|s| !s.is_empty()) {
        u32::from_str_radix(octal, 8)
    } else {
        value.parse()
    };
    match number {
        Ok(mask) if mask <= 0o777 && !value.starts_with('+') => {
            options.umask = Some(mask);
            Ok(())
        }
        _ => Err(format!("Invalid umask '{value}'")),
    }
}
