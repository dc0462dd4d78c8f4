// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host port: a network device whose wire is a pair of rings in memory that it shares
 * with the service. Frames are copied, in both directions: a service never sees a page of
 * Linux's, and Linux uses nothing that a service could still change.
 *
 * Nothing in the shared memory is believed: of the service's indexes and lengths only those
 * in range are used, and the device keeps its own copy of everything else.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/log2.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/u64_stats_sync.h>

#include "core.h"
#include "host_port.h"
#include "region.h"

#define SOS_HOST_SLOTS_MIN	64
#define SOS_HOST_SLOTS_MAX	4096

/* Each of the two directions has one writer: NAPI, and whoever holds the transmit lock. */
enum host_counter {
	RX_PACKETS,
	RX_BYTES,
	RX_BAD_INDEX,	/* a producer beyond the ring: what it held is lost */
	RX_BAD_LENGTH,
	RX_NO_MEMORY,
	RX_COUNTERS,
	TX_PACKETS = RX_COUNTERS,
	TX_BYTES,
	TX_BAD_INDEX,	/* a consumer beyond the ring */
	TX_BAD_LENGTH,
	TX_NO_SERVICE,
	TX_STOPS,	/* the queue was stopped: ring full or byte limit reached */
	HOST_COUNTERS,
};

static const char counter_names[HOST_COUNTERS][ETH_GSTRING_LEN] = {
	[RX_PACKETS]	= "rx_packets",
	[RX_BYTES]	= "rx_bytes",
	[RX_BAD_INDEX]	= "rx_bad_index",
	[RX_BAD_LENGTH]	= "rx_bad_length",
	[RX_NO_MEMORY]	= "rx_no_memory",
	[TX_PACKETS]	= "tx_packets",
	[TX_BYTES]	= "tx_bytes",
	[TX_BAD_INDEX]	= "tx_bad_index",
	[TX_BAD_LENGTH]	= "tx_bad_length",
	[TX_NO_SERVICE]	= "tx_no_service",
	[TX_STOPS]	= "tx_stops",
};

struct sos_host_netdev {
	struct net_device *dev;
	struct napi_struct napi;
	struct sos_memory_region *region;
	struct sos_host_port *shared;
	u32 slots;
	u32 to_host_offset;
	u32 from_host_offset;
	bool live;		/* a service runs */
	bool closed;		/* it has made too many mistakes */
	u32 speed;		/* of the link, as Linux had it of the card: a bond may ask */
	u8 duplex;
	atomic_t bad_indexes;	/* of it; beyond SOS_HOST_BAD_INDEX_MAX the port is closed */
	u32 rx_consumer;
	u32 tx_producer;
	u32 tx_reclaimed;
	u16 *tx_lengths;	/* of the frames in flight, for the byte queue limit */
	u64_stats_t counters[HOST_COUNTERS];
	struct u64_stats_sync rx_sync;
	struct u64_stats_sync tx_sync;
};

static void *host_slot_at(struct sos_host_netdev *port, u32 offset, u32 index)
{
	return sos_region_pointer(port->region,
				  offset + (u64)(index & (port->slots - 1)) * SOS_HOST_SLOT_SIZE);
}

static struct u64_stats_sync *host_sync_of(struct sos_host_netdev *port, enum host_counter counter)
{
	return counter < RX_COUNTERS ? &port->rx_sync : &port->tx_sync;
}

static void host_count(struct sos_host_netdev *port, enum host_counter counter)
{
	struct u64_stats_sync *sync = host_sync_of(port, counter);

	u64_stats_update_begin(sync);
	u64_stats_inc(&port->counters[counter]);
	u64_stats_update_end(sync);
}

/* @packets: RX_PACKETS or TX_PACKETS, behind which their bytes stand. */
static void host_count_packet(struct sos_host_netdev *port, enum host_counter packets, u32 length)
{
	struct u64_stats_sync *sync = host_sync_of(port, packets);

	u64_stats_update_begin(sync);
	u64_stats_inc(&port->counters[packets]);
	u64_stats_add(&port->counters[packets + 1], length);
	u64_stats_update_end(sync);
}

