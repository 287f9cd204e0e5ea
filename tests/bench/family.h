/*
 * One family's tables and what is done with them. Included once for each, with FAMILY defined, and OF(name), which gives
 * a name the family's number.
 */

#if FAMILY == 4
#define ADDRESS_BITS 32
#define HEADER_LEN 20
typedef struct {
	__u32 words[1];
} OF(address);

/* Whole words: the kernel's hash reads words, and a word written in halves keeps it waiting for both. */
struct OF(key) {
	__u32 device_protocol;
	OF(address) src, dst;
	__u32 ports;
} __attribute__((aligned(8)));
#else
#define ADDRESS_BITS 128
#define HEADER_LEN 40
typedef struct {
	__u32 words[4];
} OF(address);

struct OF(key) {
	__u32 device_protocol;
	__u32 ports;
	OF(address) src, dst;
} __attribute__((aligned(8)));
#endif

struct OF(entry) {
	struct OF(key) key;
	__u64 stamp, validity;
	struct delivery delivery;
	OF(address) src, dst;
	__u64 last_seen, packets, bytes;
	__u32 state, tcp;
	__u64 near, far;
	__u32 twin_device, born;
	__u64 stamp_end;
};

struct OF(slot) {
	struct OF(key) key;
	__u32 stamp, turn;
};

struct OF(place_key) {
	__u32 prefix_len, bank, id;
	OF(address) address;
};

struct OF(peer_key) {
	__u32 prefix_len, bank, group_set, side;
	OF(address) address;
};

struct OF(nacl_rule) {
	OF(address) network;
	__u16 from, to, number, protocol;
	__u8 prefix_len, allow;
	__u16 reserved;
};

struct OF(nacl) {
	__u32 len;
	struct OF(nacl_rule) rules[NACL_RULES];
};

/* Groundplane's own. */
TABLE(OF(FLOWS), BPF_MAP_TYPE_HASH, struct OF(key), struct OF(entry), 1);
TRIE(OF(ADDRESSES), struct OF(place_key), __u32, 1);
TRIE(OF(ROUTES), struct OF(place_key), struct route, 1);
TRIE(OF(PEERS), struct OF(peer_key), struct rules, 1);
TABLE(OF(NACLS), BPF_MAP_TYPE_HASH, struct nacl_key, struct OF(nacl), 1);
/* The floor's own, since it writes to them: the bench makes them as large as Groundplane's. */
TABLE(OF(FLOOR_FLOWS), BPF_MAP_TYPE_HASH, struct OF(key), struct OF(entry), 1);
TABLE(OF(FLOOR_EMBRYOS), BPF_MAP_TYPE_LRU_HASH, struct OF(key), struct OF(entry), 1);
TABLE(OF(FLOOR_RING), BPF_MAP_TYPE_ARRAY, __u32, struct OF(slot), 1);
TABLE(OF(FLOOR_OUTBOX), BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct OF(entry), 1);

/* Whether it is a packet that has a flow; its key and its TCP flags. */
INLINE int OF(parse)(struct __sk_buff *skb, struct OF(key) *key, __u8 *tcp_flags)
{
	void *header = data_of(skb) + ETHERNET_LEN;
	struct transport *transport = header + HEADER_LEN;
	__u32 payload_len, tcp_len, udp_len;
	__u8 protocol;

	if (skb->vlan_present || (void *)transport + UDP_LEN > end_of(skb))
		return 0;
#if FAMILY == 4
	struct ipv4 *ip = header;

	payload_len = SWAPPED(ip->total_len) - HEADER_LEN;
	if (ip->version_length != 0x45 || SWAPPED(ip->total_len) < HEADER_LEN || ip->fragment & SWAPPED(FRAGMENT))
		return 0;
	protocol = ip->protocol;
	key->src.words[0] = ip->src;
	key->dst.words[0] = ip->dst;
#else
	struct ipv6 *ip = header;

	payload_len = SWAPPED(ip->payload_len);
	if (ip->version_class >> 4 != 6)
		return 0;
	protocol = ip->next_header;
	for (int word = 0; word < 4; word++) {
		key->src.words[word] = ip->src[word];
		key->dst.words[word] = ip->dst[word];
	}
#endif
	if (payload_len > skb->len - ETHERNET_LEN - HEADER_LEN)
		return 0;
	if (protocol == TCP) {
		if (payload_len < TCP_MIN_LEN || (void *)transport + TCP_SEEN_LEN > end_of(skb))
			return 0;
		tcp_len = (transport->tcp_data_offset >> 4) * 4;
		if (tcp_len < TCP_MIN_LEN || tcp_len > payload_len)
			return 0;
		*tcp_flags = transport->tcp_flags;
	} else if (protocol == UDP) {
		udp_len = SWAPPED(transport->udp_len);
		if (udp_len < UDP_LEN || udp_len > payload_len)
			return 0;
		*tcp_flags = 0;
	} else {
		return 0;
	}
	key->device_protocol = skb->ifindex << 8 | protocol;
	key->ports = transport->ports;
	return 1;
}

