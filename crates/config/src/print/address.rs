//! Lines of `virtual_ipaddress` and `static_ipaddress`.

use base::{Family, IfName, IpNet};
use model::Address;
use model::address::AddressFlags;

use super::tree::{Entry, Words, word};

/// Where an address line stands.
pub(super) enum Place<'a> {
    /// In an instance with this interface.
    Instance(Option<IfName>),
    /// At the root; the instances of this group follow it.
    Static(Option<&'a str>),
}

/// Names of scopes that need no file.
pub(super) fn scope(scope: u8) -> String {
    match scope {
        0 => "global".to_owned(),
        200 => "site".to_owned(),
        253 => "link".to_owned(),
        254 => "host".to_owned(),
        255 => "nowhere".to_owned(),
        other => other.to_string(),
    }
}

/// An address with its prefix length, which a host does not have.
pub(super) fn net(net: &IpNet) -> String {
    if *net == IpNet::host(net.addr()) { net.addr().to_string() } else { net.to_string() }
}

pub(super) fn line(address: &Address, place: &Place<'_>) -> Entry {
    let Address { net, link, peer, broadcast, label, scope, flags, preferred_lft, no_track, on_vmac } =
        address;
    let AddressFlags { nodad, home, mngtmpaddr, noprefixroute, autojoin } = *flags;
    let v6 = net.family() == Family::V6;
    let mut line = Words::default();
    line.add(self::net(net));
    match place {
        Place::Instance(own) if *own == Some(*link) => {}
        _ => {
            line.add("dev").add(word(link.as_str()));
        }
    }
    line.some("peer", peer.as_ref().map(self::net))
        .some("brd", *broadcast)
        .some("label", label.as_deref().map(word))
        .some("scope", Some(*scope).filter(|scope| *scope != 0).map(self::scope))
        .flag("home", home)
        .flag("-nodad", v6 && !nodad && matches!(place, Place::Instance(_)))
        .flag("mngtmpaddr", mngtmpaddr)
        .flag("noprefixroute", noprefixroute)
        .flag("autojoin", autojoin);
    let usual = if v6 && net.prefix() == 128 { Some(0) } else { None };
    if *preferred_lft != usual {
        line.add("preferred_lft");
        match preferred_lft {
            Some(seconds) => line.add(seconds),
            None => line.add("forever"),
        };
    }
    line.flag("no_track", *no_track).flag("use_vmac", *on_vmac);
    if let Place::Static(group) = place {
        line.some("track_group", group.map(word));
    }
    line.into_entry()
}
