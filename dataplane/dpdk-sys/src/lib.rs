//! Raw bindings to DPDK, made by bindgen from the installed headers; the crate `dpdk` makes them
//! safe, and nothing else uses them.
//!
//! Functions that are `static inline` in C are called through wrappers that bindgen writes;
//! macros, thread-locals and callbacks through `shim.c`. No layout is mirrored by hand.

#![allow(missing_docs, non_camel_case_types, non_snake_case, non_upper_case_globals)]
#![allow(clippy::all, clippy::pedantic, unsafe_op_in_unsafe_fn)]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
