//! A device of DPDK under a number and a name, from its creation to its end.
//!
//! Invariant: the number is this device's as long as the value lives.

use crate::error::{Attempt, Cause};
use crate::mbuf::Mbuf;
use crate::pool::Memory;
use dpdk_sys::{rte_eth_conf, rte_eth_stats};
use std::ffi::{CStr, CString};
use std::ptr;

/// Descriptors of a queue. No driver here has any; DPDK wants a number within 1..=65535.
const DESCRIPTORS: u16 = 512;

#[derive(Debug)]
pub(crate) struct Device {
    id: u16,
    name: CString,
}

impl Device {
    /// Makes a virtual device: the beginning of its name says of which driver.
    pub(crate) fn new(name: CString, args: &CStr) -> Result<Device, Cause> {
        let attempt = Attempt::new("rte_vdev_init");
        // SAFETY: both are texts that the call copies.
        let code = unsafe { dpdk_sys::rte_vdev_init(name.as_ptr(), args.as_ptr()) };
        attempt.code(code)?;
        let mut device = Device { id: u16::MAX, name };
        let attempt = Attempt::new("rte_eth_dev_get_port_by_name");
        // SAFETY: the name is a text, the number is written once.
        let code = unsafe {
            dpdk_sys::rte_eth_dev_get_port_by_name(device.name.as_ptr(), &raw mut device.id)
        };
        attempt.code(code)?;
        Ok(device)
    }

    /// Takes over a device that DPDK made.
    pub(crate) fn of(id: u16, name: CString) -> Device {
        Device { id, name }
    }

    /// Sets up its queues and starts it.
    pub(crate) fn start(&self, rx: u16, tx: u16, pool: &Memory) -> Result<(), Cause> {
        let conf = rte_eth_conf::default();
        let attempt = Attempt::new("rte_eth_dev_configure");
        // SAFETY: the configuration is a whole one, all defaults, and is copied.
        let code = unsafe { dpdk_sys::rte_eth_dev_configure(self.id, rx, tx, &raw const conf) };
        attempt.code(code)?;
        for queue in 0..rx {
            self.start_rx(queue, pool)?;
        }
        for queue in 0..tx {
            let attempt = Attempt::new("rte_eth_tx_queue_setup");
            // SAFETY: without a configuration the driver's default is taken.
            let code = unsafe {
                dpdk_sys::rte_eth_tx_queue_setup(self.id, queue, DESCRIPTORS, 0, ptr::null())
            };
            attempt.code(code)?;
        }
        let attempt = Attempt::new("rte_eth_dev_start");
        // SAFETY: the device is configured, and its pool outlives it (see `Port`).
        let code = unsafe { dpdk_sys::rte_eth_dev_start(self.id) };
        attempt.code(code)?;
        Ok(())
    }

    fn start_rx(&self, queue: u16, pool: &Memory) -> Result<(), Cause> {
        let attempt = Attempt::new("rte_eth_rx_queue_setup");
        // SAFETY: without a configuration the driver's default is taken; the pool outlives the
        // device (see `Port`).
        let code = unsafe {
            dpdk_sys::rte_eth_rx_queue_setup(
                self.id,
                queue,
                DESCRIPTORS,
                0,
                ptr::null(),
                pool.as_ptr(),
            )
        };
        attempt.code(code)?;
        Ok(())
    }

    /// Appends up to `max` received buffers to `into`. The queue is one that was set up.
    pub(crate) fn rx_burst(&self, queue: u16, into: &mut Vec<Mbuf>, max: usize) -> usize {
        let max = u16::try_from(max).unwrap_or(u16::MAX);
        into.reserve(max.into());
        let room = into.spare_capacity_mut().as_mut_ptr().cast();
        // SAFETY: the device is started, its queue exists, and there is room for `max` pointers.
        let got = unsafe { dpdk_sys::rte_eth_rx_burst(self.id, queue, room, max) };
        let got = usize::from(got);
        // SAFETY: the driver wrote `got` buffers behind the last, where room was reserved, and gave
        // them up: each is ours now.
        unsafe { into.set_len(into.len() + got) };
        got
    }

    /// Offers buffers to a queue that was set up and returns how many from the front the driver
    /// took. Those are its own from here on: the caller must forget them.
    pub(crate) fn tx_burst(&self, queue: u16, from: &mut [Mbuf]) -> usize {
        let count = u16::try_from(from.len()).unwrap_or(u16::MAX);
        let buffers = from.as_mut_ptr().cast();
        // SAFETY: the device is started, its queue exists, and these are `count` pointers to whole
        // buffers that nobody else owns.
        let taken = unsafe { dpdk_sys::rte_eth_tx_burst(self.id, queue, buffers, count) };
        taken.into()
    }

    pub(crate) fn stats(&self) -> rte_eth_stats {
        let mut stats = rte_eth_stats::default();
        // SAFETY: the device exists, and `stats` is written to as a whole or not at all. It fails
        // only where a driver has no counters, and then zeros are the answer.
        unsafe { dpdk_sys::rte_eth_stats_get(self.id, &raw mut stats) };
        stats
    }
}

impl Drop for Device {
    /// None of this can be helped when it fails, and none of it fails for a device that exists.
    fn drop(&mut self) {
        if self.id != u16::MAX {
            // SAFETY: the device exists; one that never started is left alone.
            unsafe { dpdk_sys::rte_eth_dev_stop(self.id) };
            // SAFETY: the device is stopped, and this value is the only one that knows it.
            unsafe { dpdk_sys::rte_eth_dev_close(self.id) };
        }
        // SAFETY: the name is the one that it was made under.
        unsafe { dpdk_sys::rte_vdev_uninit(self.name.as_ptr()) };
    }
}

/// Devices that there are in this process.
pub(crate) fn count() -> u16 {
    // SAFETY: takes nothing, returns a number.
    unsafe { dpdk_sys::rte_eth_dev_count_avail() }
}
