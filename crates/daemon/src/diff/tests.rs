//! What a reload would do, in words.

use config::{Account, Loaded, MapSource, Options, load};

use super::report::{Fate, Report};
use super::text::text;

fn load_text(text: &str) -> Loaded {
    let world = MapSource::new().user("root", Account::ROOT).file("/k.conf", text);
    load(&world, &Options::new("/k.conf"))
}

fn report(old: &str, new: &str) -> Report {
    Report::new(&load_text(old), &load_text(new), false).unwrap()
}

const OLD: &str = "
global_defs {
    router_id a
}
vrrp_script s {
    script /bin/s
}
vrrp_instance V1 {
    interface eth0
    virtual_router_id 1
    priority 100
    authentication {
        auth_type PASS
        auth_pass secret
    }
    track_script {
        s
    }
    virtual_ipaddress {
        192.0.2.1
        192.0.2.2
    }
}
vrrp_instance V2 {
    interface eth1
    virtual_router_id 2
    virtual_ipaddress {
        192.0.2.3
    }
}
virtual_server 192.0.2.1 53 {
    protocol UDP
    lvs_sched rr
    lvs_method DR
    real_server 192.0.2.10 53 {
        weight 1
    }
    real_server 192.0.2.11 53 {
        weight 1
    }
}
";

#[test]
fn each_object_is_told_with_what_happens_to_it_and_its_values() {
    let new = OLD
        .replace("router_id a", "router_id b")
        .replace("priority 100", "priority 150")
        .replace("auth_pass secret", "auth_pass other")
        .replace("192.0.2.2\n", "192.0.2.4\n")
        .replace("virtual_router_id 2", "virtual_router_id 3")
        .replace("script /bin/s", "script /bin/s\n interval 5")
        .replacen("weight 1", "weight 5", 1)
        .replace("192.0.2.11 53", "192.0.2.12 53");
    let report = report(OLD, &new);
    assert_eq!(
        text(&report),
        "\
~ global_defs changes, and nobody will notice
    router_id: a -> b
~ vrrp_script s changes while it runs
    interval: default (1) -> 5
    timeout  (nobody will notice)
- vrrp_instance V2 is removed
~ vrrp_instance V1 changes while it runs
    virtual_ipaddress
        - 192.0.2.2
        + 192.0.2.4
    priority: 100 -> 150
    authentication
+ vrrp_instance V2 is added
- real_server 192.0.2.11 53 of 192.0.2.1 53 UDP is removed
~ real_server 192.0.2.10 53 of 192.0.2.1 53 UDP changes while it runs
    weight: default (that of the virtual server, 1) -> 5
+ real_server 192.0.2.12 53 of 192.0.2.1 53 UDP is added

2 added, 2 removed, 3 changed while running, 1 changed unnoticed.
"
    );
    assert!(!report.json().contains("secret") && report.json().contains("\"cost\": \"hot\""));
}

#[test]
fn what_means_the_same_is_no_difference() {
    let new = OLD.replace("priority 100", "# a comment").replace("\n    ", "\n  ");
    let report = report(OLD, &new);
    assert!(report.same && report.objects.is_empty());
    assert_eq!(text(&report), "Nothing changes.\n");
}

#[test]
fn the_order_of_blocks_alone_is_told_as_such() {
    let (head, last) = OLD.split_at(OLD.find("vrrp_instance V2").unwrap());
    let (last, services) = last.split_at(last.find("virtual_server").unwrap());
    let (head, first) = head.split_at(head.find("vrrp_instance V1").unwrap());
    let report = report(OLD, &format!("{head}{last}{first}{services}"));
    assert!(!report.same);
    assert_eq!(text(&report), "Only the order of blocks changes; nobody will notice.\n");
}

#[test]
fn what_needs_a_restart_of_the_daemon_is_refused() {
    let report = report(OLD, &format!("net_namespace blue\n{OLD}"));
    assert_eq!(report.refused, ["net_namespace"]);
    assert_eq!(report.objects[0].fate, Fate::Refused);
    let text = text(&report);
    assert!(text.contains("net_namespace: not set -> blue"), "{text}");
    assert!(text.ends_with("The reload would be refused because of `net_namespace`: restart the daemon.\n"));
}
