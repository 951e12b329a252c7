#include "wrapper.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

int dpdk_shim_errno(void)
{
	return rte_errno;
}

void dpdk_shim_set_errno(int value)
{
	rte_errno = value;
}

/* The FILE's own lock guards these: DPDK's interrupt thread may log, too. */
static FILE *log_stream;
static char log_text[16384];
static size_t log_used;

static ssize_t log_write(void *cookie, const char *from, size_t n)
{
	size_t room = sizeof(log_text) - log_used;
	size_t kept = n < room ? n : room;

	(void)cookie;
	/* When it is full, what came first stays: the first error is the one that tells most. */
	memcpy(log_text + log_used, from, kept);
	log_used += kept;
	return (ssize_t)n;
}

int dpdk_shim_log_capture(void)
{
	cookie_io_functions_t calls = { .write = log_write };

	if (log_stream != NULL)
		return 0;
	log_stream = fopencookie(NULL, "w", calls);
	if (log_stream == NULL)
		return -1;
	setvbuf(log_stream, NULL, _IOLBF, 0);
	return rte_openlog_stream(log_stream);
}

size_t dpdk_shim_log_take(char *into, size_t room)
{
	size_t n;

	if (log_stream == NULL)
		return 0;
	flockfile(log_stream);
	fflush_unlocked(log_stream);
	n = log_used < room ? log_used : room;
	memcpy(into, log_text, n);
	log_used = 0;
	funlockfile(log_stream);
	return n;
}

size_t dpdk_shim_log_room(void)
{
	return sizeof(log_text);
}

int dpdk_shim_cpus(unsigned int *into, unsigned int room)
{
	cpu_set_t set;
	unsigned int count = 0;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return -1;
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		if (count < room)
			into[count] = cpu;
		count++;
	}
	return (int)count;
}

/* What a buffer's first reader sees must not depend on who had the memory before. */
static void zero_data(struct rte_mempool *pool, void *opaque, void *object, unsigned int index)
{
	struct rte_mbuf *mbuf = object;

	(void)pool;
	(void)opaque;
	(void)index;
	memset(mbuf->buf_addr, 0, mbuf->buf_len);
}

struct rte_mempool *dpdk_shim_pool_create(const char *name, unsigned int count, unsigned int cache,
		uint16_t private_size, uint16_t data_room)
{
	struct rte_pktmbuf_pool_private sizes = {
		.mbuf_data_room_size = data_room,
		.mbuf_priv_size = private_size,
	};
	unsigned int size = sizeof(struct rte_mbuf) + private_size + data_room;
	struct rte_mempool *pool;
	int got;

	pool = rte_mempool_create_empty(name, count, size, cache, sizeof(sizes), SOCKET_ID_ANY,
			RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (pool == NULL)
		return NULL;
	got = rte_mempool_set_ops_byname(pool, "ring_sp_sc", NULL);
	if (got == 0) {
		rte_pktmbuf_pool_init(pool, &sizes);
		got = rte_mempool_populate_default(pool);
	}
	if (got < 0) {
		rte_mempool_free(pool);
		rte_errno = -got;
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	rte_mempool_obj_iter(pool, zero_data, NULL);
	return pool;
}

unsigned int dpdk_shim_pool_available(struct rte_mempool *pool)
{
	struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, rte_lcore_id());

	return rte_mempool_ops_get_count(pool) + (cache != NULL ? cache->len : 0);
}

void dpdk_shim_header_lens(struct rte_mbuf *mbuf, uint8_t l2, uint16_t l3)
{
	mbuf->l2_len = l2;
	mbuf->l3_len = l3;
}
