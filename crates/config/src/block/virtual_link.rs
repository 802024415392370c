//! `use_vmac` and `use_ipvlan`.

use base::{Family, IpNet};
use model::virtual_link::IpvlanMode;

use crate::block::address;
use crate::block::names;
use crate::block::vrrp_instance::InstanceDraft;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, value};
use crate::lang::{Node, Word};
use crate::span::Span;

/// An interface that the instance makes for itself, as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct VirtualDraft {
    pub(crate) keyword: Span,
    pub(crate) name: Option<Word>,
    /// `group`.
    pub(crate) group: Option<u32>,
    pub(crate) kind: KindDraft,
}

/// What it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum KindDraft {
    Macvlan {
        /// The address; its last byte is the VRID if it has five.
        address: Option<Vec<u8>>,
        notify_again: bool,
    },
    Ipvlan {
        address: Option<IpNet>,
        mode: IpvlanMode,
    },
}

/// The longest name of an interface in bytes.
const MAX_NAME: usize = 15;

/// `use_vmac [[name] NAME] [ADDRESS] [netlink_notify_msg] [group GROUP]`.
pub(crate) fn vmac(instance: &mut InstanceDraft, node: &Node, cx: &mut Cx<'_>) {
    let mut draft = VirtualDraft {
        keyword: node.keyword.span,
        name: None,
        group: None,
        kind: KindDraft::Macvlan { address: None, notify_again: false },
    };
    let mut words = node.words.iter().peekable();
    while let Some(word) = words.next() {
        let KindDraft::Macvlan { address, notify_again } = &mut draft.kind else { break };
        match word.text.as_str() {
            "netlink_notify_msg" => *notify_again = true,
            "group" => group(&mut draft, word, words.next(), cx),
            text if is_mac(text) => *address = mac(word, cx),
            text if text.contains(':') => {
                let d = Diagnostic::new(Code::VALUE, format!("`{text}` is not a hardware address"))
                    .at(word.span)
                    .label("ignored")
                    .help("write six bytes such as `02:00:5e:00:01:01`")
                    .log(format!("VMAC invalid MAC address {text} - ignored"));
                cx.report(d);
            }
            // Without a name after it, it is the name.
            "name" => {
                let name = words.next_if(|next| !is_mac(&next.text)).unwrap_or(word);
                take_name(&mut draft, name, "VMAC", cx);
            }
            _ => take_name(&mut draft, word, "VMAC", cx),
        }
    }
    take(instance, draft, cx);
}

/// `use_ipvlan [[name] NAME] [ADDRESS[/LENGTH]] [bridge | private | vepa] [group GROUP]`.
pub(crate) fn ipvlan(instance: &mut InstanceDraft, node: &Node, cx: &mut Cx<'_>) {
    let mut draft = VirtualDraft {
        keyword: node.keyword.span,
        name: None,
        group: None,
        kind: KindDraft::Ipvlan { address: None, mode: IpvlanMode::Bridge },
    };
    let mut words = node.words.iter().peekable();
    while let Some(word) = words.next() {
        let KindDraft::Ipvlan { address, mode } = &mut draft.kind else { break };
        let without_prefix = word.text.split('/').next().unwrap_or("");
        match word.text.as_str() {
            "bridge" => *mode = IpvlanMode::Bridge,
            "private" => *mode = IpvlanMode::Private,
            "vepa" => *mode = IpvlanMode::Vepa,
            "group" => group(&mut draft, word, words.next(), cx),
            _ if value::address(without_prefix).is_some() => *address = address::network(word, cx),
            "name" => take_name(&mut draft, words.next().unwrap_or(word), "IPVLAN", cx),
            _ => take_name(&mut draft, word, "IPVLAN", cx),
        }
    }
    take(instance, draft, cx);
}

/// Of the two keywords one can hold.
fn take(instance: &mut InstanceDraft, draft: VirtualDraft, cx: &mut Cx<'_>) {
    if let Some(before) = &instance.virtual_link
        && std::mem::discriminant(&before.kind) != std::mem::discriminant(&draft.kind)
    {
        let d = Diagnostic::new(Code::CONFLICT, "`use_vmac` and `use_ipvlan` exclude each other")
            .at(draft.keyword)
            .label("this one is used")
            .other(before.keyword, "this one is not")
            .help("remove one of the two");
        cx.report(d);
    }
    instance.virtual_link = Some(Box::new(draft));
}

fn needs_value(word: &Word, cx: &mut Cx<'_>) {
    let message = format!("`{}` needs a value", word.text);
    cx.bad_value(word, message, "add the value, or remove the word");
}

fn group(draft: &mut VirtualDraft, word: &Word, value: Option<&Word>, cx: &mut Cx<'_>) {
    match value {
        Some(value) => draft.group = names::link_group(value, cx).or(draft.group),
        // keepalived takes a `group` at the end for a name.
        None if draft.name.is_none() => draft.name = Some(word.clone()),
        None => needs_value(word, cx),
    }
}

fn take_name(draft: &mut VirtualDraft, word: &Word, what: &str, cx: &mut Cx<'_>) {
    let valid = word.text.len() <= MAX_NAME && base::IfName::new(&word.text).is_ok();
    let log = if draft.name.is_some() {
        format!("{what} interface name already specified")
    } else if valid {
        draft.name = Some(word.clone());
        return;
    } else {
        format!("{what} interface name '{}' too long or invalid characters - ignoring", word.text)
    };
    let message = if valid {
        format!("`{}` would be a second name", word.text)
    } else {
        format!("`{}` cannot be the name of an interface", word.text)
    };
    let d = Diagnostic::new(Code::VALUE, message).at(word.span).label("ignored");
    cx.report(d.help(format!("write one name of at most {MAX_NAME} bytes")).log(log));
}

/// Whether it looks like a hardware address.
fn is_mac(text: &str) -> bool {
    let parts = text.split(':').count();
    (5..=6).contains(&parts)
        && text.split(':').all(|part| matches!(part.len(), 1..=2) && u8::from_str_radix(part, 16).is_ok())
}

fn mac(word: &Word, cx: &mut Cx<'_>) -> Option<Vec<u8>> {
    let bytes: Vec<u8> = word.text.split(':').filter_map(|part| u8::from_str_radix(part, 16).ok()).collect();
    if bytes.first().is_some_and(|first| first & 1 != 0) {
        let message = format!("`{}` is the address of a group of stations", word.text);
        let d = Diagnostic::new(Code::VALUE, message)
            .at(word.span)
            .label("ignored")
            .help("use an address whose first byte is even")
            .log(format!("VMAC MAC address is multicast {} - ignoring", word.text));
        cx.report(d);
        return None;
    }
    Some(bytes)
}

/// The family of an instance that has nothing else to tell it.
pub(crate) fn family(draft: &VirtualDraft) -> Option<Family> {
    match &draft.kind {
        KindDraft::Ipvlan { address, .. } => address.map(|net| net.family()),
        KindDraft::Macvlan { .. } => None,
    }
}
