using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Firewall.Capture;
using Sos.Firewall.Control;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Tables;
using Sos.Firewall.Tests.Prefilter;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Firewall.Tests.Control;

/// <summary>Frames that the core judged, as a program sees them: which are taken, what is told of them, and what a capture may cost.</summary>
public sealed unsafe class CaptureTests : IDisposable
{
    private const ulong Second = 1_000_000_000; // of the test's clock
    private const uint Peer = 0x0a000001;
    private const uint Own = 0x0a090002;

    private static readonly byte[] Dropped = Frame(9999);
    private static readonly byte[] Passed = Frame(22);

    private readonly FirewallBench _bench = new(capture: true);
    private readonly PrefilterResult _rules = PrefilterBench.Compile(
        "table inet f { chain i { type filter hook input priority 0; policy drop; tcp dport 22 accept; tcp dport 9999 drop; }; }");

    private readonly CapturedFrames _frames;

    public CaptureTests()
    {
        Assert.True(_bench.Harness.LoadTable(_rules.Table.Bytes));
        Assert.True(CapturedFrames.IsLaidOut(_bench.Harness.SharedMemory(0), CaptureHeader.TotalSize));
        _frames = new CapturedFrames(_bench.Harness.SharedMemory(0));
    }

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Nothing_Is_Taken_That_Nobody_Wants()
    {
        _bench.Filter([Dropped, Passed]);
        Assert.Empty(Read());
        Assert.Equal(0ul, _frames.WantedSince);
    }

    [Fact]
    public void All_That_Is_Wanted_Is_Taken_In_Order()
    {
        _frames.Want(ulong.MaxValue, isDroppedOnly: false);
        _bench.Filter([Dropped, Passed, Dropped]);
        List<CapturedFrame> read = Read();
        Assert.Equal([Dropped, Passed, Dropped], read.Select(frame => frame.Bytes));
        Assert.Equal(
            [CaptureVerdict.DroppedByRule, CaptureVerdict.Passed, CaptureVerdict.DroppedByRule], read.Select(frame => frame.Slot.Verdict));
        Assert.All(read, frame => Assert.Equal(_bench.Counter("firewall.table_generation"), frame.Slot.Generation));
    }

    [Fact]
    public void Who_Wants_Dropped_Frames_Gets_No_Others()
    {
        _frames.Want(ulong.MaxValue, isDroppedOnly: true);
        _bench.Filter([Dropped, Passed]);
        Assert.Equal(Dropped, Assert.Single(Read()).Bytes);
    }

    [Fact]
    public void Who_No_Longer_Asks_Gets_No_More()
    {
        ulong now = Tsc.Read();
        _frames.Want(now + Second, isDroppedOnly: false);
        Send(Dropped, 1, now);
        Send(Dropped, 1, now + Second);
        Assert.Single(Read());
    }

    [Fact]
    public void The_Core_Takes_So_Many_A_Second_And_Counts_The_Rest()
    {
        ulong now = Tsc.Read();
        _frames.Want(ulong.MaxValue, isDroppedOnly: true);
        Send(Dropped, 300, now);
        Assert.Equal((int)CaptureHeader.FramesAtOnce, Read().Count);
        Assert.Equal(300ul, _frames.WantedSince);
        Send(Dropped, 10, now + (4 * (Second / CaptureHeader.FramesPerSecond)));
        Assert.Equal(4, Read().Count);
    }

    [Fact]
    public void A_Slow_Reader_Misses_The_Oldest()
    {
        ulong now = Tsc.Read();
        _frames.Want(ulong.MaxValue, isDroppedOnly: true);
        for (uint round = 0; round < 6; round++)
        {
            Send(Frame(9999, source: (ushort)(1000 + round)), 120, now + (round * Second));
        }

        List<CapturedFrame> read = Read();
        Assert.InRange(read.Count, CaptureHeader.SlotCount - 1, CaptureHeader.SlotCount);
        Assert.Equal(720ul, read[^1].Slot.Number);
        Assert.Equal(read.Select(frame => frame.Slot.Number).Order(), read.Select(frame => frame.Slot.Number));
        Assert.Equal(Frame(9999, source: 1005), read[^1].Bytes);
    }

