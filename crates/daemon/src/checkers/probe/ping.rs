//! `PING_CHECK`: an ICMP echo through the kernel's sockets for it, which need no privilege where
//! `ping_group_range` covers the process (`linux::sysctl::PingGroups`).

use base::Family;
use model::lvs::Connect;
use wire::echo;

use super::socket::Kind;
use super::{Deadline, Outcome, Prober, udp};

/// The length of the data, in bytes.
const DATA: usize = 128;

impl Prober {
    /// `PING_CHECK`. The data differs each time, so an old reply is not taken for a new one.
    pub(super) async fn ping(&self, to: &Connect) -> Outcome<()> {
        let until = Deadline::new(to).step();
        let family = if to.address.is_ipv4() { Family::V4 } else { Family::V6 };
        let sequence = self.sequence.get();
        self.sequence.set(sequence.wrapping_add(1));
        let mut message = [0; echo::HEADER + DATA];
        let (header, data) = message.split_at_mut(echo::HEADER);
        header.copy_from_slice(&echo::request(family, sequence));
        for chunk in data.chunks_mut(8) {
            let random = self.random().to_be_bytes();
            chunk.copy_from_slice(random.get(..chunk.len()).unwrap_or_default());
        }
        let socket = udp::open(to, Kind::Echo)?;
        self.send(&socket, &message, until).await?;
        let data = message.get(echo::HEADER..).unwrap_or_default();
        self.hear(&socket, until, |reply| echo::is_reply(family, reply, sequence, data).then_some(())).await
    }
}
