using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Firewall.Capture;
using Sos.Firewall.Control;
using Sos.Firewall.Rules;
using Sos.Firewall.Tables;
using Sos.Sdk.Control;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Firewall.Tests.Control;

/// <summary>Rules that log where the core decides alone: which packets, in which words, and what it may cost.</summary>
public sealed unsafe class LogTests : IDisposable
{
    private const uint Peer = 0x0a000001;
    private const uint Own = 0x0a090002;
    private const ulong Second = 1_000_000_000; // of the test's clock
    private const string Macs = "MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00";
    private const string Ends = "SRC=10.0.0.1 DST=10.9.0.2";
    private const string Macs6 = "MAC=02:00:00:00:00:01:02:00:00:00:00:02:86:dd";
    private const string Ends6 = "SRC=fd00:0001:0000:0000:0000:0000:0000:0001 DST=fd00:0009:0000:0000:0000:0000:0000:0002";

    private readonly FirewallBench _bench = new("flows=1024\n", capture: true);
    private readonly LoggedLines _lines;

    public LogTests()
    {
        Assert.True(LoggedLines.IsLaidOut(_bench.Harness.SharedMemory(0) + LogRing.Offset, LogHeader.TotalSize));
        _lines = Open();
    }

    public void Dispose() => _bench.Dispose();

