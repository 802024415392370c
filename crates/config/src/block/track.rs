//! Lines of `track_interface`, `track_script`, `track_file` and their kin: `NAME [weight W [reverse]]`.

use crate::diag::{Code, Diagnostic};
use crate::keyword::Cx;
use crate::keyword::value;
use crate::lang::Word;
use crate::lang::tree::Line;

/// What is tracked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum What {
    Interface,
    Script,
    File,
    Process,
    Bfd,
}

impl What {
    /// The word for messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Script => "script",
            Self::File => "file",
            Self::Process => "process",
            Self::Bfd => "bfd",
        }
    }

    /// The block that defines such things; empty for interfaces, which nobody defines.
    pub(crate) const fn block(self) -> &'static str {
        match self {
            Self::Interface => "",
            Self::Script => "vrrp_script",
            Self::File => "track_file",
            Self::Process => "vrrp_track_process",
            Self::Bfd => "bfd_instance",
        }
    }

    /// The largest weight that makes sense: an interface or a script cannot take the priority
    /// beyond its ends.
    pub(crate) const fn most(self) -> i64 {
        match self {
            Self::Interface | Self::Script | Self::Bfd => 253,
            Self::File | Self::Process => 254,
        }
    }
}

/// A line as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TrackDraft {
    pub(crate) what: What,
    pub(crate) name: Word,
    pub(crate) weight: Option<i16>,
    pub(crate) reverse: Option<bool>,
}

/// Reads the lines of a block and adds them to `tracks`.
pub(crate) fn parse(what: What, lines: &[Line], tracks: &mut Vec<TrackDraft>, cx: &mut Cx<'_>) {
    for line in lines {
        let name = line.first.clone();
        if tracks.iter().any(|t| t.what == what && t.name.text == name.text) {
            let d = Diagnostic::new(
                Code::CONFLICT,
                format!("the {} `{}` is tracked twice", what.name(), name.text),
            )
            .at(name.span)
            .label("this line is ignored")
            .help("remove one of the two lines")
            .log(format!(
                "({}) duplicate track_{} {} - ignoring",
                cx.object,
                what.name(),
                name.text
            ));
            cx.report(d);
            continue;
        }
        let mut draft = TrackDraft { what, name, weight: None, reverse: None };
        let mut words = line.rest.iter();
        while let Some(word) = words.next() {
            match word.text.as_str() {
                "weight" => match words.next() {
                    Some(value) => draft.weight = weight(what, &draft.name.text, value, cx),
                    None => cx.bad_value(
                        word,
                        "`weight` needs a value".to_owned(),
                        "add a number, or remove the word",
                    ),
                },
                "reverse" => draft.reverse = Some(true),
                "noreverse" => draft.reverse = Some(false),
                other => {
                    let message = format!("`{other}` means nothing in a line of `track_{}`", what.name());
                    let help = match value::nearest(other, ["weight", "reverse", "noreverse"].into_iter()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "write `NAME [weight W [reverse]]`".to_owned(),
                    };
                    cx.bad_value(word, message, help);
                }
            }
        }
        tracks.push(draft);
    }
}

/// Reads a weight. 254 is taken for 253 where that is the end.
pub(crate) fn weight(what: What, name: &str, word: &Word, cx: &mut Cx<'_>) -> Option<i16> {
    let most = what.most();
    let Some(read) = value::whole(&word.text) else {
        let d = Diagnostic::new(Code::NUMBER, format!("`{}` is not a weight", word.text))
            .at(word.span)
            .label("ignored")
            .help(format!("use a number from -{most} to {most}"))
            .log(format!("invalid number '{}'", word.text));
        cx.report(d);
        return None;
    };
    if read.more {
        let d = Diagnostic::new(Code::NUMBER, format!("`{}` has more than the weight", word.text))
            .at(word.span)
            .label(format!("{} is used", read.value))
            .help(format!("write `{}`", read.value))
            .log(format!("invalid number '{}'", word.text));
        cx.report(d);
    }
    let used = if read.value.abs() == 254 { read.value.clamp(-most, most) } else { read.value };
    let cut = used != read.value;
    let fits = (-most..=most).contains(&used);
    if cut || !fits {
        let log = if cut {
            format!("({}) weight for {name} cannot be +/-254. Setting to +/-253", cx.object)
        } else {
            format!(
                "({}) weight {} for {name} must be between [-{most}..{most}] inclusive. Ignoring...",
                cx.object, word.text
            )
        };
        let d = Diagnostic::new(Code::RANGE, format!("a weight is from -{most} to {most}"))
            .at(word.span)
            .label(if fits { format!("{used} is used") } else { "ignored".to_owned() })
            .help("choose a number of that range")
            .log(log);
        cx.report(d);
    }
    i16::try_from(used).ok().filter(|_| fits)
}
