//! Conditions, sequences and definitions: what changes a line before it is split into words.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::{Definition, Frame, MAX_EXPANDED, MAX_EXPANSIONS, MAX_USES, Reader};
use crate::diag::{Code, Diagnostic};
use crate::lang::repeat::{self, MAX_STEPS, Repeat, is_name};
use crate::lang::text::{Text, is_blank};
use crate::secret::masked;
use crate::source::parent_of;
use crate::span::Span;

impl Reader<'_> {
    /// `@id text` and `@^id text`: the text, if it is for us.
    pub(super) fn condition(&self, mut text: Text) -> Option<Text> {
        while let Some(rest) = text.as_str().strip_prefix('@') {
            let (negated, id) = match rest.strip_prefix('^') {
                Some(id) => (true, id),
                None => (false, rest),
            };
            let len = id.find(is_blank).unwrap_or(id.len());
            let ours = id.get(..len) == Some(self.config_id.as_str());
            if ours == negated {
                return None;
            }
            let skip = text.len() - id.len() + len;
            text = text.slice(skip..text.len()).trim_start();
        }
        Some(text).filter(|text| !text.is_empty())
    }

    /// Starts a repetition.
    pub(super) fn repeat(&mut self, text: &Text, head: Result<repeat::Head, repeat::Fault>) {
        let parsed = head.and_then(|head| {
            let inside = text.slice(head.inside.0..head.inside.1);
            let inside = self.replace(&inside).unwrap_or(inside);
            let (names, values) = repeat::parse(head.kind, inside.as_str())?;
            Ok((head, names, values))
        });
        let (head, names, values) = match parsed {
            Ok(parsed) => parsed,
            Err(fault) => {
                let word = if text.as_str().starts_with("~LST") { "~LST" } else { "~SEQ" };
                let end = text.as_str().find(')').map_or(text.len(), |i| i + 1);
                let d = Diagnostic::new(Code::SEQUENCE, format!("this repetition cannot be read: {fault}"))
                    .at(text.span(0..end, &self.map))
                    .label("the line is ignored")
                    .help("write `~SEQ(NAME, [START, [STEP,]] END) text` or `~LST(NAME, VALUE, ..) text`")
                    .log(format!("Invalid {word} specification '{}'", masked(text.as_str())));
                self.diagnostics.push(d);
                return;
            }
        };
        let names = names.iter().map(|name| format!("${name}").into()).collect();
        let span = text.span(0..head.rest, &self.map);
        let rest = text.slice(head.rest..text.len()).trim();
        // A repetition that another one repeats stands directly above it.
        let chained_to = match self.frames.last() {
            Some(Frame::Repeat(outer)) => outer.total,
            _ => 1,
        };
        let repeat = Repeat::new(names, values, rest, span, chained_to);
        if repeat.total > MAX_STEPS {
            let message =
                format!("this sequence has {} steps; at most {MAX_STEPS} are possible", repeat.total);
            let d = Diagnostic::new(Code::EXPANSION_SIZE, message)
                .at(span)
                .help("choose a nearer end or a larger step");
            self.diagnostics.push(d);
            while let Some(Frame::Repeat(_)) = self.frames.last() {
                self.frames.pop();
            }
            return;
        }
        self.frames.push(Frame::Repeat(repeat));
    }

    /// `$NAME=value`: remembers it. `false` if the text is something else.
    pub(super) fn define(&mut self, text: &Text) -> bool {
        let Some((name, _)) = text.as_str().strip_prefix('$').and_then(|rest| rest.split_once('=')) else {
            return false;
        };
        if !is_name(name) {
            return false;
        }
        let full: Arc<str> = format!("${name}").into();
        let mut value = text.slice(name.len() + 2..text.len()).trim();
        let multi = value.as_str().ends_with('\\');
        let mut lines = Vec::new();
        while value.as_str().ends_with('\\') {
            let line = value.slice(0..value.len() - 1).trim();
            if !line.is_empty() {
                lines.push(line);
            }
            match self.next_text() {
                Some(next) => value = next,
                None => value = Text::default(),
            }
        }
        if !multi || !value.is_empty() {
            lines.push(value);
        }
        self.definitions.insert(Arc::clone(&full), Rc::new(Definition { name: full, lines, multi }));
        true
    }

    /// Replaces what can be replaced; `None` if there is nothing.
    pub(super) fn replace(&mut self, text: &Text) -> Option<Text> {
        if !text.as_str().contains('$') {
            return None;
        }
        let mut out = Text::default();
        let mut rest = None;
        if !self.replace_into(text, &mut out, &mut rest) {
            return None;
        }
        if out.len() > MAX_EXPANDED {
            let message = format!("this line expands to more than {MAX_EXPANDED} bytes and is ignored");
            let d = Diagnostic::new(Code::EXPANSION_SIZE, message).at(text.whole(&self.map));
            self.diagnostics.push(d.help("use shorter definitions"));
            return Some(Text::default());
        }
        if let Some(frame) = rest {
            self.frames.push(frame);
        }
        Some(out)
    }

    /// Copies `text` to `out` and replaces on the way. `rest` takes the further lines of a
    /// definition that has several.
    fn replace_into(&mut self, text: &Text, out: &mut Text, rest: &mut Option<Frame>) -> bool {
        let s = text.as_str();
        let (mut copied, mut at, mut changed) = (0, 0, false);
        while let Some(found) = s.get(at..).and_then(|tail| tail.find('$')) {
            let start = at + found;
            at = start + 1;
            if out.len() > MAX_EXPANDED {
                return true;
            }
            let Some((name, end)) = reference(s, start) else { continue };
            let span = text.span(start..end, &self.map);
            if name.starts_with('_')
                && s.get(start + 1..start + 2) == Some("{")
                && let Some(value) = self.predefined(name, span)
            {
                out.push_part(text, copied..start);
                let expansion = self.map.expand(&format!("${{{name}}}").into(), span);
                out.push(&value, Span { expansion, ..span });
                (copied, at, changed) = (end, end, true);
                continue;
            }
            let Some(definition) = self.definitions.get(format!("${name}").as_str()).cloned() else {
                continue;
            };
            if definition.multi && end < text.len() {
                continue;
            }
            if !self.may_expand(&definition, span) {
                continue;
            }
            out.push_part(text, copied..start);
            (copied, at, changed) = (end, end, true);
            let expansion = self.map.expand(&definition.name, span);
            if self.map.uses() > MAX_USES {
                let message = format!("definitions are used at more than {MAX_USES} places");
                let help = "shorten the definitions that use others";
                self.give_up(Diagnostic::new(Code::EXPANSION_SIZE, message).at(span).help(help));
                return false;
            }
            if let Some(first) = definition.lines.first() {
                let mut value = Text::default();
                value.push_expanded(first, expansion);
                if definition.multi {
                    // The line is processed again as a whole: it may start a sequence.
                    out.push_part(&value, 0..value.len());
                } else {
                    self.replace_into(&value, out, rest);
                }
            }
            if definition.lines.len() > 1 {
                *rest = Some(Frame::Lines { definition, next: 1, expansion });
            }
        }
        out.push_part(text, copied..text.len());
        changed
    }

    /// Whether a use of `definition` at `span` comes to an end.
    fn may_expand(&mut self, definition: &Definition, span: Span) -> bool {
        let recursive = self.map.inside(span.expansion, &definition.name);
        if !recursive && self.map.depth(span.expansion) < MAX_EXPANSIONS {
            return true;
        }
        let (code, message) = if recursive {
            (Code::RECURSION, format!("the value of `{}` needs itself", definition.name))
        } else {
            (Code::EXPANSION_DEPTH, format!("definitions use each other more than {MAX_EXPANSIONS} deep"))
        };
        let help = "give the inner definition another name";
        self.diagnostics.push(Diagnostic::new(code, message).at(span).label("left as it is").help(help));
        false
    }

    /// The value of `${_..}`; `None` if there is no such name.
    fn predefined(&mut self, name: &str, span: Span) -> Option<String> {
        let mut words = name.split(is_blank).filter(|word| !word.is_empty());
        Some(match words.next()? {
            "_PWD" => parent_of(&self.current_path()).to_owned(),
            "_INSTANCE" => self.config_id.clone(),
            "_ENV" => words.next().and_then(|name| self.source.env(name)).unwrap_or_default(),
            "_HASH" => "#".to_owned(),
            "_BANG" => "!".to_owned(),
            "_RANDOM" => {
                let mut number = |default: i64| match words.next() {
                    None => Some(default),
                    Some(word) => repeat::number(word).filter(|&n| n >= 0),
                };
                let (min, max) = (number(0), number(32_767));
                let (Some(min), Some(max)) = (min, max) else {
                    let d = Diagnostic::new(Code::PREDEFINED, "the limits of `${_RANDOM}` are not numbers")
                        .at(span);
                    self.diagnostics.push(d.help("write `${_RANDOM MIN MAX}` with numbers from 0"));
                    return Some("0".to_owned());
                };
                if min > max {
                    let d = Diagnostic::new(Code::POINTLESS, format!("{min} is above {max}; {min} is used"))
                        .at(span);
                    self.diagnostics.push(d.help("write the smaller limit first"));
                    return Some(min.to_string());
                }
                let width = max.abs_diff(min).saturating_add(1);
                (i128::from(min) + i128::from(self.rng.below(width))).to_string()
            }
            _ => return None,
        })
    }
}

/// The names that are used in a line, and where.
pub(crate) fn references(s: &str) -> impl Iterator<Item = (&str, Range<usize>)> {
    let uses = s
        .match_indices('$')
        .filter_map(|(start, _)| reference(s, start).map(|(name, end)| (name, start..end)));
    uses.filter(|(name, _)| !name.is_empty())
}

/// The use of a name at the `$` at `start`: the name and the byte after the use.
fn reference(s: &str, start: usize) -> Option<(&str, usize)> {
    let rest = s.get(start + 1..)?;
    if let Some(inside) = rest.strip_prefix('{') {
        let len = inside.find('}')?;
        let name = inside.get(..len)?;
        let known = is_name(name) || name.starts_with('_');
        return known.then_some((name, start + len + 3));
    }
    let len = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let ends = rest.get(len..)?.chars().next().is_none_or(|c| matches!(c, ' ' | '\t' | ',' | ')'));
    let name = rest.get(..len)?;
    (ends && is_name(name)).then_some((name, start + 1 + len))
}
