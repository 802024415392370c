//! How long it takes to load a large configuration, and to compare two. `cargo xtask bench config` runs it.
//!
//! One line for each figure: its name, a tab, nanoseconds.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use model::{Model, diff};
use vipd_config::{MapSource, Options, load};

/// How often each is measured; the median counts.
const RUNS: usize = 9;
/// Virtual servers, of four real servers each.
const SERVICES: u32 = 10_000;

fn main() {
    let (old, new, third) = (text(None), text(Some(SERVICES / 2)), text(None));
    println!("load\t{}", median(|| drop(black_box(model(&old)))));
    let (old, new, same) = (model(&old), model(&new), model(&third));
    assert!(!diff::diff(&old, &new).is_empty() && diff::diff(&old, &same).is_empty());
    println!("diff of equal ones\t{}", median(|| drop(black_box(diff::diff(&old, &same)))));
    println!("diff\t{}", median(|| drop(black_box(diff::diff(&old, &new)))));
}

/// All virtual servers; one of them has another weight.
fn text(changed: Option<u32>) -> String {
    let mut text = String::new();
    for n in 0..SERVICES {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "virtual_server 10.90.{}.{} 8080 {{\n delay_loop 1\n lb_algo rr\n lb_kind NAT\n protocol TCP",
            n / 250,
            n % 250 + 1
        );
        for server in n * 4..n * 4 + 4 {
            let (a, b, c) = (78 + server / 62_500, server / 250 % 250, server % 250 + 1);
            let weight = if changed == Some(n) { 2 } else { 1 };
            let _ = writeln!(
                text,
                " real_server 10.{a}.{b}.{c} 8080 {{\n weight {weight}\n TCP_CHECK {{\n connect_timeout 2\n }}\n }}"
            );
        }
        text.push_str("}\n");
    }
    text
}

fn model(text: &str) -> Model {
    let source = MapSource::new().file("/k.conf", text);
    load(&source, &Options::new("/k.conf")).model.unwrap_or_default()
}

fn median(mut work: impl FnMut()) -> u128 {
    let mut all: Vec<u128> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed().as_nanos()
        })
        .collect();
    all.sort_unstable();
    all.get(RUNS / 2).copied().unwrap_or_default()
}
