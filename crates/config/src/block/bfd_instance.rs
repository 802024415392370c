//! `bfd_instance NAME { .. }`.

use std::net::IpAddr;

use base::Duration;

use crate::block::global_defs::{keyword, u8_of};
use crate::block::track::What;
use crate::block::vrrp_script::weight;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Range, Table, pending};
use crate::lang::Word;
use crate::lang::tree::BlockId;
use crate::span::Span;

/// A session as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BfdDraft {
    pub(crate) name: Word,
    pub(crate) neighbor: Option<(IpAddr, Span)>,
    pub(crate) source: Option<(IpAddr, Span)>,
    pub(crate) min_rx: Duration,
    pub(crate) min_tx: Duration,
    pub(crate) idle_tx: Duration,
    pub(crate) multiplier: u8,
    pub(crate) passive: bool,
    pub(crate) hop_limit: Option<u8>,
    /// -1 for no check.
    pub(crate) max_hops: i64,
    pub(crate) multihop: bool,
    pub(crate) weight: i16,
    pub(crate) reverse: bool,
    /// `vrrp`, `checker`: if one of them is written, the other one gets nothing.
    pub(crate) vrrp: bool,
    pub(crate) checker: bool,
}

impl BfdDraft {
    pub(crate) fn new(name: Word) -> Self {
        Self {
            name,
            neighbor: None,
            source: None,
            min_rx: Duration::from_millis(10),
            min_tx: Duration::from_millis(10),
            idle_tx: Duration::from_secs(1),
            multiplier: 5,
            passive: false,
            hop_limit: None,
            max_hops: 0,
            multihop: false,
            weight: 0,
            reverse: false,
            vrrp: false,
            checker: false,
        }
    }
}

/// The longest name: messages between processes hold so many bytes.
pub(crate) const MAX_NAME: usize = 31;

pub(crate) const TABLE: Table<BfdDraft> = Table {
    path: "bfd_instance",
    id: BlockId(50),
    keywords: &[pending(&[
        keyword!(
            "source_ip",
            Kind::Word("ADDRESS", |b, word, cx| b.source = address("source", word, cx).or(b.source)),
            "the kernel's choice",
            "our address; of the neighbour's family"
        ),
        keyword!(
            "neighbor_ip",
            Kind::Word("ADDRESS", |b, word, cx| b.neighbor = address("neighbor", word, cx).or(b.neighbor)),
            "",
            "the other end; each session has one of its own"
        ),
        keyword!(
            "neighbour_ip",
            Kind::Word("ADDRESS", |b, word, cx| b.neighbor = address("neighbor", word, cx).or(b.neighbor)),
            "",
            "another spelling of neighbor_ip"
        ),
        keyword!(
            "min_rx",
            Kind::Milliseconds { least: 1, set: |b, t| b.min_rx = t },
            "10",
            "shortest time between packets that we can take"
        ),
        keyword!(
            "min_tx",
            Kind::Milliseconds { least: 1, set: |b, t| b.min_tx = t },
            "10",
            "shortest time between our packets while the session is up"
        ),
        keyword!(
            "idle_tx",
            Kind::Milliseconds { least: 1_000, set: |b, t| b.idle_tx = t },
            "1000",
            "time between our packets while the session is not up"
        ),
        keyword!(
            "multiplier",
            Kind::Number { range: Range::new(1, 255, ""), set: |b, n| b.multiplier = u8_of(n) },
            "5",
            "packets that may be missed"
        ),
        keyword!("passive", Kind::Flag(|b| b.passive = true), "off", "send nothing until the neighbour does"),
        keyword!(
            "ttl",
            Kind::Number { range: HOPS, set: |b, n| b.hop_limit = Some(u8_of(n)) },
            "255 for IPv4, 64 for IPv6",
            "hops that our packets may take"
        ),
        keyword!(
            "hoplimit",
            Kind::Number { range: HOPS, set: |b, n| b.hop_limit = Some(u8_of(n)) },
            "255 for IPv4, 64 for IPv6",
            "another name of ttl"
        ),
        keyword!(
            "max_hops",
            Kind::Number { range: Range::new(-1, 255, ""), set: |b, n| b.max_hops = n },
            "0",
            "hops that packets of the neighbour may have taken; -1 for any"
        ),
        keyword!(
            "multihop",
            Kind::Switch(|b, on| b.multihop = on),
            "off",
            "the neighbour is behind routers (RFC 5883)",
            "after 2.2.7"
        ),
        keyword!(
            "weight",
            Kind::Line("NUMBER (-253 to 253) [reverse]", |b, node, cx| {
                if let Some((weight, reverse)) = weight(What::Bfd, node, cx) {
                    (b.weight, b.reverse) = (weight, reverse);
                }
            }),
            "0",
            "change of priority; 0 makes failure a fault"
        ),
        keyword!("vrrp", Kind::Flag(|b| b.vrrp = true), "both", "for instances only"),
        keyword!("checker", Kind::Flag(|b| b.checker = true), "both", "for checkers only"),
    ])],
};

const HOPS: Range = Range::new(1, 255, "");

fn address(what: &str, word: &Word, cx: &mut Cx<'_>) -> Option<(IpAddr, Span)> {
    let read = cx.host(word);
    if read.is_none() {
        let d = Diagnostic::new(Code::VALUE, format!("`{}` is not the address of a {what}", word.text))
            .at(word.span)
            .label("ignored")
            .help("write an IPv4 or IPv6 address, without a prefix length")
            .log(format!(
                "Configuration error: BFD instance {} has malformed {what} address {}, ignoring instance",
                cx.object, word.text
            ));
        cx.report(d);
    }
    read.map(|address| (address, word.span))
}
