//! `global_defs`.

use model::global::{Fifo, Global};
use model::script::User;

use crate::block::command;
use crate::block::global_defs::{FifoDraft, Receive, firewall};
use crate::resolve::Resolver;

pub(super) fn global(r: &mut Resolver<'_, '_>) -> Global {
    let draft = r.global;
    let mut out = draft.out.clone();
    out.router_id = match &draft.router_id {
        Some(word) => word.text.as_str().into(),
        None => r.cx.source.host_name().into(),
    };
    out.script_security = draft.scripts.security;
    if draft.process_names && out.vrrp_process_name.is_none() {
        out.vrrp_process_name = Some("keepalived_vrrp".into());
    }
    out.default_interface = draft.default_interface.as_ref().and_then(|word| r.cx.if_name(word));
    out.notify_fifo = fifo(r, &draft.fifo);
    out.vrrp_notify_fifo = fifo(r, &draft.vrrp_fifo);
    out.startup_script = r.command(draft.startup.as_ref()).map(|c| (c, draft.startup_timeout));
    out.shutdown_script = r.command(draft.shutdown.as_ref()).map(|c| (c, draft.shutdown_timeout));
    if let Some(Receive::Bytes(bytes)) = draft.receive {
        out.receive_buffer = Some(bytes);
    }
    out.vmac_names.addresses =
        draft.vmac_addr_prefix.clone().unwrap_or_else(|| out.vmac_names.instances.clone());
    out.snmp.real_server_age = draft.real_server_age.unwrap_or(out.snmp.virtual_server_age);
    if out.firewall.iptables.is_none() {
        out.firewall.ipsets = None;
    } else if out.firewall.ipsets.is_none() && !draft.no_ipsets {
        out.firewall.ipsets = Some(firewall::default_sets());
    }
    out
}

pub(super) fn fifo(r: &mut Resolver<'_, '_>, draft: &FifoDraft) -> Option<Fifo> {
    let path = draft.path.as_ref()?;
    let owner =
        if draft.owner.is_empty() { None } else { command::account(&draft.owner, r.cx, "notify_fifo") };
    Some(Fifo {
        path: path.text.as_str().into(),
        owner: owner.map(|account| User { uid: account.uid, gid: account.gid }),
        script: r.command(draft.script.as_ref()),
    })
}
