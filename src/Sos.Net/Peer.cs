using Sos.Sdk.Wire;

namespace Sos.Net;

/// <summary>Both ends of a flow and the way back: answers go to the link-layer address that the last frame came from.</summary>
/// <param name="Remote">The other host's address.</param>
/// <param name="Local">The endpoint's address, in the same family.</param>
/// <param name="RemotePort">The other host's port.</param>
/// <param name="LocalPort">The endpoint's port.</param>
/// <param name="Link">Where frames to the other host go: itself, or the router that brought its frame.</param>
public readonly record struct Peer(IpAddress Remote, IpAddress Local, ushort RemotePort, ushort LocalPort, MacAddress Link)
{
    /// <summary>Whether two are the same flow, by whatever way.</summary>
    public bool IsSameFlow(in Peer other)
        => RemotePort == other.RemotePort && LocalPort == other.LocalPort && Remote == other.Remote && Local == other.Local;

    /// <summary>A number for the flow that an outsider cannot predict (RFC 6528, 3).</summary>
    internal ulong Hash(KeyedHash hash) => hash.Of(Remote.High, Remote.Low, Local.High, Local.Low, ((ulong)RemotePort << 16) | LocalPort);
}
