using System;
using System.IO;
using System.Linq;
using System.Threading;
using Sos.Cores.Network;

namespace Sos.Cores.Running;

/// <summary>Tells which core's service has a network device or a card: no two services may have one, whatever their back ends are.</summary>
public static class DeviceOwners
{
    private const string LockFile = "devices.lock";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Lets one program of the machine at a time find out that devices are free and write down who has them. The core's own lock is taken before.
    /// </summary>
    /// <param name="folder">Where the records are.</param>
    /// <returns>The lock; free when it is disposed of, or its holder dies.</returns>
    /// <exception cref="SosException">Another program does not come to an end.</exception>
    public static IDisposable Lock(string folder = CoreRecord.DefaultFolder)
    {
        string path = Path.Combine(folder, LockFile);
        DateTime end = DateTime.UtcNow + Patience;
        while (true)
        {
            if (CoreLock.TryLock(path) is { } file)
            {
                return file;
            }

            if (DateTime.UtcNow > end)
            {
                throw new SosException(SosError.Refused, $"another sosctl has been taking devices for {Patience.TotalSeconds} s: see 'ps -C sosctl'");
            }

            Thread.Sleep(20);
        }
    }

    /// <summary>Finds another core whose service has a device, or is to get it back from one that it had.</summary>
    /// <param name="card">The device, as it would be recorded.</param>
    /// <param name="cpu">The core that asks; its own record does not count.</param>
    /// <param name="folder">Where the records are.</param>
    /// <returns>Null when none has it.</returns>
    /// <exception cref="SosException">A record is damaged.</exception>
    public static int? Find(CardRecord card, int cpu, string folder = CoreRecord.DefaultFolder) => CoreRecord.List(folder)
        .Where(other => other != cpu && CoreRecord.Read(other, folder)?.Cards.Any(taken => IsSame(taken, card)) == true)
        .Cast<int?>()
        .FirstOrDefault();

    /// <summary>Refuses a device that another core's service has.</summary>
    /// <param name="card">The device, as it would be recorded.</param>
    /// <param name="cpu">The core that it is for.</param>
    /// <param name="folder">Where the records are.</param>
    /// <exception cref="SosException">Another has it.</exception>
    public static void CheckFree(CardRecord card, int cpu, string folder = CoreRecord.DefaultFolder)
    {
        if (Find(card, cpu, folder) is { } other)
        {
            throw new SosException(
                SosError.Refused, $"the service on core {other} has {card.Device}: 'sosctl service stop {other}' gives it back");
        }
    }

    private static bool IsSame(CardRecord taken, CardRecord wanted) => (taken.Netdev, wanted.Netdev) switch
    {
        ({ } had, { } asked) => had.Index == asked.Index && had.Namespace == asked.Namespace,
        (null, null) => taken.Device == wanted.Device,

        // A card whose network device's frames a service on an isolated core has: it is in the first namespace, where cards are.
        ({ } had, null) => had.Index == wanted.Network?.Index && had.Namespace == NetworkNamespace.First,

        // A host port has the number that the card's network device had, and is no card's.
        (null, { }) => false,
    };
}
