//! What `--help` shows below each command's options: what one types.

pub const EXAMPLES: &str = "\
Examples:
  From a capture to a run in two commands:
    lockstep scenario --from in.pcapng -o box.toml
    lockstep run box.toml --out run/
  The same in one, with a guessed scenario:
    lockstep replay in.pcapng --out run/
  Does it still do the same?
    lockstep verify run/
";

pub const REPLAY: &str = "\
Examples:
  Both sides of a router in one pcapng; its interfaces are called like the scenario's ports:
    lockstep replay router.pcapng -c router.toml --out run/
  One file for each port:
    lockstep replay --port lan=a.pcap --port wan=b.pcap -c router.toml
  A capture of one interface of a host that has 192.0.2.1, and no scenario:
    lockstep replay eth0.pcap --ours 192.0.2.1
  As fast as the wire takes it, ten seconds of virtual time at most:
    lockstep replay in.pcap -c box.toml --timing back-to-back --until 10s
";

pub const RUN: &str = "\
Examples:
    lockstep run fixtures/scenarios/router.toml
    lockstep run box.toml --seed 4f2c9ab --out run/
    lockstep run box.toml --control /tmp/box.sock
    lockstep run box.toml --sched pct:3:7
    lockstep run box.toml --fault lose:lan:3 --fault stall:1@2ms=30us
";

pub const CTL: &str = "\
Examples:
    lockstep run box.toml --control /tmp/box.sock --out run/ &
    lockstep ctl /tmp/box.sock run 10ms
    lockstep ctl /tmp/box.sock route add 10.0.0.0/8 via 192.0.2.9
    lockstep ctl /tmp/box.sock neigh show
    lockstep ctl /tmp/box.sock quit
A refused order exits with 1, a line that nobody understands with 2.
";

pub const SWEEP: &str = "\
Examples:
    lockstep sweep fixtures/scenarios/router.toml
    lockstep sweep fixtures/scenarios/demo.toml pcaps/router-two-sides.pcapng
    lockstep sweep big.toml --kinds alloc --every 10
  Each frame lost, each frame twice, and each link down as each frame comes:
    lockstep sweep fixtures/scenarios/router.toml --kinds lose,dup,down
    lockstep sweep fixtures/scenarios/control.toml --kinds all --every 5
  Have one of them again, with all files:
    lockstep run fixtures/scenarios/router.toml --fault alloc:17 --out run/
";

pub const CHECK: &str = "\
Examples:
  A capture that nobody knows anything about, with a guessed scenario:
    lockstep check in.pcapng
  A scenario with what it has itself:
    lockstep check -c fixtures/scenarios/router.toml
  One relation only, on plain memory:
    lockstep check in.pcapng -c router.toml --only workers --backend heap
  Which are there, and what does each keep?
    lockstep check --list
";

pub const SCENARIO: &str = "\
Examples:
    lockstep scenario --from in.pcapng
    lockstep scenario --from eth0.pcap --ours 192.0.2.1 -o box.toml
";

pub const DECODE: &str = "\
Examples:
    lockstep decode run/out.pcapng
    lockstep decode run/out.pcapng --containing drop
";

pub const COMPARE: &str = "\
Examples:
  Both sides of a router, whose MACs are those of the scenario's ports:
    lockstep compare pcaps/router-two-sides.pcapng -c fixtures/scenarios/demo.toml
  One file for each port, of a device with these addresses:
    lockstep compare --port lan=a.pcap --port wan=b.pcap -c box.toml --ours 02:00:00:00:01:01
";

pub const CORPUS: &str = "\
Examples:
    lockstep corpus import pcaps/*.pcap --out tests/fuzz/corpus/parse_frame
    lockstep corpus export tests/fuzz/corpus/parse_frame -o corpus.pcapng
";

pub const JOBS: &str = "\
Examples:
    lockstep jobs
    lockstep jobs fixtures/scenarios/all-roles.toml
  Which jobs found work, and how much?
    lockstep jobs fixtures/scenarios/all-roles.toml --run
";
