using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Firewall.Connections;
using Sos.Firewall.Tracking;
using Sos.Sdk.Memory;
using Sos.Sdk.Wire;
using Xunit;
using Xunit.Abstractions;

namespace Sos.Firewall.Tests.Tracking;

/// <summary>
/// The core's connection tracking against nf_conntrack of the kernel that runs the test: the same frames in the same order, and of each its state, its
/// direction and, of TCP, whether its flow is assured. The kernel forwards the frames, so that no stack of its own sends any in between. Bounded here;
/// SOS_EXACT_RULESETS and SOS_EXACT_PACKETS make it longer, as for the other exact tests.
/// </summary>
public class TrackingDifferenceTests(ITestOutputHelper output)
{
    private const int RunsBounded = 8;
    private const int PacketsBounded = 1_500;

    private static readonly string[] Sets =
        ["new_original", "established_original", "established_reply", "related_original", "related_reply", "invalid", "untracked", "assured"];

    // No flow expires here or there, however slow the machine is: which packet came before that would be chance.
    private static readonly string[] Times =
    [
        "tcp_timeout_syn_sent", "tcp_timeout_syn_recv", "tcp_timeout_fin_wait", "tcp_timeout_close_wait", "tcp_timeout_last_ack", "tcp_timeout_time_wait",
        "tcp_timeout_close", "tcp_timeout_max_retrans", "tcp_timeout_unacknowledged", "udp_timeout", "udp_timeout_stream", "icmp_timeout", "icmpv6_timeout",
    ];

    [Fact]
    public void Every_Packet_Has_The_State_That_Linux_Gives_It()
    {
        int runs = Setting("SOS_EXACT_RULESETS", RunsBounded);
        int packets = Math.Min(Setting("SOS_EXACT_PACKETS", PacketsBounded), ushort.MaxValue);
        Dictionary<string, int> seen = [];
        for (int seed = 1; seed <= runs; seed++)
        {
            Compare(seed, packets, seen);
        }

        output.WriteLine(string.Join(", ", seen.OrderBy(pair => pair.Key).Select(pair => $"{pair.Value} {pair.Key}")));
        Assert.All(Sets, set => Assert.True(seen.GetValueOrDefault(set) > 0, $"no packet was {set}: that would prove little"));
    }

    private static int Setting(string name, int otherwise)
        => Environment.GetEnvironmentVariable(name) is { } value ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;

    private static void Compare(int seed, int packets, Dictionary<string, int> seen)
    {
        TrackedTraffic traffic = new(new Random(seed));
        using KernelNamespace kernel = new();
        kernel.Configure(
            "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.send_redirects=0",
            $"net.ipv4.conf.{KernelNamespace.Device}.send_redirects=0");
        kernel.Load(Rules(), "prerouting");
        kernel.Configure([.. Times.Select(time => $"net.netfilter.nf_conntrack_{time}=86400")]);
        using TrackerBench core = new();
        List<TrackedFrame> frames = [];
        List<HashSet<string>> here = [];
        for (int id = 1; id <= packets; id++)
        {
            TrackedFrame frame = traffic.Next(id);
            frames.Add(frame);
            here.Add(core.Track(frame));
            kernel.Inject(frame.Bytes);
            _ = kernel.TakeSent();
        }

        _ = kernel.Observe(packets);
        List<HashSet<string>> there = Read(kernel, frames);
        for (int i = 0; i < frames.Count; i++)
        {
            if (!here[i].SetEquals(there[i]))
            {
                Assert.Fail(Explain(seed, i, frames, here, there));
            }

            foreach (string set in here[i])
            {
                seen[set] = seen.GetValueOrDefault(set) + 1;
            }
        }
    }

    private static string Explain(int seed, int at, List<TrackedFrame> frames, List<HashSet<string>> here, List<HashSet<string>> there)
    {
        StringBuilder text = new();
        text.AppendLine(
            CultureInfo.InvariantCulture, $"seed {seed}, packet {at + 1}: the core says {string.Join(' ', here[at])}, Linux {string.Join(' ', there[at])}");
        string flow = FlowOf(frames[at].Bytes);
        for (int i = 0; i <= at; i++)
        {
            if (FlowOf(frames[i].Bytes) == flow)
            {
                string way = frames[i].IsSent ? "sent   " : "arrives";
                text.AppendLine(CultureInfo.InvariantCulture, $"{i + 1,5} {way} {Describe(frames[i])} {string.Join(' ', there[i])}");
            }
        }

        return text.ToString();
    }

