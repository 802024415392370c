//! Whole conversations: bytes in, bytes out.

use serde_json::{Value, json};

use super::{serve, transport};

/// The bytes of messages.
fn bytes(messages: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        transport::write(&mut out, message).unwrap();
    }
    out
}

/// What the server says to these bytes, and whether it ended well.
fn talk(input: &[u8]) -> (Vec<Value>, Result<bool, String>) {
    let mut output = Vec::new();
    let ended = serve(input, &mut output).map_err(|e| e.to_string());
    let mut rest = output.as_slice();
    let mut said = Vec::new();
    while let transport::Input::Message(message) = transport::read(&mut rest).unwrap() {
        said.push(serde_json::from_slice(&message).unwrap());
    }
    (said, ended)
}

fn request(id: u32, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn open(uri: &str, text: &str) -> Value {
    notification(
        "textDocument/didOpen",
        json!({"textDocument": {"uri": uri, "languageId": "keepalived", "version": 1, "text": text}}),
    )
}

fn change(uri: &str, version: u32, text: &str) -> Value {
    notification(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}]}),
    )
}

/// A request that only makes the server tell what it has found.
fn pause(id: u32) -> Value {
    request(id, "textDocument/hover", json!({"textDocument": {"uri": "file:///none"}, "position": {}}))
}

/// A whole conversation around `middle`.
fn session(middle: &[Value]) -> Vec<Value> {
    let mut all =
        vec![request(1, "initialize", json!({"capabilities": {}})), notification("initialized", json!({}))];
    all.extend_from_slice(middle);
    all.extend([request(99, "shutdown", Value::Null), notification("exit", Value::Null)]);
    let (said, ended) = talk(&bytes(&all));
    assert_eq!(ended, Ok(true));
    assert_eq!(said.first().unwrap()["result"]["capabilities"]["textDocumentSync"]["change"], 1);
    assert_eq!(*said.last().unwrap(), json!({"jsonrpc": "2.0", "id": 99, "result": null}));
    said
}

/// The problems of `uri` as they were told, one list for each time: codes with their lines.
fn told(said: &[Value], uri: &str) -> Vec<Vec<(String, u64)>> {
    let lists =
        said.iter().filter(|m| m["method"] == "textDocument/publishDiagnostics" && m["params"]["uri"] == uri);
    let problem =
        |d: &Value| (d["code"].as_str().unwrap().to_owned(), d["range"]["start"]["line"].as_u64().unwrap());
    lists.map(|m| m["params"]["diagnostics"].as_array().unwrap().iter().map(problem).collect()).collect()
}

#[test]
fn problems_are_told_as_they_come_and_go() {
    let uri = "file:///nowhere/k.conf";
    let close = notification("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    let said = session(&[
        open(uri, "global_defs {\n  router_idd x\n}\n"),
        pause(2),
        change(uri, 2, "global_defs {\n  router_id x\n}\n"),
        pause(3),
        change(uri, 3, "bogus\n"),
        close,
        pause(4),
    ]);
    assert_eq!(told(&said, uri), [vec![("unknown-keyword".to_owned(), 1)], vec![], vec![]]);
    let first = said.iter().find(|m| m["method"] == "textDocument/publishDiagnostics").unwrap();
    let problem = &first["params"]["diagnostics"][0];
    assert_eq!(first["params"]["version"], 1);
    assert_eq!(
        problem["range"],
        json!({"start": {"line": 1, "character": 2}, "end": {"line": 1, "character": 12}})
    );
    assert_eq!((&problem["severity"], &problem["source"]), (&json!(2), &json!("vipd")));
    assert!(problem["message"].as_str().unwrap().contains("help: did you mean `router_id`?"), "{problem}");
}

