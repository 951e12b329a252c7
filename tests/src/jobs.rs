//! `lockstep jobs`: the job table, as a user meets it.

use crate::cli::run;
use insta::assert_snapshot;

const SCENARIO: &str = "fixtures/scenarios/all-roles.toml";

fn table(arguments: &[&str]) -> String {
    let output = run(&[&["jobs"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What the table has of one lcore.
fn lcore(table: &str, lcore: u8) -> String {
    let start = format!("lcore {lcore} ");
    let parts = table.split("\n\n").find(|part| part.starts_with(&start));
    parts.unwrap_or_default().trim_end().to_owned()
}

#[test]
fn without_a_scenario_it_is_the_whole_table() {
    assert_snapshot!(table(&[]), @"
    master: the control plane's core
      LOOP       1  cfgfile_reload        10ns idle,   10us a configuration
          Applies a changed configuration, or keeps the old one and says why.
      LOOP       2  timer_manage          20ns idle,  100ns a timer
          Runs the timers that are due.
      LOOP       3  kni_master_proc       20ns idle,  150ns a packet
          Carries packets to and from the kernel, on the master.
      LOOP       4  msg_master_job        10ns idle,  200ns a message
          Handles the messages to the master.
      LOOP       5  sockopt_job           10ns idle,    2us a request
          Serves the control plane's clients.
      LOOP       6  neigh_sync            20ns idle,  200ns a change
          Spreads static neighbours (master) and applies them (worker).
      LOOP       7  iftraf_ring_proc      20ns idle,   50ns a sample
          Sums up the traffic samples of all workers.

    worker: receives, forwards and transmits
      LOOP       1  qsch_sched            10ns idle,   60ns a packet
          Releases what traffic control holds back.
      LOOP       2  recv_fwd              50ns idle,  150ns a packet
          Drains the rings and the receive queues, and takes each packet along its path.
      LOOP       3  xmit                  10ns idle,   40ns a packet
          Bursts out what the transmit queues hold.
      LOOP       4  timer_manage          20ns idle,  100ns a timer
          Runs the timers that are due.
      LOOP       5  msg_slave_job         10ns idle,  200ns a message
          Handles the messages to a worker.
      LOOP       6  icmp_redirect_proc    10ns idle,  100ns a packet
          Takes the echoes that all workers hand to this one.
      SLOW/100   7  neigh_sync            20ns idle,  200ns a change
          Spreads static neighbours (master) and applies them (worker).
      SLOW/100   8  ipv4_frag             20ns idle,  100ns a datagram
          Gives up datagrams whose fragments stay away.

    isol_rx: polls receive queues for workers
      LOOP       1  isol_pkt_rcv          50ns idle,   30ns a packet
          Polls receive queues for workers.

    kni: carries packets to and from the kernel
      LOOP       1  kni_loop              20ns idle,  150ns a packet
          Carries packets to and from the kernel, on a core of its own.

    idle: enabled, but without a job
    ");
}

#[test]
fn with_a_scenario_it_says_what_each_job_drains_and_costs_there() {
    let table = table(&[SCENARIO]);
    assert_snapshot!(lcore(&table, 2), @"
    lcore 2 worker: receives, forwards and transmits
      LOOP       1  qsch_sched             2us idle,   60ns a packet
          Releases what traffic control holds back.
      LOOP       2  recv_fwd               2us idle,  150ns a packet
          Drains the rings and the receive queues, and takes each packet along its path.
          drains lan rx 1, wan rx 1, arp_ring
      LOOP       3  xmit                   2us idle,   40ns a packet
          Bursts out what the transmit queues hold.
          drains lan tx 1, wan tx 1
      LOOP       4  timer_manage           2us idle,  100ns a timer
          Runs the timers that are due.
      LOOP       5  msg_slave_job          2us idle,  200ns a message
          Handles the messages to a worker.
          drains msg_ring
      LOOP       6  icmp_redirect_proc     2us idle,  100ns a packet
          Takes the echoes that all workers hand to this one.
          drains icmp_redirect_ring
      SLOW/100   7  neigh_sync             2us idle,  200ns a change
          Spreads static neighbours (master) and applies them (worker).
          drains neigh_ring
      SLOW/100   8  ipv4_frag              2us idle,  100ns a datagram
          Gives up datagrams whose fragments stay away.
    ");
    assert_snapshot!([lcore(&table, 4), lcore(&table, 5), lcore(&table, 6)].join("\n"), @"
    lcore 4 isol_rx: polls receive queues for workers
      LOOP       1  isol_pkt_rcv          10us idle,   30ns a packet
          Polls receive queues for workers.
          drains lan rx 0
    lcore 5 kni: carries packets to and from the kernel
      LOOP       1  kni_loop              10us idle,  150ns a packet
          Carries packets to and from the kernel, on a core of its own.
          drains lan.kni rx 0, kni_ring of lan, lan tx 3, wan tx 3
    lcore 6 idle: enabled, but without a job
    ");
    assert!(!table.contains("kni_master_proc"), "there is an lcore for it:\n{table}");
    assert!(!table.contains("ran "), "nothing was run");
}

#[test]
fn after_a_run_it_says_what_each_job_did_on_either_backend() {
    let dpdk = table(&[SCENARIO, "--run"]);
    assert_snapshot!(lcore(&dpdk, 4), @"
    lcore 4 isol_rx: polls receive queues for workers
      LOOP       1  isol_pkt_rcv          10us idle,   30ns a packet
          Polls receive queues for workers.
          drains lan rx 0
          ran 700000 times, 14 with work: 14 items in 140420ns
    ");
    assert_eq!(table(&[SCENARIO, "--run", "--backend", "heap"]), dpdk);
}

#[test]
fn as_json_it_is_the_same_with_all_times_in_nanoseconds() {
    let json = table(&[SCENARIO, "--run", "--json"]);
    let (_, of_4) = json.split_once("\"lcore\": 4,").unwrap();
    let (of_4, _) = of_4.split_once("\"lcore\": 5,").unwrap();
    assert_snapshot!(of_4.lines().skip(1).take(22).collect::<Vec<_>>().join("\n"), @r#"
    "role": "isol_rx",
    "what": "polls receive queues for workers",
    "jobs": [
      {
        "type": "LOOP",
        "order": 1,
        "job": "isol_pkt_rcv",
        "idle_ns": 10000,
        "per_item_ns": 30,
        "item": "packet",
        "what": "Polls receive queues for workers.",
        "drains": [
          "lan rx 0"
        ],
        "run": {
          "runs": 700000,
          "with_work": 14,
          "items": 14,
          "busy_ns": 140420
        }
      }
    ]
    "#);
    assert!(!table(&["--json"]).contains("\"lcore\""), "without a scenario there are roles only");
}

#[test]
fn help_says_what_a_loop_of_jobs_is_and_mistakes_are_told() {
    let help = table(&["--help"]);
    for word in ["tick", "SLOW", "idle cost", "--run", "--json", "all-roles.toml"] {
        assert!(help.contains(word), "no {word} in\n{help}");
    }
    let code = |arguments: &[&str]| run(arguments).status.code();
    assert_eq!(code(&["jobs", "--run"]), Some(2), "a run needs a scenario");
    assert_eq!(code(&["jobs", SCENARIO, "--backend", "heap"]), Some(2), "a backend needs a run");
    assert_eq!(code(&["jobs", "no-such-file.toml"]), Some(3));
}
