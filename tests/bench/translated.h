/*
 * The least that an established packet through a gateway can cost, if the gateway translates: other addresses and ports, a
 * lower TTL, every checksum that depends on them, and the way out of the host. IPv4 alone, since the gateways here
 * translate nothing else.
 */
#pragma once

#define TCP_CHECKSUM 16
#define UDP_CHECKSUM 6

/* One's complement arithmetic (RFC 1624). */
INLINE __u32 sum_of(__u32 a, __u32 b)
{
	__u64 sum = (__u64)a + b;

	return (__u32)sum + (__u32)(sum >> 32);
}

INLINE __u32 difference(__u32 from, __u32 to)
{
	return sum_of(~from, to);
}

INLINE __u16 adjusted(__u16 checksum, __u32 difference)
{
	__u32 sum = sum_of((__u16)~checksum, difference);

	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/*
 * The transport's checksum takes two calls if ports change: of a packet that leaves it to a device, only what the pseudo
 * header adds stands in it, and ports don't belong to that.
 */
INLINE int translate_ports(struct __sk_buff *skb, const struct key4 *key, __u32 addresses, __u32 ports)
{
	__u32 is_tcp = (key->device_protocol & 0xff) == TCP;
	__u32 optional = is_tcp ? 0 : BPF_F_MARK_MANGLED_0;
	__u32 start = ETHERNET_LEN + sizeof(struct ipv4);
	__u32 checksum = start + (is_tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
	__u32 *place;

	if (bpf_l4_csum_replace(skb, checksum, 0, addresses, BPF_F_PSEUDO_HDR | optional))
		return 0;
	if (ports == key->ports)
		return 1;
	if (bpf_l4_csum_replace(skb, checksum, 0, difference(key->ports, ports), optional))
		return 0;
	place = data_of(skb) + start;
	if ((void *)(place + 1) > end_of(skb))
		return 0;
	*place = ports;
	return 1;
}

INLINE int translate(struct __sk_buff *skb, const struct key4 *key, const struct entry4 *entry)
{
	__u32 src = entry->src.words[0], dst = entry->dst.words[0];
	__u32 ports = *(const __u32 *)&entry->delivery.src_port;
	__u32 hops = entry->delivery.flags >> HOPS_SHIFT & MOST_HOPS;
	__u32 addresses = sum_of(difference(key->src.words[0], src), difference(key->dst.words[0], dst));
	__u32 ttl_protocol, lowered;
	struct ipv4 *ip;

	if (!translate_ports(skb, key, addresses, ports))
		return 0;
	ip = data_of(skb) + ETHERNET_LEN;
	if ((void *)(ip + 1) > end_of(skb))
		return 0;
	ttl_protocol = ip->ttl | ip->protocol << 8;
	lowered = ((ip->ttl - hops) & 0xff) | ip->protocol << 8;
	ip->checksum = adjusted(ip->checksum, sum_of(addresses, difference(ttl_protocol, lowered)));
	ip->ttl = lowered;
	ip->src = src;
	ip->dst = dst;
	return 1;
}

/* As routes and neighbours say. */
INLINE int leave(struct __sk_buff *skb, const struct delivery *delivery)
{
	__u32 zero = 0;
	struct uplink *uplink = bpf_map_lookup_elem(&UPLINKS, &zero);

	leave_note(skb, delivery);
	if (!uplink || !uplink->device)
		return TC_ACT_SHOT;
	return bpf_redirect_neigh(uplink->device, 0, 0, 0);
}

INLINE int through_gateway(struct __sk_buff *skb, __u32 device)
{
	__u64 now = bpf_jiffies64();
	struct entry4 *entry;
	struct key4 key;
	__u8 tcp_flags;

	if (ethertype(skb) != ETHERTYPE_IPV4 || !parse4(skb, &key, &tcp_flags) || tcp_flags & TCP_STATE)
		return TC_ACT_SHOT;
	key.device_protocol = device << 8 | (key.device_protocol & 0xff);
	entry = bpf_map_lookup_elem(&FLOWS4, &key);
	if (!entry || !translate(skb, &key, entry))
		return TC_ACT_SHOT;
	__sync_fetch_and_add(&entry->packets, 1);
	__sync_fetch_and_add(&entry->bytes, skb->len);
	if (entry->last_seen != now)
		entry->last_seen = now;
	if (entry->delivery.kind == KIND_UPLINK)
		return leave(skb, &entry->delivery);
	if (!readdress(skb, &entry->delivery))
		return TC_ACT_SHOT;
	return hand_over(skb, &entry->delivery);
}
