//! Which crate of the workspace may use which.

use serde_json::Value;

use super::Finding;

/// The law: package, and the packages of ours that it may use (in tests, too). `xtask` is free.
const LAW: &[(&str, &[&str])] = &[
    ("vipd-base", &[]),
    ("vipd-wire", &["vipd-base"]),
    ("vipd-vrrp", &["vipd-base", "vipd-wire"]),
    ("vipd-bfd", &["vipd-base", "vipd-wire"]),
    ("vipd-check", &["vipd-base", "vipd-wire"]),
    ("vipd-model", CORES),
    ("vipd-config", CORES_AND_MODEL),
    ("vipd-engine", CORES_AND_MODEL),
    ("vipd-linux", &["vipd-base", "vipd-wire", "vipd-model", "vipd-engine"]),
    ("vipd-lab", &["vipd-base", "vipd-wire", "vipd-linux"]),
    (
        "vipd-sim",
        &[
            "vipd-base",
            "vipd-wire",
            "vipd-vrrp",
            "vipd-bfd",
            "vipd-check",
            "vipd-model",
            "vipd-config",
            "vipd-engine",
        ],
    ),
    // Nobody uses it: it hands inputs to whatever has no I/O.
    ("vipd-fuzz", &["vipd-base", "vipd-wire", "vipd-vrrp", "vipd-model", "vipd-config", "vipd-engine"]),
    (
        "vipd",
        &[
            "vipd-base",
            "vipd-wire",
            "vipd-vrrp",
            "vipd-bfd",
            "vipd-check",
            "vipd-model",
            "vipd-config",
            "vipd-engine",
            "vipd-linux",
            "vipd-lab",
            "vipd-sim",
        ],
    ),
];
const CORES: &[&str] = &["vipd-base", "vipd-wire", "vipd-vrrp", "vipd-bfd", "vipd-check"];
const CORES_AND_MODEL: &[&str] =
    &["vipd-base", "vipd-wire", "vipd-vrrp", "vipd-bfd", "vipd-check", "vipd-model"];

/// Findings for the output of `cargo metadata --no-deps`.
pub(super) fn check(metadata: &Value) -> Vec<Finding> {
    let none = Vec::new();
    let packages = metadata["packages"].as_array().unwrap_or(&none);
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        if name == "xtask" {
            continue;
        }
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let path = manifest.strip_prefix(root).unwrap_or(manifest).trim_start_matches('/').to_owned();
        let Some((_, allowed)) = LAW.iter().find(|(n, _)| *n == name) else {
            let message =
                format!("the crate {name} has no row in the table of crate edges (xtask/src/tidy/edges.rs)");
            findings.push(Finding { path, line: 0, message });
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap_or(&none) {
            let target = dependency["name"].as_str().unwrap_or_default();
            if names.contains(&target) && !allowed.contains(&target) {
                let kind =
                    dependency["kind"].as_str().map(|k| format!(" as a {k}-dependency")).unwrap_or_default();
                let message = format!("{name} must not use {target}{kind}: the design has no such edge");
                findings.push(Finding { path: path.clone(), line: 0, message });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::{Value, json};

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> =
            dependencies.iter().map(|(n, kind)| json!({"name": n, "kind": kind})).collect();
        json!({"name": name, "manifest_path": format!("/w/crates/{name}/Cargo.toml"), "dependencies": dependencies})
    }

    fn messages(packages: Vec<Value>) -> Vec<String> {
        check(&json!({"workspace_root": "/w", "packages": packages}))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn edges_of_the_design_and_foreign_crates_pass() {
        let packages = vec![
            package("vipd-base", &[("serde", None)]),
            package("vipd-wire", &[("vipd-base", None)]),
            package("vipd-engine", &[("vipd-wire", None)]),
            package("xtask", &[("vipd-engine", None)]),
        ];
        assert!(messages(packages).is_empty());
    }

    #[test]
    fn an_edge_against_the_stream_is_found_also_for_tests() {
        let packages = vec![
            package("vipd-base", &[("vipd-wire", None)]),
            package("vipd-wire", &[]),
            package("vipd-engine", &[("vipd-linux", Some("dev"))]),
            package("vipd-linux", &[]),
        ];
        assert_eq!(
            messages(packages),
            [
                "crates/vipd-base/Cargo.toml: vipd-base must not use vipd-wire: the design has no such edge",
                "crates/vipd-engine/Cargo.toml: vipd-engine must not use vipd-linux as a dev-dependency: the design has no such edge",
            ]
        );
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(messages(vec![package("vipd-extra", &[])]).len(), 1);
    }
}
