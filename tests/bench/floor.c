/*
 * The least an established packet can cost, whoever writes the program: the headers are checked as eni_egress checks
 * them, an entry of the same size is looked up under the same key and counts the packet, the MACs of a routed frame are
 * written, and the frame is redirected. What eni_egress does beyond that (safe reading, generation, gates, anti-spoofing)
 * is not here: that is what the ratio is about.
 */
#include "bpf.h"

#define ETHERNET_LEN 14
#define IPV4_MIN_LEN 20
#define TCP_MIN_LEN 20
/* Up to the flags. */
#define TCP_SEEN_LEN 14
#define UDP_LEN 8
/* As much as eni_egress makes linear. */
#define HEADERS_LEN (ETHERNET_LEN + 60 + TCP_MIN_LEN)

#define ETHERTYPE_IPV4 0x0800
#define FRAGMENT 0x3fff
#define TCP 6
#define UDP 17

#define SWAPPED(number) __builtin_bswap16(number)

struct key {
	__u32 device_protocol;
	__u32 src;
	__u32 dst;
	/* Both in one word: the kernel's hash reads words, and a word written in halves keeps it waiting for both. */
	__u32 ports;
} __attribute__((aligned(8)));

/* established.rs has the same struct. The action is on the first cache line, the counters are on the second. */
struct entry {
	__u16 mac[3];
	__u16 routed;
	__u32 out;
	__u32 kind;
	__u8 unused_action[48];
	__u64 last_seen;
	__u64 packets;
	__u64 bytes;
	__u8 unused_state[40];
};

_Static_assert(sizeof(struct key) == 16, "the size of a flow's key");
_Static_assert(sizeof(struct entry) == 128, "the size of a flow's entry");

struct {
	NUMBER(type, BPF_MAP_TYPE_HASH);
	TYPE(key, struct key);
	TYPE(value, struct entry);
	NUMBER(max_entries, 131072);
} FLOOR_FLOWS SEC(".maps");

/* Not packed, although words in a frame are not aligned: the compiler would load packed ones byte by byte. */
struct ethernet {
	__u16 dst[3];
	__u16 src[3];
	__u16 type;
};

struct ipv4 {
	__u8 version_length;
	__u8 service;
	__u16 total_len;
	__u16 id;
	__u16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 checksum;
	__u32 src;
	__u32 dst;
};

struct transport {
	__u32 ports;
	__u16 udp_len;
	__u8 unused[6];
	__u8 tcp_data_offset;
	__u8 tcp_flags;
};

INLINE void *data_of(struct __sk_buff *skb)
{
	return (void *)(long)skb->data;
}

INLINE void *end_of(struct __sk_buff *skb)
{
	return (void *)(long)skb->data_end;
}

/* Whether the ports are there and the header makes sense. */
INLINE int parse_transport(struct __sk_buff *skb, __u32 offset, __u32 payload_len, struct key *key, __u8 protocol)
{
	struct transport *header = data_of(skb) + offset;
	__u32 tcp_len, udp_len;

	if (protocol == TCP) {
		if (payload_len < TCP_MIN_LEN || (void *)header + TCP_SEEN_LEN > end_of(skb))
			return 0;
		tcp_len = (header->tcp_data_offset >> 4) * 4;
		if (tcp_len < TCP_MIN_LEN || tcp_len > payload_len)
			return 0;
	} else if (protocol == UDP) {
		if (payload_len < UDP_LEN || (void *)header + UDP_LEN > end_of(skb))
			return 0;
		udp_len = SWAPPED(header->udp_len);
		if (udp_len < UDP_LEN || udp_len > payload_len)
			return 0;
	} else {
		return 0;
	}
	key->ports = header->ports;
	return 1;
}

/* Whether it is a packet that has a flow, and its key. */
INLINE int parse(struct __sk_buff *skb, struct key *key)
{
	__u32 wanted = skb->len < HEADERS_LEN ? skb->len : HEADERS_LEN;
	__u32 header_len, total_len;
	struct ethernet *ethernet;
	struct ipv4 *ip;

	if (skb->vlan_present)
		return 0;
	if (skb->data_end - skb->data < wanted)
		bpf_skb_pull_data(skb, wanted);
	ethernet = data_of(skb);
	ip = (void *)(ethernet + 1);
	if ((void *)(ip + 1) > end_of(skb))
		return 0;
	if (ethernet->type != SWAPPED(ETHERTYPE_IPV4))
		return 0;
	header_len = (ip->version_length & 15) * 4;
	total_len = SWAPPED(ip->total_len);
	if (ip->version_length >> 4 != 4 || header_len < IPV4_MIN_LEN || total_len < header_len ||
	    total_len > skb->len - ETHERNET_LEN || ip->fragment & SWAPPED(FRAGMENT))
		return 0;
	key->device_protocol = skb->ifindex << 8 | ip->protocol;
	key->src = ip->src;
	key->dst = ip->dst;
	return parse_transport(skb, ETHERNET_LEN + header_len, total_len - header_len, key, ip->protocol);
}

/* From the router to the entry's MAC. */
INLINE int readdress(struct __sk_buff *skb, const struct entry *entry)
{
	struct ethernet *frame = data_of(skb);

	if ((void *)(frame + 1) > end_of(skb))
		return 0;
	frame->dst[0] = entry->mac[0];
	frame->dst[1] = entry->mac[1];
	frame->dst[2] = entry->mac[2];
	frame->src[0] = SWAPPED(0x0267);
	frame->src[1] = SWAPPED(0x7000);
	frame->src[2] = SWAPPED(0x0001);
	return 1;
}

SEC("classifier") int floor_program(struct __sk_buff *skb)
{
	struct key key;
	struct entry *entry;
	__u64 now = bpf_jiffies64();

	if (!parse(skb, &key))
		return TC_ACT_SHOT;
	entry = bpf_map_lookup_elem(&FLOOR_FLOWS, &key);
	if (!entry)
		return TC_ACT_SHOT;
	__sync_fetch_and_add(&entry->packets, 1);
	__sync_fetch_and_add(&entry->bytes, skb->len);
	if (entry->last_seen != now)
		entry->last_seen = now;
	if (entry->routed && !readdress(skb, entry))
		return TC_ACT_SHOT;
	skb->cb[0] = entry->out;
	skb->cb[1] = entry->kind;
	skb->cb[2] = 0;
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(entry->out, 0);
}

/* What a test run costs by itself. */
SEC("classifier") int empty_program(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
