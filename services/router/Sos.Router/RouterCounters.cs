using System;
using Sos.Sdk.Statistics;

namespace Sos.Router;

/// <summary>The router's counters beside those of its ports: packets, by what became of them.</summary>
public struct RouterCounters
{
    /// <summary>Names the counters.</summary>
    public RouterCounters(CounterRegistry statistics)
    {
        Forwarded = statistics.Add("router.forwarded"u8);
        ToLinux = statistics.Add("router.to_linux"u8);
        ToLinuxDropped = statistics.Add("router.to_linux_dropped"u8);
        FromLinux = statistics.Add("router.from_linux"u8);
        FromLinuxDropped = statistics.Add("router.from_linux_dropped"u8);
        SendDropped = statistics.Add("router.send_dropped"u8);
        Malformed = statistics.Add("router.dropped_malformed"u8);
        Martian = statistics.Add("router.dropped_martian"u8);
        ReversePath = statistics.Add("router.dropped_reverse_path"u8);
        NoRoute = statistics.Add("router.dropped_no_route"u8);
        Blackhole = statistics.Add("router.dropped_blackhole"u8);
        Unreachable = statistics.Add("router.dropped_unreachable"u8);
        Prohibited = statistics.Add("router.dropped_prohibited"u8);
        Expired = statistics.Add("router.dropped_expired"u8);
        TooBig = statistics.Add("router.dropped_too_big"u8);
        Filtered = statistics.Add("router.dropped_filter"u8);
        NoBuffer = statistics.Add("router.dropped_no_buffer"u8);
        Fragmented = statistics.Add("router.fragmented"u8);
        Fragments = statistics.Add("router.fragments"u8);
        ErrorsSent = statistics.Add("router.icmp_errors"u8);
        ErrorsLimited = statistics.Add("router.icmp_errors_limited"u8);
        LinuxSilences = statistics.Add("router.linux_silences"u8);
        AnswersForLinux = statistics.Add("router.answers_for_linux"u8);
        NeighbourQuestions = statistics.Add("router.neighbour_questions"u8);
    }

    /// <summary>Sent to a next hop; fragments are in <see cref="Fragments"/>.</summary>
    public Counter Forwarded { get; }

    /// <summary>Given to Linux.</summary>
    public Counter ToLinux { get; }

    /// <summary>Linux's, but lost since it did not take them in time, or its device is down.</summary>
    public Counter ToLinuxDropped { get; }

    /// <summary>From Linux to a card.</summary>
    public Counter FromLinux { get; }

    /// <summary>From Linux, but lost since the card did not take them in time, or its link is down.</summary>
    public Counter FromLinuxDropped { get; }

    /// <summary>To be forwarded or answered, but lost since the card did not take them in time, or its link is down.</summary>
    public Counter SendDropped { get; }

    /// <summary>Dropped: wrong version, length or header checksum.</summary>
    public Counter Malformed { get; }

    /// <summary>Dropped: a source that nobody can have.</summary>
    public Counter Martian { get; }

    /// <summary>Dropped by rp_filter.</summary>
    public Counter ReversePath { get; }

    /// <summary>Dropped for want of a route.</summary>
    public Counter NoRoute { get; }

    /// <summary>Dropped by a blackhole route.</summary>
    public Counter Blackhole { get; }

    /// <summary>Dropped by an unreachable route.</summary>
    public Counter Unreachable { get; }

    /// <summary>Dropped by a prohibit route.</summary>
    public Counter Prohibited { get; }

    /// <summary>Dropped: the TTL or hop limit has come to its end.</summary>
    public Counter Expired { get; }

    /// <summary>Dropped: larger than the next link takes, and not to be fragmented.</summary>
    public Counter TooBig { get; }

    /// <summary>Dropped by Linux's rules for forwarded packets.</summary>
    public Counter Filtered { get; }

    /// <summary>Dropped: there was no packet buffer for a fragment.</summary>
    public Counter NoBuffer { get; }

    /// <summary>Packets that were fragmented.</summary>
    public Counter Fragmented { get; }

    /// <summary>Fragments that were made of them.</summary>
    public Counter Fragments { get; }

    /// <summary>ICMP and ICMPv6 errors sent.</summary>
    public Counter ErrorsSent { get; }

    /// <summary>ICMP and ICMPv6 errors that the rate limit held back.</summary>
    public Counter ErrorsLimited { get; }

    /// <summary>Times that Linux was found to answer no more.</summary>
    public Counter LinuxSilences { get; }

    /// <summary>Questions for this machine's addresses that the core answered, since Linux did not.</summary>
    public Counter AnswersForLinux { get; }

    /// <summary>Questions for neighbours that the core asked, since Linux does not.</summary>
    public Counter NeighbourQuestions { get; }
}

/// <summary>The counters of a port.</summary>
public readonly struct RouterPortCounters
{
    /// <summary>Names the counters: NAME.forwarded_in, NAME.forwarded_out.</summary>
    /// <param name="statistics">The service's counters.</param>
    /// <param name="port">The port's name.</param>
    public RouterPortCounters(CounterRegistry statistics, ReadOnlySpan<byte> port)
    {
        In = Add(statistics, port, ".forwarded_in"u8);
        Out = Add(statistics, port, ".forwarded_out"u8);
    }

    /// <summary>Forwarded packets that came in here.</summary>
    public Counter In { get; }

    /// <summary>Forwarded packets that went out here.</summary>
    public Counter Out { get; }

    private static Counter Add(CounterRegistry statistics, ReadOnlySpan<byte> port, ReadOnlySpan<byte> name)
    {
        Span<byte> whole = stackalloc byte[Sdk.Control.StatisticsLayout.NameSize];
        port.CopyTo(whole);
        name.CopyTo(whole[port.Length..]);
        return statistics.Add(whole[..(port.Length + name.Length)]);
    }
}
