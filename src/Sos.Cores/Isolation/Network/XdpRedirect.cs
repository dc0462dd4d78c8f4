using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation.Network;

/// <summary>
/// The smallest XDP program that gives every frame of a queue to its AF_XDP socket, and its place on a network device. What no socket
/// takes is dropped, not passed: a frame must not come around the service, nor when that is no more. It stays until the device is given back.
/// </summary>
internal sealed unsafe class XdpRedirect : IDisposable
{
    private const int MapCreate = 0; // BPF_MAP_CREATE
    private const int MapUpdate = 2; // BPF_MAP_UPDATE_ELEM
    private const int ProgramLoad = 5; // BPF_PROG_LOAD

    private const uint SocketMap = 17; // BPF_MAP_TYPE_XSKMAP
    private const uint ProgramXdp = 6; // BPF_PROG_TYPE_XDP
    private const uint AttachXdp = 37; // BPF_XDP
    private const int RedirectMap = 51; // BPF_FUNC_redirect_map
    private const int Drop = 1; // XDP_DROP

    private const int AttributesSize = 128; // union bpf_attr; the kernel takes more than it knows if that is 0

    private readonly DriverHandle _map;
    private readonly uint _queue;

    private XdpRedirect(DriverHandle map, uint queue, bool native) => (_map, _queue, IsNative) = (map, queue, native);

    /// <summary>Whether the device's driver runs it; else the network stack does, for each frame that it has made.</summary>
    public bool IsNative { get; }

    /// <summary>Loads the program for one queue and puts it before a network device. It drops all frames until it has a socket.</summary>
    /// <param name="interfaceIndex">The device.</param>
    /// <param name="queue">Its queue.</param>
    /// <exception cref="SosException">The kernel refuses.</exception>
    public static XdpRedirect Attach(uint interfaceIndex, uint queue)
    {
        DriverHandle map = CreateMap(queue + 1);
        try
        {
            using DriverHandle program = Load(map);
            bool native = XdpAttachment.TryPut(interfaceIndex, program, XdpAttachment.NativeMode) == 0;
            int errno = native ? 0 : XdpAttachment.TryPut(interfaceIndex, program, XdpAttachment.GenericMode);
            return errno == 0
                ? new XdpRedirect(map, queue, native)
                : throw Errno.ToException("putting an XDP program before the network device", errno, null);
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    /// <summary>Gives the queue's frames to a socket from now on.</summary>
    /// <param name="socket">The socket, bound.</param>
    /// <exception cref="SosException">The kernel refuses.</exception>
    public void Give(DriverHandle socket)
    {
        byte* update = stackalloc byte[AttributesSize];
        Clear(update);
        uint key = _queue;
        uint value = (uint)socket.Descriptor;
        Put(update, 0, (uint)_map.Descriptor);
        Put(update, 8, (ulong)&key);
        Put(update, 16, (ulong)&value);
        Check(NetworkCalls.Bpf(MapUpdate, update, AttributesSize), "giving an AF_XDP socket to its program");
    }

    /// <inheritdoc/>
    public void Dispose() => _map.Dispose();

    private static DriverHandle CreateMap(uint entries)
    {
        byte* attributes = stackalloc byte[AttributesSize];
        Clear(attributes);
        Put(attributes, 0, SocketMap);
        Put(attributes, 4, sizeof(uint)); // key
        Put(attributes, 8, sizeof(uint)); // value
        Put(attributes, 12, entries);
        return Own(NetworkCalls.Bpf(MapCreate, attributes, AttributesSize), "making a map of AF_XDP sockets");
    }

    private static DriverHandle Load(DriverHandle map)
    {
        // Documentation/bpf/standardization/instruction-set.rst: opcode, registers (source << 4 | destination), offset, immediate.
        byte* code = stackalloc byte[6 * 8];
        Instruction(code, 0, 0x61, 0x12, 16, 0); // r2 = *(u32 *)(r1 + offsetof(struct xdp_md, rx_queue_index))
        Instruction(code, 1, 0x18, 0x11, 0, map.Descriptor); // r1 = map (64 bits, two instructions; source 1: BPF_PSEUDO_MAP_FD)
        Instruction(code, 2, 0, 0, 0, 0);
        Instruction(code, 3, 0xb7, 0x03, 0, Drop); // r3 = XDP_DROP: what to do without a socket
        Instruction(code, 4, 0x85, 0, 0, RedirectMap); // r0 = bpf_redirect_map(r1, r2, r3)
        Instruction(code, 5, 0x95, 0, 0, 0); // exit
        byte* license = stackalloc byte[4];
        "MIT\0"u8.CopyTo(new Span<byte>(license, 4));
        byte* attributes = stackalloc byte[AttributesSize];
        Clear(attributes);
        Put(attributes, 0, ProgramXdp);
        Put(attributes, 4, 6u);
        Put(attributes, 8, (ulong)code);
        Put(attributes, 16, (ulong)license);
        "sos_redirect"u8.CopyTo(new Span<byte>(attributes + 48, 16));
        Put(attributes, 68, AttachXdp);
        return Own(NetworkCalls.Bpf(ProgramLoad, attributes, AttributesSize), "loading the XDP program");
    }

    private static void Instruction(byte* code, int index, byte opcode, byte registers, short offset, int immediate)
    {
        Span<byte> place = new(code + (index * 8), 8);
        place[0] = opcode;
        place[1] = registers;
        BinaryPrimitives.WriteInt16LittleEndian(place[2..], offset);
        BinaryPrimitives.WriteInt32LittleEndian(place[4..], immediate);
    }

    private static void Clear(byte* attributes) => new Span<byte>(attributes, AttributesSize).Clear();

    private static void Put(byte* attributes, int offset, uint value) => *(uint*)(attributes + offset) = value;

    private static void Put(byte* attributes, int offset, ulong value) => *(ulong*)(attributes + offset) = value;

    private static DriverHandle Own(int descriptor, string what)
    {
        Check(descriptor, what);
        return Loading.RunnerProcess.Raise(descriptor, what);
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
        {
            throw Errno.ToException(what, Marshal.GetLastPInvokeError(), null);
        }
    }
}