/* All counters, those of a direction as they were at one moment. */
static void host_read_counters(struct sos_host_netdev *port, u64 *values)
{
	unsigned int start, i;

	do {
		start = u64_stats_fetch_begin(&port->rx_sync);
		for (i = 0; i < RX_COUNTERS; i++)
			values[i] = u64_stats_read(&port->counters[i]);
	} while (u64_stats_fetch_retry(&port->rx_sync, start));
	do {
		start = u64_stats_fetch_begin(&port->tx_sync);
		for (i = RX_COUNTERS; i < HOST_COUNTERS; i++)
			values[i] = u64_stats_read(&port->counters[i]);
	} while (u64_stats_fetch_retry(&port->tx_sync, start));
}

/*
 * An index beyond the ring. One is a mistake; who makes them without end would have Linux look
 * again and again, and is not heard any more.
 */
static void host_bad_index(struct sos_host_netdev *port, enum host_counter counter)
{
	host_count(port, counter);
	if (atomic_inc_return(&port->bad_indexes) != SOS_HOST_BAD_INDEX_MAX + 1)
		return;
	WRITE_ONCE(port->closed, true);
	WRITE_ONCE(port->live, false);
	netif_carrier_off(port->dev);
	netdev_warn(port->dev, "closed: its service writes indexes beyond the ring\n");
}

/* ---- from the service ---- */

/* Return: the frame in the slot, or NULL if it was dropped, and counted. */
static struct sk_buff *host_rx_slot(struct sos_host_netdev *port, u32 index)
{
	struct sos_host_slot *slot = host_slot_at(port, port->to_host_offset, index);
	u32 length = READ_ONCE(slot->length);
	u32 flags = READ_ONCE(slot->flags);
	struct sk_buff *skb;

	if (length < ETH_HLEN || length > SOS_HOST_FRAME_MAX) {
		host_count(port, RX_BAD_LENGTH);
		return NULL;
	}
	skb = napi_alloc_skb(&port->napi, length);
	if (!skb) {
		host_count(port, RX_NO_MEMORY);
		return NULL;
	}
	skb_put_data(skb, (u8 *)slot + SOS_HOST_SLOT_HEADER, length);
	skb->protocol = eth_type_trans(skb, port->dev);
	if (flags & SOS_HOST_CSUM_VALID)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	host_count_packet(port, RX_PACKETS, length);
	return skb;
}

static int host_rx(struct sos_host_netdev *port, int budget)
{
	struct sos_host_ring *ring = &port->shared->to_host;
	/* Acquire: the slots before the index that says they are filled. */
	u32 producer = smp_load_acquire(&ring->producer);
	int done = 0;

	if (producer - port->rx_consumer > port->slots) {
		host_bad_index(port, RX_BAD_INDEX);
		port->rx_consumer = producer;
		/* As much work as there can be: what comes next is for the next turn. */
		done = budget;
	}
	while (done < budget && port->rx_consumer != producer) {
		struct sk_buff *skb = host_rx_slot(port, port->rx_consumer);

		port->rx_consumer++;
		done++;
		if (skb)
			napi_gro_receive(&port->napi, skb);
	}
	/* Release: we are done with the slots that this gives back. */
	smp_store_release(&ring->consumer, port->rx_consumer);
	return done;
}

/* ---- to the service ---- */

/* Under the transmit lock. Return: free slots. */
static u32 host_reclaim(struct sos_host_netdev *port)
{
	/* Acquire: a slot given back is no longer read when we fill it again. */
	u32 consumer = smp_load_acquire(&port->shared->from_host.consumer);
	unsigned int packets = 0, bytes = 0;

	if (port->tx_producer - consumer > port->tx_producer - port->tx_reclaimed) {
		host_bad_index(port, TX_BAD_INDEX);
		consumer = port->tx_reclaimed;
	}
	while (port->tx_reclaimed != consumer) {
		bytes += port->tx_lengths[port->tx_reclaimed & (port->slots - 1)];
		packets++;
		port->tx_reclaimed++;
	}
	netdev_completed_queue(port->dev, packets, bytes);
	return port->slots - (port->tx_producer - port->tx_reclaimed);
}

