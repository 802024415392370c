//! BFD sessions.

use base::Family;
use model::{BfdId, BfdSession};

use crate::block::bfd_instance::BfdDraft;
use crate::diag::{Code, Diagnostic};
use crate::resolve::Resolver;
use crate::resolve::tracks::BfdDefined;

/// The sessions that can be, and what instances may track of them. A draft keeps its place: what may be
/// tracked is decided by what was written before.
pub(super) fn sessions(
    r: &mut Resolver<'_, '_>,
    drafts: &[BfdDraft],
) -> (Vec<BfdSession>, Vec<Option<BfdDefined>>) {
    let mut sessions: Vec<BfdSession> = Vec::with_capacity(drafts.len());
    let mut defined = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let Some(session) = session(r, draft, &sessions) else {
            defined.push(None);
            r.state.bfd_for_checks.push(None);
            continue;
        };
        let id = BfdId::from_index(sessions.len());
        defined.push(session.for_vrrp.then(|| BfdDefined {
            id,
            name: session.name.clone(),
            weight: draft.weight,
            reverse: draft.reverse,
            span: draft.name.span,
        }));
        r.state.bfd_for_checks.push(session.for_checkers.then(|| session.name.clone()));
        sessions.push(session);
    }
    (sessions, defined)
}

fn session(r: &mut Resolver<'_, '_>, draft: &BfdDraft, before: &[BfdSession]) -> Option<BfdSession> {
    let name = &draft.name.text;
    let Some((neighbor, neighbor_span)) = draft.neighbor else {
        let log = format!(
            "Configuration error: BFD instance {name} has no neighbor address set, disabling instance"
        );
        let message = format!("the BFD session `{name}` has no neighbour");
        let d = Diagnostic::new(Code::VALUE, message).at(draft.name.span).label("it is ignored");
        r.cx.report(d.help("add `neighbor_ip ADDRESS`").log(log));
        return None;
    };
    if before.iter().any(|other| other.neighbor == neighbor) {
        let log = format!(
            "Configuration error: BFD instance {name} has duplicate neighbor address {neighbor}, ignoring instance"
        );
        let d = Diagnostic::new(Code::DUPLICATE, format!("another session leads to `{neighbor}`, too"))
            .at(neighbor_span)
            .label("this session is ignored");
        r.cx.report(d.help("one session for each neighbour is enough").log(log));
        return None;
    }
    if let Some((source, span)) = draft.source
        && Family::of(&source) != Family::of(&neighbor)
    {
        let log = format!(
            "Configuration error: BFD instance {name} source address {source} and neighbor address {neighbor} are \
             not of the same family, disabling instance"
        );
        let d = Diagnostic::new(Code::VALUE, format!("`{source}` cannot reach `{neighbor}`"))
            .at(span)
            .label("this session is ignored");
        r.cx.report(d.help("use two addresses of one family").log(log));
        return None;
    }
    let default = if Family::of(&neighbor) == Family::V4 { 255 } else { 64 };
    let hop_limit = draft.hop_limit.unwrap_or(default);
    let mut max_hops = u8::try_from(draft.max_hops).ok();
    if max_hops.is_some_and(|hops| hops > hop_limit) {
        max_hops = Some(hop_limit);
        let log = format!("BFD instance {name}: max_hops exceeds ttl/hoplimit - setting to ttl/hoplimit");
        let message = format!("packets of `{name}` cannot take more hops than {hop_limit}");
        r.conflict_on_line(draft.name.span, message, format!("{hop_limit} is used"), "lower `max_hops`", log);
    }
    Some(BfdSession {
        name: name.as_str().into(),
        neighbor,
        source: draft.source.map(|(address, _)| address),
        min_rx: draft.min_rx,
        min_tx: draft.min_tx,
        idle_tx: draft.idle_tx,
        multiplier: draft.multiplier,
        passive: draft.passive,
        hop_limit,
        max_hops,
        multihop: draft.multihop,
        for_vrrp: draft.vrrp || !draft.checker,
        for_checkers: draft.checker || !draft.vrrp,
    })
}
