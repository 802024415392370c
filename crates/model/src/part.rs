//! What a process that runs one part of a configuration needs of it.

use std::collections::HashMap;
use std::sync::Arc;

use base::Name;

use crate::Model;
use crate::lvs::{AddressGroup, Checker, Http, Lvs, Probe, RealServer, VirtualServer};

impl Model {
    /// What virtual routers need of it: of load balancing, the settings.
    #[must_use]
    pub fn for_routing(self) -> Self {
        let lvs = Lvs { settings: self.lvs.settings, ..Lvs::default() };
        Self { lvs, ..self }
    }

    /// A copy of what load balancing needs of it: nothing about virtual routers. What there may be thousands of
    /// is a copy in one go, that shares no memory with this one: between what this one was made from it would keep
    /// whole pages for a few bytes each.
    #[must_use]
    pub fn for_balancing(&self) -> Self {
        Self {
            global: self.global.clone(),
            mail: self.mail.clone(),
            lvs: self.lvs.apart(),
            ..Self::default()
        }
    }
}

impl Lvs {
    /// A copy that shares nothing with this one. What is shared within this one is shared within the copy.
    fn apart(&self) -> Self {
        let own = |name: &Name| Name::from(&**name);
        let group =
            |group: &AddressGroup| AddressGroup { name: own(&group.name), entries: group.entries.clone() };
        let mut shares = Shares::default();
        let mut server = |server: &RealServer| RealServer {
            checkers: server.checkers.iter().map(|checker| shares.checker(checker)).collect(),
            ..server.clone()
        };
        let mut service = |it: &VirtualServer| VirtualServer {
            service: it.service.clone(),
            servers: it.servers.iter().map(&mut server).collect(),
        };
        Self {
            settings: self.settings.clone(),
            groups: self.groups.iter().map(group).collect(),
            services: self.services.iter().map(&mut service).collect(),
            files: self.files.clone(),
            bfds: self.bfds.iter().map(own).collect(),
        }
    }
}

/// What is shared, by where the original is, with its copy.
#[derive(Default)]
struct Shares {
    requests: HashMap<*const Http, Arc<Http>>,
    checkers: HashMap<*const Checker, Arc<Checker>>,
}

impl Shares {
    fn checker(&mut self, checker: &Arc<Checker>) -> Arc<Checker> {
        // Most often it is of one server only.
        if Arc::strong_count(checker) == 1 {
            return Arc::new(self.copy(checker));
        }
        if let Some(known) = self.checkers.get(&Arc::as_ptr(checker)) {
            return known.clone();
        }
        let copy = Arc::new(self.copy(checker));
        self.checkers.insert(Arc::as_ptr(checker), copy.clone());
        copy
    }

    fn copy(&mut self, checker: &Checker) -> Checker {
        let mut copy = checker.clone();
        if let Probe::Http(_, http) | Probe::Ssl(_, http) = &mut copy.probe {
            let own = self.requests.entry(Arc::as_ptr(http)).or_insert_with(|| Arc::new(Http::clone(http)));
            *http = own.clone();
        }
        copy
    }
}
