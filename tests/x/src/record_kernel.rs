//! `cargo x record-kernel`: cases put to this machine's Linux, and what it did as files.
//!
//! Builds the recorder and starts it in a network namespace: as root, or as root of a user namespace
//! where the machine lets one have that. The namespace has no name, and ends with the processes in it.
//! Or starts it in a virtual machine with Debian's kernel.
//!
//! Not here: the cases and the recorder (`fixtures/kernel`), the comparison (`conformance` in `tests`).

use super::{ENVIRONMENT, Stop, cargo, finish, root, say, setup, target};
use std::process::{Command, Stdio};

const HELP: &str = "\
cargo x record-kernel [CASE…] [--vm | --list]

  Puts the cases of fixtures/kernel/cases/*.toml to the Linux kernel of this machine and writes what
  it did to pcaps/kernel/GROUP.pcapng: all of them, or only those that are named, whose recordings
  are replaced. The tests then compare it with what the box does.

  CASE    a group (ttl), a case of one (ttl/ttl-1), or a case by its name alone (ttl-1);
          what is named is shown frame by frame: `<` what the router received, `>` what it sent
  --vm    put them to Debian's kernel instead, in a virtual machine (QEMU): where this machine's kernel
          has no VLAN devices, or gives no namespaces; neither root nor KVM is needed
  --list  all groups and cases, with what they ask

The router is set up in network namespaces that go away by themselves; the machine's own network is
not touched. They need root, or a kernel that gives users namespaces of their own.

Examples:
  cargo x record-kernel
  cargo x record-kernel ttl fragments/teardrop
  cargo x record-kernel --vm vlan

To add a case: docs/kernel.md.

Exit codes: 0 recorded, 1 a case could not be, 2 the cases are wrong or none has this name,
3 the set-up is not possible, 130 stopped by Ctrl-C.
";

const BUILD: [&str; 6] = ["build", "--quiet", "--package", "kernel", "--bin", "record-kernel"];
const VM: &str = "fixtures/kernel/vm.sh";
const PLAIN: &[&str] = &["unshare", "--net"];
const AS_USER: &[&str] = &["unshare", "--user", "--map-root-user", "--net"];

pub(super) fn run(args: &[&str]) -> Result<(), Stop> {
    if args.iter().any(|arg| matches!(*arg, "--help" | "-h" | "help")) {
        print!("{HELP}");
        return Ok(());
    }
    setup::run()?;
    setup::record_kernel()?;
    cargo(&BUILD, &[])?;
    let recorder = target().join("debug/record-kernel").to_string_lossy().into_owned();
    let vm = root().join(VM).to_string_lossy().into_owned();
    let (in_vm, args): (Vec<&str>, Vec<&str>) = args.iter().partition(|arg| **arg == "--vm");
    let alone = match (in_vm.is_empty(), args.contains(&"--list")) {
        (_, true) => &[],
        (true, false) => namespace(&args)?,
        (false, false) => {
            setup::kernel_vm()?;
            &[vm.as_str()][..]
        }
    };
    let words: Vec<&str> = [alone, &[recorder.as_str()], &args].concat();
    finish(Command::new(words[0]).args(&words[1..]), &format!("record-kernel {}", args.join(" ")))
}

/// The words that start a program in a network namespace.
fn namespace(args: &[&str]) -> Result<&'static [&'static str], Stop> {
    let first = if setup::is_root() { [PLAIN, AS_USER] } else { [AS_USER, PLAIN] };
    for words in first {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
        if command.status().is_ok_and(|status| status.success()) {
            return Ok(words);
        }
    }
    if setup::is_root() {
        say("this machine gives no network namespaces, not even to root: a container, perhaps");
    } else {
        say("network namespaces need root here; run this once:");
        let args = args.join(" ");
        eprintln!("\n  sudo env \"PATH=$PATH\" cargo x record-kernel {args}\n");
    }
    Err(Stop::Code(ENVIRONMENT))
}
