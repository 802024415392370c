//! The whole daemon on a real kernel: what a user sees of it in the kernel, on the wire and in the log.

mod dumps;
mod exits;
mod host;
mod ipv6;
mod kernel;
mod lease;
mod log_lines;
mod processes;
mod reload;
mod scripts;
mod stage;
mod stress;

use std::process::ExitCode;

use lab::Result;
use lab::harness::{Needs, Outcome, Scenario};

type Run = fn() -> Result<Outcome>;

/// Each name is a sentence, each function a story with several bounds: a guest costs more than they do.
const SCENARIOS: &[(&str, Run)] = &[
    ("a-daemon-shows-its-processes-and-leaves-nothing-behind", processes::looks_and_leaves),
    ("each-process-may-be-killed-and-nobody-has-a-stale-address", processes::deaths),
    ("left-overs-of-a-crash-are-gone-before-the-first-advert", processes::left_overs),
    ("a-child-that-dies-or-hangs-costs-no-more-than-it-may", processes::limits),
    ("a-reload-of-the-same-file-is-noticed-by-nobody", reload::unnoticed),
    ("a-reload-changes-what-changed-and-a-broken-file-nothing", reload::differences),
    ("a-reload-changes-single-routes", reload::routes),
    ("what-others-take-away-is-put-back-within-10-ms", kernel::put_back),
    ("a-link-an-address-and-a-device-may-go-and-come", kernel::links),
    ("interfaces-may-come-late-and-change", kernel::changes),
    ("the-owner-of-an-address-keeps-it", kernel::owner),
    ("lost-notifications-of-the-kernel-lead-to-a-full-look", kernel::overrun),
    ("addresses-and-routes-look-as-they-are-written", kernel::details),
    ("a-left-over-address-is-no-source-of-adverts", kernel::source),
    ("tracking-scripts-decide-by-weight-rise-and-fall-and-none-hangs-for-long", scripts::verdicts),
    ("the-first-result-of-a-script-decides-at-once", scripts::beginnings),
    ("scripts-and-the-fifo-are-told-each-state-in-order", scripts::notified),
    ("the-reader-of-a-fifo-misses-nothing", scripts::reader),
    ("a-group-moves-as-one-and-a-file-changes-a-priority", scripts::groups),
    ("state-and-statistics-appear-in-files-that-nobody-can-plant", dumps::files),
    ("the-log-has-the-lines-of-keepalived", log_lines::same_lines),
    ("exit-statuses-are-those-of-keepalived", exits::statuses),
    ("a-daemon-in-the-background-runs-its-scripts-and-keeps-its-delay", exits::background),
    ("signals-at-odd-moments-harm-nothing", exits::moments),
    ("ipv6-is-put-back-fails-and-recovers", ipv6::ipv6),
    ("a-reload-costs-a-master-its-place-only-if-it-becomes-another-router", reload::keys),
    ("scripts-whose-process-died-leave-nothing", scripts::orphans),
    ("a-paused-master-makes-room", stress::pause),
    ("a-killed-master-s-lease-ends-before-the-backup-takes-over", lease::killed),
    ("a-lease-among-many-lifetimes-ends-in-time", lease::many),
    ("a-frozen-master-loses-its-lease-and-listens-when-it-wakes", lease::frozen),
    ("a-lease-changes-nothing-else-in-the-kernel", lease::details),
    ("nobody-who-does-not-listen-delays-an-advert", stress::deaf),
    ("a-fight-over-an-address-delays-no-advert", stress::fight),
    ("what-was-kept-at-the-end-is-taken-over-at-the-start", stress::keep),
    ("the-system-log-gets-keepalived-s-marks", host::system_log),
    ("the-service-manager-hears-how-things-are", host::service),
    ("daemons-in-namespaces-and-with-names-live-side-by-side", host::namespaces),
];

fn main() -> ExitCode {
    let scenario = |(name, run): &(&'static str, Run)| Scenario::new(name, Needs::VirtualTime, *run);
    let mut scenarios: Vec<Scenario> = SCENARIOS.iter().map(scenario).collect();
    let crowd = "255-scripts-at-once-delay-no-advert";
    scenarios.push(Scenario::new(crowd, Needs::AnyClock, scripts::crowd));
    lab::harness::main(&scenarios)
}
