using System;
using System.IO;
using System.Net.Sockets;
using Sos.Linux;

namespace Sos.Traffic.Wire;

/// <summary>
/// The back end of a virtio network card in another process, by the vhost-user protocol (QEMU's docs/interop/vhost-user): QEMU
/// shows the card to the machine, and this process fills and empties its two rings in shared memory.
/// </summary>
internal sealed unsafe class VhostUserCard : IDisposable
{
    private const int HeaderLength = 12;
    private const int BodyMax = 512;
    private const int DescriptorsMax = 8;
    private const uint Version = 1;
    private const uint ReplyFlag = 4;
    private const ulong MergeableBuffers = 1UL << 15;
    private const ulong EventIndex = 1UL << 29;
    private const ulong Version1 = 1UL << 32;
    private const ulong ProtocolFeatures = 1UL << 30;
    private const ulong NoDescriptor = 1UL << 8;

    private readonly Socket _listener;
    private readonly string _path;
    private readonly GuestMemory _memory = new();
    private readonly SplitRing[] _rings;
    private Socket? _connection;

    /// <summary>Listens for QEMU.</summary>
    /// <param name="path">The socket to make; the folder exists.</param>
    public VhostUserCard(string path)
    {
        _path = path;
        _rings = [new SplitRing(_memory), new SplitRing(_memory)];
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
    }

    private enum Request
    {
        GetFeatures = 1,
        SetFeatures = 2,
        SetOwner = 3,
        ResetOwner = 4,
        SetMemoryTable = 5,
        SetRingSize = 8,
        SetRingAddress = 9,
        SetRingBase = 10,
        GetRingBase = 11,
        SetRingKick = 12,
        SetRingCall = 13,
        SetRingError = 14,
        GetProtocolFeatures = 15,
        SetProtocolFeatures = 16,
        SetRingEnable = 18,
    }

    /// <summary>The queue from which the machine receives.</summary>
    public SplitRing Receive => _rings[0];

    /// <summary>The queue with which the machine sends.</summary>
    public SplitRing Transmit => _rings[1];

    /// <summary>Waits until QEMU connects.</summary>
    public void Accept() => _connection = _listener.Accept();

