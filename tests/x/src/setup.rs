//! What has to be on the machine beside Rust, and how it gets there.
//!
//! Looking takes a few milliseconds; only what is missing is installed, with apt-get, as root or by
//! sudo. Where that cannot be done, the line to be run is printed and the exit code is 3.

use super::{ENVIRONMENT, Stop, finish, say};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Something that the build needs.
struct Need {
    /// Debian packages that bring it.
    packages: &'static [&'static str],
    /// What it is needed for.
    why: &'static str,
    /// Whether it is there.
    found: fn() -> bool,
}

const NEEDS: [Need; 7] = [
    Need {
        packages: &["gcc", "libc6-dev"],
        why: "a C compiler and linker: for DPDK's inline functions",
        found: || on_path("cc"),
    },
    Need {
        packages: &["pkg-config"],
        why: "tells where DPDK and libpcap are",
        found: || on_path("pkg-config"),
    },
    Need {
        packages: &["libdpdk-dev"],
        why: "DPDK 22.11 or later: mbufs, rings, and the pcap, ring and null ports",
        found: || pkg_config(&["--atleast-version=22.11", "libdpdk"]),
    },
    Need {
        packages: &["libpcap-dev"],
        why: "DPDK's pcap port reads captures with libpcap",
        found: || pkg_config(&["--exists", "libpcap"]),
    },
    Need {
        packages: &["libnuma-dev"],
        why: "DPDK's start-up code asks it for memory nodes",
        found: || pkg_config(&["--exists", "numa"]),
    },
    Need {
        packages: &["libbsd-dev"],
        why: "DPDK's string functions",
        found: || pkg_config(&["--exists", "libbsd"]),
    },
    Need {
        packages: &["libclang-dev"],
        why: "bindgen reads DPDK's headers with libclang",
        found: libclang,
    },
];

/// Beside those, only `cargo x bench` needs these, and only for some lines.
const TESTPMD: [Need; 1] = [Need {
    packages: &["dpdk-dev"],
    why: "dpdk-testpmd, which forwarding is compared with",
    found: || on_path("dpdk-testpmd"),
}];
const VALGRIND: [Need; 1] = [Need {
    packages: &["valgrind"],
    why: "callgrind counts instructions, memcheck looks at each access to memory",
    found: || on_path("valgrind"),
}];

/// And these only `cargo x fuzz`: libFuzzer is C++, and is built with the first target.
const FUZZ: [Need; 1] = [Need {
    packages: &["g++"],
    why: "libFuzzer, which cargo-fuzz links to each target, is C++",
    found: || on_path("c++"),
}];

/// And these only `cargo x record-kernel`.
const RECORD_KERNEL: [Need; 2] = [
    Need {
        packages: &["iproute2"],
        why: "ip sets the recorded router up: its devices, addresses, routes and neighbours",
        found: || on_path("ip"),
    },
    Need {
        packages: &["util-linux"],
        why: "unshare makes the network namespaces",
        found: || on_path("unshare"),
    },
];

/// And these only its virtual machine.
const KERNEL_VM: [Need; 3] = [
    Need {
        packages: &["qemu-system-x86"],
        why: "QEMU is the machine in which Debian's kernel runs",
        found: || on_path("qemu-system-x86_64"),
    },
    Need {
        packages: &["busybox-static"],
        why: "busybox is the first program of that machine",
        found: || on_path("busybox"),
    },
    Need {
        packages: &["cpio"],
        why: "cpio packs the first files of that machine",
        found: || on_path("cpio"),
    },
];

/// Installs what is missing to build. Does nothing, quickly, if nothing is.
pub(super) fn run() -> Result<(), Stop> {
    provide(&NEEDS)
}

/// The same for `dpdk-testpmd`.
pub(super) fn testpmd() -> Result<(), Stop> {
    provide(&TESTPMD)
}

/// The same for valgrind.
pub(super) fn valgrind() -> Result<(), Stop> {
    provide(&VALGRIND)
}

/// The same for cargo-fuzz.
pub(super) fn fuzz() -> Result<(), Stop> {
    provide(&FUZZ)
}

/// The same for the recorder of Linux.
pub(super) fn record_kernel() -> Result<(), Stop> {
    provide(&RECORD_KERNEL)
}

/// The same for the virtual machine of that recorder.
pub(super) fn kernel_vm() -> Result<(), Stop> {
    provide(&KERNEL_VM)
}

fn provide(needs: &[Need]) -> Result<(), Stop> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.found)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    say("missing on this machine:");
    for need in &missing {
        eprintln!("      {:<18} {}", need.packages.join(" "), need.why);
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
    install(&packages)?;
    let still: Vec<&str> =
        missing.iter().filter(|n| !(n.found)()).flat_map(|n| n.packages).copied().collect();
    if still.is_empty() {
        return Ok(());
    }
    eprintln!("still not found after the installation: {}", still.join(" "));
    Err(Stop::Code(ENVIRONMENT))
}

fn install(packages: &[&str]) -> Result<(), Stop> {
    let line = format!("apt-get update && apt-get install -y {}", packages.join(" "));
    if !on_path("apt-get") {
        eprintln!("there is no apt-get here; install what these Debian packages bring: {line}");
        return Err(Stop::Code(ENVIRONMENT));
    }
    let root = is_root();
    if !root && !on_path("sudo") {
        eprintln!("neither root nor sudo; have root run this once:\n\n  {line}\n");
        return Err(Stop::Code(ENVIRONMENT));
    }
    let update = ["apt-get", "update"];
    let install = ["apt-get", "install", "-y", "--no-install-recommends"];
    for args in [&update[..], &[&install[..], packages].concat()] {
        // By env, so that sudo passes it on: no package may ask questions.
        let mut words = if root { vec![] } else { vec!["sudo"] };
        words.extend(["env", "DEBIAN_FRONTEND=noninteractive"]);
        words.extend(args);
        let name = words.join(" ");
        say(&name);
        let done = finish(Command::new(words[0]).args(&words[1..]), &name);
        if done.is_err() {
            eprintln!("once the reason above is gone, this installs it by hand:\n\n  {line}\n");
            return Err(Stop::Code(ENVIRONMENT));
        }
    }
    Ok(())
}

pub(super) fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout == b"0\n")
}

/// Whether there is a program of this name.
fn on_path(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(name).is_file())
}

fn pkg_config(args: &[&str]) -> bool {
    let mut command = Command::new("pkg-config");
    command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether there is a libclang, and beside it the headers that the compiler brings itself.
fn libclang() -> bool {
    if env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let llvm = starting_with(Path::new("/usr/lib"), "llvm-");
    llvm.iter().any(|llvm| {
        let lib = llvm.join("lib");
        let headers = starting_with(&lib.join("clang"), "");
        !starting_with(&lib, "libclang.so").is_empty()
            && headers.iter().any(|version| version.join("include/stddef.h").is_file())
    })
}

/// What is in a directory and begins with these letters.
fn starting_with(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let names = entries.filter_map(Result::ok);
    let found = names.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    found.map(|entry| entry.path()).collect()
}
