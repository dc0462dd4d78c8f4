namespace Sos.Sdk.Ports;

/// <summary>Whether a port can be used.</summary>
public enum PortState : uint
{
    /// <summary>The other side cannot be reached: the link has no carrier, or Linux has its device down. Frames to be sent are dropped.</summary>
    Down = 0,

    /// <summary>Frames come and go.</summary>
    Up = 1,

    /// <summary>
    /// The other side broke its contract or asks for a reset. Nothing comes or goes until the port has started anew: a card's does so by
    /// itself in <see cref="IPort.Maintain"/>; an AF_XDP socket's cannot, and stays so until the service is started again.
    /// </summary>
    NeedsReset = 2,

    /// <summary>The other side does not answer at all: the card is gone from the bus, or Linux's device was removed. It may come back.</summary>
    Gone = 3,
}
