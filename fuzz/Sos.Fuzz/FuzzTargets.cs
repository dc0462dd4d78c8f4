using System.Collections.Generic;
using Sos.Fuzz.Targets;

namespace Sos.Fuzz;

/// <summary>Every parser of bytes that others made.</summary>
public static class FuzzTargets
{
    /// <summary>All targets.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("frame", "FrameParser, and the firewall's PacketKeyReader on what it accepts", FrameTarget.Run),
        new("ethernet", "EthernetHeader: what is read is written and read again the same", HeaderTargets.Ethernet, 64),
        new("arp", "ArpPacket, likewise", HeaderTargets.Arp, 64),
        new("ipv4", "Ipv4Header, likewise", HeaderTargets.Ipv4, 256),
        new("ipv6", "Ipv6Header, likewise", HeaderTargets.Ipv6, 256),
        new("ipv6-extensions", "Ipv6ExtensionChain", HeaderTargets.Ipv6Extensions, 512),
        new("tcp", "TcpHeader", HeaderTargets.Tcp, 128),
        new("udp", "UdpHeader, whole and first fragment", HeaderTargets.Udp, 128),
        new("icmp", "IcmpHeader and Icmpv6Header", HeaderTargets.Icmp, 64),
        new("tcp-options", "TcpOptions: what is read is written and read again the same", NetTargets.TcpOption, 64),
        new("tcp-segment", "TcpSegment: header, options, checksum and data", NetTargets.Segment, 256),
        new("neighbor", "NeighborMessage, likewise", NetTargets.Neighbor, 128),
        new("link-message", "LinkMessage: frames of ARP and neighbour discovery", NetTargets.Link, 256),
        new("router-advertisement", "RouterAdvertisement", NetTargets.Router, 256),
        new("prefix-list", "SourceList: the hosts that an endpoint answers", NetTargets.Prefixes, 512),
        new("image", "ServiceImage.Read, and ImageVerifier on what it accepts", ImageTargets.Image, 64 << 10),
        new("image-mutant", "ImageVerifier on changed images; what it accepts is decoded again by objdump", ImageTargets.Mutant, 16),
        new("debug-file", "DebugFile.Read and Resolve", ImageTargets.Debug, 8 << 10),
        new("firewall-rules", "RulesetCompiler on nft's JSON, and the evaluator with its table", FirewallTargets.Rules, 16 << 10),
        new("prefilter-rules", "PrefilterCompiler on nft's JSON: always a valid table", FirewallTargets.PrefilterRules, 16 << 10),
        new("firewall-table", "TableValidator, and the evaluator with what it accepts", FirewallTargets.Table),
        new("connection-tracker", "ConnectionTracker: packets in both directions", TrackerTarget.Run, 2048),
        new("timer-area", "the timer service with a client that writes what it likes", TimerTarget.Run, 20 << 10),
        new("virtio-capabilities", "VirtioPciCapabilities.Parse and ToLayout", VirtioTarget.Run, 512),
        new("parameters", "Parameters: a service's settings", SharedMemoryTargets.Settings, 512),
        new("log", "LogReader: a log that a service broke", SharedMemoryTargets.ReadLog, 2048),
        new("statistics", "StatisticsReader: counters that a service broke", SharedMemoryTargets.ReadStatistics, 16 << 10),
        new("ssh", "an SSH session whose client sends what it likes, before and after log-in", SshTargets.Session),
        new("authorized-keys", "AuthorizedKeysFile.Parse", SshTargets.AuthorizedKeys),
        new("host-key", "HostKey.TryDecode", SshTargets.PrivateKey, 1024),
    ];
}
