using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>Whether a device is switched on, and the token of its IPv6 addresses (ip-token(8)), which only one that is on takes. A thing is a token.</summary>
internal sealed class SwitchingOn : ICarriedKind
{
    private const ushort GetLink = 18; // RTM_GETLINK
    private const ushort SetLink = 19; // RTM_SETLINK
    private const uint Up = 1; // IFF_UP
    private const int FixedSize = 16; // struct ifinfomsg
    private const ushort ProtocolSettings = 26; // IFLA_AF_SPEC
    private const ushort InternetSix = 10; // AF_INET6
    private const ushort Token = 7; // IFLA_INET6_TOKEN

    /// <inheritdoc/>
    public string Name => "token";

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        byte[]? answer = device.Routes.TryQuery(RouteMessage.Link(GetLink, RouteSocket.Request, device.Link.Index));
        byte[] token = answer is null ? [] : RouteSocket.Find(
            RouteSocket.Find(RouteSocket.Find(answer.AsSpan(FixedSize), ProtocolSettings), InternetSix), Token).ToArray();
        return token.Any(part => part != 0) ? [token] : [];
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        device.Give(RouteMessage.Link(SetLink, RouteSocket.Change, device.Link.Index, device.WasUp ? Up : 0, Up), "that it is switched on");
        foreach (byte[] token in things)
        {
            device.Give(
                RouteMessage.Link(SetLink, RouteSocket.Change, device.Link.Index).Add(
                    ProtocolSettings, families => families.Add(InternetSix, settings => settings.Add(Token, token))),
                "the token of its IPv6 addresses");
        }
    }
}
