//! Lines that people's tools match, to the letter.

use config::{Account, MapSource, Options, load};
use engine::lvs::io::{Failure, OpError, Operation};
use engine::lvs::table::{ServerKey, ServiceKey};
use model::lvs::Protocol;

use super::*;
use crate::log::Level;

/// A server with a check of each kind, numbered in this order, and one that is inhibited.
const CONF: &str = "
global_defs {
    checker_log_all_failures
}
virtual_server 192.0.2.10 80 {
    delay_loop 6
    lvs_method NAT
    protocol TCP
    quorum 3
    hysteresis 1
    sorry_server 10.0.0.9 80
    real_server 10.0.0.1 8080 {
        weight 2
        TCP_CHECK {
        }
        HTTP_GET {
            url {
                path /a
                status_code 200
            }
            url {
                path /b
                digest 9b3a0c85a887a256d6939da88aabd8cd
            }
        }
        SMTP_CHECK {
        }
        DNS_CHECK {
        }
        UDP_CHECK {
        }
        PING_CHECK {
        }
        MISC_CHECK {
            misc_path \"/bin/true x\"
            retry 2
        }
    }
    real_server 10.0.0.2 80 {
        weight 2
        inhibit_on_failure
    }
}
";

fn lvs() -> Lvs {
    lvs_of(CONF)
}

fn lvs_of(conf: &str) -> Lvs {
    let world = MapSource::new().user("root", Account::ROOT).file("/k.conf", conf);
    let loaded = load(&world, &Options::new("/k.conf"));
    let model = loaded.model.as_ref().unwrap_or_else(|| panic!("{}", loaded.render(false)));
    model.lvs.clone()
}

fn ids(server: usize) -> (ServiceId, ServerId) {
    (ServiceId::from_index(0), ServerId::from_index(server))
}

/// The texts of the lines without those that are ours.
fn texts(event: &Event, stopping: bool) -> Vec<String> {
    let lines = render(&lvs(), event, stopping).into_iter().filter(|line| line.detail < 2);
    lines.map(|line| line.text).collect()
}

/// What is told of a check that passed before if it fails now, and the other way round.
fn check(checker: usize, failure: Option<Failure>, failures: u32, changed: bool) -> Vec<String> {
    let was = failure.is_some();
    check_that(checker, failure, was, failures, changed)
}

fn check_that(
    checker: usize,
    failure: Option<Failure>,
    was: bool,
    failures: u32,
    changed: bool,
) -> Vec<String> {
    let (service, server) = ids(0);
    let checker = CheckerId::from_index(checker);
    texts(&Event::Checked { service, server, checker, url: 0, failure, was, failures, changed }, false)
}

const RS: &str = "[10.0.0.1]:tcp:8080";
const VS: &str = "[192.0.2.10]:tcp:80";

#[test]
fn successes_have_keepalived_s_words() {
    let success = |checker| check(checker, None, 0, true);
    assert_eq!(success(0), [format!("TCP connection to {RS} success.")]);
    assert_eq!(
        success(1),
        [
            format!("HTTP status code success to {RS} url(/a)"),
            format!("Remote Web server {RS} succeed on service.")
        ]
    );
    // What was taken for granted; and one of two urls.
    let all = [format!("Remote Web server {RS} succeed on service.")];
    assert_eq!(check_that(1, None, true, 0, true), all);
    let one = [format!("HTTP status code success to {RS} url(/a)")];
    assert_eq!(check_that(1, None, false, 0, false), one);
    assert_eq!(success(2), [format!("Remote SMTP server {RS} succeed on service.")]);
    assert_eq!(success(4), [format!("UDP connection to {RS} success.")]);
    assert_eq!(success(5), [format!("ICMP connection to {RS} success.")]);
    assert_eq!(success(6), [format!("Misc check for [{RS} VS {VS}] by [/bin/true x] succeeded.")]);
}

