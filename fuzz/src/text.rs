//! Configuration text.

use std::collections::BTreeMap;

use config::{Interface, Loaded, MapSource, Options, Recording, Span, load};

/// The main file, and the one that it may include: the first of these bytes is the border.
const BORDER: u8 = 0x1e;
/// With this byte anywhere, every include is strict.
const STRICT: u8 = 0x1d;
/// With this byte anywhere, there are two interfaces only.
const FEW: u8 = 0x1c;

/// So many problems of each code are shown.
const SHOWN: usize = 2;

/// Loads `bytes` as a configuration and holds what must hold for every text: no panic; every place lies
/// in its file; there is a model exactly if the daemon may run, and it differs from itself in nothing; a
/// load from the recorded answers is the same load.
pub fn config_text(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |b| *b == BORDER);
    let (main, other) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut world = MapSource::new()
        .file("/d/k.conf", main)
        .file("/d/other.conf", other)
        .unreadable("/d/locked.conf", config::ReadError::Permission)
        .env("HOME", "/nowhere")
        .user("nobody", config::Account { uid: 65_534, gid: 65_534 })
        .without_program("/none")
        .insecure_program("/insecure");
    if bytes.contains(&FEW) {
        world = world
            .interface("eth0", Interface::default())
            .interface("lo", Interface { loopback: true, multicast: false, mtu: 65_536 });
    }
    let mut options = Options::new("/d/k.conf");
    options.strict_includes = bytes.contains(&STRICT);

    let recording = Recording::new(&world);
    let first = load(&recording, &options);
    look(&first);
    let second = load(&recording.into_bundle(), &options);
    assert_eq!(first.model, second.model, "two loads of one text differ");
    assert!(first.diagnostics.iter().eq(second.diagnostics.iter()), "two loads tell different things");
    assert_eq!(first.exits, second.exits);
    if let Some(model) = &first.model {
        let diff = model::diff(model, model);
        assert!(diff.is_empty(), "a model differs from itself: {diff:?}");
    }
}

/// Looks at what a user would see.
fn look(loaded: &Loaded) {
    assert_eq!(loaded.model.is_none(), loaded.exits.run.is_some());
    for diagnostic in loaded.diagnostics.iter() {
        for span in diagnostic.span.iter().chain(diagnostic.others.iter().map(|(span, _)| span)) {
            inside(loaded, *span);
            inside(loaded, loaded.map.root(*span));
        }
    }
    // The first ones of each code stand for all: showing takes longer than everything else.
    let mut seen = BTreeMap::new();
    let (plain, colours) = (loaded.printer(false), loaded.printer(true));
    for diagnostic in loaded.diagnostics.iter() {
        let count = seen.entry(diagnostic.code.name).or_insert(0);
        *count += 1;
        if *count <= SHOWN {
            assert!(plain.render(diagnostic).contains(diagnostic.code.name));
            let _ = colours.render(diagnostic);
            if let Some(span) = diagnostic.span {
                programs(loaded, span);
            }
        }
        assert!(!plain.log_line(diagnostic).is_empty());
    }
}

/// Looks at what programs and editors would see of a place.
fn programs(loaded: &Loaded, span: Span) {
    let printer = loaded.printer(false);
    let (place, origin) = (printer.place(span), printer.origin(span));
    assert!(place.start <= place.end && !place.line.contains('\n'), "{place:?}");
    assert_eq!(origin.defined.is_some(), !origin.uses.is_empty());
    let root = loaded.map.root(span);
    let _ = config::context(loaded.map.text(root.file), root.range().start);
}

/// Whether `span` is a piece of text of its file.
fn inside(loaded: &Loaded, span: Span) {
    let text = loaded.map.text(span.file);
    assert!(text.get(span.range()).is_some(), "{span:?} is no part of the {} bytes of its file", text.len());
}
