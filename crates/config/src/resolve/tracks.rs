//! What is tracked: interfaces, scripts, files, processes and BFD sessions become trackers with ids.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use base::{IfName, Name, Weight};
use model::tracker::{TrackFile, TrackProcess, Tracker, TrackerSource};
use model::{BfdId, Instance, Script, TrackerId};
use vrrp::config::Track;

use crate::block::Seen;
use crate::block::track::{TrackDraft, What};
use crate::block::track_file::FileDraft;
use crate::block::track_process::ProcessDraft;
use crate::block::vrrp_script::ScriptDraft;
use crate::diag::{Code, Diagnostic};
use crate::keyword::value;
use crate::lang::Word;
use crate::resolve::Resolver;
use crate::span::{Span, to_u32};

/// A BFD session that instances may track.
#[derive(Clone, Debug)]
pub(super) struct BfdDefined {
    pub(super) id: BfdId,
    pub(super) name: Name,
    pub(super) weight: i16,
    pub(super) reverse: bool,
    pub(super) span: Span,
}

/// Something that can be tracked.
#[derive(Debug)]
struct Defined {
    /// Where it is: here until somebody tracks it.
    place: Place,
    weight: i16,
    reverse: bool,
    /// How many of its kind were defined before it.
    order: u32,
    span: Span,
}

#[derive(Debug)]
enum Place {
    Here(TrackerSource),
    Used(TrackerId),
}

