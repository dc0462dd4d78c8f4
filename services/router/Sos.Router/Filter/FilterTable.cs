using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sos.Firewall.Tables;
using Sos.Router.Tables;
using Sos.Sdk.Control;

namespace Sos.Router.Filter;

/// <summary>
/// The start of a table of Linux's rules for forwarded packets: for each pair of ports a table as the firewall has it, in which what comes in by one and
/// leaves by the other is judged. Pairs for which the rules are the same share one.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct FilterTableHeader
{
    /// <summary>"RFIL".</summary>
    public const uint KindValue = 0x4c494652;

    /// <summary>Bytes, rounded up to the alignment of the firewall's tables.</summary>
    public const int Size = 2112;

    /// <summary><see cref="KindValue"/>.</summary>
    public uint Kind;

    /// <summary>1 if something judges packets before routing: also what no route leads on is Linux's then.</summary>
    public uint HasPrerouting;

    /// <summary>Generation of the ruleset that it was made of.</summary>
    public ulong Generation;

    /// <summary>Bytes of the whole.</summary>
    public ulong TotalSize;

    /// <summary>The pairs, of the port that packets come in by and, behind each other, those that they leave by.</summary>
    public PairArray Pairs;

    /// <summary>All pairs of ports.</summary>
    [InlineArray(RouterHeader.PortsMax * RouterHeader.PortsMax)]
    public struct PairArray
    {
        private FilterPair _first;
    }
}

/// <summary>The rules for what comes in by one port and leaves by another.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct FilterPair
{
    /// <summary>Bytes.</summary>
    public const int Size = 32;

    /// <summary>Where the firewall's table begins, from the first byte of the header on; 0 for a pair whose packets are all Linux's.</summary>
    public ulong Offset;

    /// <summary>Its bytes.</summary>
    public ulong ByteCount;

    /// <summary>1 if what it drops Linux would drop; else Linux judges it, since some of the drops stand for what only Linux can do.</summary>
    public uint IsExact;
}

/// <summary>A view of such a table, all of whose parts the core has found valid.</summary>
public unsafe struct FilterTable
{
    private PairViews _views;
    private ulong _exact;
    private ulong _known;

    /// <summary>Generation of the ruleset; 0 for a view of nothing.</summary>
    public ulong Generation { get; private set; }

    /// <summary>Parts that were found valid, each once.</summary>
    public int PartCount { get; private set; }

    /// <summary>Whether something judges packets before routing.</summary>
    public bool HasPrerouting { get; private set; }

    /// <summary>Opens a table.</summary>
    /// <param name="bytes">Its first byte, aligned to a cache line.</param>
    /// <param name="size">Bytes there are.</param>
    /// <param name="table">The view.</param>
    /// <returns>Whether it is valid.</returns>
    public static bool TryOpen(byte* bytes, ulong size, out FilterTable table)
    {
        table = default;
        FilterTableHeader header = *(FilterTableHeader*)bytes;
        if (size < FilterTableHeader.Size || header.Kind != FilterTableHeader.KindValue || header.TotalSize > size || header.Generation == 0)
        {
            return false;
        }

        for (int pair = 0; pair < RouterHeader.PortsMax * RouterHeader.PortsMax; pair++)
        {
            FilterPair part = header.Pairs[pair];
            if (part.Offset == 0)
            {
                continue;
            }

            // Pairs with the same rules share a part, which is looked at once: a table is opened between two bursts.
            int same = FindSame(in header, pair);
            if (same < pair)
            {
                table._views[pair] = table._views[same];
            }
            else if (!TryOpen(bytes, header.TotalSize, in part, out table._views[pair]))
            {
                return false;
            }

            table.PartCount += same < pair ? 0 : 1;
            table._known |= 1UL << pair;
            table._exact |= part.IsExact != 0 ? 1UL << pair : 0;
        }

        table.Generation = header.Generation;
        table.HasPrerouting = header.HasPrerouting != 0;
        return true;
    }

    /// <summary>Number of the pair of two ports.</summary>
    public static int PairOf(int from, int to) => (from * RouterHeader.PortsMax) + to;

    /// <summary>Whether the core has rules for a pair.</summary>
    public readonly bool Has(int pair) => (_known >> pair & 1) != 0;

    /// <summary>Whether its drops are Linux's.</summary>
    public readonly bool IsExact(int pair) => (_exact >> pair & 1) != 0;

    /// <summary>The rules of a pair that the core has.</summary>
    [System.Diagnostics.CodeAnalysis.UnscopedRef]
    public readonly ref readonly FirewallTable RulesOf(int pair) => ref _views[pair];

    // The first pair with a pair's part.
    private static int FindSame(in FilterTableHeader header, int pair)
    {
        FilterPair part = header.Pairs[pair];
        for (int earlier = 0; earlier < pair; earlier++)
        {
            if (header.Pairs[earlier].Offset == part.Offset && header.Pairs[earlier].ByteCount == part.ByteCount)
            {
                return earlier;
            }
        }

        return pair;
    }

    // No rule counts or samples: there are no counters for that here.
    private static bool TryOpen(byte* bytes, ulong size, in FilterPair part, out FirewallTable table)
    {
        table = default;
        if (part.Offset < FilterTableHeader.Size || part.Offset % FirewallHeader.Alignment != 0 || part.Offset > size || part.ByteCount > size - part.Offset
            || part.ByteCount < TableHeader.HeaderSize)
        {
            return false;
        }

        byte* start = bytes + part.Offset;
        TableHeader header = *(TableHeader*)start;
        return header.Magic == TableHeader.MagicValue && header.Kind == FirewallHeader.Kind && header.Version == FirewallHeader.Version
            && header.TotalSize <= part.ByteCount && FirewallTable.TryOpen(start, header.TotalSize, out table) && table.CounterCount == 0
            && table.Mode == TableMode.Authoritative;
    }

    [InlineArray(RouterHeader.PortsMax * RouterHeader.PortsMax)]
    private struct PairViews
    {
        private FirewallTable _first;
    }
}
