//! `global_defs` and the keywords of the root that set something of the daemon.

use base::{Duration, Name};
use model::firewall::{Firewall, IpSets, Iptables};
use model::global::{
    AutoPriority, AutoPriorityLimit, Dumps, Fifo, Global, RESYNC, Reload, Scheduling, VmacNames,
};
use model::lvs::{IpvsNamespace, Settings};
use model::mail::{Mail, MailLogin, MailServer, MailTls};
use model::observers::{Dbus, Snmp};

use super::Printer;
use super::tree::{Lines, Words, word};
use crate::block::global_defs::firewall::default_sets;

/// The longest time of `startup_script` and `shutdown_script` that nobody set.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(10);

impl Printer<'_> {
    /// What must stand outside of `global_defs`.
    pub(super) fn root(&self, global: &Global, lvs: &Settings, out: &mut Lines) {
        out.word("net_namespace", global.net_namespace.as_deref());
        match &lvs.namespace {
            IpvsNamespace::Same => {}
            IpvsNamespace::Host => out.line("net_namespace_ipvs", ""),
            IpvsNamespace::Named(name) => out.line("net_namespace_ipvs", word(name)),
        }
        out.word("instance", global.instance.as_deref());
        out.flag("use_pid_dir", global.use_pid_dir && global.instance.is_none());
        out.unless(5, "child_wait_time", global.child_wait.as_secs());
        out.flag("namespace_with_ipsets", global.firewall.ipsets_in_namespace);
    }

    pub(super) fn global(&self, global: &Global, mail: &Mail, lvs: &Settings, out: &mut Lines) {
        let Global {
            router_id,
            // These stand at the root.
            instance: _,
            net_namespace: _,
            use_pid_dir: _,
            child_wait: _,
            process_name,
            vrrp_process_name,
            startup_delay,
            delay_after_boot,
            dynamic_interfaces,
            default_interface,
            log_unknown_vrids,
            garp_interval,
            gna_interval,
            resync,
            receive_buffer,
            netlink_monitor_buffer,
            netlink_command_buffer,
            vrrp_process,
            umask,
            notify_fifo,
            vrrp_notify_fifo,
            fifo_write_states_on_reload,
            startup_script,
            shutdown_script,
            reload_check_config,
            dumps,
            interfaces_may_change,
            bfd_process_name,
            bfd_process,
            auto_priority,
            script_security,
            use_symlink_paths,
            supplementary_groups,
            disable_local_igmp,
            vmac_names,
            process_monitor_buffer,
            process_monitor_force,
            reload,
            config_save_dir,
            tmp_config_directory,
            firewall,
            snmp,
            dbus,
        } = global;
        let mut block = Lines::default();
        block.line("router_id", word(router_id));
        self.mail(mail, &mut block);
        block.word("process_name", process_name.as_deref());
        block.word("vrrp_process_name", vrrp_process_name.as_deref());
        block.word("bfd_process_name", bfd_process_name.as_deref());
        scheduling("vrrp", vrrp_process, &mut block);
        scheduling("bfd", bfd_process, &mut block);
        let AutoPriority { most, late } = auto_priority;
        match most {
            AutoPriorityLimit::Never => {}
            AutoPriorityLimit::Silent => block.line("max_auto_priority", -1),
            AutoPriorityLimit::Kernel => block.line("max_auto_priority", ""),
            AutoPriorityLimit::At(n) => block.line("max_auto_priority", n),
        }
        block.unless(1_000_000, "min_auto_priority_delay", late.as_micros());
        block.flag("dynamic_interfaces", *dynamic_interfaces && !interfaces_may_change);
        if *dynamic_interfaces && *interfaces_may_change {
            block.line("dynamic_interfaces", "allow_if_changes");
        }
        block.word("default_interface", default_interface.as_ref().map(|link| link.as_str()));
        block.time(Duration::ZERO, "vrrp_startup_delay", *startup_delay);
        block.time(Duration::ZERO, "vrrp_delay_after_boot", *delay_after_boot);
        block.flag("log_unknown_vrids", *log_unknown_vrids);
        block.time(Duration::ZERO, "vrrp_garp_interval", *garp_interval);
        block.time(Duration::ZERO, "vrrp_gna_interval", *gna_interval);
        block.time(RESYNC, "resync", *resync);
        block.some("vrrp_rx_bufs_policy", *receive_buffer);
        block.some("vrrp_netlink_monitor_rcv_bufs", *netlink_monitor_buffer);
        block.some("vrrp_netlink_cmd_rcv_bufs", *netlink_command_buffer);
        block.some("process_monitor_rcv_bufs", *process_monitor_buffer);
        block.flag("process_monitor_rcv_bufs_force", *process_monitor_force);
        block.flag("disable_local_igmp", *disable_local_igmp);
        let VmacNames { instances, addresses } = vmac_names;
        block.word("vmac_prefix", Some(&**instances).filter(|prefix| *prefix != "vrrp"));
        block.word("vmac_addr_prefix", Some(&**addresses).filter(|prefix| **prefix != **instances));
        self::firewall(firewall, &mut block);
        block.some("script_user", self.user.map(|user| self.account(user)));
        block.flag("enable_script_security", *script_security);
        block.flag("use_symlink_paths", *use_symlink_paths);
        block.flag("set_supplementary_groups", *supplementary_groups);
        for (keyword, script) in [("startup_script", startup_script), ("shutdown_script", shutdown_script)] {
            if let Some((command, timeout)) = script {
                block.line(keyword, self.command(command));
                block.time(SCRIPT_TIMEOUT, &format!("{keyword}_timeout"), *timeout);
            }
        }
        self.fifo("notify_fifo", notify_fifo.as_ref(), &mut block);
        self.fifo("vrrp_notify_fifo", vrrp_notify_fifo.as_ref(), &mut block);
        block.flag("fifo_write_vrrp_states_on_reload", *fifo_write_states_on_reload);
        block.some("umask", umask.map(|mode| format!("0{mode:o}")));
        match reload_check_config {
            None => {}
            Some(None) => block.line("reload_check_config", ""),
            Some(Some(file)) => block.line("reload_check_config", word(file)),
        }
        let Reload { file, time_file, repeat } = reload;
        match file {
            None => {}
            Some(None) => block.line("reload_file", ""),
            Some(Some(file)) => block.line("reload_file", word(file)),
        }
        block.word("reload_time_file", time_file.as_deref());
        block.flag("reload_repeat", *repeat);
        block.word("config_save_dir", config_save_dir.as_deref());
        block.word("tmp_config_directory", tmp_config_directory.as_deref());
        let Dumps { state, stats, json, use_instance, json_version } = dumps;
        block.word("state_dump_file", state.as_deref());
        block.word("stats_dump_file", stats.as_deref());
        block.word("json_dump_file", json.as_deref());
        block.flag("data_use_instance", *use_instance);
        block.unless(0, "json_version", *json_version);
        self::snmp(snmp, &mut block);
        let Dbus { enabled, service, no_interface } = dbus;
        block.flag("enable_dbus", *enabled);
        let usual = Dbus::default().service;
        block.word("dbus_service_name", Some(&**service).filter(|name| **name != *usual));
        block.word("dbus_no_interface_name", no_interface.as_deref());
        self.global_lvs(lvs, &mut block);
        out.block("global_defs", "", block);
    }

    /// `*notify_fifo` and its script.
    pub(super) fn fifo(&self, keyword: &str, fifo: Option<&Fifo>, out: &mut Lines) {
        let Some(Fifo { path, owner, script }) = fifo else { return };
        let mut words = Words::default();
        words.add(word(path));
        if let Some(owner) = owner {
            words.add(self.account(*owner));
        }
        out.line(keyword, words.into_text());
        self.command_line(&format!("{keyword}_script"), script.as_ref(), out);
    }
}