#[test]
fn failures_tell_what_happened_and_the_last_one_the_verdict() {
    let refused = || Some(Failure::Connect { errno: 111 });
    assert_eq!(check(0, refused(), 1, false), [format!("TCP connection to {RS} failed.")]);
    assert_eq!(
        check(0, Some(Failure::ConnectTimeout), 4, true),
        [
            format!("TCP connection to {RS} timeout."),
            format!("TCP_CHECK on service {RS} failed after 3 retries.")
        ]
    );
    assert_eq!(
        check(1, Some(Failure::Status(500)), 1, true),
        [format!("HTTP status code error to server {RS}."), format!("HTTP_CHECK on service {RS} failed.")]
    );
    let banner = Failure::Reply { step: "greeting", code: Some(554) };
    assert_eq!(
        check(2, Some(banner), 2, true),
        ["SMTP_CHECK Bad greeting banner from server [10.0.0.1]:8080"]
    );
    assert_eq!(
        check(3, Some(Failure::Rcode(3)), 2, true),
        [format!("DNS_CHECK ({RS}) read error occurred. (rcode = 3) after 1 retries")]
    );
    assert_eq!(
        check(5, Some(Failure::ReadTimeout), 2, true),
        [
            format!("ICMP connection to address {RS} timeout."),
            format!("ICMP CHECK on service {RS} of {VS} failed after 1 retries.")
        ]
    );
    let misc = |failures, changed| check(6, Some(Failure::Exited(1)), failures, changed);
    let line = |how: &str| [format!("Misc check for [{RS} VS {VS}] by [/bin/true x] failed{how}.")];
    assert_eq!(misc(1, false), line(", will do 2 retries (exited with status 1)"));
    assert_eq!(misc(2, false), line(" on retry 1/2 (exited with status 1)"));
    assert_eq!(misc(3, true), line(" after 2 retries (exited with status 1)"));
}

#[test]
fn a_failure_is_told_on_request_while_the_server_is_up_and_else_the_verdict_alone() {
    let refused = || Some(Failure::Connect { errno: 111 });
    let down = 9;
    assert_eq!(check(0, refused(), down, false), [""; 0]);
    let quiet = CONF.replace("checker_log_all_failures", "");
    let told = |checker, failures, changed| {
        let (service, server) = ids(0);
        let checker = CheckerId::from_index(checker);
        let failure = refused();
        let event =
            Event::Checked { service, server, checker, url: 0, failure, was: true, failures, changed };
        let lines = render(&lvs_of(&quiet), &event, false).into_iter().filter(|line| line.detail < 2);
        lines.map(|line| line.text).collect::<Vec<_>>()
    };
    assert_eq!(told(0, 1, false), [""; 0]);
    assert_eq!(told(0, 1, true), [format!("TCP_CHECK on service {RS} failed.")]);
    assert_eq!(told(1, 1, true), [format!("HTTP_CHECK on service {RS} failed.")]);
    assert_eq!(told(2, 1, true), ["SMTP_CHECK Could not connect to server [10.0.0.1]:8080"]);
    assert_eq!(told(3, 1, true), [format!("DNS_CHECK ({RS}) connection error.")]);
    // With alpha the first failure is told, but not of HTTP.
    assert_eq!(check_that(0, refused(), false, 1, true).len(), 2);
    assert_eq!(check_that(1, refused(), false, 1, true), [format!("Connection failed server {RS}.")]);
}

#[test]
fn a_verdict_comes_with_its_whole_cause_for_those_who_ask_twice() {
    let (service, server) = ids(0);
    let event = Event::Checked {
        service,
        server,
        checker: CheckerId::from_index(1),
        url: 1,
        failure: Some(Failure::Digest),
        was: true,
        failures: 1,
        changed: true,
    };
    let last = render(&lvs(), &event, false).pop().unwrap();
    let text = format!("HTTP_GET {RS}: another digest than the one that is wanted (url /b)");
    assert_eq!((last.detail, last.text), (2, text));
}

