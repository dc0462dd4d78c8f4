using System;
using System.Collections.Generic;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Ports.VirtioNet;
using Xunit;

namespace Sos.Sdk.Tests.Ports.VirtioNet;

/// <summary>A port, its pool, and the device model behind it.</summary>
internal sealed unsafe class VirtioNetBench : IDisposable
{
    private readonly PortBench _bench = new();

    private readonly int _receiveMax;

    public VirtioNetBench(int buffers = 1024, int receiveMax = VirtioNetPort.QueueSizeMax)
    {
        _receiveMax = receiveMax;
        Device = new VirtioNetDeviceModel(_bench);
        Counters = _bench.Register("nic");
        Buffers = buffers;
    }

    public VirtioNetDeviceModel Device { get; }

    public PortCounters Counters { get; }

    public int Buffers { get; }

    public ulong LogCount => _bench.LogCount;

    public VirtioNetPort Port { get; private set; }

    public PacketPool Pool { get; private set; }

    /// <summary>Creates port and pool, in the order that a service must use, and starts the port.</summary>
    public bool TryStart()
    {
        Assert.True(VirtioNetPort.TryCreate(Device.Layout, _bench.Arena, _bench.Memory, null, _bench.PortLog, out VirtioNetPort port));
        port.Prepare(Counters, _receiveMax);
        Port = port;
        Pool = _bench.CreatePool(Buffers);
        return Port.TryStart(Pool, Device.Mmio);
    }

    /// <summary>Starts the port on a device that works, and lets the device take the receive buffers.</summary>
    public VirtioNetBench Started()
    {
        Assert.True(TryStart());
        Assert.Equal(VirtioNetFailure.None, Port.Failure);
        Device.ReceiveQueue.Collect();
        Device.TakeReceiveNotification();
        return this;
    }

    /// <summary>Receives once, copies the frames and frees the buffers.</summary>
    public List<byte[]> Receive()
    {
        Burst burst = default;
        int count = Port.Receive(ref burst);
        Assert.Equal(burst.Count, count);
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

    /// <summary>A buffer of the pool that holds the frame.</summary>
    public PacketBuffer Buffer(byte[] frame)
    {
        Assert.True(Pool.TryAllocate(out PacketBuffer buffer));
        frame.CopyTo(buffer.Reset(frame.Length));
        return buffer;
    }

    /// <summary>Closes the port and checks that no buffer was lost.</summary>
    public void AssertPoolWhole()
    {
        Assert.True(Port.Close(Device.Mmio));
        Assert.Equal(Buffers, Pool.FreeCount);
    }

    public void Dispose()
    {
        Device.Dispose();
        _bench.Dispose();
    }
}
