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

/// Loads a configuration. It never fails as such: whatever is wrong is a diagnostic, and all of them
/// are found in one pass.
#[must_use]
pub fn load(source: &dyn Source, options: &Options) -> Loaded {
    let mut reader = Reader::new(source, options.strict_includes, Catalogue::is_script);
    reader.open(&options.file);
    let mut parser = Parser::new(reader, Catalogue::get());
    let mut cx = Cx::new(source);
    cx.places = options.advice.then(Places::default);
    let mut draft = Draft::default();
    ROOT.apply(&mut draft, &mut parser.root(), &mut cx);
    let checked = draft.global.out.reload_check_config.is_some();
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
    Loaded { model, diagnostics, exits, map, accounts: cx.accounts, secrets: cx.secrets, places }
}
