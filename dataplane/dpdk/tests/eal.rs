//! DPDK is one thread's, and the others go through it.

use dpdk::{Eal, EalError, LogLevel, Pool, Port, on_eal_thread};
use std::panic;
use std::path::Path;
use std::thread;

#[test]
fn the_version_is_the_one_that_was_built_against() {
    let version = on_eal_thread(Eal::version).unwrap();
    assert!(version.starts_with("DPDK "), "{version}");
}

#[test]
fn work_may_borrow_and_returns_its_result() {
    let numbers = vec![1, 2, 3];
    let mut seen: Vec<i32> = Vec::new();
    let sum = on_eal_thread(|_| {
        seen.extend(&numbers);
        numbers.iter().sum::<i32>()
    });
    assert_eq!(sum.unwrap(), 6);
    assert_eq!(seen, numbers);
}

#[test]
fn work_within_work_runs_at_once() {
    let inner = on_eal_thread(|_| on_eal_thread(|_| 7).unwrap());
    assert_eq!(inner.unwrap(), 7);
}

#[test]
fn another_thread_is_told_what_to_do() {
    on_eal_thread(|eal| assert!(Eal::get().is_ok(), "{eal:?}")).unwrap();
    let error = Eal::get().unwrap_err();
    assert_eq!(error, EalError::OtherThread);
    assert!(error.to_string().contains("on_eal_thread"), "{error}");
}

#[test]
fn a_panic_is_the_callers_alone() {
    let panic = panic::catch_unwind(|| {
        on_eal_thread(|eal| {
            // What the work held is freed on the way out.
            let pool = Pool::new(eal, 8).unwrap();
            let _frame = pool.alloc().unwrap();
            panic::resume_unwind(Box::new("the work's own words"));
        })
    });
    let words = panic.unwrap_err();
    assert_eq!(words.downcast_ref(), Some(&"the work's own words"));
    assert_eq!(on_eal_thread(|_| 1).unwrap(), 1);
}

#[test]
fn many_threads_take_turns() {
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let full = on_eal_thread(|eal| {
                        let pool = Pool::new(eal, 32).unwrap();
                        let frame = pool.alloc().unwrap();
                        let out = pool.in_use();
                        drop(frame);
                        out == 1 && pool.is_full()
                    });
                    assert!(full.unwrap());
                }
            });
        }
    });
}

#[test]
fn an_error_says_what_dpdk_logged() {
    let (quiet, loud) = on_eal_thread(|eal| {
        let pool = Pool::new(eal, 8).unwrap();
        let empty = Path::new("/dev/null");
        let fail = || Port::pcap(eal, &pool, &[empty], 1).unwrap_err().to_string();
        let quiet = fail();
        eal.set_log_level(LogLevel::Debug);
        let loud = fail();
        eal.set_log_level(LogLevel::Error);
        (quiet, loud)
    })
    .unwrap();
    assert!(quiet.contains("\n  DPDK: "), "{quiet}");
    assert!(!quiet.contains("Initializing"), "{quiet}");
    assert!(loud.contains("Initializing"), "{loud}");
    assert_eq!(loud.lines().next(), quiet.lines().next());
}
