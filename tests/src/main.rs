//! What the box does, seen from its ports. Read in this order:
//!
//! | module | what it holds |
//! |---|---|
//! | `arp` | who-has and is-at, for us and not for us |
//! | `neigh` | waiting, flushing, probing, giving up |
//! | `forward` | TTL, MTU, routes, no route |
//! | `fragments` | what is cut, and what is joined |
//! | `fragments_linux` | the same, as a Linux router does it, if there are captures of one |
//! | `ip_frag` | what DPDK's librte_ip_frag makes of fragments, and what we do |
//! | `icmp` | echo, errors, and when there is none |
//! | `echoes` | pings of all workers, answered by one |
//! | `redirect` | ICMP Redirect: told to others, and told to us |
//! | `vlan` | tags in and out |
//! | `workers` | several lcores: RSS, copies of ARP packets, static neighbours |
//! | `roles` | isolated receive queues, and the kernel sides of devices |
//! | `messages` | what lcores tell each other, as sequence charts |
//! | `control` | what the control plane is told, in scenarios and over a socket |
//! | `counts` | what lcores count, exactly |
//! | `iftraf` | traffic samples: who talks most |
//! | `wire` | rates, queues, and an lcore that falls behind |
//! | `ports` | ports that the dataplane polls itself |
//! | `tc` | traffic control: shaping, classes, limits, changes |
//! | `drops` | every reason for which a packet is dropped |
//! | `limits` | each limit outside the lcores, at it and one over |
//! | `faults` | what goes wrong on purpose, call by call |
//! | `clocks` | clocks that are not as they should be |
//! | `swarm` | many seeds: in shards, stopped and gone on with, merged |
//! | `bundles`, `exported` | a failure as a file, and its smallest case; a test that was exported of one |
//! | `check` | `lockstep check`: the same input in other ways |
//! | `peers` | hosts at the far ends of the wires: pings, transfers, loss |
//! | `hostile` | hostile peers, and an honest transfer beside each |
//! | `policy` | the two profiles, switch by switch |
//! | `ticks` | the tick schedule of every job |
//! | `jobs` | `lockstep jobs`: the job table |
//! | `all_roles` | every role and every job in one run |
//! | `determinism` | skipped and stepped, twice, debug and release, heap and DPDK |
//! | `bad_input` | captures and scenarios that are wrong |
//! | `captures`, `pcaps` | real captures, if there are any; our own and their table |
//! | `conformance` | what Linux did in each of its cases, and what we do |
//! | `compare` | whole recorded conversations of a Linux router, and ours |
//! | `parsers` | etherparse, pcap-file and tshark read what we read |
//! | `cli` | the command line |
//! | `defects` | the table of the defects of DPVS, and the tests that it names |
//! | `planted` | defects that can be planted, to measure what finds them |
//! | `tidy` | the style rules that a program can check |

#![expect(clippy::unwrap_used, reason = "a test may say unwrap")]

mod all_roles;
mod arp;
mod bad_input;
mod bundles;
mod captures;
mod check;
mod cli;
mod clocks;
mod compare;
mod conformance;
mod control;
mod counts;
mod defects;
mod determinism;
mod drops;
mod echoes;
mod exported;
mod faults;
mod forward;
mod fragments;
mod fragments_linux;
mod hostile;
mod icmp;
mod iftraf;
mod ip_frag;
mod jobs;
mod limits;
mod messages;
mod neigh;
mod parsers;
mod pcaps;
mod peers;
mod planted;
mod policy;
mod ports;
mod redirect;
mod roles;
mod swarm;
mod tc;
mod ticks;
mod tidy;
mod vlan;
mod wire;
mod workers;
