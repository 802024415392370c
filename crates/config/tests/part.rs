//! What the processes need of a Model is all that they need, and no more.

use std::sync::Arc;

use model::Model;
use model::lvs::{Http, Probe};
use vipd_config::{Interface, MapSource, Options};

const TEXT: &str = "\
vrrp_instance VI {
    interface eth0
    virtual_router_id 7
    virtual_ipaddress {
        192.0.2.7
    }
}
virtual_server_group G {
    192.0.2.1-9 80
}
virtual_server group G {
    quorum_up /bin/true
    real_server 192.0.2.10 80 {
        HTTP_GET {
            url {
                path /
                digest 0123456789abcdef0123456789abcdef
            }
        }
    }
    real_server 192.0.2.11 80 {
        HTTP_GET {
            url {
                path /
                digest 0123456789abcdef0123456789abcdef
            }
        }
        TCP_CHECK {
        }
    }
}
";

fn model() -> Model {
    let source = MapSource::new().file("/k", TEXT).interface("eth0", Interface::default());
    let loaded = vipd_config::load(&source, &Options::new("/k"));
    loaded.model.clone().unwrap_or_else(|| panic!("{}", loaded.render(false)))
}

/// What the servers are asked, in their order.
fn requests(model: &Model) -> Vec<Arc<Http>> {
    let servers = model.lvs.services.iter().flat_map(|service| &service.servers);
    let requests = servers.flat_map(|server| &server.checkers).filter_map(|checker| match &checker.probe {
        Probe::Http(_, http) => Some(http.clone()),
        _ => None,
    });
    requests.collect()
}

#[test]
fn load_balancing_gets_a_copy_of_all_about_it_that_shares_nothing() {
    let model = model();
    let copy = model.for_balancing();
    assert_eq!((&copy.lvs, &copy.global, &copy.mail), (&model.lvs, &model.global, &model.mail));
    assert!(copy.instances.is_empty() && !model.instances.is_empty());
    let (theirs, ours) = (requests(&model), requests(&copy));
    assert!(theirs.len() == 2 && Arc::ptr_eq(&theirs[0], &theirs[1]), "both servers are asked the same");
    assert!(Arc::ptr_eq(&ours[0], &ours[1]) && !Arc::ptr_eq(&ours[0], &theirs[0]));
    let checkers = |model: &Model| model.lvs.services[0].servers[1].checkers.clone();
    for (theirs, ours) in checkers(&model).iter().zip(&checkers(&copy)) {
        assert!(!Arc::ptr_eq(theirs, ours));
    }
    assert!(!Arc::ptr_eq(&model.lvs.groups[0].name, &copy.lvs.groups[0].name));
}

#[test]
fn virtual_routers_get_nothing_of_services() {
    let model = model();
    let routing = model.clone().for_routing();
    assert!(routing.lvs.services.is_empty() && routing.lvs.groups.is_empty());
    assert_eq!((&routing.instances, &routing.lvs.settings), (&model.instances, &model.lvs.settings));
}