/* The least an established packet can cost. */
INLINE int OF(established)(struct __sk_buff *skb)
{
	__u64 now = bpf_jiffies64();
	struct OF(entry) *entry;
	struct OF(key) key;
	__u8 tcp_flags;

	if (!OF(parse)(skb, &key, &tcp_flags) || tcp_flags & TCP_STATE)
		return TC_ACT_SHOT;
	entry = bpf_map_lookup_elem(&OF(FLOWS), &key);
	if (!entry)
		return TC_ACT_SHOT;
	__sync_fetch_and_add(&entry->packets, 1);
	__sync_fetch_and_add(&entry->bytes, skb->len);
	if (entry->last_seen != now)
		entry->last_seen = now;
	return deliver(skb, &entry->delivery);
}

INLINE void OF(reverse)(struct OF(key) *to, const struct OF(key) *from, __u32 device)
{
	to->device_protocol = device << 8 | (from->device_protocol & 0xff);
	to->src = from->dst;
	to->dst = from->src;
	to->ports = from->ports >> 16 | from->ports << 16;
}

INLINE __u32 *OF(owner)(__u32 bank, __u32 vpc, const OF(address) *address)
{
	struct OF(place_key) key = {64 + ADDRESS_BITS, bank, vpc, *address};

	return bpf_map_lookup_elem(&OF(ADDRESSES), &key);
}

INLINE int OF(has_local_route)(__u32 bank, __u32 table, const OF(address) *address)
{
	struct OF(place_key) key = {64 + ADDRESS_BITS, bank, table, *address};
	struct route *route = bpf_map_lookup_elem(&OF(ROUTES), &key);

	return route && route->target == ROUTE_LOCAL;
}

INLINE int OF(is_in)(const OF(address) *address, const OF(address) *network, __u32 prefix_len)
{
	for (__u32 word = 0; word < ADDRESS_BITS / 32; word++) {
		__u32 bits = prefix_len > word * 32 ? prefix_len - word * 32 : 0;
		__u32 mask = ~0ULL << (bits < 32 ? 32 - bits : 0);

		if (__builtin_bswap32(address->words[word] ^ network->words[word]) & mask)
			return 0;
	}
	return 1;
}

/* Whether the first rule that matches allows. */
INLINE int OF(nacl_allows)(__u32 bank, __u32 id, __u32 direction, const OF(address) *address, __u16 protocol,
			   __u16 port)
{
	struct nacl_key key = {bank, id, direction};
	struct OF(nacl) *nacl = bpf_map_lookup_elem(&OF(NACLS), &key);

	if (!nacl)
		return 0;
	for (__u32 index = 0; index < NACL_RULES && index < nacl->len; index++) {
		struct OF(nacl_rule) *rule = &nacl->rules[index];

		if ((rule->protocol == ANY_PROTOCOL || rule->protocol == protocol) && rule->from <= port &&
		    port <= rule->to && OF(is_in)(address, &rule->network, rule->prefix_len))
			return rule->allow;
	}
	return 0;
}

