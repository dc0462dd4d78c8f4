using System;
using System.Collections.Generic;
using System.Text;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Statistics;

/// <summary>Reads a service's counters from outside, while it runs. For the Linux side: it allocates.</summary>
public static unsafe class StatisticsReader
{
    /// <summary>Reads all counters, in the order in which the service added them.</summary>
    /// <param name="resource">The mapped statistics resource.</param>
    /// <param name="size">Its bytes.</param>
    /// <returns>Names and values; none before the service has initialised.</returns>
    /// <exception cref="ArgumentException">The resource is smaller than its layout.</exception>
    public static IReadOnlyList<KeyValuePair<string, ulong>> Read(void* resource, ulong size)
    {
        if (size < StatisticsLayout.TotalSize)
        {
            throw new ArgumentException("A statistics resource is at least StatisticsLayout.TotalSize bytes.", nameof(size));
        }

        StatisticsLayout* layout = (StatisticsLayout*)resource;
        List<KeyValuePair<string, ulong>> counters = [];
        if (MemoryOrdering.LoadAcquire(ref layout->Magic) != StatisticsLayout.MagicValue)
        {
            return counters;
        }

        uint count = Math.Min(MemoryOrdering.LoadAcquire(ref layout->Count), StatisticsLayout.Capacity);
        for (uint i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> name = new(
                (byte*)resource + StatisticsLayout.NamesOffset + (i * StatisticsLayout.NameSize), StatisticsLayout.NameSize);
            int end = name.IndexOf((byte)0);
            ref ulong value = ref *((ulong*)((byte*)resource + StatisticsLayout.ValuesOffset) + i);
            counters.Add(new(Encoding.UTF8.GetString(end < 0 ? name : name[..end]), MemoryOrdering.LoadAcquire(ref value)));
        }

        return counters;
    }
}
