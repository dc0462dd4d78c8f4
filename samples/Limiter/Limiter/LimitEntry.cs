using System.Runtime.InteropServices;

namespace Limiter;

/// <summary>A line of the table: an address, and what it may get.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LimitEntry
{
    /// <summary>Bytes of an entry.</summary>
    public const int Size = 8;

    /// <summary>The IPv4 address as a number, its first byte the highest.</summary>
    public uint Address;

    /// <summary>Packets a second that pass to it, 1 to <see cref="LimitTable.PacketsPerSecondMax"/>.</summary>
    public uint PacketsPerSecond;
}
