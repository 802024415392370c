//! What stands at the root about interfaces, and the static addresses, routes and rules.

use base::{Duration, IfName};
use model::link::{GarpGroup, LinkBeat, LinkDelay, LinkPolling, TrackGroup};

use super::tree::{Lines, Words, seconds, word};
use super::{Printer, address, route, rule};

impl Printer<'_> {
    pub(super) fn links(&self, out: &mut Lines) {
        let model = self.model;
        out.flag("linkbeat_use_polling", model.poll_all_links);
        let mut polled = Lines::default();
        for LinkPolling { link, way } in &model.link_polling {
            let mut line = Words::default();
            line.add(word(link.as_str()));
            match way {
                None => {}
                Some(LinkBeat::Mii) => {
                    line.add("MII");
                }
                Some(LinkBeat::Ethtool) => {
                    line.add("ETHTOOL");
                }
                Some(LinkBeat::Ioctl) => {
                    line.add("IOCTL");
                }
            }
            polled.0.push(line.into_entry());
        }
        out.block_if_any("linkbeat_interfaces", polled);
        let mut delays = Lines::default();
        for LinkDelay { link, down, up } in &model.link_delays {
            let mut line = Words::default();
            line.add(word(link.as_str())).add(seconds(*down)).add(seconds(*up));
            delays.0.push(line.into_entry());
        }
        out.block_if_any("interface_up_down_delays", delays);
        for GarpGroup { links, garp_interval, gna_interval } in &model.garp_groups {
            let mut group = Lines::default();
            group.time(Duration::ZERO, "garp_interval", *garp_interval);
            group.time(Duration::ZERO, "gna_interval", *gna_interval);
            let mut interfaces = Lines::default();
            for link in links {
                interfaces.line(&word(link.as_str()), "");
            }
            group.block("interfaces", "", interfaces);
            out.block("garp_group", "", group);
        }
        for TrackGroup { name, members, links: _ } in &model.track_groups {
            let mut names = Lines::default();
            for member in members {
                names.line(&self.instance_name(*member), "");
            }
            let mut group = Lines::default();
            group.block("group", "", names);
            out.block("track_group", word(name), group);
        }
    }

    pub(super) fn statics(&self, out: &mut Lines) {
        let model = self.model;
        let mut followers = Followers::new(&model.track_groups);
        let mut addresses = Lines::default();
        for one in &model.static_addresses {
            let place = address::Place::Static(followers.take(Some(one.link)));
            addresses.0.push(address::line(one, &place));
        }
        let mut routes = Lines::default();
        for one in &model.static_routes {
            let group = followers.take(one.hops.iter().find_map(|hop| hop.link));
            routes.0.push(route::line(one, group));
        }
        let mut rules = Lines::default();
        for one in &model.static_rules {
            rules.0.push(rule::line(one, followers.take(one.input)));
        }
        out.block_if_any("static_ipaddress", addresses);
        out.block_if_any("static_routes", routes);
        out.block_if_any("static_rules", rules);
    }
}

/// Gives each `track_group` its interfaces: a line names a group, and brings it the interface that it is
/// about. Which line brought it the Model does not know, but in which order they came.
struct Followers<'a> {
    /// The name of a group, and the interfaces that it lacks.
    groups: Vec<(&'a str, &'a [IfName])>,
}

impl<'a> Followers<'a> {
    fn new(groups: &'a [TrackGroup]) -> Self {
        Self { groups: groups.iter().map(|group| (&*group.name, group.links.as_slice())).collect() }
    }

    /// The group that the next line, which is about `link`, names: of those that need it next the one that
    /// lacks most.
    fn take(&mut self, link: Option<IfName>) -> Option<&'a str> {
        let link = link?;
        let needs = self.groups.iter_mut().filter(|(_, links)| links.first() == Some(&link));
        let (name, links) = needs.max_by_key(|(_, links)| links.len())?;
        *links = links.get(1..).unwrap_or_default();
        Some(name)
    }
}
