//! What the Linux kernel knows about a TCP connection and no safe crate of the tree asks it: when bytes arrived, when
//! a request left, how long the way is. The only module of `wire` with unsafe code: each call passes pointers to
//! values of its own frame, whose sizes it states. Elsewhere the same functions know nothing.

use std::time::Duration;

/// The result of one read of a socket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Received {
    /// Bytes that were read; 0 at the end of the connection.
    pub bytes: usize,
    /// Wall-clock time since the Unix epoch at which the kernel received the segment of the last of these bytes, or the
    /// newest of the segments that it joined with it while they waited.
    /// `None` if the kernel gave no stamp: it was not asked, it cannot, or its stamping has only begun.
    pub stamped: Option<Duration>,
}

/// Keeps the kernel stamping for as long as the result lives: it begins a moment after the first socket of the machine
/// asked, and ends with the last one. Needs no event loop. `None` where the kernel does not stamp.
pub fn keep_stamping() -> Option<tokio::net::TcpSocket> {
    tokio::net::TcpSocket::new_v4().ok().filter(|socket| ask_for_stamps(socket).is_ok())
}

/// The kernel's view of the way to the other end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathEstimate {
    /// Smoothed round trip time, > 0; right after connecting, that of the TCP handshake alone.
    pub round_trip: Duration,
    /// Segments that were sent again since the connection was opened, the opening one included.
    pub retransmissions: u32,
}

#[cfg(target_os = "linux")]
pub use linux::{ask_for_stamps, ask_for_transmit_stamp, path, receive, transmitted};

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{ask_for_stamps, ask_for_transmit_stamp, path, transmitted};

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "control messages and TCP_INFO have no safe wrapper in std, rustix or socket2")]
mod linux {
    use super::{PathEstimate, Received};
    use std::io;
    use std::mem::{MaybeUninit, size_of};
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Duration;

    /// Room for the control messages of one read: a stamp needs 64 bytes.
    const CONTROL_WORDS: usize = 32;

    /// Stamps of what is received, by software, since devices that stamp are rare.
    const RECEIVE: libc::c_uint = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;

    /// Asks the kernel to stamp what this socket receives, before any process is scheduled.
    ///
    /// # Errors
    /// The kernel's, where it has no such option or a sandbox forbids it.
    pub fn ask_for_stamps(socket: &impl AsFd) -> io::Result<()> {
        set_stamping(socket, RECEIVE)
    }

    /// Asks the kernel to stamp also what this socket sends from now on, when it is handed to the network device. The
    /// stamps of writes wait for [`transmitted`].
    ///
    /// # Errors
    /// As [`ask_for_stamps`].
    pub fn ask_for_transmit_stamp(socket: &impl AsFd) -> io::Result<()> {
        let transmit = libc::SOF_TIMESTAMPING_TX_SOFTWARE
            | libc::SOF_TIMESTAMPING_OPT_ID
            | libc::SOF_TIMESTAMPING_OPT_TSONLY;
        set_stamping(socket, RECEIVE | transmit)
    }

    /// Wall-clock time since the Unix epoch at which the last byte of what was written since
    /// [`ask_for_transmit_stamp`] first left; `None` if no stamp waits. Forgets the stamps.
    pub fn transmitted(socket: &impl AsFd) -> Option<Duration> {
        let mut last: Option<(u32, Duration)> = None;
        while let Ok((facts, _)) = message(socket, std::ptr::dangling_mut(), 0, libc::MSG_ERRQUEUE) {
            let Some((position, stamp)) = facts.position.zip(facts.stamped) else { continue };
            // A segment that was lost leaves again, and is stamped again.
            if last.is_none_or(|(known, _)| position > known) {
                last = Some((position, stamp));
            }
        }
        last.map(|(_, stamp)| stamp)
    }

    fn set_stamping(socket: &impl AsFd, flags: libc::c_uint) -> io::Result<()> {
        // SAFETY: the option's value is an integer of this frame, and its size is that of the integer.
        let answer = unsafe {
            libc::setsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPING,
                (&raw const flags).cast(),
                size_of::<libc::c_uint>() as libc::socklen_t,
            )
        };
        if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Reads into the buffer.
    ///
    /// # Errors
    /// As recvmsg(2); `WouldBlock` if nothing waits.
    pub fn receive(socket: &impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
        let (facts, bytes) = message(socket, buffer.as_mut_ptr(), buffer.len(), 0)?;
        Ok(Received { bytes, stamped: facts.stamped })
    }