    // The lines as net/netfilter/nf_log_syslog.c of Linux 6.18 writes them: of each what its conditions give for the frame.
    public static TheoryData<string, byte[], string> Lines() => new()
    {
        {
            "", Ip(6, Packet.Tcp(5555, 9999), id: 7),
            $"{Macs} {Ends} LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=TCP SPT=5555 DPT=9999 WINDOW=0 RES=0x00 SYN URGP=0 "
        },
        {
            "flags tcp sequence,options", Ip(6, [0, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0, 5, 0x68, 0x91, 0x20, 0, 0, 0, 0, 3, 1, 1, 4, 2]),
            $"{Macs} {Ends} LEN=44 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=TCP SPT=1 DPT=2 SEQ=9 ACK=5 WINDOW=8192 RES=0x20 CWR ACK FIN URGP=3 OPT (01010402) "
        },
        {
            "flags ether", Ip(17, Packet.Udp(53, 7000, 4)),
            $"MACSRC=02:00:00:00:00:02 MACDST=02:00:00:00:00:01 MACPROTO=0800 {Ends} LEN=32 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=UDP SPT=53 DPT=7000 LEN=12 "
        },
        {
            "", Ip(1, [8, 0, 0, 0, 0, 7, 0, 9]),
            $"{Macs} {Ends} LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=8 CODE=0 ID=7 SEQ=9 "
        },
        {
            "", Ip(1, [3, 4, 0, 0, 0, 0, 5, 0xdc, .. Packet.Ipv4(Own, Peer, 17, Packet.Udp(7000, 53), 3)]),
            $"{Macs} {Ends} LEN=56 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=3 CODE=4 "
                + "[SRC=10.9.0.2 DST=10.0.0.1 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=3 PROTO=UDP SPT=7000 DPT=53 LEN=8 ] MTU=1500 "
        },
        {
            "", Ip(1, [5, 1, 0, 0, 10, 9, 9, 9, 0x45]),
            $"{Macs} {Ends} LEN=29 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=5 CODE=1 INCOMPLETE [9 bytes] "
        },
        { "", Ip(17, new byte[16], id: 5, place: 0x4040), $"{Macs} {Ends} LEN=36 TOS=0x00 PREC=0x00 TTL=64 ID=5 DF FRAG:64 PROTO=UDP " },
        { "", Ip(17, [.. Packet.Udp(1, 2, 8)], id: 5, place: 0x2000),
            $"{Macs} {Ends} LEN=36 TOS=0x00 PREC=0x00 TTL=64 ID=5 MF PROTO=UDP SPT=1 DPT=2 LEN=16 " },
        {
            "flags ip options", Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 50, [0, 0, 1, 2, 0, 0, 0, 1], optionWords: 1)),
            $"{Macs} {Ends} LEN=32 TOS=0x00 PREC=0x00 TTL=64 ID=0 OPT (01010101) PROTO=ESP SPI=0x102 "
        },
        { "", Ip(99, [1, 2, 3]), $"{Macs} {Ends} LEN=23 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=99 " },
        {
            "", Ip6(17, Packet.Udp(1, 2), flowLabel: 77),
            $"{Macs6} {Ends6} LEN=48 TC=0 HOPLIMIT=64 FLOWLBL=77 PROTO=UDP SPT=1 DPT=2 LEN=8 "
        },
        { "", Ip6(58, [128, 0, 0, 0, 0, 7, 0, 9]), $"{Macs6} {Ends6} LEN=48 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=128 CODE=0 ID=7 SEQ=9 " },
        {
            "", Ip6(58, [2, 0, 0, 0, 0, 0, 5, 0, .. Ip6(6, Packet.Tcp(3, 4))[14..]]),
            $"{Macs6} {Ends6} LEN=108 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=2 CODE=0 "
                + $"[{Ends6} LEN=60 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=TCP SPT=3 DPT=4 WINDOW=0 RES=0x00 SYN URGP=0 ] MTU=1280 "
        },
        {
            "", Ip6(44, [17, 0, 0, 1, 0, 0, 0, 9, .. Packet.Udp(1, 2, 8)]),
            $"{Macs6} {Ends6} LEN=64 TC=0 HOPLIMIT=64 FLOWLBL=0 FRAG:0 INCOMPLETE ID:00000009 PROTO=UDP SPT=1 DPT=2 LEN=16 "
        },
        {
            "flags ip options", Ip6(60, [59, 0, 1, 4, 0, 0, 0, 0]),
            $"{Macs6} {Ends6} LEN=48 TC=0 HOPLIMIT=64 FLOWLBL=0 OPT ( ) PROTO=59 "
        },
    };

    [Theory]
    [MemberData(nameof(Lines))]
    public void A_Line_Is_That_Of_Linux(string flags, byte[] frame, string expected)
    {
        _bench.Apply($"table inet f {{ chain c {{ type filter hook input priority 0; log prefix \"fw: \" {flags}; }}; }}");
        Assert.True(_bench.Passes(frame));
        Assert.Equal($"fw: IN=eth0 OUT= {expected}", Assert.Single(ReadLines()));
    }

    [Fact]
    public void What_Linux_Sends_Leaves_By_The_Port()
    {
        _bench.Apply("table ip f { chain o { type filter hook output priority 0; udp dport 53 log prefix \"out \" level info drop; }; }");
        Assert.False(_bench.Sends(Packet.Ethernet(0x0800, Packet.Ipv4(Own, Peer, 17, Packet.Udp(7000, 53)))));
        Assert.True(_lines.TryRead(out LoggedPacket packet));
        Assert.Equal(6, packet.Level);
        Assert.Equal(
            "out IN= OUT=eth0 SRC=10.9.0.2 DST=10.0.0.1 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=UDP SPT=7000 DPT=53 LEN=8 ",
            PacketLog.Format(packet, "eth0"));
    }

    [Fact]
    public void Packets_Are_Logged_Where_Rules_Meet_Them_In_Order()
    {
        _bench.Apply("""
            table inet f {
              chain sub { log prefix "sub " return; }
              chain early { type filter hook prerouting priority 0; udp dport 1 log prefix "one " drop; }
              chain c {
                type filter hook input priority 0; policy drop;
                udp dport 2 log prefix "two " log prefix "both " accept
                log prefix "all " udp dport 3 jump sub
                udp dport 3 accept
              }
            }
            """);
        byte[][] frames = [.. Enumerable.Range(1, 4).Select(port => Ip(17, Packet.Udp(9, (ushort)port)))];
        Assert.Equal([frames[1], frames[2]], _bench.Filter(frames));
        Assert.Equal(["one 1", "two 2", "both 2", "all 3", "sub 3", "all 4"], ReadAll().Select(Brief));
        Assert.Equal(6ul, _bench.Counter("firewall.logged"));
    }

    [Fact]
    public void Rules_That_Ask_For_Connections_Log_Before_And_Behind_Tracking()
    {
        _bench.Apply("""
            table inet f {
              chain raw { type filter hook prerouting priority raw; udp dport 1 log prefix "raw "; }
              chain c { type filter hook input priority 0; policy drop; ct state new log prefix "new " accept; log prefix "known " accept; }
            }
            """);
        Assert.Equal(2, _bench.Filter([Checked(9, 1), Checked(9, 2)]).Count);
        Assert.Equal(["raw 1", "new 1", "new 2"], ReadAll().Select(Brief));
    }

    [Fact]
    public void A_Packet_That_Many_Rules_Log_Makes_A_Few_Lines_And_The_Rest_Counts()
    {
        string rules = string.Concat(Enumerable.Range(1, FirewallHeader.LinesMax + 3).Select(i => $"log prefix \"{i} \"; "));
        _bench.Apply($"table ip f {{ chain c {{ type filter hook input priority 0; {rules} }}; }}");
        Assert.True(_bench.Passes(Ip(17, Packet.Udp(9, 1))));
        Assert.Equal(Enumerable.Range(1, FirewallHeader.LinesMax).Select(i => $"{i} 1"), ReadAll().Select(Brief));
        Assert.Equal(3ul, _bench.Counter("firewall.log_lost"));
        Assert.Equal(3ul, _lines.Lost);
    }

    [Fact]
    public void The_Core_Writes_So_Many_Lines_A_Second_And_Counts_The_Rest()
    {
        _bench.Apply("table ip f { chain c { type filter hook input priority 0; log prefix \"x\" drop; }; }");
        ulong now = Tsc.Read();
        Send(300, now);
        Assert.Equal((int)LogHeader.LinesAtOnce, ReadAll().Count);
        Send(10, now + (4 * (Second / LogHeader.LinesPerSecond)));
        Assert.Equal(4, ReadAll().Count);
        Assert.Equal(204ul, _bench.Counter("firewall.logged"));
        Assert.Equal(106ul, _bench.Counter("firewall.log_lost"));
        Assert.Equal(106ul, _lines.Lost);
        Assert.Equal(310ul, _bench.Counter("firewall.dropped_by_rule"));
    }

    [Fact]
    public void A_Slow_Reader_Misses_The_Oldest()
    {
        _bench.Apply("table ip f { chain c { type filter hook input priority 0; log; }; }");
        ulong now = Tsc.Read();
        for (uint round = 0; round < 6; round++)
        {
            Send(150, now + (round * Second));
        }

        List<LoggedPacket> read = ReadAll();
        Assert.InRange(read.Count, LogHeader.SlotCount - 1, LogHeader.SlotCount);
        Assert.Equal(900ul, read[^1].Number);
    }

    [Fact]
    public void Each_Line_Is_Handed_On_Once_By_Whoever_Follows()
    {
        _bench.Apply("table ip f { chain c { type filter hook input priority 0; log prefix \"a \"; }; }");
        List<string> written = [];
        List<string> told = [];
        Assert.True(_bench.Passes(Ip(17, Packet.Udp(9, 1))));
        LogFollower.HandOn(_lines, "eth0", line => Keep(written, line.Text), told.Add);
        Assert.True(_bench.Passes(Ip(17, Packet.Udp(9, 2))));
        LogFollower.HandOn(Open(), "eth0", line => Keep(written, line.Text), told.Add); // as another process does
        Assert.True(_bench.Passes(Ip(17, Packet.Udp(9, 3))));
        LogFollower.HandOn(Open(), "eth0", _ => false, told.Add); // without a journal
        Assert.Equal(["DPT=1", "DPT=2"], written.Select(line => line.Split(' ')[^3]));
        Assert.Contains("DPT=3", Assert.Single(told), StringComparison.Ordinal);
    }

    [Fact]
    public void The_Journal_Gets_Lines_As_The_Kernels_Are()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using Journal journal = new(path);
        Assert.False(journal.TryWrite(3, 4, "nobody is there"));
        using Socket daemon = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        daemon.Bind(new UnixDomainSocketEndPoint(path));
        try
        {
            Assert.True(journal.TryWrite(3, 4, "a\nPRIORITY=0"));
            byte[] buffer = new byte[1024];
            string message = Encoding.UTF8.GetString(buffer, 0, daemon.Receive(buffer));
            Assert.Equal("PRIORITY=4\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\nSOS_CPU=3\nMESSAGE=a PRIORITY=0\n", message);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("log level audit", "level")]
    public void What_Cannot_Be_Logged_Is_An_Error(string rule, string message)
    {
        LoadedRuleset loaded = FirewallBench.Load($"table ip f {{ chain c {{ type filter hook input priority 0; {rule}; }}; }}");
        CompileResult result = RulesetCompiler.Compile(loaded.Json, new CompileOptions { TracksConnections = true });
        RuleDiagnostic error = Assert.Single(result.Diagnostics);
        Assert.Equal("SOSFW004", error.Id);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_Table_Whose_Lines_Are_Out_Of_Bounds_Is_Refused()
    {
        byte[] good = FirewallBench.Compile(
            "table ip f { chain c { type filter hook input priority 0; log prefix \"abc\" flags all; }; }", out _).Bytes.ToArray();
        Assert.True(IsValid(good));
        int set = (int)MemoryMarshal.Read<FirewallHeader>(good.AsSpan(TableHeader.HeaderSize)).SetOffset;
        SetDescriptor log = MemoryMarshal.Read<SetDescriptor>(good.AsSpan(set));
        Assert.Equal((SetKind.Log, 3u, 4u, (uint)LogFlags.All), (log.Kind, log.Count, log.SecondCount, log.ThirdCount));
        Assert.False(IsValid(With(good, set, log with { Count = LogSlot.PrefixMax + 1 })));
        Assert.False(IsValid(With(good, set, log with { SecondCount = 8 })));
        Assert.False(IsValid(With(good, set, log with { ThirdCount = 0x40 })));
        Assert.False(IsValid(With(good, set, log with { Offset = (uint)good.Length + 64 })));
        Assert.False(IsValid(With(good, set, log with { Kind = SetKind.Bitmap, Count = 64, SecondCount = 0, ThirdCount = 0 })));
    }

    private static bool Keep(List<string> lines, string line)
    {
        lines.Add(line);
        return true;
    }

    private static byte[] With(byte[] table, int at, SetDescriptor set)
    {
        byte[] changed = [.. table];
        MemoryMarshal.Write(changed.AsSpan(at), in set);
        return changed;
    }

    private static bool IsValid(byte[] table)
    {
        fixed (byte* start = table)
        {
            return FirewallTable.TryOpen(start, (ulong)table.Length, out _);
        }
    }

    private static string Brief(LoggedPacket packet) => $"{packet.Prefix}{packet.Bytes[37]}"; // the destination port

    private static byte[] Ip(byte protocol, byte[] payload, ushort id = 0, ushort place = 0)
        => Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, protocol, payload, id, place), padding: 3);

    private static byte[] Ip6(byte next, byte[] payload, uint flowLabel = 0)
        => Packet.Ethernet(0x86dd, Packet.Ipv6(new UInt128(0xfd00_0001_0000_0000, 1), new UInt128(0xfd00_0009_0000_0000, 2), next, payload, flowLabel));

    private static byte[] Checked(ushort source, ushort destination)
    {
        byte[] datagram = Packet.Udp(source, destination, 4);
        Packet.WriteChecksum(17, datagram, Peer, Own);
        return Ip(17, datagram);
    }

    private LoggedLines Open() => new(_bench.Harness.SharedMemory(0) + LogRing.Offset);

    private List<string> ReadLines() => [.. ReadAll().Select(packet => PacketLog.Format(packet, "eth0"))];

    private List<LoggedPacket> ReadAll()
    {
        List<LoggedPacket> read = [];
        while (_lines.TryRead(out LoggedPacket packet))
        {
            read.Add(packet);
        }

        return read;
    }

    private void Send(int count, ulong now)
    {
        for (int i = 0; i < count; i++)
        {
            Assert.True(_bench.Nic.Send(Ip(17, Packet.Udp(9, 1))));
        }

        for (int i = 0; i < count; i++)
        {
            _bench.Harness.PollAt(now);
        }
    }
}
