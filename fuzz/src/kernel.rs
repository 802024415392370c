//! A kernel that does what it is told, and to which anything may happen.

use std::collections::BTreeMap;

use base::{IfIndex, IpNet};
use engine::facts::{AddressFacts, KernelDump, KernelEvent, LinkFacts, RouteFacts};
use engine::io::Operation;

use crate::bytes::Bytes;
use crate::{facts, models};

/// Its links, addresses and routes.
#[derive(Debug)]
pub(crate) struct Kernel {
    links: BTreeMap<IfIndex, LinkFacts>,
    addresses: Vec<AddressFacts>,
    routes: Vec<RouteFacts>,
    /// A new link gets a number that none had before.
    next_index: u32,
}

impl Kernel {
    /// Every interface that any configuration names, up and with addresses.
    pub(crate) fn new() -> Self {
        let mut kernel =
            Self { links: BTreeMap::new(), addresses: Vec::new(), routes: Vec::new(), next_index: 2 };
        for name in models::link_names() {
            let link = kernel.appear(*name);
            let [.., low] = link.index.get().to_be_bytes();
            let v4: IpNet = format!("192.0.2.{}/24", low - 1).parse().expect("an address");
            let v6: IpNet = format!("fe80::{low}/64").parse().expect("an address");
            kernel.addresses.push(facts::address(link.index, v4, 0));
            kernel.addresses.push(facts::address(link.index, v6, 2));
        }
        for instance in models::models().iter().flat_map(|m| &m.instances) {
            let link = kernel.links.values().find(|l| Some(l.name) == instance.link).map(|l| l.index);
            if let (Some(link), Some(source)) = (link, instance.source) {
                kernel.put_address(facts::address(link, IpNet::host(source), 0));
            }
        }
        kernel
    }

    fn appear(&mut self, name: base::IfName) -> LinkFacts {
        let index = IfIndex::new(self.next_index).expect("not 0");
        self.next_index += 1;
        let link = facts::link(index, name);
        self.links.insert(index, link.clone());
        link
    }

    fn put_address(&mut self, facts: AddressFacts) {
        self.addresses.retain(|a| (a.link, a.net) != (facts.link, facts.net));
        self.addresses.push(facts);
    }

    fn put_route(&mut self, facts: RouteFacts) {
        self.routes.retain(|r| *r != facts);
        self.routes.push(facts);
    }

    /// Everything that there is.
    pub(crate) fn dump(&self) -> KernelDump {
        KernelDump {
            links: self.links.values().cloned().collect(),
            addresses: self.addresses.clone(),
            routes: self.routes.clone(),
        }
    }

    /// Does an operation; what it will tell about it.
    pub(crate) fn perform(&mut self, operation: &Operation) -> Option<KernelEvent> {
        match operation {
            Operation::AddAddress { link, address, valid_lft } => {
                let mut facts = facts::added(*link, address);
                facts.valid_lft = *valid_lft;
                self.put_address(facts.clone());
                Some(KernelEvent::Address(facts))
            }
            Operation::DelAddress { link, net, .. } => {
                let at = self.addresses.iter().position(|a| (a.link, a.net) == (*link, *net))?;
                Some(KernelEvent::AddressGone(self.addresses.remove(at)))
            }
            Operation::AddRoute { route, links } => {
                let facts = facts::route(route, links);
                self.put_route(facts.clone());
                Some(KernelEvent::Route(facts))
            }
            Operation::DelRoute { route, links } => {
                let facts = facts::route(route, links);
                let at = self.routes.iter().position(|r| *r == facts)?;
                Some(KernelEvent::RouteGone(self.routes.remove(at)))
            }
            Operation::PromoteSecondaries { .. } | Operation::StartSync(..) | Operation::StopSync(..) => None,
        }
    }

    fn some_link(&self, bytes: &mut Bytes<'_>) -> Option<LinkFacts> {
        let at = bytes.place(self.links.len())?;
        self.links.values().nth(at).cloned()
    }

    /// A link changes.
    pub(crate) fn change_link(&mut self, bytes: &mut Bytes<'_>) -> Option<KernelEvent> {
        let link = facts::changed_link(self.some_link(bytes)?, bytes);
        self.links.insert(link.index, link.clone());
        Some(KernelEvent::Link(link))
    }

    /// A link vanishes, with its addresses or, what a kernel never does, without telling of them.
    pub(crate) fn remove_link(&mut self, bytes: &mut Bytes<'_>) -> Vec<KernelEvent> {
        let Some(link) = self.some_link(bytes) else { return Vec::new() };
        let (gone, left) =
            std::mem::take(&mut self.addresses).into_iter().partition(|a| a.link == link.index);
        self.addresses = left;
        self.routes.retain(|r| r.hops.iter().all(|(_, via)| *via != Some(link.index)));
        self.links.remove(&link.index);
        let gone: Vec<AddressFacts> = gone;
        let told = if bytes.flag() { Vec::new() } else { gone };
        let told = told.into_iter().map(KernelEvent::AddressGone);
        told.chain([KernelEvent::LinkGone(link.index)]).collect()
    }

    /// A link appears under a name that the configurations know: another one may have it already.
    pub(crate) fn add_link(&mut self, bytes: &mut Bytes<'_>) -> Option<KernelEvent> {
        let name = *bytes.pick(models::link_names())?;
        if self.links.len() > 24 {
            return None;
        }
        Some(KernelEvent::Link(self.appear(name)))
    }

    /// A link gets another name.
    pub(crate) fn rename_link(&mut self, bytes: &mut Bytes<'_>) -> Option<KernelEvent> {
        let mut link = self.some_link(bytes)?;
        link.name = *bytes.pick(models::link_names())?;
        self.links.insert(link.index, link.clone());
        Some(KernelEvent::Link(link))
    }

    /// Somebody adds an address.
    pub(crate) fn add_address(&mut self, bytes: &mut Bytes<'_>) -> Option<KernelEvent> {
        let link = self.some_link(bytes)?;
        let net = *bytes.pick(models::nets())?;
        let facts = facts::address(link.index, net, bytes.byte());
        self.put_address(facts.clone());
        Some(KernelEvent::Address(facts))
    }

    /// Somebody removes an address.
    pub(crate) fn remove_address(&mut self, bytes: &mut Bytes<'_>) -> Option<KernelEvent> {
        let at = bytes.place(self.addresses.len())?;
        Some(KernelEvent::AddressGone(self.addresses.remove(at)))
    }

    /// Somebody adds a route.
    pub(crate) fn add_route(&mut self, bytes: &mut Bytes<'_>) -> Option<KernelEvent> {
        let model = bytes.pick(models::models())?.clone();
        let routes: Vec<_> = models::routes(&model).collect();
        let route = *bytes.pick(&routes)?;
        let links: Vec<_> = route.hops.iter().map(|hop| self.index_of(hop.link)).collect();
        let mut facts = facts::route(route, &links);
        if bytes.flag() {
            facts.protocol = bytes.byte();
        }
        self.put_route(facts.clone());
        Some(KernelEvent::Route(facts))
    }

    /// Somebody removes a route.
    pub(crate) fn remove_route(&mut self, bytes: &mut Bytes<'_>) -> Option<KernelEvent> {
        let at = bytes.place(self.routes.len())?;
        Some(KernelEvent::RouteGone(self.routes.remove(at)))
    }

    fn index_of(&self, name: Option<base::IfName>) -> Option<IfIndex> {
        self.links.values().find(|l| Some(l.name) == name).map(|l| l.index)
    }
}
