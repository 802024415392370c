//! What a server costs in memory in the process that checks it: with ten thousand of them, every hundred
//! bytes are a megabyte.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use base::{Instant, Machine};
use config::{MapSource, Options};
use engine::lvs::Balancer;
use engine::lvs::io::{Effect, Input};
use engine::lvs::table::Table;
use linux::heap;
use model::Model;

const SERVICES: usize = 1_000;
const SERVERS: usize = SERVICES * 4;

/// So many bytes may a server take in the Model, with its check and its share of the service.
const IN_MODEL: usize = 320;
/// So many more in all that runs it: the check, the pool, the kernel's table.
const RUNNING: usize = 600;

fn text() -> String {
    let mut text = String::new();
    for service in 0..SERVICES {
        let (high, low) = (service / 250, service % 250);
        let _ = writeln!(text, "virtual_server 10.90.{high}.{low} 80 {{\nprotocol TCP");
        for server in 0..4 {
            let check = "HTTP_GET {\nurl {\npath /\nstatus_code 200\n}\n}";
            let _ = writeln!(text, "real_server 10.{}.{high}.{low} 80 {{\n{check}\n}}", 10 + server);
        }
        text.push_str("}\n");
    }
    text
}

fn load(text: &str) -> Model {
    let source = MapSource::new().file("/k", text);
    config::load(&source, &Options::new("/k".to_owned())).model.expect("it can be run")
}

/// Lets it do all that it wants to do now; whatever it asks of the kernel succeeds.
fn settle(balancer: &mut Balancer, now: Instant) {
    balancer.handle_timeout(now);
    let mut answers = VecDeque::new();
    loop {
        while let Some(effect) = balancer.poll_output() {
            match effect {
                Effect::Dump { .. } => answers.push_back(Input::Table(Ok(Table::default()))),
                Effect::Kernel { op, .. } => answers.push_back(Input::Done { op, result: Ok(()) }),
                _ => {}
            }
        }
        let Some(answer) = answers.pop_front() else { return };
        balancer.handle_input(now, answer);
    }
}

#[test]
fn a_server_takes_little_memory() {
    let text = text();
    let empty = heap::in_use();
    let model = Arc::new(load(&text));
    let in_model = (heap::in_use() - empty) / SERVERS;
    let now = Instant::from_nanos(1);
    let mut balancer = Balancer::new(model.clone(), now, 1);
    settle(&mut balancer, now);
    let running = (heap::in_use() - empty) / SERVERS - in_model;
    assert_eq!(balancer.snapshot().services.len(), SERVICES);
    assert!(in_model > 0 && in_model <= IN_MODEL, "{in_model} bytes for each server in the Model");
    assert!(running > 0 && running <= RUNNING, "{running} bytes for each server in what runs it");
}
