//! Another configuration while it runs.

use lab::Result;

use crate::Story;
use crate::conf::{at_once, check, global, real, service, tcp, with};
use crate::servers::Answer::Silence;
use crate::servers::web;
use crate::stage::Stage;

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("lvs-a-reload-of-the-same-file-changes-nothing", same),
    ("lvs-a-reload-adds-and-removes-servers", servers),
    ("lvs-a-reload-changes-weights", weights),
    ("lvs-a-reload-changes-checks", checks),
    ("lvs-a-reload-adds-and-removes-services", services),
    ("lvs-a-reload-changes-a-service", service_changes),
    ("lvs-a-reload-keeps-who-is-down", keeps),
    ("lvs-a-reload-changes-quorum-and-sorry-server", quorum),
];

fn same(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = global("") + &tcp("quorum 2", &[real(1, &at_once()), real(2, &at_once())]);
    s.start(&conf)?;
    s.rest(3.5)?;
    // Between two checks, unlike in the other stories: here the next one of keepalived comes a second
    // after the reload, ours when it is due.
    s.reload(&conf)?;
    s.rest(7.5)?;
    s.open(2, Silence)?;
    s.rest(11.5)
}

fn servers(s: &mut Stage) -> Result<()> {
    (1..=3).try_for_each(|n| s.open(n, Silence))?;
    s.start(&with(&[1, 2]))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&with(&[1, 2, 3]))?;
    s.rest(7.5)?;
    s.until(8.0);
    s.reload(&with(&[2, 3, 4]))?;
    s.rest(13.5)?;
    s.until(14.0);
    s.reload(&with(&[2]))?;
    s.rest(17.5)
}

fn weights(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    let conf = |one: u8, two: u8| {
        let server = |n, weight| real(n, &format!("weight {weight}\n inhibit_on_failure\n {}", at_once()));
        global("") + &tcp("", &[server(1, one), server(2, two)])
    };
    s.start(&conf(1, 1))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&conf(3, 1))?;
    s.rest(7.5)?;
    s.close(2);
    s.rest(11.5)?;
    s.until(12.0);
    s.reload(&conf(3, 4))?;
    s.rest(15.5)?;
    s.open(2, Silence)?;
    s.rest(19.5)
}

fn checks(s: &mut Stage) -> Result<()> {
    s.open(1, web())?;
    s.open(2, Silence)?;
    let get = check("HTTP_GET", "retry 0\n delay_before_retry 1\n url {\n path /\n status_code 200\n }");
    let conf = |one: &str, two: &str| global("") + &tcp("", &[real(1, one), real(2, two)]);
    s.start(&conf(&at_once(), &at_once()))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&conf(&get, &get))?;
    s.rest(11.5)?;
    s.until(12.0);
    s.reload(&conf(&get, &at_once()))?;
    s.rest(15.5)?;
    // Who has no check is well.
    s.close(1);
    s.rest(19.5)?;
    s.until(20.0);
    s.reload(&conf("", &at_once()))?;
    s.rest(23.5)
}

fn services(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    let of =
        |port: u16| service(&format!("192.0.2.10 {port}"), "", &[real(1, &at_once()), real(2, &at_once())]);
    s.start(&(global("") + &of(80) + &of(81)))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&(global("") + &of(81) + &of(82)))?;
    s.rest(7.5)?;
    s.close(1);
    s.rest(11.5)?;
    s.until(12.0);
    s.reload(&(global("") + &of(82)))?;
    s.rest(15.5)
}

fn service_changes(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = |lines: &str| global("") + &tcp(lines, &[real(1, &at_once())]);
    s.start(&conf(""))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&conf("lvs_sched wrr"))?;
    s.rest(7.5)?;
    s.until(8.0);
    s.reload(&conf("lvs_sched wrr\n persistence_timeout 100"))?;
    s.rest(11.5)?;
    s.until(12.0);
    s.reload(&conf("lvs_sched sh\n flag-1"))?;
    s.rest(15.5)?;
    s.until(16.0);
    s.reload(&conf("lvs_method DR"))?;
    s.rest(19.5)
}

fn keeps(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = |lines: &str| global("") + &tcp(lines, &[real(1, &at_once()), real(2, &at_once())]);
    s.start(&conf(""))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&conf("alpha"))?;
    s.rest(7.5)?;
    s.until(8.0);
    s.reload(&conf("inhibit_on_failure"))?;
    s.rest(11.5)?;
    s.until(12.0);
    s.reload(&conf(""))?;
    s.rest(15.5)?;
    s.open(2, Silence)?;
    s.rest(19.5)
}

fn quorum(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = |lines: &str| global("") + &tcp(lines, &[real(1, &at_once()), real(2, &at_once())]);
    s.start(&conf("quorum 1\n sorry_server 10.0.0.23 80"))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&conf("quorum 2\n sorry_server 10.0.0.23 80"))?;
    s.rest(7.5)?;
    s.until(8.0);
    s.reload(&conf("quorum 2\n sorry_server 10.0.0.24 80"))?;
    s.rest(11.5)?;
    s.until(12.0);
    s.reload(&conf("quorum 2"))?;
    s.rest(15.5)?;
    s.until(16.0);
    s.reload(&conf("quorum 1"))?;
    s.rest(19.5)
}
