//! Commands: `COMMAND [USER [GROUP]]`, checked when the whole configuration is known.

use model::script::{Command, User};

use crate::diag::{Code, Diagnostic, Severity};
use crate::keyword::Cx;
use crate::lang::words;
use crate::lang::{Node, Word};
use crate::source::{Account, ProgramError};

/// A command as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CommandDraft {
    /// The keyword.
    pub(crate) keyword: &'static str,
    /// The command with its arguments, as one word.
    pub(crate) text: Word,
    /// The user and the group.
    pub(crate) owner: Vec<Word>,
}

impl CommandDraft {
    /// The kind of problem if it can't be run: a script that is tracked counts as an error.
    fn code(&self) -> Code {
        code_of(self.keyword)
    }

    /// Takes the words of `node`, of which there is at least one.
    pub(crate) fn new(node: &Node) -> Self {
        let mut words = node.words.iter().cloned();
        let text = words.next().unwrap_or_else(|| node.keyword.into());
        Self { keyword: node.keyword.text, text, owner: words.take(2).collect() }
    }
}

/// The identity and the safety of scripts, as `global_defs` sets them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ScriptRules {
    /// `script_user`.
    pub(crate) user: Option<Vec<Word>>,
    /// `enable_script_security`.
    pub(crate) security: bool,
}

/// As keepalived counts: `script`, `script_user` and the `user` of a check are errors, commands that tell
/// are not.
fn code_of(keyword: &str) -> Code {
    if keyword.starts_with("script") || keyword == "user" { Code::SCRIPT } else { Code::COMMAND }
}

/// Turns drafts into commands.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    /// The identity of commands that name none, once somebody has asked for it.
    default: Option<Identity>,
    /// Some command runs as root for that reason.
    as_root: bool,
    security: bool,
    /// Commands of checks and real servers: keepalived has words of their own for them.
    of_checks: bool,
    /// Some command is used, and some command could be changed by others.
    used: bool,
    insecure: bool,
}

/// Who commands run as that don't say.
#[derive(Clone, Copy, Debug)]
struct Identity {
    /// `None` if they must not run.
    account: Option<Account>,
    /// It is root's because nobody named one and the usual account is missing.
    root: bool,
}

impl Identity {
    /// If `script_user` is not set. Asking for the account costs much, where accounts are kept by a service
    /// of the network: not without a command that needs it.
    fn usual(security: bool, cx: &mut Cx<'_>) -> Self {
        match cx.source.user(DEFAULT_ACCOUNT) {
            Some(account) => {
                cx.accounts.learn(account, [DEFAULT_ACCOUNT].into_iter());
                Self { account: Some(account), root: false }
            }
            None if security => Self { account: None, root: false },
            None => Self { account: Some(Account::ROOT), root: true },
        }
    }
}

/// The account that scripts run as if `script_user` names none and it exists.
pub(crate) const DEFAULT_ACCOUNT: &str = "keepalived_script";

impl Commands {
    pub(crate) fn new(rules: &ScriptRules, cx: &mut Cx<'_>) -> Self {
        let named = rules.user.as_ref();
        let default = named.map(|words| Identity { account: account(words, cx, "script_user"), root: false });
        Self {
            default,
            as_root: false,
            security: rules.security,
            of_checks: false,
            used: false,
            insecure: false,
        }
    }

    /// For commands of checks and real servers.
    pub(crate) fn of_checks(self) -> Self {
        Self { of_checks: true, ..self }
    }

    /// The command of `draft`; `None` if it can't be run, which has then been told.
    pub(crate) fn resolve(&mut self, draft: &CommandDraft, cx: &mut Cx<'_>) -> Option<Command> {
        let mut root = false;
        let account = if draft.owner.is_empty() {
            let security = self.security;
            let default = *self.default.get_or_insert_with(|| Identity::usual(security, cx));
            root = default.root;
            if default.account.is_none() {
                let d =
                    Diagnostic::new(Code::SCRIPT, format!("no user for the script `{}`", draft.text.text))
                        .at(draft.text.span)
                        .label("not run")
                        .help(format!(
                            "set `script_user` in `global_defs`, or create the account `{DEFAULT_ACCOUNT}`"
                        ))
                        .bare_log(format!("Script user '{DEFAULT_ACCOUNT}' does not exist"));
                cx.report(d);
            }
            default.account?
        } else {
            account(&draft.owner, cx, draft.keyword)?
        };
        let text = draft.text.text.trim();
        let (argv, open) = words::quoted(text);
        if let Some(words::OpenQuote(at)) = open {
            let quote = text.get(at..=at).unwrap_or("'");
            let d = Diagnostic::new(Code::QUOTE, "a quotation within this command has no end")
                .at(draft.text.span)
                .label("not run")
                .help("close each `'` and `\"` within the command")
                .bare_log(format!("String '{text}': missing terminating {quote}"));
            cx.report(d);
            return None;
        }
        let argv: Vec<Box<str>> = argv.into_iter().map(|w| w.text.into_boxed_str()).collect();
        let Some(first) = argv.first().filter(|word| !word.is_empty()).cloned() else {
            let d = Diagnostic::new(draft.code(), format!("`{}` names no command", draft.keyword));
            cx.report(d.at(draft.text.span).label("empty").help("write the path of a script"));
            return None;
        };
        // `</path` succeeds if the shell can open the file.
        let (argv, program) = if first.starts_with('<') {
            (["/bin/sh", "-c", text].map(Box::from).to_vec(), "/bin/sh".to_owned())
        } else {
            (argv, String::from(first))
        };
        let found = match cx.source.program(&program, account) {
            Ok(found) => found,
            Err(why) => {
                not_found(draft, &program, account, why, cx);
                return None;
            }
        };
        self.used = true;
        self.as_root |= root;
        let privileged = account.uid == 0 || account.gid == 0 || found.privileged;
        if found.insecure && privileged {
            self.insecure = true;
            let disabled = if self.security { " - disabling" } else { "" };
            let asked = if program.contains('/') { &program } else { &found.path };
            let weak = if cx.places.is_some() { cx.source.weak_part(asked) } else { None };
            let which =
                weak.map_or_else(String::new, |weak| format!(": {} can change `{}`", weak.who, weak.path));
            let d = Diagnostic::new(
                Code::INSECURE_SCRIPT,
                format!("`{}` can be changed by others than root{which}", found.path),
            )
            .at(draft.text.span)
            .label(if self.security { "not run" } else { "runs as root" })
            .help("make root the owner of the file and its directories, and forbid others to write")
            .bare_log(format!("Unsafe permissions found for script '{}'{disabled}.", found.path));
            cx.report(d);
            if self.security {
                return None;
            }
        }
        if !program.contains('/') {
            // On another machine, nobody knows where it is.
            let (message, help) = if found.path == program {
                (format!("`{program}` is looked for in the search path"), "write its full path".to_owned())
            } else {
                let message = format!("`{program}` was found in the search path as `{}`", found.path);
                (message, format!("write `{}`", found.path))
            };
            let d = Diagnostic::new(Code::SEARCHED, message)
                .at(draft.text.span)
                .label("not a full path")
                .help(help)
                .bare_log(format!(
                    "WARNING - script `{program}` resolved by path search to `{}`. Please specify full path.",
                    found.path
                ));
            cx.report(d);
        }
        let user = User { uid: account.uid, gid: account.gid };
        Some(Command { text: text.into(), path: found.path.into_boxed_str(), argv, user })
    }

