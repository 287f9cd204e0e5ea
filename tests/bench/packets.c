/*
 * Small packets as fast as one core makes them, and where they end: a frame that a live test run repeats, out of a
 * guest's device, and what counts and drops it at the other guest's, before a stack does anything with it.
 */
#include "bpf.h"

#define FRAME_LEN 60
#define WORDS (FRAME_LEN / 4)
#define PROTOCOL_OFFSET (ETHERNET_LEN + 9)
#define UDP 17

struct frame {
	__u32 words[WORDS];
	/* Which device it goes out of. */
	__u32 out;
};

struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	TYPE(key, __u32);
	TYPE(value, struct frame);
	NUMBER(max_entries, 1);
} FRAME SEC(".maps");

struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	TYPE(key, __u32);
	TYPE(value, __u64);
	NUMBER(max_entries, 1);
} ARRIVED SEC(".maps");

/* Frames are used again, and keep what the way has written into them: so all of it is written anew. */
SEC("xdp") int send(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct frame *frame = bpf_map_lookup_elem(&FRAME, &key);
	__u32 *data = (void *)(long)ctx->data;

	if (!frame || (void *)(data + WORDS) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	for (int word = 0; word < WORDS; word++)
		data[word] = frame->words[word];
	return bpf_redirect(frame->out, 0);
}

SEC("classifier") int sink(struct __sk_buff *skb)
{
	__u8 *data = data_of(skb);
	__u32 key = 0;
	__u64 *arrived;

	if (data + PROTOCOL_OFFSET + 1 > (__u8 *)end_of(skb) || data[PROTOCOL_OFFSET] != UDP)
		return TC_ACT_OK;
	arrived = bpf_map_lookup_elem(&ARRIVED, &key);
	if (arrived)
		__sync_fetch_and_add(arrived, 1);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
