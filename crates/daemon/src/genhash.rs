//! `genhash`: the digest of a page, as `digest` of a `url` expects it.
//!
//! Options, output and exit status are those of keepalived's program, also that a connection that fails
//! is no error to it and is told of on standard output. Only who asks for help gets it there, and status 0.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Instant;

use base::Duration;
use clap::{Arg, ArgAction, ArgMatches, Command};
use engine::lvs::io::{Answer, Failure};
use model::lvs::{Connect, HttpVersion, Origin};

use crate::checkers::probe::Prober;
use crate::checkers::probe::http::{Question, Reply, request};
use crate::exit::Exit;

/// Its options.
pub fn command() -> Command {
    let value =
        |id: &'static str, short, name, help| Arg::new(id).short(short).long(id).value_name(name).help(help);
    let flag = |id: &'static str, short, help| {
        Arg::new(id).short(short).long(id).action(ArgAction::SetTrue).help(help)
    };
    let command =
        Command::new("genhash").about("The MD5 digest of a page, for `digest` of HTTP_GET and SSL_GET");
    // As `getopt_long` has it: the last of two holds, and a name may be cut short.
    command.args_override_self(true).infer_long_args(true).args([
        value("server", 's', "ADDRESS", "The server's address")
            .required(true)
            .value_parser(clap::value_parser!(IpAddr)),
        value("port", 'p', "PORT", "Its port")
            .required(true)
            .value_parser(clap::value_parser!(u16).range(1..)),
        value("url", 'u', "PATH", "The page").required(true),
        flag("use-ssl", 'S', "Ask within TLS"),
        flag("use-sni", 'I', "Greet within TLS with the name of -V"),
        value("use-virtualhost", 'V', "NAME", "Ask for this host instead of the address and port"),
        flag("verbose", 'v', "Show the reply, too, and how long it took"),
        value("fwmark", 'm', "MARK", "Mark the packets").value_parser(clap::value_parser!(u32)),
        value("protocol", 'P', "VERSION", "The version of HTTP").value_parser(["1.0", "1.0c", "1.0C", "1.1"]),
        value("timeout", 't', "SECONDS", "Give up after so long; never by default")
            .value_parser(clap::value_parser!(u32)),
    ])
}

/// Runs it with the words after its name.
pub fn main(args: &[String]) -> ExitCode {
    let words = std::iter::once("genhash").chain(args.iter().map(String::as_str));
    let options = match command().try_get_matches_from(words) {
        Ok(options) => options,
        Err(e) => {
            // There is nobody to tell if this fails.
            let _ = e.print();
            return if e.use_stderr() { Exit::Fatal } else { Exit::Ok }.into();
        }
    };
    let began = Instant::now();
    let (mut out, error) = match page(&options) {
        Ok(text) => (text, None),
        Err(Trouble { said, detail }) => {
            (said.map(|said| format!("{said}\n")).unwrap_or_default().into_bytes(), detail)
        }
    };
    if options.get_flag("verbose") {
        let (took, url) = (began.elapsed().as_micros(), options.get_one::<String>("url"));
        let url = url.map(String::as_str).unwrap_or_default();
        out.extend(format!("\nGlobal response time for [{url}] = {took} usecs\n").bytes());
    }
    // As above: whoever closes the output does not want it.
    let _ = std::io::stdout().write_all(&out);
    if let Some(error) = error {
        eprintln!("{error}");
    }
    Exit::Ok.into()
}

/// Why there is no digest.
struct Trouble {
    /// What keepalived's program says on standard output.
    said: Option<&'static str>,
    /// What more there is to say.
    detail: Option<String>,
}

