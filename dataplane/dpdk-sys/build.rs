//! Makes the bindings from the installed headers, and links DPDK statically.
//!
//! Static, because a shared DPDK loads every driver there is at start (40 ms) and because a test
//! binary then runs where no DPDK is installed. The five driver libraries register themselves in
//! constructors that nothing refers to, so they are taken whole: without that all links, and
//! `rte_vdev_init` fails without a word.

use std::env;
use std::fmt::Display;
use std::panic;
use std::path::{Path, PathBuf};
use std::process;

/// The oldest DPDK whose headers have what `dpdk` uses.
const DPDK: &str = "22.11";

/// Libraries of which nothing is left out: drivers, their bus, the pools' ring.
const WHOLE: [&str; 5] =
    ["rte_mempool_ring", "rte_bus_vdev", "rte_net_ring", "rte_net_pcap", "rte_net_null"];
/// Libraries of which the linker takes what it needs, each before those that it needs.
const PARTS: [&str; 10] = [
    "rte_ip_frag",
    "rte_ethdev",
    "rte_net",
    "rte_meter",
    "rte_mbuf",
    "rte_mempool",
    "rte_ring",
    "rte_eal",
    "rte_telemetry",
    "rte_kvargs",
];
/// What those need of the system.
const SYSTEM: [&str; 3] = ["pcap", "numa", "bsd"];

const FUNCTIONS: &str = "dpdk_shim_.*\
    |rte_(eal_init|version|strerror|srand|log_set_(global_level|level_pattern))\
    |rte_(mempool_free|pktmbuf_alloc|pktmbuf_free)\
    |rte_ring_(create|free|count|get_capacity|sp_enqueue_burst|sc_dequeue_burst)\
    |rte_vdev_(init|uninit)|rte_eth_from_rings\
    |rte_eth_(rx_burst|tx_burst|rx_queue_setup|tx_queue_setup|stats_get)\
    |rte_eth_dev_(configure|start|stop|close|count_avail|get_port_by_name)\
    |rte_ip_frag_(table_create|table_destroy|free_death_row)|rte_ipv4_frag_reassemble_packet";
const TYPES: &str = "rte_(mbuf|eth_conf|eth_stats|ip_frag_death_row)";
const VARS: &str = "RING_F_(SP_ENQ|SC_DEQ|EXACT_SZ)|RTE_RING_SZ_MASK\
    |RTE_PKTMBUF_HEADROOM|RTE_MAX_ETHPORTS|RTE_PMD_RING_MAX_(RX|TX)_RINGS\
    |RTE_MEMPOOL_CACHE_MAX_SIZE|RTE_LOG_[A-Z]+|RTE_LIBRTE_IP_FRAG_MAX_FRAG";

fn main() {
    for file in ["wrapper.h", "shim.h", "shim.c"] {
        println!("cargo:rerun-if-changed={file}");
    }
    let includes = find_dpdk();
    let flags = compiler_flags();
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_else(|| fail("OUT_DIR is not set")));
    make_bindings(&includes, &flags, &out);
    compile_shim(&includes, &flags, &out);
    link();
}

/// The include paths of DPDK and libpcap. Only these: DPDK's own list of libraries names every
/// driver there is, and the linker's `--as-needed` would drop just the ones that we want.
fn find_dpdk() -> Vec<PathBuf> {
    let probe = |name: &str, version: &str| {
        pkg_config::Config::new()
            .atleast_version(version)
            .cargo_metadata(false)
            .probe(name)
            .unwrap_or_else(|error| fail(error))
    };
    probe("libpcap", "1.9");
    probe("libdpdk", DPDK).include_paths
}

/// What DPDK's headers want to be compiled with, and what the installed library was built for.
fn compiler_flags() -> Vec<&'static str> {
    let mut flags = vec!["-include", "rte_config.h"];
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64") {
        flags.push("-march=corei7");
    }
    flags
}

fn make_bindings(includes: &[PathBuf], flags: &[&str], out: &Path) {
    // bindgen panics when it finds no libclang: say what to install, too.
    let bindings = panic::catch_unwind(|| {
        bindgen::Builder::default()
            .header("wrapper.h")
            .clang_args(includes.iter().map(|path| format!("-I{}", path.display())))
            .clang_args(flags)
            .allowlist_function(FUNCTIONS)
            .allowlist_type(TYPES)
            .allowlist_var(VARS)
            .opaque_type("rte_mempool|rte_ring|rte_mempool_.*|rte_ip_frag_tbl")
            .default_enum_style(bindgen::EnumVariation::Consts)
            .rust_edition(bindgen::RustEdition::Edition2024)
            .derive_default(true)
            .layout_tests(false)
            .generate_comments(false)
            .wrap_static_fns(true)
            .wrap_static_fns_path(out.join("static_fns"))
            .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
            .generate()
    });
    let bindings = match bindings {
        Ok(Ok(bindings)) => bindings,
        Ok(Err(error)) => fail(error),
        Err(_) => fail("bindgen could not start: libclang is missing, or LIBCLANG_PATH is wrong"),
    };
    if let Err(error) = bindings.write_to_file(out.join("bindings.rs")) {
        fail(error);
    }
}

fn compile_shim(includes: &[PathBuf], flags: &[&str], out: &Path) {
    let mut build = cc::Build::new();
    build.file("shim.c").file(out.join("static_fns.c")).include(".").includes(includes);
    for flag in flags {
        build.flag(flag);
    }
    // At -O0 DPDK's inline functions do not inline, and a burst costs ten times as much. Warnings
    // are about DPDK's headers.
    if let Err(error) = build.opt_level(3).warnings(false).try_compile("dpdk_shim") {
        fail(error);
    }
}

fn link() {
    let folder = pkg_config::get_variable("libdpdk", "libdir").unwrap_or_else(|error| fail(error));
    if !Path::new(&folder).join("librte_eal.a").exists() {
        fail(format_args!(
            "there is no librte_eal.a in {folder}: DPDK's static libraries are missing"
        ));
    }
    println!("cargo:rustc-link-search=native={folder}");
    for name in WHOLE {
        println!("cargo:rustc-link-lib=static:+whole-archive,-bundle={name}");
    }
    for name in PARTS {
        println!("cargo:rustc-link-lib=static:-bundle={name}");
    }
    for name in SYSTEM {
        println!("cargo:rustc-link-lib=dylib={name}");
    }
}

fn fail(error: impl Display) -> ! {
    eprintln!(
        "\n{error}\n\n\
         dpdk-sys needs DPDK {DPDK} or later with its headers and static libraries, libpcap's\n\
         headers, and libclang to read them. On Debian and Ubuntu:\n\n    \
         apt-get install libdpdk-dev libclang-dev libpcap-dev pkg-config\n\n\
         A DPDK elsewhere is found through PKG_CONFIG_PATH, a libclang through LIBCLANG_PATH.\n"
    );
    process::exit(1);
}
