//! The conversation: a message in, messages out. No input or output here.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::documents::{Document, Documents};
use super::transport::MAX_MESSAGE;
use super::{publish, words};

/// JSON-RPC's and the protocol's numbers of errors.
mod error {
    pub(super) const PARSE: i32 = -32_700;
    pub(super) const INVALID_REQUEST: i32 = -32_600;
    pub(super) const METHOD_NOT_FOUND: i32 = -32_601;
    pub(super) const INVALID_PARAMS: i32 = -32_602;
    pub(super) const NOT_INITIALIZED: i32 = -32_002;
}

/// How far the conversation is.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Start,
    Running,
    Shutdown,
    /// It is over, in good order or not.
    Ended(bool),
}

/// One conversation.
#[derive(Default)]
pub(super) struct Session {
    phase: Phase,
    open: Documents,
    /// The URIs about which the editor was told problems.
    told: BTreeSet<String>,
    /// Something has changed since the last check.
    changed: bool,
}

/// Why a request can't be answered.
struct Refusal(i32, &'static str);

const BAD_PARAMS: Refusal = Refusal(error::INVALID_PARAMS, "the parameters are not those of this method");

/// A request that is answered with a value.
type Request = fn(&mut Session, &Value) -> Result<Value, Refusal>;
/// Something that is told and not answered; what is wrong with it is passed over.
type Notification = fn(&mut Session, &Value) -> Option<()>;

const REQUESTS: &[(&str, Request)] = &[
    ("initialize", Session::initialize),
    ("shutdown", Session::shutdown),
    ("textDocument/hover", |session, params| session.at_place(params, words::hover)),
    ("textDocument/completion", |session, params| session.at_place(params, words::completion)),
    ("textDocument/codeAction", |_, params| publish::actions(params).ok_or(BAD_PARAMS)),
];

const NOTIFICATIONS: &[(&str, Notification)] = &[
    ("textDocument/didOpen", Session::did_open),
    ("textDocument/didChange", Session::did_change),
    ("textDocument/didSave", |session, _| {
        session.changed = true;
        Some(())
    }),
    ("textDocument/didClose", Session::did_close),
];

/// The answer to a message that was not read.
pub(super) fn too_large(len: u64) -> Value {
    let text = format!("a message of {len} bytes is too large; the most are {MAX_MESSAGE}");
    failure(&Value::Null, error::INVALID_REQUEST, &text)
}

fn failure(id: &Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

impl Session {
    /// Whether it is over.
    pub(super) fn ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Whether `shutdown` came before `exit`.
    pub(super) fn ended_well(&self) -> bool {
        self.phase == Phase::Ended(true)
    }

    /// The answers to a message.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Vec<Value> {
        let Ok(message) = serde_json::from_slice::<Value>(bytes) else {
            return vec![failure(&Value::Null, error::PARSE, "the message is no JSON")];
        };
        let id = message.get("id").filter(|id| id.is_string() || id.is_number());
        let Some(method) = message.get("method").and_then(Value::as_str) else {
            // An answer to a question, of which none was asked, needs none.
            let answer = message.get("result").is_some() || message.get("error").is_some();
            let wrong =
                failure(id.unwrap_or(&Value::Null), error::INVALID_REQUEST, "the message has no method");
            return if answer { Vec::new() } else { vec![wrong] };
        };
        let params = message.get("params").unwrap_or(&Value::Null);
        match id {
            Some(id) => {
                let mut out = Vec::new();
                if self.changed {
                    // What is asked now is asked about the text as it is now.
                    out = self.check();
                }
                out.push(match self.answer(method, params) {
                    Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
                    Err(Refusal(code, text)) => failure(id, code, text),
                });
                out
            }
            None => {
                self.notice(method, params);
                Vec::new()
            }
        }
    }

    fn answer(&mut self, method: &str, params: &Value) -> Result<Value, Refusal> {
        match self.phase {
            Phase::Start if method != "initialize" => {
                return Err(Refusal(error::NOT_INITIALIZED, "`initialize` must come first"));
            }
            Phase::Running if method == "initialize" => {
                return Err(Refusal(error::INVALID_REQUEST, "`initialize` came before"));
            }
            Phase::Shutdown | Phase::Ended(_) => {
                return Err(Refusal(error::INVALID_REQUEST, "only `exit` comes after `shutdown`"));
            }
            _ => {}
        }
        let known = REQUESTS.iter().find(|(name, _)| *name == method);
        let (_, request) = known.ok_or(Refusal(error::METHOD_NOT_FOUND, "this server has no such method"))?;
        request(self, params)
    }

    fn notice(&mut self, method: &str, params: &Value) {
        if method == "exit" {
            self.phase = Phase::Ended(self.phase == Phase::Shutdown);
            return;
        }
        if self.phase != Phase::Running {
            return;
        }
        if let Some((_, notification)) = NOTIFICATIONS.iter().find(|(name, _)| *name == method) {
            // Nobody waits for an answer; parameters that make no sense change nothing.
            let _ = notification(self, params);
        }
    }

    fn initialize(&mut self, _: &Value) -> Result<Value, Refusal> {
        self.phase = Phase::Running;
        Ok(json!({
            "capabilities": {
                "positionEncoding": "utf-16",
                // 1: the whole text with each change.
                "textDocumentSync": {"openClose": true, "change": 1, "save": {"includeText": false}},
                "hoverProvider": true,
                "completionProvider": {},
                "codeActionProvider": {"codeActionKinds": ["quickfix"]},
            },
            "serverInfo": {"name": "vipd", "version": env!("CARGO_PKG_VERSION")},
        }))
    }

    fn shutdown(&mut self, _: &Value) -> Result<Value, Refusal> {
        self.phase = Phase::Shutdown;
        Ok(Value::Null)
    }

    /// Asks about a place in a document. About one that is not open nothing is known.
    fn at_place(&self, params: &Value, ask: fn(&Document, &Value) -> Value) -> Result<Value, Refusal> {
        let uri = params["textDocument"]["uri"].as_str().ok_or(BAD_PARAMS)?;
        let position = params.get("position").ok_or(BAD_PARAMS)?;
        Ok(self.open.get(uri).map_or(Value::Null, |document| ask(document, position)))
    }

    fn did_open(&mut self, params: &Value) -> Option<()> {
        let document = params.get("textDocument")?;
        let text = document.get("text")?.as_str()?;
        self.set(document, text)
    }

    fn did_change(&mut self, params: &Value) -> Option<()> {
        let document = params.get("textDocument")?;
        let last = params.get("contentChanges")?.as_array()?.last()?;
        // A part of the text was not asked for.
        let whole = last.get("range").is_none();
        let text = last.get("text")?.as_str().filter(|_| whole)?;
        self.set(document, text)
    }

    fn set(&mut self, document: &Value, text: &str) -> Option<()> {
        let uri = document.get("uri")?.as_str()?.to_owned();
        let version = document.get("version").and_then(Value::as_i64);
        self.changed |= self.open.set(Document { uri, text: text.to_owned(), version });
        Some(())
    }

    fn did_close(&mut self, params: &Value) -> Option<()> {
        self.open.close(params.get("textDocument")?.get("uri")?.as_str()?);
        self.changed = true;
        Some(())
    }

    /// Tells the problems of all open files, if something has changed.
    pub(super) fn check(&mut self) -> Vec<Value> {
        if !std::mem::take(&mut self.changed) {
            return Vec::new();
        }
        let mut all = publish::all(&self.open);
        let now = all.keys().cloned().collect();
        for gone in std::mem::replace(&mut self.told, now) {
            all.entry(gone.clone()).or_insert_with(|| json!({"uri": gone, "diagnostics": []}));
        }
        let notification =
            |params| json!({"jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": params});
        all.into_values().map(notification).collect()
    }
}
