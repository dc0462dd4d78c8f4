using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Devices;
using Sos.Cores.Offline;
using Sos.Cores.Running;

namespace Sos.Cores.Operations;

/// <summary>A network card of this machine.</summary>
/// <param name="Card">The card.</param>
/// <param name="Obstacle">Why no service can drive it; null when one can.</param>
public sealed record CardView(PciDevice Card, string? Obstacle);

/// <summary>The operations on the cards that services on unplugged cores drive by themselves.</summary>
/// <param name="backEnds">The back ends, whose records tell who has a card.</param>
/// <param name="sys">Where sysfs is mounted.</param>
public sealed class DeviceOperations(CoreBackEnds backEnds, string sys = "/sys")
{
    /// <summary>Lists the network cards.</summary>
    public static IReadOnlyList<CardView> List() => [.. PciDevice.ListNetworkCards().Select(card => new CardView(card, CardDevice.Obstacle(card)))];

    /// <summary>Takes a card from Linux, as the start of a service does; what Linux knew of its network device is not kept.</summary>
    /// <param name="name">Its PCI address, or the name of its network device.</param>
    /// <param name="force">Whether it is taken even if the default route goes through it.</param>
    /// <returns>The card, as it was.</returns>
    /// <exception cref="SosException">There is none, a service has it, or it should not be taken.</exception>
    public PciDevice Claim(string name, bool force)
    {
        PciDevice card = CardDevice.FindClaimable(name, force, sys);
        using IDisposable alone = DeviceOwners.Lock(backEnds.Folder);
        CheckUnused(card);
        DriverBinding.Take(card, sys);
        return card;
    }

    /// <summary>Gives a card back to Linux that no service has.</summary>
    /// <param name="name">Its PCI address, or the name of its network device.</param>
    /// <returns>The card, as it is now.</returns>
    /// <exception cref="SosException">There is none, or a service has it.</exception>
    public PciDevice Release(string name)
    {
        PciDevice card = PciDevice.Find(name, sys);
        using IDisposable alone = DeviceOwners.Lock(backEnds.Folder);
        CheckUnused(card);
        DriverBinding.Return(card.Address, sys);
        return PciDevice.Read(card.Address, sys) ?? card with { Driver = null };
    }

    // Under the lock: a start writes down whose card it is before it takes it.
    private void CheckUnused(PciDevice card)
    {
        if (CardDevice.FindOwner(card, backEnds.Folder, sys) is { } cpu)
        {
            throw new SosException(
                SosError.Refused, $"{card.Address} belongs to the service on core {cpu}: 'sosctl service stop {cpu}' gives it back");
        }
    }
}
