//! What the command line and `net_namespace_ipvs` choose: which parts run, what the end leaves, and where
//! the table is.

use lab::Result;

use crate::Story;
use crate::conf::{VIP, at_once, global, real, service, tcp};
use crate::servers::Answer::Silence;
use crate::stage::Stage;

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("lvs-check-alone-runs-no-vrrp", check_alone),
    ("lvs-vrrp-alone-leaves-the-table-empty", vrrp_alone),
    ("lvs-parts-without-configuration-do-not-start", no_parts),
    ("lvs-parts-without-configuration-start-on-request", all_parts),
    ("lvs-the-end-leaves-the-table-on-request", keeps_the_table),
    ("lvs-nobody-is-told-of-an-end-that-leaves-the-table", keeps_and_tells),
    ("lvs-a-request-to-leave-the-table-outweighs-a-flush-at-the-end", keeps_instead_of_flushing),
    ("lvs-a-reload-flushes-nothing", reload_flushes_nothing),
    ("lvs-addresses-that-come-and-go-are-logged-on-request", addresses),
    ("lvs-the-table-may-be-that-of-another-namespace", namespace),
    ("lvs-the-table-of-another-namespace-is-flushed-at-start-and-end", namespace_flushed),
];

/// An instance that has the address of the service.
fn router() -> String {
    format!(
        "vrrp_instance VI_1 {{\n state MASTER\n interface eth0\n virtual_router_id 51\n priority 150\n \
         advert_int 1\n virtual_ipaddress {{\n  {VIP}/24\n }}\n}}\n"
    )
}

fn balancing(global_lines: &str, lines: &str) -> String {
    global(global_lines) + &tcp(lines, &[real(1, &at_once()), real(2, &at_once())])
}

/// Both parts, of which the words choose.
fn both(s: &mut Stage, words: &[&str]) -> Result<()> {
    s.open(1, Silence)?;
    s.start_with(&(router() + &balancing("", "")), words)?;
    s.rest(6.5)?;
    s.parts(6.5)?;
    s.stop()?;
    s.rest(12.5)?;
    s.parts(12.5)
}

fn check_alone(s: &mut Stage) -> Result<()> {
    both(s, &["-C"])
}

fn vrrp_alone(s: &mut Stage) -> Result<()> {
    both(s, &["--vrrp"])
}

/// Nothing to do for any part.
fn nothing(s: &mut Stage, words: &[&str]) -> Result<()> {
    s.start_with(&global(""), words)?;
    s.parts(2.5)?;
    s.stop()?;
    s.parts(8.5)
}

fn no_parts(s: &mut Stage) -> Result<()> {
    nothing(s, &[])
}

fn all_parts(s: &mut Stage) -> Result<()> {
    nothing(s, &["--all"])
}

/// Runs and stops with somebody else's service in the table, which is to stay as it is.
fn kept(s: &mut Stage, conf: &str) -> Result<()> {
    s.open(1, Silence)?;
    s.run("ipvsadm -A -t 192.0.2.99:80 -s rr")?;
    s.start_with(conf, &["-I"])?;
    let look = |s: &mut Stage, seconds| {
        s.rest(seconds)?;
        s.look(seconds, &["-L", "--timeout"])?;
        s.look(seconds, &["-L", "--daemon"])?;
        s.show(seconds, "nft list tables")
    };
    look(s, 3.5)?;
    s.stop()?;
    look(s, 9.5)
}

fn keeps_the_table(s: &mut Stage) -> Result<()> {
    let group = "virtual_server_group web {\n 192.0.2.30-33 81\n}\n";
    let web = service("group web", "", &[real(1, &at_once())]);
    kept(
        s,
        &(balancing("lvs_timeouts tcp 1000\n lvs_sync_daemon eth0\n nftables_ipvs marks", "") + group + &web),
    )
}

fn keeps_and_tells(s: &mut Stage) -> Result<()> {
    kept(s, &balancing("", "omega\n sorry_server 10.0.0.23 80"))
}

fn keeps_instead_of_flushing(s: &mut Stage) -> Result<()> {
    kept(s, &balancing("lvs_flush_on_stop", ""))
}

fn reload_flushes_nothing(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.run("ipvsadm -A -t 192.0.2.99:80 -s rr")?;
    let conf = |lines| balancing("lvs_flush\n lvs_flush_on_stop VS", lines);
    s.start(&conf(""))?;
    s.rest(3.5)?;
    s.run("ipvsadm -A -t 192.0.2.98:80 -s rr")?;
    s.until(4.0);
    s.reload(&conf("persistence_timeout 100"))?;
    s.rest(7.5)?;
    s.stop()?;
    s.rest(13.5)
}

fn addresses(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.start_with(&balancing("", ""), &["-a"])?;
    s.until(3.0);
    s.run("ip address add 192.0.2.77/24 dev eth0")?;
    s.until(4.0);
    s.run("ip address del 192.0.2.77/24 dev eth0")?;
    s.until(5.0);
    s.run("ip address add 2001:db8::77/64 dev eth0 nodad")?;
    s.rest(6.5)
}

/// With a namespace `blue` beside the director's own.
fn elsewhere(s: &mut Stage, global_lines: &str, lines: &str) -> Result<()> {
    s.open(1, Silence)?;
    s.run("ip netns add blue")?;
    // The kernel wants a way to each server.
    s.run("ip -n blue link add eth9 type dummy")?;
    s.run("ip -n blue address add 10.0.0.99/24 dev eth9")?;
    s.run("ip -n blue link set eth9 up")?;
    for address in ["192.0.2.97:80", "192.0.2.99:80"] {
        s.run(&format!("ip netns exec blue ipvsadm -A -t {address} -s rr"))?;
        s.run(&format!("ipvsadm -A -t {address} -s wrr"))?;
    }
    let conf = format!("net_namespace_ipvs blue\n{}{}", router(), balancing(global_lines, lines));
    let both = |s: &mut Stage, seconds| {
        s.rest(seconds)?;
        s.show(seconds, "ip netns exec blue ipvsadm -Sn")
    };
    s.start(&conf)?;
    both(s, 6.5)?;
    s.parts(6.5)?;
    s.open(2, Silence)?;
    both(s, 11.5)?;
    s.until(12.0);
    s.reload(&conf.replace("lvs_sched rr", "lvs_sched wrr"))?;
    both(s, 15.5)?;
    s.stop()?;
    both(s, 21.5)?;
    s.parts(21.5)
}

fn namespace(s: &mut Stage) -> Result<()> {
    elsewhere(s, "lvs_timeouts udp 77", "")
}

fn namespace_flushed(s: &mut Stage) -> Result<()> {
    elsewhere(s, "lvs_flush\n lvs_flush_on_stop", "")
}
