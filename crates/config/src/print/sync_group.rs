//! `vrrp_sync_group`.

use model::{Instance, Model, SyncGroup, TrackerSource};
use vrrp::config::{Group, Track};

use super::Printer;
use super::tree::{Lines, word};

impl Printer<'_> {
    pub(super) fn sync_group(&self, group: &SyncGroup, tracks: &[Track], out: &mut Lines) {
        let SyncGroup { protocol, notify } = group;
        let Group { name, members, tracking_weight } = protocol;
        let mut names = Lines::default();
        for member in members {
            names.line(&self.instance_name(*member), "");
        }
        let mut block = Lines::default();
        block.block("group", "", names);
        block.flag("sync_group_tracking_weight", *tracking_weight);
        self.tracks(tracks.iter(), &mut block);
        self.notify(notify, &mut block);
        out.block("vrrp_sync_group", word(name), block);
    }
}

/// What each group tracks, in the order of the groups. The Model has it in the members only, behind what
/// they track themselves; here is the least of it that only the group can have brought.
pub(super) fn tracks(model: &Model) -> Vec<Vec<Track>> {
    model
        .groups
        .iter()
        .map(|group| {
            let Group { members, tracking_weight, .. } = &group.protocol;
            let members: Vec<&Instance> =
                members.iter().filter_map(|id| model.instances.get(id.index())).collect();
            let mut tracks = common_end(model, &members, *tracking_weight, |i| &i.protocol.tracks);
            tracks.extend(common_end(model, &members, *tracking_weight, |i| &i.held.tracks));
            tracks
        })
        .collect()
}

/// The end of the lists of all members, as far as it must be the group's.
fn common_end(
    model: &Model,
    members: &[&Instance],
    tracking_weight: bool,
    list: impl Fn(&Instance) -> &Vec<Track>,
) -> Vec<Track> {
    let link = |track: &Track| match model.trackers.get(track.tracker.index())?.source {
        TrackerSource::Interface(link) => Some(link),
        _ => None,
    };
    let is_own_link = |track: &Track, member: &Instance| link(track).is_some() && link(track) == member.link;
    // A member has no weights of its own, nor its own interface.
    let must = |track: &Track, member: &Instance| {
        !tracking_weight && track.weight != base::Weight::FAULT || is_own_link(track, member)
    };
    let mut left: Vec<(&Instance, &[Track])> =
        members.iter().map(|member| (*member, list(member).as_slice())).collect();
    let mut out = Vec::new();
    while left.iter().any(|(member, tracks)| tracks.iter().any(|track| must(track, member))) {
        // The last one of some member that is the last one of all others, too, but for members whose
        // interface it is: they watch that anyway.
        let last = left.iter().filter_map(|(_, tracks)| tracks.last()).find(|track| {
            left.iter().all(|(member, tracks)| {
                tracks.last() == Some(track) || (member.track_link && is_own_link(track, member))
            })
        });
        let Some(last) = last.copied() else { break };
        for (_, tracks) in &mut left {
            if let Some((end, before)) = tracks.split_last()
                && *end == last
            {
                *tracks = before;
            }
        }
        out.push(last);
    }
    out.reverse();
    out
}
