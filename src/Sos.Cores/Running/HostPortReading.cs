using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Carrying;
using Sos.Cores.Devices;
using Sos.Cores.Network;

namespace Sos.Cores.Running;

/// <summary>Reads what Linux has of a card's network now. While a service runs, DHCP, routing daemons and people change the host port.</summary>
internal static class HostPortReading
{
    /// <summary>Reads it from the host port.</summary>
    /// <param name="card">The record; as it is if there is no host port any more.</param>
    /// <exception cref="SosException">It cannot be read.</exception>
    public static CardRecord Reread(CardRecord card)
    {
        // It is in the first network namespace, wherever the one is who asks.
        using NetworkNamespace? first = NetworkNamespace.TryEnterFirst();
        return card is { Moved: true, HostPort: { } port, Network: { } network } && Find(port, network) is { } found
            ? card with { Network = network.ReadAgain(found.Name, card.AfterMove) }
            : card;
    }

    /// <summary>Reads what the host port has as it has just taken the card's place: that tells what was refused from what somebody removes later.</summary>
    /// <param name="card">The record.</param>
    /// <returns>Null when it cannot be read: then all that the host port lacks counts as removed.</returns>
    public static InterfaceConfiguration? TryReadAfterMove(CardRecord card)
    {
        try
        {
            using NetworkNamespace? first = NetworkNamespace.TryEnterFirst();
            return card is { HostPort: { } port, Network: { } network } && Find(port, network) is { } found ? InterfaceConfiguration.Read(found.Name) : null;
        }
        catch (SosException)
        {
            return null;
        }
    }

    /// <summary>Reads it from the host port, or leaves it as it was when the service was started.</summary>
    /// <param name="card">The record.</param>
    /// <param name="notes">Why it could not be read.</param>
    public static CardRecord TryReread(CardRecord card, List<string> notes)
    {
        try
        {
            CardRecord now = Reread(card);
            if (card is { Moved: true, HostPort: { } port, Network: not null } && ReferenceEquals(now, card))
            {
                notes.Add($"the host port {port} is gone, or in another network namespace: addresses and routes go back as they were at the start");
            }

            return now;
        }
        catch (SosException e)
        {
            notes.Add($"{card.HostPort} could not be read, so that addresses and routes go back as they were at the start ({e.Message})");
            return card;
        }
    }

    /// <summary>
    /// Finds the host port, whatever it is called by now: it is a device of our driver, with the number or the address of the card's. Another device that has
    /// its name, or the card's own that has it again, is none.
    /// </summary>
    /// <param name="name">The name that it was given.</param>
    /// <param name="network">What it was given.</param>
    /// <param name="driver">The driver of host ports.</param>
    /// <returns>Null when there is none.</returns>
    internal static NetworkLink? Find(string name, InterfaceConfiguration network, string driver = DriverBinding.SosDriver)
    {
        List<NetworkLink> ports = [.. NetworkLink.List().Where(link => (link.Index == network.Index || MacOf(link) == network.Mac || link.Name == name)
            && DriverName.Of(link.Name) == driver)];
        return ports.Find(link => link.Index == network.Index) ?? ports.Find(link => MacOf(link) == network.Mac) ?? ports.FirstOrDefault();
    }

    private static string MacOf(NetworkLink link)
        => string.Join(':', Convert.ToHexStringLower(link.Mac).Chunk(2).Select(digits => new string(digits)));
}
