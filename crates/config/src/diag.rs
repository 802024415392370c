//! What is wrong with a configuration, and what follows from it.

mod explain;

use std::collections::BTreeSet;

pub use explain::Example;

use crate::span::Span;

/// How bad a problem is, in keepalived's order. A configuration test reports the largest one, so
/// that the order is part of the interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Nothing wrong: advice that keepalived would not have given.
    Ok,
    /// A file isn't there.
    FileNotFound,
    /// An interface isn't there.
    BadInterface,
    /// Nothing can be done.
    Fatal,
    /// More than one top file.
    MultipleFiles,
    /// A word that isn't known here.
    UnknownKeyword,
    /// `{` where none belongs.
    UnexpectedOpen,
    /// No `{` where one belongs.
    MissingOpen,
    /// `}` where none belongs.
    UnexpectedClose,
    /// Too few `}` at the end.
    MissingClose,
    /// A quotation without an end.
    UnmatchedQuote,
    /// A keyword without its value.
    MissingParameter,
    /// A value that is no number or out of range.
    InvalidNumber,
    /// Any other error.
    General,
    /// Something doubtful.
    Warning,
    /// Something that will go away.
    Deprecated,
    /// A script that somebody else than root could change.
    Security,
}

/// How a problem is shown to a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Something to know.
    Note,
    /// It works, but perhaps not as meant.
    Warning,
    /// Something was ignored, or the whole configuration is refused.
    Error,
}

/// What a problem does to the load as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The rest is used.
    Goes,
    /// No model: the daemon ends with [`EXIT_CONFIG`]; a test says [`EXIT_TEST_FAILED`] at least.
    Refuses,
    /// A keyword lacks its value: no model, and both end with [`EXIT_CONFIG`].
    LacksParameter,
    /// A strict include failed: no model, and both end with [`EXIT_NO_CONFIG`].
    LacksInclude,
    /// There is no top file: the daemon ends with [`EXIT_NO_CONFIG`], but a test is content.
    LacksFile,
}

/// The daemon ends normally, or a test finds nothing wrong.
pub const EXIT_OK: u8 = 0;
/// The configuration cannot be run.
pub const EXIT_CONFIG: u8 = 2;
/// A test ends so if a missing file, a missing interface or a fatal problem is the worst it found.
pub const EXIT_TEST_FATAL: u8 = 4;
/// A test ends so if it found any other problem.
pub const EXIT_TEST_FAILED: u8 = 5;
/// A test ends so if scripts are not secure.
pub const EXIT_TEST_SECURITY: u8 = 6;
/// There is no configuration.
pub const EXIT_NO_CONFIG: u8 = 6;

/// A kind of problem: one line of the table below, and a file of its own in `diag/explain`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code {
    /// The name in `error[name]`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// How it is shown.
    pub level: Level,
    /// What it does to the load.
    pub effect: Effect,
    /// The long story for people, in Markdown: a title, what it means and what to do, and an example
    /// that has it ([`Code::example`]).
    pub explanation: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $id:ident = $name:literal, $severity:ident, $level:ident, $effect:ident;)*) => {
        impl Code {
            $($(#[$doc])* pub const $id: Self = Self {
                name: $name,
                severity: Severity::$severity,
                level: Level::$level,
                effect: Effect::$effect,
                explanation: include_str!(concat!("diag/explain/", $name, ".md")),
            };)*

            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$id),*];
        }
    };
}

