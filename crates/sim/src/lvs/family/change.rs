//! What users change between two reloads.

use base::Rng;

use super::{CHECK_LINES, Check, GROUPS, GUARDS, SERVICE_LINES, SYNCS, Server, Service, Spec, chance, of};

fn one<'a, T>(rng: &mut Rng, from: &'a mut [T]) -> Option<&'a mut T> {
    let at = usize::try_from(rng.below(from.len().max(1) as u64)).ok()?;
    from.get_mut(at)
}

impl Spec {
    /// One change.
    pub(super) fn change(&mut self, rng: &mut Rng) {
        match rng.below(14) {
            0 => {
                let service = Service::random(rng);
                self.add(service);
            }
            1 if self.services.len() > 1 => {
                let at = rng.below(self.services.len() as u64);
                self.services.remove(usize::try_from(at).unwrap_or(0));
            }
            2 => self.services.reverse(),
            3 => self.group = of(rng, GROUPS).to_vec(),
            4 => self.guard = of(rng, GUARDS),
            5 => self.sync = of(rng, SYNCS),
            _ => {
                if let Some(service) = one(rng, &mut self.services) {
                    service.change(rng);
                }
            }
        }
    }
}

impl Service {
    fn change(&mut self, rng: &mut Rng) {
        match rng.below(15) {
            0 | 1 => {
                let server = Server::random(rng);
                self.add(server);
            }
            2 if self.servers.len() > 1 => {
                let at = rng.below(self.servers.len() as u64);
                self.servers.remove(usize::try_from(at).unwrap_or(0));
            }
            3 => self.servers.reverse(),
            4 => self.judge_by(rng),
            5 => self.toggle(of(rng, SERVICE_LINES)),
            6 => self.sorry = if chance(rng, 3) { None } else { Some((rng.below(8), chance(rng, 3))) },
            7 => self.panic = of(rng, &[0, 50, 80]),
            8 => self.retry = Some(rng.below(4)),
            9 => self.delay_loop = of(rng, &[3, 7, 20]),
            10 => self.method = of(rng, &["NAT", "DR", "TUN"]),
            _ => {
                if let Some(server) = one(rng, &mut self.servers) {
                    server.change(rng);
                }
            }
        }
    }
}

impl Server {
    fn change(&mut self, rng: &mut Rng) {
        match rng.below(7) {
            0 | 1 => self.weight = of(rng, &[0, 1, 2, 5, 50]),
            2 => self.inhibit = !self.inhibit,
            3 => self.thresholds = !self.thresholds,
            4 => self.checks.push(Check::random(rng)),
            5 => {
                self.checks.pop();
            }
            _ => {
                if let Some(check) = one(rng, &mut self.checks) {
                    check.more = of(rng, CHECK_LINES);
                }
            }
        }
    }
}