    /// The way of a TCP connection; `None` if the kernel does not know it.
    pub fn path(socket: &impl AsFd) -> Option<PathEstimate> {
        let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
        let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes into `info`, which is that long and holds integers only,
        // for which zeros are valid.
        let (answer, info) = unsafe {
            let answer = libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                info.as_mut_ptr().cast(),
                &raw mut length,
            );
            (answer, info.assume_init())
        };
        let told = answer == 0 && info.tcpi_rtt > 0;
        told.then(|| PathEstimate {
            round_trip: Duration::from_micros(u64::from(info.tcpi_rtt)),
            retransmissions: info.tcpi_total_retrans,
        })
    }

    /// What the control messages of a call say.
    #[derive(Default)]
    struct ControlFacts {
        stamped: Option<Duration>,
        /// Position of the last byte of a stamped write, counted from the moment at which stamps were asked for.
        position: Option<u32>,
    }

    fn message(
        socket: &impl AsFd,
        base: *mut u8,
        length: usize,
        flags: i32,
    ) -> io::Result<(ControlFacts, usize)> {
        let mut control = [0_u64; CONTROL_WORDS];
        let mut part = libc::iovec { iov_base: base.cast(), iov_len: length };
        // SAFETY: a message header holds pointers and integers, for which zeros are valid.
        let mut header: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of_val(&control) as _;
        // SAFETY: the header points to `part` and `control`, which outlive the call, with their sizes; `part` points
        // to the caller's buffer of `length` bytes.
        let bytes =
            unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, flags | libc::MSG_DONTWAIT) };
        let bytes = usize::try_from(bytes).map_err(|_| io::Error::last_os_error())?;
        Ok((facts_of(&header), bytes))
    }

    /// Reads the control messages of a header that recvmsg(2) has filled.
    fn facts_of(header: &libc::msghdr) -> ControlFacts {
        let mut facts = ControlFacts::default();
        // SAFETY: the kernel has written the control messages and their length. The macros stay inside that length, and
        // each value is as long as its type of message says; it is read without assuming its alignment.
        unsafe {
            let mut message = libc::CMSG_FIRSTHDR(header);
            while !message.is_null() {
                let value = libc::CMSG_DATA(message);
                match ((*message).cmsg_level, (*message).cmsg_type) {
                    (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => {
                        facts.stamped = since_epoch(&value.cast::<libc::timespec>().read_unaligned());
                    }
                    (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR) => {
                        let about = value.cast::<libc::sock_extended_err>().read_unaligned();
                        facts.position = Some(about.ee_data);
                    }
                    _ => {}
                }
                message = libc::CMSG_NXTHDR(header, message);
            }
        }
        facts
    }

    fn since_epoch(at: &libc::timespec) -> Option<Duration> {
        let seconds = u64::try_from(at.tv_sec).ok()?;
        let nanoseconds = u32::try_from(at.tv_nsec).ok()?;
        (seconds > 0 && nanoseconds < 1_000_000_000).then(|| Duration::new(seconds, nanoseconds))
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::PathEstimate;
    use std::io;
    use std::time::Duration;

    /// Other systems do not stamp TCP.
    pub fn ask_for_stamps<T>(_: &T) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// As [`ask_for_stamps`].
    pub fn ask_for_transmit_stamp<T>(_: &T) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Nothing was stamped.
    pub fn transmitted<T>(_: &T) -> Option<Duration> {
        None
    }

    /// Other systems tell it in other ways, or not at all.
    pub fn path<T>(_: &T) -> Option<PathEstimate> {
        None
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::thread::sleep;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let far = listener.accept().unwrap().0;
        far.set_nodelay(true).unwrap();
        (near, far)
    }

    #[test]
    fn bytes_have_the_time_at_which_they_arrived_and_not_that_of_the_read() {
        let (near, mut far) = pair();
        ask_for_stamps(&near).unwrap();
        // Stamping may begin a moment after it was first asked for.
        sleep(Duration::from_millis(50));
        let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let mut buffer = [0; 64];
        for text in [&b"first"[..], b"second"] {
            let before = now();
            far.write_all(text).unwrap();
            let after = now();
            sleep(Duration::from_millis(20));
            let read = receive(&near, &mut buffer).unwrap();
            assert_eq!(&buffer[..read.bytes], text);
            let stamped = read.stamped.unwrap();
            // Another core may take the segment a moment after the write has returned.
            assert!(stamped >= before && stamped < after + Duration::from_millis(20), "{before:?} {read:?}");
        }
        assert_eq!(receive(&near, &mut buffer).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        drop(far);
        assert_eq!(receive(&near, &mut buffer).unwrap().bytes, 0);
    }

    #[test]
    fn a_write_tells_when_it_left() {
        let (mut near, far) = pair();
        near.write_all(b"unstamped").unwrap();
        ask_for_transmit_stamp(&near).unwrap();
        let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let before = now();
        near.write_all(b"request").unwrap();
        sleep(Duration::from_millis(20));
        let left = transmitted(&near).unwrap();
        assert!(left >= before && left <= now(), "{before:?} {left:?}");
        assert_eq!(transmitted(&near), None);
        drop(far);
    }

    #[test]
    fn a_socket_that_was_not_asked_has_no_stamp_and_a_connection_knows_its_way() {
        let (near, mut far) = pair();
        far.write_all(b"x").unwrap();
        sleep(Duration::from_millis(10));
        assert_eq!(receive(&near, &mut [0; 8]).unwrap(), Received { bytes: 1, stamped: None });
        let way = path(&near).unwrap();
        assert!(way.round_trip < Duration::from_secs(1) && way.retransmissions == 0, "{way:?}");
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(path(&datagrams), None);
    }
}
