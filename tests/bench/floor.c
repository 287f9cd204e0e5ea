/*
 * The least that the same thing can cost, whoever writes the program: the headers are checked as eni_egress checks them,
 * the same questions are asked of the same tables, entries of the same size are written under the same keys, the MACs are
 * written, and the frame is redirected. What Groundplane does beyond that (safe reading, generations, gates, walks that
 * may be eight hops long, taking out what has expired) is not here: that is what the ratio is about.
 */
#include "tables.h"

#define UDP_LEN 8
#define TCP_MIN_LEN 20
/* Up to the flags. */
#define TCP_SEEN_LEN 14
#define FRAGMENT 0x3fff
#define TCP 6
#define UDP 17
/* FIN, SYN, RST: no packet of an established connection has them. */
#define TCP_STATE 7

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

struct ipv6 {
	__u8 version_class;
	__u8 class_label[3];
	__u16 payload_len;
	__u8 next_header;
	__u8 hop_limit;
	__u32 src[4];
	__u32 dst[4];
};

struct transport {
	__u32 ports;
	__u16 udp_len;
	__u8 unused[6];
	__u8 tcp_data_offset;
	__u8 tcp_flags;
};

/* What a routed packet looks like when it leaves: from the router to the entry's MAC. */
INLINE int readdress(struct __sk_buff *skb, const struct delivery *delivery)
{
	const __u16 *mac = (const __u16 *)delivery->far_mac;
	struct ethernet *frame = data_of(skb);

	if ((void *)(frame + 1) > end_of(skb))
		return 0;
	frame->dst[0] = mac[0];
	frame->dst[1] = mac[1];
	frame->dst[2] = mac[2];
	frame->src[0] = SWAPPED(0x0267);
	frame->src[1] = SWAPPED(0x7000);
	frame->src[2] = SWAPPED(0x0001);
	return 1;
}

INLINE void leave_note(struct __sk_buff *skb, const struct delivery *delivery)
{
	skb->cb[0] = delivery->out;
	skb->cb[1] = delivery->kind;
	skb->cb[2] = 0;
}

INLINE int hand_over(struct __sk_buff *skb, const struct delivery *delivery)
{
	leave_note(skb, delivery);
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(delivery->out, 0);
}

INLINE int deliver(struct __sk_buff *skb, const struct delivery *delivery)
{
	if (delivery->flags & FLAG_ROUTED && !readdress(skb, delivery))
		return TC_ACT_SHOT;
	return hand_over(skb, delivery);
}

#define FAMILY 4
#define OF(name) name##4
#include "family.h"
#undef FAMILY
#undef OF
#define FAMILY 6
#define OF(name) name##6
#include "family.h"

_Static_assert(sizeof(struct key4) == 16, "the size of a flow's key");
_Static_assert(sizeof(struct entry4) == 128, "the size of a flow's entry");
_Static_assert(sizeof(struct key6) == 40, "the size of a flow's key");
_Static_assert(sizeof(struct entry6) == 176, "the size of a flow's entry");

/* 0 if the frame is too short. */
INLINE __u16 ethertype(struct __sk_buff *skb)
{
	struct ethernet *frame = data_of(skb);

	return (void *)(frame + 1) > end_of(skb) ? 0 : SWAPPED(frame->type);
}

#include "translated.h"

#define PROGRAM(name) \
	SEC("classifier") int name(struct __sk_buff *skb) \
	{ \
		__u16 type = ethertype(skb); \
\
		if (type == ETHERTYPE_IPV4) \
			return name##4(skb); \
		if (type == ETHERTYPE_IPV6) \
			return name##6(skb); \
		return TC_ACT_SHOT; \
	}

PROGRAM(established)
PROGRAM(first)
PROGRAM(reply)

/* Of a connection through a gateway that translates: from a guest, and from outside. */
SEC("classifier") int translated(struct __sk_buff *skb)
{
	return through_gateway(skb, skb->ifindex);
}

SEC("classifier") int translated_back(struct __sk_buff *skb)
{
	return through_gateway(skb, INTERNET);
}

/* What a test run costs by itself. */
SEC("classifier") int empty(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
