/*
 * The tables that are Groundplane's own, as far as the floor programs read them: the bench gives these programs the very
 * maps that eni_egress asks, so that both sides find the same rows in the same memory. The layouts are ebpf/abi's.
 */
#pragma once

#include "bpf.h"

#define GENERATION_MASK 0xffffff
#define EGRESS 0
#define INGRESS 1
#define NACL_RULES 40
#define RULE_WORDS 16
#define ANY_PROTOCOL 0xffff
#define ROUTE_LOCAL 1
#define KIND_PEER 1
#define KIND_UPLINK 3
#define FLAG_ROUTED 1
#define HOPS_SHIFT 3
#define MOST_HOPS 3
/* What packets from outside come in by, whichever device that is. */
#define INTERNET 0x00ff0001
#define STATE_LIVE 1
#define STATE_PROMOTED 2

struct eni_key {
	__u32 bank, device;
};

struct eni {
	__u32 vpc, subnet, group_set;
	__u8 mac[6];
	__u16 flags;
	__u32 tcp_established_timeout;
	__u16 udp_stream_timeout, udp_timeout;
	__u32 connections, first_packets, first_packets_burst;
};

struct subnet_key {
	__u32 bank, subnet;
};

struct subnet {
	__u32 vpc, route_table, nacl;
	__u32 network, resolver;
	__u8 network6[16];
	__u8 prefix_len, prefix_len6;
	__u16 scope;
};

struct group_set_key {
	__u32 bank, group_set, side;
};

struct group_set {
	__u16 len, everybody;
	__u32 flags;
};

struct selector_key {
	__u32 prefix_len;
	__u32 bank, group_set, side;
	__u8 absent, protocol;
	__u16 port;
};

struct rules {
	__u64 words[RULE_WORDS];
};

struct nacl_key {
	__u32 bank, nacl, direction;
};

struct route {
	__u32 target, id;
};

struct state {
	__u64 tracked, untracked, first_packets;
};

struct totals {
	__u64 packets, bytes, closed, opened;
};

struct settings {
	__u64 clock_mask, clock_offset;
	__u32 ticks_per_second, mark, ring_slots[2], layout_version, events_per_second;
};

struct delivery {
	__u8 far_mac[6], near_mac[6];
	__u32 out;
	__u8 kind, flags;
	__u16 reason, src_port, dst_port;
};

struct uplink {
	__u32 device, flags;
	__u8 mac[6], peer_mac[6];
	__u32 cutter;
};

_Static_assert(sizeof(struct eni) == 40, "the size of an ENI");
_Static_assert(sizeof(struct subnet) == 40, "the size of a subnet");

#define TABLE(name, kind, key_type, value_type, entries) \
	struct { \
		NUMBER(type, kind); \
		TYPE(key, key_type); \
		TYPE(value, value_type); \
		NUMBER(max_entries, entries); \
	} name SEC(".maps")
#define TRIE(name, key_type, value_type, entries) \
	struct { \
		NUMBER(type, BPF_MAP_TYPE_LPM_TRIE); \
		TYPE(key, key_type); \
		TYPE(value, value_type); \
		NUMBER(max_entries, entries); \
		NUMBER(map_flags, BPF_F_NO_PREALLOC); \
	} name SEC(".maps")

TABLE(GENERATION, BPF_MAP_TYPE_ARRAY, __u32, __u64, 1);
TABLE(SETTINGS, BPF_MAP_TYPE_ARRAY, __u32, struct settings, 1);
TABLE(UPLINKS, BPF_MAP_TYPE_ARRAY, __u32, struct uplink, 1);
TABLE(ENIS, BPF_MAP_TYPE_HASH, struct eni_key, struct eni, 1);
TABLE(SUBNETS, BPF_MAP_TYPE_HASH, struct subnet_key, struct subnet, 1);
TABLE(GROUP_SETS, BPF_MAP_TYPE_HASH, struct group_set_key, struct group_set, 1);
TRIE(SELECTORS, struct selector_key, struct rules, 1);
TABLE(ENI_STATES, BPF_MAP_TYPE_HASH, __u32, struct state, 1);
TABLE(ENI_TOTALS, BPF_MAP_TYPE_PERCPU_HASH, __u32, struct totals, 1);
/* The floor's own. */
TABLE(FLOOR_STAMPS, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 1);
TABLE(FLOOR_TAILS, BPF_MAP_TYPE_ARRAY, __u32, __u64, 1);
