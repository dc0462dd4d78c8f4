using System;

namespace Sos.Router.Routes;

/// <summary>An IPv6 prefix of a bucket. Sorted, each comes behind those that cover it.</summary>
/// <param name="Prefix">Its address, the bits behind it 0.</param>
/// <param name="Length">Its length in bits.</param>
/// <param name="NextHop">Number of its next hop.</param>
internal readonly record struct LongPrefix(UInt128 Prefix, byte Length, ushort NextHop) : IComparable<LongPrefix>
{
    /// <inheritdoc/>
    public int CompareTo(LongPrefix other)
    {
        int order = Prefix.CompareTo(other.Prefix);
        return order != 0 ? order : Length.CompareTo(other.Length);
    }
}
