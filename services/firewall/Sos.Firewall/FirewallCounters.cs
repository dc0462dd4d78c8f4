using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Statistics;
using Sos.Sdk.Wire;

namespace Sos.Firewall;

/// <summary>The firewall's counters beside those of its ports and rules. All but the generation and the lines are frames.</summary>
public struct FirewallCounters
{
    private const int ReasonCount = (int)MalformedReason.TransportTruncated + 1;

    private ReasonCounters _malformed;

    /// <summary>Names the counters.</summary>
    public FirewallCounters(CounterRegistry statistics)
    {
        Received = statistics.Add("firewall.received"u8);
        Passed = statistics.Add("firewall.passed"u8);
        DroppedByRule = statistics.Add("firewall.dropped_by_rule"u8);
        DroppedByPolicy = statistics.Add("firewall.dropped_by_policy"u8);
        DroppedMalformed = statistics.Add("firewall.dropped_malformed"u8);
        DroppedNoTable = statistics.Add("firewall.dropped_no_table"u8);
        DroppedNonIp = statistics.Add("firewall.dropped_non_ip"u8);
        DroppedVlan = statistics.Add("firewall.dropped_vlan"u8);
        DroppedFragments = statistics.Add("firewall.dropped_fragments"u8);
        DroppedHostFull = statistics.Add("firewall.dropped_host_full"u8);
        Fragments = statistics.Add("firewall.fragments"u8);
        NonIp = statistics.Add("firewall.non_ip"u8);
        Sent = statistics.Add("firewall.sent"u8);
        SendDropped = statistics.Add("firewall.send_dropped"u8);
        TableGeneration = statistics.Add("firewall.table_generation"u8);
        TablesRefused = statistics.Add("firewall.tables_refused"u8);
        DhcpPassed = statistics.Add("firewall.dhcp_passed"u8);
        Unjudged = statistics.Add("firewall.unjudged"u8);
        Lapsed = statistics.Add("firewall.lapsed"u8);
        Sampled = statistics.Add("firewall.sampled"u8);
        Logged = statistics.Add("firewall.logged"u8);
        LogLost = statistics.Add("firewall.log_lost"u8);
        OutputDropped = statistics.Add("firewall.output_dropped"u8);
        Answered = statistics.Add("firewall.answered"u8);
        AnswersLimited = statistics.Add("firewall.answers_limited"u8);
        AnswersLost = statistics.Add("firewall.answers_lost"u8);
        for (int i = 1; i < ReasonCount; i++)
        {
            _malformed[i] = statistics.Add(NameOf((MalformedReason)i));
        }
    }

    /// <summary>From the card.</summary>
    public Counter Received { get; }

    /// <summary>Handed to Linux's side of the host port.</summary>
    public Counter Passed { get; }

    /// <summary>Dropped by a rule's verdict.</summary>
    public Counter DroppedByRule { get; }

    /// <summary>Dropped by the policy of a base chain.</summary>
    public Counter DroppedByPolicy { get; }

    /// <summary>Dropped as malformed; each is also in one of the malformed.* counters.</summary>
    public Counter DroppedMalformed { get; }

    /// <summary>Dropped before the first table was active.</summary>
    public Counter DroppedNoTable { get; }

    /// <summary>Dropped by the parameter non-ip.</summary>
    public Counter DroppedNonIp { get; }

    /// <summary>Dropped by the parameter vlan.</summary>
    public Counter DroppedVlan { get; }

    /// <summary>Dropped by the parameter fragments.</summary>
    public Counter DroppedFragments { get; }

    /// <summary>Good, but lost since Linux did not take them in time, or its device is down.</summary>
    public Counter DroppedHostFull { get; }

    /// <summary>Fragments of IP packets, whatever became of them.</summary>
    public Counter Fragments { get; }

    /// <summary>Frames that are no IP, whatever became of them.</summary>
    public Counter NonIp { get; }

    /// <summary>From Linux to the card.</summary>
    public Counter Sent { get; }

    /// <summary>From Linux, but lost since the card did not take them in time, or its link is down.</summary>
    public Counter SendDropped { get; }

    /// <summary>Generation of the active table, 0 before the first.</summary>
    public Counter TableGeneration { get; }

    /// <summary>Tables that were refused as invalid.</summary>
    public Counter TablesRefused { get; }