codes! {
    /// The top file isn't there.
    NO_FILE = "no-file", Ok, Error, LacksFile;
    /// More than one file matches the name of the top file.
    SEVERAL_FILES = "several-files", MultipleFiles, Warning, Goes;
    /// A file cannot be read.
    UNREADABLE = "unreadable-file", FileNotFound, Warning, Goes;
    /// A strict include found nothing, or not all.
    INCLUDE = "include-failed", FileNotFound, Error, LacksInclude;
    /// A file includes itself.
    INCLUDE_LOOP = "include-loop", General, Error, Goes;
    /// Files include each other too deeply.
    INCLUDE_DEPTH = "include-depth", General, Error, Goes;
    /// More than 1023 bytes in a line.
    LONG_LINE = "long-line", General, Error, Goes;
    /// A byte 0 in a line.
    NUL = "nul-byte", General, Error, Goes;
    /// Bytes that are not UTF-8.
    UTF8 = "invalid-utf8", Warning, Warning, Goes;
    /// A quotation without an end.
    QUOTE = "unterminated-quote", UnmatchedQuote, Error, Goes;
    /// A word that isn't known in this block.
    UNKNOWN_KEYWORD = "unknown-keyword", UnknownKeyword, Warning, Goes;
    /// `{` where none belongs.
    STRAY_OPEN = "unexpected-brace", UnexpectedOpen, Error, Goes;
    /// No `{` where one belongs.
    NO_OPEN = "missing-open-brace", MissingOpen, Error, Goes;
    /// `}` where none belongs.
    STRAY_CLOSE = "extra-close-brace", UnexpectedClose, Error, Goes;
    /// Too few `}` at the end.
    NO_CLOSE = "missing-close-brace", MissingClose, Error, Goes;
    /// A definition whose value needs itself.
    RECURSION = "recursive-definition", General, Error, Goes;
    /// Definitions that nest too deeply.
    EXPANSION_DEPTH = "expansion-depth", General, Error, Goes;
    /// Definitions or sequences that expand to too much text.
    EXPANSION_SIZE = "expansion-size", General, Error, Refuses;
    /// More text, or more files, than a configuration may have.
    TOO_LARGE = "too-large", General, Error, Refuses;
    /// Braces that nest too deeply.
    NESTING = "nesting-depth", General, Error, Refuses;
    /// A `~SEQ` or `~LST` that makes no sense.
    SEQUENCE = "invalid-sequence", General, Error, Goes;
    /// A `${_..}` that makes no sense.
    PREDEFINED = "invalid-predefined", General, Error, Goes;
    /// A `${NAME}` that nobody has defined.
    UNDEFINED = "undefined-name", Ok, Note, Goes;
    /// A keyword that is known but has no effect yet.
    NOT_YET = "not-in-effect-yet", Ok, Warning, Goes;
    /// A keyword that has no effect any more.
    IGNORED = "ignored-keyword", Ok, Note, Goes;
    /// A keyword that will go away.
    DEPRECATED = "deprecated", Deprecated, Warning, Goes;
    /// The same, of what a configuration test of keepalived is content with.
    OLD_WAY = "old-way", Ok, Warning, Goes;
    /// A keyword without its value.
    NO_PARAMETER = "missing-parameter", MissingParameter, Error, LacksParameter;
    /// A keyword without its value, of those that keepalived then passes over.
    NO_VALUE = "missing-value", General, Error, Goes;
    /// A value that is no number.
    NUMBER = "invalid-number", InvalidNumber, Error, Goes;
    /// A number out of its range.
    RANGE = "out-of-range", InvalidNumber, Error, Goes;
    /// Words after the last one that is used.
    EXTRA = "extra-words", Ok, Warning, Goes;
    /// Words between the keyword of a value block and its `{`.
    EXTRA_BLOCK = "extra-words-before-block", General, Warning, Goes;
    /// Something that is written twice, or means nothing without something else.
    POINTLESS = "no-effect-here", Ok, Warning, Goes;
    /// A value of the wrong kind.
    VALUE = "invalid-value", General, Error, Goes;
    /// A combination that cannot work; what is used instead is told.
    CONFLICT = "conflict", General, Warning, Goes;
    /// `nopreempt` beside `state MASTER`, or at the owner of the addresses.
    NOPREEMPT_MASTER = "nopreempt-with-master", General, Warning, Goes;
    /// A password of more than 8 bytes.
    LONG_PASSWORD = "long-password", General, Warning, Goes;
    /// What is printed in the place of a secret, as the secret.
    HIDDEN = "hidden-secret", Ok, Warning, Goes;
    /// A quorum that all real servers together do not reach.
    QUORUM = "quorum-above-weights", General, Warning, Goes;
    /// A server with another port than the service, where none can be translated.
    PORTS = "port-without-nat", General, Warning, Goes;
    /// A key in a file that others may read.
    OPEN_KEY = "readable-key", Ok, Warning, Goes;
    /// A name that is defined twice.
    DUPLICATE = "duplicate-name", General, Error, Goes;
    /// A name that nobody has defined.
    UNKNOWN_NAME = "unknown-name", General, Error, Goes;
    /// Something is defined and nobody uses it.
    UNUSED = "unused", Ok, Warning, Goes;
    /// An interface isn't there.
    INTERFACE = "unknown-interface", BadInterface, Error, Refuses;
    /// An instance that cannot be: the whole configuration is refused.
    INSTANCE = "impossible-instance", General, Error, Refuses;
    /// Two instances that are the same virtual router.
    DUPLICATE_VRID = "duplicate-vrid", General, Error, Refuses;
    /// A script that cannot be run.
    SCRIPT = "script-not-found", General, Error, Goes;
    /// A command that is no tracked script cannot be run; keepalived goes on and calls it no error.
    COMMAND = "unusable-command", Ok, Error, Goes;
    /// A command was found by its name alone.
    SEARCHED = "command-without-path", Ok, Warning, Goes;
    /// A script that somebody else than root could change.
    INSECURE_SCRIPT = "insecure-script", Security, Error, Goes;
    /// The account that scripts run as by default isn't there.
    SCRIPT_USER = "script-user", Ok, Note, Goes;
    /// Scripts run and `enable_script_security` isn't set.
    SCRIPT_SECURITY = "script-security", Security, Warning, Goes;
    /// A VIP lease that doesn't fit the interval; keepalived has none.
    LEASE = "vip-lease", Ok, Warning, Goes;
    /// Virtual addresses have no lease since there are too many.
    NO_LEASE = "no-vip-lease", Ok, Note, Goes;
    /// A weight that never changes the priority.
    WEIGHT_IDLE = "weight-without-effect", Ok, Warning, Goes;
    /// Priority and weights together are above the limit.
    WEIGHT_LIMIT = "priority-above-limit", Ok, Note, Goes;
    /// A weight where nobody takes over from a lower priority.
    WEIGHT_NOPREEMPT = "weight-with-nopreempt", Ok, Warning, Goes;
    /// The strict mode makes virtual addresses deaf.
    STRICT_PING = "strict-drops-packets", Ok, Warning, Goes;
    /// A router among its own peers.
    OWN_PEER = "own-address-as-peer", Ok, Warning, Goes;
    /// Unicast from an address that nobody chose.
    NO_SOURCE = "unicast-without-source", Ok, Note, Goes;
    /// Announcements by the hundred.
    GARP_FLOOD = "many-announcements", Ok, Note, Goes;
    /// More addresses than an advert of version 2 should have.
    MANY_ADDRESSES = "many-addresses", Ok, Note, Goes;
    /// Two instances hold one address.
    SHARED_ADDRESS = "shared-address", Ok, Warning, Goes;
    /// An address in no subnet of its interface.
    FOREIGN_ADDRESS = "address-outside-subnets", Ok, Note, Goes;
    /// Members of a group with different priorities.
    GROUP_PRIORITIES = "group-priorities", Ok, Note, Goes;
    /// A command for a shell, without a shell.
    SHELL_SYNTAX = "shell-syntax", Ok, Warning, Goes;
    /// A check that may last longer than its period.
    SLOW_CHECK = "timeout-beyond-interval", Ok, Warning, Goes;
    /// A real server that nobody checks.
    NO_CHECK = "unchecked-server", Ok, Note, Goes;
    /// Nodes that should be one virtual router have different numbers.
    CLUSTER_ROUTER_ID = "cluster-router-id", Ok, Error, Goes;
    /// A virtual router that one node has.
    CLUSTER_ALONE = "cluster-alone", Ok, Note, Goes;
    /// Nodes with different versions of the protocol.
    CLUSTER_VERSION = "cluster-version", Ok, Error, Goes;
    /// Nodes that send to different places.
    CLUSTER_TRANSPORT = "cluster-transport", Ok, Error, Goes;
    /// Nodes with different authentication.
    CLUSTER_AUTH = "cluster-authentication", Ok, Error, Goes;
    /// Nodes with different intervals in version 2.
    CLUSTER_INTERVAL = "cluster-interval", Ok, Error, Goes;
    /// Nodes with different checksums.
    CLUSTER_CHECKSUM = "cluster-checksum", Ok, Error, Goes;
    /// Nodes with different addresses.
    CLUSTER_ADDRESSES = "cluster-addresses", Ok, Warning, Goes;
    /// Nodes of which some preempt.
    CLUSTER_NOPREEMPT = "cluster-nopreempt", Ok, Note, Goes;
    /// A node that sends nothing to another one.
    CLUSTER_PEERS = "cluster-peers", Ok, Error, Goes;
    /// Nodes that send from the same address.
    CLUSTER_SOURCE = "cluster-source", Ok, Error, Goes;
    /// Several owners of the addresses.
    CLUSTER_OWNERS = "cluster-owners", Ok, Error, Goes;
    /// Nodes with the same priority.
    CLUSTER_TIE = "cluster-same-priority", Ok, Warning, Goes;
    /// Several nodes that start as master.
    CLUSTER_MASTERS = "cluster-masters", Ok, Note, Goes;
    /// Weights that never cause a failover.
    CLUSTER_WEIGHT = "cluster-weight", Ok, Warning, Goes;
    /// Weights that make another node master than the priorities say.
    CLUSTER_ORDER = "cluster-priority-order", Ok, Warning, Goes;
    /// Nodes with different members of a sync group.
    CLUSTER_GROUP = "cluster-sync-group", Ok, Warning, Goes;
    /// Different nodes are ahead within one sync group.
    CLUSTER_GROUP_ORDER = "cluster-sync-group-order", Ok, Warning, Goes;
    /// `reload_check_config` makes every problem a refusal.
    CHECKED = "reload-check-config", General, Error, Refuses;
}