fn page(options: &ArgMatches) -> Result<Vec<u8>, Trouble> {
    let other = |detail: String| Trouble { said: None, detail: Some(detail) };
    let text = |id: &str| options.get_one::<String>(id).map(String::as_str);
    // clap has seen to it that these are there.
    let (Some(address), Some(port), Some(url)) =
        (options.get_one::<IpAddr>("server"), options.get_one::<u16>("port"), text("url"))
    else {
        return Err(other("an option is missing".to_owned()));
    };
    let mark = options.get_one::<u32>("fwmark").copied().unwrap_or(0);
    let seconds = options.get_one::<u32>("timeout").map(|s| Duration::from_secs(u64::from(*s)));
    let to = Connect {
        address: *address,
        port: *port,
        timeout: seconds.unwrap_or(Duration::MAX),
        origin: (mark != 0).then(|| Box::new(Origin { mark, ..Origin::default() })),
    };
    let version = match text("protocol") {
        None | Some("1.0") => HttpVersion::V1_0,
        Some("1.1") => HttpVersion::V1_1,
        Some(_) => HttpVersion::V1_0Close,
    };
    let host = text("use-virtualhost");
    let name = host.filter(|_| options.get_flag("use-sni"));
    let question = Question {
        to: &to,
        request: &request(version, url, host, *address, *port),
        tls: options.get_flag("use-ssl").then_some(name),
        announce_end: false,
    };
    let prober = Prober::new(None);
    let mut reply = Reply::recorded();
    let asked = prober.waits.block_on(prober.ask(&question, &mut reply));
    let asked = asked.map_err(|e| other(e.to_string()))?;
    asked.map_err(|answer| trouble(&answer, &question, SocketAddr::new(*address, *port)))?;
    let digest = reply.digest().unwrap_or_default();
    let line = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    if !options.get_flag("verbose") {
        return Ok(line.into_bytes());
    }
    let (head, body) = reply.parts();
    let mut out = title("   HTTP Header Buffer    ").into_bytes();
    out.extend(dump(head).bytes());
    out.extend(title("HTTP Header Ascii Buffer ").bytes());
    out.extend(head.iter().filter(|byte| **byte != b'\r'));
    out.extend_from_slice(b"\n");
    if !body.is_empty() {
        out.extend(title("       HTML Buffer        ").bytes());
        out.extend(dump(body).bytes());
    }
    out.extend_from_slice(b"\n");
    out.extend(title("   HTML hash resulting    ").bytes());
    out.extend(dump(&digest).bytes());
    out.extend(title("HTML hash final resulting ").bytes());
    out.extend(line.bytes());
    Ok(out)
}

fn trouble(answer: &Answer, question: &Question<'_>, server: SocketAddr) -> Trouble {
    let server = format!("[{}]:{}", server.ip(), server.port());
    let (said, detail) = match answer {
        Answer::Failed(Failure::Connect { errno: nix::libc::ENETUNREACH }) => {
            (Some("HTTP_CHECK - network unreachable"), None)
        }
        Answer::Failed(Failure::Connect { .. }) => (Some("Connection failed"), None),
        Answer::Failed(Failure::ConnectTimeout) => (Some("Timeout connecting"), None),
        Answer::Failed(Failure::NoData) => {
            (None, Some(format!("no data received from remote webserver {server}")))
        }
        // Who is silent within TLS is so, as a rule, from its greeting on, which belongs to connecting.
        Answer::Failed(Failure::ReadTimeout) if question.tls.is_some() => (Some("Timeout connecting"), None),
        Answer::Failed(Failure::ReadTimeout) => (Some("Timeout WEB read"), None),
        Answer::Failed(Failure::Tls(reason)) => (
            Some("SSL handshake/communication error connecting to"),
            Some(format!("SSL error with {server}: {reason}")),
        ),
        Answer::Failed(Failure::Malformed(reason)) => (None, Some(format!("{server}: {reason}"))),
        Answer::Failed(_) | Answer::Passed { .. } => (None, Some(format!("Error reading from {server}"))),
        Answer::Unable(e) => (None, Some(e.message.to_string())),
    };
    Trouble { said, detail }
}

fn title(words: &str) -> String {
    let line = "-".repeat(23);
    format!("{line}[ {words}]{line}\n")
}

/// Bytes in lines of 16, as numbers and as characters.
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (row, line) in bytes.chunks(16).enumerate() {
        let hex = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x} ")).collect::<String>();
        let (left, right) = line.split_at(line.len().min(8));
        let shown: String =
            line.iter().map(|byte| if (32..127).contains(byte) { char::from(*byte) } else { '.' }).collect();
        // Writing to a string can't fail.
        let _ = writeln!(text, "{:04}  {:24}- {:24}  {shown:16}", row * 16, hex(left), hex(right));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_has_sixteen_bytes_in_a_line() {
        let text = dump(b"HTTP/1.0 200 OK\r\n");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "0000  48 54 54 50 2f 31 2e 30 - 20 32 30 30 20 4f 4b 0d   HTTP/1.0 200 OK.");
        assert_eq!(lines[1], "0016  0a                      -                           .               ");
    }

    #[test]
    fn options_are_those_of_keepalived() {
        let accepted = |words: &str| {
            command().try_get_matches_from(std::iter::once("genhash").chain(words.split(' '))).is_ok()
        };
        assert!(accepted("-s 10.0.0.1 -p 80 -u /"));
        assert!(accepted("-S -I -V www -v -m 7 -P 1.0c -t 5 --server ::1 --port 443 --url /x"));
        for bad in
            ["-p 80 -u /", "-s 10.0.0.1 -u /", "-s 10.0.0.1 -p 80", "-s 10.0.0.1 -p 0 -u /", "-s x -p 1 -u /"]
        {
            assert!(!accepted(bad), "{bad}");
        }
        assert_eq!(main(&["-x".to_owned()]), ExitCode::from(Exit::Fatal));
    }
}
