//! The contract of [`base::Machine`] and of [`engine::io::Effect`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::{IfIndex, IpNet};
use engine::io::{OpId, Operation};
use model::Route;

use super::{Checker, Found};
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// The world itself notices most of what breaks the contract; here it becomes a violation. Of each object of the
/// kernel at most one operation is under way: what a reload, a fault or a retry finds half done is waited for.
#[derive(Debug, Default)]
pub(super) struct Contract {
    under_way: BTreeMap<(NodeId, OpId), Object>,
}

/// What an operation is about.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Object {
    Address(IfIndex, IpNet, Option<IpAddr>),
    Route(Box<Route>, Vec<Option<IfIndex>>),
}

fn object(operation: &Operation) -> Option<Object> {
    match operation {
        Operation::AddAddress { link, address, .. } => {
            let peer = address.peer.map(|peer| peer.addr());
            Some(Object::Address(*link, super::watch::shown(address), peer))
        }
        Operation::DelAddress { link, net, peer } => {
            Some(Object::Address(*link, *net, peer.map(|peer| peer.addr())))
        }
        Operation::AddRoute { route, links } | Operation::DelRoute { route, links } => {
            Some(Object::Route(Box::new(route.clone()), links.clone()))
        }
        Operation::PromoteSecondaries { .. } | Operation::StartSync(..) | Operation::StopSync(..) => None,
    }
}

impl Checker for Contract {
    fn see(&mut self, _: &World, seen: &Observation, found: &mut Found) {
        if let What::Broken(text) = &seen.what {
            found.push("contract", seen.at, seen.node, text.clone());
        }
        let Some(node) = seen.node else { return };
        match &seen.what {
            What::Wanted { op, operation } => {
                let Some(object) = object(operation) else { return };
                if self.under_way.iter().any(|((of, _), known)| *of == node && *known == object) {
                    let text = format!("{operation:?} is wanted while another operation on it is under way");
                    found.push("contract", seen.at, seen.node, text);
                }
                self.under_way.insert((node, *op), object);
            }
            What::Answered { op, .. } => {
                self.under_way.remove(&(node, *op));
            }
            What::Booted | What::Ended { .. } => self.under_way.retain(|(of, _), _| *of != node),
            _ => {}
        }
    }
}