#[test]
fn a_misspelt_word_can_be_replaced_at_a_keystroke() {
    let uri = "file:///nowhere/k.conf";
    let text = "global_defs {\n  router_idd x\n}\n";
    let said = session(&[open(uri, text), pause(2)]);
    let told = said.iter().find(|m| m["method"] == "textDocument/publishDiagnostics").unwrap();
    let params = json!({
        "textDocument": {"uri": uri},
        "range": told["params"]["diagnostics"][0]["range"],
        "context": {"diagnostics": told["params"]["diagnostics"]},
    });
    let said = session(&[open(uri, text), request(7, "textDocument/codeAction", params)]);
    let answer = said.iter().find(|m| m["id"] == 7).unwrap();
    let edit = &answer["result"][0]["edit"]["changes"][uri][0];
    assert_eq!(edit["newText"], "router_id");
    let range = json!({"start": {"line": 1, "character": 2}, "end": {"line": 1, "character": 12}});
    assert_eq!(edit["range"], range);
    // Without a word to put there is nothing to do.
    let none = json!({"textDocument": {"uri": uri}, "context": {"diagnostics": [{"message": "x"}]}});
    let said = session(&[open(uri, text), request(8, "textDocument/codeAction", none)]);
    assert_eq!(said.iter().find(|m| m["id"] == 8).unwrap()["result"], json!([]));
}

#[test]
fn an_open_file_is_taken_in_place_of_the_one_on_disk_and_a_part_is_no_whole() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    std::fs::write(dir.join("top.conf"), "$NAME=left\ninclude part.conf\n").unwrap();
    std::fs::write(dir.join("part.conf"), "bogus\n").unwrap();
    let uri = |name: &str| format!("file://{}", dir.join(name).display());
    let (top, part) = (uri("top.conf"), uri("part.conf"));
    let said = session(&[
        open(&top, "$NAME=left\ninclude part.conf\n"),
        pause(2),
        open(&part, "global_defs {\n  router_id $NAME\n  bogus $NAME\n}\n"),
        pause(3),
    ]);
    let bogus = |line| vec![("unknown-keyword".to_owned(), line)];
    assert_eq!(told(&said, &top), [vec![], vec![]]);
    assert_eq!(
        told(&said, &part),
        [bogus(0), bogus(2)],
        "`$NAME` is known from the file that includes this one"
    );
    let last = said.iter().rfind(|m| m["params"]["uri"] == *part).unwrap();
    let related = &last["params"]["diagnostics"][0]["relatedInformation"];
    let from = json!({"uri": top, "range": {"start": {"line": 1, "character": 8}, "end": {"line": 1, "character": 17}}});
    assert_eq!(related[0], json!({"location": from, "message": "included from here"}));
}

#[test]
fn hover_and_completion_answer_from_the_table_of_keywords() {
    let uri = "untitled:1";
    let place = |line: u32, character: u32| json!({"textDocument": {"uri": uri}, "position": {"line": line, "character": character}});
    let said = session(&[
        open(uri, "vrrp_instance A {\n  priority 1\n  \n}\n"),
        request(2, "textDocument/hover", place(1, 5)),
        request(3, "textDocument/completion", place(2, 2)),
    ]);
    let answer = |id: u32| said.iter().find(|m| m["id"] == id).unwrap()["result"].clone();
    assert!(answer(2)["contents"]["value"].as_str().unwrap().contains("priority NUMBER (1 to 255)"));
    let offered = answer(3);
    let one = offered.as_array().unwrap().iter().find(|i| i["label"] == "virtual_router_id").unwrap();
    assert_eq!(one["detail"], "NUMBER (1 to 255)");
    assert_eq!(offered.as_array().unwrap().len(), config::keywords_of("vrrp_instance").count());
}

