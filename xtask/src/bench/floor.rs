//! What the kernel asks for the same work when no daemon stands around it.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::place::Place;

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// An advert of version 3 for one address, as long as those that are measured.
const ADVERT: [u8; 12] = [0x31, 1, 200, 1, 0, 1, 0, 0, 10, 100, 1, 1];

/// 255 instances at 10 ms, evenly spread.
const PACE: Duration = Duration::from_micros(40);

/// Microseconds of CPU.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Floor {
    /// One advert sent, many in a row.
    pub send: f64,
    /// One wake-up by a timer, and one advert sent.
    pub wake_and_send: f64,
    /// One advert read that has already come.
    pub receive: f64,
}

/// Measures it; `count` adverts.
pub(super) fn measure(place: &Place, count: u32) -> Result<Floor, String> {
    place.reset()?;
    let receiver = place.b.inside_run(open_receiver).map_err(|e| e.to_string())?;
    let receiver = receiver.map_err(|e| format!("floor: {e}"))?;
    let sender = place.a.inside_run(open_sender).map_err(|e| e.to_string())?;
    let sender = sender.map_err(|e| format!("floor: {e}"))?;
    let work = move || -> io::Result<Floor> {
        let group = SockAddr::from(SocketAddrV4::new(GROUP, 0));
        // The kernel resolves nothing for a group, but the first send still sets things up.
        sender.send_to(&ADVERT, &group)?;
        let send = cpu_of(count, || sender.send_to(&ADVERT, &group).map(drop))?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
        let pace = TimeSpec::from_duration(PACE);
        timer.set(Expiration::Interval(pace), TimerSetTimeFlags::empty())?;
        let wake_and_send = cpu_of(count / 2, || {
            timer.wait()?;
            sender.send_to(&ADVERT, &group).map(drop)
        })?;
        let mut buffer = [std::mem::MaybeUninit::uninit(); 256];
        // Only as many as are there: the buffer may have been too small for all.
        receiver.set_nonblocking(true)?;
        let (before, mut read) = (own_cpu()?, 0_u32);
        while receiver.recv(&mut buffer).is_ok() {
            read += 1;
        }
        let receive = (own_cpu()? - before) / f64::from(read.max(1));
        Ok(Floor { send, wake_and_send, receive })
    };
    let floor = place.a.inside_run(work).map_err(|e| e.to_string())?;
    floor.map_err(|e| format!("floor: {e}"))
}

fn open_sender() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112)))?;
    socket.set_multicast_ttl_v4(255)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_multicast_if_v4(&Ipv4Addr::new(10, 100, 0, 1))?;
    Ok(socket)
}

fn open_receiver() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112)))?;
    socket.join_multicast_v4(&GROUP, &Ipv4Addr::new(10, 100, 0, 2))?;
    socket.set_recv_buffer_size(16 << 20)?;
    Ok(socket)
}

fn cpu_of(count: u32, mut work: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let before = own_cpu()?;
    for _ in 0..count {
        work()?;
    }
    Ok((own_cpu()? - before) / f64::from(count))
}

/// Microseconds that this thread has run.
fn own_cpu() -> io::Result<f64> {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(Duration::from(time).as_nanos() as f64 / 1e3)
}
