using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>
/// Eight rules of a classifier, field by field, so that one instruction compares a field of all of them. A rule's ranges are
/// given by their first value and their length minus one; a place without a rule asks for <see cref="FlowKey.Never"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct ClassifierBlock
{
    /// <summary>Bytes of a block: four cache lines.</summary>
    public const int Size = 256;

    /// <summary>Rules of a block.</summary>
    public const int Rules = 8;

    /// <summary>First source addresses.</summary>
    public Lanes SourceFirst;

    /// <summary>How many follow.</summary>
    public Lanes SourceSpan;

    /// <summary>First destination addresses.</summary>
    public Lanes DestinationFirst;

    /// <summary>How many follow.</summary>
    public Lanes DestinationSpan;

    /// <summary>First source port in the upper, first destination port in the lower 16 bits.</summary>
    public Lanes PortsFirst;

    /// <summary>How many follow, each in its 16 bits.</summary>
    public Lanes PortsSpan;

    /// <summary>In the upper 16 bits which bits of <see cref="FlowKey.Meta"/> count, in the lower what they must be.</summary>
    public Lanes Meta;

    /// <summary>The rules' numbers, ascending.</summary>
    public Lanes Numbers;

    /// <summary>A value for each rule.</summary>
    [InlineArray(Rules)]
    public struct Lanes
    {
        private uint _first;
    }
}
