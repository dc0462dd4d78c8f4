using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// The settings of a card itself, as 'ethtool -G', '-C', '-A', '-s' and their like set them by netlink: its driver begins anew with its own. A thing is the
/// number of the message that asks for a part, and behind it the part's attributes that can be set.
/// </summary>
internal sealed class CardHardware : ICarriedKind
{
    private const byte LinkModes = 4; // ETHTOOL_MSG_LINKMODES_GET
    private const byte Coalescing = 19; // ETHTOOL_MSG_COALESCE_GET
    private const ushort Negotiation = 2; // ETHTOOL_A_LINKMODES_AUTONEG
    private const ushort Speed = 5; // ETHTOOL_A_LINKMODES_SPEED
    private const ushort Duplex = 6; // ETHTOOL_A_LINKMODES_DUPLEX
    private const ushort AdaptiveReceive = 11; // ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX
    private const ushort AdaptiveSend = 12; // ETHTOOL_A_COALESCE_USE_ADAPTIVE_TX

    private readonly Part[] _parts;

    private CardHardware(string name, bool isOfCard, Part[] parts) => (Name, IsOfCard, _parts) = (name, isOfCard, parts);

    /// <summary>The settings that wait for the card; its parts are set in this order.</summary>
    public static CardHardware OfCard { get; } = new("card settings", isOfCard: true,
    [
        new(13, 14, "its driver's own flags", "--set-priv-flags", [2]), // ETHTOOL_MSG_PRIVFLAGS: FLAGS
        new(15, 16, "its rings", "-G", [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17]), // ETHTOOL_MSG_RINGS: RX to TX_PUSH_BUF_LEN, HDS_THRESH; not the limits
        new(Coalescing, 20, "its coalescing", "-C", [.. Enumerable.Range(2, 27).Select(id => (ushort)id)]), // RX_USECS to TX_AGGR_TIME_USECS
        new(21, 22, "its flow control", "-A", [2, 3, 4]), // ETHTOOL_MSG_PAUSE: AUTONEG, RX, TX
        new(LinkModes, 5, "what its link negotiates", "-s", [Negotiation, 3]), // AUTONEG, OURS
        new(23, 24, "how it saves energy", "--set-eee", [2, 5, 6, 7]), // ETHTOOL_MSG_EEE: MODES_OURS, ENABLED, TX_LPI_ENABLED, TX_LPI_TIMER
        new(29, 30, "how it corrects errors", "--set-fec", [2, 3]), // ETHTOOL_MSG_FEC: MODES, AUTO
        new(9, 10, "what wakes it", "-s", [2, 3]), // ETHTOOL_MSG_WOL: MODES, SOPASS
    ]);

    /// <summary>The speed of the link, which its host port tells as well: bonds ask their ports for it, and bridges choose their paths by it.</summary>
    public static CardHardware OfLink { get; } = new("link speed", isOfCard: false, [new(LinkModes, 5, "the speed of the link", "-s", [Speed, Duplex])]);

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public bool IsOfCard { get; }

    /// <inheritdoc/>
    public bool IsSetting => true;

    /// <inheritdoc/>
    public string IdentityOf(byte[] thing) => thing.Length > 0 ? $"{thing[0]}" : "";

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        using EthtoolSocket? socket = EthtoolSocket.TryOpen();
        List<byte[]> things = [];
        foreach (Part part in socket is null ? [] : _parts)
        {
            if (Settable(part, socket!.TryGet(part.Get, device.Link.Index)) is { Count: > 0 } attributes)
            {
                things.Add(RouteAttribute.Join([part.Get], attributes));
            }
        }

        return things;
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        if (things.Count == 0)
        {
            return;
        }

        using EthtoolSocket? socket = EthtoolSocket.TryOpen();
        foreach (Part part in _parts)
        {
            if (things.FirstOrDefault(thing => thing.Length > 0 && thing[0] == part.Get) is not { } thing)
            {
                continue;
            }

            byte[]? answer = socket?.TryGet(part.Get, device.Link.Index);
            if (this == OfLink && device.IsCard && IsOn(RouteAttribute.Parse(answer), Negotiation))
            {
                continue; // Its link finds out by itself.
            }

            List<RouteAttribute> now = Settable(part, answer);
            List<RouteAttribute> missing = [.. Settable(part, thing[1..])
                .Where(wanted => !now.Exists(other => other.Kind == wanted.Kind && other.Value.AsSpan().SequenceEqual(wanted.Value)))];
            if (missing.Count > 0)
            {
                Set(device, socket, part, missing);
            }
        }
    }

    /// <summary>Sets a part's attributes together, since some stand only with others; where that is refused, each by itself.</summary>
    private static void Set(CarriedDevice device, EthtoolSocket? socket, Part part, List<RouteAttribute> attributes)
    {
        int Try(IEnumerable<RouteAttribute> some)
            => socket?.TrySet(part.Set, device.Link.Index, RouteAttribute.Join([], some)) ?? Native.Errno.NotSupported;
        int errno = Try(attributes);
        if (errno != 0 && attributes.Count > 1)
        {
            errno = attributes.Aggregate(0, (last, attribute) => Try([attribute]) is var refused and not 0 ? refused : last);
        }

        if (errno != 0)
        {
            string look = part.Option == "-s" ? "" : part.Option.Replace("--set", "--show", StringComparison.Ordinal).ToLowerInvariant() + " ";
            device.Problems.Add($"{part.What} of {device.Link.Name} could not be set as before ({Marshal.GetPInvokeErrorMessage(errno)}): "
                + $"see 'ethtool {look}{device.Link.Name}', and set it with 'ethtool {part.Option}'");
        }
    }

    /// <summary>Finds the attributes of an answer that say what somebody wants: not its limits, nor what a link or a driver has found out by itself.</summary>
    /// <param name="get">The message that asked.</param>
    /// <param name="answer">The attributes of the answer.</param>
    internal IReadOnlyList<RouteAttribute> Wishes(byte get, byte[] answer) => Settable(_parts.First(part => part.Get == get), answer);

    private static List<RouteAttribute> Settable(Part part, byte[]? answer)
    {
        List<RouteAttribute> all = RouteAttribute.Parse(answer);
        bool IsFound(RouteAttribute attribute) => (part.Get, attribute.Kind) switch
        {
            (LinkModes, Speed) => attribute.Number == uint.MaxValue, // SPEED_UNKNOWN
            (LinkModes, Duplex) => attribute.Value is [byte.MaxValue], // DUPLEX_UNKNOWN
            (Coalescing, 2 or 3) => IsOn(all, AdaptiveReceive), // RX_USECS, RX_MAX_FRAMES
            (Coalescing, 6 or 7) => IsOn(all, AdaptiveSend), // TX_USECS, TX_MAX_FRAMES
            _ => false,
        };
        return [.. all.Where(attribute => part.Settable.Contains(attribute.Kind) && !IsFound(attribute))];
    }

    private static bool IsOn(List<RouteAttribute> attributes, ushort kind)
        => attributes.Exists(other => other.Kind == kind && other.Value.Length > 0 && other.Value[0] != 0);

    /// <summary>A part of a card's settings.</summary>
    /// <param name="Get">The message that asks for it.</param>
    /// <param name="Set">The message that sets it.</param>
    /// <param name="What">Its name for people.</param>
    /// <param name="Option">The option of ethtool that sets it.</param>
    /// <param name="Settable">Its attributes that can be set.</param>
    private sealed record Part(byte Get, byte Set, string What, string Option, ushort[] Settable);
}
