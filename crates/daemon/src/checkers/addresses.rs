//! Which addresses this host has: for checks that run only where the service is, and for `-a`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use linux::OsError;
use linux::netlink::{AddressKey, Change, Event, Monitor, MonitorConfig};

/// The addresses of this host, each counted once however many interfaces have it.
pub struct Addresses {
    monitor: Monitor,
    listed: bool,
    known: BTreeMap<IpAddr, BTreeSet<AddressKey>>,
}

impl Addresses {
    /// Begins to look; what is there is told by the first [`Addresses::read`]s.
    ///
    /// # Errors
    /// There is no socket for that.
    pub fn open(receive_buffer: Option<usize>) -> Result<Self, OsError> {
        let mut monitor = Monitor::open(&MonitorConfig { receive_buffer, ..MonitorConfig::default() })?;
        monitor.resync()?;
        Ok(Self { monitor, listed: false, known: BTreeMap::new() })
    }

    /// What has come and gone since the last call, in order: the address, and whether it is there now.
    ///
    /// # Errors
    /// The socket can't be read.
    pub fn read(&mut self) -> Result<Vec<(IpAddr, bool)>, OsError> {
        let mut events = Vec::new();
        self.monitor.read(&mut events)?;
        let mut news = Vec::new();
        for event in events {
            match event {
                Event::Snapshot(snapshot) => {
                    self.listed = true;
                    self.see(snapshot.addresses.into_keys(), &mut news);
                }
                Event::Change(Change::Address(a)) => self.comes(a.key(), &mut news),
                Event::Change(Change::AddressGone(a)) => self.goes(&a.key(), &mut news),
                Event::Change(_) => {}
                Event::Lost(_) => self.monitor.resync()?,
            }
        }
        Ok(news)
    }

    /// Whether all that is there has been told.
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// These and no others are there.
    fn see(&mut self, all: impl Iterator<Item = AddressKey>, news: &mut Vec<(IpAddr, bool)>) {
        let all: BTreeSet<AddressKey> = all.collect();
        let gone: Vec<AddressKey> =
            self.known.values().flatten().filter(|key| !all.contains(key)).copied().collect();
        for key in all {
            self.comes(key, news);
        }
        for key in gone {
            self.goes(&key, news);
        }
    }

    fn comes(&mut self, key: AddressKey, news: &mut Vec<(IpAddr, bool)>) {
        let address = key.1.addr();
        let places = self.known.entry(address).or_default();
        if places.is_empty() {
            news.push((address, true));
        }
        places.insert(key);
    }

    fn goes(&mut self, key: &AddressKey, news: &mut Vec<(IpAddr, bool)>) {
        let address = key.1.addr();
        let Some(places) = self.known.get_mut(&address) else { return };
        places.remove(key);
        if places.is_empty() {
            self.known.remove(&address);
            news.push((address, false));
        }
    }
}

impl AsFd for Addresses {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.monitor.as_fd()
    }
}
