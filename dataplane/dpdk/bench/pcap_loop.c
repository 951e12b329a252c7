/* pcap_loop IN OUT: net_pcap to net_pcap and nothing done to the packets: what a replay can at best
 * take with these drivers. */
#include "common.h"

int main(int argc, char **argv)
{
	struct rte_mbuf *burst[BURST];
	struct rte_mempool *pool;
	char args[8192];
	uint64_t began, packets = 0;
	uint16_t port, got;

	require(argc == 3, "usage: pcap_loop IN OUT:");
	start_dpdk();
	pool = make_pool(8191);
	began = now_ns();
	snprintf(args, sizeof(args), "rx_pcap=%s,tx_pcap=%s", argv[1], argv[2]);
	require(rte_vdev_init("net_pcap0", args) == 0, "rte_vdev_init");
	require(rte_eth_dev_get_port_by_name("net_pcap0", &port) == 0, "the port");
	start_port(port, pool);
	while ((got = rte_eth_rx_burst(port, 0, burst, BURST)) > 0) {
		require(rte_eth_tx_burst(port, 0, burst, got) == got, "rte_eth_tx_burst");
		packets += got;
	}
	rte_eth_dev_stop(port);
	rte_eth_dev_close(port);
	return report(began, packets);
}
