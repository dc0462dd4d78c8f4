using System;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Statistics;

namespace Sos.Sdk.Ports;

/// <summary>The counters of a port, under a prefix: "nic" and "host" for the port "nic", NAME and NAME.host for any other.</summary>
public readonly struct PortCounters
{
    /// <summary>Counters of one port.</summary>
    internal const int Count = 13;

    private PortCounters(CounterRegistry registry, ReadOnlySpan<byte> prefix)
    {
        ReceivedPackets = Add(registry, prefix, "rx_packets"u8);
        ReceivedBytes = Add(registry, prefix, "rx_bytes"u8);
        ReceiveDroppedInvalid = Add(registry, prefix, "rx_dropped_invalid"u8);
        ReceiveStarved = Add(registry, prefix, "rx_starved"u8);
        TransmittedPackets = Add(registry, prefix, "tx_packets"u8);
        TransmittedBytes = Add(registry, prefix, "tx_bytes"u8);
        TransmitDroppedFull = Add(registry, prefix, "tx_dropped_full"u8);
        TransmitDroppedLink = Add(registry, prefix, "tx_dropped_link"u8);
        TransmitDroppedInvalid = Add(registry, prefix, "tx_dropped_invalid"u8);
        Notifications = Add(registry, prefix, "notifications"u8);
        LinkChanges = Add(registry, prefix, "link_changes"u8);
        Failures = Add(registry, prefix, "failures"u8);
        Restarts = Add(registry, prefix, "restarts"u8);
    }

    /// <summary>PREFIX.rx_packets: frames handed to the service.</summary>
    public Counter ReceivedPackets { get; }

    /// <summary>PREFIX.rx_bytes: their bytes, without FCS.</summary>
    public Counter ReceivedBytes { get; }

    /// <summary>PREFIX.rx_dropped_invalid: frames shorter than an Ethernet header or longer than their place.</summary>
    public Counter ReceiveDroppedInvalid { get; }

    /// <summary>PREFIX.rx_starved: times that the packet pool ran empty as frames were to be received.</summary>
    public Counter ReceiveStarved { get; }

    /// <summary>PREFIX.tx_packets: frames accepted for sending.</summary>
    public Counter TransmittedPackets { get; }

    /// <summary>PREFIX.tx_bytes: their bytes, without FCS.</summary>
    public Counter TransmittedBytes { get; }

    /// <summary>PREFIX.tx_dropped_full: frames dropped since the other side is behind.</summary>
    public Counter TransmitDroppedFull { get; }

    /// <summary>PREFIX.tx_dropped_link: frames dropped since the other side cannot be reached.</summary>
    public Counter TransmitDroppedLink { get; }

    /// <summary>PREFIX.tx_dropped_invalid: frames dropped since they are too short, too long or without headroom.</summary>
    public Counter TransmitDroppedInvalid { get; }

    /// <summary>PREFIX.notifications: times that the other side was told to look.</summary>
    public Counter Notifications { get; }

    /// <summary>PREFIX.link_changes: times that the card's link went up or down, or that Linux was told another carrier of its device.</summary>
    public Counter LinkChanges { get; }

    /// <summary>PREFIX.failures: times that the other side broke its contract.</summary>
    public Counter Failures { get; }

    /// <summary>PREFIX.restarts: times that the port started anew after a failure and works again.</summary>
    public Counter Restarts { get; }

    /// <summary>Adds a port's counters; traps when they do not fit.</summary>
    /// <param name="registry">The service's counters.</param>
    /// <param name="prefix">1 to 29 bytes of UTF-8.</param>
    public static PortCounters Register(CounterRegistry registry, ReadOnlySpan<byte> prefix) => new(registry, prefix);

    /// <summary>Adds the counters of a port's card: for the port "wan", "wan.rx_packets" and so on.</summary>
    internal static PortCounters RegisterCard(CounterRegistry registry, in PortName name) => new(registry, name.Bytes);

    /// <summary>Adds the counters of a port's host port: for the port "wan", "wan.host.rx_packets" and so on; for "nic", "host.rx_packets".</summary>
    internal static PortCounters RegisterHost(CounterRegistry registry, in PortName name)
    {
        ReadOnlySpan<byte> bytes = name.Bytes;
        if (bytes.SequenceEqual("nic"u8))
        {
            return new PortCounters(registry, "host"u8);
        }

        Span<byte> prefix = stackalloc byte[PortName.Size + 5];
        bytes.CopyTo(prefix);
        ".host"u8.CopyTo(prefix[bytes.Length..]);
        return new PortCounters(registry, prefix[..(bytes.Length + 5)]);
    }

    private static Counter Add(CounterRegistry registry, ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> name)
    {
        Trap.Unless(prefix.Length + 1 + name.Length <= StatisticsLayout.NameSize, TrapCode.CounterLimit);
        Span<byte> whole = stackalloc byte[StatisticsLayout.NameSize];
        prefix.CopyTo(whole);
        whole[prefix.Length] = (byte)'.';
        name.CopyTo(whole[(prefix.Length + 1)..]);
        return registry.Add(whole[..(prefix.Length + 1 + name.Length)]);
    }
}