#[test]
fn the_order_of_a_conversation_is_kept() {
    let (said, ended) = talk(&bytes(&[
        request(1, "textDocument/hover", json!({})),
        request(2, "initialize", json!({})),
        request(3, "initialize", json!({})),
        request(4, "textDocument/definition", json!({})),
        request(5, "textDocument/hover", json!({})),
        json!({"jsonrpc": "2.0", "id": "a"}),
        json!({"jsonrpc": "2.0", "id": 7, "result": null}),
        json!([1, 2]),
        request(6, "shutdown", Value::Null),
        request(7, "textDocument/hover", json!({})),
    ]));
    let codes: Vec<&Value> = said.iter().map(|m| &m["error"]["code"]).collect();
    let null = Value::Null;
    let expected = [-32_002, 0, -32_600, -32_601, -32_602, -32_600, -32_600, 0, -32_600].map(|c| json!(c));
    let expected: Vec<&Value> = expected.iter().map(|c| if *c == json!(0) { &null } else { c }).collect();
    assert_eq!(codes, expected, "{said:#?}");
    assert_eq!(ended, Ok(false), "there was no `exit`");
    assert_eq!(talk(&bytes(&[notification("exit", Value::Null)])).1, Ok(false));
}

#[test]
fn no_message_makes_it_fall() {
    let uri = "file:///nowhere/k.conf";
    let hostile = [
        json!(null),
        json!({"method": 1}),
        notification("textDocument/didOpen", json!(7)),
        notification("textDocument/didOpen", json!({"textDocument": {"uri": uri}})),
        notification("textDocument/didChange", json!({"textDocument": {"uri": uri}, "contentChanges": []})),
        notification(
            "textDocument/didChange",
            json!({"textDocument": {"uri": uri}, "contentChanges": [{"range": {}, "text": "x"}]}),
        ),
        notification("textDocument/didClose", json!({"textDocument": {"uri": uri}})),
        open(uri, "\u{0}{{{{}}}\u{fffd}\u{1f600}\"\n~SEQ(N, 1, 1000000000) x\n$A=$A\n$A\ninclude /\n"),
        open("file://%zz%00", "x {"),
        open("", "include *\n"),
        request(
            5,
            "textDocument/hover",
            json!({"textDocument": {"uri": uri}, "position": {"line": -1, "character": 1e300}}),
        ),
        request(
            6,
            "textDocument/completion",
            json!({"textDocument": {"uri": uri}, "position": {"line": 1_000_000, "character": 7}}),
        ),
    ];
    let said = session(&hostile);
    assert!(said.iter().any(|m| m["method"] == "textDocument/publishDiagnostics"));
    let mut stream = bytes(&[request(1, "initialize", json!({}))]);
    stream.extend(b"Content-Length: 5\r\n\r\n{\"a\":");
    stream.extend(b"Content-Length: 4\r\n\r\n\xff\xfe\x00\x01");
    stream.extend(format!("Content-Length: 10000\r\n\r\n{}", "[".repeat(10_000)).bytes());
    let (said, ended) = talk(&stream);
    assert_eq!(said.iter().filter(|m| m["error"]["code"] == -32_700).count(), 3);
    assert_eq!(ended, Ok(false));
}

#[test]
fn damaged_conversations_end_and_never_make_it_fall() {
    let uri = "file:///nowhere/k.conf";
    let place = json!({"textDocument": {"uri": uri}, "position": {"line": 2, "character": 3}});
    let whole = bytes(&[
        request(1, "initialize", json!({"capabilities": {}})),
        open(uri, "vrrp_instance A {\n  state MASTER\n  prio\n  track_script { x }\n}\n$A=b\n@x $A\n"),
        request(2, "textDocument/hover", place.clone()),
        request(3, "textDocument/completion", place),
        change(uri, 2, "global_defs {\n"),
        request(4, "shutdown", Value::Null),
        notification("exit", Value::Null),
    ]);
    let mut seed = 7_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let mut answered = 0;
    for _ in 0..300 {
        let mut damaged = whole.clone();
        for _ in 0..=random(3) {
            let at = random(damaged.len());
            damaged[at] = u8::try_from(random(256)).unwrap();
        }
        if random(4) == 0 {
            damaged.truncate(random(damaged.len()));
        }
        answered += usize::from(!talk(&damaged).0.is_empty());
    }
    assert!(answered > 150, "only {answered} were answered at all");
}