/* Whether a rule of the groups speaks of the remote address and of the port. */
INLINE int OF(group_admits)(__u32 bank, __u32 id, __u32 direction, const OF(address) *remote, __u8 protocol, __u16 port)
{
	__u32 side = direction | (FAMILY == 6 ? 2 : 0);
	struct group_set_key key = {bank, id, side};
	struct selector_key selector = {128, bank, id, side, 0, protocol, port};
	struct OF(peer_key) peer = {96 + ADDRESS_BITS, bank, id, side, *remote};
	struct group_set *set = bpf_map_lookup_elem(&GROUP_SETS, &key);
	struct rules *selected = bpf_map_lookup_elem(&SELECTORS, &selector);
	struct rules *peers = bpf_map_lookup_elem(&OF(PEERS), &peer);

	if (!set || !selected || !peers)
		return 0;
	for (__u32 word = 0; word < RULE_WORDS && word * 64 < set->len; word++)
		if (selected->words[word] & peers->words[word])
			return 1;
	return 0;
}

/* Whether there is state of a connection, among those that stand or those that are half open. */
INLINE int OF(is_known)(const struct OF(key) *key)
{
	return bpf_map_lookup_elem(&OF(FLOOR_FLOWS), key) || bpf_map_lookup_elem(&OF(FLOOR_EMBRYOS), key);
}

INLINE void OF(fill)(struct OF(entry) *entry, const struct OF(key) *key, const struct eni *near, const struct eni *far,
		     __u32 out, __u64 stamp)
{
	entry->key = *key;
	entry->stamp = stamp;
	__builtin_memcpy(entry->delivery.near_mac, near->mac, 6);
	__builtin_memcpy(entry->delivery.far_mac, far->mac, 6);
	entry->delivery.out = out;
	entry->delivery.kind = KIND_PEER;
	entry->delivery.flags = FLAG_ROUTED;
	entry->src = key->src;
	entry->dst = key->dst;
	entry->near = near->tcp_established_timeout;
	entry->far = far->tcp_established_timeout;
	entry->twin_device = out;
	entry->stamp_end = stamp;
}

/* Writes both directions down as half open. */
INLINE int OF(open)(struct __sk_buff *skb, const struct OF(key) *key, const struct OF(key) *answer,
		    const struct eni *near, const struct eni *far, __u64 generation, __u64 now)
{
	__u32 zero = 0, device = key->device_protocol >> 8, out = answer->device_protocol >> 8;
	struct OF(entry) *entry = bpf_map_lookup_elem(&OF(FLOOR_OUTBOX), &zero);
	__u64 *stamp = bpf_map_lookup_elem(&FLOOR_STAMPS, &zero);

	if (!entry || !stamp)
		return TC_ACT_SHOT;
	OF(fill)(entry, key, near, far, out, ++*stamp);
	entry->validity = generation & GENERATION_MASK;
	entry->last_seen = now;
	entry->born = now;
	entry->packets = 1;
	entry->bytes = skb->len;
	entry->state = STATE_LIVE;
	entry->tcp = 0;
	if (bpf_map_update_elem(&OF(FLOOR_EMBRYOS), key, entry, BPF_NOEXIST))
		return TC_ACT_SHOT;
	OF(fill)(entry, answer, far, near, device, ++*stamp);
	entry->packets = 0;
	entry->bytes = 0;
	if (bpf_map_update_elem(&OF(FLOOR_EMBRYOS), answer, entry, BPF_NOEXIST))
		return TC_ACT_SHOT;
	OF(fill)(entry, key, near, far, out, *stamp);
	return deliver(skb, &entry->delivery);
}

/*
 * The least the first packet of a connection can cost between two subnets of a VPC: each question that the semantics ask
 * is asked once, however often the walks there and back need the answer.
 */
