using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>
/// The declaration of a set that packets fill, or whose elements go by themselves. Its elements are the service's: see <see cref="Sets.DynamicSets"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct DynamicSet
{
    /// <summary>Bytes of a declaration.</summary>
    public const int Size = 64;

    /// <summary>Instructions that an access counts for on a packet's worst way: it reads a few lines of memory.</summary>
    public const uint Steps = 16;

    /// <summary>A hash of all that it was declared with: a set of the next table that has the same goes on with the elements of this one.</summary>
    public ulong Name;

    /// <summary>The time after which an element goes if nothing else is said of it, in ns; 0 for none.</summary>
    public ulong TimeoutNs;

    /// <summary>Elements at most.</summary>
    public uint Capacity;

    /// <summary>Words of 64 bits in a key.</summary>
    public uint KeyLength;

    /// <summary>1 where elements may have a limit, each its own.</summary>
    public uint HasLimit;

    /// <summary>0.</summary>
    public uint Reserved;

    /// <summary>The limit of each element that has one.</summary>
    public RateLimit Limit;
}
