using System.Collections.Generic;

namespace Sos.Sdk.Testing;

/// <summary>The things that a service under test is given.</summary>
public sealed class HarnessOptions
{
    /// <summary>Bytes of the arena.</summary>
    public int ArenaSize { get; init; } = 4 << 20;

    /// <summary>Bytes of packet memory; 2 MiB hold 963 buffers.</summary>
    public int PacketMemorySize { get; init; } = 2 << 20;

    /// <summary>Bytes of each table slot.</summary>
    public int TableSlotSize { get; init; } = 4 << 20;

    /// <summary>Records of the log.</summary>
    public int LogRecords { get; init; } = 256;

    /// <summary>Names of the ports whose cards the test plays, in the order in which the service is given them.</summary>
    public IReadOnlyList<string> Ports { get; init; } = [];

    /// <summary>Names of the ports whose host ports the service is given; the test plays Linux.</summary>
    public IReadOnlyList<string> HostPorts { get; init; } = [];

    /// <summary>Slots of each ring of a port, a power of two, 64 to 4096.</summary>
    public int PortSlots { get; init; } = 256;

    /// <summary>MTU of the ports, in bytes.</summary>
    public int PortMtu { get; init; } = 1500;

    /// <summary>Bytes of each piece of memory that programs share with the service.</summary>
    public IReadOnlyList<int> SharedMemory { get; init; } = [];

    /// <summary>Settings, "name=value\n" lines.</summary>
    public string Parameters { get; init; } = "";

    /// <summary>Bus address of the packet memory's first byte; 0 for none. Chunks follow with a gap between them.</summary>
    public ulong DmaBase { get; init; }
}
