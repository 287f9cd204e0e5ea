/*
 * Makes of one frame many packets: writes the ports and goes on in the program that is measured. A test run that is
 * repeated finds the frame as the run before has left it, so it alone would send the same packet again and again.
 */
#include "bpf.h"

/* What the ports are made of: the first 16 bits are one port, the rest is added to the other. */
struct ports {
	/* The number of the next packet, or how many numbers there are to choose from. */
	__u32 number;
	/* The port that the rest is added to. */
	__u16 base;
	/* The packets are answers: the ports change places. */
	__u16 answers;
};

struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	TYPE(key, __u32);
	TYPE(value, struct ports);
	NUMBER(max_entries, 1);
} PORTS SEC(".maps");

struct {
	NUMBER(type, BPF_MAP_TYPE_PROG_ARRAY);
	TYPE(key, __u32);
	TYPE(value, __u32);
	NUMBER(max_entries, 1);
} MEASURED SEC(".maps");

INLINE int go_on(struct __sk_buff *skb, __u32 number, const struct ports *ports)
{
	__u16 low = SWAPPED((__u16)number), high = SWAPPED((__u16)(ports->base + (number >> 16)));
	__u32 offset = skb->protocol == SWAPPED(ETHERTYPE_IPV6) ? ETHERNET_LEN + 40 : ETHERNET_LEN + 20;
	__u16 *place = data_of(skb) + offset;

	if ((void *)(place + 2) > end_of(skb))
		return TC_ACT_SHOT;
	place[0] = ports->answers ? high : low;
	place[1] = ports->answers ? low : high;
	bpf_tail_call(skb, &MEASURED, 0);
	return TC_ACT_SHOT;
}

SEC("classifier") int at_random(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct ports *ports = bpf_map_lookup_elem(&PORTS, &zero);

	if (!ports)
		return TC_ACT_SHOT;
	return go_on(skb, (__u64)bpf_get_prandom_u32() * ports->number >> 32, ports);
}

SEC("classifier") int in_turn(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct ports *ports = bpf_map_lookup_elem(&PORTS, &zero);

	if (!ports)
		return TC_ACT_SHOT;
	return go_on(skb, ports->number++, ports);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
