//! What the box does, seen from its ports. Read in this order.

#![expect(clippy::unwrap_used, reason = "a test may say unwrap")]

mod arp; //          who-has and is-at, for us and not for us
mod bad_input; //    captures and scenarios that are wrong
mod captures; //     real captures, if there are any
mod cli; //          the command line
mod determinism; //  skipped and stepped, twice, debug and release, heap and DPDK
mod drops; //        every reason for which a packet is dropped
mod forward; //      TTL, MTU, routes, no route
mod icmp; //         echo, errors, and when there is none
mod limits; //       each limit outside the lcores, at it and one over
mod neigh; //        waiting, flushing, probing, giving up
mod pcaps; //        our own captures and their table
mod policy; //       the two profiles, switch by switch
mod ports; //        ports that the dataplane polls itself
mod ticks; //        the tick schedule of every job
mod tidy;
mod vlan; //         tags in and out
mod wire; //         rates, queues, and an lcore that falls behind
mod workers; //      several lcores: RSS, copies of ARP replies, static neighbours //         the style rules a program can check
