using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>Where a set lies in a table. What the fields mean depends on <see cref="Kind"/>.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct SetDescriptor
{
    /// <summary>Bytes of a descriptor.</summary>
    public const int Size = 32;

    /// <summary>How the set is stored.</summary>
    public SetKind Kind;

    /// <summary>
    /// <see cref="SetKind.Bitmap"/>: bits, a multiple of 64. <see cref="SetKind.Ipv4"/>: nodes.
    /// <see cref="SetKind.Interval"/>: boundaries. <see cref="SetKind.Classifier"/>: nodes. <see cref="SetKind.Connections"/>: words, a
    /// power of two. <see cref="SetKind.Sampler"/>, <see cref="SetKind.Limit"/> and <see cref="SetKind.DynamicSet"/>: its number.
    /// <see cref="SetKind.Log"/>: bytes of the prefix. <see cref="SetKind.SetAccess"/>: the set's index. <see cref="SetKind.Zone"/>: minutes.
    /// </summary>
    public uint Count;

    /// <summary>
    /// Offset of the bits, of the root, of the boundaries, of a classifier's nodes, of the limit, of a prefix, of the declaration, or of the access.
    /// </summary>
    public uint Offset;

    /// <summary>
    /// <see cref="SetKind.Ipv4"/>: offset of the nodes. <see cref="SetKind.Interval"/>: offset of the index.
    /// <see cref="SetKind.Classifier"/>: offset of the blocks. <see cref="SetKind.DynamicSet"/>: offset of the elements that the table brings.
    /// </summary>
    public uint SecondOffset;

    /// <summary>
    /// <see cref="SetKind.Ipv4"/>: leaves. <see cref="SetKind.Interval"/>: keys in the index.
    /// <see cref="SetKind.Classifier"/>: blocks. <see cref="SetKind.Sampler"/>: packets that pass at once. <see cref="SetKind.Log"/>: the level.
    /// <see cref="SetKind.DynamicSet"/>: elements.
    /// </summary>
    public uint SecondCount;

    /// <summary><see cref="SetKind.Ipv4"/>: offset of the leaves. <see cref="SetKind.Classifier"/>: offset of the rules' entries.</summary>
    public uint ThirdOffset;

    /// <summary>
    /// <see cref="SetKind.Classifier"/>: rules. <see cref="SetKind.Sampler"/>: microseconds for each packet. <see cref="SetKind.Log"/>: <see cref="LogFlags"/>.
    /// <see cref="SetKind.DynamicSet"/>: 1 where these elements have limits.
    /// </summary>
    public uint ThirdCount;

    /// <summary>
    /// <see cref="SetKind.Classifier"/>: see <see cref="Tables.Classifier.Depths"/>. <see cref="SetKind.Sampler"/>: microseconds for each
    /// packet of one peer, or 0 where it does not matter whose they are.
    /// </summary>
    public uint Depth;
}

/// <summary>How a set is stored.</summary>
public enum SetKind : uint
{
    /// <summary>One bit for each value.</summary>
    Bitmap = 1,

    /// <summary>See <see cref="Tables.Ipv4Set"/>.</summary>
    Ipv4 = 2,

    /// <summary>See <see cref="Tables.IntervalSet"/>.</summary>
    Interval = 3,

    /// <summary>See <see cref="Tables.Classifier"/>: no set of values, but rules.</summary>
    Classifier = 4,

    /// <summary>
    /// See <see cref="Connections.ConnectionFilter"/>: the connections that Linux knew while the table of generation
    /// <see cref="SetDescriptor.SecondCount"/> was in use. It stands last, and no instruction refers to it.
    /// </summary>
    Connections = 5,

    /// <summary>No set, but how many packets of a rule that logs or answers pass although they would be dropped: see <see cref="Samplers"/>.</summary>
    Sampler = 6,

    /// <summary>No set, but a <see cref="RateLimit"/>.</summary>
    Limit = 7,

    /// <summary>The line that a rule writes: see <see cref="Operation.WriteLog"/>.</summary>
    Log = 8,

    /// <summary>A set that packets fill: see <see cref="Tables.DynamicSet"/>.</summary>
    DynamicSet = 9,

    /// <summary>No set, but a <see cref="Tables.SetAccess"/>.</summary>
    SetAccess = 10,

    /// <summary>No set, but the kernel's time zone: <see cref="SetDescriptor.Count"/> is its minutes west of Greenwich, a signed number.</summary>
    Zone = 11,
}
