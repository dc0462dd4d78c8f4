using System;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Xunit;

namespace Sos.Sdk.Tests.Ports;

public sealed unsafe class MemoryPortTests
{
    private static readonly byte[] Mac = [2, 0, 0, 0, 0, 7];

    [Fact]
    public void Two_ends_exchange_frames_both_ways()
    {
        using PortBench serviceBench = new();
        using PortBench hostBench = new();
        ulong size = MemoryPort.SizeFor(128);
        byte* memory = PortBench.Zeroed(size);
        Assert.True(MemoryPort.TryFormat(memory, size, 128, 1500, Mac));
        (MemoryPort service, PacketPool servicePool) = Attach(serviceBench, memory, size, SlotPortSide.Service);
        (MemoryPort host, PacketPool hostPool) = Attach(hostBench, memory, size, SlotPortSide.Host);
        Assert.NotEqual(PortState.Up, service.State);
        Assert.NotEqual(PortState.Up, host.State);
        service.SetLink(true);
        host.SetLink(true);
        Assert.Equal(PortState.Up, service.State);
        Assert.Equal(PortState.Up, host.State);

        for (int i = 0; i < 300; i++)
        {
            byte[] frame = PortBench.Frame(60 + i, i);
            AssertPasses(frame, host, hostPool, service, servicePool);
            AssertPasses(frame, service, servicePool, host, hostPool);
        }

        Assert.Equal(servicePool.Capacity, servicePool.FreeCount);
        Assert.Equal(hostPool.Capacity, hostPool.FreeCount);
        PortBench.Release(memory);
    }

    [Theory]
    [InlineData(32u, 1500u, 6, 0)]
    [InlineData(96u, 1500u, 6, 0)]
    [InlineData(8192u, 1500u, 6, 0)]
    [InlineData(64u, 1963u, 6, 0)]
    [InlineData(64u, 1500u, 5, 0)]
    [InlineData(64u, 1500u, 6, 1)]
    public void Impossible_rings_are_not_formatted(uint slots, uint mtu, int macLength, int bytesShort)
    {
        ulong size = MemoryPort.SizeFor(slots);
        byte* memory = PortBench.Zeroed(size);
        Assert.False(MemoryPort.TryFormat(memory, size - (ulong)bytesShort, slots, mtu, new byte[macLength]));
        PortBench.Release(memory);
    }

    private static (MemoryPort Port, PacketPool Pool) Attach(PortBench bench, byte* memory, ulong size, SlotPortSide side)
    {
        PacketPool pool = bench.CreatePool(32);
        Assert.True(MemoryPort.TryAttach(
            memory, size, side, bench.Arena, pool, bench.Register("memory"), bench.Log, out MemoryPort port));
        return (port, pool);
    }

    private static void AssertPasses(byte[] frame, MemoryPort from, PacketPool fromPool, MemoryPort to, PacketPool toPool)
    {
        Assert.True(fromPool.TryAllocate(out PacketBuffer buffer));
        frame.CopyTo(buffer.Reset(frame.Length));
        Burst burst = default;
        burst.Add(buffer);
        Assert.Equal(1, from.Transmit(ref burst));
        Assert.Equal(1, to.Receive(ref burst));
        Assert.Equal(frame, burst.Buffers[0].Frame.ToArray());
        toPool.Free(ref burst);
    }
}
