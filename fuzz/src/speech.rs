//! Who may say something: the law that nobody speaks for addresses that it does not hold.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::{Family, Vrid};
use engine::Engine;
use engine::io::{Effect, Event};
use model::{InstanceId, Model};
use vrrp::config::Peers;
use vrrp::io::State;
use wire::Packet;
use wire::vrrp::{Envelope, decode};

/// What the masters of a turn may speak of, and what was said in it.
#[derive(Debug, Default)]
pub(crate) struct Speech {
    routers: BTreeSet<(Family, Vrid)>,
    addresses: BTreeSet<IpAddr>,
    adverts: Vec<(Family, Vrid, u8)>,
    announced: Vec<IpAddr>,
}

impl Speech {
    /// Takes note of everybody who is master now.
    pub(crate) fn note_masters(&mut self, engine: &Engine) {
        let model = engine.model();
        for index in 0..model.instances.len() {
            let id = InstanceId::from_index(index);
            if engine.state(id) == Some(State::Master) {
                self.note(model, id);
            }
            // A unicast router may say where its own source is, whatever its state.
            let unicast = matches!(model.instances[index].protocol.peers, Peers::Unicast { .. });
            self.addresses.extend(engine.source(id).filter(|_| unicast));
        }
    }

    fn note(&mut self, model: &Model, id: InstanceId) {
        let Some(instance) = model.instances.get(id.index()) else { return };
        self.routers.insert((instance.protocol.family, instance.protocol.vrid));
        self.addresses.extend(instance.addresses.iter().chain(&instance.excluded).map(|a| a.net.addr()));
    }

    /// Takes note of an effect; the engine's model is the one that its ids are of.
    pub(crate) fn note_effect(&mut self, engine: &Engine, effect: &Effect) {
        match effect {
            Effect::Send { destination, packet, .. } => {
                let (vrid, priority) = read(Family::of(destination), packet);
                self.adverts.push((Family::of(destination), vrid, priority));
            }
            Effect::Frame { frame, .. } => {
                self.announced.push(match wire::arp::parse(frame) {
                    Ok(arp) => arp.sender_ip.into(),
                    Err(_) => wire::ndisc::parse(frame).expect("a frame of one of two kinds").target.into(),
                });
            }
            Effect::Event(Event::Vrrp(vrrp::io::Event::State { instance, from, to, .. }))
                if [*from, *to].contains(&State::Master) =>
            {
                self.note(engine.model(), *instance);
            }
            _ => {}
        }
    }

    /// Judges a turn that is over.
    pub(crate) fn judge(mut self, engine: &Engine) {
        self.note_masters(engine);
        for (family, vrid, priority) in &self.adverts {
            let known = self.routers.contains(&(*family, *vrid));
            assert!(known, "VRID {vrid} sent priority {priority} over {family}, and was never master");
        }
        for address in &self.announced {
            assert!(self.addresses.contains(address), "{address} was announced and belongs to no master");
        }
    }
}

/// VRID and priority of an advert of ours, which must be readable.
pub(crate) fn read(family: Family, packet: &Packet) -> (Vrid, u8) {
    let envelope = match family {
        Family::V4 => Some(Envelope::open(packet).expect("our own datagram")),
        Family::V6 => None,
    };
    let message = envelope.as_ref().map_or(&packet[..], Envelope::message);
    let advert = decode(family, message).expect("our own advert");
    (Vrid::new(advert.vrid()).expect("our own VRID"), advert.priority().0)
}
