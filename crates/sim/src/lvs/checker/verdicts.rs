//! What the balancer says of servers and services: Q2, Q3, N1.

use super::{Checker, Found, View};
use crate::lvs::observe::{Asked, Seen, Turn, What};
use crate::lvs::shadow::Phase;

/// **Q2** A server is alive if and only if all its checks pass, and weighs what the rules say
/// ([`Standing::of`](crate::lvs::shadow::pool::Standing::of)).
///
/// **Q3** The quorum comes and goes by its formula ([`Pool::judge`](crate::lvs::shadow::pool::Pool::judge)), and
/// nothing changes twice in a turn. **Q4** The sorry server serves if and only if it is gone and no guard holds.
/// **Q8** A way is blamed by its rule (see [`Shadow::blamed`](crate::lvs::shadow::Shadow::blamed)).
///
/// **Q5** (not too early) A server goes only when a check that was known to pass has failed `retry + 1` times in
/// a row: then, and not before, the rules say so.
///
/// **N1** The lines that consumers get are those of what was said, in order; what was said last is how it is.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    lines: Vec<String>,
    stop: bool,
}

impl Verdicts {
    fn compare(view: View<'_>, seen: &Seen, found: &mut Found) {
        let mut wrong = |property, text: String| found.push(property, seen.at, None, text);
        let blamed = view.shadow.blamed();
        if view.told.blamed != blamed {
            wrong("Q8", format!("blamed are {:?}, should be {blamed:?}", view.told.blamed));
        }
        for (name, pool) in &view.shadow.pools {
            let Some(told) = view.told.services.get(name) else {
                wrong("Q3", format!("{name:?} is not told of"));
                continue;
            };
            if told.up != Some(pool.up) {
                wrong("Q3", format!("{name:?}: quorum {:?}, should be {}: {pool:?}", told.up, pool.up));
            }
            if (told.sorry, told.guarded) != (pool.sorry, pool.guarded) {
                wrong("Q4", format!("{name:?}: sorry server and guard are {told:?}, should be {pool:?}"));
            }
            for (server, standing) in &pool.servers {
                let told = told.servers.get(server);
                if told.is_none_or(|told| told.alive != standing.alive) {
                    let property = if standing.alive { "Q5" } else { "Q2" };
                    wrong(property, format!("{name:?} {server:?}: {told:?}, should be {standing:?}"));
                } else if told != Some(standing) {
                    wrong("Q2", format!("{name:?} {server:?}: {told:?}, should be {standing:?}"));
                }
            }
        }
    }
}

impl Checker for Verdicts {
    fn see(&mut self, view: View<'_>, seen: &Seen, found: &mut Found) {
        match &seen.what {
            What::Turn(turn) => {
                self.lines.clear();
                self.stop = matches!(turn, Turn::Stop { .. });
            }
            What::Asked(Asked::Fifo(_, line)) => self.lines.push(line.clone()),
            What::TurnEnd { .. } => {
                for complaint in &view.told.complaints {
                    found.push("Q3", seen.at, None, complaint.clone());
                }
                let listens =
                    view.shadow.model.as_ref().is_some_and(|m| m.lvs.settings.notify_fifo.is_some());
                if listens && self.lines != view.told.lines {
                    let text = format!("lines {:?}, should be {:?}", self.lines, view.told.lines);
                    found.push("N1", seen.at, None, text);
                }
                if view.shadow.phase == Phase::Running {
                    Self::compare(view, seen, found);
                }
            }
            _ => {}
        }
    }
}
