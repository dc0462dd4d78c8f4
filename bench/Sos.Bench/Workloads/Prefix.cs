namespace Sos.Bench.Workloads;

/// <summary>A blocked IPv4 prefix.</summary>
/// <param name="Address">Its first address, host byte order.</param>
/// <param name="Length">Its length in bits.</param>
internal readonly record struct Prefix(uint Address, int Length)
{
    /// <summary>The last address.</summary>
    public uint Last => Length == 0 ? uint.MaxValue : Address | (uint)((1UL << (32 - Length)) - 1);
}
