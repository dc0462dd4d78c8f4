using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Net.Tests;

/// <summary>An endpoint with echoing sessions, and a clock that stands until a test moves it. The TSC ticks once a nanosecond.</summary>
internal sealed unsafe class TestEndpoint : IDisposable
{
    public const uint Ipv4 = 0xc000_0209; // 192.0.2.9
    public const uint HostIpv4 = 0xc000_0202;
    public static readonly MacAddress Mac = new(0x02_00_00_00_00_09);
    public static readonly MacAddress HostMac = new(0x02_00_00_00_00_02);
    public static readonly Ipv6Address Ipv6 = new(0x2001_0db8_0000_0000, 9);
    public static readonly Ipv6Address HostIpv6 = new(0x2001_0db8_0000_0000, 2);

    private const ulong TscKhz = 1_000_000;
    private const int ArenaSize = 4 << 20;
    private const int PacketSize = 4 << 20;

    private readonly void* _memory = NativeMemory.AlignedAlloc(ArenaSize + PacketSize, 1 << 21);
    private readonly PacketPool _pool;
    private readonly int _buffers;
    private Endpoint<EchoSession, EchoContext> _endpoint;
    private EchoContext _context;

    /// <summary>Makes an endpoint.</summary>
    /// <param name="ready">Whether its addresses are in use already: the time of the probes is over.</param>
    /// <param name="configure">Changes the settings.</param>
    public TestEndpoint(bool ready = true, Func<EndpointSettings, EndpointSettings>? configure = null)
    {
        NativeMemory.Clear(_memory, ArenaSize + PacketSize);
        PacketMemory memory = default;
        bool made = Arena.TryCreate(_memory, ArenaSize, out Arena arena)
            && PacketMemory.TryCreate(arena, (byte*)_memory + ArenaSize, PacketSize, null, out memory)
            && PacketPool.TryCreate(arena, memory, 512, out _pool);
        EndpointSettings settings = new()
        {
            Mac = Mac,
            Mtu = 1500,
            Ipv4 = IpAddress.FromIpv4(Ipv4),
            Ipv6 = new IpAddress(Ipv6),
            Secret = new KeyedHash(1, 2),
            TscKhz = TscKhz,
        };
        settings.Ports.TryAdd(23);
        settings = configure?.Invoke(settings) ?? settings;
        if (!made || !_endpoint.TryInitialize(arena, _pool, in settings, default, Tsc))
        {
            throw new InvalidOperationException("The memory is too small for a test.");
        }

        _buffers = _pool.FreeCount;
        if (ready)
        {
            Run(5000);
        }
    }

    public ref Endpoint<EchoSession, EchoContext> Endpoint => ref _endpoint;

    public ref EchoContext Context => ref _context;

    public ulong Ms { get; private set; } = 1_000_000;

    public bool LinkUp { get; set; } = true;

    private ulong Tsc => Ms * TscKhz;

    /// <summary>Gives a frame to the endpoint, as if the card had received it, if it is its own.</summary>
    public IReadOnlyList<byte[]> Give(byte[] frame)
    {
        Take(frame);
        return Poll();
    }

    /// <summary>Gives a frame to the endpoint without letting it go on: more come in the same pass.</summary>
    public void Take(byte[] frame)
    {
        if (_endpoint.OwnerOf(frame) != FrameOwner.Host)
        {
            _endpoint.Take(ref _context, frame, Tsc);
        }
    }

    /// <summary>Polls once and takes the frames.</summary>
    public IReadOnlyList<byte[]> Poll()
    {
        Burst burst = default;
        _endpoint.Poll(ref _context, LinkUp, ref burst, Tsc);
        return FramesOf(ref burst);
    }

    /// <summary>Ends the endpoint and takes the frames.</summary>
    public IReadOnlyList<byte[]> End()
    {
        Burst burst = default;
        _endpoint.End(ref _context, ref burst, Tsc);
        return FramesOf(ref burst);
    }

    /// <summary>Moves the clock, and polls each few milliseconds.</summary>
    public IReadOnlyList<byte[]> Run(ulong milliseconds, ulong step = 10)
    {
        List<byte[]> frames = [];
        for (ulong end = Ms + milliseconds; Ms < end;)
        {
            Ms += Math.Min(step, end - Ms);
            frames.AddRange(Poll());
        }

        return frames;
    }

    /// <summary>Whether the endpoint's memory has these bytes anywhere; frames do not count.</summary>
    public bool Remembers(ReadOnlySpan<byte> bytes) => new ReadOnlySpan<byte>(_memory, ArenaSize).IndexOf(bytes) >= 0;

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    private List<byte[]> FramesOf(ref Burst burst)
    {
        List<byte[]> frames = [];
        foreach (PacketBuffer buffer in burst.Buffers)
        {
            frames.Add(buffer.Frame.ToArray());
        }

        _pool.Free(ref burst);
        if (_pool.FreeCount != _buffers)
        {
            throw new InvalidOperationException("A buffer is lost.");
        }

        return frames;
    }
}
