//! The kept inputs, and some random ones, go through every target; `cargo xtask fuzz` makes more.

use std::path::{Path, PathBuf};

use base::Rng;
use vipd_fuzz::TARGETS;

fn kept(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn every_kept_input_keeps_the_laws() {
    for (name, target) in TARGETS {
        let files = kept(name);
        assert!(!files.is_empty(), "{name} has no corpus");
        assert!(files.len() <= 250, "{name} keeps {} inputs: too many to run each time", files.len());
        for (path, bytes) in files {
            println!("{}", path.display());
            target(&bytes);
        }
    }
}

#[test]
fn random_bytes_and_changed_inputs_keep_the_laws() {
    for (name, target) in TARGETS {
        let mut rng = Rng::new(7);
        let files = kept(name);
        for round in 0..120_usize {
            let mut bytes = match files.get(round * 7 % files.len()).filter(|_| round % 3 > 0) {
                Some((_, bytes)) => bytes.clone(),
                None => (0..rng.below(600)).map(|_| u8::try_from(rng.below(256)).unwrap()).collect(),
            };
            for _ in 0..rng.below(4) {
                if !bytes.is_empty() {
                    let at = usize::try_from(rng.below(bytes.len() as u64)).unwrap();
                    bytes[at] = u8::try_from(rng.below(256)).unwrap();
                }
            }
            println!("{name} {round} {bytes:?}");
            target(&bytes);
        }
    }
}

#[test]
fn every_target_has_its_program() {
    for (name, _) in TARGETS {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets").join(format!("{name}.rs"));
        let text = std::fs::read_to_string(program).unwrap();
        assert!(text.contains(&format!("vipd_fuzz::{name}(bytes)")), "{text}");
    }
}
