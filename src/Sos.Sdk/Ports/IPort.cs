using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Sdk.Ports;

/// <summary>Where packets come from and go to, in bursts. Implemented by structs and used through generics: no virtual call.</summary>
public interface IPort
{
    /// <summary>Whether the port can be used. Cheap: it may be asked in every poll.</summary>
    PortState State { get; }

    /// <summary>The largest packet behind an Ethernet header, in bytes.</summary>
    int Mtu { get; }

    /// <summary>The port's own address; zero if it has none.</summary>
    MacAddress Mac { get; }

    /// <summary>Appends received frames to <paramref name="burst"/> until it is full or none is left.</summary>
    /// <returns>Frames appended. The caller owns their buffers.</returns>
    int Receive(ref Burst burst);

    /// <summary>
    /// Sends the burst and empties it. The port owns every buffer from here on: what it cannot send, because the ring is full or
    /// the port is not <see cref="PortState.Up"/>, it frees and counts as dropped.
    /// </summary>
    /// <returns>Frames accepted.</returns>
    int Transmit(ref Burst burst);

    /// <summary>
    /// Looks after the port: reads the link, takes back what was sent, starts anew what needs a reset. The host of the service calls it
    /// some ten times a second for every port that was opened (<see cref="PortUpkeep"/>): a service need not.
    /// </summary>
    /// <param name="now">The TSC.</param>
    void Maintain(ulong now);
}

/// <summary>A port whose other side is Linux, which is told whether the network behind the service can be reached.</summary>
public interface IHostPort : IPort
{
    /// <summary>Says whether the service wants Linux to see a carrier.</summary>
    void SetLink(bool up);
}
