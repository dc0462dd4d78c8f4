using System;
using Sos.Net;
using Sos.Router.Tables;
using Sos.Sdk.Memory;
using Sos.Sdk.Wire;

namespace Sos.Router.StandIn;

/// <summary>The place of an address in one list of this machine's addresses.</summary>
/// <param name="Index">Its number there.</param>
/// <param name="Generation">The list.</param>
public readonly record struct OwnPlace(int Index, ulong Generation);

/// <summary>Reads the list of this machine's addresses, which the control side may replace meanwhile.</summary>
/// <param name="table">The router's memory.</param>
public readonly unsafe struct OwnAddressList(RouterTable table)
{
    private readonly RouterTable _table = table;

    /// <summary>Finds an address.</summary>
    /// <returns>False also when the list was replaced as it was read: who asks asks again.</returns>
    public bool TryFind(IpAddress address, out OwnAddress found) => TryFind(address, out found, out _);

    /// <summary>Finds an address and its place.</summary>
    /// <returns>False also when the list was replaced as it was read: who asks asks again.</returns>
    public bool TryFind(IpAddress address, out OwnAddress found, out OwnPlace place)
    {
        OwnAddress wanted = ToOwn(address);
        OwnAddress* list = Begin(out int count, out ulong generation);
        int low = 0;
        int high = count;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            if (OwnAddress.Compare(in list[middle], in wanted) < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        place = new OwnPlace(low, generation);
        found = low < count ? list[low] : default;
        return low < count && OwnAddress.Compare(in found, in wanted) == 0 && IsStill(generation);
    }

    /// <summary>
    /// Finds the address to ask from on an interface's link: of the network that the target is in, or else any that the interface has. One that another
    /// machine has claimed is not used: to ask from it would claim it back.
    /// </summary>
    /// <returns>Unspecified when the interface has none of the family.</returns>
    public IpAddress FindSource(int number, IpAddress target, in CededAddresses ceded)
    {
        IpAddress any = default;
        OwnAddress* list = Begin(out int count, out ulong generation);
        for (int i = 0; i < count; i++)
        {
            OwnAddress own = list[i];
            if ((own.Home >> number & 1) == 0 || own.IsIpv6 != (target.IsIpv4 ? 0 : 1) || ceded.Has(new OwnPlace(i, generation), number))
            {
                continue;
            }

            IpAddress address = ToAddress(in own);
            int length = Math.Min((int)own.PrefixLength, target.IsIpv4 ? 32 : 128) + (target.IsIpv4 ? 96 : 0);
            if (address.Mask(length) == target.Mask(length))
            {
                return IsStill(generation) ? address : default;
            }

            any = any.IsUnspecified ? address : any;
        }

        return IsStill(generation) ? any : default;
    }

    private static OwnAddress ToOwn(IpAddress address)
        => address.IsIpv4 ? new OwnAddress { Low = address.Ipv4 } : new OwnAddress { High = address.High, Low = address.Low, IsIpv6 = 1 };

    private static IpAddress ToAddress(in OwnAddress own)
        => own.IsIpv6 == 0 ? IpAddress.FromIpv4((uint)own.Low) : new IpAddress(new Ipv6Address(own.High, own.Low));

    private OwnAddress* Begin(out int count, out ulong generation)
    {
        generation = MemoryOrdering.LoadAcquire(ref _table.Header->OwnGeneration);
        int place = (int)(generation & 1);
        count = (int)Math.Min(_table.Header->OwnCounts[place], (uint)OwnAddress.CountMax);
        return _table.OwnAddresses + (place * OwnAddress.CountMax);
    }

    private bool IsStill(ulong generation)
    {
        MemoryOrdering.LoadLoadFence();
        return MemoryOrdering.LoadAcquire(ref _table.Header->OwnGeneration) == generation;
    }
}
