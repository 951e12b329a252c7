/* What the peers of `cargo x bench` share: DPDK's start, a pool, a clock. */
#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BURST = 32 };

static inline void require(int good, const char *what)
{
	if (!good) {
		fprintf(stderr, "%s failed\n", what);
		exit(1);
	}
}

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* As Lockstep starts it: one lcore, on every CPU that we may use; `-l 0` would pin us to CPU 0. */
static inline void start_dpdk(void)
{
	static char lcores[4096] = "--lcores=0@(";
	static char *args[] = { "bench", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
		"-m", "128", "--log-level", "4", lcores };
	size_t used = strlen(lcores);
	cpu_set_t cpus;

	require(sched_getaffinity(0, sizeof(cpus), &cpus) == 0, "sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			used += (size_t)snprintf(lcores + used, sizeof(lcores) - used, "%d,", cpu);
	lcores[used - 1] = ')';
	require(rte_eal_init(RTE_DIM(args), args) >= 0, "rte_eal_init");
}

/* The same layout as Lockstep's: buffers beside each other and not each on a page of its own. */
static inline struct rte_mempool *make_pool(unsigned int count)
{
	struct rte_pktmbuf_pool_private sizes = { .mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE };
	struct rte_mempool *pool = rte_mempool_create_empty("pool", count,
			sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, 256, sizeof(sizes),
			SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);

	require(pool != NULL, "rte_mempool_create_empty");
	require(rte_mempool_set_ops_byname(pool, "ring_sp_sc", NULL) == 0, "ring_sp_sc");
	rte_pktmbuf_pool_init(pool, &sizes);
	require(rte_mempool_populate_default(pool) > 0, "rte_mempool_populate_default");
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

static inline void start_port(uint16_t port, struct rte_mempool *pool)
{
	static const struct rte_eth_conf conf;

	require(rte_eth_dev_configure(port, 1, 1, &conf) == 0, "rte_eth_dev_configure");
	require(rte_eth_rx_queue_setup(port, 0, 512, 0, NULL, pool) == 0, "rte_eth_rx_queue_setup");
	require(rte_eth_tx_queue_setup(port, 0, 512, 0, NULL) == 0, "rte_eth_tx_queue_setup");
	require(rte_eth_dev_start(port) == 0, "rte_eth_dev_start");
}

/* `<nanoseconds> <items>`, as the workloads of sim/examples/bench print it. */
static inline int report(uint64_t began, uint64_t items)
{
	printf("%" PRIu64 " %" PRIu64 "\n", now_ns() - began, items);
	return items == 0;
}
