use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread::JoinHandle;

use base::Duration;
use linux::netns::{Isolation, NsThread};
use linux::poll::{Interest, Poll};

use super::*;

/// A mail server for one conversation: greets, and answers each line by the first entry whose word it
/// begins with. Returns what it heard.
fn server(
    listener: TcpListener,
    answers: &'static [(&'static str, &'static str)],
) -> JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        converse(&stream, answers)
    })
}

fn converse(mut stream: &TcpStream, answers: &[(&str, &str)]) -> Vec<String> {
    stream.write_all(b"220 mail.example.org ready\r\n").unwrap();
    let mut heard = Vec::new();
    let mut data = false;
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { break };
        heard.push(line.clone());
        if data {
            if line != "." {
                continue;
            }
            data = false;
        }
        let answer = answers.iter().find(|(word, _)| line.starts_with(word)).map(|(_, answer)| *answer);
        data |= line == "DATA";
        let answer = answer.unwrap_or(if line == "DATA" { "354 go on" } else { "250 fine" });
        if stream.write_all(format!("{answer}\r\n").as_bytes()).is_err() || line == "QUIT" {
            break;
        }
    }
    heard
}

/// Runs `test` on a host of its own.
fn on_a_host<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    assert!(nix::unistd::geteuid().is_root(), "this test makes a network namespace and needs root");
    NsThread::new(Isolation::default()).unwrap().run(|| {
        let up = std::process::Command::new("ip").args(["link", "set", "lo", "up"]).status();
        assert!(up.unwrap().success());
        test()
    })
}

fn mailer(listener: &TcpListener, change: impl FnOnce(&mut MailConfig)) -> Mailer {
    let mut config =
        MailConfig { host: MailHost::Address(listener.local_addr().unwrap()), ..MailConfig::example() };
    change(&mut config);
    let mut mailer = Mailer::new().unwrap();
    mailer.configure(Some(config));
    mailer
}

fn mail(subject: &str) -> Message {
    Message { subject: subject.into(), body: "=> text <=".into() }
}

/// The lines of the log once nothing is on its way any more.
fn wait(mailer: &mut Mailer) -> Vec<String> {
    let deadline = clock::now() + Duration::from_secs(20);
    let mut poll = Poll::new().unwrap();
    poll.add(mailer.as_fd(), 0, Interest::READ).unwrap();
    let mut lines = Vec::new();
    while !mailer.is_idle() {
        let now = clock::now();
        assert!(now < deadline, "mail is still on its way: {lines:?}");
        poll.wait(Some(deadline.since(now))).unwrap();
        lines.extend(mailer.finished().iter().flat_map(|(_, lines)| lines).map(|line| line.text.clone()));
    }
    lines
}

#[test]
fn a_mail_arrives_with_its_envelope_and_headers() {
    let (heard, lines) = on_a_host(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut mailer = mailer(&listener, |config| {
            config.from = "Balancer <lb@example.org>".into();
            config.recipients = vec!["a@example.org".into(), "B <b@example.org>".into()];
        });
        let server = server(listener, &[("QUIT", "221 bye")]);
        assert!(mailer.send(Part::Vrrp, mail("[lb1] VRRP Instance VI_1 - Entering MASTER state")).is_none());
        let lines = wait(&mut mailer);
        (server.join().unwrap(), lines)
    });
    assert_eq!(lines, ["SMTP alert successfully sent."]);
    let envelope: Vec<&str> = heard.iter().map(String::as_str).take(5).collect();
    let wanted = [
        "EHLO lb1",
        "MAIL FROM:<lb@example.org>",
        "RCPT TO:<a@example.org>",
        "RCPT TO:<b@example.org>",
        "DATA",
    ];
    assert_eq!(envelope, wanted);
    let text = heard.join("\n");
    for line in [
        "\nFrom: Balancer <lb@example.org>\nSubject: [lb1] VRRP Instance VI_1 - Entering MASTER state\nX-Mailer: \
         Keepalived\nTo: a@example.org, B <b@example.org>\n\n=> text <=\n.\n",
        "\nDate: ",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_server() {
    let lines = on_a_host(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut mailer = mailer(&listener, |_| {});
        let server = server(listener, &[("RCPT", "550 nobody of that name")]);
        assert!(mailer.send(Part::Vrrp, mail("x")).is_none());
        let lines = wait(&mut mailer);
        server.join().unwrap();
        lines
    });
    assert!(
        matches!(&*lines, [line] if line.contains("550") && line.contains("nobody of that name")),
        "{lines:?}"
    );
}

#[test]
fn a_server_that_says_nothing_costs_its_timeout_and_the_next_mail_is_sent() {
    let (lines, heard) = on_a_host(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut mailer = mailer(&listener, |config| config.timeout = Duration::from_millis(300));
        let silent = std::thread::spawn(move || {
            let (first, _) = listener.accept().unwrap();
            let (second, _) = listener.accept().unwrap();
            let heard = converse(&second, &[("QUIT", "221 bye")]);
            drop(first);
            heard
        });
        assert!(mailer.send(Part::Vrrp, mail("first")).is_none());
        assert!(mailer.send(Part::Vrrp, mail("second")).is_none());
        (wait(&mut mailer), silent.join().unwrap())
    });
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("Timeout talking to SMTP server [127.0.0.1:"), "{lines:?}");
    assert_eq!(lines[1], "SMTP alert successfully sent.");
    assert!(heard.contains(&"Subject: second".to_owned()));
}

#[test]
fn an_address_that_is_none_is_told_and_the_others_get_the_mail() {
    let (lines, heard) = on_a_host(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut mailer = mailer(&listener, |config| config.recipients.push("not an address".into()));
        let server = server(listener, &[("QUIT", "221 bye")]);
        assert!(mailer.send(Part::Vrrp, mail("x")).is_none());
        (wait(&mut mailer), server.join().unwrap())
    });
    assert!(lines[0].starts_with("Mail address \"not an address\" cannot be used"), "{lines:?}");
    assert_eq!(lines[1], "SMTP alert successfully sent.");
    assert!(heard.contains(&"RCPT TO:<ops@example.org>".to_owned()));
}

#[test]
fn a_full_queue_drops_mail_and_says_so_once() {
    on_a_host(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut mailer = mailer(&listener, |config| config.timeout = Duration::from_secs(20));
        let told: Vec<_> = (0..ROOM + 50).filter_map(|_| mailer.send(Part::Vrrp, mail("x"))).collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].text.starts_with("1024 mails wait"), "{}", told[0].text);
    });
}

#[test]
fn a_password_does_not_go_over_the_network_in_the_clear() {
    let (heard, lines) = on_a_host(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut mailer = mailer(&listener, |config| {
            config.security = MailSecurity::Opportunistic;
            let password = crate::ipc::Password(base::Secret::new(b"hunter2".to_vec()));
            config.login = Some(("user".to_owned(), password));
        });
        // A server that offers logins, but no TLS.
        let server = server(listener, &[("EHLO", "250-mail\r\n250 AUTH PLAIN LOGIN")]);
        assert!(mailer.send(Part::Vrrp, mail("x")).is_none());
        let lines = wait(&mut mailer);
        (server.join().unwrap(), lines)
    });
    assert!(!heard.iter().any(|line| line.starts_with("AUTH")), "{heard:?}");
    assert!(matches!(&*lines, [line] if line.starts_with("Error sending mail")), "{lines:?}");
}
