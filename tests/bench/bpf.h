/* What the programs here need of the kernel's interface and linux/bpf.h doesn't spell out. */
#pragma once

#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

/* A map is described by the types of the members of an anonymous struct. */
#define NUMBER(name, value) int(*name)[value]
#define TYPE(name, type) type *name

#define TC_ACT_OK 0
#define TC_ACT_SHOT 2
#define PACKET_HOST 0

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, __u64 flags) =
	(void *)BPF_FUNC_map_update_elem;
static long (*const bpf_tail_call)(struct __sk_buff *skb, void *programs, __u32 slot) = (void *)BPF_FUNC_tail_call;
static __u32 (*const bpf_get_prandom_u32)(void) = (void *)BPF_FUNC_get_prandom_u32;
static long (*const bpf_skb_change_type)(struct __sk_buff *skb, __u32 type) = (void *)BPF_FUNC_skb_change_type;
static __u64 (*const bpf_jiffies64)(void) = (void *)BPF_FUNC_jiffies64;
static long (*const bpf_redirect)(__u32 device, __u64 flags) = (void *)BPF_FUNC_redirect;
static long (*const bpf_redirect_peer)(__u32 device, __u64 flags) = (void *)BPF_FUNC_redirect_peer;
static long (*const bpf_redirect_neigh)(__u32 device, void *parameters, int len, __u64 flags) =
	(void *)BPF_FUNC_redirect_neigh;
static long (*const bpf_l4_csum_replace)(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags) =
	(void *)BPF_FUNC_l4_csum_replace;

#define ETHERNET_LEN 14
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

#define SWAPPED(number) __builtin_bswap16(number)

INLINE void *data_of(struct __sk_buff *skb)
{
	return (void *)(long)skb->data;
}

INLINE void *end_of(struct __sk_buff *skb)
{
	return (void *)(long)skb->data_end;
}