    /// Says once that scripts run as root, and once that they run without protection. `unsure`: the instances
    /// cannot run anyway, so that keepalived's test does not come as far as this.
    pub(crate) fn finish(&self, unsure: bool, cx: &mut Cx<'_>) {
        if self.as_root {
            let d = Diagnostic::new(
                Code::SCRIPT_USER,
                format!("scripts run as root: there is no account `{DEFAULT_ACCOUNT}`"),
            )
            .help("name an account with `script_user` in `global_defs`, be it root")
            .bare_log(format!("Script user '{DEFAULT_ACCOUNT}' does not exist"));
            cx.report(d);
        }
        if !self.used || self.security {
            return;
        }
        let more = if self.insecure { " There are insecure scripts." } else { "" };
        let kind = if self.of_checks { "check scripts" } else { "scripts" };
        let severity = if unsure { Severity::General } else { Code::SCRIPT_SECURITY.severity };
        let d = Diagnostic::new(
            Code { severity, ..Code::SCRIPT_SECURITY },
            format!("{kind} are run, and `enable_script_security` is not set"),
        )
        .help("set `enable_script_security` in `global_defs`")
        .bare_log(format!(
            "SECURITY VIOLATION - {kind} are being executed but script_security not enabled.{more}"
        ));
        cx.report(d);
    }
}

/// Tells why a command can't be run.
fn not_found(draft: &CommandDraft, program: &str, account: Account, why: ProgramError, cx: &mut Cx<'_>) {
    let (message, help, log) = match why {
        ProgramError::NotFound if program.contains('/') => (
            format!("the script `{program}` does not exist"),
            "create it, or correct the path",
            format!("Script {program} cannot be accessed - No such file or directory"),
        ),
        ProgramError::NotFound => (
            format!("the script `{program}` is not in the search path"),
            "write its full path",
            format!("Cannot find script {program} in path - disabling"),
        ),
        ProgramError::NotExecutable => (
            format!("the script `{program}` cannot be executed by its user"),
            "make it executable with `chmod +x`, or choose another user",
            format!(
                "WARNING - script '{program}' is not executable for uid:gid {}:{} - disabling.",
                account.uid, account.gid
            ),
        ),
    };
    cx.report(
        Diagnostic::new(draft.code(), message).at(draft.text.span).label("not run").help(help).bare_log(log),
    );
}

/// The account that `USER [[:]GROUP]` or `USER:GROUP` names; `None` if it doesn't exist, which has
/// then been told.
pub(crate) fn account(words: &[Word], cx: &mut Cx<'_>, keyword: &str) -> Option<Account> {
    let first = words.first()?;
    let (user, joined) = match first.text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (first.text.as_str(), None),
    };
    let Some(account) = cx.source.user(user) else {
        let d = Diagnostic::new(code_of(keyword), format!("the user `{user}` of `{keyword}` does not exist"))
            .at(first.span)
            .label("no such user")
            .help("create the account, or name another one")
            .bare_log(format!("Script user '{user}' does not exist"));
        cx.report(d);
        return None;
    };
    let separate = words.get(1).map(|word| (word.text.trim_start_matches(':'), word.span));
    let Some((group, span)) = joined.map(|group| (group, first.span)).or(separate) else {
        cx.accounts.learn(account, [user].into_iter());
        return Some(account);
    };
    let Some(gid) = cx.source.group(group) else {
        let d =
            Diagnostic::new(code_of(keyword), format!("the group `{group}` of `{keyword}` does not exist"))
                .at(span)
                .label("no such group")
                .help("create the group, or name another one")
                .bare_log(format!("Script group '{group}' does not exist"));
        cx.report(d);
        return None;
    };
    let account = Account { gid, ..account };
    cx.accounts.learn(account, [user, group].into_iter());
    Some(account)
}
