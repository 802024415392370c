//! The keywords of `global_defs` about mail.

use std::net::SocketAddr;

use base::Secret;
use model::Mail;
use model::mail::{MailLogin, MailServer, MailTls};

use super::{GlobalDraft, keyword, secs_of};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Range, value};
use crate::lang::tree::Line;
use crate::lang::{Node, Word};

/// What `global_defs` says about mail, as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct MailDraft {
    /// What needs no further thought.
    pub(crate) out: Mail,
    /// `smtp_tls`.
    tls: Option<MailTls>,
    /// `smtp_alert`.
    alert: Option<bool>,
    /// `smtp_alert_vrrp`.
    alert_vrrp: Option<bool>,
    /// `smtp_alert_checker`.
    alert_checker: Option<bool>,
}

impl MailDraft {
    /// The mail settings. Nobody's password goes over the network in the clear, unless `smtp_tls off` says so.
    pub(crate) fn finish(self) -> Mail {
        let usual = if self.out.login.is_some() { MailTls::StartTls } else { MailTls::Off };
        Mail { tls: self.tls.unwrap_or(usual), ..self.out }
    }

    /// What holds for instances and groups that do not say.
    pub(crate) fn alert_vrrp(&self) -> Option<bool> {
        self.alert_vrrp.or(self.alert)
    }

    /// What holds for virtual and real servers that do not say.
    pub(crate) fn alert_checker(&self) -> Option<bool> {
        self.alert_checker.or(self.alert)
    }
}

/// The kernel's and keepalived's microseconds.
const TIMEOUT: Range = Range::new(0, 4_294, "s");
const PORT: Range = Range::new(1, 65_535, "");
const SMTP: u16 = 25;

pub(super) const KEYWORDS: &[Keyword<GlobalDraft>] = &[
    keyword!(
        "notification_email_from",
        Kind::Word("ADDRESS", |g, w, _| g.mail.out.from = Some(w.text.as_str().into())),
        "the user and the host of the daemon",
        "who mail is from"
    ),
    keyword!("notification_email", Kind::Values("ADDRESS ..", recipients), "", "who mail is for"),
    keyword!("smtp_server", Kind::Line("HOST [PORT]", server), "none; port 25", "where mail is handed in"),
    keyword!("smtp_helo_name", Kind::Line("NAME", helo_name), "the host's name", "the name that it is told"),
    keyword!(
        "smtp_connect_timeout",
        Kind::Word("SECONDS", timeout),
        "30",
        "longest time of each step; 0 is 1 s"
    ),
    keyword!(
        "smtp_alert",
        Kind::Switch(|g, on| g.mail.alert = Some(on)),
        "",
        "send mail, where nothing else is said"
    ),
    keyword!(
        "smtp_alert_vrrp",
        Kind::Switch(|g, on| g.mail.alert_vrrp = Some(on)),
        "smtp_alert, else off",
        "send mail about instances and groups"
    ),
    keyword!(
        "smtp_alert_checker",
        Kind::Switch(|g, on| g.mail.alert_checker = Some(on)),
        "smtp_alert, else on for real servers and off for virtual servers",
        "send mail about virtual and real servers"
    ),
    keyword!(
        "no_email_faults",
        Kind::Flag(|g| g.mail.out.about_faults = false),
        "off",
        "no mail about the state FAULT"
    ),
    keyword!(
        "no_checker_emails",
        Kind::Switch(|g, on| g.mail.out.only_whole_servers = on),
        "off",
        "mail only when a real server changes as a whole"
    ),
    keyword!(
        "smtp_tls",
        Kind::Word("off|opportunistic|starttls|wrapped", tls),
        "off, starttls with smtp_auth",
        "whether mail is handed in over TLS; from `starttls` on the server must have a certificate for its name",
        "vipd only"
    ),
    keyword!(
        "smtp_auth",
        Kind::Line("USER PASSWORD", login),
        "",
        "who hands mail in; sent over TLS only, unless `smtp_tls off` says otherwise",
        "vipd only"
    ),
];

fn tls(global: &mut GlobalDraft, word: &Word, cx: &mut Cx<'_>) {
    match MailTls::ALL.iter().find(|(name, _)| *name == word.text) {
        Some((_, tls)) => global.mail.tls = Some(*tls),
        None => {
            let d = Diagnostic::new(Code::CONFLICT, format!("`{}` is no value of `smtp_tls`", word.text));
            let help = "write `off`, `opportunistic`, `starttls` or `wrapped`";
            cx.report(d.at(word.span).label("mail is handed in without TLS").help(help));
        }
    }
}

fn login(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    let (Some(user), Some(password)) = (node.words.first(), node.words.get(1)) else {
        // Nobody knows which of both it is.
        if let Some(word) = node.words.first() {
            cx.secret(word);
        }
        cx.missing(node, node.words.len() + 2);
        return;
    };
    cx.secret(password);
    if let Some(extra) = node.words.get(2) {
        cx.extra(node, extra);
    }
    global.mail.out.login = Some(MailLogin {
        user: user.text.as_str().into(),
        password: Secret::new(password.text.as_bytes().to_vec()),
    });
}

fn recipients(global: &mut GlobalDraft, node: &Node, lines: &[Line], cx: &mut Cx<'_>) {
    if lines.is_empty() {
        let d = Diagnostic::new(Code::CONFLICT, "`notification_email` names nobody")
            .at(node.keyword.span)
            .label("no address stands between the braces")
            .help("add an address, or remove the block")
            .log("Warning - empty notification_email block");
        cx.report(d);
    }
    let words = lines.iter().flat_map(|line| std::iter::once(&line.first).chain(&line.rest));
    global.mail.out.recipients.extend(words.map(|word| Box::from(word.text.as_str())));
}

fn server(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(host) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    let port = match node.words.get(1) {
        None => SMTP,
        Some(word) => match cx.number("smtp_server", word, PORT).and_then(|n| u16::try_from(n).ok()) {
            Some(port) => port,
            None => return,
        },
    };
    if let Some(extra) = node.words.get(2) {
        cx.extra(node, extra);
    }
    global.mail.out.server = Some(match value::address(&host.text) {
        Some(address) => MailServer::Address(SocketAddr::new(address, port)),
        None => MailServer::Name(host.text.as_str().into(), port),
    });
}

/// keepalived says nothing if there is no name; we do, and go on.
fn helo_name(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    match node.words.first() {
        Some(word) => global.mail.out.helo_name = Some(word.text.as_str().into()),
        None => {
            let d = Diagnostic::new(Code::POINTLESS, "`smtp_helo_name` has no name").at(node.line);
            cx.report(d.label("the host's name is used").help("add a name, or remove the line"));
        }
    }
}

fn timeout(global: &mut GlobalDraft, word: &Word, cx: &mut Cx<'_>) {
    let Some(seconds) = cx.number("smtp_connect_timeout", word, TIMEOUT) else { return };
    if seconds == 0 {
        let d = Diagnostic::new(Code::CONFLICT, "`smtp_connect_timeout` must be longer than 0")
            .at(word.span)
            .label("1 s is used")
            .help("write `smtp_connect_timeout 1`")
            .log("smtp_conect_timeout must be greater than 0, setting to 1");
        cx.report(d);
    }
    global.mail.out.timeout = secs_of(seconds.max(1));
}