    /// <summary>Replies to a DHCP client that a rule or policy would have dropped; among the passed, too.</summary>
    public Counter DhcpPassed { get; }

    /// <summary>Passed unjudged, as a prefilter does with what Linux may see otherwise than it arrived; among the passed, too.</summary>
    public Counter Unjudged { get; }

    /// <summary>Passed unjudged since the table's lease was over; among the passed, too.</summary>
    public Counter Lapsed { get; }

    /// <summary>Passed although the rules drop them, so that Linux logs them; among the passed, too.</summary>
    public Counter Sampled { get; }

    /// <summary>From Linux, but dropped by a rule or policy for what it sends.</summary>
    public Counter OutputDropped { get; }
    /// <summary>Answers to packets that rules reject, sent.</summary>
    public Counter Answered { get; }

    /// <summary>Answers that were not sent since Linux would not send so many errors of ICMP.</summary>
    public Counter AnswersLimited { get; }

    /// <summary>Answers that were lost since the card did not take them in time, its link is down, or there was no buffer.</summary>
    public Counter AnswersLost { get; }

    /// <summary>Lines that rules wrote.</summary>
    public Counter Logged { get; }

    /// <summary>Lines that rules asked for and that were too many.</summary>
    public Counter LogLost { get; }

    /// <summary>Counts a malformed frame.</summary>
    public readonly void CountMalformed(MalformedReason reason)
    {
        DroppedMalformed.Increment();
        _malformed[(int)reason].Increment();
    }

    private static ReadOnlySpan<byte> NameOf(MalformedReason reason) => reason switch
    {
        MalformedReason.EthernetTruncated => "malformed.ethernet_truncated"u8,
        MalformedReason.VlanTruncated => "malformed.vlan_truncated"u8,
        MalformedReason.VlanTagsExceeded => "malformed.vlan_tags_exceeded"u8,
        MalformedReason.ArpTruncated => "malformed.arp_truncated"u8,
        MalformedReason.ArpFormat => "malformed.arp_format"u8,
        MalformedReason.Ipv4Truncated => "malformed.ipv4_truncated"u8,
        MalformedReason.Ipv4Version => "malformed.ipv4_version"u8,
        MalformedReason.Ipv4HeaderLength => "malformed.ipv4_header_length"u8,
        MalformedReason.Ipv4TotalLength => "malformed.ipv4_total_length"u8,
        MalformedReason.Ipv4Checksum => "malformed.ipv4_checksum"u8,
        MalformedReason.Ipv6Truncated => "malformed.ipv6_truncated"u8,
        MalformedReason.Ipv6Version => "malformed.ipv6_version"u8,
        MalformedReason.Ipv6PayloadLength => "malformed.ipv6_payload_length"u8,
        MalformedReason.Ipv6ExtensionTruncated => "malformed.ipv6_extension_truncated"u8,
        MalformedReason.Ipv6HopByHopNotFirst => "malformed.ipv6_hop_by_hop_not_first"u8,
        MalformedReason.Ipv6ExtensionsExceeded => "malformed.ipv6_extensions_exceeded"u8,
        MalformedReason.Ipv6RoutingType0 => "malformed.ipv6_routing_type0"u8,
        MalformedReason.FragmentLength => "malformed.fragment_length"u8,
        MalformedReason.FragmentBeyondPacket => "malformed.fragment_beyond_packet"u8,
        MalformedReason.FragmentTiny => "malformed.fragment_tiny"u8,
        MalformedReason.FragmentOverlapsTcpFlags => "malformed.fragment_overlaps_tcp_flags"u8,
        MalformedReason.TcpTruncated => "malformed.tcp_truncated"u8,
        MalformedReason.TcpDataOffset => "malformed.tcp_data_offset"u8,
        MalformedReason.UdpTruncated => "malformed.udp_truncated"u8,
        MalformedReason.UdpLength => "malformed.udp_length"u8,
        MalformedReason.IcmpTruncated => "malformed.icmp_truncated"u8,
        MalformedReason.Icmpv6Truncated => "malformed.icmpv6_truncated"u8,
        MalformedReason.TransportTruncated => "malformed.transport_truncated"u8,
        _ => "malformed.other"u8,
    };

    [InlineArray(ReasonCount)]
    private struct ReasonCounters
    {
        private Counter _first;
    }
}
