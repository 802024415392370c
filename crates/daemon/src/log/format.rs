//! How a line looks in each sink.

use std::fmt::Write as _;

use super::{Level, Line};

/// A date and a time of day in some time zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Civil {
    /// The year.
    pub year: i64,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31.
    pub day: u8,
    /// The day of the week, 0 for Sunday.
    pub weekday: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl Civil {
    /// The date of `seconds` since 1970 in a zone that is `offset` seconds east of Greenwich.
    #[must_use]
    pub fn new(seconds: i64, offset: i64) -> Self {
        let t = seconds.saturating_add(offset);
        let (days, of_day) = (t.div_euclid(86_400), t.rem_euclid(86_400));
        // Years that begin in March put the leap day at their end; eras are 400 of them.
        let z = days + 719_468;
        let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let small = |n: i64| u8::try_from(n).unwrap_or(0);
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: small(month),
            day: small(day_of_year - (153 * shifted + 2) / 5 + 1),
            weekday: small((days + 4).rem_euclid(7)),
            hour: small(of_day / 3_600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
        }
    }

    /// Three letters.
    pub fn month_name(&self) -> &'static str {
        const NAMES: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        NAMES.get(usize::from(self.month).wrapping_sub(1)).unwrap_or(&"???")
    }

    /// Three letters.
    pub fn weekday_name(&self) -> &'static str {
        const NAMES: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        NAMES.get(usize::from(self.weekday)).unwrap_or(&"???")
    }
}

/// A line of the console and of log files: `Fri Nov 20 15:20:01 2026: text`, with its line feed.
#[must_use]
pub fn console(at: &Civil, text: &str) -> String {
    format!(
        "{} {} {:2} {:02}:{:02}:{:02} {}: {}\n",
        at.weekday_name(),
        at.month_name(),
        at.day,
        at.hour,
        at.minute,
        at.second,
        at.year,
        printable(text)
    )
}

/// A datagram for the syslog socket (RFC 3164): `<30>Nov 20 15:20:01 Keepalived_vrrp[77]: text`.
#[must_use]
pub fn syslog(at: &Civil, facility: u8, level: Level, ident: &str, pid: u32, text: &str) -> String {
    format!(
        "<{}>{} {:2} {:02}:{:02}:{:02} {ident}[{pid}]: {}",
        u16::from(facility) * 8 + u16::from(level as u8),
        at.month_name(),
        at.day,
        at.hour,
        at.minute,
        at.second,
        printable(text)
    )
}

/// `text` without control characters: names and paths come from outside, and nobody shall forge a
/// line or drive a terminal with them.
fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => _ = write!(out, "\\x{:02x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.into()
}

/// The log file of a process: `_vrrp` and the like stand before the last dot of the file's name.
#[must_use]
pub fn file_name(base: &str, suffix: &str) -> String {
    let name_at = base.rfind('/').map_or(0, |i| i + 1);
    match base.get(name_at..).and_then(|name| name.rfind('.')) {
        Some(dot) => {
            let (stem, extension) = base.split_at(name_at + dot);
            format!("{stem}{suffix}{extension}")
        }
        None => format!("{base}{suffix}"),
    }
}

/// Whether a line is shown when `-D` was given `detail` times.
#[must_use]
pub fn shown(line: &Line, detail: u8) -> bool {
    line.detail <= detail
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_795_188_001;

    #[test]
    fn lines_look_like_those_of_keepalived() {
        let at = Civil::new(AT, 0);
        assert_eq!(
            console(&at, "(VI_1) Entering MASTER STATE"),
            "Fri Nov 20 15:20:01 2026: (VI_1) Entering MASTER STATE\n"
        );
        assert_eq!(
            syslog(&at, 3, Level::Info, "Keepalived_vrrp", 77, "Reloading"),
            "<30>Nov 20 15:20:01 Keepalived_vrrp[77]: Reloading"
        );
        // Days below ten are padded with a blank.
        assert!(console(&Civil::new(AT - 15 * 86_400, 0), "x").starts_with("Thu Nov  5 15:"));
    }

    #[test]
    fn dates_are_right_around_leap_days_and_zones() {
        let date = |s, o| {
            let c = Civil::new(s, o);
            (c.year, c.month, c.day, c.hour, c.weekday)
        };
        assert_eq!(date(0, 0), (1970, 1, 1, 0, 4));
        assert_eq!(date(0, -3600), (1969, 12, 31, 23, 3));
        assert_eq!(date(951_782_400, 0), (2000, 2, 29, 0, 2));
        assert_eq!(date(951_868_800, 0), (2000, 3, 1, 0, 3));
        assert_eq!(date(1_709_164_800, 7200), (2024, 2, 29, 2, 4));
        assert_eq!(date(1_735_689_599, 3600), (2025, 1, 1, 0, 3));
    }

    #[test]
    fn nobody_can_forge_a_line() {
        let at = Civil::new(0, 0);
        let line = console(&at, "a\nb\x1b[31m\u{9b}c\td");
        assert_eq!(line, "Thu Jan  1 00:00:00 1970: a\\nb\\x1b[31m\\x9bc\\td\n");
    }

    #[test]
    fn each_process_has_a_log_file_of_its_own() {
        assert_eq!(file_name("/tmp/keepalived.log", "_vrrp"), "/tmp/keepalived_vrrp.log");
        assert_eq!(file_name("/tmp.d/log", "_vrrp"), "/tmp.d/log_vrrp");
        assert_eq!(file_name("log", ""), "log");
    }

    #[test]
    fn details_need_their_option() {
        let line = Line::info("x").detailed();
        assert!(!shown(&line, 0) && shown(&line, 1) && shown(&Line::info("x"), 0));
    }
}
