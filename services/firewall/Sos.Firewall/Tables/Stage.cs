using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>
/// One instruction of a base chain that is carried out for all plain packets of a burst together, before any packet walks on by
/// itself: a lookup in an IPv4 set, or a classification. Stages stand in the order in which packets meet them.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct Stage
{
    /// <summary>Bytes of a stage.</summary>
    public const int Size = 16;

    /// <summary>Where packets stand that it is for: see <see cref="Outcome.Position"/>.</summary>
    public uint Position;

    /// <summary>Number of its first <see cref="Outcome"/>: nothing was found. The next are those of a hit, or of each rule.</summary>
    public uint FirstOutcome;

    /// <summary>Outcomes: 2, or one more than the classifier's rules.</summary>
    public uint OutcomeCount;
}