/*
 * Under the transmit lock, the queue is stopped or about to be: asks for an interrupt at the
 * next slot that is emptied. The fence is the one of struct sos_host_ring: either the service
 * sees armed, or we see what it emptied. Then the queue is woken and not just started: where
 * host_reclaim() lifts the byte limit of a stopped queue, nobody else gets the qdisc to run.
 */
static void host_stop_queue(struct sos_host_netdev *port)
{
	netif_stop_queue(port->dev);
	WRITE_ONCE(port->shared->from_host.armed, 1);
	smp_mb();	/* armed before host_reclaim() looks at consumer */
	if (host_reclaim(port))
		netif_wake_queue(port->dev);
}

static void host_drop(struct sos_host_netdev *port, struct sk_buff *skb, enum host_counter counter)
{
	host_count(port, counter);
	dev_kfree_skb_any(skb);
}

static netdev_tx_t host_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct sos_host_netdev *port = netdev_priv(dev);
	struct sos_host_slot *slot;
	u32 length = skb->len;

	if (!READ_ONCE(port->live)) {
		host_drop(port, skb, TX_NO_SERVICE);
		return NETDEV_TX_OK;
	}
	if (length < ETH_HLEN || length > SOS_HOST_FRAME_MAX) {
		host_drop(port, skb, TX_BAD_LENGTH);
		return NETDEV_TX_OK;
	}
	if (!host_reclaim(port)) {
		host_count(port, TX_STOPS);
		host_stop_queue(port);
		return NETDEV_TX_BUSY;
	}
	slot = host_slot_at(port, port->from_host_offset, port->tx_producer);
	if (skb_copy_bits(skb, 0, (u8 *)slot + SOS_HOST_SLOT_HEADER, length)) {
		host_drop(port, skb, TX_BAD_LENGTH);
		return NETDEV_TX_OK;
	}
	slot->length = length;
	slot->flags = 0;
	port->tx_lengths[port->tx_producer & (port->slots - 1)] = length;
	port->tx_producer++;
	host_count_packet(port, TX_PACKETS, length);
	netdev_sent_queue(dev, length);
	/* Release: the slot before the index that says it is filled. */
	smp_store_release(&port->shared->from_host.producer, port->tx_producer);
	dev_consume_skb_any(skb);

	/* The byte limit stops the queue by itself; then too somebody has to wake it. */
	if (port->tx_producer - port->tx_reclaimed == port->slots ||
	    netif_xmit_stopped(netdev_get_tx_queue(dev, 0))) {
		host_count(port, TX_STOPS);
		host_stop_queue(port);
	}
	return NETDEV_TX_OK;
}

static void host_tx_wake(struct sos_host_netdev *port)
{
	struct netdev_queue *queue = netdev_get_tx_queue(port->dev, 0);

	__netif_tx_lock(queue, smp_processor_id());
	if (host_reclaim(port) && netif_queue_stopped(port->dev))
		netif_wake_queue(port->dev);
	/* What the byte limit still holds needs a further interrupt. */
	if (netif_xmit_stopped(queue))
		host_stop_queue(port);
	__netif_tx_unlock(queue);
}

static int host_poll(struct napi_struct *napi, int budget)
{
	struct sos_host_netdev *port = container_of(napi, struct sos_host_netdev, napi);
	struct sos_host_ring *ring = &port->shared->to_host;
	int done;

	if (READ_ONCE(port->closed)) {
		napi_complete_done(napi, 0);
		return 0;
	}
	if (budget)
		host_tx_wake(port);
	done = host_rx(port, budget);
	if (done < budget && napi_complete_done(napi, done)) {
		WRITE_ONCE(ring->armed, 1);
		/* As in host_stop_queue(): either the service sees armed, or we see its frame. */
		smp_mb();
		if (READ_ONCE(ring->producer) != port->rx_consumer)
			napi_schedule(napi);
	}
	return done;
}

/* ---- the network device ---- */

static int host_open(struct net_device *dev)
{
	struct sos_host_netdev *port = netdev_priv(dev);

	napi_enable(&port->napi);
	netif_start_queue(dev);
	WRITE_ONCE(port->shared->host_up, 1);
	/* Arms the ring, and takes what is there. */
	local_bh_disable();
	napi_schedule(&port->napi);
	local_bh_enable();
	return 0;
}