/// `PREFIX_priority` and its kin.
pub(super) fn scheduling(prefix: &str, process: &Scheduling, out: &mut Lines) {
    let Scheduling { nice, realtime, no_swap, cpus, rlimit_rttime } = process;
    out.some(&format!("{prefix}_priority"), *nice);
    out.some(&format!("{prefix}_rt_priority"), *realtime);
    out.some(&format!("{prefix}_rlimit_rttime"), *rlimit_rttime);
    if !cpus.is_empty() {
        let cpus: Vec<String> = cpus.iter().map(u16::to_string).collect();
        out.line(&format!("{prefix}_cpu_affinity"), cpus.join(" "));
    }
    out.flag(&format!("{prefix}_no_swap"), *no_swap);
}

impl Printer<'_> {
    fn mail(&self, mail: &Mail, out: &mut Lines) {
        let Mail {
            server,
            recipients,
            from,
            helo_name,
            timeout,
            alert_vrrp,
            about_faults,
            only_whole_servers,
            tls,
            login,
        } = mail;
        let mut all = Lines::default();
        for recipient in recipients {
            all.line(&word(recipient), "");
        }
        out.block_if_any("notification_email", all);
        out.word("notification_email_from", from.as_deref());
        match server {
            None => {}
            Some(MailServer::Address(to)) => out.line("smtp_server", format!("{} {}", to.ip(), to.port())),
            Some(MailServer::Name(name, port)) => out.line("smtp_server", format!("{} {port}", word(name))),
        }
        out.word("smtp_helo_name", helo_name.as_deref());
        out.time(Mail::default().timeout, "smtp_connect_timeout", *timeout);
        out.flag("smtp_alert_vrrp", *alert_vrrp);
        out.flag("no_email_faults", !about_faults);
        out.flag("no_checker_emails", *only_whole_servers);
        if *tls != MailTls::Off || login.is_some() {
            out.line("smtp_tls", tls.name());
        }
        if let Some(MailLogin { user, password }) = login {
            let password = self.secret(&String::from_utf8_lossy(password.reveal()));
            out.line("smtp_auth", format!("{} {password}", word(user)));
        }
    }
}

