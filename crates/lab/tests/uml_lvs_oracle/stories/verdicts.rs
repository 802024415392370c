//! What follows from verdicts: who is in the table, with which weight, and who is told.

use lab::Result;

use crate::Story;
use crate::conf::{at_once, check, global, real, tcp};
use crate::servers::Answer::Silence;
use crate::stage::Stage;

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("lvs-a-server-goes-and-comes-back", goes_and_comes),
    ("lvs-a-server-is-down-after-its-retries", retries),
    ("lvs-a-server-that-is-down-is-asked-each-delay-loop", patience),
    ("lvs-a-server-down-at-the-start-goes-at-once", down_at_start),
    ("lvs-inhibit-on-failure-keeps-the-server-without-weight", inhibit),
    ("lvs-quorum-and-hysteresis-count-weights", quorum),
    ("lvs-the-sorry-server-helps-out", sorry),
    ("lvs-an-inhibited-sorry-server-stays-in-the-table", sorry_inhibited),
    ("lvs-a-sorry-server-with-inhibited-real-servers", sorry_inhibit_on_failure),
    ("lvs-a-sorry-server-may-be-a-real-server", sorry_is_real),
    ("lvs-the-first-verdicts-are-told-on-request", init_notifies),
    ("lvs-two-services-share-a-real-server", shared),
    ("lvs-mail-on-change-only-and-for-services", mails),
];

fn goes_and_comes(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    s.start(&(global("") + &tcp("", &[real(1, &at_once()), real(2, &at_once())])))?;
    s.rest(3.5)?;
    s.close(1);
    s.rest(7.5)?;
    s.open(1, Silence)?;
    s.rest(11.5)?;
    s.close(2);
    s.close(1);
    s.rest(15.5)?;
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    s.rest(19.5)
}

fn retries(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    let thrice = check("TCP_CHECK", "retry 3\n delay_before_retry 2");
    s.start(&(global("") + &tcp("", &[real(1, &thrice), real(2, &check("TCP_CHECK", ""))])))?;
    s.rest(3.5)?;
    s.close(1);
    // One failure is forgiven.
    s.until(6.5);
    s.open(1, Silence)?;
    s.rest(9.5)?;
    s.close(1);
    s.close(2);
    s.rest(12.5)?;
    s.rest(22.5)?;
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    s.rest(27.5)
}

/// keepalived retries while it is down, too.
fn patience(s: &mut Stage) -> Result<()> {
    let lines = format!("delay_loop 10\n {}", check("TCP_CHECK", "retry 2\n delay_before_retry 1"));
    s.start(&(global("") + &tcp("", &[real(1, &lines)])))?;
    s.rest(14.5)?;
    s.open(1, Silence)?;
    s.rest(28.5)
}

fn down_at_start(s: &mut Stage) -> Result<()> {
    let checks = [real(1, &check("TCP_CHECK", "retry 3")), real(2, &at_once())];
    s.start(&(global("") + &tcp("", &checks)))?;
    s.rest(0.9)?;
    s.rest(9.5)?;
    s.open(1, Silence)?;
    s.rest(13.5)
}

fn inhibit(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let lines = |n: u8| format!("weight {n}\n inhibit_on_failure\n {}", at_once());
    s.start(&(global("") + &tcp("", &[real(1, &lines(3)), real(2, &lines(2))])))?;
    s.rest(3.5)?;
    s.close(1);
    s.rest(7.5)?;
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    s.rest(11.5)
}

fn quorum(s: &mut Stage) -> Result<()> {
    let server = |n: u8, weight: u8| real(n, &format!("weight {weight}\n {}", at_once()));
    (1..=3).try_for_each(|n| s.open(n, Silence))?;
    let conf = tcp("quorum 4\n hysteresis 1", &[server(1, 3), server(2, 2), server(3, 1)]);
    s.start(&(global("") + &conf))?;
    s.rest(3.5)?;
    s.close(1); // 3 = 4 - 1: kept
    s.rest(7.5)?;
    s.close(3); // 2: lost
    s.rest(11.5)?;
    s.open(3, Silence)?; // 3: not yet
    s.rest(15.5)?;
    s.open(1, Silence)?; // 6: gained
    s.rest(19.5)
}

fn sorry(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    s.open(3, Silence)?;
    let conf = tcp("sorry_server 10.0.0.23 80\n quorum 2", &[real(1, &at_once()), real(2, &at_once())]);
    s.start(&(global("") + &conf))?;
    s.rest(3.5)?;
    s.close(1);
    s.rest(7.5)?;
    s.close(2);
    s.rest(11.5)?;
    s.open(2, Silence)?;
    s.rest(15.5)?;
    s.open(1, Silence)?;
    s.rest(19.5)
}

fn sorry_inhibited(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = tcp("sorry_server 10.0.0.23 80\n sorry_server_inhibit", &[real(1, &at_once())]);
    s.start(&(global("") + &conf))?;
    s.rest(3.5)?;
    s.close(1);
    s.rest(7.5)?;
    s.open(1, Silence)?;
    s.rest(11.5)
}

fn sorry_inhibit_on_failure(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    let server = |n: u8| real(n, &format!("weight 2\n inhibit_on_failure\n {}", at_once()));
    let conf = tcp("sorry_server 10.0.0.23 80\n quorum 3", &[server(1), server(2)]);
    s.start(&(global("") + &conf))?;
    s.rest(3.5)?;
    s.close(1);
    s.rest(7.5)?;
    s.close(2);
    s.rest(11.5)?;
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    s.rest(15.5)
}

fn sorry_is_real(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    let conf = tcp("sorry_server 10.0.0.21 80\n quorum 2", &[real(1, &at_once()), real(2, &at_once())]);
    s.start(&(global("") + &conf))?;
    s.rest(3.5)?;
    s.close(2);
    s.rest(7.5)?;
    s.close(1);
    s.rest(11.5)?;
    s.open(1, Silence)?;
    s.rest(15.5)?;
    s.open(2, Silence)?;
    s.rest(19.5)
}

fn init_notifies(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = tcp("", &[real(1, &at_once()), real(2, &at_once())]);
    s.start(&(global("rs_init_notifies") + &conf))?;
    s.rest(5.5)
}

fn shared(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    let one = tcp("", &[real(1, &at_once()), real(2, &at_once())]);
    let other = crate::conf::service("192.0.2.11 81", "", &[real(1, &at_once())]);
    s.start(&(global("") + &one + &other))?;
    s.rest(3.5)?;
    s.close(1);
    s.rest(7.5)?;
    s.open(1, Silence)?;
    s.rest(11.5)
}

fn mails(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let silent = format!("smtp_alert off\n {}", at_once());
    let conf = tcp("smtp_alert", &[real(1, &at_once()), real(2, &silent)]);
    s.start(&(global("no_checker_emails") + &conf))?;
    s.rest(3.5)?;
    s.close(1);
    s.rest(7.5)?;
    s.open(1, Silence)?;
    s.rest(11.5)
}
