/*
 * What packets from outside can be dropped with the least effort, and what makes them: a frame that a live test run
 * repeats, with ever other senders, out of a device.
 */
#include "bpf.h"

/* Which device they go out of. */
struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	TYPE(key, __u32);
	TYPE(value, __u32);
	NUMBER(max_entries, 1);
} OUT SEC(".maps");

#define SOURCE_OFFSET (ETHERNET_LEN + 12)
#define SOURCE_PORT_OFFSET (ETHERNET_LEN + 20)

SEC("xdp") int send(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u32 *out = bpf_map_lookup_elem(&OUT, &key);
	__u8 *data = (void *)(long)ctx->data;
	__u32 number = bpf_get_prandom_u32();

	if (!out || data + SOURCE_PORT_OFFSET + 2 > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	/* 8.0.0.0/8, in which nobody is private. The first byte stays. */
	*(__u16 *)(data + SOURCE_OFFSET + 1) = number;
	*(__u8 *)(data + SOURCE_OFFSET + 3) = number >> 16;
	*(__u16 *)(data + SOURCE_PORT_OFFSET) = number >> 8;
	return bpf_redirect(*out, 0);
}

SEC("xdp.frags") int only_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
