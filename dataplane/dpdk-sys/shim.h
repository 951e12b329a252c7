/* What C offers as a macro, a thread-local or a callback, as functions that Rust can call. */
#ifndef DPDK_SHIM_H
#define DPDK_SHIM_H

#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

/* rte_errno of the calling thread: a macro over a thread-local. */
int dpdk_shim_errno(void);
void dpdk_shim_set_errno(int value);

/* Makes DPDK log into memory instead of stderr and syslog. Call it before rte_eal_init.
 * Returns 0, or -1 with errno set. */
int dpdk_shim_log_capture(void);
/* Moves what was logged since the last call to `into`, at most `room` bytes; returns how many. */
size_t dpdk_shim_log_take(char *into, size_t room);
/* The most that there can be to take. */
size_t dpdk_shim_log_room(void);

/* Writes the numbers of the CPUs that the calling thread may run on, in order; returns how many
 * there are (which may be more than `room`), or -1 with errno set. */
int dpdk_shim_cpus(unsigned int *into, unsigned int room);

/* An mbuf pool without the page-aligned stride that --no-huge otherwise gives each buffer
 * (RTE_MEMPOOL_F_NO_IOVA_CONTIG), for one thread, with all data rooms zeroed.
 * Returns NULL with rte_errno set. */
struct rte_mempool *dpdk_shim_pool_create(const char *name, unsigned int count, unsigned int cache,
		uint16_t private_size, uint16_t data_room);
/* The buffers in the pool and in the calling lcore's cache of it, but in no other lcore's. */
unsigned int dpdk_shim_pool_available(struct rte_mempool *pool);

/* Says how long the Ethernet and the IPv4 header of a packet are: bit fields of a union. */
void dpdk_shim_header_lens(struct rte_mbuf *mbuf, uint8_t l2, uint16_t l3);

#endif
