//! The laws of printing, on random configurations that have every keyword and on files of users.

mod texts;

use model::{Model, diff};
use proptest::prelude::*;
use vipd_config::print::{HIDDEN, Print, expand};
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
    #![proptest_config(ProptestConfig { cases: 200, max_global_rejects: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_loads_as_the_same_model_and_prints_as_the_same_text(seed: u64) {
        prop_assume!(holds(&texts::text(seed)));
    }

    #[test]
    fn what_is_expanded_loads_as_the_same_model(seed: u64) {
        let text = texts::text(seed);
        let expanded = expand(&world().file("/k.conf", &text), &Options::new("/k.conf"), true).text(true);
        prop_assert!(load_text(&expanded).model == load_text(&text).model, "{}\n---\n{}", text, expanded);
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
    let missing: Vec<&str> = keywords()
        .map(|entry| entry.name)
        .filter(|name| !used.contains(name) && *name != "reload_check_config")
        .collect();
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

const INCLUDING: &str = "\
$VI4=virtual_router_id
$BLOCK=\\
    priority 150 \\
    advert_int 2
@one include /b.conf
@two junk
vrrp_instance \"V #1\" { interface eth0
    ${VI4} 5
    $BLOCK
    notify \"/bin/n # x ${_INSTANCE}\"
    authentication { auth_type PASS
        auth_pass a\\#b }
    virtual_ipaddress {
        ~SEQ(N, 3) 192.0.2.${N}/24
    }
}
";
const INCLUDED: &str = "vrrp_script s {\nscript \"/bin/x 'y\\\"'\"\n}\n";

fn including() -> MapSource {
    world().config_id("one").file("/k.conf", INCLUDING).file("/b.conf", INCLUDED)
}

#[test]
fn what_is_expanded_loads_as_the_same_model_and_tells_where_it_comes_from() {
    let options = Options::new("/k.conf");
    let model = load(&including(), &options).model.unwrap();
    let expanded = expand(&including(), &options, true);
    for origins in [true, false] {
        let text = expanded.text(origins);
        let again = load_text(&text);
        assert_eq!(again.model.as_ref(), Some(&model), "{text}");
    }
    assert_eq!(
        expanded.text(true),
        "\
vrrp_script s {                                  # /b.conf:1
    script \"/bin/x 'y\\\"'\"                        # /b.conf:2
}
vrrp_instance \"V #1\" {                           # /k.conf:7
    interface eth0                               # /k.conf:7
    virtual_router_id 5                          # /k.conf:8, $VI4 from /k.conf:1
    priority 150                                 # /k.conf:9, $BLOCK from /k.conf:3
    advert_int 2                                 # /k.conf:9, $BLOCK from /k.conf:4
    notify \"/bin/n # x one\"                      # /k.conf:10, ${_INSTANCE}
    authentication {                             # /k.conf:11
        auth_type PASS                           # /k.conf:11
        auth_pass a\\#b                           # /k.conf:12
    }
    virtual_ipaddress {                          # /k.conf:13
        192.0.2.1/24                             # /k.conf:14, $N from /k.conf:14
        192.0.2.2/24                             # /k.conf:14, $N from /k.conf:14
        192.0.2.3/24                             # /k.conf:14, $N from /k.conf:14
    }
}
"
    );
    let hidden = expand(&including(), &options, false).text(true);
    assert!(hidden.contains("auth_pass <hidden>") && !hidden.contains("a\\#b"), "{hidden}");
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