INLINE int OF(first)(struct __sk_buff *skb)
{
	__u32 zero = 0, bank, protocol;
	struct subnet_key near_place, far_place;
	struct subnet *near_subnet, *far_subnet;
	struct state *near_state, *far_state;
	struct eni_key near_key, far_key;
	struct OF(key) key, answer;
	struct settings *settings;
	struct eni *near, *far;
	struct totals *totals;
	__u16 port, from_port;
	__u64 *generation;
	__u32 *owner;
	__u64 now;
	__u8 tcp_flags;

	generation = bpf_map_lookup_elem(&GENERATION, &zero);
	settings = bpf_map_lookup_elem(&SETTINGS, &zero);
	if (!generation || !settings || !OF(parse)(skb, &key, &tcp_flags))
		return TC_ACT_SHOT;
	now = (bpf_jiffies64() & settings->clock_mask) + settings->clock_offset;
	bank = *generation & 1;
	protocol = key.device_protocol & 0xff;
	from_port = key.ports;
	port = key.ports >> 16;
	if (OF(is_known)(&key))
		return TC_ACT_SHOT;

	near_key = (struct eni_key){bank, skb->ifindex};
	near = bpf_map_lookup_elem(&ENIS, &near_key);
	if (!near)
		return TC_ACT_SHOT;
	near_place = (struct subnet_key){bank, near->subnet};
	near_subnet = bpf_map_lookup_elem(&SUBNETS, &near_place);
	owner = OF(owner)(bank, near->vpc, &key.src);
	if (!near_subnet || !owner || *owner != skb->ifindex)
		return TC_ACT_SHOT;
	if (!OF(group_admits)(bank, near->group_set, EGRESS, &key.dst, protocol, port))
		return TC_ACT_SHOT;
	owner = OF(owner)(bank, near->vpc, &key.dst);
	if (!owner)
		return TC_ACT_SHOT;
	far_key = (struct eni_key){bank, *owner};
	far = bpf_map_lookup_elem(&ENIS, &far_key);
	if (!far)
		return TC_ACT_SHOT;
	far_place = (struct subnet_key){bank, far->subnet};
	far_subnet = bpf_map_lookup_elem(&SUBNETS, &far_place);
	if (!far_subnet ||
	    !OF(nacl_allows)(bank, near_subnet->nacl, EGRESS, &key.dst, protocol, SWAPPED(port)) ||
	    !OF(has_local_route)(bank, near_subnet->route_table, &key.dst) ||
	    !OF(nacl_allows)(bank, far_subnet->nacl, INGRESS, &key.src, protocol, SWAPPED(port)))
		return TC_ACT_SHOT;
	OF(reverse)(&answer, &key, far_key.device);
	if (OF(is_known)(&answer) || !OF(group_admits)(bank, far->group_set, INGRESS, &key.src, protocol, port))
		return TC_ACT_SHOT;
	/* The way back. */
	if (!OF(nacl_allows)(bank, far_subnet->nacl, EGRESS, &key.src, protocol, SWAPPED(from_port)) ||
	    !OF(has_local_route)(bank, far_subnet->route_table, &key.src) ||
	    !OF(nacl_allows)(bank, near_subnet->nacl, INGRESS, &key.dst, protocol, SWAPPED(from_port)))
		return TC_ACT_SHOT;

	near_state = bpf_map_lookup_elem(&ENI_STATES, &near_key.device);
	far_state = bpf_map_lookup_elem(&ENI_STATES, &far_key.device);
	totals = bpf_map_lookup_elem(&ENI_TOTALS, &near_key.device);
	if (!near_state || !far_state || !totals || near_state->tracked >= near->connections ||
	    far_state->tracked >= far->connections)
		return TC_ACT_SHOT;
	__sync_fetch_and_add(&near_state->first_packets, 1);
	totals->packets++;
	totals->bytes += skb->len;
	return OF(open)(skb, &key, &answer, near, far, *generation, now);
}

INLINE void OF(promote)(struct OF(entry) *to, const struct OF(entry) *embryo, __u64 stamp)
{
	*to = *embryo;
	to->stamp = stamp;
	to->stamp_end = stamp;
}

