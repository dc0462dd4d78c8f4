using System;
using System.Collections.Generic;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Xunit;

namespace Sos.Sdk.Tests.Ports.HostPorts;

/// <summary>The service's side of a host port, its pool, and Linux's side.</summary>
internal sealed unsafe class HostPortBench : IDisposable
{
    private readonly PortBench _bench = new();

    public HostPortBench(uint slots = 64, uint firstIndex = 0, int buffers = 256)
    {
        Linux = new LinuxHostPortModel(slots, firstIndex);
        Counters = _bench.Register("host");
        Pool = _bench.CreatePool(buffers);
        Assert.True(TryCreate(Linux.Size, out SlotPort<CountingNotifier> port));
        Port = port;
        Port.SetLink(true);
        LinkNotifications = Linux.Notifications;
    }

    public LinuxHostPortModel Linux { get; }

    public PortCounters Counters { get; }

    public PacketPool Pool { get; }

    public SlotPort<CountingNotifier> Port { get; }

    public ulong LogCount => _bench.LogCount;

    /// <summary>Notifications that setting the link took.</summary>
    public long LinkNotifications { get; }

    public bool TryCreate(ulong size, out SlotPort<CountingNotifier> port)
        => SlotPort<CountingNotifier>.TryCreate(
            Linux.Layout, size, SlotPortSide.Service, _bench.Arena, Pool, Counters, _bench.PortLog, Linux.Notifier, out port);

    /// <summary>Receives once, copies the frames and frees the buffers.</summary>
    public List<byte[]> Receive()
    {
        Burst burst = default;
        Assert.Equal(Port.Receive(ref burst), burst.Count);
        List<byte[]> frames = [];
        foreach (PacketBuffer buffer in burst.Buffers)
        {
            frames.Add(buffer.Frame.ToArray());
        }

        Pool.Free(ref burst);
        return frames;
    }

    /// <summary>Sends frames as one burst.</summary>
    public int Transmit(params byte[][] frames)
    {
        Burst burst = default;
        foreach (byte[] frame in frames)
        {
            burst.Add(Buffer(frame));
        }

        int sent = Port.Transmit(ref burst);
        Assert.Equal(0, burst.Count);
        return sent;
    }

    public PacketBuffer Buffer(byte[] frame)
    {
        Assert.True(Pool.TryAllocate(out PacketBuffer buffer));
        frame.CopyTo(buffer.Reset(frame.Length));
        return buffer;
    }

    public void AssertPoolWhole() => Assert.Equal(Pool.Capacity, Pool.FreeCount);

    public void Dispose()
    {
        Linux.Dispose();
        _bench.Dispose();
    }
}
