//! The laws of printing, on random configurations that have every keyword and on files of users.

mod texts;

use model::{Model, diff};
use proptest::prelude::*;
use vipd_config::print::{HIDDEN, Print};
use vipd_config::{Account, Loaded, MapSource, Options, keywords, load};

fn world() -> MapSource {
    MapSource::new()
        .user("root", Account::ROOT)
        .user("nobody", Account { uid: 65_534, gid: 65_534 })
        .user("users", Account { uid: 100, gid: 100 })
}

fn load_text(text: &str) -> Loaded {
    load(&world().file("/k.conf", text), &Options::new("/k.conf"))
}

fn printed(loaded: &Loaded, show_secrets: bool) -> Option<String> {
    let print = Print { accounts: &loaded.accounts, show_secrets };
    loaded.model.as_ref().map(|model| print.text(model))
}

/// Checks all laws of printing for a text. `false` if it cannot be run.
fn holds(text: &str) -> bool {
    let loaded = load_text(text);
    let (Some(model), Some(first)) = (&loaded.model, printed(&loaded, true)) else { return false };
    let again = load_text(&first);
    assert_eq!(
        again.model.as_ref().map(|again| differences(model, again)),
        Some(Vec::new()),
        "{text}\n---\n{first}\n{}",
        again.render(false)
    );
    assert_eq!(again.model.as_ref(), Some(model), "{text}\n---\n{first}");
    assert_eq!(printed(&again, true).as_deref(), Some(first.as_str()), "printing is stable");
    true
}

/// Where two Models differ, a line each: a whole Model is too much to read.
fn differences(a: &Model, b: &Model) -> Vec<String> {
    let lines = |model: &Model| format!("{model:#?}").lines().map(str::to_owned).collect::<Vec<_>>();
    let (a, b) = (lines(a), lines(b));
    let pairs = a.iter().zip(&b).filter(|(a, b)| a != b);
    pairs.take(5).map(|(a, b)| format!("{} is now {}", a.trim(), b.trim())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_printed_loads_as_the_same_model_and_prints_as_the_same_text(seed: u64) {
        prop_assume!(holds(&texts::text(seed)));
    }

    #[test]
    fn the_laws_of_the_difference_hold_for_models_of_texts(one: u64, two: u64) {
        let (a, b) = (load_text(&texts::text(one)).model, load_text(&texts::text(two)).model);
        prop_assume!(a.is_some() && b.is_some());
        let (a, b) = (a.unwrap(), b.unwrap());
        prop_assert!(diff(&a, &a).is_empty());
        prop_assert!(diff(&a, &b).replay(&a) == b);
        prop_assert_eq!(diff(&a, &b).is_empty(), a == b);
    }
}

#[test]
fn every_keyword_stands_in_some_random_text() {
    let all: Vec<String> = (0..400).map(texts::text).collect();
    let used: std::collections::BTreeSet<&str> =
        all.iter().flat_map(|text| text.lines()).filter_map(|line| line.split(' ').next()).collect();
    // It refuses whatever is not perfect, which few of these texts are.
    let missing: Vec<&str> =
        keywords().map(|entry| entry.name).filter(|name| !used.contains(name) && *name != "reload_check_config").collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn most_random_texts_can_be_run() {
    let ran = (0..200).filter(|seed| load_text(&texts::text(*seed)).model.is_some()).count();
    assert!(ran > 100, "{ran} of 200");
}

#[test]
fn files_of_users_are_printed_as_they_mean() {
    let dir = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/seeds");
    let mut count = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        // `debug` without a value ends keepalived.
        let refused = path.ends_with("reference-vrrp-with-typos.conf");
        assert_eq!(holds(&std::fs::read_to_string(&path).unwrap()), !refused, "{}", path.display());
        count += 1;
    }
    assert!(count > 10);
}

#[test]
fn secrets_are_hidden_unless_they_are_asked_for() {
    let text = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nauthentication {\nauth_type PASS\nauth_pass s3cr3t\n}\nvirtual_ipaddress {\n192.0.2.1\n}\n}\nvrrp_instance W {\ninterface eth0\nvirtual_router_id 2\nauth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nactive_key 1\n}\nvirtual_ipaddress {\n192.0.2.2\n}\n}\nSSL {\npassword pa55\n}";
    let loaded = load_text(text);
    let hidden = printed(&loaded, false).unwrap();
    for secret in ["s3cr3t", "pa55", "0123456789abcdef", "30313233"] {
        assert!(!hidden.contains(secret), "{hidden}");
    }
    assert_eq!(hidden.matches(HIDDEN).count(), 3);
    let shown = printed(&loaded, true).unwrap();
    assert!(shown.contains("auth_pass s3cr3t") && shown.contains("password pa55"), "{shown}");
}

#[test]
fn the_canonical_form_is_pleasant_to_read() {
    let text = "
        global_defs { router_id here }
        vrrp_script alive { script \"/bin/alive -q\" interval 2 }
        vrrp_instance VI_1 {
            virtual_ipaddress { 192.0.2.1/24 dev eth0
            192.0.2.2/24 dev eth1 }
            interface eth0
            priority 150
            virtual_router_id 51
            track_script { alive weight 0
            eth0 }
            nopreempt
        }
        virtual_server 192.0.2.1 80 {
            lvs_sched rr
            lvs_method DR
            protocol TCP
            real_server 192.0.2.10 80 { TCP_CHECK { } }
        }";
    let text = text.replace("-q\" interval 2", "-q\"\ninterval 2").replace("            eth0 }", "}");
    let loaded = load_text(&text);
    assert_eq!(
        printed(&loaded, true).unwrap(),
        "\
global_defs {
    router_id here
    script_user root
}

vrrp_script alive {
    script \"/bin/alive -q\"
    interval 2
}

vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 1
    nopreempt
    track_script {
        alive
    }
    virtual_ipaddress {
        192.0.2.1/24
        192.0.2.2/24 dev eth1
    }
}

virtual_server 192.0.2.1 80 {
    protocol TCP
    lvs_sched rr
    lvs_method DR
    real_server 192.0.2.10 80 {
        TCP_CHECK {
        }
    }
}
"
    );
}
