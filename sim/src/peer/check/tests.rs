//! Each way in which what was received can differ from what was sent.

use super::*;
use dataplane::{Instant, PortId};
use std::net::Ipv4Addr;

const ALICE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const BOB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

fn host(name: &str, address: Ipv4Addr) -> PeerOutcome {
    let host = HostOutcome {
        address,
        pings: vec![],
        udp_sent: vec![],
        udp_received: vec![],
        tcp_sent: vec![],
        tcp_received: vec![],
    };
    let (name, port, did) = (name.to_owned(), PortId(0), Did::Host(host));
    PeerOutcome { name, port, sent: 0, heard: 0, lost_from: 0, lost_to: 0, did }
}

/// ALICE has sent BOB 1000 bytes, of which 600 have come.
fn transfer(change: impl FnOnce(&mut TcpSent, &mut TcpReceived)) -> Vec<String> {
    let mut sender = TcpSent {
        to: BOB,
        port: 9,
        from_port: Some(49_152),
        bytes: 1000,
        acknowledged: 600,
        began: Instant::EPOCH,
        finished: None,
        failed: None,
        segments: 1,
        again: 0,
        echoed: 0,
        echo: sent(7, "alice", 0, 0),
    };
    let mut receiver = TcpReceived {
        port: 9,
        from: ALICE,
        from_port: 49_152,
        bytes: 600,
        digest: sent(7, "alice", 0, 600),
        unread: 0,
        first: Some(Instant::EPOCH),
        finished: None,
        failed: None,
    };
    change(&mut sender, &mut receiver);
    let mut peers = [host("alice", ALICE), host("bob", BOB)];
    if let Did::Host(host) = &mut peers[0].did {
        host.tcp_sent.push(sender);
    }
    if let Did::Host(host) = &mut peers[1].did {
        host.tcp_received.push(receiver);
    }
    check(7, Path::InOrder, &peers).iter().map(ToString::to_string).collect()
}

#[test]
fn a_prefix_is_right_and_all_of_it_when_the_sender_was_told_so() {
    assert_eq!(transfer(|_, _| {}), [""; 0]);
    let all = |received: &mut TcpReceived| {
        (received.bytes, received.digest) = (1000, sent(7, "alice", 0, 1000));
        received.finished = Some(Instant::EPOCH);
    };
    let told = |sender: &mut TcpSent| sender.finished = Some(Instant::EPOCH);
    assert_eq!(transfer(|_, received| all(received)), [""; 0]);
    assert_eq!(
        transfer(|sender, received| {
            told(sender);
            all(received);
        }),
        [""; 0]
    );
    assert_eq!(
        transfer(|sender, _| told(sender)),
        ["peer: bob: 600 bytes to port 9 from 198.51.100.7:49152 are not all, though all were \
          acknowledged"]
    );
}

#[test]
fn what_was_acknowledged_may_lie_unread_and_not_be_missing() {
    let told = |unread| {
        transfer(move |sender, received| {
            sender.finished = Some(Instant::EPOCH);
            received.unread = unread;
        })
    };
    assert_eq!(told(400), [""; 0], "who sends it back has no room");
    assert!(told(399)[0].ends_with("are not all, though all were acknowledged"));
}

#[test]
fn other_bytes_and_more_bytes_are_wrong() {
    let wrong = transfer(|_, received| received.digest = Digest(received.digest.0 ^ 1));
    assert!(wrong[0].ends_with("are not the bytes that were sent, in order"), "{wrong:?}");
    let wrong = transfer(|_, received| received.bytes = 1001);
    assert!(wrong[0].ends_with("are more than were sent"), "{wrong:?}");
    let wrong = transfer(|sender, _| sender.echoed = 1);
    assert_eq!(
        wrong,
        ["peer: alice: the 1 bytes that came back from 192.0.2.9:9 are not those sent"]
    );
}

#[test]
fn what_nobody_here_sent_is_not_judged() {
    assert_eq!(transfer(|_, received| received.from_port = 1), [""; 0]);
}

#[test]
fn datagrams_may_be_lost_but_not_doubled_changed_or_reordered() {
    let whole = [1, 2, 3, 4].map(Digest);
    let may = |path: Path, received: &[u64]| {
        path.allows(&received.iter().copied().map(Digest).collect::<Vec<_>>(), &whole)
    };
    for received in [&[][..], &[1, 2, 3, 4], &[1, 4]] {
        assert!(may(Path::InOrder, received) && may(Path::Disorder, received));
    }
    // Unless that is asked for.
    for received in [[2, 1], [2, 2]] {
        assert!(!may(Path::InOrder, &received) && may(Path::Disorder, &received));
    }
    assert!(!may(Path::InOrder, &[5]) && !may(Path::Disorder, &[5]));
}

#[test]
fn only_who_doubles_or_delays_frames_shuffles_them() {
    let path = |words: &[&str]| {
        Path::with(&words.iter().map(|word| word.parse().unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(path(&["lose:lan:1", "flip:lan:2=7", "stall:1@1ms=1us"]), Path::InOrder);
    assert_eq!(path(&["tx:1", "dup:lan:1"]), Path::Disorder);
    assert_eq!(path(&["late:lan:1=5us"]), Path::Disorder);
}