    /// <summary>Handles what QEMU has asked since the last call.</summary>
    /// <returns>False: QEMU is gone.</returns>
    public bool Serve()
    {
        Libc.PollDescriptor entry = new() { Descriptor = (int)_connection!.Handle, Events = Libc.PollIn };
        while (Libc.Poll(&entry, 1, 0) > 0)
        {
            if (!ServeOne())
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _connection?.Dispose();
        _listener.Dispose();
        _memory.Dispose();
        File.Delete(_path);
    }

    private bool ServeOne()
    {
        byte* header = stackalloc byte[HeaderLength];
        int* descriptors = stackalloc int[DescriptorsMax];
        int descriptorCount = ReadHeader(header, descriptors);
        if (descriptorCount < 0)
        {
            return false;
        }

        Request request = (Request)(*(uint*)header);
        int size = *(int*)(header + 8);
        byte* body = stackalloc byte[BodyMax];
        if (size is < 0 or > BodyMax)
        {
            throw new WireException($"vhost-user message {request} of {size} bytes");
        }

        for (int done = 0; done < size;)
        {
            int read = _connection!.Receive(new Span<byte>(body + done, size - done));
            if (read <= 0)
            {
                return false;
            }

            done += read;
        }

        Answer(request, body, size, new ReadOnlySpan<int>(descriptors, descriptorCount));
        return true;
    }

    // Files come with the first bytes of their message, as ancillary data. Returns how many came, or -1 at the end.
    private int ReadHeader(byte* header, int* descriptors)
    {
        const int ControlLength = 16 + (DescriptorsMax * sizeof(int));
        ulong* control = stackalloc ulong[(ControlLength + 7) / 8];
        Libc.Part vector = new() { Start = header, Length = HeaderLength };
        NetworkCalls.MessageHeader message = new()
        {
            Vectors = &vector,
            VectorCount = 1,
            Control = control,
            ControlLength = ControlLength,
        };
        if (NetworkCalls.ReceiveMessage((int)_connection!.Handle, &message, NetworkCalls.ReceiveCloseOnExec) != HeaderLength)
        {
            return -1;
        }

        // struct cmsghdr: u64 length, i32 level, i32 type, then the data.
        if (message.ControlLength < 16 || ((int*)control)[2] != NetworkCalls.LevelSocket || ((int*)control)[3] != NetworkCalls.Rights)
        {
            return 0;
        }

        int count = (int)((control[0] - 16) / sizeof(int));
        for (int i = 0; i < count; i++)
        {
            descriptors[i] = ((int*)(control + 2))[i];
        }

        return count;
    }

    private void Answer(Request request, byte* body, int size, ReadOnlySpan<int> descriptors)
    {
        switch (request)
        {
            case Request.GetFeatures:
                Reply(request, Version1 | ProtocolFeatures | MergeableBuffers | EventIndex);
                break;
            case Request.SetFeatures:
                SetFeatures(*(ulong*)body);
                break;
            case Request.SetMemoryTable:
                SetMemory(body, size, descriptors);
                break;
            case Request.SetRingSize:
                Ring(body).Size = *(int*)(body + 4);
                break;
            case Request.SetRingBase:
                Ring(body).Base = (ushort)*(uint*)(body + 4);
                break;
            case Request.SetRingAddress:
                Ring(body).Place(*(ulong*)(body + 8), *(ulong*)(body + 24), *(ulong*)(body + 16));
                break;
            case Request.GetRingBase:
                Ring(body).Kicked = false;
                Reply(request, *(uint*)body | ((ulong)Ring(body).Base << 32));
                break;
            case Request.SetRingCall:
                SetCall(body, descriptors);
                break;
            case Request.SetRingKick:
                CloseAll(descriptors); // The wire polls.
                Ring(body).Kicked = true;
                break;
            case Request.SetRingError:
                CloseAll(descriptors);
                break;
            case Request.GetProtocolFeatures:
                Reply(request, 0); // None is needed, but QEMU starts no card without asking.
                break;
            case Request.SetRingEnable:
                Ring(body).Enabled = *(uint*)(body + 4) != 0;
                break;
            case Request.SetOwner or Request.ResetOwner or Request.SetProtocolFeatures:
                break;
            default:
                throw new WireException($"vhost-user message {(uint)request}, which was not agreed upon");
        }
    }

    private void SetFeatures(ulong features)
    {
        if ((features & Version1) == 0)
        {
            return; // QEMU's first try, before the machine's driver has chosen; a legacy driver would fail at its first frame.
        }

        foreach (SplitRing ring in _rings)
        {
            ring.EventIndex = (features & EventIndex) != 0;
        }
    }

    private void SetMemory(byte* body, int size, ReadOnlySpan<int> descriptors)
    {
        int count = *(int*)body;
        if (count != descriptors.Length || 8 + (count * 32) > size)
        {
            throw new WireException($"a memory table of {count} regions with {descriptors.Length} files");
        }

        _memory.Dispose();
        ulong* region = (ulong*)(body + 8);
        for (int i = 0; i < count; i++, region += 4)
        {
            _memory.Add(region[0], region[1], region[2], region[3], descriptors[i]);
        }
    }

    private void SetCall(byte* body, ReadOnlySpan<int> descriptors)
    {
        SplitRing ring = _rings[(int)(*(ulong*)body & 1)];
        if (ring.CallDescriptor >= 0)
        {
            _ = Libc.Close(ring.CallDescriptor);
        }

        ring.CallDescriptor = (*(ulong*)body & NoDescriptor) != 0 || descriptors.IsEmpty ? -1 : descriptors[0];
    }

    // The number of the ring stands in the message's first 4 bytes (8 with files, of which the lowest byte counts).
    private SplitRing Ring(byte* body) => (*(uint*)body & 0xff) switch
    {
        0 => _rings[0],
        1 => _rings[1],
        uint other => throw new WireException($"ring {other} of a card with two"),
    };

    private static void CloseAll(ReadOnlySpan<int> descriptors)
    {
        foreach (int descriptor in descriptors)
        {
            _ = Libc.Close(descriptor);
        }
    }

    private void Reply(Request request, ulong value)
    {
        byte* message = stackalloc byte[HeaderLength + sizeof(ulong)];
        *(uint*)message = (uint)request;
        *(uint*)(message + 4) = Version | ReplyFlag;
        *(uint*)(message + 8) = sizeof(ulong);
        *(ulong*)(message + HeaderLength) = value;
        _ = _connection!.Send(new ReadOnlySpan<byte>(message, HeaderLength + sizeof(ulong)));
    }
}
