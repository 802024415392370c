//! Mail about changes of state.

use serde::{Deserialize, Serialize};

/// A mail to the recipients of the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// `Subject`: at most 255 bytes, without line ends.
    pub subject: String,
    /// The text, one line.
    pub body: String,
}
