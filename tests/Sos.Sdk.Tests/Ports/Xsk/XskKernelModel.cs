using System;
using System.Collections.Generic;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports.Xsk;
using Xunit;

namespace Sos.Sdk.Tests.Ports.Xsk;

/// <summary>An AF_XDP port and a model of the kernel's side of its rings.</summary>
internal sealed unsafe class XskKernelModel : IDisposable
{
    public const uint Entries = 64;

    /// <summary>Where the kernel puts a frame within its chunk (XDP_PACKET_HEADROOM).</summary>
    public const uint Headroom = 256;

    private const int Producer = 0;
    private const int Consumer = 64;
    private const int Flags = 128;
    private const int Descriptors = 192;

    private readonly PortBench _bench = new();
    private readonly byte* _frames;
    private readonly List<IntPtr> _rings = [];
    private readonly XskLayout _layout;

    public XskKernelModel(int buffers = 256)
    {
        // The bench's own packet memory starts at a page: frame memory is what is left of it.
        Assert.True(PacketPool.TryCreate(_bench.Arena, _bench.Memory, buffers, out PacketPool pool, XskLayout.ChunkSize));
        Assert.True(pool.TryAllocate(out PacketBuffer first));
        _frames = (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref first.Header);
        pool.Free(first);
        Pool = pool;
        Shared = (XskShared*)Make(XskShared.Size);
        Shared->LinkUp = 1;
        _layout = new XskLayout
        {
            Magic = XskLayout.MagicValue,
            FrameMemory = (ulong)_frames,
            FrameMemorySize = (ulong)buffers * XskLayout.ChunkSize,
            Shared = (ulong)Shared,
            Mtu = 1500,
            Receive = MakeRing(sizeof(XskDescriptor)),
            Transmit = MakeRing(sizeof(XskDescriptor)),
            Fill = MakeRing(sizeof(ulong)),
            Completion = MakeRing(sizeof(ulong)),
        };
        Assert.True(XskPort.TryCreate(_layout, _bench.Arena, pool, _bench.Register("nic"), _bench.PortLog, int.MaxValue, out XskPort port));
        Port = port;
    }

    public XskPort Port { get; }

    public PacketPool Pool { get; }

    public XskShared* Shared { get; }

    public ulong LogCount => _bench.LogCount;

    /// <summary>Chunks that wait in the fill ring.</summary>
    public uint Filled => Index(_layout.Fill.Producer) - Index(_layout.Fill.Consumer);

    /// <summary>Buffers that are free or wait in the fill ring: as many as at the start when none is on its way.</summary>
    public int BuffersAtRest => Pool.FreeCount + (int)Filled;

    public ref uint ReceiveProducer => ref Index(_layout.Receive.Producer);

    public ref uint CompletionProducer => ref Index(_layout.Completion.Producer);

    public ref uint FillConsumer => ref Index(_layout.Fill.Consumer);

    public ref uint TransmitFlags => ref *(uint*)_layout.Transmit.Flags;

    public ref uint FillFlags => ref *(uint*)_layout.Fill.Flags;

    /// <summary>Receives a frame as the kernel does: takes a chunk off the fill ring, puts the frame into it, and shows it.</summary>
    public void Deliver(ReadOnlySpan<byte> frame)
    {
        ulong chunk = TakeFilled();
        frame.CopyTo(new Span<byte>(_frames + chunk + Headroom, frame.Length));
        Show(chunk + Headroom, (uint)frame.Length);
    }

    /// <summary>Takes a chunk off the fill ring.</summary>
    public ulong TakeFilled()
    {
        Assert.True(Filled > 0, "the kernel has no chunk for a frame");
        return ((ulong*)_layout.Fill.Entries)[Index(_layout.Fill.Consumer)++ & (Entries - 1)];
    }

    /// <summary>Puts a descriptor on the receive ring.</summary>
    public void Show(ulong address, uint length)
        => ((XskDescriptor*)_layout.Receive.Entries)[ReceiveProducer++ & (Entries - 1)] = new XskDescriptor { Address = address, Length = length };

    /// <summary>Takes a frame off the transmit ring without completing it.</summary>
    public (ulong Address, byte[] Frame)? TakeSent()
    {
        ref uint consumer = ref Index(_layout.Transmit.Consumer);
        if (consumer == Index(_layout.Transmit.Producer))
        {
            return null;
        }

        XskDescriptor entry = ((XskDescriptor*)_layout.Transmit.Entries)[consumer++ & (Entries - 1)];
        return (entry.Address, new ReadOnlySpan<byte>(_frames + entry.Address, (int)entry.Length).ToArray());
    }

    /// <summary>Says that a frame was sent.</summary>
    public void Complete(ulong address) => ((ulong*)_layout.Completion.Entries)[CompletionProducer++ & (Entries - 1)] = address;

    public void Dispose()
    {
        _rings.ForEach(ring => PortBench.Release((void*)ring));
        _bench.Dispose();
    }

    private static ref uint Index(ulong address) => ref *(uint*)address;

    private XskRing MakeRing(int entrySize)
    {
        ulong memory = (ulong)Make(Descriptors + (Entries * (ulong)entrySize));
        return new XskRing
        {
            Producer = memory + Producer,
            Consumer = memory + Consumer,
            Flags = memory + Flags,
            Entries = memory + Descriptors,
            Count = Entries,
        };
    }

    private byte* Make(ulong size)
    {
        byte* memory = PortBench.Zeroed(size);
        _rings.Add((IntPtr)memory);
        return memory;
    }
}
