//! The end, and what is left of it.

use lab::Result;

use crate::Story;
use crate::conf::{at_once, global, real, tcp};
use crate::servers::Answer::Silence;
use crate::stage::Stage;

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("lvs-the-end-empties-the-table", plain),
    ("lvs-the-end-with-omega-is-told", omega),
    ("lvs-the-end-flushes-the-table", flush),
    ("lvs-the-end-removes-its-own-services", flush_own),
    ("lvs-the-start-may-flush-the-table", flush_at_start),
];

/// Runs and stops with somebody else's service in the table.
fn end(s: &mut Stage, global_lines: &str, lines: &str) -> Result<()> {
    s.open(1, Silence)?;
    s.run("ipvsadm -A -t 192.0.2.99:80 -s rr")?;
    s.run("ipvsadm -a -t 192.0.2.99:80 -r 10.0.0.26:80 -m")?;
    s.start(&(global(global_lines) + &tcp(lines, &[real(1, &at_once()), real(2, &at_once())])))?;
    s.rest(3.5)?;
    s.stop()?;
    s.rest(9.5)
}

fn plain(s: &mut Stage) -> Result<()> {
    end(s, "", "")
}

fn omega(s: &mut Stage) -> Result<()> {
    end(s, "", "omega\n smtp_alert\n sorry_server 10.0.0.23 80")
}

fn flush(s: &mut Stage) -> Result<()> {
    end(s, "lvs_flush_on_stop", "")
}

fn flush_own(s: &mut Stage) -> Result<()> {
    end(s, "lvs_flush_on_stop VS", "omega")
}

fn flush_at_start(s: &mut Stage) -> Result<()> {
    end(s, "lvs_flush", "")
}
