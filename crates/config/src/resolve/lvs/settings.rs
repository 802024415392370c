//! The load-balancing keywords of `global_defs`, and `SSL`.

use model::Instance;
use model::lvs::{IpvsNamespace, Nftables, Settings, SyncDaemon, SyncRole, Tls};
use vrrp::config::InstanceId;

use crate::block::global_defs::lvs::SyncDraft;
use crate::block::lvs::ssl::SslDraft;
use crate::diag::{Code, Diagnostic};
use crate::keyword::value;
use crate::lang::Word;
use crate::resolve::{Resolver, daemon};

const TABLE: &str = "keepalived_ipvs";
const PRIORITY: i32 = -1;
const FIRST_MARK: u32 = 1_000;

pub(super) fn settings(r: &mut Resolver<'_, '_>, ssl: Option<SslDraft>, instances: &[Instance]) -> Settings {
    let draft = &r.global.lvs;
    let names = r.global.process_names.then(|| "keepalived_lvs".into());
    Settings {
        namespace: match &draft.namespace {
            None => IpvsNamespace::Same,
            Some(None) => IpvsNamespace::Host,
            Some(Some(name)) => IpvsNamespace::Named(name.clone()),
        },
        process_name: draft.process_name.clone().or(names),
        process: draft.process.clone(),
        timeouts: draft.timeouts,
        flush: draft.flush,
        flush_on_stop: draft.flush_on_stop,
        sync_daemon: draft.sync.as_ref().and_then(|sync| sync_daemon(r, sync, instances)),
        nftables: draft.nftables.as_ref().map(|table| Nftables {
            table: table.as_ref().map_or(TABLE, Word::as_str).into(),
            priority: draft.nftables_priority.unwrap_or(PRIORITY),
            first_mark: draft.nftables_first_mark.unwrap_or(FIRST_MARK),
        }),
        netlink_command_buffer: draft.command_buffer,
        netlink_monitor_buffer: draft.monitor_buffer,
        notify_fifo: daemon::fifo(r, &draft.fifo),
        notify_initial: draft.init_notifies,
        no_shared_checks: draft.no_shared_checks,
        panic_guard: draft.panic_guard,
        tls: ssl.map(|ssl| Tls {
            password: ssl.password,
            authorities: ssl.authorities,
            certificate: ssl.certificate,
            key: ssl.key,
        }),
    }
}

/// The daemon; `None` if the instance that it follows does not exist. keepalived says nothing then.
fn sync_daemon(r: &mut Resolver<'_, '_>, draft: &SyncDraft, instances: &[Instance]) -> Option<SyncDaemon> {
    let (role, vrid) = match &draft.instance {
        None => (SyncRole::Both, 0),
        Some(name) => {
            let found = instances.iter().position(|instance| *instance.protocol.name == *name.text);
            let Some(place) = found else {
                no_instance(r, name, instances);
                return None;
            };
            let vrid = instances.get(place).map_or(0, |instance| instance.protocol.vrid.get());
            (SyncRole::Follows(InstanceId::from_index(place)), vrid)
        }
    };
    Some(SyncDaemon {
        link: draft.link,
        role,
        id: draft.id.unwrap_or(vrid),
        max_len: draft.max_len,
        port: draft.port,
        ttl: draft.ttl,
        group: draft.group,
    })
}

fn no_instance(r: &mut Resolver<'_, '_>, name: &Word, instances: &[Instance]) {
    let names = instances.iter().map(|instance| &*instance.protocol.name);
    let help = value::nearest(&name.text, names)
        .map_or_else(|| "name an instance that exists".to_owned(), |near| format!("did you mean `{near}`?"));
    let d = Diagnostic::new(Code::POINTLESS, format!("there is no instance `{}` to follow", name.text))
        .at(name.span)
        .label("no daemon is run")
        .help(help);
    r.cx.report(d);
}
