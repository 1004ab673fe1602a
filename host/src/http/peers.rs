//! How many connections each peer holds, so that one alone cannot hold them all.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// The connections of each peer.
#[derive(Debug, Clone)]
pub(super) struct Peers {
    most: usize,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A peer's place; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    peers: Peers,
    peer: IpAddr,
}

impl Peers {
    /// No peer may hold more than `most`.
    pub(super) fn new(most: usize) -> Self {
        Self { most, held: Arc::default() }
    }

    /// A place for one more connection of this peer, if it may have one.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let peer = household(address);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(peer).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { peers: self.clone(), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.peers.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.peer);
            }
        }
    }
}

/// Whose address it is: whoever has one address of IPv6 has the whole /64.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_its_places_and_no_more() {
        let peers = Peers::new(2);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        let first = peers.enter(one).unwrap();
        let _second = peers.enter(one).unwrap();
        assert!(peers.enter(one).is_none());
        assert!(peers.enter(other).is_some());
        drop(first);
        assert!(peers.enter(one).is_some());
    }

    #[test]
    fn an_address_of_ipv6_is_as_good_as_its_neighbour() {
        let peers = Peers::new(1);
        let [one, neighbour, other] = ["2001:db8::1", "2001:db8::2:3", "2001:db8:0:1::1"].map(|a| a.parse().unwrap());
        let _place = peers.enter(one).unwrap();
        assert!(peers.enter(neighbour).is_none());
        assert!(peers.enter(other).is_some());
    }

    #[test]
    fn who_left_is_forgotten() {
        let peers = Peers::new(1);
        drop(peers.enter("192.0.2.1".parse().unwrap()));
        assert!(peers.held.lock().unwrap().is_empty());
    }
}
