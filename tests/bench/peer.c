/*
 * The limit of what a stream can reach between two namespaces: redirects and nothing else.
 *
 * Guests address their frames to the router's MAC, which is that of the host side of every veth pair, so the kernel has
 * marked them as its own already: neither packet type nor MACs need a change.
 */
#include "bpf.h"

/* From the device a packet comes in by to the one it goes to. */
struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	TYPE(key, __u32);
	TYPE(value, __u32);
	NUMBER(max_entries, 1024);
} PEERS SEC(".maps");

SEC("classifier") int redirect_to_peer(struct __sk_buff *skb)
{
	__u32 in = skb->ifindex;
	__u32 *out = bpf_map_lookup_elem(&PEERS, &in);

	if (!out)
		return TC_ACT_SHOT;
	return bpf_redirect_peer(*out, 0);
}

/* Out of the device itself, as what leaves by an uplink goes. */
SEC("classifier") int redirect(struct __sk_buff *skb)
{
	__u32 in = skb->ifindex;
	__u32 *out = bpf_map_lookup_elem(&PEERS, &in);

	if (!out)
		return TC_ACT_SHOT;
	return bpf_redirect(*out, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
