//! What every keyword may use: the world, and the list of problems.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::{Duration, IfName};

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::keyword::{MOST_MILLISECONDS, Outside, Places, Range, SecondsRange, value};
use crate::lang::reader::missing_parameter;
use crate::lang::tree::Line;
use crate::lang::{Body, Node, Word};
use crate::load::Accounts;
use crate::print::HIDDEN;
use crate::source::Source;
use crate::span::Span;

/// Keywords that keepalived passes over when their value is missing. Without the value of any other one
/// it does not start.
const PASSED_OVER: &[&str] = &[
    "net_namespace",
    "instance",
    "startup_script",
    "startup_script_timeout",
    "shutdown_script",
    "shutdown_script_timeout",
    "default_interface",
    "vrrp_priority",
    "vrrp_rt_priority",
    "vrrp_cpu_affinity",
    "notify_fifo",
    "notify_fifo_script",
    "vrrp_notify_fifo",
    "vrrp_notify_fifo_script",
    "script_user",
    "vrrp_netlink_cmd_rcv_bufs",
    "vrrp_netlink_monitor_rcv_bufs",
    "vrrp_rx_bufs_policy",
    "vrrp_rx_bufs_multiplier",
    "json_version",
    "kernel_rx_buf_size",
    "bfd_priority",
    "bfd_rt_priority",
    "process_monitor_rcv_bufs",
    "file",
    "checker_priority",
    "checker_rt_priority",
    "checker_cpu_affinity",
    "lvs_notify_fifo",
    "lvs_notify_fifo_script",
    "lvs_netlink_cmd_rcv_bufs",
    "lvs_netlink_monitor_rcv_bufs",
    "notification_email_from",
    "misc_path",
];

/// Intervals of BFD sessions that are longer are taken, but told.
const SENSIBLE: Duration = Duration::from_secs(10);

/// The context of a load.
pub(crate) struct Cx<'s> {
    pub(crate) source: &'s dyn Source,
    pub(crate) diagnostics: Diagnostics,
    /// Places whose text must not be shown.
    pub(crate) secrets: Vec<Span>,
    /// Where each keyword stands, if somebody wants to know.
    pub(crate) places: Option<Places>,
    /// Keywords about whose missing effect the user was told.
    told: BTreeSet<String>,
    /// Keywords that are pending, with the place of their first use and the number of uses.
    pending: BTreeMap<(&'static str, &'static str), (Span, usize)>,
    /// How many blocks that are pending are open.
    pub(crate) within_pending: usize,
    /// The object whose keywords are being read: keepalived names it in its messages.
    pub(crate) object: String,
    /// The names of those that commands run as.
    pub(crate) accounts: Accounts,
    /// Where iproute2 keeps names of numbers; the later file wins.
    pub(crate) name_directories: [String; 2],
}

