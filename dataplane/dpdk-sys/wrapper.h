/* What the bindings are made of: see build.rs for the names that are let through. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip_frag.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_random.h>
#include <rte_ring.h>
#include <rte_version.h>

#include "shim.h"