static int host_stop(struct net_device *dev)
{
	struct sos_host_netdev *port = netdev_priv(dev);

	WRITE_ONCE(port->shared->host_up, 0);
	netif_tx_disable(dev);
	napi_disable(&port->napi);
	return 0;
}

static int host_change_mtu(struct net_device *dev, int mtu)
{
	struct sos_host_netdev *port = netdev_priv(dev);

	WRITE_ONCE(dev->mtu, mtu);
	WRITE_ONCE(port->shared->mtu, mtu);
	return 0;
}

/*
 * The card is told nothing: as services drive it, without filters, it receives what comes to any
 * address, and what Linux sends has the new one. Linux sets it on the card as that comes back.
 */
static int host_set_mac_address(struct net_device *dev, void *address)
{
	struct sos_host_netdev *port = netdev_priv(dev);
	int ret = eth_mac_addr(dev, address);

	if (!ret)
		memcpy(port->shared->mac, dev->dev_addr, ETH_ALEN);
	return ret;
}

static void host_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct sos_host_netdev *port = netdev_priv(dev);
	u64 values[HOST_COUNTERS];

	host_read_counters(port, values);
	stats->rx_packets = values[RX_PACKETS];
	stats->rx_bytes = values[RX_BYTES];
	stats->rx_errors = values[RX_BAD_INDEX] + values[RX_BAD_LENGTH];
	stats->rx_length_errors = values[RX_BAD_LENGTH];
	stats->rx_dropped = values[RX_NO_MEMORY];
	stats->tx_packets = values[TX_PACKETS];
	stats->tx_bytes = values[TX_BYTES];
	stats->tx_errors = values[TX_BAD_INDEX] + values[TX_BAD_LENGTH];
	stats->tx_dropped = values[TX_NO_SERVICE];
}

/*
 * Nothing is to be filtered: the service hands over what it will. A device without this has no
 * multicast addresses that a user sets (SIOCADDMULTI).
 */
static void host_set_rx_mode(struct net_device *dev)
{
}

static const struct net_device_ops host_netdev_ops = {
	.ndo_open		= host_open,
	.ndo_stop		= host_stop,
	.ndo_start_xmit		= host_xmit,
	.ndo_change_mtu		= host_change_mtu,
	.ndo_set_mac_address	= host_set_mac_address,
	.ndo_set_rx_mode	= host_set_rx_mode,
	.ndo_get_stats64	= host_get_stats64,
	.ndo_validate_addr	= eth_validate_addr,
};

static void host_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "sos", sizeof(info->driver));
	strscpy(info->version, SOS_VERSION, sizeof(info->version));
}

static int host_get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? HOST_COUNTERS : -EOPNOTSUPP;
}

static void host_get_strings(struct net_device *dev, u32 set, u8 *strings)
{
	if (set == ETH_SS_STATS)
		memcpy(strings, counter_names, sizeof(counter_names));
}

static void host_get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *values)
{
	struct sos_host_netdev *port = netdev_priv(dev);

	host_read_counters(port, values);
}

static int host_get_link_ksettings(struct net_device *dev, struct ethtool_link_ksettings *settings)
{
	struct sos_host_netdev *port = netdev_priv(dev);

	settings->base.speed = port->speed;
	settings->base.duplex = port->duplex;
	settings->base.port = PORT_OTHER;
	return 0;
}

static int host_set_link_ksettings(struct net_device *dev,
				   const struct ethtool_link_ksettings *settings)
{
	struct sos_host_netdev *port = netdev_priv(dev);

	return ethtool_virtdev_set_link_ksettings(dev, settings, &port->speed, &port->duplex);
}

static const struct ethtool_ops host_ethtool_ops = {
	.get_drvinfo		= host_get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_link_ksettings	= host_get_link_ksettings,
	.set_link_ksettings	= host_set_link_ksettings,
	.get_sset_count		= host_get_sset_count,
	.get_strings		= host_get_strings,
	.get_ethtool_stats	= host_get_ethtool_stats,
};

/* ---- its life ---- */