/// All trackers.
#[derive(Debug, Default)]
pub(super) struct Trackers {
    defined: BTreeMap<(What, Name), Defined>,
    /// Those that somebody uses, by their ids.
    used: Vec<Tracker>,
    links: BTreeMap<IfName, TrackerId>,
    /// Files that a check of a real server follows.
    followed: BTreeSet<Name>,
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
            Some(TrackerSource::Process(_)) => What::Process.name(),
            Some(TrackerSource::Bfd(_)) => What::Bfd.name(),
        }
    }

    /// The interface that a tracker stands for.
    pub(super) fn link(&self, id: TrackerId) -> Option<IfName> {
        match self.used.get(id.index()).map(|tracker| &tracker.source) {
            Some(&TrackerSource::Interface(link)) => Some(link),
            _ => None,
        }
    }

    /// Whether nobody tells the core of it yet.
    pub(super) fn is_held(&self, id: TrackerId) -> bool {
        matches!(
            self.used.get(id.index()).map(|tracker| &tracker.source),
            Some(TrackerSource::Process(_) | TrackerSource::Bfd(_))
        )
    }

    /// Parts what the core is told of from what is held.
    pub(super) fn split(&self, tracks: Vec<Track>) -> (Vec<Track>, Vec<Track>) {
        if tracks.iter().any(|track| self.is_held(track.tracker)) {
            tracks.into_iter().partition(|track| !self.is_held(track.tracker))
        } else {
            (tracks, Vec::new())
        }
    }

    /// Where a tracker stands among those that somebody uses: the interfaces by their names, then the others
    /// in the order of their blocks, so that the order of those that track them means nothing.
    fn place_in_list(&self, tracker: &Tracker) -> (What, u32, Name) {
        let what = match &tracker.source {
            TrackerSource::Interface(_) => return (What::Interface, 0, tracker.name.clone()),
            TrackerSource::Script(_) => What::Script,
            TrackerSource::File(_) => What::File,
            TrackerSource::Process(_) => What::Process,
            TrackerSource::Bfd(_) => What::Bfd,
        };
        let key = (what, tracker.name.clone());
        let order = self.defined.get(&key).map_or(0, |defined| defined.order);
        (key.0, order, key.1)
    }

    /// Forgets what no instance tracks any more (a script that nobody tracks is not run), and puts the others
    /// into their order.
    pub(super) fn settle(&mut self, instances: &mut [Instance]) {
        let mut tracked = vec![false; self.used.len()];
        for track in instances.iter().flat_map(|i| i.protocol.tracks.iter().chain(&i.held.tracks)) {
            if let Some(flag) = tracked.get_mut(track.tracker.index()) {
                *flag = true;
            }
        }
        let kept = self.used.iter().enumerate().zip(&tracked).filter(|(_, flag)| **flag);
        let mut order: Vec<_> =
            kept.map(|((index, tracker), _)| (self.place_in_list(tracker), index)).collect();
        order.sort_unstable();
        if order.len() == self.used.len() && order.iter().map(|(_, old)| *old).eq(0..order.len()) {
            return;
        }
        let mut moved_to: Vec<Option<TrackerId>> = vec![None; self.used.len()];
        for (new, (_, old)) in order.iter().enumerate() {
            if let Some(place) = moved_to.get_mut(*old) {
                *place = Some(TrackerId::from_index(new));
            }
        }
        let moved = |id: TrackerId| moved_to.get(id.index()).copied().flatten();
        for instance in instances {
            for track in instance.protocol.tracks.iter_mut().chain(&mut instance.held.tracks) {
                track.tracker = moved(track.tracker).unwrap_or(track.tracker);
            }
        }
        let mut before: Vec<Option<Tracker>> = mem::take(&mut self.used).into_iter().map(Some).collect();
        self.used.extend(order.iter().filter_map(|(_, old)| before.get_mut(*old)?.take()));
        let mut gone: BTreeMap<TrackerId, TrackerSource> = before
            .into_iter()
            .enumerate()
            .filter_map(|(index, tracker)| Some((TrackerId::from_index(index), tracker?.source)))
            .collect();
        for defined in self.defined.values_mut() {
            if let Place::Used(id) = defined.place {
                match (moved(id), gone.remove(&id)) {
                    (Some(id), _) => defined.place = Place::Used(id),
                    (None, Some(source)) => defined.place = Place::Here(source),
                    (None, None) => {}
                }
            }
        }
        self.links.retain(|_, id| moved(*id).map(|to| *id = to).is_some());
    }

    /// The file `name` with its weight, for a check of a real server; only if it was among the first
    /// `before` that were defined.
    pub(super) fn file_of_check(&mut self, name: &str, before: u32) -> Option<(TrackFile, i32, bool)> {
        let key = (What::File, Name::from(name));
        let defined = self.defined.get(&key).filter(|d| d.order < before)?;
        let source = match &defined.place {
            Place::Here(source) => source,
            Place::Used(id) => &self.used.get(id.index())?.source,
        };
        let TrackerSource::File(file) = source else { return None };
        let (_, name) = key;
        self.followed.insert(name);
        Some((file.clone(), i32::from(defined.weight), defined.reverse))
    }

    fn id_of_link(&mut self, link: IfName, name: &str) -> TrackerId {
        let used = &mut self.used;
        *self.links.entry(link).or_insert_with(|| {
            used.push(Tracker { name: name.into(), source: TrackerSource::Interface(link) });
            TrackerId::from_index(used.len() - 1)
        })
    }

    /// Finds what was defined before `before`, and gives it an id: with its weight and sense.
    fn find(&mut self, what: What, name: &str, before: u32) -> Option<(TrackerId, i16, bool)> {
        // The key of a range may be borrowed in part; this one cannot, and a name is short.
        let key = (what, Name::from(name));
        let defined = self.defined.get_mut(&key).filter(|defined| defined.order < before)?;
        if let Place::Here(_) = defined.place {
            let id = TrackerId::from_index(self.used.len());
            if let Place::Here(source) = mem::replace(&mut defined.place, Place::Used(id)) {
                let (_, name) = key;
                self.used.push(Tracker { name, source });
            }
        }
        match defined.place {
            Place::Used(id) => Some((id, defined.weight, defined.reverse)),
            Place::Here(_) => None,
        }
    }
}

impl Resolver<'_, '_> {
    /// Checks what can be tracked; the good ones are.
    pub(super) fn define_trackers(
        &mut self,
        scripts: &[ScriptDraft],
        files: &[FileDraft],
        processes: &[ProcessDraft],
        bfds: Vec<Option<BfdDefined>>,
    ) {
        for (order, draft) in scripts.iter().enumerate() {
            let made = self.script(draft).map(|script| (script.name.clone(), TrackerSource::Script(script)));
            self.define(What::Script, made, order, (draft.weight, draft.reverse), draft.name.span);
        }
        for (order, draft) in files.iter().enumerate() {
            let made = self.file(draft).map(|file| (file.name.clone(), TrackerSource::File(file)));
            self.define(What::File, made, order, (draft.weight, draft.reverse), draft.name.span);
        }
        for (order, draft) in processes.iter().enumerate() {
            let made = self.process(draft).map(|p| (p.name.clone(), TrackerSource::Process(p)));
            self.define(What::Process, made, order, (draft.weight, draft.reverse), draft.name.span);
        }
        for (order, bfd) in bfds.into_iter().enumerate() {
            let Some(bfd) = bfd else { continue };
            let made = Some((bfd.name, TrackerSource::Bfd(bfd.id)));
            self.define(What::Bfd, made, order, (bfd.weight, bfd.reverse), bfd.span);
        }
    }

