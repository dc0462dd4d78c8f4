using Sos.Sdk.Packets;

namespace Sos.Sdk.Ports;

/// <summary>Where packets come from and go to, in bursts. Implemented by structs and used through generics: no virtual call.</summary>
public interface IPort
{
    /// <summary>Whether the other side can be reached.</summary>
    bool LinkUp { get; }

    /// <summary>Appends received frames to <paramref name="burst"/> until it is full or none is left.</summary>
    /// <returns>Frames appended. The caller owns their buffers.</returns>
    int Receive(ref Burst burst);

    /// <summary>
    /// Sends the burst and empties it. The port owns every buffer from here on: what it cannot send, because the ring is full or
    /// the link down, it frees and counts as dropped.
    /// </summary>
    /// <returns>Frames accepted.</returns>
    int Transmit(ref Burst burst);
}
