//! Reads files, and what they include, line by line.

pub(crate) mod expand;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use base::Rng;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::lang::comment::{self, Line};
use crate::lang::include::{self, Strictness};
use crate::lang::plain;
use crate::lang::repeat::{self, Repeat};
use crate::lang::text::{Text, is_blank};
use crate::lang::words::{self, Brace};
use crate::secret::masked;
use crate::source::{MAX_FILE, ReadError, Source, parent_of};
use crate::span::{Contents, ExpansionId, FileId, SourceMap, Span, to_u32};

/// How deeply files may include each other.
const MAX_INCLUDES: usize = 32;
/// How deeply definitions may use each other.
const MAX_EXPANSIONS: u32 = 64;
/// The most bytes of a line after its definitions have been replaced.
const MAX_EXPANDED: usize = 64 << 10;
/// The most lines that a load may come to.
const MAX_LINES: u64 = 2 << 20;
/// The most bytes that a load may come to.
const MAX_BYTES: u64 = 128 << 20;
/// The most bytes that the files of a load may have together.
const MAX_TEXT: usize = 2 * MAX_FILE;
/// How often files may be read, each reading of the same file counted.
const MAX_READINGS: usize = 1 << 16;
/// The most places at which definitions may be used.
const MAX_USES: usize = 400_000;

/// A piece of the configuration: words, or a brace.
#[derive(Debug)]
pub(crate) enum Item {
    /// Text without braces and definitions.
    Words(Text),
    /// The same, as it stands in a file, without quotes and backslashes.
    Plain(Span),
    /// `{`
    Open(Span),
    /// `}`
    Close(Span),
}

#[derive(Debug)]
struct Definition {
    name: Arc<str>,
    lines: Vec<Text>,
    multi: bool,
}

/// What is known of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    Nowhere,
    OneLine,
    SeveralLines,
}

/// Where the next text comes from; the topmost frame is asked.
#[derive(Debug)]
enum Frame {
    File {
        id: FileId,
        path: Arc<str>,
        contents: Arc<Contents>,
        at: usize,
        started: bool,
        depth: usize,
        before: Strictness,
    },
    /// The further lines of a definition.
    Lines {
        definition: Rc<Definition>,
        next: usize,
        expansion: ExpansionId,
    },
    Repeat(Repeat),
    /// The rest of a line with braces.
    Rest {
        text: Rc<Text>,
        at: usize,
        script: bool,
    },
}

/// Text to items.
pub(crate) struct Reader<'s> {
    source: &'s dyn Source,
    pub(crate) map: SourceMap,
    pub(crate) diagnostics: Diagnostics,
    /// Whether a keyword's line has words of the script class.
    is_script: fn(&str) -> bool,
    frames: Vec<Frame>,
    /// The `{` at the end of the plain line that was given last.
    open: Option<Span>,
    definitions: BTreeMap<Arc<str>, Rc<Definition>>,
    files: BTreeMap<Arc<str>, Arc<Contents>>,
    config_id: String,
    rng: Rng,
    strict: Strictness,
    lines: u64,
    bytes: u64,
    /// The bytes of all files.
    text: usize,
    /// Too much of something: nothing more is read.
    given_up: bool,
}

impl<'s> Reader<'s> {
    pub(crate) fn new(source: &'s dyn Source, strict_includes: bool, is_script: fn(&str) -> bool) -> Self {
        Self {
            source,
            map: SourceMap::default(),
            diagnostics: Diagnostics::default(),
            is_script,
            frames: Vec::new(),
            open: None,
            definitions: BTreeMap::new(),
            files: BTreeMap::new(),
            config_id: source.config_id(),
            rng: Rng::new(source.seed()),
            strict: if strict_includes { Strictness::ALL } else { Strictness::NONE },
            lines: 0,
            bytes: 0,
            text: 0,
            given_up: false,
        }
    }

