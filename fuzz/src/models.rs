//! The configurations that a daemon of the fuzzer starts with or changes to.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use base::{IfName, IpNet};
use config::{MapSource, Options, load};
use model::{Model, TrackerSource};

/// What users wrote, and some that use all there is. Append only: inputs name them by number.
const TEXTS: &[&str] = &[
    include_str!("../configs/rich.conf"),
    include_str!("../configs/changed.conf"),
    include_str!("../configs/delayed.conf"),
    include_str!("../configs/empty.conf"),
    include_str!("../../tests/corpus/seeds/minimal-master.conf"),
    include_str!("../../tests/corpus/seeds/minimal-backup.conf"),
    include_str!("../../tests/corpus/seeds/two-instances-node1.conf"),
    include_str!("../../tests/corpus/seeds/two-instances-node2.conf"),
    include_str!("../../tests/corpus/seeds/dual-master-unicast-node1.conf"),
    include_str!("../../tests/corpus/seeds/apiserver-track-script.conf"),
    include_str!("../../tests/corpus/seeds/nopreempt-unicast-node1.conf"),
    include_str!("../../tests/corpus/seeds/notify-scripts.conf"),
    include_str!("../../tests/corpus/seeds/manual-switch-track-script.conf"),
];

/// All of them, loaded once.
pub(crate) fn models() -> &'static [Arc<Model>] {
    static MODELS: OnceLock<Vec<Arc<Model>>> = OnceLock::new();
    MODELS.get_or_init(|| loaded(TEXTS))
}

/// The Model of each text, none of which may be refused.
pub(crate) fn loaded(texts: &[&str]) -> Vec<Arc<Model>> {
    let model = |text: &&str| {
        let loaded = load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"));
        let shown = loaded.render(false);
        Arc::new(loaded.model.unwrap_or_else(|| panic!("a configuration of the fuzzer is refused: {shown}")))
    };
    texts.iter().map(model).collect()
}

/// The interfaces that any of them names, in order of their names.
pub(crate) fn link_names() -> &'static [IfName] {
    static NAMES: OnceLock<Vec<IfName>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut names = BTreeSet::new();
        for model in models() {
            names.extend(model.instances.iter().filter_map(|i| i.link));
            names.extend(addresses(model).map(|a| a.link));
            names.extend(routes(model).flat_map(|r| r.hops.iter().filter_map(|hop| hop.link)));
            names.extend(model.trackers.iter().filter_map(|t| match t.source {
                TrackerSource::Interface(link) => Some(link),
                _ => None,
            }));
        }
        names.into_iter().collect()
    })
}

/// Addresses worth telling of: those that any of them names, sources included, and strange ones.
pub(crate) fn nets() -> &'static [IpNet] {
    static NETS: OnceLock<Vec<IpNet>> = OnceLock::new();
    NETS.get_or_init(|| {
        let mut nets = BTreeSet::new();
        for model in models() {
            nets.extend(addresses(model).map(|a| a.net));
            nets.extend(model.instances.iter().filter_map(|i| i.source).map(IpNet::host));
        }
        let strange = ["0.0.0.0/0", "10.0.0.1/8", "224.0.0.18/32", "::/0", "fe80::abcd/64", "192.0.2.1/32"];
        nets.extend(strange.iter().filter_map(|text| text.parse::<IpNet>().ok()));
        nets.into_iter().collect()
    })
}

/// All addresses of a model, static ones included.
fn addresses(model: &Model) -> impl Iterator<Item = &model::Address> {
    model.instances.iter().flat_map(|i| i.addresses.iter().chain(&i.excluded)).chain(&model.static_addresses)
}

/// All routes of a model, static ones included.
pub(crate) fn routes(model: &Model) -> impl Iterator<Item = &model::Route> {
    model.instances.iter().flat_map(|i| &i.routes).chain(&model.static_routes)
}