    private static string FlowOf(byte[] frame)
        => FrameParser.Parse(frame, out ParsedFrame parsed) == MalformedReason.None && TupleReader.TryRead(frame, in parsed, out FlowTuple tuple, out _)
            ? $"{tuple.First.Low} {tuple.Second.Low} {tuple.Ports} {tuple.Kind}" : "none";

    private static string Describe(TrackedFrame frame)
    {
        _ = FrameParser.Parse(frame.Bytes, out ParsedFrame parsed);
        if (!frame.IsTcp)
        {
            return $"{parsed.Protocol} {Convert.ToHexString(frame.Bytes.AsSpan(parsed.TransportOffset))}";
        }

        TcpSegment segment = new(frame.Bytes.AsSpan(parsed.TransportOffset..parsed.PacketEnd));
        int header = frame.Bytes[parsed.TransportOffset + 12] / 4;
        return $"{segment.Flags} {segment.Sequence}:{segment.End} ack {segment.Acknowledged} win {segment.Window}, header {header}";
    }

    private static string Rules()
    {
        string sets = string.Concat(Sets.SelectMany(set => new[]
        {
            $"set {set}4 {{ typeof ip id; size 65535; flags dynamic; }}\n", $"set {set}6 {{ typeof ip6 flowlabel; size 65535; flags dynamic; }}\n",
        }));
        string rules = string.Concat(Sets.SelectMany(set => new[]
        {
            $"{MatchOf(set)} add @{set}4 {{ ip id }}\n", $"{MatchOf(set)} add @{set}6 {{ ip6 flowlabel }}\n",
        }));
        return $"table inet t {{\n{sets}chain c {{\ntype filter hook prerouting priority -100;\n{rules}}}\n"
            + "chain f { type filter hook forward priority 0; ct state new accept; }\n}\n";
    }

    private static string MatchOf(string set) => set switch
    {
        "invalid" or "untracked" => $"ct state {set}",
        "assured" => "meta l4proto tcp ct status assured",
        _ => $"ct state {set.Split('_')[0]} ct direction {set.Split('_')[1]}",
    };

    private static List<HashSet<string>> Read(KernelNamespace kernel, List<TrackedFrame> frames)
    {
        List<HashSet<string>> there = [.. frames.Select(_ => new HashSet<string>())];
        foreach (string set in Sets)
        {
            foreach (bool isIpv4 in new[] { true, false })
            {
                foreach (int id in kernel.ReadNumbers("inet", "t", set + (isIpv4 ? "4" : "6")))
                {
                    if (frames[id - 1].IsIpv4 == isIpv4)
                    {
                        there[id - 1].Add(set);
                    }
                }
            }
        }

        return there;
    }

    /// <summary>A tracker with its memory, whose clock stands still.</summary>
    private sealed unsafe class TrackerBench : IDisposable
    {
        private const int Capacity = 4096;

        private readonly void* _memory;
        private ConnectionTracker _tracker;

        public TrackerBench()
        {
            nuint size = (nuint)FlowTable.BytesFor(Capacity) + 64;
            _memory = NativeMemory.AlignedAlloc(size, 64);
            NativeMemory.Clear(_memory, size);
            Assert.True(Arena.TryCreate(_memory, size, out Arena arena));
            Assert.True(_tracker.TryMake(arena, Capacity, new FlowSecret(default, default), isLiberal: false));
        }

        public HashSet<string> Track(TrackedFrame frame)
        {
            ReadPacket read = default;
            Assert.Equal(MalformedReason.None, FrameParser.Parse(frame.Bytes, out read.Parsed));
            read.HasTuple = TupleReader.TryRead(frame.Bytes, in read.Parsed, out read.Tuple, out read.IsFromSecond);
            read.Hash = read.HasTuple ? _tracker.Hash(in read.Tuple) : 0;
            _tracker.Track(in read, frame.Bytes, frame.IsSent, out TrackedPacket packet);
            if (packet.Begins)
            {
                _tracker.Confirm(frame.IsSent);
            }

            string direction = packet.Direction == FlowDirection.Original ? "original" : "reply";
            HashSet<string> sets =
            [
                packet.State switch
                {
                    ConnectionStates.New => $"new_{direction}",
                    ConnectionStates.Established => $"established_{direction}",
                    ConnectionStates.Related => $"related_{direction}",
                    ConnectionStates.Untracked => "untracked",
                    _ => "invalid",
                },
            ];
            if (frame.IsTcp && packet.HasFlow && (packet.Status & FlowStatus.Assured) != 0)
            {
                sets.Add("assured");
            }

            return sets;
        }

        public void Dispose() => NativeMemory.AlignedFree(_memory);
    }
}