/// One problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where.
    pub span: Option<Span>,
    /// What the place itself is told, beside the caret.
    pub label: Option<String>,
    /// Other places that explain it.
    pub others: Vec<(Span, String)>,
    /// A way out.
    pub help: Option<String>,
    /// The line for the log where keepalived's users know one; else `message` is used.
    pub log: Option<String>,
    /// The line for the log has no place before it: keepalived finds this problem after it has read
    /// the files.
    pub bare: bool,
}

impl Diagnostic {
    /// A problem without a place.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span: None,
            label: None,
            others: Vec::new(),
            help: None,
            log: None,
            bare: false,
        }
    }

    pub(crate) fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    pub(crate) fn label(mut self, text: impl Into<String>) -> Self {
        self.label = Some(text.into());
        self
    }

    pub(crate) fn other(mut self, span: Span, text: impl Into<String>) -> Self {
        self.others.push((span, text.into()));
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    pub(crate) fn log(mut self, text: impl Into<String>) -> Self {
        self.log = Some(text.into());
        self
    }

    /// The line for the log, without a place before it.
    pub(crate) fn bare_log(mut self, text: impl Into<String>) -> Self {
        self.bare = true;
        self.log(text)
    }

    /// The word that should stand at the place instead of what does: a program can put it there. There is one
    /// if the way out asks "did you mean".
    #[must_use]
    pub fn replacement(&self) -> Option<&str> {
        self.help.as_deref()?.strip_prefix("did you mean `")?.strip_suffix("`?")
    }

    /// How it is shown.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.code.level
    }
}

