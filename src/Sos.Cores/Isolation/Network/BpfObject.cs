using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation.Network;

/// <summary>The purpose of a BPF program.</summary>
internal enum BpfProgramKind : uint
{
    /// <summary>BPF_PROG_TYPE_SCHED_CLS: sees what a network device has received, as the network stack has it.</summary>
    Ingress = 3,

    /// <summary>BPF_PROG_TYPE_XDP: sees frames before the network stack does.</summary>
    Xdp = 6,
}

/// <summary>Makes and finds BPF programs and maps by bpf(2).</summary>
internal static unsafe class BpfObject
{
    /// <summary>Begins the name of each of our programs; the core's number follows: whoever gives a network device back knows them by it.</summary>
    public const string NamePrefix = "sos_";

    /// <summary>The names of a version that did not put the core into them: its programs may stand there still when the next one gives back.</summary>
    private static readonly string[] NamesWithoutCore = ["sos_to_socket", "sos_pass", "sos_take", "sos_back", "sos_out"];

    private const int MapCreate = 0; // BPF_MAP_CREATE
    private const int MapUpdate = 2; // BPF_MAP_UPDATE_ELEM
    private const int ProgramLoad = 5; // BPF_PROG_LOAD
    private const int NextProgram = 11; // BPF_PROG_GET_NEXT_ID
    private const int ProgramById = 13; // BPF_PROG_GET_FD_BY_ID
    private const int Information = 15; // BPF_OBJ_GET_INFO_BY_FD
    private const uint SocketMap = 17; // BPF_MAP_TYPE_XSKMAP
    private const uint AttachXdp = 37; // BPF_XDP
    private const int NameSize = 16; // BPF_OBJ_NAME_LEN
    private const int InformationSize = 80; // struct bpf_prog_info up to its name
    private const int NameOffset = 64;

    /// <summary>Makes a map of AF_XDP sockets by queue.</summary>
    /// <exception cref="SosException">The kernel refuses.</exception>
    public static FileDescriptor MakeSocketMap(uint queues)
    {
        BpfAttributes attributes = default;
        attributes.Put(0, SocketMap);
        attributes.Put(4, sizeof(uint)); // key
        attributes.Put(8, sizeof(uint)); // value
        attributes.Put(12, queues);
        return Own(attributes.Call(MapCreate), "making a map of AF_XDP sockets (has the kernel CONFIG_XDP_SOCKETS?)");
    }

    /// <summary>Puts a socket into a map.</summary>
    /// <exception cref="SosException">The kernel refuses.</exception>
    public static void PutSocket(FileDescriptor map, uint queue, FileDescriptor socket)
    {
        uint value = (uint)socket.Descriptor;
        BpfAttributes attributes = default;
        attributes.Put(0, (uint)map.Descriptor);
        attributes.Put(8, (ulong)&queue);
        attributes.Put(16, (ulong)&value);
        Check(attributes.Call(MapUpdate), "giving an AF_XDP socket to its program");
    }

    /// <summary>Loads a program.</summary>
    /// <param name="kind">What it is for.</param>
    /// <param name="name">Its name, behind the prefix.</param>
    /// <param name="code">Its instructions.</param>
    /// <exception cref="SosException">The kernel refuses.</exception>
    public static FileDescriptor Load(BpfProgramKind kind, string name, BpfCode code)
    {
        byte* license = stackalloc byte[4];
        "MIT\0"u8.CopyTo(new Span<byte>(license, 4));
        ulong[] instructions = code.ToArray();
        BpfAttributes attributes = default;
        fixed (ulong* start = instructions)
        {
            attributes.Put(0, (uint)kind);
            attributes.Put(4, (uint)instructions.Length);
            attributes.Put(8, (ulong)start);
            attributes.Put(16, (ulong)license);
            Encoding.ASCII.GetBytes(NamePrefix + name, attributes.Bytes.Slice(48, NameSize - 1));
            attributes.Put(68, kind == BpfProgramKind.Xdp ? AttachXdp : 0);
            return Own(attributes.Call(ProgramLoad), $"loading the BPF program {NamePrefix}{name}");
        }
    }

    /// <summary>Finds a program of a core by its id.</summary>
    /// <param name="id">The id.</param>
    /// <param name="cpu">The core.</param>
    /// <returns>Null when there is none, or when somebody else's, another core's for one, has that id.</returns>
    /// <exception cref="SosException">The kernel does not say.</exception>
    public static FileDescriptor? TryFindOurs(uint id, int cpu) => TryFind(id, name => IsOurs(name, cpu));

    /// <summary>Lists the programs of a core that stand before network devices, wherever those are: programs know no namespaces.</summary>
    /// <param name="cpu">The core.</param>
    /// <exception cref="SosException">The kernel does not say.</exception>
    public static IReadOnlyList<uint> ListOurs(int cpu)
    {
        string[] names = [.. new[] { "xsk", "pass", "take" }.Select(name => string.Create(CultureInfo.InvariantCulture, $"{NamePrefix}{cpu}_{name}"))];
        List<uint> found = [];
        BpfAttributes attributes = default;
        for (uint id = 0; ;)
        {
            attributes.Put(0, id);
            if (attributes.Call(NextProgram) < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                return errno == Errno.NoEntry ? found : throw Errno.ToException("listing the BPF programs", errno, null);
            }

            id = attributes.Get(4);
            using FileDescriptor? program = TryFind(id, name => names.Contains(name));
            if (program is not null)
            {
                found.Add(id);
            }
        }
    }

    /// <summary>Whether a program is a core's, by its name.</summary>
    internal static bool IsOurs(string name, int cpu)
        => name.StartsWith(string.Create(CultureInfo.InvariantCulture, $"{NamePrefix}{cpu}_"), StringComparison.Ordinal) || NamesWithoutCore.Contains(name);

    private static FileDescriptor? TryFind(uint id, Func<string, bool> isWanted)
    {
        BpfAttributes attributes = default;
        attributes.Put(0, id);
        int descriptor = attributes.Call(ProgramById);
        if (descriptor < 0 && Marshal.GetLastPInvokeError() == Errno.NoEntry)
        {
            return null;
        }

        FileDescriptor program = FileDescriptor.Raise(descriptor, "looking at a BPF program");
        bool isIt = false;
        try
        {
            isIt = isWanted(NameOf(program));
            return isIt ? program : null;
        }
        finally
        {
            if (!isIt)
            {
                program.Dispose();
            }
        }
    }

    private static string NameOf(FileDescriptor program)
    {
        byte* information = stackalloc byte[InformationSize];
        new Span<byte>(information, InformationSize).Clear();
        BpfAttributes attributes = default;
        attributes.Put(0, (uint)program.Descriptor);
        attributes.Put(4, InformationSize);
        attributes.Put(8, (ulong)information);
        Check(attributes.Call(Information), "asking for the name of a BPF program");
        return Marshal.PtrToStringUTF8((nint)(information + NameOffset)) ?? "";
    }

    private static FileDescriptor Own(int descriptor, string what)
    {
        Check(descriptor, what);
        return FileDescriptor.Raise(descriptor, what);
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
        {
            throw Errno.ToException(what, Marshal.GetLastPInvokeError(), null);
        }
    }
}
