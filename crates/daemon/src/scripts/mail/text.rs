//! The text of a mail, as keepalived writes it.

use engine::mail::Message;

use crate::ipc::MailConfig;
use crate::log::Civil;

/// What goes into the envelope: of `Name <user@host>` only the part between the brackets.
pub(super) fn bare_address(text: &str) -> &str {
    let bare = text.trim().strip_suffix('>').and_then(|t| t.rfind('<').and_then(|at| t.get(at + 1..)));
    bare.unwrap_or(text.trim())
}

/// The whole mail. `at` is when it happened: seconds since 1970, and how many seconds local time is ahead.
pub(super) fn message(config: &MailConfig, message: &Message, at: (i64, i64)) -> Vec<u8> {
    let headers = [
        ("Date", date(at)),
        ("From", one_line(&config.from)),
        ("Subject", one_line(&message.subject)),
        ("X-Mailer", "Keepalived".to_owned()),
        ("To", recipients(&config.recipients)),
    ];
    let mut text = String::new();
    for (name, value) in headers {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(&value);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    // Whoever sends it ends the line.
    text.push_str(&one_line(&message.body));
    text.into_bytes()
}

/// Nothing that comes from a configuration may begin another header.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Several addresses, folded so that no line is longer than mail may have (RFC 5322, 2.1.1).
fn recipients(all: &[String]) -> String {
    const LONG: usize = 76;
    let mut text = String::new();
    let mut line = "To: ".len();
    for (index, recipient) in all.iter().enumerate() {
        let recipient = one_line(recipient);
        if index > 0 {
            text.push(',');
            let fits = line + 2 + recipient.len() <= LONG;
            text.push_str(if fits { " " } else { "\r\n " });
            line = if fits { line + 2 } else { 1 };
        }
        line += recipient.len();
        text.push_str(&recipient);
    }
    text
}

/// RFC 5322, section 3.3: local time, and how far ahead of UTC that is.
fn date((seconds, offset): (i64, i64)) -> String {
    let t = Civil::new(seconds, offset);
    let (sign, ahead) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    format!(
        "{}, {:02} {} {} {:02}:{:02}:{:02} {sign}{:02}{:02}",
        t.weekday_name(),
        t.day,
        t.month_name(),
        t.year,
        t.hour,
        t.minute,
        t.second,
        ahead / 3600,
        ahead / 60 % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_has_the_address_without_the_name() {
        assert_eq!(bare_address("Ops <ops@example.org>"), "ops@example.org");
        assert_eq!(bare_address(" root@localhost "), "root@localhost");
        assert_eq!(bare_address("odd>"), "odd>");
    }

    #[test]
    fn headers_stand_in_keepalived_s_order_and_hold_no_line_ends() {
        let config = MailConfig {
            from: "lb <lb@example.org>".into(),
            recipients: vec!["a@example.org".into(), "b@example.org\r\nBcc: c@example.org".into()],
            ..MailConfig::example()
        };
        let mail =
            Message { subject: "[lb1] VRRP Instance VI_1 - Stopping".into(), body: "=> text <=".into() };
        let text = String::from_utf8(message(&config, &mail, (1_700_000_000, -12_600))).unwrap();
        assert_eq!(
            text,
            "Date: Tue, 14 Nov 2023 18:43:20 -0330\r\nFrom: lb <lb@example.org>\r\nSubject: [lb1] VRRP \
             Instance VI_1 - Stopping\r\nX-Mailer: Keepalived\r\nTo: a@example.org, \
             b@example.orgBcc: c@example.org\r\n\r\n=> text <="
        );
    }

    #[test]
    fn many_recipients_take_several_lines() {
        let all: Vec<String> = (0..40).map(|n| format!("somebody{n}@example.org")).collect();
        let text = recipients(&all);
        assert!(text.split("\r\n").all(|line| line.len() <= 78), "{text}");
        assert_eq!(text.replace("\r\n ", " ").split(", ").collect::<Vec<_>>(), all);
    }
}
