//! `lvs_method` and its kin: NAT, DR, or TUN with its options.

use model::lvs::{Forwarding, Tunnel, TunnelChecksum, TunnelKind};

use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Range};
use crate::lang::{Node, Word};

/// What follows, for people.
pub(crate) const ARGS: &str = "NAT | DR | TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]";

const PORT: Range = Range::new(1, 65_535, "");

/// Reads the method of a `what`. With a bad option a tunnel is one without options, as in keepalived.
pub(crate) fn read(what: &str, node: &Node, cx: &mut Cx<'_>) -> Option<Forwarding> {
    let Some(word) = node.words.first() else {
        cx.missing(node, 2);
        return None;
    };
    match word.text.as_str() {
        method @ ("NAT" | "DR") => {
            if let Some(extra) = node.words.get(1) {
                cx.extra(node, extra);
            }
            Some(if method == "NAT" { Forwarding::Nat } else { Forwarding::Direct })
        }
        "TUN" => Some(Forwarding::Tunnel(
            tunnel(what, node, cx)
                .unwrap_or(Tunnel { kind: TunnelKind::Ipip, checksum: TunnelChecksum::None }),
        )),
        other => {
            let d = Diagnostic::new(Code::VALUE, format!("`{other}` is not a forwarding method"))
                .at(word.span)
                .label("ignored")
                .help("write `NAT`, `DR` or `TUN`, in capital letters")
                .log(format!("PARSER : unknown [{other}] routing method for {what}."));
            cx.report(d);
            None
        }
    }
}

/// Tells that the options of a tunnel are no good.
fn bad(place: &Word, message: impl Into<String>, log: String, cx: &mut Cx<'_>) {
    let d = Diagnostic::new(Code::VALUE, message)
        .at(place.span)
        .label("a plain IPIP tunnel is used")
        .help(format!("write `{ARGS}`"))
        .log(log);
    cx.report(d);
}

fn tunnel(what: &str, node: &Node, cx: &mut Cx<'_>) -> Option<Tunnel> {
    let mut kind: Option<&Word> = None;
    let mut port: Option<u16> = None;
    let mut checksum = TunnelChecksum::None;
    let mut place = node.words.first()?;
    let mut words = node.words.iter().skip(1);
    while let Some(word) = words.next() {
        place = word;
        match word.text.as_str() {
            "nocsum" => checksum = TunnelChecksum::None,
            "csum" => checksum = TunnelChecksum::On,
            "remcsum" => checksum = TunnelChecksum::Remote,
            "type" => {
                let Some(name) = words.next() else {
                    bad(word, "`type` needs a value", format!("Missing tunnel type for {what}."), cx);
                    return None;
                };
                if !matches!(name.text.as_str(), "ipip" | "gue" | "gre") {
                    let message = format!("`{}` is not a type of tunnel", name.text);
                    bad(name, message, format!("Unknown tunnel type {} for {what}.", name.text), cx);
                    return None;
                }
                kind = Some(name);
            }
            "port" => {
                let Some(number) = words.next() else {
                    let log = format!("Missing port for {what} gue tunnel.");
                    bad(word, "`port` needs a value", log, cx);
                    return None;
                };
                port = Some(u16::try_from(cx.number("port", number, PORT)?).unwrap_or(u16::MAX));
            }
            other => {
                let message = format!("`{other}` is not an option of a tunnel");
                bad(word, message, format!("Invalid tunnel option {other} for {what}."), cx);
                return None;
            }
        }
    }
    let name = kind.map_or("ipip", Word::as_str);
    let place = kind.unwrap_or(place);
    let kind = match (name, port) {
        ("gue", Some(port)) => TunnelKind::Gue(port),
        ("gre", None) => TunnelKind::Gre,
        ("ipip", None) => TunnelKind::Ipip,
        _ => {
            let log = "gue tunnels require port, otherwise cannot have port.".to_owned();
            bad(place, "a `gue` tunnel needs a port, and no other has one", log, cx);
            return None;
        }
    };
    if kind == TunnelKind::Ipip && checksum != TunnelChecksum::None {
        let log = "ipip tunnels do not support checksum option.".to_owned();
        bad(place, "an `ipip` tunnel has no checksum", log, cx);
        return None;
    }
    if kind == TunnelKind::Gre && checksum == TunnelChecksum::Remote {
        let log = "gre tunnels do not support remote checksum option.".to_owned();
        bad(place, "a `gre` tunnel has no remote checksum", log, cx);
        return None;
    }
    Some(Tunnel { kind, checksum })
}