fn firewall(firewall: &Firewall, out: &mut Lines) {
    let Firewall { iptables, ipsets, ipsets_in_namespace: _, nftables, priority, by_index, counters } =
        firewall;
    if let Some(Iptables { input, output }) = iptables {
        let mut words = Words::default();
        words.add(word(input));
        if let Some(output) = output {
            words.add(word(output));
        }
        out.line("vrrp_iptables", words.into_text());
        match ipsets {
            None => out.line("vrrp_ipsets", ""),
            Some(sets) if *sets == default_sets() => {}
            Some(sets) => out.line("vrrp_ipsets", self::ipsets(sets)),
        }
    }
    out.word("nftables", nftables.as_deref());
    out.unless(-1, "nftables_priority", *priority);
    out.flag("nftables_ifindex", *by_index);
    out.flag("nftables_counters", *counters);
}

/// The names of the sets, without those at the end that follow from the first.
fn ipsets(sets: &IpSets) -> String {
    let IpSets { v4, v6, v6_with_link, igmp, mld, neighbours } = sets;
    let all: [(&Name, &str); 6] =
        [(v4, ""), (v6, "6"), (v6_with_link, "_if6"), (igmp, "_igmp"), (mld, "_mld"), (neighbours, "_nd")];
    let follows =
        |(name, suffix): &(&Name, &str)| name.strip_suffix(suffix) == Some(v4) && !suffix.is_empty();
    let needed = all.iter().rposition(|set| !follows(set)).map_or(1, |last| last + 1);
    let mut words = Words::default();
    for (name, _) in all.iter().take(needed) {
        words.add(word(name));
    }
    words.into_text()
}

fn snmp(snmp: &Snmp, out: &mut Lines) {
    let Snmp { socket, traps, vrrp, rfc_v2, rfc_v3, checkers, virtual_server_age, real_server_age } = snmp;
    out.word("snmp_socket", socket.as_deref());
    out.flag("enable_snmp_vrrp", *vrrp);
    out.flag("enable_snmp_rfcv2", *rfc_v2);
    out.flag("enable_snmp_rfcv3", *rfc_v3);
    out.flag("enable_snmp_checker", *checkers);
    out.flag("enable_traps", *traps);
    out.time(Duration::from_secs(5), "snmp_vs_stats_update_interval", *virtual_server_age);
    out.time(*virtual_server_age, "snmp_rs_stats_update_interval", *real_server_age);
}