static int host_check_arguments(struct sos_service *service, const struct sos_add_host_port *arg)
{
	if (!sos_service_takes(service))
		return -EBUSY;
	if (arg->pad || memchr_inv(arg->reserved, 0, sizeof(arg->reserved)))
		return -EINVAL;
	if (strnlen(arg->name, sizeof(arg->name)) == sizeof(arg->name) ||
	    !dev_valid_name(arg->name) || !is_valid_ether_addr(arg->mac))
		return -EINVAL;
	if (arg->mtu < ETH_MIN_MTU || arg->mtu > SOS_HOST_MTU_MAX)
		return -EINVAL;
	if (arg->slots < SOS_HOST_SLOTS_MIN || arg->slots > SOS_HOST_SLOTS_MAX ||
	    !is_power_of_2(arg->slots) || !IS_ALIGNED(arg->va, 1ULL << SOS_CHUNK_SHIFT))
		return -EINVAL;
	return service->host_port_count == SOS_MAX_HOST_PORTS ? -ENOSPC : 0;
}

/* The shared memory as a service finds it at its start. */
static void host_shared_reset(struct sos_host_netdev *port)
{
	struct sos_host_port *shared = port->shared;

	memset(shared, 0, sizeof(*shared));
	shared->magic = SOS_HOST_PORT_MAGIC;
	shared->slots = port->slots;
	shared->slot_size = SOS_HOST_SLOT_SIZE;
	shared->to_host_offset = port->to_host_offset;
	shared->from_host_offset = port->from_host_offset;
	shared->mtu = port->dev->mtu;
	memcpy(shared->mac, port->dev->dev_addr, ETH_ALEN);
	shared->host_up = netif_running(port->dev);
	shared->to_host.armed = 1;
	atomic_set(&port->bad_indexes, 0);
	port->closed = false;
	port->rx_consumer = 0;
	port->tx_producer = 0;
	port->tx_reclaimed = 0;
}

static struct sos_host_netdev *host_port_alloc(const struct sos_add_host_port *arg)
{
	struct net_device *dev = alloc_etherdev(sizeof(struct sos_host_netdev));
	struct sos_host_netdev *port;

	if (!dev)
		return NULL;
	port = netdev_priv(dev);
	port->tx_lengths = kcalloc(arg->slots, sizeof(*port->tx_lengths), GFP_KERNEL);
	if (!port->tx_lengths) {
		free_netdev(dev);
		return NULL;
	}
	u64_stats_init(&port->rx_sync);
	u64_stats_init(&port->tx_sync);
	port->dev = dev;
	port->slots = arg->slots;
	port->speed = SPEED_UNKNOWN;
	port->duplex = DUPLEX_UNKNOWN;
	port->to_host_offset = PAGE_SIZE;
	port->from_host_offset = PAGE_SIZE + arg->slots * SOS_HOST_SLOT_SIZE;
	strscpy(dev->name, arg->name, sizeof(dev->name));
	eth_hw_addr_set(dev, arg->mac);
	dev->netdev_ops = &host_netdev_ops;
	dev->ethtool_ops = &host_ethtool_ops;
	dev->mtu = arg->mtu;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = SOS_HOST_MTU_MAX;
	dev->features |= NETIF_F_HIGHDMA;	/* frames are copied, from wherever they are */
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	netif_napi_add(dev, &port->napi, host_poll);
	netif_carrier_off(dev);
	return port;
}

static void host_port_free(struct sos_host_netdev *port)
{
	kfree(port->tx_lengths);
	free_netdev(port->dev);
}

