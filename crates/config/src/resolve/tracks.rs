//! What is tracked: scripts, files and interfaces become trackers with ids.

use std::collections::{BTreeMap, BTreeSet};

use base::{IfName, Weight};
use model::tracker::{TrackFile, Tracker, TrackerSource};
use model::{Instance, Script, TrackerId};
use vrrp::config::Track;

use crate::block::Seen;
use crate::block::track::{TrackDraft, What};
use crate::block::track_file::FileDraft;
use crate::block::vrrp_script::ScriptDraft;
use crate::diag::{Code, Diagnostic};
use crate::keyword::value;
use crate::lang::Word;
use crate::resolve::Resolver;
use crate::span::Span;

/// A script or a file that can be tracked.
#[derive(Debug)]
struct Defined {
    tracker: Tracker,
    weight: i16,
    reverse: bool,
    /// How many of its kind were defined before it.
    order: usize,
    span: Span,
}

/// All trackers.
#[derive(Debug, Default)]
pub(super) struct Trackers {
    defined: BTreeMap<(What, String), Defined>,
    /// Those that somebody uses, by their ids.
    used: Vec<Tracker>,
    ids: BTreeMap<(What, String), TrackerId>,
    /// Files that a check of a real server follows.
    followed: BTreeSet<String>,
}

impl Trackers {
    pub(super) fn into_list(self) -> Vec<Tracker> {
        self.used
    }

    /// The name of a tracker that somebody uses.
    pub(super) fn name(&self, id: TrackerId) -> String {
        self.used.get(id.index()).map_or_else(String::new, |tracker| tracker.name.to_string())
    }

    /// What a tracker is, for messages.
    pub(super) fn what(&self, id: TrackerId) -> &'static str {
        match self.used.get(id.index()).map(|tracker| &tracker.source) {
            Some(TrackerSource::Interface(_)) | None => What::Interface.name(),
            Some(TrackerSource::Script(_)) => What::Script.name(),
            Some(TrackerSource::File(_)) => What::File.name(),
        }
    }

    /// The interface that a tracker stands for.
    pub(super) fn link(&self, id: TrackerId) -> Option<IfName> {
        match self.used.get(id.index()).map(|tracker| &tracker.source) {
            Some(&TrackerSource::Interface(link)) => Some(link),
            _ => None,
        }
    }

    /// Forgets what no instance tracks any more: a script that nobody tracks is not run.
    pub(super) fn forget_untracked(&mut self, instances: &mut [Instance]) {
        let mut tracked = vec![false; self.used.len()];
        for track in instances.iter().flat_map(|i| &i.protocol.tracks) {
            if let Some(flag) = tracked.get_mut(track.tracker.index()) {
                *flag = true;
            }
        }
        let is_tracked = |id: TrackerId| tracked.get(id.index()).copied().unwrap_or(false);
        // An id moves down by as many as are gone before it.
        let moved = |id: TrackerId| {
            let kept = tracked.iter().take(id.index()).filter(|t| **t).count();
            TrackerId::from_index(kept)
        };
        self.ids.retain(|_, id| is_tracked(*id));
        self.ids.values_mut().for_each(|id| *id = moved(*id));
        for track in instances.iter_mut().flat_map(|i| &mut i.protocol.tracks) {
            track.tracker = moved(track.tracker);
        }
        let mut keep = tracked.iter();
        self.used.retain(|_| keep.next().copied().unwrap_or(false));
    }

    /// The file `name` with its weight, for a check of a real server; only if it was among the first
    /// `before` that were defined.
    pub(super) fn file_of_check(&mut self, name: &str, before: usize) -> Option<(TrackFile, i32, bool)> {
        let defined = self.defined.get(&(What::File, name.to_owned())).filter(|d| d.order < before)?;
        let TrackerSource::File(file) = &defined.tracker.source else { return None };
        self.followed.insert(name.to_owned());
        Some((file.clone(), i32::from(defined.weight), defined.reverse))
    }

    fn id(&mut self, what: What, name: &str, make: impl FnOnce() -> Tracker) -> TrackerId {
        let used = &mut self.used;
        *self.ids.entry((what, name.to_owned())).or_insert_with(|| {
            used.push(make());
            TrackerId::from_index(used.len() - 1)
        })
    }
}

impl Resolver<'_, '_> {
    /// Checks scripts and files; the good ones can be tracked.
    pub(super) fn define_trackers(&mut self, scripts: &[ScriptDraft], files: &[FileDraft]) {
        for (order, draft) in scripts.iter().enumerate() {
            if let Some(script) = self.script(draft) {
                let tracker = Tracker { name: script.name.clone(), source: TrackerSource::Script(script) };
                let (weight, reverse) = (draft.weight, draft.reverse);
                let defined = Defined { tracker, weight, reverse, order, span: draft.name.span };
                self.trackers.defined.insert((What::Script, draft.name.text.clone()), defined);
            }
        }
        for (order, draft) in files.iter().enumerate() {
            if let Some(file) = self.file(draft) {
                let tracker = Tracker { name: file.name.clone(), source: TrackerSource::File(file) };
                let (weight, reverse) = (draft.weight, draft.reverse);
                let defined = Defined { tracker, weight, reverse, order, span: draft.name.span };
                self.trackers.defined.insert((What::File, draft.name.text.clone()), defined);
            }
        }
    }

