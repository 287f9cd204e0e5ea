/*
 * Puts the headers of a frame back before the program that is measured: a test run that is repeated finds the frame as the
 * run before has left it, and one that has been translated is no packet of its connection any more.
 */
#include "bpf.h"

/* Up to TCP's checksum. */
#define WORDS 7

struct headers {
	__u64 words[WORDS];
	__u64 written;
};

struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	TYPE(key, __u32);
	TYPE(value, struct headers);
	NUMBER(max_entries, 1);
} HEADERS SEC(".maps");

struct {
	NUMBER(type, BPF_MAP_TYPE_PROG_ARRAY);
	TYPE(key, __u32);
	TYPE(value, __u32);
	NUMBER(max_entries, 1);
} MEASURED SEC(".maps");

SEC("classifier") int restore(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct headers *headers = bpf_map_lookup_elem(&HEADERS, &zero);
	__u64 *place = data_of(skb);

	if (!headers || (void *)(place + WORDS) > end_of(skb))
		return TC_ACT_SHOT;
	for (int word = 0; word < WORDS; word++)
		place[word] = headers->words[word];
	/*
	 * Waits until all that is written: a load across two words that were written just now waits longer, and which program
	 * has such loads says nothing of packets that come from elsewhere.
	 */
	__sync_fetch_and_add(&headers->written, 1);
	bpf_tail_call(skb, &MEASURED, 0);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
