//! Lines of `unicast_peer`: `ADDRESS [min_ttl N] [max_ttl N]`.

use std::net::IpAddr;

use crate::block::global_defs::u8_of;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Range};
use crate::lang::Word;
use crate::lang::tree::Line;

/// A line of `unicast_peer`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PeerDraft {
    pub(crate) address: IpAddr,
    pub(crate) word: Word,
    pub(crate) min_ttl: Option<u8>,
    pub(crate) max_ttl: Option<u8>,
}

/// Reads the lines and adds them to `peers`. `true` if a line limits the TTL, for which sources must
/// be checked.
pub(crate) fn parse(lines: &[Line], peers: &mut Vec<PeerDraft>, cx: &mut Cx<'_>) -> bool {
    let mut limits = false;
    for line in lines {
        let Some(address) = cx.host(&line.first) else {
            let d = Diagnostic::new(
                Code::VALUE,
                format!("`{}` is not the address of a peer", line.first.text),
            )
            .at(line.first.span)
            .label("this line is ignored")
            .help("write one address per line, without a prefix length")
            .log(format!(
                "Configuration error: VRRP instance[{}] malformed unicast peer address[{}]. Skipping...",
                cx.object, line.first.text
            ));
            cx.report(d);
            continue;
        };
        let mut peer = PeerDraft { address, word: line.first.clone(), min_ttl: None, max_ttl: None };
        let mut words = line.rest.iter();
        while let Some(word) = words.next() {
            let slot = match word.text.as_str() {
                "min_ttl" => &mut peer.min_ttl,
                "max_ttl" => &mut peer.max_ttl,
                other => {
                    let message = format!("`{other}` means nothing in a line of `unicast_peer`");
                    cx.bad_value(
                        word,
                        message,
                        "write `ADDRESS [min_ttl N] [max_ttl N]`, one address per line",
                    );
                    continue;
                }
            };
            match words.next() {
                Some(value) => {
                    let number = cx.number(&word.text, value, Range::new(0, 255, ""));
                    *slot = number.map(u8_of).or(*slot);
                }
                None => {
                    cx.bad_value(word, format!("`{}` needs a value", word.text), "add a number from 0 to 255")
                }
            }
        }
        if peer.min_ttl.unwrap_or(0) > peer.max_ttl.unwrap_or(255) {
            let (min, max) = (peer.min_ttl.unwrap_or(0), peer.max_ttl.unwrap_or(255));
            let d = Diagnostic::new(Code::CONFLICT, format!("no packet has a TTL from {min} to {max}"))
                .at(line.first.span)
                .label("every advert of this peer is refused")
                .help("exchange the two numbers")
                .log(format!(
                    "({}) min_ttl {min} > max_ttl {max} - all packets will be discarded",
                    cx.object
                ));
            cx.report(d);
        }
        limits |= peer.min_ttl.is_some() || peer.max_ttl.is_some();
        if !peers.iter().any(|known| known.address == address) {
            peers.push(peer);
        }
    }
    limits
}
