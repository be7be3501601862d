//! Connects to a host that has several addresses as RFC 8305 ("happy eyeballs") says: attempts overlap, the first
//! that answers wins, the others are closed. Knows no socket, so that a test can pass in its own dialler.

use futures_util::stream::{FuturesUnordered, StreamExt};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Silence of an attempt after which the next address is tried beside it (RFC 8305, section 5).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// An address and the error of its dial.
pub type FailedDial = (SocketAddr, io::Error);

/// Dials the addresses in their order. The next attempt starts 250 ms after the one before it, or at
/// once when an attempt fails; attempts in flight go on. `begun` counts the attempts, also if the
/// caller drops this future at a deadline.
///
/// # Errors
/// Each address's error, in the order in which they failed; empty if there was no address.
pub async fn first_that_answers<T, F: Future<Output = io::Result<T>>>(
    addresses: &[SocketAddr],
    dial: impl Fn(SocketAddr) -> F,
    begun: &mut u32,
) -> Result<T, Vec<FailedDial>> {
    let attempt = |address| {
        let dialled = dial(address);
        async move { (address, dialled.await) }
    };
    let mut waiting = addresses.iter().copied();
    let mut in_flight = FuturesUnordered::new();
    let mut lost = Vec::new();
    loop {
        if let Some(address) = waiting.next() {
            in_flight.push(attempt(address));
            *begun += 1;
        }
        tokio::select! {
            biased;
            Some((address, answer)) = in_flight.next() => match answer {
                Ok(won) => return Ok(won),
                Err(error) => lost.push((address, error)),
            },
            () = tokio::time::sleep(NEXT_ADDRESS_AFTER), if waiting.len() > 0 => {}
            else => return Err(lost),
        }
    }
}

/// The resolver's order with the families taking turns, its first one first (RFC 8305, section 4): if all addresses
/// of one family are dead, the second attempt already is of the other.
pub fn families_in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return Vec::new() };
    let (mut ours, mut others): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv4() == first.is_ipv4());
    let (mut ours, mut others) = (ours.drain(..), others.drain(..));
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend(ours.next());
        order.extend(others.next());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable};
    use std::rc::Rc;
    use tokio::time::Instant;

    /// Behaviour of an address: it answers or fails after a number of milliseconds, or stays silent.
    #[derive(Clone, Copy)]
    enum Does {
        Answer(u64),
        Fail(u64, io::ErrorKind),
        Nothing,
    }
    use Does::{Answer, Fail, Nothing};

    fn address(number: usize) -> SocketAddr {
        format!("192.0.2.{number}:443").parse().unwrap()
    }

    /// A connection that counts the open ones.
    struct Open(SocketAddr, Rc<Cell<u32>>);
    impl Drop for Open {
        fn drop(&mut self) {
            self.1.set(self.1.get() - 1);
        }
    }

    struct Raced {
        won: Result<SocketAddr, Vec<FailedDial>>,
        took: u128,
        begun: u32,
    }

    /// Races addresses with these behaviours, in virtual time.
    async fn race(behaviours: &[Does]) -> Raced {
        let addresses: Vec<_> = (0..behaviours.len()).map(address).collect();
        let open = Rc::new(Cell::new(0));
        let dial = |at: SocketAddr| {
            let does = behaviours[addresses.iter().position(|known| *known == at).unwrap()];
            open.set(open.get() + 1);
            let connection = Open(at, Rc::clone(&open));
            async move {
                let after = |ms| tokio::time::sleep(Duration::from_millis(ms));
                match does {
                    Answer(ms) => after(ms).await,
                    Fail(ms, kind) => {
                        after(ms).await;
                        return Err(kind.into());
                    }
                    Nothing => std::future::pending().await,
                }
                Ok(connection)
            }
        };
        let (zero, mut begun) = (Instant::now(), 0);
        let won = first_that_answers(&addresses, dial, &mut begun).await;
        assert_eq!(open.get(), u32::from(won.is_ok()), "all but the winner are closed");
        Raced { won: won.map(|open| open.0), took: zero.elapsed().as_millis(), begun }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_way_costs_one_round_trip_however_many_addresses_there_are() {
        for (count, begun) in [(1, 1), (2, 2), (4, 2)] {
            let raced = race(&vec![Answer(300); count]).await;
            assert_eq!((raced.won.unwrap(), raced.took, raced.begun), (address(0), 300, begun), "{count}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_address_costs_the_delay_and_a_refusal_nothing() {
        let raced = race(&[Nothing, Answer(300), Answer(300)]).await;
        assert_eq!((raced.won.unwrap(), raced.took, raced.begun), (address(1), 550, 3));
        let raced = race(&[Fail(20, ConnectionRefused), Answer(30)]).await;
        assert_eq!((raced.won.unwrap(), raced.took, raced.begun), (address(1), 50, 2));
        let raced = race(&[Answer(900), Answer(10)]).await;
        assert_eq!((raced.won.unwrap(), raced.took, raced.begun), (address(1), 260, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn all_that_failed_are_named() {
        let raced = race(&[Fail(700, HostUnreachable), Fail(10, ConnectionRefused)]).await;
        let lost: Vec<_> = raced.won.unwrap_err().iter().map(|(at, why)| (*at, why.kind())).collect();
        assert_eq!(lost, [(address(1), ConnectionRefused), (address(0), HostUnreachable)]);
        assert_eq!((raced.took, raced.begun), (700, 2));
        let none = race(&[]).await;
        assert!(none.won.unwrap_err().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_counted_until_a_deadline() {
        let (addresses, mut begun) = ([address(1), address(2), address(3)], 0);
        let silent = |_| std::future::pending::<io::Result<()>>();
        let raced = first_that_answers(&addresses, silent, &mut begun);
        assert!(tokio::time::timeout(Duration::from_millis(400), raced).await.is_err());
        assert_eq!(begun, 2);
    }

    #[test]
    fn families_take_turns() {
        let parsed = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let given = parsed(&["[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "192.0.2.1:1"]);
        let wanted = parsed(&["[2001:db8::1]:1", "192.0.2.1:1", "[2001:db8::2]:1", "[2001:db8::3]:1"]);
        assert_eq!(families_in_turn(&given), wanted);
        assert!(families_in_turn(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn turns_keep_every_address_and_each_familys_order(families in proptest::collection::vec(any::<bool>(), 0..12)) {
            let given: Vec<SocketAddr> = families.iter().enumerate().map(|(at, four)| {
                let ip = if *four { "192.0.2.1".parse().unwrap() } else { "2001:db8::1".parse().unwrap() };
                SocketAddr::new(ip, at as u16)
            }).collect();
            let order = families_in_turn(&given);
            prop_assert_eq!(order.first(), given.first());
            for four in [true, false] {
                let of = |all: &[SocketAddr]| all.iter().copied().filter(|at| at.is_ipv4() == four).collect::<Vec<_>>();
                prop_assert_eq!(of(&order), of(&given));
            }
        }
    }
}
