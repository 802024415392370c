//! Advice: what works as written, and hurts at the next failover.
//!
//! Each lint is a line of [`LINTS`]: its code, whose explanation stands with those of all other codes, and
//! the function that looks for it. Advice never changes whether a configuration is accepted, the exit status
//! of a test, or what a daemon writes at its start: it is given only if it is asked for
//! ([`crate::Options::advice`]).

mod address;
mod command;
mod group;
mod router;
mod timing;
pub(crate) mod weight;

use model::{Instance, Model};

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::keyword::{Block, Places};
use crate::resolve::ServicePlaces;
use crate::source::Source;
use crate::span::Span;

/// What a lint may look at.
pub(crate) struct Facts<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) model: &'a Model,
    pub(crate) places: &'a Places,
    /// Where the virtual servers of the model stand.
    pub(crate) services: &'a [ServicePlaces],
}

/// One piece of advice.
struct Lint {
    code: Code,
    look: fn(&Facts<'_>, &mut Vec<Diagnostic>),
}

const LINTS: &[Lint] = &[
    Lint { code: Code::WEIGHT_IDLE, look: weight::idle },
    Lint { code: Code::WEIGHT_LIMIT, look: weight::limit },
    Lint { code: Code::WEIGHT_NOPREEMPT, look: weight::nopreempt },
    Lint { code: Code::STRICT_PING, look: router::strict_ping },
    Lint { code: Code::OWN_PEER, look: router::own_peer },
    Lint { code: Code::NO_SOURCE, look: router::no_source },
    Lint { code: Code::GARP_FLOOD, look: router::garp_flood },
    Lint { code: Code::MANY_ADDRESSES, look: address::many },
    Lint { code: Code::SHARED_ADDRESS, look: address::shared },
    Lint { code: Code::FOREIGN_ADDRESS, look: address::foreign },
    Lint { code: Code::GROUP_PRIORITIES, look: group::priorities },
    Lint { code: Code::SHELL_SYNTAX, look: command::shell_syntax },
    Lint { code: Code::SLOW_CHECK, look: timing::slow_check },
    Lint { code: Code::NO_CHECK, look: timing::no_check },
];

/// The codes of all advice about one configuration.
pub fn lints() -> impl Iterator<Item = &'static Code> {
    LINTS.iter().map(|lint| &lint.code)
}

/// Gives all advice.
pub(crate) fn advise(facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let mut found = Vec::new();
    for lint in LINTS {
        (lint.look)(facts, &mut found);
        debug_assert!(found.iter().all(|d| d.code == lint.code), "another code than that of the table");
        found.drain(..).for_each(|d| diagnostics.push(d));
    }
}

impl<'a> Facts<'a> {
    /// Every instance with its block.
    fn instances(&self) -> impl Iterator<Item = (&'a Instance, Block<'a>)> {
        let places = self.places;
        self.model
            .instances
            .iter()
            .filter_map(move |i| Some((i, places.named("vrrp_instance", &i.protocol.name)?)))
    }
}

/// Advice about the place `span`.
fn advice(code: Code, span: Option<Span>, message: impl Into<String>) -> Diagnostic {
    let d = Diagnostic::new(code, message);
    match span {
        Some(span) => d.at(span),
        None => d,
    }
}