    fn script(&mut self, draft: &ScriptDraft) -> Option<Script> {
        let name = &draft.name.text;
        let Some(command) = &draft.command else {
            let d = Diagnostic::new(Code::SCRIPT, format!("the script `{name}` has no command"))
                .at(draft.name.span)
                .label("it is ignored")
                .help("add `script \"COMMAND\"`")
                .log(format!("No script set for vrrp_script {name} - removing"));
            self.cx.report(d);
            return None;
        };
        let mut command = command.clone();
        if !draft.user.is_empty() {
            command.owner.clone_from(&draft.user);
        }
        let command = self.command(Some(&command))?;
        Some(Script {
            name: name.as_str().into(),
            command,
            interval: draft.interval,
            timeout: draft.timeout.unwrap_or(draft.interval),
            rise: draft.rise,
            fall: draft.fall,
            init_fail: draft.init_fail,
        })
    }

    fn file(&mut self, draft: &FileDraft) -> Option<TrackFile> {
        let name = &draft.name.text;
        let Some(path) = draft.path.as_ref().filter(|path| !path.text.is_empty()) else {
            let d = Diagnostic::new(Code::VALUE, format!("the tracked file `{name}` has no path"))
                .at(draft.name.span)
                .label("it is ignored")
                .help("add `file \"/PATH\"`")
                .log(format!("No file set for track_file {name} - removing"));
            self.cx.report(d);
            return None;
        };
        if !path.text.starts_with('/') {
            let message = format!("the path `{}` does not start with `/`", path.text);
            self.cx.bad_value(path, message, "write the full path of the file");
            return None;
        }
        Some(TrackFile {
            name: name.as_str().into(),
            path: path.text.as_str().into(),
            init: draft.init,
            overwrite: draft.overwrite,
        })
    }

    /// The lines of `track_*` of one object. `own` is the interface that is tracked anyway.
    pub(super) fn tracks(
        &mut self,
        drafts: &[TrackDraft],
        seen: Seen,
        object: &str,
        own: Option<IfName>,
    ) -> Vec<Track> {
        drafts.iter().filter_map(|draft| self.track(draft, seen, object, own)).collect()
    }

    fn track(&mut self, draft: &TrackDraft, seen: Seen, object: &str, own: Option<IfName>) -> Option<Track> {
        let name = &draft.name;
        if draft.what == What::Interface {
            let link =
                self.link(name, || format!("({object}) tracked interface {} doesn't exist", name.text))?;
            if own == Some(link) {
                let log = format!("({object}) Ignoring track_interface {link} since own interface");
                let message = format!("`{object}` follows its own interface `{link}` anyway");
                self.conflict(name.span, message, "this line is ignored", "remove it", log);
                return None;
            }
            let make = || Tracker { name: name.text.as_str().into(), source: TrackerSource::Interface(link) };
            let tracker = self.trackers.id(What::Interface, &name.text, make);
            let weight = Weight::new(draft.weight.unwrap_or(0)).unwrap_or_default();
            return Some(Track { tracker, weight, reverse: draft.reverse.unwrap_or(false) });
        }
        let before = match draft.what {
            What::Script => seen.scripts,
            _ => seen.files,
        };
        let key = (draft.what, name.text.clone());
        let Some(defined) = self.trackers.defined.get(&key).filter(|defined| defined.order < before) else {
            self.not_found(draft, object);
            return None;
        };
        let weight = Weight::new(draft.weight.unwrap_or(defined.weight)).unwrap_or_default();
        let reverse = draft.reverse.unwrap_or(defined.reverse);
        let copy = defined.tracker.clone();
        let tracker = self.trackers.id(draft.what, &name.text, || copy);
        Some(Track { tracker, weight, reverse })
    }

    fn not_found(&mut self, draft: &TrackDraft, object: &str) {
        let (what, name): (What, &Word) = (draft.what, &draft.name);
        let block = if what == What::Script { "vrrp_script" } else { "track_file" };
        let mut d = Diagnostic::new(
            Code::UNKNOWN_NAME,
            format!("there is no {} `{}` to track", what.name(), name.text),
        )
        .at(name.span)
        .label("this line is ignored")
        .log(format!("({object}) track {} {} not found, ignoring...", what.name(), name.text));
        let names =
            self.trackers.defined.iter().filter(|((w, _), _)| *w == what).map(|((_, name), _)| name.as_str());
        d = match self.trackers.defined.get(&(what, name.text.clone())) {
            Some(later) => d
                .other(later.span, "it is defined here, after its use")
                .help(format!("move `{block} {}` before this line", name.text)),
            None => match value::nearest(&name.text, names) {
                Some(near) => d.help(format!("did you mean `{near}`?")),
                None => d.help(format!("define it with `{block} {} {{ .. }}` before this line", name.text)),
            },
        };
        self.cx.report(d);
    }

    /// Tells what is defined and not used.
    pub(super) fn tell_unused(&mut self) {
        let trackers = &self.trackers;
        let used = |key: &(What, String)| {
            trackers.ids.contains_key(key) || key.0 == What::File && trackers.followed.contains(&key.1)
        };
        let unused = trackers.defined.iter().filter(|(key, _)| !used(key));
        for ((what, name), defined) in unused {
            let d = Diagnostic::new(Code::UNUSED, format!("nobody tracks the {} `{name}`", what.name()))
                .at(defined.span)
                .label("it is ignored")
                .help(format!("add it to a `track_{}` block, or remove it", what.name()))
                .bare_log(format!("Warning - {} {name} is not used", what.name()));
            self.cx.diagnostics.push(d);
        }
    }
}
