/* ip_frag COUNT BYTES order|reversed: datagrams of COUNT fragments of BYTES each, put together by
 * librte_ip_frag. Making the fragments and freeing the datagram is measured, too. The library takes
 * eight fragments at most. */
#include "common.h"
#include <rte_ip.h>
#include <rte_ip_frag.h>

enum { DATAGRAMS = 200000 };

static struct rte_mbuf *fragment(struct rte_mempool *pool, uint16_t id, unsigned int index,
		unsigned int count, uint16_t bytes)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	uint16_t offset = (uint16_t)(index * bytes / 8);
	struct rte_ipv4_hdr *ip;

	require(mbuf != NULL, "rte_pktmbuf_alloc");
	ip = (struct rte_ipv4_hdr *)rte_pktmbuf_append(mbuf, (uint16_t)(sizeof(*ip) + bytes));
	require(ip != NULL, "rte_pktmbuf_append");
	memset(ip, 0, sizeof(*ip));
	memset(ip + 1, 0xa5, bytes);
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + bytes));
	ip->packet_id = rte_cpu_to_be_16(id);
	ip->fragment_offset = rte_cpu_to_be_16(
			(uint16_t)(offset | (index + 1 < count ? RTE_IPV4_HDR_MF_FLAG : 0)));
	ip->time_to_live = 64;
	ip->next_proto_id = 17;
	ip->src_addr = rte_cpu_to_be_32(0xc6336407);
	ip->dst_addr = rte_cpu_to_be_32(0xc0000209);
	mbuf->l2_len = 0;
	mbuf->l3_len = sizeof(*ip);
	return mbuf;
}

int main(int argc, char **argv)
{
	struct rte_ip_frag_death_row dead = { .cnt = 0 };
	struct rte_ip_frag_tbl *table;
	struct rte_mempool *pool;
	unsigned int count;
	uint64_t began, whole = 0;
	uint16_t bytes;
	int reversed;

	require(argc == 4, "usage: ip_frag COUNT BYTES order|reversed:");
	count = (unsigned int)atoi(argv[1]);
	bytes = (uint16_t)atoi(argv[2]);
	reversed = strcmp(argv[3], "reversed") == 0;
	start_dpdk();
	pool = make_pool(8191);
	table = rte_ip_frag_table_create(1024, 16, 1024 * 16, UINT64_MAX / 2, SOCKET_ID_ANY);
	require(table != NULL, "rte_ip_frag_table_create");
	began = now_ns();
	for (unsigned int n = 0; n < DATAGRAMS; n++) {
		for (unsigned int i = 0; i < count; i++) {
			unsigned int index = reversed ? count - 1 - i : i;
			struct rte_mbuf *mbuf = fragment(pool, (uint16_t)n, index, count, bytes);
			struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, struct rte_ipv4_hdr *);

			mbuf = rte_ipv4_frag_reassemble_packet(table, &dead, mbuf, n, ip);
			if (mbuf != NULL) {
				rte_pktmbuf_free(mbuf);
				whole++;
			}
			rte_ip_frag_free_death_row(&dead, 3);
		}
	}
	require(whole == DATAGRAMS, "putting every datagram together");
	return report(began, (uint64_t)DATAGRAMS * count);
}
