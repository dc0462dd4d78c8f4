using System;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Rings;
using Sos.Sdk.Scheduling;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;
using Sos.Sdk.Tables;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;

namespace Sos.Sdk.ImageProbe;

/// <summary>Uses every part of the SDK once.</summary>
public struct ProbeService : IService
{
    private PollScheduler<ReceiveTask<NicPort, WireHandler>, PollScheduler<TimerTask<Rearm>, RingTask>> _tasks;
    private HostPort _host;
    private TableSwap<ProbeTable> _tables;
    private TscClock _clock;
    private Counter _now;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        ulong now = Tsc.Read();
        if (!setup.Parameters.TryGetUInt64("timers"u8, out ulong timers)
            || !setup.Parameters.TryGetBoolean("on"u8, out bool on)
            || !setup.TryCreatePacketPool(out PacketPool pool)
            || setup.Ports.Count != 1
            || !setup.Ports.TryFind("nic"u8, out PortInfo port)
            || !NicPort.TryOpen(ref setup, port.Name, pool, out NicPort nic)
            || (port.HasHostPort && !HostPort.TryOpen(ref setup, port.Name, pool, out _host))
            || !TimingWheel.TryCreate(setup.Arena, (int)timers, setup.Clock.TscKhz, now, out TimingWheel wheel)
            || !SpscRing<ulong>.TryCreate(setup.Arena, 64, out SpscRing<ulong> ring)
            || !setup.Arena.TryAllocate(10, out MemoryBlock<uint> block))
        {
            setup.Log.Write(LogSeverity.Error, "cannot start"u8, 1);
            return 1;
        }

        block[(int)timers] = on ? 1u : 0u;
        _now = setup.Statistics.Add("now"u8);
        Counter malformed = setup.Statistics.Add("port"u8, 0, "malformed"u8);
        wheel.TryArm(now + setup.Clock.TicksFromNanoseconds(1000), 1, out TimerId id);
        wheel.Cancel(id);
        _tasks = new(
            setup.Statistics,
            "task"u8,
            0,
            new(nic, new WireHandler(pool, malformed), 256),
            new(setup.Statistics, "task"u8, 1, new(wheel, new Rearm(wheel), 16), new RingTask(ring)));
        _tables = new(setup.Tables);
        _clock = setup.Clock;
        return 0;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        _tables.Poll();
        _tasks.Run(now + _tables.Current.Value);
        if (_host.IsOpen && _host.Mac != default && _host.Mtu >= 1280)
        {
            _host.SetLink(_host.State == PortState.Up);
        }

        _clock.TryRefresh();
        _now.Set(_clock.MonotonicNs(now) + _clock.RealtimeNs(now) + _clock.TaiNs(now));
    }
}

/// <summary>Answers pings and ARP requests, and writes every header.</summary>
public readonly struct WireHandler(PacketPool pool, Counter malformed) : IBurstHandler
{
    /// <inheritdoc/>
    public void Handle(ref Burst burst, ulong now)
    {
        foreach (PacketBuffer buffer in burst.Buffers)
        {
            if (FrameParser.Parse(buffer.Frame, out ParsedFrame parsed) != MalformedReason.None)
            {
                malformed.Increment();
                continue;
            }

            buffer.Trim(parsed.PacketEnd);
            buffer.Pull(parsed.NetworkOffset);
            Span<byte> payload = buffer.Append(4);
            payload.Clear();
            WriteAll(buffer, parsed);
            if (parsed.EtherType == EtherType.Arp && ArpPacket.Parse(buffer.Frame, out ArpPacket arp) == MalformedReason.None)
            {
                (arp with { Operation = ArpPacket.Reply }).Write(buffer.Reset(ArpPacket.Size));
            }
        }

        pool.Free(ref burst);
    }

    private static void WriteAll(PacketBuffer buffer, ParsedFrame parsed)
    {
        new UdpHeader { Length = (ushort)buffer.Length, SourcePort = parsed.SourcePort }.Write(buffer.Push(UdpHeader.Size));
        new TcpHeader { HeaderLength = TcpHeader.SizeMin, Flags = TcpFlags.Syn }.Write(buffer.Push(TcpHeader.SizeMin));
        new IcmpHeader { Type = IcmpHeader.EchoReply }.Write(buffer.Push(IcmpHeader.Size));
        new Icmpv6Header { Type = Icmpv6Header.EchoReply }.Write(buffer.Push(Icmpv6Header.Size));
        new Ipv4Header { HeaderLength = Ipv4Header.SizeMin, Source = parsed.SourceIpv4 }.Write(buffer.Push(Ipv4Header.SizeMin));
        new Ipv6Header { Source = parsed.Source, Destination = parsed.Destination }.Write(buffer.Push(Ipv6Header.Size));
        EthernetHeader ethernet = new() { Destination = MacAddress.Broadcast, Type = parsed.EtherType };
        ethernet.Write(buffer.Push(ethernet.Length));
        ushort sum = InternetChecksum.PseudoHeader(parsed.Source, parsed.Destination, parsed.Protocol, (uint)buffer.Length);
        sum = InternetChecksum.Compute(buffer.Frame, sum);
        buffer.Header.Flags = InternetChecksum.Update(sum, parsed.SourceIpv4, 5) == 0 || parsed.Source == parsed.Destination
            ? PacketFlags.ChecksumValid
            : PacketFlags.None;
    }
}

/// <summary>Arms each timer anew and tells Linux.</summary>
public readonly struct Rearm(TimingWheel wheel) : ITimerHandler
{
    /// <inheritdoc/>
    public void Expired(ulong cookie, ulong now)
    {
        wheel.TryArm(now + 1_000_000, cookie, out _);
        Gate.Notify();
    }
}

/// <summary>Puts what it takes from a ring back in.</summary>
public readonly struct RingTask(SpscRing<ulong> ring) : IPollTask
{
    /// <inheritdoc/>
    public int Run(ulong now)
    {
        Span<ulong> values = stackalloc ulong[8];
        int count = ring.Dequeue(values);
        return ring.TryEnqueue(now) && ring.TryDequeue(out _) ? ring.Enqueue(values[..count]) : 0;
    }
}

/// <summary>A table of one number.</summary>
public unsafe struct ProbeTable : ITable<ProbeTable>
{
    /// <inheritdoc/>
    public static uint Kind => 0x45424f52;

    /// <inheritdoc/>
    public static uint Version => 1;

    /// <summary>The number.</summary>
    public ulong Value { get; private set; }

    /// <inheritdoc/>
    public static bool TryOpen(byte* bytes, ulong size, out ProbeTable table)
    {
        table = new ProbeTable { Value = size >= 72 ? ((ulong*)bytes)[8] : 0 };
        return size >= 72;
    }
}
