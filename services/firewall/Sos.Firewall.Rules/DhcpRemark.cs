using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;
using Sos.Sdk.Control;
using Sos.Sdk.Statistics;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Rules;

/// <summary>
/// Tells who reads rules that they are not asked about DHCP: under Linux a client reads its answers before the rules, so that rules which drop them are common
/// and do no harm there. The firewall lets them pass for that reason; where the rules are to decide, the host would lose its address.
/// </summary>
public static unsafe class DhcpRemark
{
    private const int Ipv4Size = 20;
    private const int UdpSize = 8;
    private const int MessageSize = 300; // the least that a server sends, RFC 1542, 2.1
    private const uint Server = 0xc0000201; // 192.0.2.1: any that no rule is likely to name

    /// <summary>Asks the rules about a reply of a server that they do not name.</summary>
    /// <param name="table">The rules.</param>
    /// <returns>Null when they let it in.</returns>
    public static RuleDiagnostic? Find(CompiledTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        return Drops(table) ? new RuleDiagnostic(
            RuleSeverity.Note,
            RuleDiagnosticIds.DhcpReplies,
            "these rules drop the replies of a DHCP server (UDP 67 to 68), which Linux's clients read before any rule: the core lets them pass all the same; "
                + "with the parameter dhcp=rules it drops them, and a host with DHCP loses its address",
            string.Empty,
            null) : null;
    }

    private static bool Drops(CompiledTable table)
    {
        byte[] frame = MakeReply();
        PacketKey key = default;
        if (FrameParser.Parse(frame, out ParsedFrame parsed) != MalformedReason.None)
        {
            throw new InvalidOperationException("the reply of a DHCP server that is tried is malformed: a defect, please report it");
        }

        PacketKeyReader.Read(frame, in parsed, ref key);
        if (table.Mode == TableMode.Stateful)
        {
            key.Set(Field.Connection, ConnectionStates.New); // nothing was sent to a server that nobody knows
            key.Set(Field.FlowDirection, 0);
            key.Set(Field.FlowStatus, 0);
        }

        Samplers samplers = default;
        void* memory = NativeMemory.AlignedAlloc(StatisticsLayout.TotalSize, 64);
        try
        {
            fixed (byte* bytes = frame, start = table.Bytes)
            {
                if (!FirewallTable.TryOpen(start, (ulong)table.Bytes.Length, out FirewallTable opened))
                {
                    return false;
                }

                FullReader reader = default;
                reader.Begin(in opened, default);
                if (reader.IsNeeded)
                {
                    reader.SetTime((ulong)(DateTime.UtcNow - DateTime.UnixEpoch).Ticks * (ulong)TimeSpan.NanosecondsPerTick);
                    reader.Read(new ReadOnlySpan<byte>(bytes, frame.Length), in parsed, isSent: false, ref key);
                }

                samplers.Limits.Begin(in opened, now: 0);
                return CounterRegistry.TryCreate(memory, StatisticsLayout.TotalSize, out CounterRegistry registry)
                    && RuleEvaluator.Evaluate(in opened, in key, new RuleCounters(registry), ref samplers) != Verdict.Pass;
            }
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    /// <summary>Makes a frame as a server sends it to a client that has no address yet (RFC 2131, 4.1).</summary>
    private static byte[] MakeReply()
    {
        const int ethernetSize = 14;
        byte[] frame = new byte[ethernetSize + Ipv4Size + UdpSize + MessageSize];
        frame.AsSpan(0, 6).Fill(0xff);
        frame[6] = 2; // a unicast address that somebody made up
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), (ushort)EtherType.Ipv4);
        Span<byte> ip = frame.AsSpan(ethernetSize, Ipv4Size);
        (ip[0], ip[8], ip[9]) = (0x45, 64, (byte)IpProtocol.Udp);
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], Ipv4Size + UdpSize + MessageSize);
        BinaryPrimitives.WriteUInt32BigEndian(ip[12..], Server);
        BinaryPrimitives.WriteUInt32BigEndian(ip[16..], uint.MaxValue);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], ChecksumOf(ip));
        Span<byte> udp = frame.AsSpan(ethernetSize + Ipv4Size);
        BinaryPrimitives.WriteUInt16BigEndian(udp, 67);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], 68);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], UdpSize + MessageSize);
        (udp[UdpSize], udp[UdpSize + 1], udp[UdpSize + 2]) = (2, 1, 6); // BOOTREPLY, Ethernet, six bytes of address
        return frame;
    }

    private static ushort ChecksumOf(ReadOnlySpan<byte> header)
    {
        uint sum = 0;
        for (int i = 0; i < header.Length; i += sizeof(ushort))
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(header[i..]);
        }

        sum = (sum & ushort.MaxValue) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }
}