/// The problems of one load, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    seen: BTreeSet<(&'static str, Option<Span>, String)>,
    left_out: usize,
    effects: Vec<Effect>,
    worst: Option<Severity>,
}

impl Diagnostics {
    /// More than this many are counted, not kept.
    pub const MOST: usize = 1_000;

    /// Adds a problem, unless it was told already (a line that is repeated by a sequence has its
    /// faults once).
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let code = diagnostic.code;
        self.worst = self.worst.max(Some(code.severity));
        if !self.effects.contains(&code.effect) {
            self.effects.push(code.effect);
        }
        if self.is_full() {
            self.left_out += 1;
            return;
        }
        if self.seen.insert((code.name, diagnostic.span, diagnostic.message.clone())) {
            self.list.push(diagnostic);
        }
    }

    /// Adds the last problem of all, which is kept however many there are.
    pub(crate) fn push_last(&mut self, diagnostic: Diagnostic) {
        if self.is_full() {
            self.list.pop();
            self.left_out += 1;
        }
        self.push(diagnostic);
    }

    /// Whether more problems are only counted: no work on their words is worth while then.
    pub(crate) const fn is_full(&self) -> bool {
        self.list.len() >= Self::MOST
    }

    /// Adds the problems of another list, and puts all in the order of their places.
    pub(crate) fn merge(&mut self, other: Self, place: impl Fn(Span) -> Span) {
        self.worst = self.worst.max(other.worst);
        self.left_out += other.left_out;
        for effect in other.effects {
            if !self.effects.contains(&effect) {
                self.effects.push(effect);
            }
        }
        self.list.extend(other.list);
        self.list.sort_by_key(|d| {
            let at = d.span.map(&place);
            (at.is_none(), at.map(|span| (span.file, span.start)))
        });
    }

    /// The problems.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many were found after the first [`Diagnostics::MOST`].
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// The largest severity.
    #[must_use]
    pub fn worst(&self) -> Severity {
        self.worst.unwrap_or(Severity::Ok)
    }

    /// What follows for the process.
    #[must_use]
    pub fn exits(&self) -> Exits {
        Exits::of(&self.effects, self.worst())
    }
}

