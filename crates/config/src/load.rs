//! One load: text in, a model and its problems out.

use std::collections::BTreeMap;

use model::{Model, User};

use crate::block::{Draft, ROOT};
use crate::diag::{Code, Diagnostic, Diagnostics, Exits, Severity};
use crate::keyword::{Catalogue, Cx, Places};
use crate::lang::reader::Reader;
use crate::lang::tree::Parser;
use crate::lint::{self, Facts};
use crate::render::Printer;
use crate::resolve;
use crate::source::{Account, Source};
use crate::span::{SourceMap, Span};

/// What to load, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The file, or a pattern that several files match (`-f`).
    pub file: String,
    /// Every include is strict (`-e`).
    pub strict_includes: bool,
    /// Advice is given, too: the codes of [`crate::lints`]. It changes nothing else.
    pub advice: bool,
}

impl Options {
    /// The options for `file`, with includes as they are written.
    #[must_use]
    pub fn new(file: impl Into<String>) -> Self {
        Self { file: file.into(), strict_includes: false, advice: false }
    }

    /// With advice.
    #[must_use]
    pub fn with_advice(self) -> Self {
        Self { advice: true, ..self }
    }
}

/// The names by which a configuration called its users and groups. The first one of each counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Accounts(BTreeMap<User, Vec<Box<str>>>);

impl Accounts {
    /// The name of a user, and if it is not the user's own that of the group.
    #[must_use]
    pub fn get(&self, user: User) -> Option<&[Box<str>]> {
        self.0.get(&user).map(Vec::as_slice)
    }

    pub(crate) fn learn<'n>(&mut self, account: Account, names: impl Iterator<Item = &'n str>) {
        let user = User { uid: account.uid, gid: account.gid };
        self.0.entry(user).or_insert_with(|| names.map(Box::from).collect());
    }
}

/// What a load came to.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; `None` if it cannot be run.
    pub model: Option<Model>,
    /// Every problem, in the order of the files.
    pub diagnostics: Diagnostics,
    /// The exit statuses that follow.
    pub exits: Exits,
    /// The files, for showing places.
    pub map: SourceMap,
    /// The names of those that commands run as.
    pub accounts: Accounts,
    /// Places whose text must not be shown.
    secrets: Vec<Span>,
    /// Where each keyword stands, of a load with advice.
    pub(crate) places: Option<Places>,
}

impl Loaded {
    /// Shows the problems of this load, with colours if wanted.
    #[must_use]
    pub fn printer(&self, colours: bool) -> Printer<'_> {
        Printer::new(&self.map, &self.secrets, colours)
    }

    /// All problems for people, with source lines.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let printer = self.printer(colours);
        let mut out: String = self.diagnostics.iter().map(|d| printer.render(d) + "\n").collect();
        if self.diagnostics.left_out() > 0 {
            out.push_str(&format!("and {} more problems\n", self.diagnostics.left_out()));
        }
        out
    }

    /// All problems for the log, one line each, as keepalived words them.
    pub fn log_lines(&self) -> impl Iterator<Item = String> + '_ {
        let printer = self.printer(false);
        self.diagnostics.iter().map(move |d| printer.log_line(d))
    }
}

/// As many instances are kept as drafts until all is read; drafts of more than these would need the most memory
/// of all.
const MANY: usize = 256;

/// Loads a configuration. It never fails as such: whatever is wrong is a diagnostic, and all of them
/// are found in one pass.
#[must_use]
pub fn load(source: &dyn Source, options: &Options) -> Loaded {
    load_with(source, options, MANY)
}

/// Loads it with at most so many drafts of instances at a time. If something is written behind the instances that
/// they need to know, which hardly anybody does, it is all done again, with all drafts.
fn load_with(source: &dyn Source, options: &Options, most: usize) -> Loaded {
    let (loaded, whole) = attempt(source, options, most);
    if whole { loaded } else { attempt(source, options, usize::MAX).0 }
}

/// The load, and whether the instances knew all that they need to know.
fn attempt(source: &dyn Source, options: &Options, most: usize) -> (Loaded, bool) {
    let mut reader = Reader::new(source, options.strict_includes, Catalogue::is_script);
    reader.open(&options.file);
    let mut parser = Parser::new(reader, Catalogue::get());
    let mut cx = Cx::new(source);
    cx.places = options.advice.then(Places::default);
    let mut draft = Draft { most, ..Draft::default() };
    ROOT.apply(&mut draft, &mut parser.root(), &mut cx);
    let checked = draft.global.out.reload_check_config.is_some();
    let whole = draft.early.as_ref().is_none_or(|early| early.holds(&draft));
    let (model, written) = resolve::resolve(draft, &mut cx);
    cx.tell_pending();
    let places = cx.places.take();
    if let Some(places) = &places {
        lint::advise(&Facts { source, model: &model, places, services: &written }, &mut cx.diagnostics);
    }
    let Reader { map, mut diagnostics, .. } = parser.reader;
    diagnostics.merge(cx.diagnostics, |span| map.root(span));
    if checked && diagnostics.worst() > Severity::Ok {
        let d =
            Diagnostic::new(Code::CHECKED, "the configuration has errors, and `reload_check_config` is set")
                .help("correct them, or remove `reload_check_config`");
        diagnostics.push(d);
    }
    let exits = diagnostics.exits();
    let model = exits.run.is_none().then_some(model);
    (Loaded { model, diagnostics, exits, map, accounts: cx.accounts, secrets: cx.secrets, places }, whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MapSource;

    const INSTANCES: &str = "$V=vrrp_instance VI_$X { \\\n interface eth0 \\\n virtual_router_id $X \\\n \
        track_script { \\\n s \\\n t \\\n } \\\n bogus \\\n virtual_ipaddress { \\\n 192.0.2.$X \\\n } \\\n}\n\
        ~SEQ(X, 1, 9) $V\n";
    const BEFORE: &str = "global_defs {\n vrrp_version 3\n script_user root\n}\n\
        vrrp_script s {\n script /bin/true\n}\n";

    /// What a load says and makes, with so many drafts at a time.
    fn told(text: &str, most: usize) -> (Option<Model>, String, bool) {
        let source = MapSource::new().file("/k.conf", text);
        let options = Options::new("/k.conf").with_advice();
        let loaded = load_with(&source, &options, most);
        let whole = attempt(&source, &options, most).1;
        (loaded.model.clone(), loaded.render(false), whole)
    }

    #[test]
    fn instances_that_are_made_early_are_the_same() {
        let group = "vrrp_sync_group G {\n group {\n VI_1 VI_2\n }\n}\n";
        let text = format!("{BEFORE}{INSTANCES}{group}static_ipaddress {{\n 192.0.2.99/24 dev eth0\n}}\n");
        let all = told(&text, usize::MAX);
        assert!(all.0.as_ref().is_some_and(|model| model.instances.len() == 9), "{}", all.1);
        for most in [0, 1, 5, 9] {
            assert_eq!(told(&text, most), all, "with {most} drafts");
        }
    }

    #[test]
    fn what_stands_behind_the_instances_counts_all_the_same() {
        for behind in [
            "global_defs {\n vrrp_version 2\n}\n",
            "vrrp_script t {\n script /bin/true\n}\n",
            "use_pid_dir\n",
        ] {
            let text = format!("{BEFORE}{INSTANCES}{behind}");
            let (all, early) = (told(&text, usize::MAX), told(&text, 2));
            assert_eq!((&early.0, &early.1), (&all.0, &all.1), "{behind}");
            assert!(all.2 && !early.2, "{behind}");
        }
    }
}
