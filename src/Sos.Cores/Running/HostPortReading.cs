using System.Collections.Generic;
using Sos.Cores.Devices;
using Sos.Cores.Network;
using Sos.Linux;

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
        return card is { Moved: true, HostPort: { } port, Network: { } network } && IsThere(card, port)
            ? card with { Network = network.ReadAgain(port) }
            : card;
    }

    /// <summary>Reads it from the host port, or leaves it as it was when the service was started.</summary>
    /// <param name="card">The record.</param>
    /// <param name="notes">Why it could not be read.</param>
    public static CardRecord TryReread(CardRecord card, List<string> notes)
    {
        try
        {
            return Reread(card);
        }
        catch (SosException e)
        {
            notes.Add($"{card.HostPort} could not be read, so that addresses and routes go back as they were at the start ({e.Message})");
            return card;
        }
    }

    // The card's own network device may have that name again.
    private static bool IsThere(CardRecord card, string port)
        => NetworkCalls.InterfaceIndex(port) != 0
            && !(PciAddress.TryParse(card.Device, out PciAddress address) && CardLink.NameOf(address) == port);
}