/* Under service->lock. Errno: see struct sos_add_host_port. */
int sos_host_port_add(struct sos_core *core, struct sos_add_host_port *arg)
{
	struct sos_region region = {
		.kind = SOS_REGION_MEMORY,
		.prot = SOS_PROT_READ | SOS_PROT_WRITE,
		.va = arg->va,
		.size = PAGE_SIZE + 2ULL * arg->slots * SOS_HOST_SLOT_SIZE,
	};
	struct sos_service *service = core->service;
	struct sos_host_netdev *port;
	int ret;

	lockdep_assert_held(&service->lock);
	ret = host_check_arguments(service, arg);
	if (ret)
		return ret;
	port = host_port_alloc(arg);
	if (!port)
		return -ENOMEM;
	ret = sos_region_add(core, &region);
	if (ret)
		goto err_port;
	port->region = &service->regions[region.index];
	port->shared = sos_region_pointer(port->region, 0);
	host_shared_reset(port);
	ret = register_netdev(port->dev);
	if (ret)
		goto err_region;
	spin_lock_irq(&service->run_lock);
	service->host_ports[service->host_port_count++] = port;
	spin_unlock_irq(&service->run_lock);

	strscpy(arg->name, port->dev->name, sizeof(arg->name));
	arg->region = region.index;
	arg->ifindex = port->dev->ifindex;
	arg->size = region.size;
	return 0;

err_region:
	sos_region_drop_one(service, region.index);
err_port:
	host_port_free(port);
	return ret;
}

/* Under service->lock, LOADED: undoes a sos_host_port_add() that nobody learnt of. */
void sos_host_port_drop_one(struct sos_service *service, u32 region)
{
	struct sos_host_netdev *port;
	u32 i;

	lockdep_assert_held(&service->lock);
	spin_lock_irq(&service->run_lock);
	for (i = 0; service->host_ports[i]->region != &service->regions[region]; i++)
		;
	port = service->host_ports[i];
	service->host_ports[i] = service->host_ports[--service->host_port_count];
	spin_unlock_irq(&service->run_lock);
	unregister_netdev(port->dev);
	host_port_free(port);
	sos_region_drop_one(service, region);
}

/* Under service->lock, before the first core enters the service: fresh rings. */
static void host_port_started(struct sos_core *core, bool first)
{
	struct sos_service *service = core->service;
	u32 i;

	lockdep_assert_held(&service->lock);
	if (!first)
		return;
	rtnl_lock();
	for (i = 0; i < service->host_port_count; i++) {
		struct sos_host_netdev *port = service->host_ports[i];
		bool up = netif_running(port->dev);

		if (up) {
			netif_tx_disable(port->dev);
			napi_disable(&port->napi);
		}
		host_shared_reset(port);
		netdev_reset_queue(port->dev);
		WRITE_ONCE(port->live, true);
		if (up) {
			napi_enable(&port->napi);
			netif_wake_queue(port->dev);
		}
	}
	rtnl_unlock();
}

/* The service called, or it is time to look: hard interrupts, the watch. */
void sos_host_ports_kick(struct sos_core *core)
{
	struct sos_service *service;
	unsigned long flags;
	u32 i;

	spin_lock_irqsave(&core->state_lock, flags);
	service = core->service;
	spin_lock(&service->run_lock);
	for (i = 0; i < service->host_port_count; i++) {
		struct sos_host_netdev *port = service->host_ports[i];

		if (!port->live)
			continue;
		if (READ_ONCE(port->shared->link_up))
			netif_carrier_on(port->dev);
		else
			netif_carrier_off(port->dev);
		napi_schedule(&port->napi);
	}
	spin_unlock(&service->run_lock);
	spin_unlock_irqrestore(&core->state_lock, flags);
}

/* Under run_lock: the service ended, and what Linux still sends is dropped. */
static void host_port_quiet(struct sos_service *service)
{
	u32 i;

	lockdep_assert_held(&service->run_lock);
	for (i = 0; i < service->host_port_count; i++) {
		WRITE_ONCE(service->host_ports[i]->live, false);
		netif_carrier_off(service->host_ports[i]->dev);
	}
}

/* Under service->lock, no core runs it. */
static void host_port_drop(struct sos_service *service)
{
	u32 count = service->host_port_count;

	lockdep_assert_held(&service->lock);
	spin_lock_irq(&service->run_lock);
	service->host_port_count = 0;
	spin_unlock_irq(&service->run_lock);
	while (count) {
		struct sos_host_netdev *port = service->host_ports[--count];

		unregister_netdev(port->dev);
		host_port_free(port);
	}
}

const struct sos_resource_ops sos_host_port_ops = {
	.started	= host_port_started,
	.quiet		= host_port_quiet,
	.drop		= host_port_drop,
};
