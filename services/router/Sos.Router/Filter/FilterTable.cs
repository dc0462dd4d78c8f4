using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sos.Firewall.Tables;
using Sos.Router.Tables;
using Sos.Sdk.Control;

namespace Sos.Router.Filter;

/// <summary>
/// The start of a table of Linux's rules for forwarded packets: for each pair of interfaces a table as the firewall has it, in which what comes in by one and
/// leaves by the other is judged. Pairs for which the rules are the same share one.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct FilterTableHeader
{
    /// <summary>"RFIL".</summary>
    public const uint KindValue = 0x4c494652;

    /// <summary>Bytes, rounded up to the alignment of the firewall's tables.</summary>
    public const int Size = 6208;

    /// <summary>Tables of rules at most: a bit for each in a word.</summary>
    public const int PartsMax = 64;

    /// <summary><see cref="KindValue"/>.</summary>
    public uint Kind;

    /// <summary>1 if something judges packets before routing: also what no route leads on is Linux's then.</summary>
    public uint HasPrerouting;

    /// <summary>Generation of the ruleset that it was made of.</summary>
    public ulong Generation;

    /// <summary>Bytes of the whole.</summary>
    public ulong TotalSize;

    /// <summary>Parts that there are.</summary>
    public ulong PartCount;

    /// <summary>The parts.</summary>
    public PartArray Parts;

    /// <summary>
    /// The part of each pair, counted from 1: of the interface that packets come in by and, behind each other, those that they leave by. 0 for a pair whose
    /// packets are all Linux's.
    /// </summary>
    public PairArray Pairs;

    /// <summary>All parts.</summary>
    [InlineArray(PartsMax)]
    public struct PartArray
    {
        private FilterPart _first;
    }

    /// <summary>All pairs of interfaces.</summary>
    [InlineArray(RouterHeader.InterfacesMax * RouterHeader.InterfacesMax)]
    public struct PairArray
    {
        private byte _first;
    }
}

/// <summary>The rules of some pairs of interfaces.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct FilterPart
{
    /// <summary>Bytes.</summary>
    public const int Size = 32;

    /// <summary>Where the firewall's table begins, from the first byte of the header on.</summary>
    public ulong Offset;

    /// <summary>Its bytes.</summary>
    public ulong ByteCount;

    /// <summary>1 if what it drops Linux would drop; else Linux judges it, since some of the drops stand for what only Linux can do.</summary>
    public uint IsExact;
}

/// <summary>A view of such a table, all of whose parts the core has found valid.</summary>
public unsafe struct FilterTable
{
    private PartViews _views;
    private FilterTableHeader* _header;
    private ulong _exact;

    /// <summary>Generation of the ruleset; 0 for a view of nothing.</summary>
    public ulong Generation { get; private set; }

    /// <summary>Parts, each of which was found valid.</summary>
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
        if (size < FilterTableHeader.Size)
        {
            return false;
        }

        FilterTableHeader* header = (FilterTableHeader*)bytes;
        (ulong total, ulong count, ulong generation) = (header->TotalSize, header->PartCount, header->Generation);
        if (header->Kind != FilterTableHeader.KindValue || total > size || generation == 0 || count > FilterTableHeader.PartsMax)
        {
            return false;
        }

        for (int part = 0; part < (int)count; part++)
        {
            FilterPart place = header->Parts[part];
            if (!TryOpen(bytes, total, in place, out table._views[part]))
            {
                return false;
            }

            table._exact |= place.IsExact != 0 ? 1UL << part : 0;
        }

        table._header = header;
        table.PartCount = (int)count;
        table.Generation = generation;
        table.HasPrerouting = header->HasPrerouting != 0;
        return true;
    }

    /// <summary>Number of the pair of two interfaces.</summary>
    public static int PairOf(int from, int to) => (from * RouterHeader.InterfacesMax) + to;

    /// <summary>Finds the rules of a pair.</summary>
    /// <param name="from">The interface that packets come in by.</param>
    /// <param name="to">The one that they leave by.</param>
    /// <param name="part">Their number.</param>
    /// <returns>Whether the core has rules for it.</returns>
    public readonly bool TryFind(int from, int to, out int part)
    {
        // What the memory says is compared with what was found valid, each time.
        part = PartCount == 0 ? -1 : _header->Pairs[PairOf(from, to)] - 1;
        return (uint)part < (uint)PartCount;
    }

    /// <summary>Whether a part's drops are Linux's.</summary>
    public readonly bool IsExact(int part) => (_exact >> part & 1) != 0;

    /// <summary>The rules of a part.</summary>
    [UnscopedRef]
    public readonly ref readonly FirewallTable RulesOf(int part) => ref _views[part];

    // No rule counts or samples: there are no counters for that here.
    private static bool TryOpen(byte* bytes, ulong size, in FilterPart part, out FirewallTable table)
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

    [InlineArray(FilterTableHeader.PartsMax)]
    private struct PartViews
    {
        private FirewallTable _first;
    }
}
