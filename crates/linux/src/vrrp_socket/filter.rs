//! The classic BPF program that lets only adverts of wanted virtual routers through.
//!
//! A flood of foreign adverts dies in the kernel that way, and so do the adverts of other routers on
//! the link, which each would cost a wake-up. TTL and everything else is left to the protocol, which
//! counts what it refuses.

use base::{Family, Vrid};

use super::AH;
use crate::sys::instruction;

/// The program for a socket of `family` and IP `protocol`; empty if all are wanted.
///
/// The kernel runs it on the packet from the IP header on for IPv4, from behind it for IPv6.
pub(super) fn program(family: Family, protocol: u8, vrids: &[Vrid]) -> Vec<libc::sock_filter> {
    if vrids.is_empty() {
        return Vec::new();
    }
    let mut words = [0u32; 8];
    for vrid in vrids {
        let n = usize::from(vrid.get());
        if let Some(word) = words.get_mut(n / 32) {
            *word |= 1 << (n % 32);
        }
    }
    let mut p = Vec::with_capacity(96);
    // X = where the payload of IP begins.
    p.push(match family {
        Family::V4 => statement(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 0),
        Family::V6 => statement(libc::BPF_LDX | libc::BPF_W | libc::BPF_IMM, 0),
    });
    if protocol == AH {
        // The authentication header says how long it is: X += (length + 2) * 4.
        p.extend([
            statement(libc::BPF_LD | libc::BPF_B | libc::BPF_IND, 1),
            statement(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, 2),
            statement(libc::BPF_ALU | libc::BPF_LSH | libc::BPF_K, 2),
            statement(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_X, 0),
            statement(libc::BPF_MISC | libc::BPF_TAX, 0),
        ]);
    }
    // A packet too short for this ends the program: it is dropped.
    p.extend([
        statement(libc::BPF_LD | libc::BPF_B | libc::BPF_IND, 1),
        statement(libc::BPF_MISC | libc::BPF_TAX, 0),
        statement(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K, 5),
    ]);
    // A = which word of the set, X = VRID. One bit of the word, negated, is 0 (drop) or all ones (keep
    // that many bytes, hence all).
    for (n, &word) in words.iter().enumerate().filter(|(_, w)| **w != 0) {
        let body = [
            statement(libc::BPF_MISC | libc::BPF_TXA, 0),
            statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 31),
            statement(libc::BPF_MISC | libc::BPF_TAX, 0),
            statement(libc::BPF_LD | libc::BPF_W | libc::BPF_IMM, word),
            statement(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_X, 0),
            statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 1),
            statement(libc::BPF_ALU | libc::BPF_NEG, 0),
            statement(libc::BPF_RET | libc::BPF_A, 0),
        ];
        let (n, skip) = (u32::try_from(n).unwrap_or(0), u8::try_from(body.len()).unwrap_or(0));
        p.push(instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, n, 0, skip));
        p.extend(body);
    }
    p.push(statement(libc::BPF_RET | libc::BPF_K, 0));
    p
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    instruction(code, k, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixDatagram;

    /// Whether the kernel lets `packet` through the program.
    fn passes(program: &[libc::sock_filter], packet: &[u8]) -> bool {
        let (a, b) = UnixDatagram::pair().unwrap();
        b.set_nonblocking(true).unwrap();
        sys::attach_filter(b.as_fd(), program).unwrap();
        // A datagram that the filter drops is an error (EPERM) to this kind of sender.
        let _ = a.send(packet);
        let mut buffer = [0; 256];
        b.recv(&mut buffer).is_ok_and(|n| {
            assert_eq!(n, packet.len(), "a packet is passed whole");
            true
        })
    }

    /// An IPv4 packet with `options` words of options.
    fn v4(options: u8, payload: &[u8]) -> Vec<u8> {
        let mut p = vec![0x45 + options];
        p.resize(20 + 4 * usize::from(options), 1);
        p.extend(payload);
        p
    }

    #[test]
    fn only_wanted_vrids_pass_and_they_pass_whole() {
        let wanted: Vec<Vrid> = [1, 31, 32, 51, 255].into_iter().filter_map(Vrid::new).collect();
        let (p4, p6) = (program(Family::V4, 112, &wanted), program(Family::V6, 112, &wanted));
        for vrid in 0..=255u8 {
            let is_wanted = wanted.iter().any(|v| v.get() == vrid);
            let advert = [0x21, vrid, 100, 1, 0, 1, 0, 0];
            assert_eq!(passes(&p4, &v4(0, &advert)), is_wanted, "{vrid}");
            assert_eq!(passes(&p4, &v4(3, &advert)), is_wanted, "{vrid} behind IP options");
            assert_eq!(passes(&p6, &advert), is_wanted, "{vrid} over IPv6");
        }
        assert!(!passes(&p4, &v4(0, &[0x21])), "too short for a VRID");
        assert!(passes(&program(Family::V4, 112, &[]), &v4(0, &[])), "no filter");
    }

    #[test]
    fn the_vrid_is_found_behind_an_authentication_header_of_any_length() {
        let p = program(Family::V4, AH, &[Vrid::new(7).unwrap()]);
        for words in [4u8, 5, 10] {
            for (vrid, expected) in [(7, true), (8, false)] {
                let mut ah = vec![112, words];
                ah.resize(4 * (usize::from(words) + 2), 0);
                ah.extend([0x21, vrid, 100, 1]);
                assert_eq!(passes(&p, &v4(0, &ah)), expected);
            }
        }
    }

    #[test]
    fn all_vrids_fit_in_one_program() {
        let all: Vec<Vrid> = (1..=255).filter_map(Vrid::new).collect();
        let p = program(Family::V4, AH, &all);
        assert!(p.len() < 100 && passes(&p, &v4(0, &[112, 0, 0, 0, 0, 0, 0, 0, 0x21, 200])));
    }
}