impl<'s> Cx<'s> {
    pub(crate) fn new(source: &'s dyn Source) -> Self {
        Self {
            source,
            diagnostics: Diagnostics::default(),
            secrets: Vec::new(),
            places: None,
            told: BTreeSet::new(),
            pending: BTreeMap::new(),
            within_pending: 0,
            object: String::new(),
            accounts: Accounts::default(),
            name_directories: ["/usr/share/iproute2".to_owned(), "/etc/iproute2".to_owned()],
        }
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// A keyword that is checked and held in the model, and has no effect yet: counted, and told once by
    /// [`Cx::tell_pending`]. Within a block that is told itself nothing more is said.
    pub(crate) fn pending(&mut self, block: &'static str, node: &Node) {
        if self.within_pending > 0 {
            return;
        }
        self.pending_word(block, node.keyword.text, node.keyword.span);
    }

    /// As [`Cx::pending`], for a `word` within a line of `what`.
    pub(crate) fn pending_word(&mut self, what: &'static str, word: &'static str, at: Span) {
        self.pending.entry((what, word)).or_insert((at, 0)).1 += 1;
    }

    /// The word at `index` of a value line lacks its value. As keepalived, nothing runs then.
    pub(crate) fn missing_in_line(&mut self, line: &Line, index: usize) {
        let word = index.checked_sub(1).map_or(&line.first, |i| line.rest.get(i).unwrap_or(&line.first));
        let d = Diagnostic::new(Code::NO_PARAMETER, format!("`{}` needs a value", word.text))
            .at(word.span)
            .label("a value must follow")
            .help("add the value, or remove the word")
            .log(missing_parameter(&line.first.text, &word.text, index + 2));
        self.report(d);
    }

    /// Tells each keyword that is pending once, at its first use.
    pub(crate) fn tell_pending(&mut self) {
        for ((_, keyword), (span, count)) in std::mem::take(&mut self.pending) {
            let label = match count {
                1 => "nothing acts on it yet".to_owned(),
                n => format!("nothing acts on it yet, here and in {} more places", n - 1),
            };
            let message = format!("`{keyword}` is read and checked, but has no effect yet");
            let d = Diagnostic::new(Code::NOT_YET, message).at(span).label(label);
            self.report(d.help("the rest of the configuration works without it"));
        }
    }

    /// A consequence of a setting that is known and does not happen yet: told once.
    pub(crate) fn consequence_not_yet(&mut self, what: &str, span: Span, help: &str) {
        if self.told.insert(what.to_owned()) {
            let d = Diagnostic::new(Code::NOT_YET, format!("{what} has no effect yet"));
            self.report(d.at(span).label("works without it for now").help(help));
        }
    }

    /// A keyword that means nothing any more.
    pub(crate) fn ignored(&mut self, node: &Node, doc: &str) {
        let keyword = node.keyword.text;
        if self.told.insert(format!("ignored {keyword}")) {
            let d = Diagnostic::new(Code::IGNORED, format!("`{keyword}` is accepted and has no effect"));
            self.report(d.at(node.keyword.span).label(doc).help("remove the line"));
        }
    }

    /// Words that nobody reads. keepalived passes over them in silence, except before values.
    pub(crate) fn extra(&mut self, node: &Node, first: &Word) {
        let keyword = node.keyword.text;
        let (code, log) = match node.body {
            Body::Values(_) => {
                (Code::EXTRA_BLOCK, Some(format!("Block {keyword} has extra parameters {} ...", first.text)))
            }
            _ => (Code::EXTRA, None),
        };
        let mut d = Diagnostic::new(code, format!("`{keyword}` does not take that many words"))
            .at(first.span)
            .label("from here on the line is ignored")
            .help("remove them, or start a comment with `#`");
        d.log = log;
        self.report(d);
    }

    /// The word is a password or a key: nobody shows it. One that was hidden already is hardly meant.
    pub(crate) fn secret(&mut self, word: &Word) {
        if word.text == HIDDEN {
            let d = Diagnostic::new(Code::HIDDEN, format!("`{HIDDEN}` stands in the place of a secret"))
                .at(word.span)
                .label("taken for the secret itself")
                .help("write the secret; `vipd print --show-secrets` shows it");
            self.report(d);
        }
        self.secrets.push(word.span);
    }

    /// A keyword that counts once only, and stands there once more; `log` is keepalived's line.
    pub(crate) fn twice(&mut self, node: &Node, log: String) {
        let d = Diagnostic::new(Code::DUPLICATE, format!("`{}` stands here twice", node.keyword.text))
            .at(node.line)
            .label("this one is ignored")
            .help("remove one of them")
            .log(log);
        self.report(d);
    }

    /// A keyword without the word that it needs at `position` (the keyword is at 1).
    pub(crate) fn missing(&mut self, node: &Node, position: usize) {
        let keyword = node.keyword.text;
        let last = node.words.last().filter(|word| !self.secrets.contains(&word.span));
        let last = last.map_or(keyword, Word::as_str);
        let code = match keyword {
            "script" => Code::COMMAND,
            lenient if PASSED_OVER.contains(&lenient) => Code::NO_VALUE,
            _ => Code::NO_PARAMETER,
        };
        let d = Diagnostic::new(code, format!("`{keyword}` needs a value"))
            .at(node.line)
            .label("a value must follow")
            .help(format!("add the value after `{last}`, or remove the line"))
            .log(missing_parameter(keyword, last, position));
        self.report(d);
    }

    /// A word within a line without its value, at `position` (the keyword is at 1).
    pub(crate) fn missing_after(&mut self, node: &Node, word: &Word, position: usize) {
        let d = Diagnostic::new(Code::NO_PARAMETER, format!("`{}` needs a value", word.text))
            .at(word.span)
            .label("a value must follow")
            .help(format!("add the value after `{}`, or remove it", word.text))
            .log(missing_parameter(node.keyword.text, &word.text, position));
        self.report(d);
    }

    /// A value that is no good; the keyword is ignored.
    pub(crate) fn bad_value(&mut self, word: &Word, message: String, help: impl Into<String>) {
        let d = Diagnostic::new(Code::VALUE, message).at(word.span).label("ignored").help(help);
        self.report(d);
    }

    /// Reads `on` and its kin.
    pub(crate) fn switch(&mut self, node: &Node, word: &Word) -> Option<bool> {
        let read = value::switch(&word.text);
        if read.is_none() {
            let keyword = node.keyword.text;
            let message = format!("`{}` is not a switch for `{keyword}`", word.text);
            let d = Diagnostic::new(Code::VALUE, message)
                .at(word.span)
                .label("ignored")
                .help("use `on`, `true` or `yes`, or `off`, `false` or `no`")
                .log(format!("Invalid {} {keyword} parameter {}", self.object, word.text).replace("  ", " "));
            self.report(d);
        }
        read
    }

    /// Reads a whole number in its range.
    pub(crate) fn number(&mut self, keyword: &str, word: &Word, range: Range) -> Option<i64> {
        let Range { min, max, unit, .. } = range;
        let Some(read) = value::whole(&word.text) else {
            let d = Diagnostic::new(
                Code::NUMBER,
                format!("`{keyword}` needs a whole number, not `{}`", word.text),
            )
            .at(word.span)
            .label("not a number; ignored")
            .help(format!("use a number from {min} to {max} {unit}").trim_end().to_owned())
            .log(format!("invalid number '{}'", word.text));
            self.report(d);
            return None;
        };
        if read.value < min || read.value > max {
            let used = read.value.clamp(min, max);
            let (label, used) = match range.outside {
                Outside::Ignore => ("out of range; ignored".to_owned(), None),
                Outside::Clamp => (format!("out of range; {used} is used"), Some(used)),
            };
            let message = format!("`{keyword}` must be from {min} to {max} {unit}");
            let d = Diagnostic::new(Code::RANGE, message.trim_end())
                .at(word.span)
                .label(label)
                .help("choose a number of that range")
                .log(format!("number '{}' outside range [{min}, {max}]", word.text));
            self.report(d);
            return used;
        }
        if read.more {
            self.trailing(keyword, word, &read.value.to_string());
        }
        Some(read.value)
    }

    fn trailing(&mut self, keyword: &str, word: &Word, used: &str) {
        let d = Diagnostic::new(
            Code::NUMBER,
            format!("`{}` has more than the number that `{keyword}` takes", word.text),
        )
        .at(word.span)
        .label(format!("{used} is used"))
        .help(format!("write `{keyword} {used}`"))
        .log(format!("invalid number '{}'", word.text));
        self.report(d);
    }

    /// Reads seconds in their range.
    pub(crate) fn seconds(&mut self, keyword: &str, word: &Word, range: SecondsRange) -> Option<Duration> {
        let limits = || match range.max {
            Duration::MAX => format!("from {}", range.min),
            max => format!("from {} to {max}", range.min),
        };
        let Some(read) = value::seconds(&word.text, range.decimals) else {
            let d = Diagnostic::new(
                Code::NUMBER,
                format!("`{keyword}` needs a time in seconds, not `{}`", word.text),
            )
            .at(word.span)
            .label("not a time; ignored")
            .help(format!("use a number {}", limits()))
            .log(format!("invalid number '{}'", word.text));
            self.report(d);
            return None;
        };
        if read.value < range.min || read.value > range.max {
            let used = read.value.clamp(range.min, range.max);
            let (label, used) = match range.outside {
                Outside::Ignore => ("out of range; ignored".to_owned(), None),
                Outside::Clamp => (format!("out of range; {used} is used"), Some(used)),
            };
            let d = Diagnostic::new(Code::RANGE, format!("`{keyword}` must be {}", limits()))
                .at(word.span)
                .label(label)
                .help("choose a time of that range")
                .log(format!("number '{}' outside range", word.text));
            self.report(d);
            return used;
        }
        if read.more {
            let used = read.value.to_string();
            self.trailing(keyword, word, used.trim_end_matches('s'));
        }
        Some(read.value)
    }

    /// Reads milliseconds with up to three decimals, from `least` on.
    pub(crate) fn milliseconds(&mut self, keyword: &str, word: &Word, least: u32) -> Option<Duration> {
        // Read as seconds of which each is a thousandth.
        let range = Duration::from_secs(least.into())..=Duration::from_secs(MOST_MILLISECONDS.into());
        let read = value::seconds(&word.text, 3).filter(|n| !n.more && range.contains(&n.value));
        let Some(read) = read else {
            let d = Diagnostic::new(
                Code::RANGE,
                format!("`{keyword}` must be from {least} to {MOST_MILLISECONDS} ms"),
            )
            .at(word.span)
            .label("ignored")
            .help("choose a number of that range")
            .log(format!(
                "Configuration error: BFD instance {} {keyword} value {} is not valid (must be in range \
                 [{least}-{MOST_MILLISECONDS}]), ignoring",
                self.object, word.text
            ));
            self.report(d);
            return None;
        };
        let time = read.value.mul_div(1, 1_000);
        if time > SENSIBLE {
            let d = Diagnostic::new(Code::POINTLESS, format!("`{keyword}` of {time} is very long"));
            self.report(d.at(word.span).label("the unit is a millisecond").help("use 10000 at most"));
        }
        Some(time)
    }

    /// Reads the address of one host. As keepalived, it takes what stands before the length of a prefix or the
    /// end of a range.
    pub(crate) fn host(&mut self, word: &Word) -> Option<IpAddr> {
        let end = word.text.find(['/', '-']).unwrap_or(word.text.len());
        let (address, more) = word.text.split_at_checked(end)?;
        let address = value::address(address)?;
        if !more.is_empty() {
            let d = Diagnostic::new(
                Code::EXTRA,
                format!("one address is meant here, and `{more}` means nothing"),
            )
            .at(word.span)
            .label(format!("{address} is used"))
            .help(format!("write `{address}`"));
            self.report(d);
        }
        Some(address)
    }

    /// Reads an address.
    pub(crate) fn address(&mut self, keyword: &str, word: &Word) -> Option<IpAddr> {
        let read = self.host(word);
        if read.is_none() {
            let message = format!("`{}` is not an address for `{keyword}`", word.text);
            self.bad_value(word, message, "write an IPv4 or IPv6 address, without a prefix length");
        }
        read
    }

    /// Reads the name of an interface, by the kernel's rules; whether it exists is asked later.
    pub(crate) fn if_name(&mut self, word: &Word) -> Option<IfName> {
        match IfName::new(&word.text) {
            Ok(name) => Some(name),
            Err(why) => {
                let message = format!("`{}` cannot be the name of an interface: {why}", word.text);
                self.bad_value(word, message, "see `ip link` for the names of the interfaces");
                None
            }
        }
    }
}