#[test]
fn servers_weights_and_the_quorum_have_keepalived_s_words() {
    let joins = |n, alive| {
        let (service, server) = ids(n);
        texts(&Event::Pool(PoolEvent::Server { service, server, alive }), false)
    };
    assert_eq!(joins(0, true), [format!("Adding service {RS} to VS {VS}")]);
    assert_eq!(joins(0, false), [format!("Removing service {RS} from VS {VS}")]);
    assert_eq!(joins(1, true), [format!("Enabling service [10.0.0.2]:tcp:80 of VS {VS}")]);
    assert_eq!(joins(1, false), [format!("Disabling service [10.0.0.2]:tcp:80 of VS {VS}")]);
    let (service, server) = ids(0);
    let weight = Event::Pool(PoolEvent::Weight { service, server, from: 2, to: 5, alive: true });
    assert_eq!(
        texts(&weight, false),
        [format!("Changing weight from 2 to 5 for active service {RS} of VS {VS}")]
    );
    let quorum =
        |up, initial, weight| texts(&Event::Pool(PoolEvent::Quorum { service, up, initial, weight }), false);
    assert_eq!(quorum(true, false, 4), [format!("Gained quorum 3+1=4 <= 4 for VS {VS}")]);
    assert_eq!(quorum(false, false, 0), [format!("Lost quorum 3-1=2 > 0 for VS {VS}")]);
    assert_eq!(quorum(false, true, 0), [format!("Starting with quorum down 3-1=2 > 0 for VS {VS}")]);
    assert_eq!(
        texts(&Event::Pool(PoolEvent::Sorry { service, active: true }), false),
        [
            format!("Removing alive servers from the pool for VS {VS}"),
            format!("Adding sorry server [10.0.0.9]:tcp:80 to VS {VS}")
        ]
    );
}

#[test]
fn what_goes_is_told_by_the_reason() {
    let (service, server) = ids(0);
    let gone =
        |server, whole, weight, stopping| texts(&Event::Gone { service, server, whole, weight }, stopping);
    let shut = [format!("Shutting down service {RS} from VS {VS}")];
    assert_eq!(gone(Some(server), true, None, true), shut);
    let ends = format!("service {RS} no longer exist");
    let leaves = format!("Removing service {RS} from VS {VS}");
    assert_eq!(gone(Some(server), false, Some(2), false), [ends.clone(), leaves.clone()]);
    assert_eq!(gone(Some(server), false, None, false), [ends]);
    assert_eq!(gone(Some(server), true, Some(0), false), [leaves]);
    assert_eq!(gone(None, true, None, false), [format!("Removing Virtual Server {VS}")]);
    let inhibited = gone(Some(ids(1).1), true, Some(0), true);
    assert_eq!(inhibited, [format!("Shutting down (inhibited) service [10.0.0.2]:tcp:80 from VS {VS}")]);
}

#[test]
fn a_kernel_that_refuses_is_told_as_keepalived_tells_it_and_one_without_ipvs_with_a_way_out() {
    let address = "192.0.2.10".parse().unwrap();
    let key = ServiceKey::Address { protocol: Protocol::Tcp, address, port: 80 };
    let server = ServerKey { address: "10.0.0.1".parse().unwrap(), port: 8080 };
    let error = OpError { errno: 22, message: "Invalid argument".into() };
    let event = Event::OperationFailed {
        operation: Operation::DelServer(key, server),
        error: error.clone(),
        retry: true,
    };
    assert_eq!(
        texts(&event, false)[0],
        format!("IPVS cmd IP_VS_SO_SET_DELDEST(1160) error: Invalid argument(22) ({VS} -> [10.0.0.1]:8080)")
    );
    let lines = render(&lvs(), &Event::NoTable(error), false);
    let [line] = &*lines else { panic!("{lines:?}") };
    assert_eq!(line.level, Level::Error);
    assert!(line.text.starts_with("IPVS: Can't initialize ipvs: Invalid argument"), "{}", line.text);
    assert!(line.text.contains("ip_vs") && line.text.contains("`modprobe ip_vs`"), "{}", line.text);
}

#[test]
fn each_check_that_begins_is_told() {
    let lines: Vec<String> = activating(&lvs()).map(|line| line.text).collect();
    let line = format!("Activating healthchecker for service {RS} for VS {VS}");
    assert_eq!(lines, vec![line; 7]);
}
