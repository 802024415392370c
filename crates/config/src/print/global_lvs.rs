//! The load-balancing keywords of `global_defs`.

use model::lvs::{Flush, Nftables, Settings, SyncDaemon, SyncRole, Timeouts};

use super::Printer;
use super::global::scheduling;
use super::tree::{Lines, Words, seconds, word};

impl Printer<'_> {
    pub(super) fn global_lvs(&self, settings: &Settings, out: &mut Lines) {
        let Settings {
            // It stands at the root.
            namespace: _,
            process_name,
            process,
            timeouts,
            flush,
            flush_on_stop,
            sync_daemon,
            nftables,
            netlink_command_buffer,
            netlink_monitor_buffer,
            notify_fifo,
            notify_initial,
            no_shared_checks,
            panic_guard,
            // It is a block of its own.
            tls: _,
        } = settings;
        out.word("checker_process_name", process_name.as_deref());
        scheduling("checker", process, out);
        let Timeouts { tcp, tcp_fin, udp } = timeouts;
        if [tcp, tcp_fin, udp].into_iter().any(Option::is_some) {
            let mut words = Words::default();
            words
                .some("tcp", tcp.map(seconds))
                .some("tcpfin", tcp_fin.map(seconds))
                .some("udp", udp.map(seconds));
            out.line("lvs_timeouts", words.into_text());
        }
        out.flag("lvs_flush", *flush);
        match flush_on_stop {
            Flush::Each => {}
            Flush::Services => out.line("lvs_flush_on_stop", "VS"),
            Flush::All => out.line("lvs_flush_on_stop", ""),
        }
        if let Some(SyncDaemon { link, role, id, max_len, port, ttl, group }) = sync_daemon {
            let mut words = Words::default();
            words.add(word(link.as_str()));
            match role {
                SyncRole::Follows(instance) => {
                    words.add("inst").add(self.instance_name(*instance));
                }
                SyncRole::Both => {}
            }
            words
                .some("id", Some(*id))
                .some("maxlen", *max_len)
                .some("port", *port)
                .some("ttl", *ttl)
                .some("group", *group);
            out.line("lvs_sync_daemon", words.into_text());
        }
        if let Some(Nftables { table, priority, first_mark }) = nftables {
            out.line("nftables_ipvs", word(table));
            out.unless(-1, "nftables_ipvs_priority", *priority);
            out.unless(1_000, "nftables_ipvs_start_fwmark", *first_mark);
        }
        out.some("lvs_netlink_cmd_rcv_bufs", *netlink_command_buffer);
        out.some("lvs_netlink_monitor_rcv_bufs", *netlink_monitor_buffer);
        self.fifo("lvs_notify_fifo", notify_fifo.as_ref(), out);
        out.flag("rs_init_notifies", *notify_initial);
        out.flag("no_shared_checks", *no_shared_checks);
        if let Some(window) = panic_guard {
            out.line("lvs_panic_guard", seconds(*window));
        }
    }
}
