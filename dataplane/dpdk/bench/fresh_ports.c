/* fresh_ports: two ring ports and their four rings are made, ten packets go through, all is undone
 * again; the pool stays. What a scenario of ten packets costs without any dataplane. */
#include "common.h"

enum { RUNS = 20000, PACKETS = 10 };

static uint16_t make_port(const char *name, struct rte_ring **rx, struct rte_ring **tx,
		struct rte_mempool *pool)
{
	char rings[2][RTE_RING_NAMESIZE];
	int port;

	snprintf(rings[0], sizeof(rings[0]), "%s_rx", name);
	snprintf(rings[1], sizeof(rings[1]), "%s_tx", name);
	*rx = rte_ring_create(rings[0], 256, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	*tx = rte_ring_create(rings[1], 512, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	require(*rx != NULL && *tx != NULL, "rte_ring_create");
	port = rte_eth_from_rings(name, rx, 1, tx, 1, 0);
	require(port >= 0, "rte_eth_from_rings");
	start_port((uint16_t)port, pool);
	return (uint16_t)port;
}

static void end_port(const char *name, uint16_t port, struct rte_ring *rx, struct rte_ring *tx)
{
	char device[64];

	snprintf(device, sizeof(device), "net_ring_%s", name);
	rte_eth_dev_stop(port);
	rte_eth_dev_close(port);
	require(rte_vdev_uninit(device) == 0, "rte_vdev_uninit");
	rte_ring_free(rx);
	rte_ring_free(tx);
}

static void run(struct rte_mempool *pool)
{
	struct rte_ring *lan_rx, *lan_tx, *wan_rx, *wan_tx;
	uint16_t lan = make_port("lan", &lan_rx, &lan_tx, pool);
	uint16_t wan = make_port("wan", &wan_rx, &wan_tx, pool);
	struct rte_mbuf *packets[PACKETS];

	require(rte_pktmbuf_alloc_bulk(pool, packets, PACKETS) == 0, "rte_pktmbuf_alloc_bulk");
	for (int i = 0; i < PACKETS; i++)
		rte_pktmbuf_append(packets[i], 60);
	rte_ring_sp_enqueue_bulk(lan_rx, (void **)packets, PACKETS, NULL);
	require(rte_eth_rx_burst(lan, 0, packets, PACKETS) == PACKETS, "rte_eth_rx_burst");
	require(rte_eth_tx_burst(wan, 0, packets, PACKETS) == PACKETS, "rte_eth_tx_burst");
	rte_ring_sc_dequeue_bulk(wan_tx, (void **)packets, PACKETS, NULL);
	rte_pktmbuf_free_bulk(packets, PACKETS);
	end_port("lan", lan, lan_rx, lan_tx);
	end_port("wan", wan, wan_rx, wan_tx);
}

int main(void)
{
	struct rte_mempool *pool;
	uint64_t began;

	start_dpdk();
	pool = make_pool(1023);
	for (int i = 0; i < RUNS / 10; i++)
		run(pool);
	began = now_ns();
	for (int i = 0; i < RUNS; i++)
		run(pool);
	return report(began, RUNS);
}
