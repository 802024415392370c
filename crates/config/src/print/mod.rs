//! A [`Model`] as text: the canonical form of a configuration.
//!
//! Loading the text in the same world gives an equal Model, and printing that gives the same text. Blocks
//! stand in a fixed order; what is as it would be without a keyword is left out. Every type of the Model is
//! taken apart without `..`: a field that nobody prints does not compile.
//!
//! What the Model does not know cannot be printed: comments, includes and definitions, names of numbers
//! (tables, scopes), defaults of `global_defs` that were handed down to instances, and trackers that nobody
//! tracks.

mod address;
mod checker;
mod expanded;
mod global;
mod global_lvs;
mod http;
mod instance;
mod links;
mod route;
mod rule;
mod service;
mod sync_group;
mod trackers;
mod tree;

use std::cell::RefCell;
use std::collections::BTreeMap;

use model::{Command, InstanceId, Model, TrackerId, User};

use crate::block::command::DEFAULT_ACCOUNT;
use crate::load::Accounts;
pub use expanded::{Expanded, ExpandedLine, expand};
pub use tree::Entry;
use tree::{Lines, script, word};

/// How a Model is printed.
#[derive(Clone, Copy, Debug)]
pub struct Print<'a> {
    /// The names of users and groups.
    pub accounts: &'a Accounts,
    /// Passwords and keys are printed as they are. Without it a placeholder stands for each, and the text
    /// cannot be used.
    pub show_secrets: bool,
}

/// What stands for a secret.
pub const HIDDEN: &str = "<hidden>";

impl Print<'_> {
    /// The blocks of a Model in their order.
    #[must_use]
    pub fn entries(&self, model: &Model) -> Vec<Entry> {
        let printer = Printer::new(self, model, None);
        let entries = printer.model();
        let users = printer.users.into_inner();
        // The user of most commands becomes `script_user`.
        let most = users.into_iter().min_by_key(|&(user, count)| (std::cmp::Reverse(count), user));
        match most {
            None => entries,
            Some((user, _)) => Printer::new(self, model, Some(user)).model(),
        }
    }

    /// A Model as text.
    #[must_use]
    pub fn text(&self, model: &Model) -> String {
        let mut out = String::new();
        let mut blocks = false;
        for entry in self.entries(model) {
            // Keywords that stand alone stay together, blocks stand apart.
            if !out.is_empty() && (blocks || entry.body.is_some()) {
                out.push('\n');
            }
            blocks = entry.body.is_some();
            entry.render(0, &mut out);
        }
        out
    }
}

/// What every block needs to know.
struct Printer<'a> {
    print: &'a Print<'a>,
    model: &'a Model,
    /// `script_user`.
    user: Option<User>,
    /// How many commands each user has.
    users: RefCell<BTreeMap<User, usize>>,
    /// Leases that are as they would be without a word of the user are left out.
    leases_by_default: bool,
}

impl<'a> Printer<'a> {
    fn new(print: &'a Print<'a>, model: &'a Model, user: Option<User>) -> Self {
        Self {
            print,
            model,
            user,
            users: RefCell::default(),
            leases_by_default: instance::leases_by_default(model),
        }
    }

    fn model(&self) -> Vec<Entry> {
        let Model {
            global,
            instances,
            groups,
            trackers: _,
            static_addresses: _,
            static_routes: _,
            lvs,
            mail,
            static_rules: _,
            bfd: _,
            track_groups: _,
            garp_groups: _,
            link_delays: _,
            link_polling: _,
            poll_all_links: _,
        } = self.model;
        let mut out = Lines::default();
        self.root(global, &lvs.settings, &mut out);
        self.global(global, mail, &lvs.settings, &mut out);
        self.links(&mut out);
        self.statics(&mut out);
        self.trackers(&mut out);
        let groups_tracks = sync_group::tracks(self.model);
        for (group, tracks) in groups.iter().zip(&groups_tracks) {
            self.sync_group(group, tracks, &mut out);
        }
        for (index, instance) in instances.iter().enumerate() {
            let group = instance.protocol.group.and_then(|id| groups_tracks.get(id.index()));
            self.instance(InstanceId::from_index(index), instance, group, &mut out);
        }
        self.services(lvs, &mut out);
        out.0
    }

    /// A command with its user.
    fn command(&self, command: &Command) -> String {
        let Command { text, path: _, argv: _, user } = command;
        let text = script(text);
        match self.owner(*user) {
            Some(owner) => format!("{text} {owner}"),
            None => text,
        }
    }

    fn command_line(&self, keyword: &str, command: Option<&Command>, out: &mut Lines) {
        out.some(keyword, command.map(|command| self.command(command)));
    }

    /// The user of a command, if it is not `script_user`.
    fn owner(&self, user: User) -> Option<String> {
        *self.users.borrow_mut().entry(user).or_default() += 1;
        (self.user != Some(user)).then(|| self.account(user))
    }

    /// `USER [GROUP]`.
    fn account(&self, user: User) -> String {
        match self.print.accounts.get(user) {
            Some(words) => words.iter().map(|text| word(text)).collect::<Vec<_>>().join(" "),
            None if user == User::default() => "root".to_owned(),
            // Only a Model of another world has such a user.
            None => format!("{DEFAULT_ACCOUNT}-{} {}", user.uid, user.gid),
        }
    }

    /// A secret, or what stands for it.
    fn secret(&self, text: &str) -> String {
        word(if self.print.show_secrets { text } else { HIDDEN })
    }

    fn instance_name(&self, id: InstanceId) -> String {
        word(&self.model.instance_name(id))
    }

    fn tracker_name(&self, id: TrackerId) -> String {
        self.model.trackers.get(id.index()).map_or_else(String::new, |tracker| word(&tracker.name))
    }
}
