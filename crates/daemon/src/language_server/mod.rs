//! `vipd language-server`: problems, explanations and completion while somebody types, for editors that
//! speak the Language Server Protocol 3.17 (<https://microsoft.github.io/language-server-protocol/>).
//!
//! One thread, standard input and output. [`transport`] has the framing, [`session`] the conversation,
//! [`documents`] what is open, [`publish`] the problems of open files, [`words`] what is told at a place.

mod documents;
mod position;
mod publish;
mod session;
mod transport;
mod words;

use std::io::{BufReader, Read, Write};
use std::process::ExitCode;

use session::Session;
use transport::{Input, TransportError};

/// Runs `vipd language-server` with the words after it.
pub fn main(args: &[String]) -> ExitCode {
    // Editors are used to pass it; there is nothing else.
    if !args.iter().all(|word| word == "--stdio") {
        eprintln!("Usage: vipd language-server\n\nServes an editor on standard input and output.");
        let help = args.iter().all(|word| matches!(word.as_str(), "-h" | "--help"));
        return if help { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match serve(std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("vipd language-server: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Talks until the end; whether that came in good order (`shutdown` before `exit`).
///
/// # Errors
/// The stream breaks, or is no stream of messages.
fn serve(input: impl Read, mut output: impl Write) -> Result<bool, TransportError> {
    let mut input = BufReader::new(input);
    let mut session = Session::default();
    while !session.ended() {
        let answers = match transport::read(&mut input)? {
            Input::Message(bytes) => session.hear(&bytes),
            Input::TooLarge(len) => vec![session::too_large(len)],
            Input::End => break,
        };
        for answer in answers {
            transport::write(&mut output, &answer)?;
        }
        // While more is waiting, somebody types faster than files are checked.
        if input.buffer().is_empty() {
            for answer in session.check() {
                transport::write(&mut output, &answer)?;
            }
        }
    }
    Ok(session.ended_well())
}

#[cfg(test)]
mod tests;
