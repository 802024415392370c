//! Gratuitous ARP and neighbour advertisements: the settings of an instance over those of the daemon.

use base::Duration;
use model::Garp;

use crate::block::global_defs::GlobalDraft;
use crate::block::vrrp_instance::InstanceDraft;

/// The defaults without any setting.
const DELAY: Duration = Duration::from_secs(5);
const REPEAT: u32 = 5;

pub(super) fn garp(global: &GlobalDraft, draft: &InstanceDraft, strict: bool) -> Garp {
    // `vrrp_min_garp` is about values that nobody has set.
    let least = global.min_garp;
    let global_delay = global.garp_delay.unwrap_or(if least { Duration::ZERO } else { DELAY });
    let global_repeat = global.garp_repeat.unwrap_or(if least { 1 } else { REPEAT });
    let lower_delay = draft.garp_lower_prio_delay.or(global.garp_lower_prio_delay).unwrap_or(global_delay);
    let lower_repeat =
        draft.garp_lower_prio_repeat.or(global.garp_lower_prio_repeat).unwrap_or(global_repeat);
    Garp {
        repeat: draft.garp_repeat.unwrap_or(global_repeat),
        delay: draft.garp_delay.unwrap_or(global_delay),
        refresh: draft.garp_refresh.or(global.garp_refresh).unwrap_or(Duration::ZERO),
        refresh_repeat: draft.garp_refresh_repeat.unwrap_or(global.garp_refresh_repeat),
        lower_prio_repeat: if strict { 0 } else { lower_repeat },
        lower_prio_delay: if strict { Duration::ZERO } else { lower_delay },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Word;
    use crate::span::SourceMap;

    fn draft() -> InstanceDraft {
        let name = Word { text: "VI".to_owned(), span: SourceMap::default().nowhere() };
        InstanceDraft::new(name, crate::block::Seen::default())
    }

    #[test]
    fn settings_of_the_instance_win_over_those_of_the_daemon() {
        let secs = Duration::from_secs;
        let global =
            GlobalDraft { garp_delay: Some(secs(2)), garp_repeat: Some(3), ..GlobalDraft::default() };
        let instance = InstanceDraft { garp_repeat: Some(1), ..draft() };
        let garp = garp(&global, &instance, false);
        assert_eq!((garp.delay, garp.repeat), (secs(2), 1));
        assert_eq!((garp.lower_prio_delay, garp.lower_prio_repeat), (secs(2), 3), "as the daemon's");
        assert_eq!((garp.refresh, garp.refresh_repeat), (Duration::ZERO, 1));
    }

    #[test]
    fn the_least_announcement_is_one_packet_where_nothing_is_set() {
        let global = GlobalDraft { min_garp: true, garp_repeat: Some(2), ..GlobalDraft::default() };
        let least = garp(&global, &draft(), false);
        assert_eq!((least.delay, least.repeat, least.lower_prio_repeat), (Duration::ZERO, 2, 2));
        let strict = garp(&global, &draft(), true);
        assert_eq!((strict.lower_prio_delay, strict.lower_prio_repeat), (Duration::ZERO, 0));
    }
}