/// The exit statuses that follow from a load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exits {
    /// Of the daemon at its start; `None` if it can run.
    pub run: Option<u8>,
    /// Of a configuration test (`-t`).
    pub test: u8,
}

impl Exits {
    /// The one place where problems become exit statuses.
    fn of(effects: &[Effect], worst: Severity) -> Self {
        let by_severity = match worst {
            Severity::Ok => EXIT_OK,
            Severity::FileNotFound | Severity::BadInterface | Severity::Fatal => EXIT_TEST_FATAL,
            Severity::Security => EXIT_TEST_SECURITY,
            _ => EXIT_TEST_FAILED,
        };
        let has = |effect| effects.contains(&effect);
        if has(Effect::LacksInclude) {
            Self { run: Some(EXIT_NO_CONFIG), test: EXIT_NO_CONFIG }
        } else if has(Effect::LacksParameter) {
            Self { run: Some(EXIT_CONFIG), test: EXIT_CONFIG }
        } else if has(Effect::Refuses) {
            Self { run: Some(EXIT_CONFIG), test: by_severity.max(EXIT_TEST_FAILED) }
        } else if has(Effect::LacksFile) {
            Self { run: Some(EXIT_NO_CONFIG), test: by_severity }
        } else {
            Self { run: None, test: by_severity }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exits(codes: &[Code]) -> Exits {
        let mut all = Diagnostics::default();
        for &code in codes {
            all.push(Diagnostic::new(code, "x"));
        }
        all.exits()
    }

    #[test]
    fn exit_statuses_are_those_that_keepalived_gives() {
        let ran = |test| Exits { run: None, test };
        assert_eq!(exits(&[]), ran(0));
        assert_eq!(exits(&[Code::NOT_YET]), ran(0));
        assert_eq!(exits(&[Code::UNREADABLE]), ran(4));
        assert_eq!(exits(&[Code::UNREADABLE, Code::UNKNOWN_KEYWORD]), ran(5));
        assert_eq!(exits(&[Code::UNKNOWN_KEYWORD, Code::SCRIPT_SECURITY, Code::NUMBER]), ran(6));
        assert_eq!(exits(&[Code::NO_FILE]), Exits { run: Some(6), test: 0 });
        assert_eq!(exits(&[Code::INSTANCE]), Exits { run: Some(2), test: 5 });
        assert_eq!(exits(&[Code::INTERFACE]), Exits { run: Some(2), test: 5 });
        assert_eq!(exits(&[Code::NO_PARAMETER, Code::SCRIPT_SECURITY]), Exits { run: Some(2), test: 2 });
        assert_eq!(exits(&[Code::NO_PARAMETER, Code::INCLUDE]), Exits { run: Some(6), test: 6 });
    }

    #[test]
    fn the_same_problem_is_told_once_and_a_flood_is_cut() {
        let mut all = Diagnostics::default();
        all.push(Diagnostic::new(Code::NUL, "same"));
        all.push(Diagnostic::new(Code::NUL, "same"));
        assert_eq!(all.len(), 1);
        for n in 0..2 * Diagnostics::MOST {
            all.push(Diagnostic::new(Code::NUL, format!("{n}")));
        }
        assert_eq!(all.len(), Diagnostics::MOST);
        assert_eq!(all.left_out(), Diagnostics::MOST + 1);
    }

    #[test]
    fn names_of_codes_are_unique() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