/* The least the first packet the other way can cost: the pair moves to where nothing is evicted. */
INLINE int OF(reply)(struct __sk_buff *skb)
{
	struct OF(entry) *embryo, *twin, *entry;
	struct eni_key near_key, far_key;
	struct state *near_state, *far_state;
	__u32 zero = 0, bank, index;
	struct settings *settings;
	struct OF(key) key, asked;
	struct OF(slot) *slot;
	struct eni *near, *far;
	struct totals *totals;
	__u64 *generation, *tail, *stamp;
	__u64 now, place;
	__u8 tcp_flags;

	generation = bpf_map_lookup_elem(&GENERATION, &zero);
	settings = bpf_map_lookup_elem(&SETTINGS, &zero);
	if (!generation || !settings || !OF(parse)(skb, &key, &tcp_flags))
		return TC_ACT_SHOT;
	now = (bpf_jiffies64() & settings->clock_mask) + settings->clock_offset;
	bank = *generation & 1;
	if (bpf_map_lookup_elem(&OF(FLOOR_FLOWS), &key))
		return TC_ACT_SHOT;
	embryo = bpf_map_lookup_elem(&OF(FLOOR_EMBRYOS), &key);
	if (!embryo)
		return TC_ACT_SHOT;
	OF(reverse)(&asked, &key, embryo->twin_device);
	twin = bpf_map_lookup_elem(&OF(FLOOR_EMBRYOS), &asked);
	if (!twin || (embryo->validity ^ *generation) & GENERATION_MASK)
		return TC_ACT_SHOT;

	near_key = (struct eni_key){bank, skb->ifindex};
	far_key = (struct eni_key){bank, embryo->twin_device};
	near = bpf_map_lookup_elem(&ENIS, &near_key);
	far = bpf_map_lookup_elem(&ENIS, &far_key);
	near_state = bpf_map_lookup_elem(&ENI_STATES, &near_key.device);
	far_state = bpf_map_lookup_elem(&ENI_STATES, &far_key.device);
	totals = bpf_map_lookup_elem(&ENI_TOTALS, &far_key.device);
	if (!near || !far || !near_state || !far_state || !totals ||
	    __sync_fetch_and_add(&near_state->tracked, 1) >= near->connections ||
	    __sync_fetch_and_add(&far_state->tracked, 1) >= far->connections)
		return TC_ACT_SHOT;
	totals->packets -= twin->packets;
	totals->bytes -= twin->bytes;
	totals->opened++;

	entry = bpf_map_lookup_elem(&OF(FLOOR_OUTBOX), &zero);
	stamp = bpf_map_lookup_elem(&FLOOR_STAMPS, &zero);
	if (!entry || !stamp)
		return TC_ACT_SHOT;
	OF(promote)(entry, twin, ++*stamp);
	if (bpf_map_update_elem(&OF(FLOOR_FLOWS), &asked, entry, BPF_NOEXIST))
		return TC_ACT_SHOT;
	OF(promote)(entry, embryo, ++*stamp);
	entry->last_seen = now;
	entry->packets = 1;
	entry->bytes = skb->len;
	if (bpf_map_update_elem(&OF(FLOOR_FLOWS), &key, entry, BPF_NOEXIST))
		return TC_ACT_SHOT;
	tail = bpf_map_lookup_elem(&FLOOR_TAILS, &zero);
	if (!tail)
		return TC_ACT_SHOT;
	place = __sync_fetch_and_add(tail, 1);
	index = place % settings->ring_slots[FAMILY == 6];
	slot = bpf_map_lookup_elem(&OF(FLOOR_RING), &index);
	if (!slot)
		return TC_ACT_SHOT;
	slot->key = asked;
	slot->stamp = *stamp - 1;
	slot->turn = place + 1;
	embryo->state = STATE_PROMOTED;
	twin->state = STATE_PROMOTED;
	return deliver(skb, &entry->delivery);
}

#undef ADDRESS_BITS
#undef HEADER_LEN