    fn define(
        &mut self,
        what: What,
        made: Option<(Name, TrackerSource)>,
        order: usize,
        (weight, reverse): (i16, bool),
        span: Span,
    ) {
        if let Some((name, source)) = made {
            let place = Place::Here(source);
            let defined = Defined { place, weight, reverse, order: to_u32(order), span };
            self.state.trackers.defined.insert((what, name), defined);
        }
    }

    fn process(&mut self, draft: &ProcessDraft) -> Option<TrackProcess> {
        let name = &draft.name.text;
        let Some((command, parameters)) = draft.words.split_first() else {
            let d = Diagnostic::new(Code::VALUE, format!("the tracked process `{name}` has no command"))
                .at(draft.name.span)
                .label("it is ignored")
                .help("add `process COMMAND`")
                .log(format!("No process set for vrrp_track_process {name} - removing"));
            self.cx.report(d);
            return None;
        };
        let mut quorum_max = draft.quorum_max;
        if quorum_max.is_some_and(|most| most.saturating_add(1) < draft.quorum) {
            let log = format!("vrrp_track_process {name}: quorum_max is below quorum - ignoring quorum_max");
            let message = format!("`{name}` can never be good: `quorum_max` is below `quorum`");
            self.conflict(draft.name.span, message, "`quorum_max` is ignored", "raise `quorum_max`", log);
            quorum_max = None;
        }
        Some(TrackProcess {
            name: name.as_str().into(),
            command: command.text.as_str().into(),
            parameters: parameters.iter().map(|word| word.text.as_str().into()).collect(),
            matching: draft.matching,
            full_command: draft.full_command,
            quorum: draft.quorum,
            quorum_max,
            up_delay: draft.up_delay,
            down_delay: draft.down_delay,
        })
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
        let mut tracks = Vec::with_capacity(drafts.len());
        tracks.extend(drafts.iter().filter_map(|draft| self.track(draft, seen, object, own)));
        tracks
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
            let tracker = self.state.trackers.id_of_link(link, &name.text);
            let weight = Weight::new(draft.weight.unwrap_or(0)).unwrap_or_default();
            return Some(Track { tracker, weight, reverse: draft.reverse.unwrap_or(false) });
        }
        let before = match draft.what {
            What::Script => seen.scripts,
            What::Process => seen.processes,
            What::Bfd => seen.bfds,
            _ => seen.files,
        };
        let Some((tracker, weight, reverse)) = self.state.trackers.find(draft.what, &name.text, before)
        else {
            self.not_found(draft, object);
            return None;
        };
        let weight = Weight::new(draft.weight.unwrap_or(weight)).unwrap_or_default();
        Some(Track { tracker, weight, reverse: draft.reverse.unwrap_or(reverse) })
    }

    fn not_found(&mut self, draft: &TrackDraft, object: &str) {
        let (what, name): (What, &Word) = (draft.what, &draft.name);
        let block = what.block();
        let mut d = Diagnostic::new(
            Code::UNKNOWN_NAME,
            format!("there is no {} `{}` to track", what.name(), name.text),
        )
        .at(name.span)
        .label("this line is ignored")
        .log(format!("({object}) track {} {} not found, ignoring...", what.name(), name.text));
        let names =
            self.state.trackers.defined.iter().filter(|((w, _), _)| *w == what).map(|((_, name), _)| &**name);
        d = match self.state.trackers.defined.get(&(what, Name::from(name.text.as_str()))) {
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
        let trackers = &self.state.trackers;
        // A BFD session may run for others.
        let unused = trackers
            .defined
            .iter()
            .filter(|((what, _), defined)| matches!(defined.place, Place::Here(_)) && *what != What::Bfd)
            .filter(|((what, name), _)| *what != What::File || !trackers.followed.contains(name));
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