    [Fact]
    public void Long_Frames_Are_Cut()
    {
        _frames.Want(ulong.MaxValue, isDroppedOnly: true);
        byte[] frame = Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 0x0a090002, 6, Packet.Tcp(1, 9999, data: 1000)));
        _bench.Filter([frame]);
        CapturedFrame read = Assert.Single(Read());
        Assert.Equal((uint)frame.Length, read.Slot.Length);
        Assert.Equal(frame[..CaptureSlot.BytesMax], read.Bytes);
    }

    [Fact]
    public void The_Table_Tells_What_Dropped_A_Frame()
    {
        byte[] bytes = _rules.Table.Bytes.ToArray();
        fixed (byte* start = bytes)
        {
            Assert.True(FirewallTable.TryOpen(start, (ulong)bytes.Length, out FirewallTable table));
            CaptureTable told = new(table, [.. _rules.Table.Counters.Select(counter => $"{counter.Place}: {counter.RuleText}")]);
            Assert.Contains("tcp dport 9999 drop", told.Describe(Dropped, 0), StringComparison.Ordinal);
            Assert.Equal("the policy of a chain", told.Describe(Frame(80), 0));
            Assert.Null(told.Describe(Passed, 0));
            Assert.Equal("malformed (Ipv4Checksum)", told.Describe([.. Dropped[..24], (byte)(Dropped[24] ^ 1), .. Dropped[25..]], 0));
        }
    }

    [Fact]
    public void The_Table_Tells_Of_Rejections_And_That_It_Does_Not_Know_What_A_Limit_Let_Through()
    {
        CompiledTable rules = FirewallBench.Compile(
            """
            table ip f { chain c { type filter hook input priority 0; policy drop;
              tcp dport 9999 counter reject
              limit rate 5/second counter accept; }; }
            """,
            out _);
        byte[] bytes = rules.Bytes.ToArray();
        fixed (byte* start = bytes)
        {
            Assert.True(FirewallTable.TryOpen(start, (ulong)bytes.Length, out FirewallTable table));
            CaptureTable told = new(table, [.. rules.Counters.Select(counter => $"{counter.Place}: {counter.RuleText}")]);
            Assert.Contains("tcp dport 9999 counter", told.Describe(Dropped, 0), StringComparison.Ordinal);
            Assert.Equal("a rule with a limit, a quota, a connection's mark or the time, or one behind it", told.Describe(Passed, 0));
        }
    }

    [Fact]
    public void The_Table_Tells_What_Dropped_A_Frame_By_What_Tracking_Knew_Of_It()
    {
        CompiledTable rules = FirewallBench.Compile(
            """
            table ip f {
              chain raw { type filter hook prerouting priority raw; ct state new counter drop; udp dport 99 notrack ct state untracked counter drop; }
              chain c {
                type filter hook input priority 0; policy drop;
                ct state new accept
                ct direction reply counter drop
                ct direction original ct status seen-reply counter drop
              }
            }
            """,
            out _);
        Assert.True(_bench.Harness.LoadTable(rules.Bytes));
        _frames.Want(ulong.MaxValue, isDroppedOnly: true);
        Assert.True(_bench.Host.Send(Datagram(Own, Peer, 7000, 53)));
        _bench.Harness.Poll();
        Assert.False(_bench.Passes(Datagram(Peer, Own, 53, 7000)));
        Assert.True(_bench.Passes(Datagram(Peer, Own, 1000, 53)));
        Assert.True(_bench.Host.Send(Datagram(Own, Peer, 53, 1000)));
        _bench.Harness.Poll();
        Assert.False(_bench.Passes(Datagram(Peer, Own, 1000, 53)));
        Assert.False(_bench.Passes(Datagram(Peer, Own, 1000, 99)));
        List<CapturedFrame> read = Read();
        byte[] bytes = rules.Bytes.ToArray();
        fixed (byte* start = bytes)
        {
            Assert.True(FirewallTable.TryOpen(start, (ulong)bytes.Length, out FirewallTable table));
            CaptureTable told = new(table, [.. rules.Counters.Select(counter => $"{counter.Place}: {counter.RuleText}")]);
            string[] reasons = [.. read.Select(frame => told.Describe(frame.Bytes, frame.Slot.States) ?? "nothing")];
            Assert.Equal(3, reasons.Length);
            Assert.Contains("chain c, rule handle 6:", reasons[0], StringComparison.Ordinal); // ct direction reply
            Assert.Contains("chain c, rule handle 7:", reasons[1], StringComparison.Ordinal); // ct status seen-reply
            Assert.Contains("chain raw, rule handle 4:", reasons[2], StringComparison.Ordinal); // notrack
        }
    }

    [Fact]
    public void A_Service_Without_Memory_For_Frames_Works_As_Before()
    {
        using FirewallBench bench = new();
        Assert.True(bench.Harness.LoadTable(_rules.Table.Bytes));
        Assert.False(bench.Passes(Dropped));
        Assert.True(bench.Passes(Passed));
    }

    [Fact]
    public void A_Written_Capture_Is_Read_Again_With_Its_Comments()
    {
        string path = Path.GetTempFileName();
        try
        {
            using (PcapngWriter writer = new(new FileStream(path, FileMode.Create), "eth0", CaptureSlot.BytesMax))
            {
                writer.Add(Dropped, (uint)Dropped.Length, 1_700_000_000_123_456_789, "dropped: tcp dport 9999 drop");
                writer.Add(Passed.AsSpan(0, 33), (uint)Passed.Length, 1_700_000_000_123_456_790, "passed to Linux");
            }

            Assert.Equal(Dropped, CaptureReader.ReadFrame($"{path}:1"));
            Assert.Equal(Passed[..33], CaptureReader.ReadFrame($"{path}:2"));
            byte[] bytes = File.ReadAllBytes(path);
            Assert.Equal(0, bytes.Length % 4);
            Assert.True(bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes("dropped: tcp dport 9999 drop")) > 0);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static byte[] Datagram(uint from, uint to, ushort source, ushort destination)
        => Packet.Ethernet(0x0800, Packet.Ipv4(from, to, 17, Packet.Udp(source, destination, 4)));

    private static byte[] Frame(ushort port, ushort source = 5555)
        => Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 0x0a090002, 6, Packet.Tcp(source, port)));

    private void Send(byte[] frame, int count, ulong now)
    {
        for (int i = 0; i < count; i++)
        {
            Assert.True(_bench.Nic.Send(frame));
        }

        for (int i = 0; i < count; i++)
        {
            _bench.Harness.PollAt(now);
        }
    }

    private List<CapturedFrame> Read()
    {
        List<CapturedFrame> read = [];
        while (_frames.TryRead(out CapturedFrame frame))
        {
            read.Add(frame);
        }

        return read;
    }
}
