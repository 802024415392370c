//! `DNS_CHECK`: a query, and the response code of its answer.

use engine::lvs::io::{Answer, Failure};
use model::lvs::{Connect, DnsCheck};
use nix::errno::Errno;

use super::socket::Kind;
use super::{Deadline, Outcome, Prober, udp, unable};

impl Prober {
    /// `DNS_CHECK`. What is no response to our query is ignored; what the response says is not looked at.
    pub(super) async fn dns(&self, to: &Connect, check: &DnsCheck) -> Outcome<()> {
        let until = Deadline::new(to).step();
        let [a, b, ..] = self.random().to_be_bytes();
        let id = u16::from_be_bytes([a, b]);
        let query = wire::dns::query(id, &check.name, check.kind.number())
            .map_err(|e| unable(Errno::EINVAL, e.to_string()))?;
        let socket = udp::open(to, Kind::Datagram)?;
        self.send(&socket, &query, until).await?;
        let is_ours = |datagram: &[u8]| wire::dns::answer(datagram).filter(|answer| answer.id == id);
        match self.hear(&socket, until, is_ours).await?.rcode {
            0 => Ok(()),
            rcode => Err(Answer::Failed(Failure::Rcode(rcode))),
        }
    }
}