    /// Starts with the file or files that `pattern` stands for.
    pub(crate) fn open(&mut self, pattern: &str) {
        let found = include::find(self.source, pattern, "", Strictness::NONE);
        if found.files.is_empty() {
            let d = Diagnostic::new(Code::NO_FILE, format!("there is no configuration file `{pattern}`"))
                .help("create it, or name another one")
                .log(format!("Config files missing '{pattern}'."));
            self.diagnostics.push(d);
        }
        if found.files.len() > 1 {
            let message = format!("{} files match `{pattern}`; all are read, in order", found.files.len());
            self.diagnostics.push(Diagnostic::new(Code::SEVERAL_FILES, message));
        }
        for file in found.files.iter().rev() {
            self.push_file(&file.path, None, 0, false);
        }
    }

    /// What is known of `$name`.
    pub(crate) fn kind_of(&self, name: &str) -> Known {
        match self.definitions.get(format!("${name}").as_str()) {
            None => Known::Nowhere,
            Some(definition) if definition.multi => Known::SeveralLines,
            Some(_) => Known::OneLine,
        }
    }

    /// Sets the seed of `${_RANDOM}`.
    pub(crate) fn set_seed(&mut self, seed: u64) {
        self.rng = Rng::new(seed);
    }

    /// Applies `include_check` to the rest of this file.
    pub(crate) fn check_includes<'w>(&mut self, words: &[&'w str]) -> Result<(), &'w str> {
        self.strict = self.strict.check(words)?;
        Ok(())
    }

    /// The next item; `None` at the end of everything.
    pub(crate) fn next_item(&mut self) -> Option<Item> {
        loop {
            if self.given_up {
                return None;
            }
            if let Some(item) = self.open.take().map(Item::Open).or_else(|| self.plain_line()) {
                return Some(item);
            }
            if let Some(Frame::Rest { text, at, script }) = self.frames.last_mut() {
                let (text, from, script) = (Rc::clone(text), *at, *script);
                let brace = words::find_brace(text.as_str(), from, script);
                if let Some((i, brace)) = brace.filter(|&(i, _)| i == from) {
                    *at = from + 1;
                    let span = text.span(i..i + 1, &self.map);
                    return Some(match brace {
                        Brace::Open => Item::Open(span),
                        Brace::Close => Item::Close(span),
                    });
                }
                let end = brace.map_or(text.len(), |(i, _)| i);
                *at = end;
                if brace.is_none() {
                    self.frames.pop();
                }
                let part = text.slice(from..end).trim();
                if !part.is_empty()
                    && let Some(line) = self.process(part)
                {
                    return Some(Item::Words(line));
                }
                continue;
            }
            let raw = self.next_text()?;
            self.lines += 1;
            self.bytes = self.bytes.saturating_add(u64::from(to_u32(raw.len())));
            if self.lines > MAX_LINES || self.bytes > MAX_BYTES {
                let message =
                    format!("the configuration expands to more than {MAX_LINES} lines or {MAX_BYTES} bytes");
                let help = "shorten the sequences and definitions that lead here";
                self.give_up(
                    Diagnostic::new(Code::EXPANSION_SIZE, message).at(raw.whole(&self.map)).help(help),
                );
                return None;
            }
            let Some(line) = self.process(raw) else { continue };
            let script = (self.is_script)(words::first_word(line.as_str()));
            if words::find_brace(line.as_str(), 0, script).is_none() {
                return Some(Item::Words(line));
            }
            self.frames.push(Frame::Rest { text: Rc::new(line), at: 0, script });
        }
    }

    /// Tells why no more is read. A bound that is reached is no reason to read the rest.
    pub(crate) fn give_up(&mut self, why: Diagnostic) {
        if !self.given_up {
            self.given_up = true;
            self.diagnostics.push_last(why);
        }
        self.frames.clear();
    }

    /// The next line of the file on top, if nothing of the language beyond words and a brace is in it.
    /// Nearly all lines are of that kind, and this way needs no copy of them.
    fn plain_line(&mut self) -> Option<Item> {
        let Some(Frame::File { id, contents, at, started: true, .. }) = self.frames.last_mut() else {
            return None;
        };
        if contents.replaced {
            return None;
        }
        loop {
            if self.lines >= MAX_LINES || self.bytes > MAX_BYTES {
                return None;
            }
            let line = plain::line(contents.text.as_bytes(), *at)?;
            *at = line.next;
            if line.text.is_empty() && line.brace.is_none() {
                continue;
            }
            self.lines += 1;
            self.bytes = self.bytes.saturating_add(u64::from(line.text.end - line.text.start));
            let place = |start, end| Span { file: *id, start, end, expansion: ExpansionId::NONE };
            let brace = line.brace.map(|(at, brace)| (place(at, at + 1), brace));
            if !line.text.is_empty() {
                self.open = brace.map(|(span, _)| span);
                return Some(Item::Plain(place(line.text.start, line.text.end)));
            }
            match brace {
                Some((span, Brace::Open)) => return Some(Item::Open(span)),
                Some((span, Brace::Close)) => return Some(Item::Close(span)),
                None => {}
            }
        }
    }

    /// The text of a plain line as the other lines have theirs.
    pub(crate) fn text_of(&self, plain: Span) -> Text {
        Text::new(self.map.snippet(plain), plain)
    }

    /// The next text as written, trimmed and not empty.
    fn next_text(&mut self) -> Option<Text> {
        loop {
            match self.frames.last_mut()? {
                Frame::File { .. } => {
                    if let Some(text) = self.file_line() {
                        return Some(text);
                    }
                }
                Frame::Lines { definition, next, expansion } => {
                    let (definition, expansion, index) = (Rc::clone(definition), *expansion, *next);
                    *next += 1;
                    if index + 1 >= definition.lines.len() {
                        self.frames.pop();
                    }
                    if let Some(line) = definition.lines.get(index) {
                        let mut text = Text::default();
                        text.push_expanded(line, expansion);
                        return Some(text);
                    }
                }
                Frame::Repeat(repeat) => {
                    let Some(values) = repeat.step() else {
                        self.frames.pop();
                        continue;
                    };
                    let (text, span) = (repeat.text.clone(), repeat.span);
                    for (name, value) in values {
                        let lines = vec![Text::new(&value, span)];
                        self.definitions
                            .insert(Arc::clone(&name), Rc::new(Definition { name, lines, multi: false }));
                    }
                    if !text.is_empty() {
                        return Some(text);
                    }
                    // A step that only defines its names counts, too.
                    self.lines += 1;
                    if self.lines > MAX_LINES {
                        return Some(Text::new("", span));
                    }
                }
                Frame::Rest { text, at, .. } => {
                    let text = text.slice(*at..text.len()).trim();
                    self.frames.pop();
                    if !text.is_empty() {
                        return Some(text);
                    }
                }
            }
        }
    }

    /// The next line of the file on top, which is left at its end; `None` for a line that gives
    /// nothing.
    fn file_line(&mut self) -> Option<Text> {
        let Some(Frame::File { id, contents, at, started, before, .. }) = self.frames.last_mut() else {
            return None;
        };
        if !*started {
            *started = true;
            *before = self.strict;
        }
        let (id, contents, start) = (*id, Arc::clone(contents), *at);
        let Some(rest) = contents.text.get(start..).filter(|rest| !rest.is_empty()) else {
            self.strict = *before;
            self.frames.pop();
            return None;
        };
        let raw = rest.split_inclusive('\n').next().unwrap_or("");
        *at = start + raw.len();
        let place = |from: usize, len: usize| Span {
            file: id,
            start: to_u32(start + from),
            end: to_u32(start + from + len),
            expansion: ExpansionId::NONE,
        };
        match comment::read_line(raw, id, start, contents.replaced) {
            Line::TooLong => {
                let message = format!("this line has more than {} bytes and is ignored", comment::MAX_LINE);
                let start = raw.len() - raw.trim_start_matches(is_blank).len();
                let d = Diagnostic::new(Code::LONG_LINE, message)
                    .at(place(
                        start,
                        raw.chars().skip_while(|&c| is_blank(c)).take(20).map(char::len_utf8).sum(),
                    ))
                    .label(format!(
                        "a line of {} bytes starts here",
                        raw.trim_end_matches(['\r', '\n']).len()
                    ))
                    .help("split it into several lines")
                    .log("Line too long - ignored");
                self.diagnostics.push(d);
                None
            }
            Line::Nul(at) => {
                let d = Diagnostic::new(Code::NUL, "this line holds a byte 0 and is ignored")
                    .at(place(at, 1))
                    .label("a byte 0")
                    .help("remove the byte; the file may have been damaged, or saved as UTF-16");
                self.diagnostics.push(d);
                None
            }
            Line::Text { text, open_quote } => {
                if let Some(at) = open_quote {
                    let d = Diagnostic::new(Code::QUOTE, "this quotation has no end on its line")
                        .at(place(at - start, 1))
                        .label("it starts here")
                        .help("add the closing `\"`")
                        .log(format!("Unterminated quote '{}'", masked(text.as_str())));
                    self.diagnostics.push(d);
                }
                if contents.replaced
                    && let Some(at) = text.as_str().find(char::REPLACEMENT_CHARACTER)
                {
                    let span = text.span(at..at + char::REPLACEMENT_CHARACTER.len_utf8(), &self.map);
                    let d =
                        Diagnostic::new(Code::UTF8, "these bytes are not UTF-8; they are read as `\u{fffd}`")
                            .at(span)
                            .label("not UTF-8")
                            .help("save the file as UTF-8");
                    self.diagnostics.push(d);
                }
                Some(text).filter(|text| !text.is_empty())
            }
        }
    }

    /// Applies everything that the language does to a line. `None` if nothing of it is left.
    fn process(&mut self, mut text: Text) -> Option<Text> {
        // Each round but the last replaces something. What comes out of a definition lies one
        // expansion deeper, so that the number of rounds is bounded; the bound here is for luck.
        for _ in 0..=MAX_EXPANSIONS {
            text = self.condition(text)?;
            if let Some(head) = repeat::head(text.as_str()) {
                self.repeat(&text, head);
                return None;
            }
            if self.define(&text) {
                return None;
            }
            match self.replace(&text) {
                Some(replaced) => text = replaced.trim(),
                None => break,
            }
            if text.is_empty() {
                return None;
            }
        }
        if self.include(&text) { None } else { Some(text) }
    }

    /// The path of the file that is being read.
    fn current_path(&self) -> Arc<str> {
        let path = |frame: &Frame| match frame {
            Frame::File { path, started: true, .. } => Some(Arc::clone(path)),
            _ => None,
        };
        self.frames.iter().rev().find_map(path).unwrap_or_else(|| "".into())
    }

    /// An include: opens its files. `false` if the text is something else.
    fn include(&mut self, text: &Text) -> bool {
        let word = words::first_word(text.as_str());
        let Some(strict) = include::strictness(word) else { return false };
        let (words, _) = words::plain(text.as_str());
        let Some(pattern) = words.get(1) else {
            let d = Diagnostic::new(Code::UNKNOWN_KEYWORD, format!("`{word}` needs the name of a file"))
                .at(text.whole(&self.map))
                .label("a name must follow")
                .help(format!("write `{word} /etc/keepalived/conf.d/*.conf`"))
                .log(format!("Unknown keyword '{word}'"));
            self.diagnostics.push(d);
            return true;
        };
        let span = text.span(pattern.start..pattern.end, &self.map);
        let depth = self
            .frames
            .iter()
            .filter_map(
                |f| if let Frame::File { depth, started: true, .. } = f { Some(*depth) } else { None },
            )
            .max()
            .unwrap_or(0)
            + 1;
        if depth > MAX_INCLUDES {
            let d = Diagnostic::new(
                Code::INCLUDE_DEPTH,
                format!("files include each other more than {MAX_INCLUDES} deep"),
            )
            .at(span)
            .label("this file is not read")
            .help("include it from a file nearer to the top");
            self.diagnostics.push(d);
            return true;
        }
        let strict = strict.or(self.strict);
        let base = parent_of(&self.current_path()).to_owned();
        let found = include::find(self.source, &pattern.text, &base, strict);
        if let Some(missing) = found.missing {
            let d = Diagnostic::new(Code::INCLUDE, format!("the include needs {missing}"))
                .at(span)
                .label("nothing found")
                .help("create the file, or use plain `include` if it may be missing")
                .log(format!("Config files missing '{}'.", pattern.text));
            self.diagnostics.push(d);
        }
        for file in found.files.iter().filter(|file| file.plain).rev() {
            self.push_file(&file.path, Some(span), depth, strict.read);
        }
        true
    }

    /// Puts a file on top, to be read next.
    fn push_file(&mut self, path: &str, from: Option<Span>, depth: usize, must_read: bool) {
        if let Some(from) = from
            && self.includes_itself(path, from)
        {
            let d = Diagnostic::new(Code::INCLUDE_LOOP, format!("`{path}` includes itself"))
                .at(from)
                .label("it is not read again")
                .help("remove this line, or include another file");
            self.diagnostics.push(d);
            return;
        }
        let path: Arc<str> = path.into();
        let contents = match self.files.get(&path) {
            Some(known) => Ok(Arc::clone(known)),
            None => self.source.read(&path).and_then(|bytes| {
                self.text = self.text.saturating_add(bytes.len());
                match bytes.len() {
                    0..=MAX_FILE if self.text <= MAX_TEXT => Ok(Arc::new(Contents::new(&bytes))),
                    0..=MAX_FILE => Ok(Arc::default()),
                    _ => Err(ReadError::TooLarge),
                }
            }),
        };
        let too_much = match &contents {
            Err(ReadError::TooLarge) => Some(format!("`{path}` is larger than {} MiB", MAX_FILE >> 20)),
            _ if self.text > MAX_TEXT => {
                Some(format!("with `{path}` the files have more than {} MiB", MAX_TEXT >> 20))
            }
            _ if self.map.paths().len() >= MAX_READINGS => {
                Some(format!("with `{path}` more than {MAX_READINGS} files are read"))
            }
            _ => None,
        };
        if let Some(message) = too_much {
            let mut d = Diagnostic::new(Code::TOO_LARGE, message).help(
                "write what repeats itself with `~SEQ` and definitions, or check that this is the right file",
            );
            d.span = from;
            self.give_up(d);
            return;
        }
        let contents = match contents {
            Ok(contents) => contents,
            Err(why) => {
                let code = match from {
                    None => Code::NO_FILE,
                    Some(_) if must_read => Code::INCLUDE,
                    Some(_) => Code::UNREADABLE,
                };
                let mut d = Diagnostic::new(code, format!("`{path}` cannot be read: {why}"))
                    .help("check the path and its permissions")
                    .log(format!("Unable to open config file '{path}'"));
                d.span = from;
                self.diagnostics.push(d);
                return;
            }
        };
        self.files.insert(Arc::clone(&path), Arc::clone(&contents));
        let id = self.map.add_file(&path, &contents, from);
        self.frames.push(Frame::File {
            id,
            path,
            contents,
            at: 0,
            started: false,
            depth,
            before: self.strict,
        });
    }

    /// Whether the include at `from` stands, directly or not, in the file that it would read.
    fn includes_itself(&self, path: &str, from: Span) -> bool {
        let mut at = Some(from);
        while let Some(span) = at {
            let file = self.map.root(span).file;
            if self.map.path(file) == path {
                return true;
            }
            at = self.map.included_from(file);
        }
        false
    }
}

/// keepalived's line for a keyword that lacks a value.
pub(crate) fn missing_parameter(line_start: &str, keyword: &str, position: usize) -> String {
    format!(
        "*** Configuration line starting `{line_start}` is missing a parameter after keyword `{keyword}` at word position {position}"
    )
}
