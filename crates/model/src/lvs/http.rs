//! `HTTP_GET` and `SSL_GET`: the requests, and what a good answer is.

/// What is asked, and how.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Http {
    /// `url`, at least one.
    pub urls: Vec<Url>,
    /// `http_protocol`.
    pub version: HttpVersion,
    /// `enable_sni`, `sni_name`.
    pub sni: Sni,
    /// `fast_recovery`: while it is down, the urls are asked without delay between them.
    pub fast_recovery: bool,
}

/// `http_protocol`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum HttpVersion {
    /// `1.0`.
    #[default]
    V1_0,
    /// `1.0C`: with `Connection: close`.
    V1_0Close,
    /// `1.1`: with `Connection: close`.
    V1_1,
}

/// The name in the greeting of TLS.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Sni {
    /// None.
    #[default]
    Off,
    /// `enable_sni`: the `virtualhost` of the url, else this one: that of the check or of the service.
    /// keepalived does not look at that of the real server.
    VirtualHost(Option<Box<str>>),
    /// `sni_name`.
    Name(Box<str>),
}

/// `url`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Url {
    /// `path`.
    pub path: Box<str>,
    /// `virtualhost` of the url, the check, the real server or the service, the first that is set;
    /// `None` for the address and port.
    pub host: Option<Box<str>>,
    /// `virtualhost` of the url itself.
    pub own_host: bool,
    /// `status_code`.
    pub status: StatusCodes,
    /// `digest`: the MD5 of the body.
    pub digest: Option<[u8; 16]>,
    /// `regex` and its kin.
    pub regex: Option<Box<Regex>>,
    /// `tls_compliant`: TLS is ended as the RFC says, with `close_notify`.
    pub tls_compliant: bool,
}

/// Which statuses are good: one bit for each from 100 to 599.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCodes([u64; 8]);

impl StatusCodes {
    /// The lowest status.
    pub const MIN: u16 = 100;
    /// The highest status.
    pub const MAX: u16 = 599;
    /// None at all.
    pub const NONE: Self = Self([0; 8]);

    /// `200-299`: what holds if nothing is written.
    #[must_use]
    pub fn success() -> Self {
        let mut all = Self::NONE;
        all.insert(200, 299);
        all
    }

    fn place(status: u16) -> Option<(usize, u64)> {
        let bit = status.checked_sub(Self::MIN)?;
        (status <= Self::MAX).then(|| (usize::from(bit / 64), 1 << (bit % 64)))
    }

    /// Adds the statuses from `first` to `last`.
    pub fn insert(&mut self, first: u16, last: u16) {
        for status in first..=last.min(Self::MAX) {
            if let Some((word, bit)) = Self::place(status)
                && let Some(word) = self.0.get_mut(word)
            {
                *word |= bit;
            }
        }
    }

    /// Whether `status` is among them.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        Self::place(status).and_then(|(word, bit)| Some(self.0.get(word)? & bit != 0)).unwrap_or(false)
    }

    /// Runs of statuses, each with its first and last.
    pub fn ranges(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        let mut next = Self::MIN;
        std::iter::from_fn(move || {
            let first = (next..=Self::MAX).find(|status| self.contains(*status))?;
            let last = (first..=Self::MAX).take_while(|status| self.contains(*status)).last()?;
            next = last + 1;
            Some((first, last))
        })
    }
}

impl std::fmt::Debug for StatusCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ranges()).finish()
    }
}

/// `regex`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Regex {
    /// The pattern, in the language of PCRE2.
    pub pattern: Box<str>,
    /// `regex_no_match`: a match is a failure.
    pub inverted: bool,
    /// `regex_options`.
    pub options: RegexOptions,
    /// `regex_min_offset`, `regex_max_offset`.
    pub offsets: Offsets,
    /// `regex_stack START MAX` in bytes.
    pub stack: Option<(u32, u32)>,
}

/// Where in the reply, its head included, a match may start, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Offsets {
    /// At the earliest.
    pub min: u32,
    /// At the latest.
    pub max: Option<u32>,
}

/// `regex_options`: a set of options of PCRE2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RegexOptions(u32);

impl RegexOptions {
    /// The names, each with its place in the set.
    pub const NAMES: &'static [&'static str] = &[
        "allow_empty_class",
        "alt_bsux",
        "auto_callout",
        "caseless",
        "dollar_endonly",
        "dotall",
        "dupnames",
        "extended",
        "firstline",
        "match_unset_backref",
        "multiline",
        "never_ucp",
        "never_utf",
        "no_auto_capture",
        "no_auto_possess",
        "no_dotstar_anchor",
        "no_start_optimize",
        "ucp",
        "ungreedy",
        "utf",
        "never_backslash_c",
        "alt_circumflex",
        "alt_verbnames",
        "use_offset_limit",
    ];

    /// Adds the option `name`. `false` if there is none of that name.
    pub fn insert(&mut self, name: &str) -> bool {
        let found = Self::NAMES.iter().position(|known| *known == name);
        if let Some(place) = found {
            self.0 |= 1 << place;
        }
        found.is_some()
    }

    /// The names of the options that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .enumerate()
            .filter(move |(place, _)| self.0 & 1 << place != 0)
            .map(|(_, name)| *name)
    }
}

impl std::fmt::Debug for RegexOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_a_set_of_ranges() {
        let mut some = StatusCodes::success();
        some.insert(404, 404);
        some.insert(590, 599);
        assert_eq!(some.ranges().collect::<Vec<_>>(), [(200, 299), (404, 404), (590, 599)]);
        assert!(some.contains(200) && some.contains(599) && !some.contains(600) && !some.contains(99));
    }

    #[test]
    fn options_of_a_pattern_are_known_by_name() {
        let mut options = RegexOptions::default();
        assert!(options.insert("use_offset_limit") && options.insert("caseless") && !options.insert("x"));
        assert_eq!(options.names().collect::<Vec<_>>(), ["caseless", "use_offset_limit"]);
    }
}
